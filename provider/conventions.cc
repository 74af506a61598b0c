#include "provider/conventions.h"

#include <utility>

#include "absl/strings/ascii.h"
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

std::string ShortTierName(absl::string_view name) {
  std::size_t digits = 0;
  while (digits < name.size() && absl::ascii_isdigit(static_cast<unsigned char>(name[digits])))
    ++digits;
  if (digits > 0 && digits < name.size() && name[digits] == '-')
    return std::string(name.substr(digits + 1));
  return std::string(name);
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
