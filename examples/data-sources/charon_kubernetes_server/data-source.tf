terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_kubernetes_server" "this" {}

locals {
  server = data.charon_kubernetes_server.this
  # The class that claims get if they name none; null if there is none.
  default_class = one([for name, class in local.server.storage_classes : name if class.is_default])
}

output "cluster" {
  value = {
    version       = local.server.version
    ready_nodes   = [for name, node in local.server.nodes : name if node.ready]
    default_class = local.default_class
    cert_manager  = local.server.capabilities.cert_manager
  }
}

# A plan that fails early, with a reason.
check "storage" {
  assert {
    condition     = local.default_class != null
    error_message = "No StorageClass is the default: claims without a class would wait for ever."
  }
}
