// Who owns a service's objects, and what to do about fields of theirs that others own.
#pragma once

#include <string>
#include <vector>

#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

inline constexpr char kType[] = "charon_service";

operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model,
                                    const sdk::Context& context);

// What the user may do about fields of a service's objects, as conflicts name them, that another
// manager has.
std::string WaysOut(const std::vector<std::string>& fields);

// The first of them, and how many more there are.
std::string Shown(const std::vector<std::string>& fields);

}  // namespace charon::service
