terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_vpn_users" "all" {}

output "users_without_nodes" {
  value = [for name, user in data.charon_vpn_users.all.users : name if length(user.nodes) == 0]
}
