# By the namespace's name.
terraform import charon_tier_namespace.monitoring monitoring
