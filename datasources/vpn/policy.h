// data.charon_vpn_policy: the policy of the Headscale server.
#pragma once

#include <map>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::vpn_data {

struct PolicyModel {
  Attr<std::string> policy, json, mode, updated_at;
  Attr<std::map<std::string, std::string>> refused_by;
  static const ObjectSpec<PolicyModel>& Describe();
};

class PolicySource final : public sdk::DataSource<PolicyModel> {
 public:
  explicit PolicySource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<PolicyModel> Read(const sdk::Context& context, const PolicyModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::vpn_data
