// Scripted policy engines: what they add to objects, and what they refuse.

#ifndef ACCEPTANCE_TESTS_SANDBOX_MUTATION_RULES_H_
#define ACCEPTANCE_TESTS_SANDBOX_MUTATION_RULES_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cluster.h"
#include "json.h"
#include "objects.h"

namespace charon::sandbox {

// From the control API.
absl::StatusOr<MutationRule> ReadMutationRule(const Json& description);
Json DescribeMutationRule(const MutationRule& rule);

absl::Status ApplyMutationRules(Cluster& cluster, const Call& call, const Json& live, Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_MUTATION_RULES_H_
