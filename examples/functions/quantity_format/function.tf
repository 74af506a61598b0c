terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# Half of the memory for the cache.
output "cache" {
  value = provider::charon::quantity_format(provider::charon::quantity_parse("3Gi") / 2, "binary") # 1536Mi
}

output "cpu" {
  value = provider::charon::quantity_format(0.25, "decimal") # 250m
}
