// ResourceQuota: what objects use, and whether one more fits.

#ifndef ACCEPTANCE_TESTS_SANDBOX_QUOTA_H_
#define ACCEPTANCE_TESTS_SANDBOX_QUOTA_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "cluster.h"
#include "json.h"
#include "kinds.h"
#include "quantity.h"

namespace charon::sandbox {

using Amounts = std::map<std::string, Quantity>;

// Effective requests or limits ("requests", "limits") of a pod, init containers included.
Amounts PodAmounts(const Json& pod, const char* which);

// What one object uses of what a quota can name.
Amounts UsageOf(const Resource& resource, const Json& object);

// What the namespace's objects use of what `quota` limits.
Json QuotaUsed(const Cluster& cluster, const Json& quota) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

// 403 if the change from `live` (null: creation) to `object` exceeds a quota of the namespace.
absl::Status CheckQuota(const Cluster& cluster, const Resource& resource, const std::string& ns,
                        const std::string& name, const Json& live, const Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_QUOTA_H_
