// From what the server says about a field of a rendered object to the attribute that it comes from.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/base/path.h"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

// The attribute of `model` that `field` of `rendered` comes from, as far down as can be told; empty
// if it cannot. `field` is a path as in the causes of a refusal
// (spec.template.spec.containers[0].image) or of an apply's schema
// (.spec.template.spec.containers[name="web"].image). `live` is the object that the server has, or
// null: where others have added items to a list, an index of it tells nothing.
Path AttributeOf(const ServiceModel& model, const Rendered& rendered, const Json& live,
                 absl::string_view field);

// `status`, an answer about the object, with the attribute that is at fault: what the object comes
// from, or that of a field which the server names. Where it refuses several, one status for each
// that has an attribute, and one for the others, in the server's order (base/several.h); of
// a conflict, the first is named.
absl::Status Locate(const ServiceModel& model, const Rendered& rendered, const Json& live,
                    const absl::Status& status);

}  // namespace charon::service
