terraform {
  required_version = ">= 1.14" # actions
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# By hand, or from a schedule: terraform apply -invoke action.charon_vpn_purge_stale.old
action "charon_vpn_purge_stale" "old" {
  config {
    older_than = "24h"
  }
}
