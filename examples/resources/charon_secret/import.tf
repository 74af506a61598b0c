import {
  to = charon_secret.database
  id = "nextcloud/nextcloud-database"
}
