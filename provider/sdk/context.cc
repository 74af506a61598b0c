#include "provider/sdk/context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "provider/base/random.h"

namespace charon::sdk {
namespace {

// Numbers, with spaces between.
constexpr char kTenure[] = "tenure";
constexpr char kAny[] = "*";

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

bool PrivateState::Has(absl::string_view number) const {
  for (const absl::string_view own : absl::StrSplit(Get(kTenure).value_or(""), ' ')) {
    if (own == number || own == kAny) return true;
  }
  return false;
}

bool PrivateState::IsOwn(absl::string_view number) const { return open_ || Has(number); }

void PrivateState::Find(absl::string_view number, Note note) {
  if (creates_) {
    notes_.push_back(std::move(note));
  } else if (!number.empty() && !Has(number)) {
    std::string& own = entries_[kTenure];
    absl::StrAppend(&own, own.empty() ? "" : " ", number);
  }
}

void PrivateState::BeginTenure() {
  Erase(kTenure);
  creates_ = true;
}

void PrivateState::NoteTenure(const Call& call, bool complete) {
  if (notes_.empty()) {
    if (!complete) Set(kTenure, kAny);
    return;
  }
  const absl::StatusOr<std::string> number = RandomText(12, "0123456789abcdef");
  absl::Status noted = number.status();
  for (const Note& note : notes_) {
    if (!noted.ok()) break;  // each may take its time
    noted = note(*number);
  }
  if (!noted.ok()) {
    call.log->Warn("what this resource found of its stack's could not be noted as its own",
                   {{"reason", std::string(noted.message())}});
  }
  Set(kTenure, complete && noted.ok() ? absl::string_view(*number) : kAny);
}

}  // namespace charon::sdk
