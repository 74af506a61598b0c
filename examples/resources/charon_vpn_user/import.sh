# By the user's name, or by its id.
terraform import charon_vpn_user.ci ci
