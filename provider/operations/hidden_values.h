// Values of an object that no state may have: those of a Secret, and those that a configuration
// gives write-only, of which the object itself tells where they are. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "nlohmann/json_fwd.hpp"

namespace charon::operations {

// The annotation in which `kubectl apply` keeps what it was given.
inline constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

// What the annotation kSecretsInside says of an object with `part` merged into it, for which all of
// `part` is hidden: its fields as JSON, {"spec":{"token":{}}} for {"spec":{"token":"s3cret"}}. A
// list is one field. Empty if there is no value in it.
std::string HiddenFields(const nlohmann::json& part);

// Takes out of `object`, which is `live` or a part of it, what is hidden: the values of a Secret;
// the fields that the annotation of `live` names, or all but apiVersion, kind and metadata if it
// says nothing that we understand; and the copy of either in kLastApplied.
void DropHiddenValues(const nlohmann::json& live, nlohmann::json& object);

// `live` as it may be compared with what a state has: without the fields that its annotation names.
// They would be found where a value is compared whole, such as a selector. nullopt if there are
// none.
std::optional<nlohmann::json> WithoutHiddenFields(const nlohmann::json& live);

}  // namespace charon::operations
