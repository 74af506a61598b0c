// What a configuration that is not wholly known yet may turn out to be.
#pragma once

#include <cstddef>
#include <vector>

#include "provider/schema/schema.h"
#include "provider/value/value.h"

namespace charon {

// One of several wholly known objects in place of one that is not.
struct Completion {
  Value object;
  // For each unknown value, in one order for all completions, which of its substitutes stands here.
  std::vector<std::size_t> substitutes;
};

// Objects that `object` may become and that the checks and rules of `schema` allow: each unknown
// value is left out in turn, where it may be, or one of several that its checks allow. What is the
// same for all of them does not depend on what is unknown. Attributes that are only computed are
// null. Empty if some unknown value has fewer than two substitutes.
std::vector<Completion> Completions(const ObjectSchema& schema, const Value& object);

// Whether each unknown value still has two substitutes at least among `completions`, as when those
// were taken out that came to nothing.
bool VaryInAll(const std::vector<Completion>& completions);

}  // namespace charon
