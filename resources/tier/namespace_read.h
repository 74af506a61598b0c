// The refresh of a charon_tier_namespace, and what an import reads.
#pragma once

#include "provider/sdk/context.h"
#include "provider/sdk/outcome.h"
#include "provider/services.h"
#include "resources/tier/namespace.h"

namespace charon::tier {

// `prior` with what is there now; without `effective` (an import) with all there is. NotFound if
// the namespace is gone, or is another one of the same name: told by a warning.
sdk::Outcome<NamespaceModel> ReadNamespace(const sdk::Context& context, Services& services,
                                           const NamespaceModel& prior);

// Whether ReadNamespace found it gone while bindings of it are left in other namespaces: then it
// has no governance, so that each plan shows that it is to be made.
bool IsGone(const NamespaceModel& model);

}  // namespace charon::tier
