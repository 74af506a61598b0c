// charon_service: rendered purely, applied in order, owned field by field, waited for with reasons.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

struct ServiceIdentity {
  Attr<std::string> name_space, name, cluster;
  static const ObjectSpec<ServiceIdentity>& Describe();
};

class ServiceResource final : public sdk::Resource<ServiceModel, ServiceIdentity> {
 public:
  explicit ServiceResource(Services& services) : services_(services) {}

  // What a service consists of.
  struct Content {
    std::vector<Rendered> objects;
    std::vector<kubernetes::ObjectRef> refs;  // of each
    StringMap hashes;                         // by ref: what `objects` says
  };

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const ServiceModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<ServiceModel>& change) override;
  sdk::Outcome<ServiceModel> Create(const sdk::Context& context, const ServiceModel& plan) override;
  sdk::Outcome<ServiceModel> Read(const sdk::Context& context, const ServiceModel& prior) override;
  sdk::Outcome<ServiceModel> Update(const sdk::Context& context, const ServiceModel& prior, const ServiceModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const ServiceModel& prior) override;
  absl::StatusOr<ServiceModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<ServiceModel> ImportByIdentity(const sdk::Context& context, const ServiceIdentity& identity) override;
  absl::StatusOr<ServiceIdentity> Identify(const sdk::Context& context, const ServiceModel& state) override;
  std::string SameObject(const ServiceModel& model) const override;
  std::vector<sdk::MoveSource<ServiceModel>> MoveSources() const override;

 private:
  class Run;  // one apply

  operations::ObjectOptions Options(const ServiceModel& model) const;
  // The keyed hashes of the Secrets that pods are restarted for, where no controller of the cluster does that.
  absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, const ServiceModel& model, const Attr<StringMap>& prior) const;
  absl::Status CheckPlanned(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                            const Content& content) const;
  static void PlanPartly(sdk::PlanChange<ServiceModel>& change, const Conventions& conventions);
  // No other workload of the namespace may match our pods, nor ours its pods.
  absl::Status CheckSelector(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                             const std::vector<Rendered>& objects) ABSL_LOCKS_EXCLUDED(mutex_);
  // Nor may one that this run makes or changes. The first of two that clash does not know yet: the second one is refused.
  absl::Status CheckPlannedSelectors(const kubernetes::ObjectRef& own, const Json& workload) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckFit(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change, const ServiceModel& planned,
                        const std::vector<Rendered>& objects) const;
  // What a change of a claim means: explained, refused, never data lost.
  static absl::Status CheckClaimChange(const sdk::Context& context, const std::string& name, const ClaimModel& now,
                                       const ServiceModel& prior);
  static void TellKept(const sdk::Context& context, const std::vector<std::string>& kept);
  absl::StatusOr<ServiceModel> ReadImported(const sdk::Context& context, kubernetes::Cluster& cluster, const ServiceModel& stub) const;

  void NoteGoing(const kubernetes::ObjectRef& ref) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsGoing(const kubernetes::ObjectRef& ref) const ABSL_LOCKS_EXCLUDED(mutex_);

  Services& services_;
  mutable absl::Mutex mutex_;
  // Workloads that this run is going to delete. The create half of a replacement is planned without its prior object.
  std::set<kubernetes::ObjectRef> going_ ABSL_GUARDED_BY(mutex_);
  // Selector and pod labels of the workloads that this run makes or changes, by namespace.
  std::map<std::string, std::map<kubernetes::ObjectRef, Json>> planned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::service
