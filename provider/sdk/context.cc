#include "provider/sdk/context.h"

#include <utility>

#include "nlohmann/json.hpp"
#include "provider/base/random.h"

namespace charon::sdk {
namespace {

constexpr absl::string_view kTenure = "tenure";

}  // namespace

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

std::string PrivateState::Own() const { return Get(kTenure).value_or(""); }

absl::Status PrivateState::Renew() {
  // One that there is goes for all that the resource has.
  if (renewed_ || !Own().empty()) return absl::OkStatus();
  absl::StatusOr<std::string> fresh = RandomText(12, "0123456789abcdef");
  if (!fresh.ok()) return std::move(fresh).status();
  Set(kTenure, *fresh);
  renewed_ = true;
  return absl::OkStatus();
}

void PrivateState::EndTenure() { Erase(kTenure); }

}  // namespace charon::sdk
