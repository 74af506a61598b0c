// What is to be said as it is on the server, since saying it otherwise would have a price and mean
// the same: the order of lists, and the claim templates of a StatefulSet.
#pragma once

#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Rendering sorts by name what has no order of its own: variables, ports, volumes, mounts, ... The
// server takes the order of what is applied (sigs.k8s.io/structured-merge-diff v4, typed/merge.go,
// mergeListItems), and pods are made anew if it changes. So `workload` gets the order of `live` in
// such lists; what is new stands where rendering put it. Variables come after those that their
// values refer to, all the same.
void KeepOrder(const nlohmann::json& live, nlohmann::json& workload);

// A StatefulSet keeps its claim templates for good, to the letter. So `workload` gets those of
// `live` where they say the same: a size in other units, another order, or beside it what no
// attribute says, such as labels, limits, or the namespace that hashicorp/kubernetes writes.
void KeepClaimTemplates(const nlohmann::json& live, nlohmann::json& workload);

}  // namespace charon::service
