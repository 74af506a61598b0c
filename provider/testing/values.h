// Values as tests write and read them: JSON, with the text "<unknown>" for what is not known yet.
#pragma once

#include <iosfwd>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/schema/schema.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// A value of `type`. Attributes that are left out are null; "<unknown>" may stand for a value of
// any type. A place of dynamic type takes the type that HCL's jsondecode gives. Aborts the program
// with the path if `json` does not fit: tests have no use for a wrong input.
Value ValueForTest(const Type& type, absl::string_view json);
Value ValueFromJsonForTest(const Type& type, const nlohmann::ordered_json& json);
// An object of `schema`.
Value ObjectForTest(const ObjectSchema& schema, absl::string_view json);

// The JSON of any value, "<unknown>" included. Attributes that are null are shown as null.
nlohmann::ordered_json JsonForTest(const Value& value);

// How gTest shows values and paths.
void PrintTo(const Value& value, std::ostream* out);
void PrintTo(const Path& path, std::ostream* out);

}  // namespace charon
