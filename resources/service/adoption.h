// What an object of another tool loses as it becomes part of a service.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

// The entries of `live`'s metadata.labels or .annotations (`map`) that our first apply would take
// away: those that former tools own and nobody else; all of them where nothing is noted. Without
// what tools and controllers note for themselves.
StringMap EntriesOfFormerTools(const nlohmann::json& live, const char* map,
                               const operations::ObjectOptions& options);

// What the first apply of `object` takes away from `live` or changes, as paths: labels and
// annotations, and of a Service its spec, without what means the same.
std::vector<std::string> TakenAway(const nlohmann::json& object, const nlohmann::json& live,
                                   const operations::ObjectOptions& options);

// The warning of that; none if it is nothing.
void WarnOfTakenAway(const sdk::Context& context, const Rendered& rendered,
                     const nlohmann::json& live, const operations::ObjectOptions& options);

// FailedPrecondition where `rendered` is a Service inside the cluster, and `live` leads in from
// outside: its address would end with the first apply. OK if `model` says in `expose` by what
// Service of its own it goes on.
absl::Status CheckWayIn(const ServiceModel& model, const Rendered& rendered,
                        const nlohmann::json& live);

}  // namespace charon::service
