// Strategic merge patch on JSON, for extra_manifest_patch.
#pragma once

#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Merges `patch` into `base` as `kubectl patch` does by default: maps by key (null removes), lists
// of maps by the merge key of the built-in kinds (name, mountPath, containerPort, ip, topologyKey
// ...), other lists replaced.
// `$patch: delete` in a map removes it or the list item that it names; `$patch: replace` replaces
// (Kubernetes, "Update API Objects in Place Using kubectl patch").
void StrategicMerge(nlohmann::json& base, const nlohmann::json& patch);

}  // namespace charon::service
