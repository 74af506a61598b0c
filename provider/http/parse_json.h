// Bodies of answers.
#pragma once

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::http {

// What is nested deeper is taken for no JSON: copying, comparing and writing recurse.
inline constexpr int kDeepestJson = 1000;

// Discarded (is_discarded()) if `text` is no JSON.
nlohmann::json ParseJson(absl::string_view text);

}  // namespace charon::http
