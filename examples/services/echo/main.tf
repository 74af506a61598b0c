# A plain web application: one container, two ports, open to everybody.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner  = "echo"
    domain = "example.org"

    ingress = {
      controller    = "traefik"
      ingress_class = "traefik"
      tls_secret    = "wildcard-tls"
      middlewares = {
        retry       = "traefik-retry@kubernetescrd"
        error-pages = "traefik-error-pages@kubernetescrd"
        rate-limit  = "traefik-rate-limit@kubernetescrd"
        csp         = "traefik-csp-headers@kubernetescrd"
        ai-bots     = "traefik-ai-bot-block@kubernetescrd"
      }
      # Guests get in without an account, but through the platform's login, which keeps robots out.
      auth_modes = { public = { middlewares = ["traefik-guests@kubernetescrd"] } }
    }
  }
}

resource "charon_tier_namespace" "echo" {
  name = "echo"
  tier = "edge"
}

resource "charon_service" "echo" {
  namespace   = charon_tier_namespace.echo.name
  image       = "docker.io/mendhak/http-https-echo:36"
  image_owner = "external"
  ports       = { http = 8080, https = 8443 }
  resources   = { requests = { cpu = "10m", memory = "128Mi" } }
  expose      = { web = { port = "http", auth = "public" } }

  # What Diun, which tells of newer images, looks for.
  pod = { annotations = { "diun.enable" = "true", "diun.include_tags" = "^\\d+$" } }
}
