# A server has one policy; its id is always this.
terraform import charon_vpn_policy.this policy
