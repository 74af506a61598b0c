terraform {
  required_version = ">= 1.14" # actions
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_vpn_node" "laptop" {
  hostname = "laptop"
}

# By hand, when it was lost: terraform apply -invoke action.charon_vpn_node_expire.laptop
action "charon_vpn_node_expire" "laptop" {
  config {
    node_id = charon_vpn_node.laptop.id
  }
}
