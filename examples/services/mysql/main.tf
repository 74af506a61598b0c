# A database: one claim for each replica, a nightly dump, and a node without GPU.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner      = "mysql"
    nfs_server = "192.0.2.20"
  }
}

resource "charon_tier_namespace" "dbaas" {
  name = "dbaas"
  tier = "1-cluster"
}

resource "charon_service" "mysql" {
  namespace         = charon_tier_namespace.dbaas.name
  name              = "mysql"
  kind              = "statefulset"
  image             = "docker.io/library/mysql:8.4.8"
  ports             = { mysql = 3306 }
  generated_secrets = { MYSQL_ROOT_PASSWORD = { length = 40 } }
  scheduling        = { avoid_nodes = { "nvidia.com/gpu.present" = "true" } }
  pod               = { termination_grace_period = "90s" }
  files             = { "/etc/mysql/conf.d/standalone.cnf" = { content = "[mysqld]\nmax_connections = 500\n" } }
  resources         = { requests = { cpu = "250m", memory = "1Gi" }, limits = { memory = "2Gi" } }

  claims  = { data = { mount = "/var/lib/mysql", per_replica = true, size = "5Gi" } }
  volumes = { backup = { nfs = { path = "/exports/mysql-backup" } } }

  probes = {
    liveness = { exec = ["mysqladmin", "ping", "-h", "localhost"], initial_delay = "30s" }
    startup  = { exec = ["mysqladmin", "ping", "-h", "localhost"], failure_threshold = 30, period = "10s" }
  }

  backups = {
    dump = {
      schedule   = "30 0 * * *"
      command    = ["/bin/sh", "-c", "mysqldump --all-databases -h mysql -p$MYSQL_ROOT_PASSWORD | gzip > /backup/$(date +%F).sql.gz"]
      env_secret = { MYSQL_ROOT_PASSWORD = "mysql-generated/MYSQL_ROOT_PASSWORD" }
      to         = "mysql-backup"
      keep       = 14
    }
  }
}
