terraform {
  required_providers {
    charon = {
      source = "charon/charon" # in no registry yet: "Use it" in README.md says how Terraform finds it
    }
  }
}

# Without arguments the environment decides: KUBE_CONFIG_PATH, then KUBECONFIG, then the service account of the pod
# that Terraform runs in. Everything below is optional.
provider "charon" {
  kubernetes = {
    config_path    = "~/.kube/config"
    config_context = "homelab"
  }

  conventions = {
    # The name of this stack in the owner mark of every object. Give each stack its own.
    owner = "platform"

    default_labels = {
      "example.org/team" = "infra"
    }
  }
}
