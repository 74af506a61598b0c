// What one platform agrees on once, in the provider block's `conventions`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon {

// What a tier gives to a namespace. Amounts are Kubernetes quantities.
struct TierProfile {
  std::string name;  // "3-edge": also the value of the `tier` label
  std::int64_t priority = 0;
  bool preempts = true;
  // By field of LimitRange items of type Container: default, defaultRequest, max, min -> resource -> quantity.
  std::map<std::string, std::map<std::string, std::string>> limit_range;
  std::map<std::string, std::string> quota;  // ResourceQuota spec.hard

  std::string priority_class() const { return "tier-" + name; }
  friend bool operator==(const TierProfile&, const TierProfile&) = default;
};

struct Conventions {
  std::string owner = "default";
  std::string managed_by = "charon";
  std::map<std::string, std::string> default_labels;
  std::map<std::string, TierProfile> tiers;  // own table, by full name; in front of the built-in one

  // The tier called `name` in full ("3-edge") or in short ("edge"). NotFound, listing those there are.
  absl::StatusOr<TierProfile> Tier(absl::string_view name) const;
};

// The built-in tiers: 0-core, 1-cluster, 2-gpu, 3-edge, 4-aux.
const std::vector<TierProfile>& BuiltInTiers();

// "3-edge" from "3-edge", "edge" from "edge": what follows a leading number and "-".
std::string ShortTierName(absl::string_view name);

}  // namespace charon
