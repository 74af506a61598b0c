terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_vpn_nodes" "all" {}

# What the server knows about one machine: whether it is online, its routes, when its login expires.
data "charon_vpn_node" "first" {
  for_each = data.charon_vpn_nodes.all.nodes
  id       = each.value.id
}

output "online" {
  value = { for name, node in data.charon_vpn_node.first : name => node.online }
}
