// Where tests find the files they read. The paths of this checkout stand in checkout.cc alone, so
// that another checkout takes every other object from ccache.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace charon {

// `relative` to the repository's root.
std::string SourcePath(absl::string_view relative);

// `relative` to the build folder's root.
std::string BuildPath(absl::string_view relative);

}  // namespace charon
