terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  edge = provider::charon::tier_of("edge")
}

output "name" {
  value = local.edge.name # 3-edge
}

output "priority_class" {
  value = local.edge.priority_class # tier-3-edge
}

output "memory_for_all" {
  value = local.edge.resource_quota["requests.memory"] # 4Gi
}
