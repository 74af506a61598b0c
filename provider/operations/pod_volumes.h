// Pods of a StatefulSet that have not got the volumes of its volumeClaimTemplates: they were made
// by a former set, around which this one was made anew. No pod gets a volume while it runs, and the
// controller, which tries to add it, is refused and does nothing for the pods that follow
// (Kubernetes v1.36, pkg/controller/statefulset: storageMatches, UpdateStatefulPod,
// processReplica).
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::operations {

struct PodsWithoutVolumes {
  bool any = false;
  // The one to be deleted now: the first by its number, since the controller makes none anew behind
  // it, and not before those in front of it are available. One of the pods given; null: none yet.
  const nlohmann::json* next = nullptr;
};

// `pods`: all that the set's selector finds.
PodsWithoutVolumes FindPodsWithoutVolumes(const nlohmann::json& set,
                                          const std::vector<nlohmann::json>& pods, absl::Time now);

}  // namespace charon::operations
