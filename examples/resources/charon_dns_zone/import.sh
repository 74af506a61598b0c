# By backend and name.
terraform import charon_dns_zone.main cloudflare/example.net
