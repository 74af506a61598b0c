import {
  to = charon_vpn_node.router
  id = "fw-router"
}
