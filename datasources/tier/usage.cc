#include "datasources/tier/usage.h"

#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/schema/checks.h"
#include "resources/tier/profile.h"

namespace charon::tier_data {
namespace {

using Json = nlohmann::json;
using kubernetes::Quantity;

std::map<std::string, std::string> Texts(const std::map<std::string, Quantity>& amounts) {
  std::map<std::string, std::string> texts;
  for (const auto& [resource, amount] : amounts) texts[resource] = amount.ToString();
  return texts;
}

}  // namespace

const ObjectSpec<UsageModel>& UsageModel::Describe() {
  using M = UsageModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What a namespace may use and uses now, over all its ResourceQuotas: for each resource the "
      "tightest one counts.",
      {
          Field(&M::name_space, "namespace", Required, "Name of the namespace.").Check(DnsLabel()),
          Field(&M::tier, "tier", Computed, "Its tier, by the label `tier`."),
          Field(&M::hard, "hard", Computed, "Quota, by resource."),
          Field(&M::used, "used", Computed, "Use, by resource."),
          Field(&M::headroom, "headroom", Computed, "What is left, by resource; never below zero."),
          Field(&M::limit_range, "limit_range", Computed,
                "Limits of each container, by LimitRange field and resource."),
      });
  return spec;
}

const sdk::ResourceInfo& UsageSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_tier_usage",
                                                   .noun = "tier usage",
                                                   .subcategory = "Tiers",
                                                   .needs = needs::Kubernetes()};
  return info;
}

sdk::Outcome<UsageModel> UsageSource::Read(const sdk::Context& context, const UsageModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  UsageModel model = config;
  const std::string& name = *config.name_space;
  CHARON_ASSIGN_OR_RETURN(const Json object,
                          cluster->Get(context, {{"v1", "Namespace"}, "", name}));
  const Json& labels = kubernetes::Field(object, "metadata.labels");
  if (labels.is_object() && labels.contains(tier::kTierLabel))
    model.tier = labels.value(tier::kTierLabel, "");
  kubernetes::ListOptions here;
  here.name_space = name;
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> quotas,
                          cluster->List(context, {"v1", "ResourceQuota"}, here));
  std::map<std::string, Quantity> hard, used, headroom;
  for (const Json& quota : quotas) {
    // Quotas with scopes count other pods each: their numbers cannot be compared.
    if (!kubernetes::Field(quota, "spec.scopes").is_null() ||
        !kubernetes::Field(quota, "spec.scopeSelector").is_null())
      continue;
    const std::map<std::string, Quantity> limit =
        kubernetes::QuantitiesOf(kubernetes::Field(quota, "spec.hard"));
    const std::map<std::string, Quantity> use =
        kubernetes::QuantitiesOf(kubernetes::Field(quota, "status.used"));
    for (const auto& [resource, amount] : limit) {
      const auto found = use.find(resource);
      const Quantity taken = found == use.end() ? Quantity() : found->second;
      Quantity left = amount - taken;
      if (left < Quantity()) left = amount - amount;
      const auto known = headroom.find(resource);
      if (known != headroom.end() && !(left < known->second)) continue;
      hard[resource] = amount;
      used[resource] = taken;
      headroom[resource] = left;
    }
  }
  model.hard = Texts(hard);
  model.used = Texts(used);
  model.headroom = Texts(headroom);
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> ranges,
                          cluster->List(context, {"v1", "LimitRange"}, here));
  std::map<std::string, std::map<std::string, std::string>> limits;
  for (const Json& range : ranges) {
    for (auto& [field, table] : tier::LimitsOf(range))
      limits[field].insert(table.begin(), table.end());
  }
  model.limit_range = std::move(limits);
  return model;
}

}  // namespace charon::tier_data
