terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_vpn_server" "this" {}

output "before_the_next_upgrade" {
  value = {
    from    = data.charon_vpn_server.this.dialect
    to      = data.charon_vpn_server.this.next_version
    changes = data.charon_vpn_server.this.next_changes
  }
}
