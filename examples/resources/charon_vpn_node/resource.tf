terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# A subnet router. It registers itself with a key (charon_vpn_preauth_key), for example in its cloud-init or its pod; the
# resource waits for it. The server's policy must know the tag.
resource "charon_vpn_node" "router" {
  hostname   = "fw-router"
  given_name = "router"
  tags       = ["tag:infra"]
  routes     = ["10.1.0.0/24", "10.2.0.0/24"]
  exit_node  = true

  # If it loses its state, it comes back as another node: this one is followed, what it left behind is removed.
  purge_stale_after = "10m"

  timeouts = { create = "5m" }
}

output "router_ip" {
  value = charon_vpn_node.router.ipv4 # for charon_dns_record: it follows the node
}
