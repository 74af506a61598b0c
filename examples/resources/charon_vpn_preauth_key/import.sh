# By the key's id. The server does not show the key again, so it can be watched and removed, not delivered.
terraform import charon_vpn_preauth_key.router 17
