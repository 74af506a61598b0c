// provider::charon::service_manifests: what a service would apply, for review and policy tests.
#pragma once

#include "absl/status/statusor.h"
#include "provider/conventions.h"
#include "provider/value/value.h"

namespace charon::service {

// The objects of `service` (its configuration as an object), in the order of the apply, as a tuple
// of objects. InvalidArgument with the index of the argument for what no charon_service could be.
absl::StatusOr<Value> ServiceManifests(const Value& service, const Conventions& conventions);

}  // namespace charon::service
