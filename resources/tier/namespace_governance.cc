#include "resources/tier/namespace_governance.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/duration.h"
#include "provider/base/status.h"
#include "resources/tier/namespace_objects.h"
#include "resources/tier/profile.h"

namespace charon::tier {

absl::StatusOr<Attr<EffectiveModel>> Effective(const sdk::Context& context, Services& services,
                                               const NamespaceModel& config, bool planning) {
  const std::shared_ptr<const Settings> settings = services.settings();
  EffectiveModel effective;
  if (config.governance.IsUnknown()) return Attr<EffectiveModel>::Unknown();
  const std::string governance = config.governance.value_or("internal");
  effective.governance =
      governance == "auto" ? Attr<std::string>::Unknown() : Attr<std::string>(governance);

  TierProfile profile;
  // Tables of the provider block that are not known yet may say anything of it.
  bool open =
      config.tier.IsUnknown() || (config.tier.IsKnown() && planning && !settings->Knows(kTiers));
  if (config.tier.IsKnown() && !open) {
    std::shared_ptr<kubernetes::Cluster> cluster;
    if (!context.provider_config_unknown) {
      if (absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> made = services.Kubernetes();
          made.ok())
        cluster = *made;
    }
    absl::StatusOr<TierProfile> found = settings->conventions.Tier(*config.tier);
    // What this run makes of a tier, not what it still is.
    std::optional<TierProfile> planned;
    if (absl::IsNotFound(found.status()) && planning) planned = services.PlannedTier(*config.tier);
    if (planned) {
      found = *std::move(planned);
    } else if (absl::IsNotFound(found.status())) {
      found = FindTier(context, settings->conventions, cluster.get(), *config.tier);
    }
    if (found.ok() && found->open) {
      open = true;
    } else if (found.ok()) {
      profile = *std::move(found);
      effective.priority_class = profile.priority_class();
    } else if (!planning || (absl::IsNotFound(found.status()) && cluster != nullptr)) {
      return At("tier", WithRemedy(found.status(),
                                   "Use one of these, add it to conventions.tiers of the provider "
                                   "block, or make it with a "
                                   "charon_tier. If this configuration makes it, refer to it: tier "
                                   "= charon_tier.NAME.name."));
    } else {
      open = true;  // the cluster cannot be asked now
    }
  }
  if (open) effective.priority_class = Attr<std::string>::Unknown();
  if (governance != "internal") {
    effective.limit_range = Attr<LimitTable>::Unknown();
    effective.resource_quota = Attr<QuotaTable>::Unknown();
    return Attr<EffectiveModel>(effective);
  }
  if (config.limit_range.IsNull()) {
    effective.limit_range =
        open ? Attr<LimitTable>::Unknown() : Attr<LimitTable>(profile.limit_range);
  } else {
    effective.limit_range = config.limit_range;
  }
  if (config.resource_quota.IsNull()) {
    effective.resource_quota = open ? Attr<QuotaTable>::Unknown() : Attr<QuotaTable>(profile.quota);
  } else {
    effective.resource_quota = config.resource_quota;
  }
  return Attr<EffectiveModel>(effective);
}

absl::Status ReadGoverned(const sdk::Context& context, Services& services, NamespaceModel& model,
                          bool wait) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services.Kubernetes());
  const std::string& name = *model.name;
  const bool automatic = model.governance.value_or("internal") == "auto";
  const operations::ObjectOptions options = OwnershipOf(services, model);
  if (automatic) {
    // Without a policy engine nothing will generate them.
    const absl::Status engine =
        cluster->Resolve(context, {"kyverno.io/v1", "ClusterPolicy"}).status();
    if (absl::IsNotFound(engine)) wait = false;
  }
  absl::Duration patience = absl::Seconds(30);
  if (model.governance_wait.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(patience, ParseDuration(*model.governance_wait));
  }
  const absl::Time until = context.call.clock->Now() + patience;
  EffectiveModel& effective = model.effective.value();
  while (true) {
    absl::StatusOr<nlohmann::json> limits = cluster->Get(context, LimitRangeRef(name));
    absl::StatusOr<nlohmann::json> quota = cluster->Get(context, QuotaRef(name));
    for (const absl::Status& status : {limits.status(), quota.status()}) {
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
    auto foreign = [&](const absl::StatusOr<nlohmann::json>& object) {
      return object.ok() && operations::ClaimOf(&*object, options) != operations::Claim::kOurs;
    };
    const bool there = foreign(limits) || foreign(quota);
    const bool complete = foreign(limits) && foreign(quota);
    const bool over = !wait || context.call.clock->Now() >= until;
    if (complete || (over && (there || !automatic))) {
      effective.governance = "external";
      effective.limit_range = limits.ok() ? LimitsOf(*limits) : LimitTable();
      effective.resource_quota = quota.ok() ? QuotaOf(*quota) : QuotaTable();
      if (!there && wait) {
        context.diagnostics->Warning(
            "No limits and no quota",
            absl::StrCat("governance is \"external\", but within ", absl::FormatDuration(patience),
                         " nobody made a LimitRange \"", kLimitRangeName,
                         "\" or a ResourceQuota \"", kQuotaName, "\" in namespace ", name,
                         ". Check the policy engine, or use governance = \"internal\"."),
            "governance");
      }
      return absl::OkStatus();
    }
    if (over) {  // automatic, and nobody else's
      NamespaceModel internal = model;
      internal.governance = "internal";
      CHARON_ASSIGN_OR_RETURN(model.effective,
                              Effective(context, services, internal, /*planning=*/false));
      return absl::OkStatus();
    }
    CHARON_RETURN_IF_ERROR(context.call.Wait(absl::Milliseconds(500)));
  }
}

bool IsSettled(const Attr<EffectiveModel>& effective) {
  return effective.IsKnown() && EffectiveModel::Describe().Encode(*effective).IsWhollyKnown();
}

}  // namespace charon::tier
