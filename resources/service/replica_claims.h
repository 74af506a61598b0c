// The claims that the controller of a StatefulSet makes for each replica: in no state, changed and
// deleted by nobody else.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/service.h"

namespace charon::service {

// Those of one of its volumes.
absl::StatusOr<std::vector<kubernetes::Json>> ReplicaClaims(const Call& call,
                                                            kubernetes::Cluster& cluster,
                                                            const ServiceModel& model,
                                                            const std::string& volume);

// Deletes them, or adds them to what was kept. `deleted`, unless null, gets those whose deletion
// was requested.
absl::Status RemoveReplicaClaims(const Call& call, kubernetes::Cluster& cluster,
                                 const ServiceModel& model, const std::string& volume,
                                 bool delete_data, std::vector<std::string>& kept,
                                 std::vector<kubernetes::ObjectRef>* deleted = nullptr);

// Brings a claim that is there to `size`, if that is more than it has.
absl::Status GrowClaim(const Call& call, kubernetes::Cluster& cluster,
                       const kubernetes::ObjectRef& ref, const kubernetes::Json& live,
                       const std::string& size, const std::string& manager);
// All of `model`.
absl::Status GrowReplicaClaims(const Call& call, kubernetes::Cluster& cluster,
                               const ServiceModel& model, const std::string& manager);

}  // namespace charon::service
