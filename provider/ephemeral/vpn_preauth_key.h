// Ephemeral charon_vpn_preauth_key: a key for this run only.
#pragma once

#include <set>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/ephemeral.h"
#include "provider/services.h"

namespace charon::ephemeral {

struct VpnPreauthKeyModel {
  Attr<std::string> user, expires_in, on_close, id, key, expires_at;
  Attr<std::set<std::string>> tags;
  Attr<bool> ephemeral;
  static const ObjectSpec<VpnPreauthKeyModel>& Describe();
};

class VpnPreauthKey final : public sdk::Ephemeral<VpnPreauthKeyModel> {
 public:
  explicit VpnPreauthKey(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  absl::Status Validate(const sdk::Context& context, const VpnPreauthKeyModel& config) override;
  absl::StatusOr<sdk::Opened<VpnPreauthKeyModel>> Open(const sdk::Context& context,
                                                       const VpnPreauthKeyModel& config) override;
  absl::Status Close(const sdk::Context& context) override;

 private:
  Services& services_;
};

}  // namespace charon::ephemeral
