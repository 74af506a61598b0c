// The parts of import_workload: what containers and pods are found as. Each is the reverse of its
// part of render_pod.cc; what it cannot say is left out, and found by comparison afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "provider/conventions.h"
#include "resources/service/service.h"

namespace charon::service {

// Fills in the container's shape, all mounts in `mounts`. `left_out` gets the environment variables
// whose literal values look like secrets.
void FillInContainer(const nlohmann::json& container, ContainerModel& model,
                     std::vector<std::string>& left_out);

// The pull policy that the server fills in for an image.
std::string UsualPullPolicy(const std::string& image);

// Fills in volumes, scheduling, and what holds for the whole pod, from the pod template. Mounts of
// the main container move to their volumes. What the render version would say and these pods have
// not is said otherwise. REQUIRES: the main container and `claims` are filled in.
void FillInPod(const nlohmann::json& pod_template, const Conventions& conventions,
               ServiceModel& model);

// "RuntimeDefault", "Unconfined", or the path of a profile.
Attr<std::string> SeccompProfile(const nlohmann::json& profile);
// "2h", "5m", "90s"; null for none and for what is no positive number, which no duration says.
Attr<std::string> DurationOf(const nlohmann::json& seconds);
Attr<std::int64_t> WholeNumber(const nlohmann::json& value);
Attr<bool> Flag(const nlohmann::json& value);
Attr<std::string> NonEmpty(std::string text);
// The texts of a list, or null for none.
Attr<StringList> TextList(const nlohmann::json& list);
// Null for none.
Attr<StringMap> Filled(StringMap map);
// The texts of a map, or null for none.
Attr<StringMap> Texts(const nlohmann::json& map);

}  // namespace charon::service
