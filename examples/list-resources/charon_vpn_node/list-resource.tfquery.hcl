# Nodes that are on the server, with or without Terraform: terraform query
list "charon_vpn_node" "infra" {
  provider = charon

  config {
    tag = "tag:infra"
  }
}
