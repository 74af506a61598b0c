// Values that are made up once: passwords, keys, identifiers.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::operations {

// `kind`: "alphanumeric" (letters and digits), "password" (those and -_.~!*), "hex" (length
// digits), "base64" (of length random bytes), "uuid" (version 4; length is ignored).
// InvalidArgument for another kind.
absl::StatusOr<std::string> GenerateValue(absl::string_view kind, std::int64_t length);

}  // namespace charon::operations
