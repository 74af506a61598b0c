terraform {
  required_version = ">= 1.11" # write-only attributes
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "grafana" {
  name = "grafana"
  tier = "edge"
}

resource "charon_secret" "database" {
  name      = "grafana-database"
  namespace = charon_tier_namespace.grafana.name
  generate  = { password = {} }
}

# The value is in memory while Terraform runs, and in no file.
ephemeral "charon_kubernetes_secret" "database" {
  namespace = charon_secret.database.namespace
  name      = charon_secret.database.name
  revision  = charon_secret.database.revision # read it after it is made, and again when it changes
}

# A file with a password in it, as programs want it.
resource "charon_secret" "datasources" {
  name      = "grafana-datasources"
  namespace = charon_tier_namespace.grafana.name

  data_wo = {
    "postgres.yaml" = yamlencode({
      apiVersion = 1
      datasources = [{
        name           = "Postgres"
        type           = "postgres"
        url            = "postgres.databases:5432"
        user           = "grafana"
        secureJsonData = { password = ephemeral.charon_kubernetes_secret.database.data.password }
      }]
    })
  }
  data_wo_version = charon_secret.database.revision # written again when the password changes
}
