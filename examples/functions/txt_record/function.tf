terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

output "short" {
  value = provider::charon::txt_record("v=spf1 -all") # "v=spf1 -all", with the quotes
}

# A string of a TXT record has 255 bytes at most: this one becomes two, which resolvers join.
output "long" {
  value = provider::charon::txt_record("v=DKIM1; k=rsa; p=${join("", [for i in range(100) : "abc"])}")
}
