terraform {
  required_version = ">= 1.11" # write-only attributes
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_vpn_user" "relay" {
  name         = "relay"
  on_conflict  = "adopt"
  force_delete = true
}

# Made in each plan and apply, and written by the apply that raises data_wo_version. The relay boots after the run, so its key is kept:
# those of other plans and applies lie unused for 15 minutes too. Without on_close they are gone when the run ends.
ephemeral "charon_vpn_preauth_key" "relay" {
  user       = charon_vpn_user.relay.id # known when the user is there: Terraform waits for it
  expires_in = "15m"
  on_close   = "keep"
}

resource "charon_secret" "relay" {
  namespace       = "default"
  name            = "relay-authkey"
  data_wo         = { TS_AUTHKEY = ephemeral.charon_vpn_preauth_key.relay.key }
  data_wo_version = "1" # raise it to hand over a new key
}
