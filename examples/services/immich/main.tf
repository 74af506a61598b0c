# Several workloads over the same volumes: three replicas of an API, a worker, and their database.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner      = "immich"
    domain     = "example.org"
    nfs_server = "192.0.2.20"
  }
}

variable "immich_version" {
  type    = string
  default = "v2.1.0"
}

locals {
  media = ["backups", "encoded-video", "library", "profile", "upload"]
  env   = { DB_HOSTNAME = "immich-postgresql", TZ = "Europe/London" }
}

resource "charon_tier_namespace" "immich" {
  name           = "immich"
  tier           = "gpu"
  resource_quota = { "requests.cpu" = "8", "requests.memory" = "24Gi", "limits.memory" = "40Gi", pods = "40" }
}

resource "charon_service" "postgresql" {
  namespace         = charon_tier_namespace.immich.name
  name              = "immich-postgresql"
  image             = "ghcr.io/immich-app/postgres:15-vectorchord0.4.3"
  ports             = { postgresql = 5432 }
  generated_secrets = { POSTGRES_PASSWORD = {} }
  env               = { POSTGRES_DB = "immich", POSTGRES_USER = "immich", PGDATA = "/var/lib/postgresql/data/pgdata" }
  claims            = { data = { mount = "/var/lib/postgresql/data", size = "10Gi" } }
  resources         = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "1Gi" } }
  init_containers   = [{ name = "permissions", command = ["chown", "-R", "999:999", "/data"], mounts = { "/data" = { volume = "data" } } }]
  hooks             = { post_start = { exec = ["sh", "-c", "until pg_isready -U immich; do sleep 1; done"] } }
  probes            = { readiness = { exec = ["pg_isready", "-U", "immich"] } }
}

resource "charon_service" "api" {
  namespace   = charon_tier_namespace.immich.name
  name        = "immich-api"
  image       = "ghcr.io/immich-app/immich-server:${var.immich_version}"
  image_owner = "external"
  replicas    = 3
  rollout     = { max_surge = "0", max_unavailable = "1", progress_deadline = "10m" }
  scheduling  = { spread = { over = "host", hard = false } }
  env         = merge(local.env, { IMMICH_WORKERS_INCLUDE = "api" })
  env_secret  = { DB_PASSWORD = "immich-postgresql-generated/POSTGRES_PASSWORD" }
  ports       = { http = 2283 }
  resources   = { requests = { cpu = "100m", memory = "512Mi" }, limits = { memory = "2Gi" } }
  volumes = {
    for name in local.media : name => { mount = "/usr/src/app/upload/${name}", nfs = { path = "/exports/immich/${name}" } }
  }
  probes            = { startup = { http_get = "/api/server/ping", period = "10s", failure_threshold = 360 } }
  disruption_budget = { min_available = "2" }
  expose = {
    web = { auth = "app", auth_reason = "own login", ingress = { body_limit = "unlimited", rate_limit = { average = 100, burst = 500 } } }
  }
  depends_on = [charon_service.postgresql]
}

resource "charon_service" "worker" {
  namespace   = charon_tier_namespace.immich.name
  name        = "immich-worker"
  image       = "ghcr.io/immich-app/immich-server:${var.immich_version}"
  image_owner = "external"
  env         = merge(local.env, { IMMICH_WORKERS_EXCLUDE = "api" })
  env_secret  = { DB_PASSWORD = "immich-postgresql-generated/POSTGRES_PASSWORD" }
  resources   = { requests = { cpu = "200m", memory = "1Gi" }, limits = { memory = "4Gi" } }
  volumes = {
    for name in local.media : name => { mount = "/usr/src/app/upload/${name}", existing_claim = "immich-api-${name}" }
  }
  depends_on = [charon_service.api]
}
