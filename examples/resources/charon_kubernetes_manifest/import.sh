# apiVersion/Kind/namespace/name; kinds without namespaces have one part less: v1/Namespace/redmine
terraform import charon_kubernetes_manifest.service v1/Service/redmine/redmine
