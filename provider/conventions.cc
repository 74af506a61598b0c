#include "provider/conventions.h"

#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/quantity.h"

namespace charon {
namespace {

// A tier as the field uses it: defaults and a ceiling of memory for each container, a quota of
// requests and memory. No cpu limit anywhere: with one in the quota, pods without a cpu limit are
// refused.
TierProfile BuiltIn(absl::string_view name, std::int64_t priority, bool preempts,
                    absl::string_view default_memory, absl::string_view request_cpu,
                    absl::string_view request_memory, absl::string_view max_memory,
                    absl::string_view quota_cpu, absl::string_view quota_memory,
                    absl::string_view quota_limit, absl::string_view pods) {
  TierProfile tier;
  tier.name = std::string(name);
  tier.priority = priority;
  tier.preempts = preempts;
  tier.limit_range = {
      {"default", {{"memory", std::string(default_memory)}}},
      {"defaultRequest",
       {{"cpu", std::string(request_cpu)}, {"memory", std::string(request_memory)}}},
      {"max", {{"memory", std::string(max_memory)}}}};
  tier.quota = {{"requests.cpu", std::string(quota_cpu)},
                {"requests.memory", std::string(quota_memory)},
                {"limits.memory", std::string(quota_limit)},
                {"pods", std::string(pods)}};
  return tier;
}

// In front of the resource, in a quota of what is requested.
constexpr absl::string_view kRequests = "requests.";

// None for what is unknown, missing or no quantity.
std::optional<kubernetes::Quantity> AmountOf(const Value& text) {
  if (text.kind() != Value::Kind::kString) return std::nullopt;
  const absl::StatusOr<kubernetes::Quantity> amount = kubernetes::Quantity::Parse(text.string());
  return amount.ok() ? std::optional(*amount) : std::nullopt;
}

// Of a limit_range, by field, then resource.
absl::Status LimitsInOrder(const Value& limits) {
  static constexpr const char* kAscending[] = {"min", "defaultRequest", "default", "max"};
  for (const auto* lower = std::begin(kAscending); lower != std::end(kAscending); ++lower) {
    if (!limits[*lower].IsKnown()) continue;
    for (const auto& [resource, text] : limits[*lower].mapping()) {
      const std::optional<kubernetes::Quantity> low = AmountOf(text);
      for (const auto* upper = lower + 1; low && upper != std::end(kAscending); ++upper) {
        const Value& bound = limits[*upper][resource];
        const std::optional<kubernetes::Quantity> high = AmountOf(bound);
        if (!high || *low <= *high) continue;
        return At(
            Path().Key(*lower).Key(resource),
            absl::InvalidArgumentError(absl::StrCat("\"", text.string(), "\" is more than `",
                                                    *upper, "` allows: \"", bound.string(), "\"")));
      }
    }
  }
  return absl::OkStatus();
}

// Objects that a quota counts by a name of its own.
bool IsCountOfObjects(absl::string_view resource) {
  static const auto& names = *new std::set<absl::string_view>{"pods",
                                                              "resourcequotas",
                                                              "services",
                                                              "replicationcontrollers",
                                                              "secrets",
                                                              "configmaps",
                                                              "services.nodeports",
                                                              "services.loadbalancers",
                                                              "persistentvolumeclaims"};
  return names.count(resource) != 0;
}

bool IsQuotaResource(absl::string_view resource) {
  static const auto& names = *new std::set<absl::string_view>{"cpu",
                                                              "memory",
                                                              "ephemeral-storage",
                                                              "requests.cpu",
                                                              "requests.memory",
                                                              "requests.ephemeral-storage",
                                                              "limits.cpu",
                                                              "limits.memory",
                                                              "limits.ephemeral-storage",
                                                              "requests.storage"};
  return names.count(resource) != 0 || IsCountOfObjects(resource) ||
         absl::StartsWith(resource, "hugepages-") ||
         absl::StartsWith(resource, "requests.hugepages-") || absl::StrContains(resource, '/');
}

absl::Status CountsInWholeNumbers(const Value& quota) {
  for (const auto& [resource, text] : quota.mapping()) {
    // "count/deployments.apps", and extended resources.
    const bool counts = IsCountOfObjects(resource) || (absl::StrContains(resource, '/') &&
                                                       !absl::StartsWith(resource, kRequests));
    const std::optional<kubernetes::Quantity> amount = AmountOf(text);
    if (counts && amount && amount->nano() % 1'000'000'000 != 0)
      return At(Path().Key(resource), absl::InvalidArgumentError(absl::StrCat(
                                          "\"", text.string(), "\" must be a whole number")));
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<TierProfile>& BuiltInTiers() {
  static const auto& tiers = *new std::vector<TierProfile>{
      BuiltIn("0-core", 1000000, true, "256Mi", "100m", "256Mi", "8Gi", "8", "8Gi", "64Gi", "100"),
      BuiltIn("1-cluster", 800000, true, "256Mi", "100m", "256Mi", "8Gi", "4", "4Gi", "32Gi", "30"),
      BuiltIn("2-gpu", 600000, true, "1Gi", "200m", "1Gi", "16Gi", "8", "12Gi", "32Gi", "40"),
      BuiltIn("3-edge", 400000, true, "256Mi", "50m", "128Mi", "8Gi", "4", "4Gi", "32Gi", "30"),
      BuiltIn("4-aux", 200000, false, "256Mi", "50m", "64Mi", "4Gi", "2", "3Gi", "16Gi", "20"),
  };
  return tiers;
}

Check QuantityText() {
  return TextRule("is a Kubernetes quantity such as \"500m\" or \"4Gi\"",
                  [](absl::string_view text) -> absl::Status {
                    CHARON_ASSIGN_OR_RETURN(const kubernetes::Quantity amount,
                                            kubernetes::Quantity::Parse(text));
                    if (amount >= kubernetes::Quantity()) return absl::OkStatus();
                    return absl::InvalidArgumentError(
                        absl::StrCat("\"", text, "\" must not be less than zero"));
                  });
}

Check ContainerResource() {
  return TextRule(
      "is a resource of containers, such as `cpu`, `memory` or `nvidia.com/gpu`",
      [](absl::string_view text) -> absl::Status {
        const bool own = text == "cpu" || text == "memory" || text == "ephemeral-storage" ||
                         absl::StartsWith(text, "hugepages-");
        if (own || (absl::StrContains(text, '/') && !absl::StartsWith(text, kRequests)))
          return LabelKey().run(Value::String(std::string(text)));
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", text,
            "\" is no resource of containers: write \"cpu\", \"memory\", \"ephemeral-storage\", "
            "\"hugepages-2Mi\" or an extended resource such as \"nvidia.com/gpu\""));
      });
}

std::vector<Check> LimitRangeChecks() {
  return {
      EachKey(OneOf({"default", "defaultRequest", "max", "min"})),
      EachElement(EachKey(ContainerResource())),
      EachElement(EachElement(QuantityText())),
      {"keeps `min` <= `defaultRequest` <= `default` <= `max` for each resource", LimitsInOrder}};
}

std::vector<Check> QuotaChecks() {
  return {EachKey(TextRule(
              "is a resource that a ResourceQuota counts",
              [](absl::string_view text) -> absl::Status {
                if (IsQuotaResource(text)) return LabelKey().run(Value::String(std::string(text)));
                return absl::InvalidArgumentError(absl::StrCat(
                    "\"", text,
                    "\" is nothing that a ResourceQuota counts. Such are \"requests.cpu\", "
                    "\"limits.memory\", \"requests.storage\", \"pods\", "
                    "\"requests.nvidia.com/gpu\" and "
                    "\"count/deployments.apps\""));
              })),
          EachElement(QuantityText()),
          {"counts objects in whole numbers", CountsInWholeNumbers}};
}

std::string ShortTierName(absl::string_view name) {
  std::size_t digits = 0;
  while (digits < name.size() && absl::ascii_isdigit(static_cast<unsigned char>(name[digits])))
    ++digits;
  if (digits > 0 && digits < name.size() && name[digits] == '-')
    return std::string(name.substr(digits + 1));
  return std::string(name);
}

std::map<std::string, std::string> Conventions::Labels() const {
  std::map<std::string, std::string> labels = default_labels;
  labels[kManagedByLabel] = managed_by;
  return labels;
}

absl::StatusOr<TierProfile> Conventions::Tier(absl::string_view name) const {
  std::vector<std::string> known;
  auto matches = [&](const TierProfile& tier) {
    known.push_back(tier.name);
    return tier.name == name || ShortTierName(tier.name) == name;
  };
  for (const auto& [key, tier] : tiers) {
    if (matches(tier)) return tier;
  }
  for (const TierProfile& tier : BuiltInTiers()) {
    if (matches(tier)) return tier;
  }
  return absl::NotFoundError(
      absl::StrCat("there is no tier \"", name, "\"; the tiers are ", absl::StrJoin(known, ", ")));
}

}  // namespace charon
