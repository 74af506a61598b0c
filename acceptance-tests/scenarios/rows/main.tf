# Every attribute of the table "Where each field of a pod is said" of docs/guides/services.md, in services named after its rows:
# golden/v1/rows.yaml is what they make, and service_fields_test.py says what of the table is missing there.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner = "rows"
  }
}

locals {
  namespace = "every-row"
  image     = "registry.example.org/web:1"
}

resource "charon_kubernetes_manifest" "class" {
  for_each = {
    "scheduling.k8s.io/v1" = { kind = "PriorityClass", value = 100 }
    "node.k8s.io/v1"       = { kind = "RuntimeClass", handler = "runc" }
  }
  manifest = yamlencode(merge(each.value, { apiVersion = each.key, metadata = { name = "every-row" } }))
}

resource "charon_service" "g0" {
  namespace = local.namespace
  name      = "g0"
  image     = local.image
  labels    = { team = "a" }
  replicas  = 2
  ports     = { http = 8080, media = "8554/TCP,UDP" }
  env       = { HOST = "example.org", A_URL = "https://$(HOST)/" }
  resources = { requests = { cpu = "10m", memory = "16Mi", ephemeral-storage = "1Mi" }, limits = { memory = "64Mi" } }
  claims    = { data = { mount = "/data", size = "1Gi", access_modes = ["ReadWriteMany"] } }
  volumes = {
    backups = { mount = "/backups", existing_claim = "g0-data" }
    scratch = { empty_dir = {} }
  }
  mounts   = { "/scratch" = { volume = "scratch" } }
  sidecars = { helper = { image = "registry.example.org/helper:1" } }
  pod      = { container_name = "main", labels = { track = "stable" } }
}

resource "charon_service" "g1" {
  namespace   = local.namespace
  name        = "g1"
  image       = local.image
  annotations = { "example.org/note" = "of the workload" }
  rollout = {
    strategy               = "RollingUpdate"
    max_surge              = "50%"
    max_unavailable        = "1"
    progress_deadline      = "5m"
    min_ready              = "1s"
    revision_history_limit = 3
  }
}

resource "charon_service" "g1_ordinals" {
  namespace = local.namespace
  name      = "g1-ordinals"
  kind      = "statefulset"
  image     = local.image
  rollout   = { partition = 1 }
}

resource "charon_service" "g2" {
  namespace  = local.namespace
  name       = "g2"
  image      = local.image
  env_secret = { TOKEN = "given/token", MAYBE = "absent/key?" }
  env_from = {
    secrets     = ["given", "more?"]
    config_maps = ["settings?"]
    fields      = { POD_IP = "status.podIP", MEMORY = "limits.memory" }
  }
}

resource "charon_service" "g3" {
  namespace = local.namespace
  name      = "g3"
  image     = local.image
  pod       = { annotations = { "example.org/note" = "of a pod" } }
}

resource "charon_service" "g4" {
  namespace = local.namespace
  name      = "g4"
  image     = local.image
  ports     = { http = 8080, sql = 5432 }
  probes = {
    liveness = {
      http_get          = "/healthz"
      request           = { port = "http", scheme = "HTTPS", headers = { Host = "a" } }
      initial_delay     = "30s"
      period            = "5s"
      timeout           = "2s"
      failure_threshold = 4
    }
    readiness = { tcp_socket = "sql", success_threshold = 2 }
    startup   = { grpc = "shop.Web", request = { port = "9090" }, failure_threshold = 30 }
  }
}

resource "charon_service" "g5" {
  namespace   = local.namespace
  name        = "g5"
  image       = local.image
  files       = { "/etc/app/app.ini" = { content = "a = 1\n", mode = "0600" }, "/etc/app/logo" = { content_base64 = "AAEC" } }
  config_dirs = { "/etc/conf.d" = { files = { "one.conf" = "1\n" }, mode = "0640" } }
  volumes = {
    settings = {
      mount      = "/settings/a"
      sub_path   = "a"
      read_only  = true
      config_map = { name = "settings", items = { "a.conf" = "a" }, mode = "0444", optional = true }
    }
    given   = { secret = { name = "given", items = { token = "t" }, mode = "0400", optional = true } }
    memory  = { mount = "/dev/shm", empty_dir = { medium = "Memory", size_limit = "64Mi" } }
    media   = { mount = "/media", nfs = { server = "192.0.2.20", path = "/exports/media", inline = true } }
    archive = { mount = "/archive", nfs = { server = "192.0.2.20", path = "/exports/archive", size = "5Gi" } }
  }
  mounts = { "/given" = { volume = "given", sub_path = "t", read_only = true } }
}

