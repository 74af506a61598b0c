import {
  to = charon_dns_zone.main
  id = "cloudflare/example.net"
}
