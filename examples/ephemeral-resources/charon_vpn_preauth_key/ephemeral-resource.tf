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

# Made in each plan and apply; what nobody used is gone afterwards, so that the Secret holds a key only as long as its machine needs one.
ephemeral "charon_vpn_preauth_key" "relay" {
  user       = charon_vpn_user.relay.id # known when the user is there: Terraform waits for it
  expires_in = "15m"
  on_close   = "keep" # the relay boots after this run
}

resource "charon_secret" "relay" {
  namespace       = "default"
  name            = "relay-authkey"
  data_wo         = { TS_AUTHKEY = ephemeral.charon_vpn_preauth_key.relay.key }
  data_wo_version = "1" # raise it to hand over a new key
}
