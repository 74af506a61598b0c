terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "frigate" {
  name = "frigate"
  tier = "gpu"
}

resource "charon_kubernetes_manifest" "streams" {
  manifest = jsonencode({
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "streams", namespace = charon_tier_namespace.frigate.name }
    spec = {
      type     = "LoadBalancer"
      selector = { app = "frigate" }
      ports    = [{ name = "rtsp", port = 8554 }]
    }
  })
  wait = { rollout = true } # until the load balancer has given an address
}

data "charon_kubernetes_object" "streams" {
  api_version = "v1"
  kind        = "Service"
  namespace   = charon_tier_namespace.frigate.name
  name        = "streams"
  depends_on  = [charon_kubernetes_manifest.streams]
}

output "camera_url" {
  value = "rtsp://${data.charon_kubernetes_object.streams.object.status.loadBalancer.ingress[0].ip}:8554"
}

# What may not be there: null instead of an error.
data "charon_kubernetes_object" "gpu_plugin" {
  api_version = "apps/v1"
  kind        = "DaemonSet"
  namespace   = "kube-system"
  name        = "nvidia-device-plugin"
  optional    = true
}

output "has_gpu_plugin" {
  value = data.charon_kubernetes_object.gpu_plugin.object != null
}
