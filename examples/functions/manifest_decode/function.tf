terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  deployment = provider::charon::manifest_decode(<<-YAML
    apiVersion: apps/v1
    kind: Deployment
    metadata: { name: redmine, namespace: redmine }
    spec:
      replicas: 2
      paused: no
  YAML
  )
}

output "replicas" {
  value = local.deployment.spec.replicas # 2
}

output "paused" {
  value = local.deployment.spec.paused # false: YAML is read as kubectl reads it
}
