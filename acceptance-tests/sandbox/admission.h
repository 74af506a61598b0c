// Admission: what changes an object on its way in, and what refuses it.

#ifndef ACCEPTANCE_TESTS_SANDBOX_ADMISSION_H_
#define ACCEPTANCE_TESTS_SANDBOX_ADMISSION_H_

#include "absl/status/status.h"
#include "cluster.h"
#include "json.h"
#include "objects.h"

namespace charon::sandbox {

// Namespace life cycle, service accounts, priority, limit ranges, default classes, scripted rules.
// `live` is null on create.
absl::Status Mutate(Cluster& cluster, const Call& call, const Json& live, Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

// Limit ranges' bounds, pod security, quota. Run last, after validation.
absl::Status Admit(Cluster& cluster, Call& call, const Json& live, const Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_ADMISSION_H_
