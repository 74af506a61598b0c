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
    owner = "hermes-agent"
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

  generated_secrets = { SESSION_KEY = { kind = "hex", length = 64 } }
  files             = { "/soul/SOUL.md" = { content = "Be kind.\n", on_change = "restart" } }

  claims = { sessions = { mount = "/sessions", size = "1Gi" } }
  volumes = {
    workspace = { mount = "/workspace", empty_dir = {} }
    token     = { mount = "/vault", empty_dir = { medium = "Memory" } }
  }

  init_containers = [
    { name = "git", command = ["sh", "-c", "git clone https://git.example.org/agent /workspace"], mounts = { "/workspace" = { volume = "workspace" } } },
  ]

  sidecars = {
    token-refresher = {
      image       = "docker.io/curlimages/curl:8.11.0"
      image_owner = "external"
      command     = ["/bin/sh", "-c", "while true; do date > /vault/token; sleep 600; done"]
      mounts      = { "/vault" = { volume = "token" } }
      resources   = { requests = { cpu = "5m", memory = "32Mi" } }
    }
  }

  resources = { requests = { cpu = "50m", memory = "256Mi" } }
  probes    = { liveness = { exec = ["pgrep", "-f", "main.py"], initial_delay = "30s", period = "30s" } }
  metrics   = { port = "metrics" }
}
