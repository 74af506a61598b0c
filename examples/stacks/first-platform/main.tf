# A first platform in one apply: tiers, namespaces, services behind an Ingress, a VPN with its users, policy and machines,
# and DNS records that follow the machines.
#
#   terraform apply        with a kubeconfig in KUBE_CONFIG_PATH or KUBECONFIG, CLOUDFLARE_API_TOKEN,
#                          and in TF_VAR_headscale_api_key what `headscale apikeys create` printed
#
# `./quickstart platform` applies these files to servers in memory.

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
    owner          = "first-platform"
    domain         = var.domain
    render_version = 1
  }

  headscale = {
    endpoint    = var.headscale_endpoint
    api_key     = var.headscale_api_key
    base_domain = var.tailnet_domain
  }
}

resource "charon_tier" "this" {
  for_each = toset(["0-core", "3-edge"])

  name = each.key
}

resource "charon_tier_namespace" "this" {
  for_each = { vpn = "0-core", web = "3-edge" }

  name = each.key
  tier = charon_tier.this[each.value].name
}
