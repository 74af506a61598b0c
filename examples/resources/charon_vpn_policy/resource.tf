terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# As text: usually file("policy.hujson"). Its comments are kept on the server. A server has one policy, which may be
# there already.
resource "charon_vpn_policy" "this" {
  policy = <<-EOT
    {
      // Who administers the platform.
      "groups":    {"group:admin": ["ann@example.org", "bob@example.org"]},
      "tagOwners": {"tag:web": ["group:admin"], "tag:db": ["group:admin"]},
      "hosts":     {"printer": "192.168.1.40/32"},

      "acls": [
        {"action": "accept", "src": ["group:admin"], "dst": ["tag:web:22,443", "tag:db:22"]},
        {"action": "accept", "proto": "tcp", "src": ["tag:web"], "dst": ["tag:db:5432"]},
        {"action": "accept", "src": ["*"], "dst": ["printer:631"]}, // everybody prints
      ],
    }
  EOT

  # No change may take this away.
  protect = [
    { src = "group:admin", dst = "tag:web:22" },
    { src = "tag:web", dst = "tag:db:5432" },
  ]

  on_conflict = "adopt"
  on_destroy  = "restore"
}

# The same as an HCL value, where parts of it are made elsewhere:
#
#   object = {
#     groups = { "group:admin" = [for name in var.admins : "${name}@"] }
#     acls   = [{ action = "accept", src = ["group:admin"], dst = ["*:*"] }]
#   }
