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
      # Guests get in without an account, but through the platform's login, which keeps robots out.
      auth_modes = {
        public = { annotations = { "nginx.ingress.kubernetes.io/auth-url" = "https://auth.example.org/guests" } }
      }
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
}
