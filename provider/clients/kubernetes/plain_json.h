// JSON as machines write it, read and written in less than half of the library's time: most of what a large apply costs us is
// text that becomes values, and values that become text.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes::internal {

// The value of a JSON text. Nullopt for whatever is not plain: anything wrong, a key that is twice, fractions, exponents
// and numbers above 18 digits, \u escapes, nesting below 100. That is for the library, which knows what it is and how to
// say it. Where there is a value, it is the library's.
std::optional<Json> ReadPlainJson(absl::string_view text);

// The value of any JSON text, read the quick way if it is plain; is_discarded() if it is no JSON.
Json ParseJson(absl::string_view text);

// The compact text of `value`. What is no UTF-8 becomes U+FFFD.
std::string DumpJson(const Json& value);

}  // namespace charon::kubernetes::internal
