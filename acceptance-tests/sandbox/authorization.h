// May this user do that? Admin may everything; others what role bindings give them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_AUTHORIZATION_H_
#define ACCEPTANCE_TESTS_SANDBOX_AUTHORIZATION_H_

#include <string>

#include "cluster.h"

namespace charon::sandbox {

struct AccessRequest {
  std::string user, verb, group, plural, subresource, ns, name;
};

bool IsAllowed(const Cluster& cluster, const AccessRequest& request)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

// 'User "x" cannot list resource "pods" in API group "" in the namespace "y"'
std::string DenialText(const AccessRequest& request);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_AUTHORIZATION_H_
