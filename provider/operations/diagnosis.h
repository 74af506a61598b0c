// Why a workload does not become ready: its pods, their containers, the events about them, the last
// log lines.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::operations {

struct Diagnosis {
  // The first trouble that does not go away by itself ("container app of pod web-1:
  // CrashLoopBackOff, ..."); empty: there is none, or none that can be seen.
  std::string hopeless;
  // All that is known, a line each, worst first.
  std::vector<std::string> lines;
  // Pods of a StatefulSet that are hopeless and of a former template: its controller replaces no
  // pod that is not ready (Kubernetes, "StatefulSet", forced rollback), so that a corrected
  // template never gets to them.
  std::vector<kubernetes::Json> stuck;
};

// The pods of a workload as a label selector: "app=web,x in (1,2)". Empty if it has none.
std::string PodSelector(const kubernetes::Json& workload);

// What one pod suffers from, from its status alone. Empty if nothing. `hopeless` as above, but
// "Unschedulable" counts although a cluster autoscaler may be about to help.
Diagnosis DiagnosePod(const kubernetes::Json& pod);

struct DiagnosisOptions {
  int log_lines = 0;  // of at most two containers that failed; 0: none
  // Events that were last seen more than a minute before this are about something else.
  absl::Time since = absl::InfinitePast();
};

// Looks at `object` (a workload, a pod, or anything with events). At most five requests, plus two
// for logs; what cannot be read is left out, so this never fails. Log lines and messages pass
// through Redact.
Diagnosis Diagnose(const Call& call, kubernetes::Cluster& cluster, const kubernetes::Json& object,
                   const DiagnosisOptions& options);

}  // namespace charon::operations
