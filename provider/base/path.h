// Attribute paths: where in a configuration a value stands.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace charon {

// One step of a path. Elements of sets cannot be addressed (the protocol has no step for
// them), so a path into a set ends at the set.
struct AttributeName {
  std::string name;
  friend auto operator<=>(const AttributeName&, const AttributeName&) = default;
};
struct ElementKey {  // of a map
  std::string key;
  friend auto operator<=>(const ElementKey&, const ElementKey&) = default;
};
struct ElementIndex {  // of a list or tuple, from 0
  std::int64_t index = 0;
  friend auto operator<=>(const ElementIndex&, const ElementIndex&) = default;
};

// A path from the root of a resource, data source, provider or other object. Immutable in
// use: the functions below return a longer copy.
class Path {
 public:
  using Step = std::variant<AttributeName, ElementKey, ElementIndex>;

  Path() = default;
  // A path of one attribute, so that At("name", status) reads well.
  Path(absl::string_view attribute);  // NOLINT(google-explicit-constructor)
  Path(const char* attribute) : Path(absl::string_view(attribute)) {}         // NOLINT
  Path(const std::string& attribute) : Path(absl::string_view(attribute)) {}  // NOLINT

  Path Attribute(absl::string_view name) const;
  Path Key(absl::string_view key) const;
  Path Index(std::int64_t index) const;
  Path Append(const Path& rest) const;

  const std::vector<Step>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }

  // HCL notation: `wait.fields["status.phase"]`, `rules[0].name`.
  std::string ToString() const;

  friend auto operator<=>(const Path&, const Path&) = default;

 private:
  std::vector<Step> steps_;
};

}  // namespace charon
