terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# A chart's image is raised by an updater. Without this, the next release of the chart would set it back.
data "charon_live_image" "nextcloud" {
  namespace = "nextcloud"
  workload  = "Deployment/nextcloud"
  container = "nextcloud"
  floor     = "32.0.9"
}

output "tag" {
  value = data.charon_live_image.nextcloud.tag
}
