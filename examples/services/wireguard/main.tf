# A VPN hub: capabilities, a privileged init container, hooks that bring the tunnel up and down.
terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

provider "charon" {
  conventions = {
    owner = "wireguard"
  }
}

resource "charon_tier_namespace" "wireguard" {
  name         = "wireguard"
  tier         = "0-core"
  pod_security = { enforce = "privileged" }
}

resource "charon_service" "wireguard" {
  namespace        = charon_tier_namespace.wireguard.name
  image            = "docker.io/masipcat/wireguard-go:latest"
  image_owner      = "external"
  command          = ["sleep", "infinity"]
  security_context = { capabilities = { add = ["NET_ADMIN", "SYS_MODULE"] } }
  hooks = {
    post_start = { exec = ["wg-quick", "up", "wg0"] }
    pre_stop   = { exec = ["wg-quick", "down", "wg0"] }
  }
  ports = { wg = "51820/UDP" }
  init_containers = [
    {
      name             = "ip-forward"
      image            = "docker.io/library/busybox:1.36"
      command          = ["sysctl", "-w", "net.ipv4.ip_forward=1"]
      security_context = { privileged = true }
    },
  ]

  # One line for each peer: its public key and its address.
  secrets = { peers = { store = "vault-kv", values = { "peers.txt" = "vpn-portal#wg_peers" }, refresh = "1m" } }
  volumes = {
    config = { mount = "/etc/wireguard", secret = { name = "wireguard", mode = "0400", optional = true } }
    peers  = { secret = { name = "peers", optional = true } }
  }
  sidecars = {
    peer-sync = {
      command = ["sh", "-c", <<-EOT
        while sleep 30; do
          while read -r key address; do wg set wg0 peer "$key" allowed-ips "$address"; done < /peers/peers.txt
        done
      EOT
      ]
      mounts           = { "/peers" = { volume = "peers", read_only = true } }
      security_context = { capabilities = { add = ["NET_ADMIN"] } }
    }
    exporter = {
      image            = "docker.io/mindflavor/prometheus-wireguard-exporter:3.6.6"
      args             = ["-n", "/etc/wireguard/wg0.conf"]
      ports            = { metrics = 9586 }
      mounts           = { "/etc/wireguard" = { volume = "config", read_only = true } }
      security_context = { capabilities = { add = ["NET_ADMIN"] } }
    }
  }
  resources = { requests = { cpu = "20m", memory = "32Mi" } }
  metrics   = { port = "metrics" }
  expose    = { wg = { loadbalancer = { ports = ["wg"], address = "192.0.2.54", share_address = "shared" } } }
}
