// What makes objects live: workloads get pods and become ready, claims bind, namespaces empty,
// owners take their dependents along. One thread that follows the store's changes.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CONTROLLERS_H_
#define ACCEPTANCE_TESTS_SANDBOX_CONTROLLERS_H_

#include <map>
#include <set>
#include <string>
#include <thread>

#include "cluster.h"
#include "controller_parts.h"
#include "objects.h"

namespace charon::sandbox {

class Controllers {
 public:
  explicit Controllers(Cluster& cluster) : cluster_(cluster), objects_(cluster) {}
  ~Controllers();

  void Start();
  void Stop();

  // Works off everything that is due now, without the thread.
  void RunUntilIdleForTest() ABSL_LOCKS_EXCLUDED(cluster_.mu);

 private:
  void Loop();
  // Handles changes and a few items; false if there was nothing to do.
  bool Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu);
  void Observe(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu);
  void Reconcile(const ItemKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu);
  void CollectGarbage(const Json& object, const std::string& resource)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu);
  void ReconcileOwnerDeletion(const ItemKey& key, const Json& object)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster_.mu);

  Cluster& cluster_;
  Objects objects_;
  std::thread thread_;
  std::int64_t seen_revision_ ABSL_GUARDED_BY(cluster_.mu) = 0;
  std::set<ItemKey> dirty_ ABSL_GUARDED_BY(cluster_.mu);
  std::multimap<absl::Time, ItemKey> timers_ ABSL_GUARDED_BY(cluster_.mu);
  // Dependents by the uid of an owner, and uids that exist.
  std::map<std::string, std::set<ItemKey>> dependents_ ABSL_GUARDED_BY(cluster_.mu);
  // Quotas that will be counted soon.
  std::set<ItemKey> counting_ ABSL_GUARDED_BY(cluster_.mu);
  std::set<std::string> uids_ ABSL_GUARDED_BY(cluster_.mu);
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CONTROLLERS_H_
