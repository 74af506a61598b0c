// Waiting until an object is what it should be, and saying why it is not.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::operations {

struct WaitFor {
  // As `kubectl rollout status` judges it for workloads; Bound for claims, an address for
  // LoadBalancers and Ingresses, Established for CRDs, Complete for Jobs, Active for Namespaces,
  // Ready for what has that condition.
  bool rollout = false;
  std::map<std::string, std::string> conditions;  // type -> status ("Ready" -> "True")
  std::map<std::string, std::string>
      fields;  // dotted path -> regular expression the value must match whole
  absl::Duration grace = absl::Seconds(30);  // how long a hopeless state may last before it counts
  // Delete the pods of a StatefulSet that its controller would never replace: those that are
  // Diagnosis::stuck, and those without a volume of its volumeClaimTemplates, one by one.
  bool replace_stuck = false;
};

// OK when all of it holds. DeadlineExceeded / FailedPrecondition (hopeless: crash loop, image pull,
// unschedulable, quota ...) with what is missing: conditions, reasons of containers, exit codes,
// events, log lines. NotFound if the object goes away meanwhile.
absl::Status WaitUntilReady(const Call& call, kubernetes::Cluster& cluster,
                            const kubernetes::ObjectRef& ref, const WaitFor& wait);

// OK when the object with that uid is gone. DeadlineExceeded naming finalizers and, for a
// namespace, what remains.
absl::Status WaitUntilGone(const Call& call, kubernetes::Cluster& cluster,
                           const kubernetes::ObjectRef& ref, const std::string& uid);

}  // namespace charon::operations
