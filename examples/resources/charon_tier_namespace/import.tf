import {
  to = charon_tier_namespace.monitoring
  id = "monitoring"
}
