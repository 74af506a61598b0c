// Texts of unknown origin in messages, which must be UTF-8. For this folder.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace charon::kubernetes::internal {

// The length of the UTF-8 sequence at `at`; 0 if it is none (overlong, surrogate, cut off).
std::size_t SequenceLength(absl::string_view text, std::size_t at);

// At most `most` bytes of `text`, followed by "..." if there are more; valid UTF-8 (bytes that are
// not become '?').
std::string Excerpt(absl::string_view text, std::size_t most);

}  // namespace charon::kubernetes::internal
