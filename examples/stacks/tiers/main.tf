# A platform in five tiers, and one of its own: namespaces with limits, quota, rights and network isolation.
#
#   terraform apply        with a kubeconfig in KUBE_CONFIG_PATH or KUBECONFIG
#
# `./quickstart` applies these files to a cluster in memory.

terraform {
  required_version = ">= 1.8"

  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner = "tiers"
  }
}

# The tiers themselves: a PriorityClass each, with the limits and quota that namespaces of the tier get. The five built-in
# ones need no more than their name.
resource "charon_tier" "builtin" {
  for_each = toset(["0-core", "1-cluster", "2-gpu", "3-edge", "4-aux"])

  name        = each.key
  description = local.purposes[each.key]
}

# Your own: below everything else, and small.
resource "charon_tier" "lab" {
  name              = "9-lab"
  description       = "Experiments that may be evicted at any time"
  priority          = 1000
  preemption_policy = "Never"

  limit_range = {
    default        = { memory = "128Mi" }
    defaultRequest = { cpu = "10m", memory = "32Mi" }
    max            = { memory = "1Gi" }
  }

  resource_quota = {
    "requests.cpu"    = "1"
    "requests.memory" = "1Gi"
    "limits.memory"   = "4Gi"
    pods              = "10"
  }
}

# One namespace for each entry of local.namespaces (namespaces.tf).
resource "charon_tier_namespace" "this" {
  for_each = local.namespaces

  name = each.key
  tier = local.tiers[each.value.tier]

  labels       = { "example.org/owner" = each.value.owner }
  default_deny = each.value.isolated

  role_bindings = {
    owners = {
      cluster_role = "edit"
      subjects     = [{ kind = "Group", name = each.value.owner }]
    }
    monitoring = {
      cluster_role = "view"
      subjects     = [{ name = "prometheus", namespace = "monitoring" }]
    }
  }

  pod_security = {
    enforce = each.value.privileged ? "privileged" : "baseline"
    warn    = "restricted"
  }
}

# What a namespace really gets, for documentation that cannot be wrong.
output "namespaces" {
  value = {
    for name, namespace in charon_tier_namespace.this : name => {
      tier           = namespace.tier
      priority_class = namespace.effective.priority_class
      quota          = namespace.effective.resource_quota
    }
  }
}
