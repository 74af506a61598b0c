// Pods and their claims: who uses one; and pods of a StatefulSet that have not got the volumes of
// its volumeClaimTemplates, since they were made by a former set, around which this one was made
// anew. No pod gets a volume while it runs, and the controller, which tries to add it, is refused
// and does nothing for the pods that follow (Kubernetes v1.36, pkg/controller/statefulset:
// storageMatches, UpdateStatefulPod, processReplica).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::operations {

// The pods that use a claim. It is gone no sooner than they are (finalizer
// kubernetes.io/pvc-protection).
absl::StatusOr<std::vector<nlohmann::json>> PodsUsing(const Call& call,
                                                      kubernetes::Cluster& cluster,
                                                      const kubernetes::ObjectRef& claim);

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
