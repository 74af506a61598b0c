# Behind the platform's login, and asleep while nobody looks.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner      = "excalidraw"
    domain     = "example.org"
    nfs_server = "192.0.2.20"
    ingress = {
      controller    = "traefik"
      ingress_class = "traefik"
      tls_secret    = "wildcard-tls"
      middlewares = {
        retry       = "traefik-retry@kubernetescrd"
        error-pages = "traefik-error-pages@kubernetescrd"
        rate-limit  = "traefik-rate-limit@kubernetescrd"
      }
      auth_modes = {
        required = { middlewares = ["traefik-authentik@kubernetescrd"] }
      }
    }
  }
}

resource "charon_tier_namespace" "draw" {
  name = "excalidraw"
  tier = "aux"
}

resource "charon_service" "excalidraw" {
  namespace     = charon_tier_namespace.draw.name
  image         = "ghcr.io/example/excalidraw-library:latest"
  image_owner   = "external"
  rollout       = { strategy = "Recreate" }
  pod           = { image_pull_secrets = ["ghcr-credentials"] }
  service       = { name = "draw" }
  ports         = { http = 8080 }
  env           = { DATA_DIR = "/data", PORT = "8080" }
  volumes       = { data = { mount = "/data", nfs = { path = "/exports/excalidraw", access_modes = ["ReadWriteOnce"] } } }
  resources     = { requests = { cpu = "10m", memory = "64Mi" } }
  scale_to_zero = { idle = "3h", strategy = "dynamic", settle = "5s" }
  expose = {
    web = { host = "draw", auth = "required", groups = ["admins"], tile = { name = "Excalidraw", group = "Development" } }
  }
  grants = {
    "chrome-service/emo-browser" = { rules = [{ resources = ["pods/portforward"], verbs = ["create"] }] }
  }
}
