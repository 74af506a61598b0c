terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "wiki" {
  name = "wiki"
  tier = "edge"
}

resource "charon_service" "wiki" {
  namespace = charon_tier_namespace.wiki.name
  image     = "docker.io/requarks/wiki:2.5"
  ports     = { http = 3000 }
  env       = { DB_TYPE = "sqlite", DB_FILEPATH = "/data/wiki.db" }
  resources = { requests = { cpu = "50m", memory = "256Mi" }, limits = { memory = "512Mi" } }
  claims    = { data = { mount = "/data", size = "2Gi" } }
  probes    = { readiness = { http_get = "/healthz" } }
  expose    = { web = { host = "wiki.example.org", auth = "app", auth_reason = "has users of its own" } }

  # What has no attribute, of the Service.
  extra_manifest_patch = yamlencode({ kind = "Service", spec = { sessionAffinity = "ClientIP" } })
}
