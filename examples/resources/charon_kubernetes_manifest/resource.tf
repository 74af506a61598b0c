terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "redmine" {
  name = "redmine"
  tier = "edge"
}

resource "charon_kubernetes_manifest" "redmine" {
  manifest = yamlencode({
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "redmine", namespace = charon_tier_namespace.redmine.name }
    spec = {
      selector = { matchLabels = { app = "redmine" } }
      template = {
        metadata = { labels = { app = "redmine" } }
        spec = {
          containers = [{
            name      = "redmine"
            image     = "docker.io/library/redmine:6.0"
            ports     = [{ containerPort = 3000 }]
            resources = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "1Gi" } }
          }]
        }
      }
    }
  })

  # Set at creation, then left to whoever scales: an autoscaler, or kubectl.
  initial = jsonencode({ spec = { replicas = 1 } })

  wait     = { rollout = true }
  timeouts = { create = "5m", update = "5m" }
}

# Any text is fine: heredoc, file("service.yaml"), templatefile(...).
resource "charon_kubernetes_manifest" "service" {
  manifest = <<-YAML
    apiVersion: v1
    kind: Service
    metadata:
      name: redmine
      namespace: ${charon_tier_namespace.redmine.name}
    spec:
      selector: { app: redmine }
      ports: [{ name: http, port: 80, targetPort: 3000 }]
  YAML
}

# One field of an object that Kubernetes made. Destroy gives the field up; the object stays.
resource "charon_kubernetes_manifest" "default_account" {
  ownership = "fields"
  manifest = jsonencode({
    apiVersion                   = "v1"
    kind                         = "ServiceAccount"
    metadata                     = { name = "default", namespace = "default" }
    automountServiceAccountToken = false
  })
}
