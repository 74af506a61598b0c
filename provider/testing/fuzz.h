// For fuzzers.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"

namespace charon {

// What has to hold. If it does not, the program ends, which the fuzzer takes for a finding.
inline void Require(bool condition) {
  if (!condition) std::abort();
}

// `bytes`, or if they begin with "%", `form` with their lines in the places of its "%": a fuzzer
// hardly finds by chance what a whole answer looks like.
inline std::string BytesOrForm(absl::string_view bytes, absl::string_view form) {
  if (bytes.empty() || bytes[0] != '%') return std::string(bytes);
  bytes.remove_prefix(1);
  std::string text;
  for (const char c : form) {
    if (c != '%') {
      text.push_back(c);
      continue;
    }
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    text.append(bytes.data(), end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return text;
}

}  // namespace charon
