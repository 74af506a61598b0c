# terraform query -generate-config-out=external-secrets.tf (Terraform 1.14) writes them as HCL.
list "charon_kubernetes_manifest" "external_secrets" {
  provider         = charon
  include_resource = true
  config {
    api_version = "external-secrets.io/v1"
    kind        = "ExternalSecret"
    namespace   = "nextcloud"
  }
}
