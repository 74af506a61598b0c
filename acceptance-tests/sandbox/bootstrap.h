// What a new cluster holds before anybody uses it.

#ifndef ACCEPTANCE_TESTS_SANDBOX_BOOTSTRAP_H_
#define ACCEPTANCE_TESTS_SANDBOX_BOOTSTRAP_H_

#include <string>

#include "cluster.h"

namespace charon::sandbox {

// Namespaces, nodes, priority and storage classes, cluster roles. `ca_pem` goes into the
// kube-root-ca.crt of every namespace.
void Bootstrap(Cluster& cluster, const std::string& ca_pem)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_BOOTSTRAP_H_
