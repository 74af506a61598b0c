// Values that count only at creation (ObjectOptions::initial) beside a declaration: what goes in
// where both have a list. Pure functions on JSON.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"

namespace charon::operations {

using kubernetes::Json;

// `lists` says how lists merge, as managedFields show it; null: as those of the built-in kinds do.
// Lists that it does not know are not merged.

// Adds to `base` what only `more` has. Where both have a value, that of `base` stands.
void AddMissing(Json& base, const Json& more, const kubernetes::FieldSet* lists = nullptr);

// Gives `base` what `by` has. Items of lists with keys stay where they are; new ones stand behind
// those that they follow in `by`. Other lists are those of `by`. Built-in kinds only.
void Override(Json& base, const Json& by);

// The list items of `wanted` that `has` does not have, by their keys; null if there are none.
Json MissingItems(const Json& wanted, const Json& has, const kubernetes::FieldSet* lists = nullptr);

// The path of the first list of both that AddMissing leaves as it is in `base` although `more` has
// something else there; "" if there is none.
std::string UnmergedList(const Json& base, const Json& more,
                         const kubernetes::FieldSet* lists = nullptr);

// `more` with the whole key in each item of such lists: the part of it that is left out has a
// default, which items of `base` or of `lists` tell.
Json WithWholeKeys(const Json& more, const Json& base, const kubernetes::FieldSet& lists);

}  // namespace charon::operations
