# Seven workloads over the same volumes: an API of three replicas, a worker and machine learning on the GPU, their
# database, and three picture frames.
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
    owner           = "immich"
    domain          = "example.org"
    nfs_server      = "192.0.2.20"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
    gpu             = { memory_resource = "example.org/gpumem" }
    ingress         = { tls_secret = "wildcard-tls" }
  }
}

# Of all that is Immich's own.
variable "immich_version" {
  type    = string
  default = "v2.1.0"
}

locals {
  server = "ghcr.io/immich-app/immich-server:${var.immich_version}"
  media  = ["backups", "encoded-video", "library", "profile", "thumbs", "upload"]
  env = {
    DB_HOSTNAME                 = "immich-postgresql"
    DB_USERNAME                 = "immich"
    DB_DATABASE_NAME            = "immich"
    REDIS_HOSTNAME              = "redis.redis"
    IMMICH_MACHINE_LEARNING_URL = "http://immich-machine-learning:3003"
  }
  env_secret = { DB_PASSWORD = "immich-postgresql-app/db_password" }
}

# Instead of the tier's quota.
resource "charon_tier_namespace" "immich" {
  name           = "immich"
  tier           = "gpu"
  resource_quota = { "requests.cpu" = "8", "requests.memory" = "24Gi", "limits.memory" = "40Gi", pods = "40" }
}

resource "charon_service" "postgresql" {
  namespace  = charon_tier_namespace.immich.name
  name       = "immich-postgresql"
  image      = "ghcr.io/immich-app/postgres:15-vectorchord0.4.3-pgvectors0.2.0"
  ports      = { postgresql = 5432 }
  secrets    = { app = { store = "vault-kv", extract = "immich", refresh = "15m" } }
  env        = { POSTGRES_DB = "immich", POSTGRES_USER = "immich" }
  env_secret = { POSTGRES_PASSWORD = "app/db_password" }
  resources  = { requests = { cpu = "100m", memory = "3Gi" }, limits = { memory = "4Gi" } }
  claims     = { data = { mount = "/var/lib/postgresql/data", size = "10Gi", storage_class = "encrypted", autoresize = "20Gi" } }
  volumes    = { dumps = { nfs = { path = "/exports/immich/postgresql" } } }

  # The database reads its settings from its data, where initdb wants to find nothing.
  files = { "/etc/postgresql/override.conf" = { content = "shared_buffers = 2048MB\nwork_mem = 64MB\n" } }
  init_containers = [
    {
      name    = "settings"
      image   = "docker.io/library/busybox:1.36"
      command = ["sh", "-c", "test ! -f /data/PG_VERSION || cp /override.conf /data/postgresql.override.conf"]
      mounts = {
        "/data"          = { volume = "data" }
        "/override.conf" = { volume = "/etc/postgresql/override.conf" }
      }
    },
  ]

  hooks  = { post_start = { exec = ["sh", "-c", "until pg_isready -U immich; do sleep 1; done; psql -U immich -c 'CREATE EXTENSION IF NOT EXISTS pg_prewarm'"] } }
  probes = { readiness = { exec = ["pg_isready", "-U", "immich"] } }

  backups = {
    dump = {
      schedule = "0 0 * * *"
      command = ["sh", "-c", <<-EOT
        set -e
        pg_dumpall -h immich-postgresql -U immich > "/backup/dump-$(date +%F).sql"
        ls -t /backup/dump-*.sql | tail -n +$((KEEP + 1)) | xargs -r rm
      EOT
      ]
      env_secret = { PGPASSWORD = "app/db_password" }
      to         = "immich-postgresql-dumps"
      keep       = 14
    }
  }
}

