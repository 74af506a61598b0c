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
