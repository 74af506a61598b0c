// What server-side apply does with two values of one type: merge them, compare them, list the
// fields of one, remove fields from one. Pure functions; values are never modified.

#ifndef ACCEPTANCE_TESTS_SANDBOX_TYPED_VALUE_H_
#define ACCEPTANCE_TESTS_SANDBOX_TYPED_VALUE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "field_set.h"
#include "json.h"
#include "schema.h"

namespace charon::sandbox {

enum class Duplicates { kRefuse, kAllow };

// What is wrong with `value` as a `type`, one line each: ".spec.foo: field not declared in schema".
std::vector<std::string> CheckTyped(const Json& value, const Type& type, Duplicates duplicates);

// The path element of a list's item: its keys, or itself in a set. An error where it has none.
absl::StatusOr<std::string> ItemElement(const Json& item, const Type& list);

FieldSet FieldsOf(const Json& value, const Type& type);

// `over` laid over `base`: what both have comes from `over`, lists are merged by key and keep the
// order of `over` for what it names.
absl::StatusOr<Json> MergeTyped(const Json& base, const Json& over, const Type& type);

struct Comparison {
  FieldSet removed, modified, added;
  bool IsSame() const { return removed.Empty() && modified.Empty() && added.Empty(); }
};
Comparison CompareTyped(const Json& before, const Json& after, const Type& type);

// `value` without the members of `fields`; null if nothing is left of it.
Json RemoveFields(const Json& value, const FieldSet& fields, const Type& type);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_TYPED_VALUE_H_
