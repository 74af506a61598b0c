// charon_dns_record: one record set of a zone at any of the DNS services.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::dns_resources {

struct AliasModel {
  Attr<std::string> name, zone_id;
  Attr<bool> evaluate_target_health;
  static const ObjectSpec<AliasModel>& Describe();
};

struct OwnershipModel {
  Attr<std::string> owner_id, prefix, suffix, wildcard_replacement;
  static const ObjectSpec<OwnershipModel>& Describe();
};

struct RecordModel {
  Attr<std::string> id, backend, zone, name, type, set_id, comment, failover, health_check_id,
      on_conflict;
  Attr<std::int64_t> ttl, weight;
  Attr<std::set<std::string>> values, tags;
  Attr<bool> proxied, wait_until_live;
  Attr<AliasModel> alias;
  Attr<OwnershipModel> ownership;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<RecordModel>& Describe();
};

struct RecordIdentity {
  Attr<std::string> backend, zone, name, type, set_id;
  static const ObjectSpec<RecordIdentity>& Describe();
};

class RecordResource final : public sdk::Resource<RecordModel, RecordIdentity> {
 public:
  explicit RecordResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const RecordModel& config) override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<RecordModel>& change) override;
  sdk::Outcome<RecordModel> Create(const sdk::Context& context, const RecordModel& plan) override;
  sdk::Outcome<RecordModel> Read(const sdk::Context& context, const RecordModel& prior) override;
  sdk::Outcome<RecordModel> Update(const sdk::Context& context, const RecordModel& prior,
                                   const RecordModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const RecordModel& prior) override;
  absl::StatusOr<RecordModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<RecordModel> ImportByIdentity(const sdk::Context& context,
                                               const RecordIdentity& identity) override;
  absl::StatusOr<RecordIdentity> Identify(const sdk::Context& context,
                                          const RecordModel& state) override;
  std::vector<sdk::MoveSource<RecordModel>> MoveSources() const override;
  std::string SameObject(const RecordModel& model) const override;

 private:
  absl::Status PlanAtService(const sdk::Context& context, sdk::PlanChange<RecordModel>& change,
                             const RecordModel& wanted, dns::Directory& directory);
  sdk::Outcome<RecordModel> Write(const sdk::Context& context, const RecordModel* prior,
                                  const RecordModel& plan);

  Services& services_;
};

}  // namespace charon::dns_resources
