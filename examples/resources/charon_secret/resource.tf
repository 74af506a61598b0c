terraform {
  required_version = ">= 1.11" # write-only attributes
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "nextcloud" {
  for_each = toset(["nextcloud", "nextcloud-backup"])
  name     = each.key
  tier     = "edge"
}

# Made up once, in the cluster. Neither state nor plan ever has the values.
resource "charon_secret" "database" {
  name      = "nextcloud-database"
  namespace = charon_tier_namespace.nextcloud["nextcloud"].name
  generate = {
    password = { length = 40 }
    salt     = { kind = "hex", length = 64, rotation_trigger = "2026-01" } # another text: a new salt
  }
  replicate_to = [charon_tier_namespace.nextcloud["nextcloud-backup"].name]
}

variable "smtp_password" {
  type      = string
  ephemeral = true # read from TF_VAR_smtp_password at each run, stored nowhere
  default   = "change-me"
}

# Given from outside, beside a value copied from another Secret.
resource "charon_secret" "nextcloud" {
  name            = "nextcloud"
  namespace       = charon_tier_namespace.nextcloud["nextcloud"].name
  labels          = { "app.kubernetes.io/name" = "nextcloud" }
  data_wo         = { SMTP_PASSWORD = var.smtp_password }
  data_wo_version = "1" # change it together with the value

  copy = {
    POSTGRES_PASSWORD = {
      secret   = charon_secret.database.name
      key      = "password"
      revision = charon_secret.database.revision # a rotation there is copied in the same apply
    }
  }
}

# For a pod annotation: pods restart when a value changes.
output "revision" {
  value = charon_secret.nextcloud.revision
}
