terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# What the platform's team hands to somebody who uses kubectl. Text that looks like a bool or a
# number is quoted, so that it stays text.
output "settings" {
  value = provider::charon::manifest_encode({
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "frigate-settings", namespace = "frigate" }
    data       = { RECORD = "yes", RETAIN_DAYS = "14" }
  })
}
