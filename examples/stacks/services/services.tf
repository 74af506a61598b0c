resource "charon_service" "grafana" {
  for_each = setintersection(var.enabled, ["grafana"])

  namespace = charon_tier_namespace.category["monitoring"].name
  name      = each.key
  image     = "docker.io/grafana/grafana:12.2.0"
  ports     = { http = 3000 }
  resources = { requests = { cpu = "50m", memory = "128Mi" }, limits = { memory = "512Mi" } }

  generated_secrets = { GF_SECURITY_ADMIN_PASSWORD = { length = 32 } }
  env               = { GF_SERVER_ROOT_URL = "https://grafana.${var.domain}/" }
  files = {
    "/etc/grafana/provisioning/datasources/prometheus.yaml" = {
      content = yamlencode({
        apiVersion  = 1
        datasources = [{ name = "Prometheus", type = "prometheus", url = "http://prometheus.monitoring" }]
      })
    }
  }
  claims = { data = { mount = "/var/lib/grafana", size = "2Gi" } }
  pod    = { security_context = { fs_group = 472 } }
  probes = { readiness = { http_get = "/api/health" } }
  expose = { web = { auth = "app", auth_reason = "has users of its own" } }
}

# Redmine's database: its password is made in the cluster, and only Redmine reads it there.
resource "charon_service" "redmine_database" {
  for_each = setintersection(var.enabled, ["redmine"])

  namespace = charon_tier_namespace.category["core"].name
  name      = "redmine-postgresql"
  kind      = "statefulset"
  image     = "docker.io/library/postgres:17.6"
  ports     = { postgresql = 5432 }
  resources = { size = "medium", requests = { memory = "256Mi" } }

  generated_secrets = { POSTGRES_PASSWORD = { length = 40 } }
  env               = { POSTGRES_DB = "redmine", POSTGRES_USER = "redmine", PGDATA = "/var/lib/postgresql/data/pgdata" }
  claims            = { data = { mount = "/var/lib/postgresql/data", per_replica = true, size = "5Gi" } }
  probes            = { readiness = { exec = ["pg_isready", "-U", "redmine"] } }
  network_policy    = { from_namespaces = [] }
}

resource "charon_service" "redmine" {
  for_each = setintersection(var.enabled, ["redmine"])

  namespace = charon_tier_namespace.category["core"].name
  name      = each.key
  image     = "docker.io/library/redmine:6.0"
  ports     = { http = 3000 }
  resources = { size = "medium" }

  generated_secrets = { SECRET_KEY_BASE = { kind = "hex", length = 64 } }
  env               = { REDMINE_DB_POSTGRES = "redmine-postgresql", REDMINE_DB_USERNAME = "redmine", REDMINE_DB_DATABASE = "redmine" }
  env_secret        = { REDMINE_DB_PASSWORD = "redmine-postgresql-generated/POSTGRES_PASSWORD" }
  wait_for          = ["redmine-postgresql:5432"]
  claims            = { files = { mount = "/usr/src/redmine/files", size = "2Gi" } }
  expose            = { web = { auth = "app", auth_reason = "has users of its own" } }

  depends_on = [charon_service.redmine_database]
}

resource "charon_service" "ollama" {
  for_each = setintersection(var.enabled, ["ollama"])

  namespace = charon_tier_namespace.category["inference"].name
  name      = each.key
  image     = "docker.io/ollama/ollama:0.12.3"
  ports     = { http = 11434 }
  gpu       = { memory_mib = 8000 }
  resources = { requests = { cpu = "500m", memory = "4Gi" }, limits = { memory = "8Gi" } }
  claims    = { models = { mount = "/root/.ollama", size = "100Gi" } }
  probes    = { readiness = { http_get = "/api/version" } }
}

# Says nothing about resources: the namespace's LimitRange does.
resource "charon_service" "notebook" {
  for_each = setintersection(var.enabled, ["notebook"])

  namespace = charon_tier_namespace.lab.name
  name      = each.key
  image     = "quay.io/jupyter/minimal-notebook:2025-10-06"
  ports     = { http = 8888 }
  volumes   = { work = { mount = "/home/jovyan/work", empty_dir = {} } }
}

# What runs, and where to find it.
output "urls" {
  value = merge([for services in [charon_service.grafana, charon_service.redmine] : { for name, service in services : name => service.urls["web"] }]...)
}

output "objects" {
  value = sum([for services in [charon_service.grafana, charon_service.redmine, charon_service.redmine_database, charon_service.ollama, charon_service.notebook] :
    sum(concat([0], [for service in services : length(service.objects)]))
  ])
}
