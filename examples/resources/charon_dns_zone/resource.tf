terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_dns_zone" "main" {
  name = "example.net"
}

resource "charon_dns_record" "www" {
  zone   = charon_dns_zone.main.name
  name   = "www.${charon_dns_zone.main.name}"
  type   = "A"
  values = ["192.0.2.10"]
}

output "for_the_registrar" {
  value = charon_dns_zone.main.name_servers
}
