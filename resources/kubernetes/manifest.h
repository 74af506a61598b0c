// charon_kubernetes_manifest: one object of any kind by server-side apply.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "provider/schema/field.h"
#include "provider/sdk/list_resource.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/kubernetes/manifest_text.h"

namespace charon::kubernetes_resources {

struct WaitModel {
  Attr<bool> rollout;
  Attr<std::map<std::string, std::string>> conditions, fields;
  static const ObjectSpec<WaitModel>& Describe();
};

struct ManifestModel {
  Attr<std::string> manifest, manifest_wo, manifest_wo_version, initial, ownership, on_conflict;
  Attr<Value> object;
  Attr<bool> force_conflicts;
  Attr<WaitModel> wait;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<ManifestModel>& Describe();
};

struct ObjectIdentity {
  Attr<std::string> api_version, kind, name_space, name, cluster;
  static const ObjectSpec<ObjectIdentity>& Describe();
};

class ManifestResource final : public sdk::Resource<ManifestModel, ObjectIdentity> {
 public:
  explicit ManifestResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const ManifestModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<ManifestModel>& change) override;
  sdk::Outcome<ManifestModel> Create(const sdk::Context& context,
                                     const ManifestModel& plan) override;
  sdk::Outcome<ManifestModel> Read(const sdk::Context& context,
                                   const ManifestModel& prior) override;
  sdk::Outcome<ManifestModel> Update(const sdk::Context& context, const ManifestModel& prior,
                                     const ManifestModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const ManifestModel& prior) override;
  absl::StatusOr<ManifestModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<ManifestModel> ImportByIdentity(const sdk::Context& context,
                                                 const ObjectIdentity& identity) override;
  absl::StatusOr<ObjectIdentity> Identify(const sdk::Context& context,
                                          const ManifestModel& state) override;
  std::string SameObject(const ManifestModel& model) const override;
  std::vector<sdk::MoveSource<ManifestModel>> MoveSources() const override;

 private:
  // Whether an update goes on writing the version of before.
  bool KeepsVersion(const sdk::PlanChange<ManifestModel>& change,
                    const kubernetes::ObjectRef& ref) const;
  operations::ObjectOptions Options(const ManifestModel& model,
                                    const kubernetes::ObjectRef& ref) const;
  // The object that the configuration declares, without its write-only part.
  absl::StatusOr<std::shared_ptr<const nlohmann::json>> Declared(const ManifestModel& model) const;
  // What is sent: the write-only part merged over the rest.
  absl::StatusOr<std::shared_ptr<const nlohmann::json>> Complete(const ManifestModel& model) const;
  // `wanted`, with the values that `live` holds in place of those of manifest_wo, while
  // manifest_wo_version is the same: each run may read others, and another label must not write
  // them.
  std::shared_ptr<const nlohmann::json> KeepingValues(
      const ManifestModel& prior, const ManifestModel& model,
      std::shared_ptr<const nlohmann::json> wanted, const nlohmann::json& live,
      const operations::ObjectOptions& options) const;
  absl::Status Wait(const sdk::Context& context, kubernetes::Cluster& cluster,
                    const kubernetes::ObjectRef& ref, const ManifestModel& model) const;
  // Updates that Kubernetes does not do in place, and that no plan announced because `object` was
  // not known to it.
  sdk::Outcome<ManifestModel> MoveTo(const sdk::Context& context, const ManifestModel& prior,
                                     const ManifestModel& plan);
  absl::StatusOr<nlohmann::json> MakeAnew(const sdk::Context& context, kubernetes::Cluster& cluster,
                                          const nlohmann::json& wanted,
                                          const operations::ObjectOptions& options) const;
  Services& services_;
  mutable ManifestCache read_;
};

struct ManifestListModel {
  Attr<std::string> api_version, kind, name_space, label_selector, field_selector;
  static const ObjectSpec<ManifestListModel>& Describe();
};

// Objects of one kind.
class ManifestList final
    : public sdk::ListResource<ManifestListModel, ManifestModel, ObjectIdentity> {
 public:
  explicit ManifestList(Services& services) : services_(services), resource_(services) {}
  const sdk::ResourceInfo& info() const override { return resource_.info(); }
  absl::Status List(
      const sdk::Context& context, const ManifestListModel& config, bool include_resource,
      const std::function<bool(sdk::Listed<ManifestModel, ObjectIdentity>)>& emit) override;

 private:
  Services& services_;
  ManifestResource resource_;
};

}  // namespace charon::kubernetes_resources
