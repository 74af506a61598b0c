// What a plan finds out about a service before anything is written: pods of others, quotas, claims,
// the server's opinion.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/content.h"
#include "resources/service/service.h"

namespace charon::service {

// One for all services of a run: some checks compare them with each other.
class PlanChecks {
 public:
  explicit PlanChecks(Services& services) : services_(services) {}

  // This run is going to delete the workload.
  void NoteGoing(const kubernetes::ObjectRef& ref) ABSL_LOCKS_EXCLUDED(mutex_);

  // No other service of this configuration may have our name in the namespace.
  absl::Status Twice(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                     const ServiceModel& planned) ABSL_LOCKS_EXCLUDED(mutex_);

  // No other workload of the namespace may match our pods, nor ours its pods.
  absl::Status Selector(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                        const ServiceModel& planned, const std::vector<Rendered>& objects)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks a reachable server whether it would take what changes.
  absl::Status DryRun(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                      const ServiceModel& planned, const Content& content) const;

  // Tells of backups that have no claim to write to yet. A warning: the same run may make it.
  absl::Status BackupTargets(const sdk::Context& context,
                             const sdk::PlanChange<ServiceModel>& change,
                             const ServiceModel& planned, const Content& content) const;

  // Tells before the apply what would not fit. A warning: the same run may raise a quota or add a
  // node.
  absl::Status Fit(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                   const ServiceModel& planned, const std::vector<Rendered>& objects) const;

  // What a change means for data: explained, refused, never lost without being told. `replace`: the
  // whole service is going to be deleted and made again.
  absl::Status Data(const sdk::Context& context, const ServiceModel& prior,
                    const ServiceModel& planned, bool replace) const;

 private:
  absl::Status Claim(const sdk::Context& context, const std::string& name,
                     const ServiceModel& prior, const ServiceModel& planned) const;
  // The claims of `planned`, by name, that are none of the keys `former` and not there yet.
  std::vector<std::string> NewClaims(const sdk::Context& context, const ServiceModel& planned,
                                     const std::set<std::string>& former) const;
  // Whether that is the class that the claim has got by default.
  bool IsClassOf(const sdk::Context& context, const kubernetes::ObjectRef& claim,
                 const std::string& storage_class) const;
  // The server refuses to change a workload because of what it was made with: what the apply will
  // do about it, or why it cannot.
  absl::Status MadeAnew(const sdk::Context& context, kubernetes::Cluster& cluster,
                        const Rendered& rendered, const operations::ObjectOptions& options,
                        bool create) const;
  // Whether the server refuses the Service only for node ports of another one of ours, which the
  // same apply removes before: with an entry of `expose`, or with the service that is replaced.
  bool FreesNodePorts(const sdk::Context& context, const StringMap& before, const Content& content,
                      const kubernetes::Json& object, const absl::Status& refused) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Claims grow only if their class lets them.
  static absl::Status Growth(const sdk::Context& context, kubernetes::Cluster& cluster,
                             const ServiceModel& planned, const Rendered& rendered);
  // What is noted is of one run, and a run begins with settings of its own.
  void ForgetFormerRuns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Nor may one that this run makes or changes. The first of two that clash does not know yet: the
  // second one is refused.
  absl::Status PlannedSelectors(const kubernetes::ObjectRef& own, const kubernetes::Json& workload)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsGoing(const kubernetes::ObjectRef& ref) const ABSL_LOCKS_EXCLUDED(mutex_);

  Services& services_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Settings> run_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> named_ ABSL_GUARDED_BY(mutex_);  // namespace/name
  // The create half of a replacement is planned without its prior object.
  std::set<kubernetes::ObjectRef> going_ ABSL_GUARDED_BY(mutex_);
  // Selector and pod labels of the workloads that this run makes or changes, by namespace.
  std::map<std::string, std::map<kubernetes::ObjectRef, kubernetes::Json>> planned_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::service
