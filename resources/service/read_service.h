// The refresh of a charon_service.
#pragma once

#include "provider/sdk/context.h"
#include "provider/sdk/outcome.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

// `prior` with what is there now of each of its objects: gone, another's, what an apply left that
// was killed, or changed by somebody. In `objects` a text of that stands in the place of the hash,
// so that the plan shows it; a warning says who and what to do. NotFound if nothing is left.
sdk::Outcome<ServiceModel> ReadService(const sdk::Context& context, Services& services,
                                       const ServiceModel& prior);

}  // namespace charon::service
