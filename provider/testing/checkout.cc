#include "provider/testing/checkout.h"

#include "absl/strings/str_cat.h"

namespace charon {

std::string SourcePath(absl::string_view relative) {
  return absl::StrCat(CHARON_SOURCE_DIR "/", relative);
}

std::string BuildPath(absl::string_view relative) {
  return absl::StrCat(CHARON_BINARY_DIR "/", relative);
}

}  // namespace charon
