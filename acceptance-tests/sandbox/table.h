// Tables, as kubectl get shows them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_TABLE_H_
#define ACCEPTANCE_TESTS_SANDBOX_TABLE_H_

#include <vector>

#include "absl/time/time.h"
#include "json.h"
#include "kinds.h"
#include "representation.h"

namespace charon::sandbox {

Json MakeTable(const Resource& resource, const std::vector<const Json*>& objects,
               const Representation& how, Json list_metadata, absl::Time now);

// "3s", "5m10s", "2d", as columns print ages.
std::string Age(absl::Duration duration);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_TABLE_H_
