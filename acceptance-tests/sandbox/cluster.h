// The whole state of the server behind one lock.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CLUSTER_H_
#define ACCEPTANCE_TESTS_SANDBOX_CLUSTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "json.h"
#include "kinds.h"
#include "store.h"

namespace charon::sandbox {

// A scripted policy engine: lays `patch` over every matching object that is created (and updated,
// if asked), after the client's fields were recorded, so that nobody owns what it adds.
struct MutationRule {
  std::string id;
  std::string group, kind;  // kind "" or "*": any.
  std::string ns;           // "" any.
  std::string name_prefix;
  bool on_update = false;
  Json patch;                       // Strategic merge for built-in kinds, merge patch for others.
  Json json_patch;                  // Operations; an operation that does not apply is skipped.
  std::vector<std::string> remove;  // "spec.containers[*].resources.limits.cpu"
  std::string deny;                 // Not empty: refuse instead, with this text.
};

// A workload whose pod was refused.
struct RefusedPod {
  absl::Status why;
  absl::Time until;  // When the next attempt may be made.
  absl::Duration delay;
  std::int64_t generation = 0;  // Of the workload: a changed one is tried at once.
};

struct Cluster {
  mutable absl::Mutex mu;
  KindTable kinds ABSL_GUARDED_BY(mu);
  Store store ABSL_GUARDED_BY(mu);
  std::vector<MutationRule> mutation_rules ABSL_GUARDED_BY(mu);
  absl::Duration time_offset ABSL_GUARDED_BY(mu);
  // Unit tests stop the clock and move it by time_offset.
  std::optional<absl::Time> clock_stopped_at ABSL_GUARDED_BY(mu);
  std::mt19937_64 random ABSL_GUARDED_BY(mu);
  std::string ca_pem ABSL_GUARDED_BY(mu);
  // When pods that start slowly will be ready, by uid.
  std::map<std::string, absl::Time> pod_due ABSL_GUARDED_BY(mu);
  // By uid of the workload.
  std::map<std::string, RefusedPod> refused_pods ABSL_GUARDED_BY(mu);
  int next_ip ABSL_GUARDED_BY(mu) = 1;
  int next_node_port ABSL_GUARDED_BY(mu) = 30000;
  bool stopping ABSL_GUARDED_BY(mu) = false;
  // Grows with every change and every tick of the clock; what waits compares it.
  std::int64_t wake_count ABSL_GUARDED_BY(mu) = 0;

  absl::Time Now() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  std::string NowText() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  std::string NewUid() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Five characters as generateName adds them.
  std::string NameSuffix() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CLUSTER_H_
