#include "provider/base/path.h"

#include "absl/strings/str_cat.h"

namespace charon {

Path::Path(absl::string_view attribute) { steps_.push_back(AttributeName{std::string(attribute)}); }

Path Path::Attribute(absl::string_view name) const {
  Path longer = *this;
  longer.steps_.push_back(AttributeName{std::string(name)});
  return longer;
}

Path Path::Key(absl::string_view key) const {
  Path longer = *this;
  longer.steps_.push_back(ElementKey{std::string(key)});
  return longer;
}

Path Path::Index(std::int64_t index) const {
  Path longer = *this;
  longer.steps_.push_back(ElementIndex{index});
  return longer;
}

Path Path::Append(const Path& rest) const {
  Path longer = *this;
  longer.steps_.insert(longer.steps_.end(), rest.steps_.begin(), rest.steps_.end());
  return longer;
}

std::string Path::ToString() const {
  std::string text;
  for (const Step& step : steps_) {
    if (const auto* attribute = std::get_if<AttributeName>(&step)) {
      absl::StrAppend(&text, text.empty() ? "" : ".", attribute->name);
    } else if (const auto* key = std::get_if<ElementKey>(&step)) {
      absl::StrAppend(&text, "[\"", key->key, "\"]");
    } else {
      absl::StrAppend(&text, "[", std::get<ElementIndex>(step).index, "]");
    }
  }
  return text;
}

}  // namespace charon
