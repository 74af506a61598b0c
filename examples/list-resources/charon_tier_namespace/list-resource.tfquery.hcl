# terraform query (Terraform 1.14): the namespaces of the tier, ready to be imported.
list "charon_tier_namespace" "edge" {
  provider = charon
  config {
    tier = "3-edge"
  }
}
