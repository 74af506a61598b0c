// Text as values hold it: UTF-8 in Unicode normal form C, and its JSON form. Used inside this
// folder; others call NormalizeNfc in msgpack.h.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace charon {

bool IsUtf8(absl::string_view text);

// Appends `text` in normal form C to `out`; false, with nothing appended, if it is not UTF-8.
// Takes O(n log n) whatever the text is.
bool AppendNfc(absl::string_view text, std::string& out);

// Appends `text` with quotes and escapes, as RFC 8259 requires them. `text` must be UTF-8.
void AppendJsonString(absl::string_view text, std::string& json);

}  // namespace charon
