// charon_dns_zone: a zone at Cloudflare, Route 53 or PowerDNS.
#pragma once

#include <string>
#include <vector>

#include "provider/schema/field.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"

namespace charon::dns_resources {

struct ZoneModel {
  Attr<std::string> id, backend, name, zone_id, comment, account_id, on_conflict;
  Attr<std::vector<std::string>> name_servers, own_name_servers;
  Attr<bool> force_destroy, check_delegation;
  Attr<sdk::TimeoutsModel> timeouts;
  static const ObjectSpec<ZoneModel>& Describe();
};

struct ZoneIdentity {
  Attr<std::string> backend, name;
  static const ObjectSpec<ZoneIdentity>& Describe();
};

class ZoneResource final : public sdk::Resource<ZoneModel, ZoneIdentity> {
 public:
  explicit ZoneResource(Services& services) : services_(services) {}

  const sdk::ResourceInfo& info() const override;
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<ZoneModel>& change) override;
  sdk::Outcome<ZoneModel> Create(const sdk::Context& context, const ZoneModel& plan) override;
  sdk::Outcome<ZoneModel> Read(const sdk::Context& context, const ZoneModel& prior) override;
  sdk::Outcome<ZoneModel> Update(const sdk::Context& context, const ZoneModel& prior,
                                 const ZoneModel& plan) override;
  absl::Status Delete(const sdk::Context& context, const ZoneModel& prior) override;
  std::string SameObject(const ZoneModel& model) const override { return model.id.value_or(""); }
  absl::StatusOr<ZoneModel> Import(const sdk::Context& context, const std::string& id) override;
  absl::StatusOr<ZoneModel> ImportByIdentity(const sdk::Context& context,
                                             const ZoneIdentity& identity) override;
  absl::StatusOr<ZoneIdentity> Identify(const sdk::Context& context,
                                        const ZoneModel& state) override;

 private:
  Services& services_;
};

// The name servers of a zone: the service's own word, or else the NS set at its apex. Sorted.
absl::StatusOr<std::vector<std::string>> NameServersOf(const Call& call, dns::Directory& directory,
                                                       const dns::Zone& zone);

// A zone by its id with all that the service tells of it, since a look-up by name may tell less.
absl::StatusOr<dns::Zone> WholeZone(const Call& call, dns::Directory& directory,
                                    const dns::Zone& zone);

}  // namespace charon::dns_resources
