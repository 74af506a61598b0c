// What each kind does before it is stored: allocated values, status reset, generation, and which
// parts of an object an endpoint may write.

#ifndef ACCEPTANCE_TESTS_SANDBOX_STRATEGY_H_
#define ACCEPTANCE_TESTS_SANDBOX_STRATEGY_H_

#include "absl/strings/string_view.h"
#include "cluster.h"
#include "field_set.h"
#include "json.h"
#include "kinds.h"

namespace charon::sandbox {

bool HasGeneration(const Resource& resource);
// PUT without a resourceVersion is accepted.
bool AllowsUnconditionalUpdate(const Resource& resource);

// Fields that this endpoint ignores, for field ownership.
FieldSet IgnoredFields(const Resource& resource, absl::string_view subresource);

void PrepareForCreate(Cluster& cluster, const Resource& resource, Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);
void PrepareForUpdate(Cluster& cluster, const Resource& resource, absl::string_view subresource,
                      const Json& live, Json& object) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_STRATEGY_H_
