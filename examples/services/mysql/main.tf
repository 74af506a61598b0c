# A database: one claim for each replica, nightly dumps, and a node without GPU.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner           = "mysql"
    nfs_server      = "192.0.2.20"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
  }
}

locals {
  ping = ["mysqladmin", "ping", "-h", "localhost"]
}

resource "charon_tier" "cluster" {
  name = "1-cluster"
}

resource "charon_tier_namespace" "dbaas" {
  name = "dbaas"
  tier = charon_tier.cluster.name
}

resource "charon_service" "mysql" {
  namespace   = charon_tier_namespace.dbaas.name
  name        = "mysql-standalone"
  kind        = "statefulset"
  image       = "docker.io/library/mysql:8.4.8"
  annotations = { "keel.sh/policy" = "never" } # no updater touches this version
  selector    = { "app.kubernetes.io/instance" = "mysql-standalone", "app.kubernetes.io/component" = "primary" }
  service     = { name = "mysql" }
  ports       = { mysql = 3306 }
  scheduling  = { avoid_nodes = { "nvidia.com/gpu.present" = "true" } }
  pod         = { termination_grace_period = "90s", priority_class = charon_tier.cluster.priority_class }
  resources   = { requests = { cpu = "250m", memory = "1Gi" }, limits = { memory = "2Gi" } }

  generated_secrets = { MYSQL_ROOT_PASSWORD = { length = 40 } }
  files             = { "/etc/mysql/conf.d/standalone.cnf" = { content = "[mysqld]\nmax_connections = 500\n" } }

  claims = {
    data = { mount = "/var/lib/mysql", per_replica = true, size = "5Gi", storage_class = "encrypted", autoresize = "50Gi" }
  }
  volumes = { backup = { nfs = { path = "/exports/mysql-backup" } } }

  probes = {
    liveness  = { exec = local.ping, initial_delay = "30s", timeout = "5s" }
    readiness = { exec = local.ping, initial_delay = "10s", timeout = "5s" }
    startup   = { exec = local.ping, failure_threshold = 30, period = "10s", timeout = "5s" }
  }

  config_dirs = {
    "/scripts" = {
      on_change = "none" # the database does not read them
      files = {
        "dump.sh" = <<-EOT
          set -e
          name=$1
          shift
          export MYSQL_PWD="$MYSQL_ROOT_PASSWORD"
          mysqldump --host=mysql --user=root --single-transaction "$@" > "/backup/$name-$(date +%F).sql"
          ls -t "/backup/$name"-*.sql | tail -n +$((KEEP + 1)) | xargs -r rm
        EOT
      }
    }
  }
  backups = {
    dump = {
      schedule   = "30 0 * * *"
      command    = ["/bin/sh", "/scripts/dump.sh", "all", "--all-databases"]
      env_secret = { MYSQL_ROOT_PASSWORD = "mysql-standalone-generated/MYSQL_ROOT_PASSWORD" }
      to         = "mysql-standalone-backup"
      keep       = 14
    }
    forgejo = {
      schedule   = "45 0 * * *"
      command    = ["/bin/sh", "/scripts/dump.sh", "forgejo", "--databases", "forgejo"]
      env_secret = { MYSQL_ROOT_PASSWORD = "mysql-standalone-generated/MYSQL_ROOT_PASSWORD" }
      to         = "mysql-standalone-backup"
      keep       = 14
    }
  }
}
