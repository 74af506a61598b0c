terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

locals {
  policy = jsondecode(provider::charon::hujson_normalize(<<-EOT
    {
      // Who administers the platform.
      "groups": {"group:admin": ["ann@", "bob@"]},
      "acls": [
        {"action": "accept", "src": ["group:admin"], "dst": ["*:*"]},
      ],
    }
  EOT
  ))
}

output "administrators" {
  value = local.policy.groups["group:admin"]
}
