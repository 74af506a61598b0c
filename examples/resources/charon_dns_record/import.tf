import {
  to = charon_dns_record.www
  id = "cloudflare/example.org/www.example.org/A"
}
