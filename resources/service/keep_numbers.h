// A port's name that the pods get with the coming rollout leads to none of those that run until
// then.
#pragma once

#include "absl/functional/function_ref.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::service {

// Where the pods of `running` (the workload as it is, asked for if need be; null: none) listen on
// the number by which `workload`, the one to come, has a port that `service` names and `live`, the
// Service as it is, does not: `service` gets that number, to be written again once they are gone.
// Whether it has got any.
bool KeepNumbers(const nlohmann::json& workload, absl::FunctionRef<const nlohmann::json&()> running,
                 const nlohmann::json& live, nlohmann::json& service);

}  // namespace charon::service
