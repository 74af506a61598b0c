// The apply of a charon_tier_namespace.
#pragma once

#include "provider/sdk/context.h"
#include "provider/sdk/outcome.h"
#include "provider/services.h"
#include "resources/tier/namespace.h"

namespace charon::tier {

// Makes a namespace and what governs it (`prior` null), or brings it from `prior` to `plan`. Fails
// with what has been reached; nothing has if the Namespace itself could not be applied.
sdk::Outcome<NamespaceModel> ApplyNamespace(const sdk::Context& context, Services& services,
                                            const NamespaceModel* prior,
                                            const NamespaceModel& plan);

}  // namespace charon::tier
