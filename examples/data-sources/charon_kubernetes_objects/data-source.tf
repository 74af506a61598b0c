terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "service" {
  for_each = toset(["grafana", "redmine"])
  name     = each.key
  tier     = "edge"
  labels   = { team = "home" }
}

data "charon_kubernetes_objects" "edge" {
  api_version    = "v1"
  kind           = "Namespace"
  label_selector = "team=home,tier=3-edge"
  depends_on     = [charon_tier_namespace.service]
}

output "edge_namespaces" {
  value = data.charon_kubernetes_objects.edge.names
}

# Whole objects come as JSON, one text each.
output "edge_labels" {
  value = { for text in data.charon_kubernetes_objects.edge.json :
    jsondecode(text).metadata.name => jsondecode(text).metadata.labels
  }
}
