# A GPU, a device of the node, and ports that are no HTTP.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner           = "frigate"
    domain          = "example.org"
    nfs_server      = "192.0.2.20"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
    gpu             = { memory_resource = "example.org/gpumem" }
    ingress = {
      tls_secret = "wildcard-tls"
      auth_modes = {
        required = { annotations = { "nginx.ingress.kubernetes.io/auth-url" = "https://auth.example.org/outpost" } }
      }
    }
  }
}

resource "charon_tier_namespace" "frigate" {
  name         = "frigate"
  tier         = "gpu"
  pod_security = { enforce = "privileged" }
}

resource "charon_service" "frigate" {
  namespace        = charon_tier_namespace.frigate.name
  image            = "ghcr.io/blakeblackshear/frigate:0.17.0-beta1-tensorrt"
  image_owner      = "external"
  gpu              = { count = 1, memory_mib = 2300 }
  security_context = { privileged = true }
  ports = {
    http   = 5000
    rtsp   = "8554/TCP,UDP"
    webrtc = "8555/TCP,UDP"
  }
  resources = { requests = { cpu = "1500m", memory = "5Gi" }, limits = { memory = "10Gi" } }

  claims = { config = { mount = "/config", size = "1Gi", storage_class = "encrypted", autoresize = "5Gi" } }
  volumes = {
    media = { mount = "/media/frigate", nfs = { path = "/exports/frigate/media" } }
    shm   = { mount = "/dev/shm", empty_dir = { medium = "Memory", size_limit = "1Gi" } }
    cache = { mount = "/tmp/cache", empty_dir = { medium = "Memory", size_limit = "512Mi" } }
    dri   = { mount = "/dev/dri", host_path = { path = "/dev/dri", type = "Directory" } }
  }

  probes = {
    liveness = { exec = ["/bin/sh", "-c", "nvidia-smi && curl -sf localhost:5000/api/stats"], initial_delay = "2m", period = "1m", timeout = "10s" }
    startup  = { http_get = "/api/version", period = "10s", failure_threshold = 30 }
  }

  expose = {
    web = { port = "http", auth = "required" }
    lan = {
      port        = "http"
      host        = "frigate-lan.home.arpa"
      auth        = "none"
      auth_reason = "clients with an API key, from the local network only"
      allow       = ["local"]
      ingress     = { tls_redirect = false }
    }
    l4 = { loadbalancer = { ports = ["rtsp", "webrtc"], address = "192.0.2.53", external_traffic_policy = "Local" } }
  }
}
