// What a service may turn out to be of which parts are not known yet, and what is the same whatever
// that is: it does not depend on them.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/schema/completions.h"
#include "provider/sdk/context.h"
#include "resources/service/content.h"
#include "resources/service/service.h"

namespace charon::service {

struct Case {
  ServiceModel model;
  Content content;
};

// The cases that `completions` come to, with `restart` as what the pods are started with. Those
// that cannot be rendered are none; what is wrong with all completions is the error. Empty if too
// little is left to tell anything.
absl::StatusOr<std::vector<Case>> CasesOf(const std::vector<Completion>& completions,
                                          const Attr<StringMap>& restart,
                                          const Conventions& conventions);

// The keys that all cases have, with "" for the hash where they differ in the object; and the
// objects in which they do not. REQUIRES: there are cases; so below.
Content CommonOf(const std::vector<Case>& cases);

// The workload with those labels of its pods that all cases have; empty if they differ in its name
// or its selector.
std::vector<Rendered> CommonWorkload(const std::vector<Case>& cases);

// Runs `check` on each case, and warns of what it told of all of them.
absl::Status TellOfAll(const sdk::Context& context, const std::vector<Case>& cases,
                       const std::function<absl::Status(const sdk::Context&, const Case&)>& check);

}  // namespace charon::service
