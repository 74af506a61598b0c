#include "provider/sdk/context.h"

#include "nlohmann/json.hpp"

namespace charon::sdk {

PrivateState PrivateState::Parse(absl::string_view bytes) {
  PrivateState state;
  const auto json =
      nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return state;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) state.entries_[key] = value.get<std::string>();
  }
  return state;
}

std::string PrivateState::ToBytes() const {
  if (entries_.empty()) return "";
  return nlohmann::json(entries_).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::string> PrivateState::Get(absl::string_view key) const {
  const auto found = entries_.find(std::string(key));
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

}  // namespace charon::sdk
