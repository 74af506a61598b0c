// charon_secret: a Secret whose values never reach Terraform's state.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "nlohmann/json_fwd.hpp"
#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::kubernetes_resources {

struct GenerateModel {
  Attr<std::string> kind, rotation_trigger;
  Attr<std::int64_t> length;
  static const ObjectSpec<GenerateModel>& Describe();
  friend bool operator==(const GenerateModel&, const GenerateModel&) = default;
};

struct SecretKeyModel {
  Attr<std::string> secret, name_space, key;
  Attr<std::int64_t> revision;
  static const ObjectSpec<SecretKeyModel>& Describe();
  friend bool operator==(const SecretKeyModel&, const SecretKeyModel&) = default;
};

struct SecretModel {
  Attr<std::string> name, name_space, type, data_wo_version, on_conflict;
  Attr<std::map<std::string, std::string>> labels, annotations, data_wo, labels_all;
  Attr<std::map<std::string, GenerateModel>> generate;
  Attr<std::map<std::string, SecretKeyModel>> copy;
  Attr<std::set<std::string>> replicate_to, keys;
  Attr<bool> immutable, force_conflicts;
  Attr<std::int64_t> revision;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<SecretModel>& Describe();
};

struct SecretIdentity {
  Attr<std::string> name_space, name, cluster;
  static const ObjectSpec<SecretIdentity>& Describe();
};

class SecretResource final : public sdk::Resource<SecretModel, SecretIdentity> {
 public:
  explicit SecretResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const SecretModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<SecretModel>& change) override;
  sdk::Outcome<SecretModel> Create(const sdk::Context& context, const SecretModel& plan) override;
  sdk::Outcome<SecretModel> Read(const sdk::Context& context, const SecretModel& prior) override;
  sdk::Outcome<SecretModel> Update(const sdk::Context& context, const SecretModel& prior,
                                   const SecretModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const SecretModel& prior) override;
  absl::StatusOr<SecretModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<SecretModel> ImportByIdentity(const sdk::Context& context,
                                               const SecretIdentity& identity) override;
  absl::StatusOr<SecretIdentity> Identify(const sdk::Context& context,
                                          const SecretModel& state) override;
  std::string SameObject(const SecretModel& model) const override;

 private:
  operations::ObjectOptions Options(const sdk::Context& context, const SecretModel& model) const;
  sdk::Outcome<SecretModel> Apply(const sdk::Context& context, const SecretModel* prior,
                                  const SecretModel& plan);
  absl::StatusOr<nlohmann::json> Values(const sdk::Context& context, kubernetes::Cluster& cluster,
                                        const SecretModel* prior, const SecretModel& plan,
                                        const nlohmann::json& live,
                                        const std::set<std::string>& ours) const;
  // Adds to the data of `source` the values to generate that it lacks and a copy of ours still has.
  absl::Status TakeFromCopies(const sdk::Context& context, kubernetes::Cluster& cluster,
                              const SecretModel& prior, const SecretModel& plan,
                              nlohmann::json& source) const;
  // Asks the server about the plan, with values in place of those that are not made yet.
  absl::Status CheckPlanned(const sdk::Context& context,
                            const sdk::PlanChange<SecretModel>& change) const;
  Services& services_;
};

}  // namespace charon::kubernetes_resources
