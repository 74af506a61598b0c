// What writes a service: its objects are made and changed in order, and taken away in the reverse
// one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "provider/operations/apply_object.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

inline constexpr char kType[] = "charon_service";

// Private state: set by import and `moved` until the first apply, which takes over what is there.
inline constexpr char kAdopting[] = "adopting";

// Who owns a service's objects.
operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model);

// Makes the service (`prior` is nullptr), or what has changed of it, and waits until it is ready.
// What was reached is in the outcome also if something fails.
sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel& plan);

// Exposure first. What holds data stays unless `delete_data` says otherwise; what was kept is told.
absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior);

// Secrets that pods are restarted for.
std::vector<std::string> RestartSecrets(const ServiceModel& model);

// The keyed hashes of these Secrets, where no controller of the cluster restarts the pods.
absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, Services& services,
                                         const ServiceModel& model, const Attr<StringMap>& prior);

// Private state, by key of an object: a fingerprint of what the server made of it as it was applied
// (a policy or a webhook rewrote it). As long as that stays, nothing has drifted.
std::map<std::string, std::string> ParseSettled(const sdk::Context& context);

}  // namespace charon::service
