terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

data "charon_vpn_policy" "this" {}

# Null on a server without a policy, which allows everything.
output "groups" {
  value = data.charon_vpn_policy.this.json == null ? {} : try(jsondecode(data.charon_vpn_policy.this.json).groups, {})
}

check "nobody_reaches_everything" {
  assert {
    condition     = data.charon_vpn_policy.this.policy == null || !provider::charon::policy_reach(data.charon_vpn_policy.this.policy, "autogroup:member", "*").reaches
    error_message = "Every user reaches everything."
  }
}

# Before an upgrade.
check "fits_the_next_version" {
  assert {
    condition     = !contains(keys(coalesce(data.charon_vpn_policy.this.refused_by, {})), "0.29")
    error_message = "Headscale 0.29 would refuse the policy: ${try(data.charon_vpn_policy.this.refused_by["0.29"], "")}"
  }
}
