// A tier's profile where Terraform and Kubernetes meet: as attribute values, as objects, as an
// annotation.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/conventions.h"
#include "provider/operations/labels.h"
#include "provider/schema/schema.h"
#include "provider/sdk/context.h"

namespace charon::tier {

// By LimitRange field, then resource: quantities.
using LimitTable = std::map<std::string, std::map<std::string, std::string>>;
// By resource: quantities.
using QuotaTable = std::map<std::string, std::string>;

inline constexpr char kLimitRangeName[] = "tier-defaults";
inline constexpr char kQuotaName[] = "tier-quota";
inline constexpr char kTierLabel[] = "tier";
// On the PriorityClass of a tier: the profile as JSON, for stacks that do not declare the tier.
inline constexpr char kProfileAnnotation[] = "charon.internal/profile";

nlohmann::json LimitRangeObject(absl::string_view name_space, const LimitTable& limits);
nlohmann::json QuotaObject(absl::string_view name_space, const QuotaTable& quota);

// What live objects say. Limits of other types than Container and further items are left out.
LimitTable LimitsOf(const nlohmann::json& limit_range);
QuotaTable QuotaOf(const nlohmann::json& resource_quota);

// `live` with the spelling of `wanted` wherever both mean the same amount; a table of a field that
// is empty means the same as none.
LimitTable InWordsOf(const LimitTable& wanted, LimitTable live);
QuotaTable InWordsOf(const QuotaTable& wanted, QuotaTable live);

std::string ProfileToJson(const TierProfile& profile);

// The tier called `name`: from the conventions, else from its PriorityClass in the cluster (another
// stack's charon_tier). NotFound, listing the tiers there are, if neither has it; other errors if
// the cluster cannot be asked.
absl::StatusOr<TierProfile> FindTier(const Call& call, const Conventions& conventions,
                                     kubernetes::Cluster* cluster, absl::string_view name);

// Tells the user who changed what `declared` sets, and the ways out. `live` must be there.
// `former_labels`: labels_all of the state.
void WarnOfDrift(const sdk::Context& context, const nlohmann::json& declared,
                 const nlohmann::json& live, const std::string& manager,
                 const std::optional<operations::Labels>& former_labels);

// For tables of quantities.
bool SameAmounts(const LimitTable& a, const LimitTable& b);
bool SameAmounts(const QuotaTable& a, const QuotaTable& b);

}  // namespace charon::tier
