terraform {
  required_version = ">= 1.11" # write-only attributes
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "redmine" {
  name = "redmine"
  tier = "edge"
}

# New in each run; only the run that changes data_wo_version writes it.
ephemeral "charon_generated_secret" "session" {
  kind   = "hex"
  length = 128
}

resource "charon_secret" "session" {
  name            = "redmine-session"
  namespace       = charon_tier_namespace.redmine.name
  data_wo         = { "environment" = "SECRET_KEY_BASE=${ephemeral.charon_generated_secret.session.value}" }
  data_wo_version = "1"
}
