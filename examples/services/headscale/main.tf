# A VPN control server: its configuration as a directory, three ways in, two of them over UDP.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner  = "headscale"
    domain = "example.org"
  }
}

resource "charon_tier_namespace" "vpn" {
  name = "vpn"
  tier = "0-core"
}

resource "charon_service" "headscale" {
  namespace   = charon_tier_namespace.vpn.name
  name        = "headscale"
  image       = "docker.io/headscale/headscale:0.29.3"
  image_owner = "external"
  args        = ["serve"]
  ports = {
    http    = 8080
    metrics = 9090
    wg      = "41641/UDP"
    stun    = "3479/UDP"
  }
  config_dirs = {
    "/etc/headscale" = {
      files = {
        "config.yaml" = yamlencode({ server_url = "https://headscale.example.org", listen_addr = "0.0.0.0:8080" })
        "acl.hujson"  = jsonencode({ acls = [{ action = "accept", src = ["*"], dst = ["*:*"] }] })
      }
    }
  }
  claims    = { data = { mount = "/var/lib/headscale", size = "1Gi" } }
  probes    = { liveness = { http_get = "/health" } }
  resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "256Mi" } }
  metrics   = { port = "metrics" }
  expose = {
    control = { port = "http", auth = "app", auth_reason = "native clients" }
    derp    = { port = "http", paths = ["/derp"], auth = "none", auth_reason = "relay protocol" }
    udp     = { loadbalancer = { ports = ["wg", "stun"], address = "192.0.2.54", share_address = "shared" } }
  }
}
