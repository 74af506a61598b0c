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
    http    = { number = 8080 }
    metrics = { number = 9090 }
    wg      = { number = 41641, protocols = ["UDP"] }
    stun    = { number = 3479, protocols = ["UDP"] }
  }
  config_dirs = {
    "/etc/headscale" = {
      files = {
        "config.yaml" = yamlencode({ server_url = "https://headscale.example.org", listen_addr = "0.0.0.0:8080" })
        "acl.hujson"  = jsonencode({ acls = [{ action = "accept", src = ["*"], dst = ["*:*"] }] })
      }
    }
  }
  volumes   = { data = { mount = "/var/lib/headscale", claim = { size = "1Gi" } } }
  probes    = { liveness = { http_get = { path = "/health", port = "http" } } }
  resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "256Mi" } }
  metrics   = { port = "metrics" }
  expose = {
    control = { port = "http", auth = "app", auth_reason = "native clients" }
    derp    = { port = "http", paths = ["/derp"], auth = "none", auth_reason = "relay protocol" }
    udp     = { kind = "loadbalancer", ports = ["wg", "stun"], address = "192.0.2.54", share_address = "shared" }
  }
}
