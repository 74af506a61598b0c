terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_dns_zone" "main" {
  name = "example.org"
}

output "name_servers" {
  value = data.charon_dns_zone.main.name_servers
}
