#include "provider/provider.h"

#include <memory>
#include <optional>
#include <utility>

#include "datasources/all.h"
#include "provider/base/status.h"
#include "provider/ephemeral/all.h"
#include "provider/functions/all.h"
#include "provider/provider_block.h"
#include "provider/sdk/function.h"
#include "provider/services.h"
#include "resources/all.h"
#include "resources/service/manifests_function.h"

namespace charon {
namespace {

// Here, because functions do not see the provider block, and only this floor knows its model.
absl::StatusOr<Value> ServiceManifests(const Value& service,
                                       const std::optional<Value>& conventions) {
  Conventions agreed;
  if (conventions && !IsAbsent(*conventions)) {
    CHARON_ASSIGN_OR_RETURN(const ConventionsModel model,
                            sdk::ObjectArgument<ConventionsModel>(1, *conventions));
    agreed = ToConventions(model);
  }
  return service::ServiceManifests(service, agreed);
}

}  // namespace

std::unique_ptr<sdk::Registry> NewRegistry() {
  // Lives as long as the process: calls may still run when the registry goes.
  static auto& services = *new Services;
  auto registry = std::make_unique<sdk::Registry>(std::make_unique<ProviderBlock>(services));
  AddResources(*registry, services);
  AddDataSources(*registry, services);
  AddEphemeralResources(*registry, services);
  AddFunctions(*registry);
  registry->Add(
      sdk::NewFunction({"service_manifests", "The objects that a service would make",
                        "Renders the Kubernetes objects of a `charon_service` from its "
                        "configuration, without a cluster: for reviews and policy tests. "
                        "Functions do not see the provider block, so its `conventions` are the "
                        "second argument, or null. Values of Secrets are not in it."},
                       {{"service", "The configuration of a charon_service, as an object."},
                        {"conventions", "As in the provider block, or null."}},
                       ServiceManifests));
  return registry;
}

}  // namespace charon
