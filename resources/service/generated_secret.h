// The Secret with `generated_secrets`: its values are made up here, once, and are in no state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"
#include "resources/service/service.h"

namespace charon::service {

// What an apply knows of the service before it.
struct FormerValues {
  const ServiceModel* prior = nullptr;   // of the state; null: the service is made
  const ServiceModel* former = nullptr;  // the prior one, or what a create left that failed
  bool applied = false;                  // the state has had the Secret
};

struct GeneratedValues {
  // What the pods are to be started with; "" for the first values. Null: the pods are new as well.
  std::optional<std::string> id;
  std::vector<std::string> kept;  // "value NAME of Secret/...", for values no longer declared
};

// Fills in `object`, the rendered Secret: values that are there stay, those that are missing or
// whose rotation_trigger is another one are made up, those that are no longer declared stay unless
// delete_data. Warns of values that were lost.
absl::StatusOr<GeneratedValues> FillInGenerated(
    const sdk::Context& context, kubernetes::Cluster& cluster, const ServiceModel& plan,
    const FormerValues& former, const operations::ObjectOptions& options, nlohmann::json& object);

}  // namespace charon::service
