terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# The service is the one that the provider block or the environment configures, here CLOUDFLARE_API_TOKEN.
resource "charon_dns_record" "www" {
  zone   = "example.org"
  name   = "www.example.org"
  type   = "A"
  values = ["192.0.2.10", "192.0.2.11"]
}

resource "charon_dns_record" "mail" {
  zone   = "example.org"
  name   = "example.org"
  type   = "MX"
  ttl    = 3600
  values = ["10 mail.example.org", "20 backup.example.net"]
}

# Marked with a TXT record as external-dns does: neither takes what the other holds.
resource "charon_dns_record" "app" {
  zone      = "example.org"
  name      = "app.example.org"
  type      = "CNAME"
  values    = ["www.example.org"]
  ownership = { owner_id = "terraform" }

  # Takes over a record that is there already, and says so in the plan.
  on_conflict = "adopt"
}
