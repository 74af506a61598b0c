// What can be wrong in the configuration of a charon_service, before any server is asked.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"
#include "resources/service/service.h"

namespace charon::service {

// What can be wrong in a configuration beyond one attribute. Unknown parts are passed over. One
// status an error, each with its path.
std::vector<absl::Status> CheckService(const ServiceModel& config);

// What `patch`, a document of `extra_manifest_patch` about the workload, sets although
// `replicas_owner`, an `image_owner` or a `resources_owner` leaves it to somebody else: it would be
// ours with the first apply. Without a path.
std::vector<absl::Status> CheckPatchOwners(const ServiceModel& model, const nlohmann::json& patch);

// What works where all pods get to one node and hangs elsewhere: several pods with one
// ReadWriteOnce claim. For a warning, with its path and remedy.
std::optional<absl::Status> MayNotFitOnTwoNodes(const ServiceModel& model);

}  // namespace charon::service
