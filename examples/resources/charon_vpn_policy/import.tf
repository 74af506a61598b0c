import {
  to = charon_vpn_policy.this
  id = "policy"
}
