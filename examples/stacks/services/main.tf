# A small platform in one apply: tiers, five namespaces by category, and what runs in them.
#
#   terraform apply        with a kubeconfig in KUBE_CONFIG_PATH or KUBECONFIG
#
# `./quickstart services` applies these files to a cluster in memory.

terraform {
  required_version = ">= 1.8"

  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# Services only say what differs from this.
provider "charon" {
  conventions = {
    owner          = "services"
    domain         = var.domain
    render_version = 1

    gpu = { memory_resource = "example.org/gpumem" }
    sizes = {
      medium = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "1Gi" } }
    }
  }
}

resource "charon_tier" "builtin" {
  for_each = toset(["0-core", "1-cluster", "2-gpu", "3-edge", "4-aux"])

  name = each.key
}

# One namespace for each category.
resource "charon_tier_namespace" "category" {
  for_each = {
    core       = "0-core"
    monitoring = "1-cluster"
    gitops     = "1-cluster"
    inference  = "2-gpu"
    infra      = "3-edge"
  }

  name = each.key
  tier = charon_tier.builtin[each.value].name
}

# A namespace whose limits are its own: small defaults, and nothing larger than 1 GiB.
resource "charon_tier_namespace" "lab" {
  name = "lab"

  limit_range = {
    default        = { memory = "128Mi" }
    defaultRequest = { cpu = "10m", memory = "64Mi" }
    max            = { memory = "1Gi" }
  }
  resource_quota = { "requests.memory" = "2Gi", pods = "10" }
}
