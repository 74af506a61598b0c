// The order of lists whose order says nothing: as it is on the server.
#pragma once

#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Rendering sorts by name what has no order of its own: variables, ports, volumes, mounts, ... The
// server takes the order of what is applied (sigs.k8s.io/structured-merge-diff v4, typed/merge.go,
// mergeListItems), and pods are made anew if it changes. So `workload` gets the order of `live` in
// such lists; what is new stands where rendering put it. Variables come after those that their
// values refer to, all the same.
void KeepOrder(const nlohmann::json& live, nlohmann::json& workload);

}  // namespace charon::service
