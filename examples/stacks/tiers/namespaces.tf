locals {
  purposes = {
    "0-core"    = "What everything else needs: DNS, VPN, storage"
    "1-cluster" = "Services of the cluster: monitoring, certificates, backup"
    "2-gpu"     = "Work that needs a GPU"
    "3-edge"    = "What people use from outside"
    "4-aux"     = "Nice to have"
  }

  namespaces = {
    headscale  = { tier = "0-core", owner = "platform", isolated = false, privileged = true }
    monitoring = { tier = "1-cluster", owner = "platform", isolated = false, privileged = true }
    inference  = { tier = "2-gpu", owner = "ml", isolated = true, privileged = false }
    website    = { tier = "3-edge", owner = "web", isolated = true, privileged = false }
    chat       = { tier = "3-edge", owner = "web", isolated = true, privileged = false }
    feeds      = { tier = "4-aux", owner = "web", isolated = true, privileged = false }
    playground = { tier = "9-lab", owner = "everybody", isolated = true, privileged = false }
  }

  # By name, but through the resources: a tier is there before its namespaces, and goes after them.
  tiers = merge(
    { for key, tier in charon_tier.builtin : key => tier.name },
    { (charon_tier.lab.name) = charon_tier.lab.name },
  )
}
