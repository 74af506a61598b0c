// Random text from the kernel's generator, fit for passwords and keys.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon {

// `size` random bytes. Unavailable if the kernel has none to give.
absl::StatusOr<std::string> RandomBytes(std::size_t size);

// `length` characters of `alphabet`, each equally likely. REQUIRES: 1 to 256 characters in the
// alphabet.
absl::StatusOr<std::string> RandomText(std::size_t length, absl::string_view alphabet);

}  // namespace charon
