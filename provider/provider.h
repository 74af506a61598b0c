// The provider block, and the list of everything the provider offers.
#pragma once

#include <memory>

#include "provider/sdk/registry.h"

namespace charon {

// Everything the provider offers, wired to the clients of one provider block.
std::unique_ptr<sdk::Registry> NewRegistry();

}  // namespace charon
