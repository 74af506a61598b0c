// Label and field selectors, as lists and watches take them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_SELECTOR_H_
#define ACCEPTANCE_TESTS_SANDBOX_SELECTOR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

struct Resource;

class LabelSelector {
 public:
  // "a=b,c!=d,e in (x,y),f notin (z),g,!h". InvalidArgument with the server's words.
  static absl::StatusOr<LabelSelector> Parse(absl::string_view text);
  // matchLabels and matchExpressions. A missing selector matches nothing, an empty one everything.
  static LabelSelector FromJson(const Json* selector);

  bool Matches(const Json& labels) const;
  // The form of the query string.
  std::string ToString() const;

 private:
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op;
    std::vector<std::string> values;
  };

  bool nothing_ = false;
  std::vector<Requirement> requirements_;
};

class FieldSelector {
 public:
  // Refuses fields that the resource cannot select by.
  static absl::StatusOr<FieldSelector> Parse(absl::string_view text, const Resource& resource);

  bool Matches(const Json& object) const;

 private:
  struct Requirement {
    std::string field;
    bool equal;
    std::string value;
  };

  std::vector<Requirement> requirements_;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_SELECTOR_H_
