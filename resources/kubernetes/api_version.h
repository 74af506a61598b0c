// What resources and data sources of Kubernetes objects check before they ask.
#pragma once

#include "provider/schema/schema.h"

namespace charon::kubernetes_resources {

// "v1", or group/version as in "apps/v1".
Check ApiVersion();

}  // namespace charon::kubernetes_resources
