terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_dns_records" "addresses" {
  zone = "example.org"
  type = "A"
}

# Who holds which name, by external-dns' marks.
output "owners" {
  value = { for r in data.charon_dns_records.addresses.records : r.name => r.owner }
}
