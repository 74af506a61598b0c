// The list of provider functions: one line each.
#pragma once

#include "provider/sdk/registry.h"

namespace charon {

void AddFunctions(sdk::Registry& registry);

}  // namespace charon
