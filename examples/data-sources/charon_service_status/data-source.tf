terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "blog" {
  name = "blog"
  tier = "aux"
}

resource "charon_service" "blog" {
  namespace = charon_tier_namespace.blog.name
  image     = "docker.io/library/ghost:5.96"
  ports     = { http = 2368 }
  resources = { requests = { cpu = "20m", memory = "128Mi" } }
}

data "charon_service_status" "blog" {
  namespace = charon_service.blog.namespace
  name      = charon_service.blog.name
}

# What runs, and what an image updater or an autoscaler made of it.
output "blog" {
  value = {
    images = data.charon_service_status.blog.images
    ready  = "${data.charon_service_status.blog.ready_replicas} of ${data.charon_service_status.blog.replicas}"
    pods   = { for name, pod in data.charon_service_status.blog.pods : name => pod.trouble }
  }
}
