terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "inference" {
  name = "inference"
  tier = "gpu"
}

# For a container of the stock nginx image, mounted at /etc/nginx/conf.d, with a certificate at /etc/nginx/tls.
resource "charon_kubernetes_manifest" "proxy" {
  manifest = jsonencode({
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata = {
      name      = "ollama-proxy"
      namespace = charon_tier_namespace.inference.name
    }
    data = {
      "default.conf" = provider::charon::nginx_tls_config({
        server_name   = "ollama.example.org"
        upstream_port = 11434
      })
    }
  })
}

# Only from the office as well, and with a certificate elsewhere.
output "office" {
  value = provider::charon::nginx_tls_config({
    server_name     = "grafana.example.org"
    upstream_port   = 3000
    allow           = ["100.64.0.0/10", "10.20.0.0/16", "127.0.0.1"]
    certificate     = "/tls/wildcard.crt"
    certificate_key = "/tls/wildcard.key"
  })
}
