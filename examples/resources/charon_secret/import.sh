# namespace/name. Values are kept as they are.
terraform import charon_secret.database nextcloud/nextcloud-database