resource "charon_service" "api" {
  namespace         = charon_tier_namespace.immich.name
  name              = "immich-api"
  image             = local.server
  image_owner       = "external"
  replicas          = 3
  rollout           = { max_surge = "0", max_unavailable = "1", progress_deadline = "10m" }
  scheduling        = { spread = { over = "host", hard = true } }
  disruption_budget = { min_available = "2" }
  service           = { name = "immich-server" }
  ports             = { http = 2283 }
  env               = merge(local.env, { IMMICH_WORKERS_INCLUDE = "api" })
  env_secret        = local.env_secret
  resources         = { requests = { cpu = "100m", memory = "1536Mi" }, limits = { memory = "4Gi" } }
  volumes = {
    for name in local.media : name => { mount = "/usr/src/app/upload/${name}", nfs = { path = "/exports/immich/${name}" } }
  }

  # After a restart of the database it may index for an hour: no reason for an apply to wait.
  probes = { startup = { http_get = "/api/server/ping", period = "10s", failure_threshold = 360 } }
  wait   = "none"

  expose = {
    web = {
      host        = "immich"
      auth        = "app"
      auth_reason = "own login"
      ingress     = { body_limit = "50g", rate_limit = { average = 100, burst = 500 } }
    }
  }
  depends_on = [charon_service.postgresql]
}

# Never two of them; nobody connects to it.
resource "charon_service" "worker" {
  namespace   = charon_tier_namespace.immich.name
  name        = "immich-worker"
  image       = local.server
  image_owner = "external"
  gpu         = { memory_mib = 3000 }
  rollout     = { strategy = "Recreate" }
  env         = merge(local.env, { IMMICH_WORKERS_EXCLUDE = "api" })
  env_secret  = local.env_secret
  resources   = { requests = { cpu = "100m", memory = "3584Mi" }, limits = { memory = "10Gi" } }
  volumes = {
    for name in local.media : name => { mount = "/usr/src/app/upload/${name}", existing_claim = "immich-api-${name}" }
  }
  depends_on = [charon_service.api]
}

resource "charon_service" "machine_learning" {
  namespace   = charon_tier_namespace.immich.name
  name        = "immich-machine-learning"
  image       = "ghcr.io/immich-app/immich-machine-learning:${var.immich_version}-cuda"
  image_owner = "external"
  gpu         = { memory_mib = 1800 }
  rollout     = { strategy = "Recreate" }
  ports       = { models = 3003 }
  env         = { MACHINE_LEARNING_MODEL_TTL = "600", TRANSFORMERS_CACHE = "/cache" }
  resources   = { requests = { cpu = "100m", memory = "3584Mi" }, limits = { memory = "4608Mi" } }
  volumes     = { cache = { mount = "/cache", nfs = { path = "/exports/immich/machine-learning" } } }
  probes = {
    liveness  = { http_get = "/ping", initial_delay = "30s", period = "30s", timeout = "5s", failure_threshold = 5 }
    readiness = { http_get = "/ping", initial_delay = "15s", period = "30s", timeout = "5s" }
  }
}

resource "charon_service" "frame" {
  for_each = toset(["hall", "kitchen", "office"])

  namespace   = charon_tier_namespace.immich.name
  name        = "immich-frame-${each.key}"
  image       = "ghcr.io/immichframe/immichframe:v1.0.35.0"
  image_owner = "external"
  ports       = { http = 8080 }
  resources   = { requests = { cpu = "10m", memory = "128Mi" }, limits = { memory = "256Mi" } }

  # A file with a key in it: the operator fills it in, and only the cluster has it.
  secrets = {
    settings = {
      store  = "vault-kv"
      values = { key = "immich#frame_api_key" }
      render = {
        "Settings.yml" = yamlencode({
          General  = { Interval = 30, Language = "en" }
          Accounts = [{ ImmichServerUrl = "http://immich-server", ApiKey = "{{ .key }}" }]
        })
      }
    }
  }
  volumes = { settings = { mount = "/app/Config", secret = { name = "settings" } } }
  expose = {
    web = { host = "frame-${each.key}", auth = "none", auth_reason = "a screen on a wall cannot log in", allow = ["local"] }
  }
}

# At the platform's own address; the other hosts are covered by the domain's wildcard.
resource "charon_dns_record" "immich" {
  for_each = { A = "192.0.2.80", AAAA = "2001:db8::80" }

  zone   = "example.org"
  name   = "immich.example.org"
  type   = each.key
  values = [each.value]
}
