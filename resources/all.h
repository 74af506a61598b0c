// The list of resources: one line each.
#pragma once

#include "provider/sdk/registry.h"
#include "provider/services.h"

namespace charon {

// Resources, and the lists and actions that stand beside them.
void AddResources(sdk::Registry& registry, Services& services);

}  // namespace charon
