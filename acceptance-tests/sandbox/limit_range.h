// LimitRange: defaults for containers, and bounds.

#ifndef ACCEPTANCE_TESTS_SANDBOX_LIMIT_RANGE_H_
#define ACCEPTANCE_TESTS_SANDBOX_LIMIT_RANGE_H_

#include <string>

#include "absl/status/status.h"
#include "cluster.h"
#include "json.h"
#include "objects.h"

namespace charon::sandbox {

// Gives the pod's containers the namespace's default requests and limits, and notes it.
absl::Status ApplyLimitRanges(Cluster& cluster, const std::string& ns, Json& pod)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

// 403 if a pod or claim is outside the namespace's bounds.
absl::Status CheckLimitRanges(Cluster& cluster, const Call& call, const Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_LIMIT_RANGE_H_
