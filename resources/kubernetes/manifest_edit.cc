#include "resources/kubernetes/manifest_edit.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "resources/kubernetes/manifest_text.h"

namespace charon::kubernetes_resources {
namespace {

using Pointer = Json::json_pointer;

struct Change {
  Pointer place;
  const Json* value = nullptr;  // null: the key goes
};

// Appends how `wanted` differs from `now`; false if not by scalars and missing keys alone.
bool Collect(const Json& now, const Json& wanted, const Pointer& place,
             std::vector<Change>& changes) {
  if (now == wanted) return true;
  if (now.is_object() && wanted.is_object()) {
    for (const auto& [key, value] : wanted.items()) {
      if (!now.contains(key)) return false;
    }
    for (const auto& [key, value] : now.items()) {
      const auto found = wanted.find(key);
      if (found == wanted.end()) {
        changes.push_back({place / key, nullptr});
      } else if (!Collect(value, *found, place / key, changes)) {
        return false;
      }
    }
    return true;
  }
  if (now.is_array() && wanted.is_array() && now.size() == wanted.size()) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!Collect(now[i], wanted[i], place / i, changes)) return false;
    }
    return true;
  }
  if (now.is_structured() || wanted.is_structured() || now.is_null()) return false;
  changes.push_back({place, &wanted});
  return true;
}

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.'; }

// Edits until a parse says that just the one thing has changed: where in the text a value stands
// is not asked for, but tried.
class Editor {
 public:
  explicit Editor(const std::string& text, Json object) : text_(text), object_(std::move(object)) {}

  const std::string& text() const { return text_; }

  bool Make(const Change& change) {
    Json wanted = object_;
    if (change.value == nullptr) {
      wanted.at(change.place.parent_pointer()).erase(change.place.back());
      return RemoveKey(change.place.back(), wanted);
    }
    const Json old = std::exchange(wanted[change.place], *change.value);
    const std::string quoted = change.value->dump();
    std::vector<std::pair<std::string, std::string>> spellings = {{old.dump(), quoted}};
    if (old.is_string()) {
      const auto& plain = old.get_ref<const std::string&>();
      spellings.emplace_back(absl::StrCat("'", plain, "'"), quoted);
      if (!plain.empty()) {
        if (change.value->is_string())
          spellings.emplace_back(plain, change.value->get<std::string>());
        spellings.emplace_back(plain, quoted);
      }
    }
    for (const auto& [from, to] : spellings) {
      if (Replace(from, to, wanted)) return true;
    }
    return false;
  }

 private:
  // Tries each place where `from` stands by itself.
  bool Replace(const std::string& from, const std::string& to, const Json& wanted) {
    for (std::size_t at = text_.find(from); at != std::string::npos;
         at = text_.find(from, at + 1)) {
      const std::size_t end = at + from.size();
      const bool alone = (at == 0 || !IsWord(text_[at - 1]) || !IsWord(from.front())) &&
                         (end == text_.size() || !IsWord(text_[end]) || !IsWord(from.back()));
      if (!alone) continue;
      if (Try(absl::StrCat(text_.substr(0, at), to, text_.substr(end)), wanted)) return true;
    }
    return false;
  }

  // Tries each line that begins with the key, with the lines below it that are its value.
  bool RemoveKey(const std::string& key, const Json& wanted) {
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t next = LineAfter(at);
      const absl::string_view line = absl::string_view(text_).substr(at, next - at);
      const std::size_t indent = line.find_first_not_of(' ');
      if (indent != absl::string_view::npos && Names(line.substr(indent), key)) {
        for (std::size_t end = next; end <= text_.size(); end = LineAfter(end)) {
          const std::size_t first = text_.find_first_not_of(' ', end);
          const bool last = first == std::string::npos || first - end < indent;
          if (Try(absl::StrCat(text_.substr(0, at), text_.substr(end)), wanted)) return true;
          if (last || end == text_.size()) break;
        }
      }
      at = next;
    }
    return false;
  }

  static bool Names(absl::string_view line, const std::string& key) {
    for (const std::string& spelling : {key, Json(key).dump(), absl::StrCat("'", key, "'")}) {
      if (absl::StartsWith(line, absl::StrCat(spelling, ":"))) return true;
    }
    return false;
  }

  std::size_t LineAfter(std::size_t at) const {
    const std::size_t end = text_.find('\n', at);
    return end == std::string::npos ? text_.size() : end + 1;
  }

  bool Try(std::string text, const Json& wanted) {
    if (--tries_ < 0) return false;
    const absl::StatusOr<Json> read = ParseManifest(text);
    if (!read.ok() || *read != wanted) return false;
    text_ = std::move(text);
    object_ = wanted;
    return true;
  }

  std::string text_;
  Json object_;
  int tries_ = 200;
};

}  // namespace

std::optional<std::string> EditYaml(const std::string& text, const Json& wanted) {
  constexpr std::size_t kLongest = 64 << 10;
  const absl::StatusOr<Json> now = ParseManifest(text);
  std::vector<Change> changes;
  if (text.size() > kLongest || !now.ok() || !Collect(*now, wanted, Pointer(), changes))
    return std::nullopt;
  Editor editor(text, *now);
  for (const Change& change : changes) {
    if (!editor.Make(change)) return std::nullopt;
  }
  return editor.text();
}

}  // namespace charon::kubernetes_resources
