terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# A built-in tier needs nothing but its name: priority, limits and quota come from the table.
resource "charon_tier" "edge" {
  name        = "3-edge"
  description = "What people use: Grafana, Redmine, Nextcloud."
}

# A tier of your own. Namespaces name it: tier = "5-batch".
resource "charon_tier" "batch" {
  name              = "5-batch"
  priority          = 100000
  preemption_policy = "Never"
  description       = "What may wait until tomorrow: backups, transcoding, exports."

  limit_range = {
    default        = { memory = "512Mi" }
    defaultRequest = { cpu = "50m", memory = "64Mi" }
    max            = { memory = "8Gi" }
  }
  resource_quota = {
    "requests.cpu"    = "2"
    "requests.memory" = "4Gi"
    "limits.memory"   = "24Gi"
    "pods"            = "40"
  }
}

output "priority_class" {
  value = charon_tier.batch.priority_class # for pods: tier-5-batch
}
