terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "monitoring" {
  name   = "monitoring"
  tier   = "1-cluster"
  labels = { team = "platform" }

  # Prometheus and Loki outgrow the tier's quota; the tier's limits for each container stay.
  resource_quota = {
    "requests.cpu"    = "6"
    "requests.memory" = "12Gi"
    "limits.memory"   = "48Gi"
    "pods"            = "40"
  }

  default_deny = true
  pod_security = { enforce = "baseline", warn = "restricted" }

  role_bindings = {
    grafana-view = {
      cluster_role = "view"
      subjects     = [{ name = "grafana" }]
    }
    # Prometheus looks for targets in another namespace, so the binding is made there.
    prometheus-targets = {
      namespace    = charon_tier_namespace.frigate.name
      cluster_role = "view"
      subjects     = [{ name = "prometheus" }]
    }
  }
}

# If Kyverno is installed and generates limits and quota, they are read; if not, they are made.
resource "charon_tier_namespace" "frigate" {
  name       = "frigate"
  tier       = "gpu" # short for 2-gpu
  governance = "auto"
}

# What came out, for documentation that is never wrong.
output "monitoring" {
  value = charon_tier_namespace.monitoring.effective
}
