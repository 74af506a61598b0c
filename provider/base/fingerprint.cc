#include "provider/base/fingerprint.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace charon {

std::string Fingerprint(absl::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

}  // namespace charon
