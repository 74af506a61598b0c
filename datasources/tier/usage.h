// Data source charon_tier_usage: what a namespace uses of its quota.
#pragma once

#include <map>
#include <string>

#include "provider/schema/field.h"
#include "provider/sdk/data_source.h"
#include "provider/services.h"

namespace charon::tier_data {

struct UsageModel {
  Attr<std::string> name_space, tier;
  Attr<std::map<std::string, std::string>> hard, used, headroom;
  Attr<std::map<std::string, std::map<std::string, std::string>>> limit_range;
  static const ObjectSpec<UsageModel>& Describe();
};

class UsageSource final : public sdk::DataSource<UsageModel> {
 public:
  explicit UsageSource(Services& services) : services_(services) {}
  const sdk::ResourceInfo& info() const override;
  sdk::Outcome<UsageModel> Read(const sdk::Context& context, const UsageModel& config) override;

 private:
  Services& services_;
};

}  // namespace charon::tier_data