resource "charon_service" "g6" {
  namespace         = local.namespace
  name              = "g6"
  image             = local.image
  image_pull_policy = "IfNotPresent"
  pod               = { image_pull_secrets = ["registry"] }
}

resource "charon_service" "g7" {
  namespace = local.namespace
  name      = "g7"
  image     = local.image
  command   = ["serve"]
  args      = ["--port", "8080"]
  process   = { working_dir = "/srv" }
}

resource "charon_service" "g8" {
  namespace = local.namespace
  name      = "g8"
  image     = local.image
  pod       = { dns = { options = { ndots = "2", edns0 = "" } } }
}

resource "charon_service" "g9" {
  namespace = local.namespace
  name      = "g9"
  image     = local.image
  pod = {
    security_context = {
      fs_group               = 1000
      fs_group_change_policy = "OnRootMismatch"
      run_as_user            = 1001
      run_as_group           = 1002
      run_as_non_root        = true
      supplemental_groups    = [44, 109]
      seccomp_profile        = "RuntimeDefault"
    }
  }
}

resource "charon_service" "g10" {
  namespace = local.namespace
  name      = "g10"
  image     = local.image
  init_containers = [
    {
      name             = "migrate"
      image            = "registry.example.org/tools:1"
      command          = ["migrate"]
      env              = { MODE = "up" }
      env_secret       = { TOKEN = "given/token?" }
      resources        = { limits = { memory = "32Mi" } }
      security_context = { run_as_user = 0 }
      mounts           = { "/work" = { volume = "work" } }
    },
    {
      name           = "proxy"
      restart_policy = "Always"
      ports          = { sql = 5432 }
      probes         = { startup = { tcp_socket = "sql" } }
    },
  ]
  volumes = { work = { empty_dir = {} } }
}

resource "charon_service" "g11" {
  namespace = local.namespace
  name      = "g11"
  image     = local.image
  identity = {
    service_account = { automount = false, annotations = { "example.org/role" = "web" } }
    rules           = [{ resources = ["pods"], verbs = ["get"] }]
  }
  pod = {
    priority_class           = "every-row"
    termination_grace_period = "90s"
    enable_service_links     = false
  }
  depends_on = [charon_kubernetes_manifest.class]
}

resource "charon_service" "g11_account" {
  namespace = local.namespace
  name      = "g11-account"
  image     = local.image
  identity  = { service_account = { name = "default" } }
}

resource "charon_service" "g12" {
  namespace = local.namespace
  name      = "g12"
  image     = local.image
  gpu       = {}
  scheduling = {
    node_selector = { "kubernetes.io/os" = "linux" }
    tolerations = [
      { key = "example.org/slow", value = "very", effect = "NoSchedule" },
      { key = "node.kubernetes.io/unreachable", effect = "NoExecute", toleration_period = "30s" },
    ]
  }
}

resource "charon_service" "g13" {
  namespace = local.namespace
  name      = "g13"
  image     = local.image
  ports     = { http = 8080 }
  probes    = { liveness = { exec = ["true"] } }
  hooks = {
    post_start = { exec = ["warm-up"] }
    pre_stop   = { sleep = "1s" }
  }
  sidecars = { proxy = { ports = { admin = 9901 }, hooks = { pre_stop = { http_get = "/drain" } } } }
  security_context = {
    privileged                 = false
    run_as_user                = 1000
    run_as_group               = 1000
    run_as_non_root            = true
    read_only_root_filesystem  = true
    allow_privilege_escalation = false
    capabilities               = { add = ["NET_ADMIN"], drop = ["ALL"] }
    seccomp_profile            = "profiles/web.json"
  }
  volumes = { dri = { mount = "/dev/dri", host_path = { path = "/dev/dri", type = "DirectoryOrCreate" } } }
}

resource "charon_service" "g14" {
  namespace  = local.namespace
  name       = "g14"
  image      = local.image
  replicas   = 2
  scheduling = { spread = { over = "host", hard = true, max_skew = 2 } }
}

resource "charon_service" "g15" {
  namespace = local.namespace
  name      = "g15"
  kind      = "statefulset"
  image     = local.image
  replicas  = 2
  claims    = { data = { mount = "/data", size = "1Gi", per_replica = true } }
  rollout   = { pod_management_policy = "Parallel" }
  scheduling = {
    require_nodes = { "kubernetes.io/os" = "linux|windows" }
    avoid_nodes   = { "example.org/slow" = "yes|very" }
    near          = { labels = { app = "g0" } }
    apart         = { labels = { app = "g15" }, over = "zone" }
  }
}

