// extra_manifest_patch: what it says of each object of a service.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

// The documents of `extra_manifest_patch`, each a map; none if it is null or unknown.
// InvalidArgument, without a path, for a text that is or has something else.
absl::StatusOr<std::vector<nlohmann::json>> PatchDocuments(const ServiceModel& model);

// Those of them that are the workload's: without a kind, or of its kind. None if there is an error,
// which is told where they are checked.
std::vector<nlohmann::json> WorkloadPatches(const ServiceModel& model);

// What is wrong in `documents` whatever they are merged over. Without paths.
std::vector<absl::Status> CheckPatches(const ServiceModel& model,
                                       const std::vector<nlohmann::json>& documents);

// Merges each document over the object that it is about: a built-in kind as a strategic merge
// patch, a custom resource as a JSON merge patch (RFC 7396), as `kubectl patch` and the API server
// do. What leads by name to a port of a Service that gets another name goes on leading there.
// InvalidArgument at `extra_manifest_patch`, with a remedy, for a document that no object or
// several may be meant by, and for what is no patch's to change. Of a service without the attribute
// nothing changes.
absl::Status PatchObjects(const ServiceModel& model, std::vector<Rendered>& objects);

}  // namespace charon::service
