// Strategic merge patch on JSON, for extra_manifest_patch.
#pragma once

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Merges `patch` into `base`, an object of a built-in kind that services are made of (without a
// kind: a part of a workload), as `kubectl patch` does by default: maps by key (null removes),
// lists that have a merge key by that key (what is new comes last, not first), other lists
// replaced.
// `$patch: delete` in a map removes it or the list item that it names; `$patch: replace` replaces
// the map, or, as an item of its own, the list; `$retainKeys` removes what it does not name
// (Kubernetes, "Update API Objects in Place Using kubectl patch").
// InvalidArgument, with the place in its text, for an item without its list's merge key, for one
// that may be either of two ports of a Service, and for other directives; `base` is then merged in
// part.
absl::Status StrategicMerge(nlohmann::json& base, const nlohmann::json& patch);

}  // namespace charon::service
