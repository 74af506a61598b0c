locals {
  services = {
    wiki = { image = "docker.io/library/nginx:1.29", port = 80, memory = "64Mi" }
    echo = { image = "docker.io/mendhak/http-https-echo:37", port = 8080, memory = "128Mi" }
  }
}

# Behind the cluster's Ingress, as wiki.example.org and echo.example.org.
resource "charon_service" "this" {
  for_each = local.services

  namespace = charon_tier_namespace.this["web"].name
  name      = each.key
  image     = each.value.image
  ports     = { http = each.value.port }
  resources = { requests = { cpu = "10m", memory = "32Mi" }, limits = { memory = each.value.memory } }
  probes    = { readiness = { http_get = "/" } }
  expose    = { web = { auth = "app", auth_reason = "public" } }
}

# They are reached by way of the machines that the Ingress runs on.
resource "charon_dns_record" "service" {
  for_each = local.services

  zone   = var.domain
  name   = "${each.key}.${var.domain}"
  type   = "A"
  values = [for machine in ["web-1", "web-2"] : charon_vpn_node.this[machine].ipv4]
}
