// charon_tier: a PriorityClass and the profile of its namespaces.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::tier {

struct TierModel {
  Attr<std::string> name, preemption_policy, priority_class, description, on_conflict;
  Attr<std::int64_t> priority;
  Attr<bool> global_default, force_conflicts;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  Attr<std::map<std::string, std::string>> resource_quota, labels_all;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<TierModel>& Describe();
};

struct TierIdentity {
  Attr<std::string> name, cluster;
  static const ObjectSpec<TierIdentity>& Describe();
};

class TierResource final : public sdk::Resource<TierModel, TierIdentity> {
 public:
  explicit TierResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<TierModel>& change) override;
  sdk::Outcome<TierModel> Create(const sdk::Context& context, const TierModel& plan) override;
  sdk::Outcome<TierModel> Read(const sdk::Context& context, const TierModel& prior) override;
  sdk::Outcome<TierModel> Update(const sdk::Context& context, const TierModel& prior,
                                 const TierModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const TierModel& prior) override;
  std::string SameObject(const TierModel& model) const override;
  absl::StatusOr<TierModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<TierModel> ImportByIdentity(const sdk::Context& context,
                                             const TierIdentity& identity) override;
  absl::StatusOr<TierIdentity> Identify(const sdk::Context& context,
                                        const TierModel& state) override;

 private:
  operations::ObjectOptions Options(const TierModel& model) const;
  void PlanClass(const sdk::Context& context, const TierProfile& profile,
                 sdk::PlanChange<TierModel>& change) const;
  Services& services_;
};

}  // namespace charon::tier
