terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "frigate" {
  name = "frigate"
  tier = "gpu"
}

locals {
  # Mostly file("frigate.yaml"), as its project publishes it.
  documents = provider::charon::manifest_decode_multi(<<-YAML
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: frigate-config }
    data:
      config.yml: |
        mqtt: { enabled: false }
    ---
    apiVersion: v1
    kind: Service
    metadata: { name: frigate }
    spec:
      selector: { app: frigate }
      ports: [{ name: web, port: 5000 }]
  YAML
  )
}

resource "charon_kubernetes_manifest" "frigate" {
  for_each = { for d in local.documents : "${d.kind}/${d.metadata.name}" => d }
  manifest = jsonencode(merge(each.value, {
    metadata = merge(each.value.metadata, { namespace = charon_tier_namespace.frigate.name })
  }))
}
