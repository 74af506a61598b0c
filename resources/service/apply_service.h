// What writes a service: its objects are made and changed in order.
#pragma once

#include "provider/sdk/context.h"
#include "provider/sdk/outcome.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

// Makes the service (`prior` is nullptr), or what has changed of it, and waits until it is ready.
// `left` is what a create left that failed, or the delete half of a replacement, if there was one.
// What was reached is in the outcome also if something fails.
sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel* left,
                                        const ServiceModel& plan);

}  // namespace charon::service
