# An application with a database elsewhere: its password comes from a store and changes every week.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner           = "linkwarden"
    domain          = "example.org"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
    ingress         = { tls_secret = "wildcard-tls" }

    # Reloader restarts what reads a Secret that has changed; a policy of the cluster makes pods wait.
    reload_annotation   = "secret.reloader.stakater.com/reload"
    wait_for_annotation = "dependency.example.org/wait-for"
  }
}

resource "charon_tier_namespace" "linkwarden" {
  name = "linkwarden"
  tier = "edge"
}

resource "charon_service" "linkwarden" {
  namespace   = charon_tier_namespace.linkwarden.name
  image       = "ghcr.io/linkwarden/linkwarden:v2.14.0"
  image_owner = "external"
  ports       = { http = 3000 }
  wait_for    = ["postgresql.dbaas:5432"]

  secrets = {
    app = { store = "vault-kv", extract = "linkwarden", refresh = "15m" }
    db = {
      store     = "vault-database"
      values    = { password = "static-creds/pg-linkwarden#password" }
      render    = { DATABASE_URL = "postgresql://linkwarden:{{ .password }}@postgresql.dbaas:5432/linkwarden" }
      refresh   = "15m"
      on_change = "restart"
    }
  }
  generated_secrets = { NEXTAUTH_SECRET = { length = 32 } }

  env = {
    STORAGE_FOLDER                = "/storage"
    NEXTAUTH_URL                  = "https://linkwarden.example.org/api/v1/auth"
    NEXT_PUBLIC_AUTHENTIK_ENABLED = "true"
    AUTHENTIK_ISSUER              = "https://auth.example.org/application/o/linkwarden"
  }
  env_secret = {
    DATABASE_URL            = "db/DATABASE_URL"
    AUTHENTIK_CLIENT_ID     = "app/authentik_client_id"
    AUTHENTIK_CLIENT_SECRET = "app/authentik_client_secret"
  }

  claims = {
    archives = { mount = "/storage", size = "2Gi", storage_class = "encrypted", autoresize = "10Gi" }
  }
  resources = { requests = { cpu = "50m", memory = "1Gi" }, limits = { memory = "1280Mi" } }
  expose = {
    web = { auth = "app", auth_reason = "own login; native clients call /api" }
  }
}
