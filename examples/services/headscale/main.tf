# A VPN control server with a web interface: its configuration as a directory, four ways in, one of them over UDP, and a
# copy of its database every six hours.
#
#   terraform apply        with a kubeconfig in KUBE_CONFIG_PATH or KUBECONFIG, and CLOUDFLARE_API_TOKEN

terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner           = "headscale"
    domain          = "example.org"
    nfs_server      = "192.0.2.20"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
    ingress = {
      controller    = "traefik"
      ingress_class = "traefik"
      tls_secret    = "wildcard-tls"
      middlewares = {
        retry       = "traefik-retry@kubernetescrd"
        error-pages = "traefik-error-pages@kubernetescrd"
        rate-limit  = "traefik-rate-limit@kubernetescrd"
        ai-bots     = "traefik-ai-bot-block@kubernetescrd"
      }
      auth_modes = { required = { middlewares = ["traefik-authentik@kubernetescrd"] } }
    }
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
  command     = ["headscale", "serve"]
  ports = {
    http    = 8080
    metrics = 9090
    wg      = "41641/UDP"
    stun    = "3479/UDP"
  }
  config_dirs = {
    "/etc/headscale" = {
      files = {
        "config.yaml" = yamlencode({
          server_url  = "https://headscale.example.org"
          listen_addr = "0.0.0.0:8080"
          policy      = { path = "/etc/headscale/acl.hujson" }
          derp        = { paths = ["/etc/headscale/derp.yaml"] }
        })
        "acl.hujson" = jsonencode({ acls = [{ action = "accept", src = ["*"], dst = ["*:*"] }] })
        "derp.yaml"  = yamlencode({ regions = { 900 = { regionid = 900, regioncode = "home", regionname = "Home" } } })
      }
      on_change = "restart"
    }
  }
  claims    = { data = { mount = "/var/lib/headscale", size = "1Gi", storage_class = "encrypted" } }
  volumes   = { backup = { nfs = { path = "/exports/headscale" } } }
  probes    = { liveness = { http_get = "/health" } }
  resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "256Mi" } }
  metrics   = { port = "metrics" }

  sidecars = {
    ui = {
      image       = "ghcr.io/gurucomputing/headscale-ui:2024.10.10"
      image_owner = "external"
      ports       = { ui = 8081 }
      env         = { HTTP_PORT = "8081" }
      resources   = { requests = { cpu = "25m", memory = "128Mi" } }
    }
  }

  backups = {
    sqlite = {
      schedule = "0 */6 * * *"
      image    = "docker.io/library/alpine:3.22"
      command  = ["sh", "-c", "apk add -q sqlite && sqlite3 /var/lib/headscale/db.sqlite '.backup /backup/db.sqlite'"]
      to       = "headscale-backup"
    }
  }

  expose = {
    control = { port = "http", auth = "app", auth_reason = "native clients" }
    ui      = { port = "ui", paths = ["/web"], auth = "required" }
    derp = {
      port        = "http"
      paths       = ["/derp"]
      auth        = "none"
      auth_reason = "relay protocol"
      ingress     = { middlewares = { only = ["traefik-retry@kubernetescrd", "traefik-rate-limit@kubernetescrd"] } }
    }
    udp = { loadbalancer = { ports = ["wg", "stun"], address = "192.0.2.54", share_address = "shared" } }
  }
}

# Its clients come directly, past the proxy in front of the domain's wildcard.
resource "charon_dns_record" "headscale" {
  for_each = { A = "192.0.2.80", AAAA = "2001:db8::80" }

  zone   = "example.org"
  name   = "headscale.example.org"
  type   = each.key
  values = [each.value]
}
