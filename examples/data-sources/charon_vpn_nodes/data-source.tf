terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_vpn_nodes" "offline" {
  online = false
}

# Warns in each plan. As an output it would be a change of the plan each time that a machine comes or goes.
check "all_nodes_are_online" {
  assert {
    condition = length(data.charon_vpn_nodes.offline.nodes) == 0
    error_message = join(", ", [
      for name, node in data.charon_vpn_nodes.offline.nodes : "${name} is offline, last seen ${coalesce(node.last_seen, "never")}"
    ])
  }
}
