terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_vpn_user" "edge" {
  name         = "edge"
  on_conflict  = "adopt"
  force_delete = true
}

# One machine joins with it, then it is finished. The key is in the Secret and nowhere else.
resource "charon_vpn_preauth_key" "router" {
  user       = charon_vpn_user.edge.name
  expires_in = "1h"

  deliver_to = {
    kubernetes_secret = { namespace = "default", name = "fw-router-authkey" } # key TS_AUTHKEY
  }
}

# For many machines that come and go. It is made anew a day before it expires.
resource "charon_vpn_preauth_key" "runners" {
  user         = charon_vpn_user.edge.name
  reusable     = true
  ephemeral    = true
  tags         = ["tag:ci"]
  expires_in   = "720h"
  renew_before = "24h"

  deliver_to  = { file = "${path.module}/runners.authkey" } # mode 0600
  on_conflict = "adopt"
}

output "runners_key_expires" {
  value = charon_vpn_preauth_key.runners.expires_at
}
