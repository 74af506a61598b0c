// Changes a few values of a manifest's text and leaves the rest as the user wrote it.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::kubernetes_resources {

// The YAML `text` with other scalars, and without some keys, so that it says `wanted`: order,
// quotes and comments stay, so that a plan shows what differs and no more. Nullopt if that is not
// enough (a list has another length), or there is too much to change.
std::optional<std::string> EditYaml(const std::string& text, const nlohmann::json& wanted);

}  // namespace charon::kubernetes_resources
