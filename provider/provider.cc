#include "provider/provider.h"

#include <memory>
#include <utility>

#include "datasources/all.h"
#include "provider/ephemeral/all.h"
#include "provider/functions/all.h"
#include "provider/provider_block.h"
#include "provider/services.h"
#include "resources/all.h"

namespace charon {

std::unique_ptr<sdk::Registry> NewRegistry() {
  // Lives as long as the process: calls may still run when the registry goes.
  static auto& services = *new Services;
  auto registry = std::make_unique<sdk::Registry>(std::make_unique<ProviderBlock>(services));
  AddResources(*registry, services);
  AddDataSources(*registry, services);
  AddEphemeralResources(*registry, services);
  AddFunctions(*registry);
  return registry;
}

}  // namespace charon
