// charon_service: rendered purely, applied in order, owned field by field, waited for with reasons.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/content.h"
#include "resources/service/plan_checks.h"
#include "resources/service/service.h"

namespace charon::service {

struct ServiceIdentity {
  Attr<std::string> name_space, name, cluster;
  static const ObjectSpec<ServiceIdentity>& Describe();
};

class ServiceResource final : public sdk::Resource<ServiceModel, ServiceIdentity> {
 public:
  explicit ServiceResource(Services& services) : services_(services), checks_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const ServiceModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<ServiceModel>& change) override;
  sdk::Outcome<ServiceModel> Create(const sdk::Context& context, const ServiceModel& plan) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  sdk::Outcome<ServiceModel> Read(const sdk::Context& context, const ServiceModel& prior) override;
  sdk::Outcome<ServiceModel> Update(const sdk::Context& context, const ServiceModel& prior,
                                    const ServiceModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const ServiceModel& prior) override;
  absl::StatusOr<ServiceModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<ServiceModel> ImportByIdentity(const sdk::Context& context,
                                                const ServiceIdentity& identity) override;
  absl::StatusOr<ServiceIdentity> Identify(const sdk::Context& context,
                                           const ServiceModel& state) override;
  std::string SameObject(const ServiceModel& model) const override;
  void Spare(const sdk::Context& context, const ServiceModel& prior) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<sdk::MoveSource<ServiceModel>> MoveSources() const override;

 private:
  void PlanObjects(sdk::PlanChange<ServiceModel>& change, const Content& content) const;
  // What can be said of `planned` while parts of it are not known yet.
  absl::Status PlanPartly(const sdk::Context& context, sdk::PlanChange<ServiceModel>& change,
                          const ServiceModel& planned, const Conventions& conventions);
  absl::Status PlanPods(const sdk::Context& context, const sdk::PlanChange<ServiceModel>& change,
                        const ServiceModel& planned, const Content& content) const;
  absl::StatusOr<ServiceModel> ReadImported(const sdk::Context& context,
                                            const ServiceModel& stub) const;
  void TellTakenAway(const sdk::Context& context, const ServiceModel& model,
                     const kubernetes::Json& workload, const kubernetes::Json& service,
                     const operations::ObjectOptions& options) const;

  static void NoteNextData(const sdk::Context& context, const ServiceModel& planned);

  Services& services_;
  PlanChecks checks_;
  absl::Mutex mutex_;
  // What creates left that failed, by SameObject: from the delete half of a replacement until its
  // create half.
  std::map<std::string, ServiceModel> left_ ABSL_GUARDED_BY(mutex_);
  // What delete halves left for their create halves, by namespace and name: the service reduced to
  // that, and its keys for a message.
  std::map<std::string, std::pair<ServiceModel, std::vector<std::string>>> passed_on_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::service
