# A main container, one that prepares its workspace, one that refreshes a token, and rights in the cluster.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner           = "hermes-agent"
    storage_classes = { encrypted = "proxmox-lvm-encrypted" }
  }
}

resource "charon_tier_namespace" "agent" {
  name = "hermes-agent"
  tier = "aux"
}

resource "charon_service" "agent" {
  namespace   = charon_tier_namespace.agent.name
  image       = "ghcr.io/example/hermes-agent:latest"
  image_owner = "external"
  command     = ["sh", "-c", "exec python main.py"]
  ports       = { metrics = 9090 }
  pod         = { security_context = { fs_group = 1000 }, image_pull_secrets = ["ghcr-credentials"] }

  identity = {
    cluster_rules = [{ api_groups = ["", "apps"], resources = ["pods", "deployments"], verbs = ["get", "list", "watch"] }]
  }

  # One Secret of three places in the store.
  secrets = {
    app = {
      store = "vault-kv"
      values = {
        DISCORD_BOT_TOKEN = "hermes-agent#DISCORD_BOT_TOKEN"
        MODEL_TOKEN       = "model-gateway#token"
        FORGEJO_TOKEN     = "ci/global#push_token"
      }
      refresh = "15m"
    }
  }
  env_from = { secrets = ["app"] }

  files = {
    "/soul/SOUL.md"    = { content = "Be kind.\n", on_change = "restart" }
    "/soul/avatar.gif" = { content_base64 = "R0lGODlhAQABAAAAACwAAAAAAQABAAA7" } # filebase64("avatar.gif")
  }
  config_dirs = {
    "/scripts" = {
      files = {
        "clone.sh"   = "git clone https://agent:$FORGEJO_TOKEN@git.example.org/agent /workspace\n"
        "refresh.sh" = <<-EOT
          while true; do
            curl -sf --data "{\"role\": \"hermes-agent\", \"jwt\": \"$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)\"}" \
              https://vault.example.org/v1/auth/kubernetes/login > /vault/login.json
            sleep 1800
          done
        EOT
      }
    }
  }

  claims = { sessions = { mount = "/sessions", size = "1Gi", storage_class = "encrypted" } }
  volumes = {
    workspace = { mount = "/workspace", empty_dir = {} }
    token     = { mount = "/vault", empty_dir = {} }
  }

  # Of the same image. An updater changes the main container's and the sidecar's, but not this one's.
  init_containers = [
    {
      name     = "git"
      command  = ["sh", "/scripts/clone.sh"]
      env_from = { secrets = ["app"] }
      mounts   = { "/scripts" = { volume = "/scripts" }, "/workspace" = { volume = "workspace" } }
    },
  ]

  sidecars = {
    token-refresher = {
      image       = "docker.io/curlimages/curl:8.11.0"
      image_owner = "external"
      command     = ["/bin/sh", "/scripts/refresh.sh"]
      mounts      = { "/scripts" = { volume = "/scripts" }, "/vault" = { volume = "token" } }
      resources   = { requests = { cpu = "5m", memory = "32Mi" } }
    }
  }

  resources = { requests = { cpu = "50m", memory = "256Mi" } }
  probes    = { liveness = { exec = ["pgrep", "-f", "main.py"], initial_delay = "30s", period = "30s" } }
  metrics   = { port = "metrics" }
}
