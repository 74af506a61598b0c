// Where limits, quota and priority of a namespace come from: its tier, its own numbers, or whoever
// else governs it.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/sdk/context.h"
#include "provider/services.h"
#include "resources/tier/namespace.h"

namespace charon::tier {

// Of the provider block: what a tier's name stands for.
inline constexpr char kTiers[] = "conventions.tiers";

// What they come to. Unknown while something it depends on is.
absl::StatusOr<Attr<EffectiveModel>> Effective(const sdk::Context& context, Services& services,
                                               const NamespaceModel& config, bool planning);

// Fills `model.effective` from the objects that somebody else owns; `wait`: as long as
// governance_wait says, for those that are not there yet.
absl::Status ReadGoverned(const sdk::Context& context, Services& services, NamespaceModel& model,
                          bool wait);

// Whether nothing of it is unknown.
bool IsSettled(const Attr<EffectiveModel>& effective);

}  // namespace charon::tier
