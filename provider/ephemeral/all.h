// The list of ephemeral resources: one line each.
#pragma once

#include "provider/sdk/registry.h"
#include "provider/services.h"

namespace charon {

void AddEphemeralResources(sdk::Registry& registry, Services& services);

}  // namespace charon
