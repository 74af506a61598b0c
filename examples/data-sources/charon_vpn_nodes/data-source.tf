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

output "offline" {
  value = [for name, node in data.charon_vpn_nodes.offline.nodes : "${name}: ${coalesce(node.last_seen, "never seen")}"]
}
