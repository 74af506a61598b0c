// The list of data sources: one line each.
#pragma once

#include "provider/sdk/registry.h"
#include "provider/services.h"

namespace charon {

void AddDataSources(sdk::Registry& registry, Services& services);

}  // namespace charon
