import {
  to = charon_kubernetes_manifest.service
  id = "v1/Service/redmine/redmine"
}
