terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  objects = provider::charon::service_manifests(
    {
      namespace = "wiki"
      image     = "docker.io/requarks/wiki:2.5"
      ports     = { http = 3000 }
      resources = { requests = { memory = "256Mi" } }
    },
    {},
  )
}

# A policy of one's own, before anything is applied: every container says how much memory it takes.
check "memory" {
  assert {
    condition = alltrue([
      for object in local.objects : alltrue([
        for container in object.spec.template.spec.containers : can(container.resources.requests.memory)
      ]) if object.kind == "Deployment"
    ])
    error_message = "A container has no memory request."
  }
}

output "objects" {
  value = [for object in local.objects : "${object.kind}/${object.metadata.name}"]
}
