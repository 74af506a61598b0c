// charon_tier_namespace: a namespace and everything that governs it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "provider/schema/field.h"
#include "provider/sdk/list_resource.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::tier {

struct SubjectModel {
  Attr<std::string> kind, name, name_space;
  static const ObjectSpec<SubjectModel>& Describe();
  friend bool operator==(const SubjectModel&, const SubjectModel&) = default;
};

struct RoleBindingModel {
  Attr<std::string> role, cluster_role, name_space;
  Attr<std::vector<SubjectModel>> subjects;
  static const ObjectSpec<RoleBindingModel>& Describe();
  friend bool operator==(const RoleBindingModel&, const RoleBindingModel&) = default;
};

struct PodSecurityModel {
  Attr<std::string> enforce, audit, warn, version;
  static const ObjectSpec<PodSecurityModel>& Describe();
};

struct EffectiveModel {
  Attr<std::string> governance, priority_class;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  Attr<std::map<std::string, std::string>> resource_quota;
  static const ObjectSpec<EffectiveModel>& Describe();
};

struct NamespaceModel {
  Attr<std::string> name, tier, governance, governance_wait, on_conflict;
  Attr<std::map<std::string, std::string>> labels, annotations, resource_quota, labels_all;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  Attr<std::map<std::string, RoleBindingModel>> role_bindings;
  Attr<PodSecurityModel> pod_security;
  Attr<bool> default_deny, delete_contents, force_conflicts;
  Attr<EffectiveModel> effective;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<NamespaceModel>& Describe();
};

struct NamespaceIdentity {
  Attr<std::string> name, cluster;
  static const ObjectSpec<NamespaceIdentity>& Describe();
};

class NamespaceResource final : public sdk::Resource<NamespaceModel, NamespaceIdentity> {
 public:
  explicit NamespaceResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const NamespaceModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<NamespaceModel>& change) override;
  sdk::Outcome<NamespaceModel> Create(const sdk::Context& context,
                                      const NamespaceModel& plan) override;
  sdk::Outcome<NamespaceModel> Read(const sdk::Context& context,
                                    const NamespaceModel& prior) override;
  sdk::Outcome<NamespaceModel> Update(const sdk::Context& context, const NamespaceModel& prior,
                                      const NamespaceModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const NamespaceModel& prior) override;
  absl::StatusOr<NamespaceModel> Import(const sdk::Context& context,
                                        const std::string& id) override;
  absl::StatusOr<NamespaceModel> ImportByIdentity(const sdk::Context& context,
                                                  const NamespaceIdentity& identity) override;
  absl::StatusOr<NamespaceIdentity> Identify(const sdk::Context& context,
                                             const NamespaceModel& state) override;
  std::string SameObject(const NamespaceModel& model) const override;
  std::vector<sdk::MoveSource<NamespaceModel>> MoveSources() const override;
  NamespaceModel ToConfig(const NamespaceModel& state) const override;

 private:
  absl::StatusOr<bool> PlanEffective(const sdk::Context& context,
                                     sdk::PlanChange<NamespaceModel>& change,
                                     NamespaceModel& planned) const;
  absl::Status CheckPlanned(const sdk::Context& context,
                            const sdk::PlanChange<NamespaceModel>& change,
                            const NamespaceModel& planned) const;
  void TellWhatStays(const sdk::Context& context, const NamespaceModel& prior,
                     const NamespaceModel& planned) const;

  Services& services_;
};

struct NamespaceListModel {
  Attr<std::string> tier, label_selector;
  static const ObjectSpec<NamespaceListModel>& Describe();
};

class NamespaceList final
    : public sdk::ListResource<NamespaceListModel, NamespaceModel, NamespaceIdentity> {
 public:
  NamespaceList(Services& services) : services_(services), resource_(services) {}
  const sdk::ResourceInfo& info() const override { return resource_.info(); }
  absl::Status List(
      const sdk::Context& context, const NamespaceListModel& config, bool include_resource,
      const std::function<bool(sdk::Listed<NamespaceModel, NamespaceIdentity>)>& emit) override;

 private:
  Services& services_;
  NamespaceResource resource_;
};

}  // namespace charon::tier
