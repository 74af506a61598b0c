// Secrets that pods need and that others make: waited for before a rollout, and rolled out again
// when they change.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/sdk/context.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

// Waits until each is there; not where no pod needs it. DeadlineExceeded, at the attribute that
// names the Secret, with what the External Secrets operator says about it.
absl::Status AwaitSecrets(const sdk::Context& context, kubernetes::Cluster& cluster,
                          const ServiceModel& model);

// Names of those that pods are restarted for.
std::vector<std::string> RestartSecrets(const ServiceModel& model);

// What pods are started with: the keyed hashes of these Secrets, where no controller of the cluster
// restarts the pods, and as before an id of generated values that were made anew.
absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, Services& services,
                                         const ServiceModel& model, const Attr<StringMap>& prior);

}  // namespace charon::service
