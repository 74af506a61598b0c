// From a live workload to what a service is imported as: a pure function, the reverse of rendering.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "provider/conventions.h"
#include "provider/operations/apply_object.h"
#include "resources/service/service.h"

namespace charon::service {

// What of a workload is not in the model.
struct NotSaid {
  // Environment variables with literal values that look like secrets, which belong into no state:
  // NAME, or NAME of CONTAINER.
  std::vector<std::string> secrets;
  // Fields of the workload that the service would not have or would have differently, as paths
  // without values. What the server fills in where there is nothing does not count.
  std::vector<std::string> fields;
};

// Fills in replicas, rollout, the claims of a StatefulSet's replicas, the containers (the main one
// is the one named as the service, else the first) and the pod. REQUIRES: `model` has its
// namespace, name, kind and selector, and nothing else.
NotSaid FillInFromWorkload(const nlohmann::json& workload, const Conventions& conventions,
                           ServiceModel& model);

// Fills in the ports of the Service that has the service's name, where they are others than
// rendering would give it: clients use them. Returns those that the model cannot have, as
// `8081 (to "http")`: to no declared port, or to one that another port of the Service leads to.
// REQUIRES: the workload is filled in.
std::vector<std::string> FillInFromService(const nlohmann::json& service, ServiceModel& model);

// Says in `extra_manifest_patch` what the Service that has the service's name would lose for want
// of an attribute: annotations of former tools, sessionAffinity, publishNotReadyAddresses and other
// names of its ports. REQUIRES: its ports are filled in.
void FillInServicePatch(const nlohmann::json& service, const Conventions& conventions,
                        const operations::ObjectOptions& options, ServiceModel& model);

// Fills in `annotations` (of the workload) and `labels` (of the workload, and those of its Service,
// null for none, that contradict nothing) as far as former tools own them, and rendering does not
// give them.
void FillInMetadata(const nlohmann::json& workload, const nlohmann::json& service,
                    const Conventions& conventions, const operations::ObjectOptions& options,
                    ServiceModel& model);

}  // namespace charon::service
