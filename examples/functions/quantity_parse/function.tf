terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

output "cores" {
  value = provider::charon::quantity_parse("250m") # 0.25
}

output "bytes" {
  value = provider::charon::quantity_parse("1.5Gi") # 1610612736
}
