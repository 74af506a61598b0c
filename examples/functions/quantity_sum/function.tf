terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  memory = { server = "4Gi", worker = "1536Mi", machine_learning = "2Gi" }
}

output "immich" {
  value = provider::charon::quantity_sum(values(local.memory)...) # 7680Mi
}
