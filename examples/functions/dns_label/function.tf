terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

output "same" {
  value = provider::charon::dns_label("Grafana") # grafana
}

# What loses more than case gets a hash, so that two names never become one.
output "different" {
  value = [
    provider::charon::dns_label("Family Photos"), # family-photos-eb73efe2
    provider::charon::dns_label("family.photos"), # family-photos-6de703f0
  ]
}