resource "charon_service" "g16" {
  namespace = local.namespace
  name      = "g16"
  image     = local.image
  process   = { tty = true, stdin = true }
  pod = {
    dns              = { policy = "None", nameservers = ["192.0.2.53"], searches = ["example.org"] }
    security_context = { sysctls = { "net.ipv4.ip_unprivileged_port_start" = "0" } }
  }
}

# What has an attribute and is in no row.
resource "charon_service" "more" {
  namespace = local.namespace
  name      = "more"
  image     = local.image
  pod = {
    hostname      = "web"
    host_aliases  = { "192.0.2.7" = ["db.example.org", "db"] }
    host_network  = true
    host_pid      = true
    runtime_class = "every-row"
  }
  # What has none.
  extra_manifest_patch = yamlencode({
    spec = { template = { spec = {
      schedulerName = "default-scheduler"
      volumes = [{
        name      = "both"
        projected = { sources = [{ configMap = { name = "settings", optional = true } }, { secret = { name = "given" } }] }
      }]
      containers = [{
        name         = "more"
        env          = [{ name = "MODE", valueFrom = { configMapKeyRef = { name = "settings", key = "mode", optional = true } } }]
        volumeMounts = [{ name = "both", mountPath = "/both" }]
      }]
    } } }
  })
  depends_on = [charon_kubernetes_manifest.class]
}

resource "charon_service" "more_shared" {
  namespace = local.namespace
  name      = "more-shared"
  image     = local.image
  pod       = { share_process_namespace = true }
}

# The third kind of workload, and ways in that no example has.
resource "charon_service" "daemonset" {
  namespace      = local.namespace
  name           = "daemonset"
  kind           = "daemonset"
  image          = local.image
  ports          = { http = 8080, metrics = 9090 }
  rollout        = { strategy = "RollingUpdate", max_unavailable = "2" }
  metrics        = { port = "metrics", path = "/numbers", style = "service_monitor", interval = "15s" }
  network_policy = { from_namespaces = ["ingress"], from_cidrs = ["192.0.2.0/24"], to_namespaces = ["dbaas"], to_cidrs = ["198.51.100.0/24"] }
  expose         = { node = { nodeport = { ports = ["http"], external_traffic_policy = "Local" } } }
}

# What has no attribute of the objects around the pods.
resource "charon_service" "patched" {
  namespace         = local.namespace
  name              = "patched"
  image             = local.image
  ports             = { http = 8080, metrics = 9090 }
  metrics           = { port = "metrics", style = "service_monitor" }
  claims            = { data = { mount = "/data", size = "1Gi" } }
  identity          = { cluster_rules = [{ resources = ["nodes"], verbs = ["get"] }] }
  disruption_budget = { max_unavailable = "1" }
  network_policy    = { from_namespaces = ["ingress"] }
  backups           = { night = { schedule = "0 3 * * *", command = ["save"], to = "data" } }
  expose            = { web = { host = "patched.example.org", auth = "none", auth_reason = "rows" } }
  extra_manifest_patch = join("---\n", [for patch in [
    { kind = "Service", spec = { publishNotReadyAddresses = true, ports = [{ port = 80, name = "www" }] } },
    { kind = "Ingress", spec = { rules = [{ host = "patched.example.org", http = { paths = [
      { path = "/", pathType = "Exact", backend = { service = { name = "patched", port = { name = "www" } } } }
    ] } }] } },
    { kind = "ServiceMonitor", spec = { endpoints = [{ port = "metrics", scheme = "https", tlsConfig = { insecureSkipVerify = true } }] } },
    { kind = "PersistentVolumeClaim", metadata = { annotations = { "example.org/kept" = "yes" } } },
    { kind = "ServiceAccount", imagePullSecrets = [{ name = "registry" }] },
    { kind = "ClusterRole", rules = [{ nonResourceURLs = ["/metrics"], verbs = ["get"] }] },
    { kind = "PodDisruptionBudget", spec = { unhealthyPodEvictionPolicy = "AlwaysAllow" } },
    { kind = "NetworkPolicy", spec = { ingress = [{ ports = [{ port = 8080 }] }] } },
    { kind = "CronJob", spec = { suspend = true, jobTemplate = { spec = { backoffLimit = 0 } } } },
  ] : yamlencode(patch)])
}
