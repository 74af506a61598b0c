# What services.md says beyond pods (exposure, identity, operations), as both ingress controllers get it: rendered by the function, so
# that no cluster is asked. golden/v1/nginx.yaml and traefik.yaml are what it comes to.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

variable "render_version" {
  default = 1
}

locals {
  service = {
    namespace      = "shop"
    name           = "web"
    image          = "registry.example.org/web:1"
    replicas       = 2
    replicas_owner = "external"
    ports          = { http = 8080, metrics = 9090, game = "7777/TCP,UDP" }
    service        = { app_protocols = { http = "kubernetes.io/ws" } }
    metrics        = { port = "metrics" }
    secrets = {
      db = { store = "vault", store_kind = "SecretStore", deletion_policy = "Retain", values = { password = "pg#password" } }
    }
    identity = {
      rules           = [{ resources = ["configmaps"], resource_names = ["settings"], verbs = ["get"] }]
      cluster_rules   = [{ api_groups = ["storage.k8s.io"], resources = ["storageclasses"], resource_names = ["fast"], verbs = ["get"] }]
      namespace_rules = { jobs = { rules = [{ api_groups = ["batch"], resources = ["jobs"], verbs = ["create", "delete"] }] } }
    }
    claims = { saved = { size = "5Gi" } }
    backups = {
      nightly = { schedule = "0 3 * * *", time_zone = "Europe/Berlin", command = ["sh", "-c", "dump > /backup/now"], to = "saved", keep = 7 }
    }
    expose = {
      web = {
        host   = "shop.example.org"
        paths  = ["/", "/api"]
        port   = "http"
        groups = ["staff"]
        allow  = ["192.0.2.0/24", "2001:db8::/32"]
        tile   = { group = "Shops", name = "The shop", icon = "shop.png", description = "Where one buys." }
        ingress = {
          hosts                   = ["www.example.org"]
          tls                     = { issuer = "letsencrypt" }
          rate_limit              = { average = 10, burst = 30 }
          body_limit              = "50m"
          content_security_policy = "default-src 'self'"
          redirects               = [{ from = "^/blog", to = "https://blog.example.org/" }]
          annotations             = { "example.org/note" = "made by hand" }
        }
      }
      own = {
        host = "own.example.org"
        ingress = {
          tls           = { secret = "own-certificate" }
          tls_redirect  = false
          ingress_class = "outside"
          redirects     = [{ from = "^/old/?$", to = "/new", permanent = true }]
        }
      }
      inner = {
        host    = "inner.example.org"
        ingress = { tls = { issuer = "of-the-shop", issuer_kind = "Issuer", secret = "inner" } }
      }
      walled = {
        host        = "walled.example.org"
        auth        = "app"
        auth_reason = "has users of its own"
        ingress     = { front = { service = "bot-wall", port = "8923" } }
      }
      game = { loadbalancer = { ports = ["game"], address = "198.51.100.7", share_address = "games", external_traffic_policy = "Local" } }
      raw  = { nodeport = { ports = ["game"], node_ports = { game = 30777 } } }
    }
  }
  # Traefik's alone.
  routed = merge(local.service, {
    expose = merge(local.service.expose, {
      plain = { host = "plain.example.org", ingress = { middlewares = { skip = ["ai-bots"], add = ["shop-extra@kubernetescrd"] } } }
      bare  = { host = "bare.example.org", auth = "none", auth_reason = "a public page", ingress = { middlewares = { only = ["only-this"] } } }
    })
  })
  conventions = {
    nginx = {
      controller = "nginx"
      tls_secret = "wildcard"
      auth_modes = { required = { annotations = { "nginx.ingress.kubernetes.io/auth-url" = "https://login.example.org/verify" } } }
    }
    traefik = {
      controller = "traefik"
      tls_issuer = "letsencrypt"
      auth_modes = { required = { middlewares = ["login-forward@kubernetescrd"] } }
      middlewares = {
        "real-ip"    = "edge-real-ip@kubernetescrd", "retry" = "edge-retry@kubernetescrd", "error-pages" = "edge-errors@kubernetescrd",
        "rate-limit" = "edge-rate@kubernetescrd", "csp" = "edge-csp@kubernetescrd", "ai-bots" = "edge-bots@kubernetescrd",
        "ai-headers" = "edge-ai@kubernetescrd", "local-only" = "edge-local@kubernetescrd",
      }
    }
  }
}

output "nginx" {
  value = jsonencode(provider::charon::service_manifests(local.service, { render_version = var.render_version, ingress = local.conventions.nginx }))
}

output "traefik" {
  value = jsonencode(provider::charon::service_manifests(local.routed, { render_version = var.render_version, ingress = local.conventions.traefik }))
}
