// Planning as pure functions on values: from configuration, prior state and core's proposal to what
// will be. The stages follow plugin protocol 6.1; each is one function, called in one visible order
// by Plan().
#pragma once

#include <vector>

#include "provider/base/path.h"
#include "provider/schema/schema.h"
#include "provider/value/value.h"

namespace charon::plan {

struct Input {
  Value config;    // null: destroy
  Value prior;     // null: create
  Value proposed;  // core's merge of the two
};

struct Result {
  Value planned;
  std::vector<Path> requires_replace;
};

// What planning knows without the resource. REQUIRES: input.proposed is a known object (no destroy
// plan).
Result Plan(const ObjectSchema& schema, const Input& input);

// The stages, for the resource adapter and for tests.

// Defaults where the configuration is null, also inside what is configured. What the default of a
// nested attribute leaves to the provider keeps its prior value.
Value ApplyDefaults(const ObjectSchema& schema, const Input& input, Value planned);

// Where the configuration or a default says the same as the prior state in other words, the prior
// words stay (rule P6).
Value KeepPriorSpelling(const ObjectSchema& schema, const Input& input, Value planned);

// What is computed once (keep_prior, force_new, inside a force_new attribute) and not configured
// has its prior value. Core proposes another one only for an object of which a configuration once
// set a part: without this its removal from the configuration would be a change that never ends.
Value KeepFixed(const ObjectSchema& schema, const Input& input, Value planned);

// Every computed attribute that the configuration leaves open becomes unknown, except those that
// keep their prior value: keep_prior, force_new, and whatever is inside a force_new attribute. Call
// only if something changes.
Value MarkUnknown(const ObjectSchema& schema, const Input& input, Value planned);

// The paths of force_new attributes that change, also of objects that both sides have (added and
// removed elements replace nothing). Sorted.
std::vector<Path> ReplacePaths(const ObjectSchema& schema, const Value& prior,
                               const Value& planned);

// True if `planned` says something else than `prior` (an unknown is something else).
bool Changes(const Value& prior, const Value& planned);

}  // namespace charon::plan
