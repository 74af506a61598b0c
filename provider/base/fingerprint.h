// A short hash of text: to see that something changed, not to keep anything from anybody.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace charon {

// FNV-1a, 64 bits (RFC 9923, section 3), as 16 hexadecimal digits. Never of a secret: short ones
// could be guessed.
std::string Fingerprint(absl::string_view text);

}  // namespace charon
