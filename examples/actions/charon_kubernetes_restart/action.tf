terraform {
  required_version = ">= 1.14" # actions
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "grafana" {
  name = "grafana"
  tier = "edge"
}

resource "charon_kubernetes_manifest" "grafana" {
  manifest = yamlencode({
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "grafana", namespace = charon_tier_namespace.grafana.name }
    spec = {
      selector = { matchLabels = { app = "grafana" } }
      template = {
        metadata = { labels = { app = "grafana" } }
        spec     = { containers = [{ name = "grafana", image = "docker.io/grafana/grafana:12.0.2" }] }
      }
    }
  })
}

# By hand: terraform apply -invoke action.charon_kubernetes_restart.grafana
action "charon_kubernetes_restart" "grafana" {
  config {
    kind      = "Deployment"
    namespace = charon_tier_namespace.grafana.name
    name      = "grafana"
  }
}

# Grafana reads its settings at start, so a change of them restarts it.
resource "charon_kubernetes_manifest" "settings" {
  manifest = jsonencode({
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "grafana-settings", namespace = charon_tier_namespace.grafana.name }
    data       = { GF_USERS_ALLOW_SIGN_UP = "false" }
  })

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.charon_kubernetes_restart.grafana]
    }
  }
}
