// Values that bring their own type (of dynamic attributes, of functions' arguments) as values of
// the type that is wanted.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// `value` as one of `type`, by the rules that Terraform converts attributes by (zclconf/go-cty
// v1.16, docs/convert.md): numbers and bools to and from text, objects to maps and maps to objects,
// tuples, lists and sets to each other. Attributes that are left out become null; what is unknown
// stays unknown. Stricter in one: a key that an object of `type` does not have is an error, which
// names the nearest one that it has, where Terraform drops it silently.
//
// Each fault is added to `errors` (InvalidArgument, with its path; none quotes a value, only keys)
// and is null, or missing, in the result. REQUIRES: `type` has no dynamic type and no tuple inside.
Value Convert(const Value& value, const Type& type, std::vector<absl::Status>& errors);

// The rules for primitives: `value`, known, becomes one of `type`. Returns what is wrong if it
// cannot, else an empty text.
std::string ConvertPrimitive(Value& value, const Type& type);

// "list of string is required, but this is a number".
std::string WrongKind(const Value& value, const Type& type);

}  // namespace charon
