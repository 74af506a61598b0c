terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

# The server: HEADSCALE_ENDPOINT and HEADSCALE_API_KEY, or the provider's headscale block.
resource "charon_vpn_user" "ci" {
  name = "ci" # another name renames the user in place
}

# A user who may be there already, and whose nodes go with the user.
resource "charon_vpn_user" "lab" {
  name         = "lab"
  on_conflict  = "adopt"
  force_delete = true
}

output "ci_id" {
  value = charon_vpn_user.ci.id
}
