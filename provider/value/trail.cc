#include "provider/value/trail.h"

#include <cctype>
#include <span>
#include <utility>
#include <variant>

#include "provider/base/status.h"

namespace charon {
namespace {

// Paths grow by copying; joining halves keeps 512 steps from costing 512 copies of all of them.
Path Join(std::span<const Path::Step> innermost_first) {
  if (innermost_first.empty()) return Path();
  if (innermost_first.size() == 1) {
    const Path::Step& step = innermost_first.front();
    if (const auto* attribute = std::get_if<AttributeName>(&step)) return Path(attribute->name);
    if (const auto* key = std::get_if<ElementKey>(&step)) return Path().Key(key->key);
    return Path().Index(std::get<ElementIndex>(step).index);
  }
  const std::size_t half = innermost_first.size() / 2;
  return Join(innermost_first.subspan(half)).Append(Join(innermost_first.first(half)));
}

}  // namespace

Path::Step StepTo(absl::string_view name) {
  bool identifier = !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
                    name.front() != '-';
  for (const char c : name) {
    identifier &= std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  }
  if (identifier) return AttributeName{std::string(name)};
  return ElementKey{std::string(name)};
}

bool Trail::Fail(std::string message) {
  message_ = std::move(message);
  steps_.clear();
  return false;
}

bool Trail::FromAttribute(absl::string_view name) { return From(AttributeName{std::string(name)}); }
bool Trail::FromKey(absl::string_view key) { return From(ElementKey{std::string(key)}); }
bool Trail::FromIndex(std::int64_t index) { return From(ElementIndex{index}); }

bool Trail::From(Path::Step step) {
  steps_.push_back(std::move(step));
  return false;
}

bool Trail::FromSet() {
  steps_.clear();
  return false;
}

absl::Status Trail::ToStatus(absl::StatusCode code) const {
  return At(Join(steps_), absl::Status(code, message_));
}

}  // namespace charon
