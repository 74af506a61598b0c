#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace charon {

// The one of `known` that was probably meant by `wrong`: at most a third of its letters are others,
// missing, too many or changed places with their neighbour. "" if none is so near, or if `wrong` is
// longer than names are (100 bytes).
std::string Nearest(absl::string_view wrong, const std::vector<std::string>& known);

}  // namespace charon
