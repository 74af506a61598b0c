#include "resources/tier/profile.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/operations/apply_object.h"
#include "provider/schema/checks.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;

bool SameAmount(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto x = kubernetes::Quantity::Parse(a);
  const auto y = kubernetes::Quantity::Parse(b);
  return x.ok() && y.ok() && *x == *y;
}

// Quantities may be JSON numbers in objects of other clients.
std::string QuantityText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

QuotaTable TableOf(const Json& object) {
  QuotaTable table;
  if (!object.is_object()) return table;
  for (const auto& [resource, amount] : object.items()) table[resource] = QuantityText(amount);
  return table;
}

}  // namespace

Json LimitRangeObject(absl::string_view name_space, const LimitTable& limits) {
  Json item = {{"type", "Container"}};
  for (const auto& [field, table] : limits) {
    if (!table.empty()) item[field] = table;
  }
  return {{"apiVersion", "v1"},
          {"kind", "LimitRange"},
          {"metadata", {{"name", kLimitRangeName}, {"namespace", std::string(name_space)}}},
          {"spec", {{"limits", Json::array({item})}}}};
}

Json QuotaObject(absl::string_view name_space, const QuotaTable& quota) {
  return {{"apiVersion", "v1"},
          {"kind", "ResourceQuota"},
          {"metadata", {{"name", kQuotaName}, {"namespace", std::string(name_space)}}},
          {"spec", {{"hard", quota}}}};
}

LimitTable LimitsOf(const Json& limit_range) {
  LimitTable limits;
  const Json& items = kubernetes::Field(limit_range, "spec.limits");
  if (!items.is_array()) return limits;
  for (const Json& item : items) {
    if (kubernetes::Text(item, "type") != "Container") continue;
    for (const char* field : {"default", "defaultRequest", "max", "min"}) {
      if (QuotaTable table = TableOf(kubernetes::Field(item, field)); !table.empty())
        limits[field] = std::move(table);
    }
    break;
  }
  return limits;
}

QuotaTable QuotaOf(const Json& resource_quota) {
  return TableOf(kubernetes::Field(resource_quota, "spec.hard"));
}

QuotaTable InWordsOf(const QuotaTable& wanted, QuotaTable live) {
  for (auto& [resource, amount] : live) {
    const auto found = wanted.find(resource);
    if (found != wanted.end() && SameAmount(found->second, amount)) amount = found->second;
  }
  return live;
}

LimitTable InWordsOf(const LimitTable& wanted, LimitTable live) {
  // An empty table limits nothing, as none does.
  for (const auto& [field, table] : wanted) {
    if (table.empty()) live.emplace(field, table);
  }
  std::erase_if(live, [&wanted](const auto& entry) {
    return entry.second.empty() && wanted.count(entry.first) == 0;
  });
  for (auto& [field, table] : live) {
    const auto found = wanted.find(field);
    if (found != wanted.end()) table = InWordsOf(found->second, std::move(table));
  }
  return live;
}

bool SameAmounts(const QuotaTable& a, const QuotaTable& b) { return InWordsOf(a, b) == a; }
bool SameAmounts(const LimitTable& a, const LimitTable& b) { return InWordsOf(a, b) == a; }

std::string ProfileToJson(const TierProfile& profile) {
  return Json{{"limit_range", profile.limit_range}, {"resource_quota", profile.quota}}.dump();
}

absl::StatusOr<TierProfile> FindTier(const Call& call, const Conventions& conventions,
                                     kubernetes::Cluster* cluster, absl::string_view name) {
  absl::StatusOr<TierProfile> known = conventions.Tier(name);
  if (known.ok() || !absl::IsNotFound(known.status())) return known;
  const absl::Status unknown = known.status();
  if (cluster == nullptr) return unknown;
  TierProfile profile;
  profile.name = std::string(name);
  const kubernetes::ObjectRef ref{
      {"scheduling.k8s.io/v1", "PriorityClass"}, "", profile.priority_class()};
  absl::StatusOr<Json> priority_class = cluster->Get(call, ref);
  if (absl::IsNotFound(priority_class.status())) return unknown;
  CHARON_RETURN_IF_ERROR(priority_class.status());
  const Json& annotations = kubernetes::Field(*priority_class, "metadata.annotations");
  const auto annotation =
      annotations.is_object() ? annotations.find(kProfileAnnotation) : annotations.end();
  if (!annotations.is_object() || annotation == annotations.end() || !annotation->is_string()) {
    return absl::NotFoundError(absl::StrCat(
        "the PriorityClass ", profile.priority_class(),
        " exists, but no charon_tier made it: it says nothing about limits and quota"));
  }
  const Json text =
      Json::parse(annotation->get<std::string>(), nullptr, /*allow_exceptions=*/false);
  if (!text.is_object()) {
    return absl::DataLossError(absl::StrCat("the annotation ", kProfileAnnotation,
                                            " of PriorityClass ", profile.priority_class(),
                                            " is not the JSON that charon_tier writes"));
  }
  profile.quota = TableOf(kubernetes::Field(text, "resource_quota"));
  const Json& limits = kubernetes::Field(text, "limit_range");
  if (limits.is_object()) {
    for (const auto& [field, table] : limits.items()) profile.limit_range[field] = TableOf(table);
  }
  profile.priority = kubernetes::Number(*priority_class, "value");
  profile.preempts = kubernetes::Text(*priority_class, "preemptionPolicy") != "Never";
  return profile;
}

void WarnOfDrift(const sdk::Context& context, const Json& declared, const Json& live,
                 const std::string& manager,
                 const std::optional<operations::Labels>& former_labels) {
  std::vector<kubernetes::Difference> differences = kubernetes::Compare(declared, live, manager);
  operations::DropExpectedLabels(differences, former_labels, manager);
  if (differences.empty()) return;
  context.diagnostics->Warning(
      absl::StrCat("Changed outside of Terraform: ", kubernetes::Text(declared, "kind"), " ",
                   kubernetes::Text(declared, "metadata.name")),
      absl::StrCat(operations::DescribeDrift(differences),
                   "\n\nApply sets it back if nobody owns the field. If another manager does, "
                   "apply refuses to fight it: "
                   "leave the field out, or take it over with force_conflicts = true."));
}

}  // namespace charon::tier
