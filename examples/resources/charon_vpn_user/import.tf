import {
  to = charon_vpn_user.ci
  id = "ci"
}
