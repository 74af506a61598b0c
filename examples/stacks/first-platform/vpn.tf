locals {
  machines = {
    web-1  = { tag = "tag:web", routes = [] }
    web-2  = { tag = "tag:web", routes = [] }
    router = { tag = "tag:router", routes = ["10.20.0.0/16"] }
  }
}

resource "charon_vpn_user" "this" {
  for_each = toset(["admin", "platform"])

  name = each.key
}

resource "charon_vpn_policy" "this" {
  object = {
    groups    = { "group:admins" = ["${charon_vpn_user.this["admin"].name}@"] }
    tagOwners = { for tag in ["tag:web", "tag:router"] : tag => ["${charon_vpn_user.this["platform"].name}@", "group:admins"] }
    acls = [
      { action = "accept", src = ["group:admins"], dst = ["*:*"] },
      { action = "accept", src = ["tag:web"], dst = ["10.20.0.0/16:443"] },
    ]
  }
}

# One key for one machine. It is in a Secret, from which the machine's sidecar logs in, and nowhere else.
resource "charon_vpn_preauth_key" "this" {
  for_each = local.machines

  user       = charon_vpn_user.this["platform"].name
  expires_in = "1h"
  deliver_to = {
    kubernetes_secret = { namespace = charon_tier_namespace.this["vpn"].name, name = "${each.key}-authkey" }
  }
}

# The machines log in while this waits for them.
resource "charon_vpn_node" "this" {
  for_each = local.machines

  hostname          = each.key
  tags              = [each.value.tag]
  routes            = each.value.routes
  purge_stale_after = "10m"

  depends_on = [charon_vpn_preauth_key.this, charon_vpn_policy.this]
}

# A machine that logs in anew gets another address: its record moves in the same apply.
resource "charon_dns_record" "machine" {
  for_each = local.machines

  zone   = var.domain
  name   = "${each.key}.vpn.${var.domain}"
  type   = "A"
  ttl    = 300
  values = [charon_vpn_node.this[each.key].ipv4]
}

output "machines" {
  value = { for name, node in charon_vpn_node.this : name => node.fqdn }
}
