terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  policy = {
    groups    = { "group:dev" = ["ann@", "bob@"] }
    tagOwners = { "tag:web" = ["group:dev"], "tag:db" = ["group:dev"] }
    acls = [
      { action = "accept", src = ["group:dev"], dst = ["tag:web:22,443"] },
      { action = "accept", src = ["tag:web"], dst = ["tag:db:5432"] },
    ]
  }
}

# Developers reach the web servers, and the database only by way of them.
check "separation" {
  assert {
    condition     = provider::charon::policy_reach(local.policy, "group:dev", "tag:web:443").reaches
    error_message = "Developers must reach the web servers."
  }
  assert {
    condition     = !provider::charon::policy_reach(local.policy, "autogroup:member", "tag:db").reaches
    error_message = "Nobody may reach the database directly."
  }
}

output "why" {
  value = provider::charon::policy_reach(local.policy, "group:dev", "tag:web:443").rules
}
