// From a live workload to what a service is imported as: a pure function, the reverse of rendering where that is unambiguous.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "resources/service/service.h"

namespace charon::service {

// Fills in what the main container (the one named as the service, else the first) and its pod say: image, command, arguments,
// working directory and terminal, ports, environment, resources, the ServiceAccount, the number of replicas. Returns the names of environment
// variables that were left out, because their literal values look like secrets, which belong into no state.
// REQUIRES: `model` has its namespace, name, kind and selector.
std::vector<std::string> FillInFromWorkload(const nlohmann::json& workload, ServiceModel& model);

}  // namespace charon::service
