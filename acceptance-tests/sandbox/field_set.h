// A set of fields of one object, in the shape of managedFields' FieldsV1.
//
// A path element is kept as the text the wire uses: "f:replicas", "k:{\"name\":\"app\"}",
// "v:\"finalizer\"". Membership of a field does not imply membership of its parent.

#ifndef ACCEPTANCE_TESTS_SANDBOX_FIELD_SET_H_
#define ACCEPTANCE_TESTS_SANDBOX_FIELD_SET_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "json.h"
#include "schema.h"

namespace charon::sandbox {

using FieldPath = std::vector<std::string>;

std::string FieldElement(absl::string_view name);  // "f:name"
std::string ValueElement(const Json& value);       // "v:..."
std::string KeyElement(const Json& keys);          // "k:{...}"; `keys` is an object

// ".spec.containers[name=\"app\"].image", as conflicts print it.
std::string PathText(const FieldPath& path);

class FieldSet {
 public:
  bool Empty() const { return members_.empty() && children_.empty(); }
  void Insert(const FieldPath& path);
  bool Has(const FieldPath& path) const;
  bool HasMember(const std::string& element) const { return members_.count(element) > 0; }
  // The fields below `element`; nullptr if there are none.
  const FieldSet* Child(const std::string& element) const;

  FieldSet Union(const FieldSet& other) const;
  FieldSet Intersection(const FieldSet& other) const;
  // Exact members only: a parent in `other` does not remove its children here, except that a
  // subtree below a member of `other` is dropped member by member.
  FieldSet Difference(const FieldSet& other) const;
  // As Difference, but a member of `other` takes everything below it along.
  FieldSet RecursiveDifference(const FieldSet& other) const;
  // Adds the named struct fields above each member.
  FieldSet WithNamedParents(const Type* type) const;

  // Members before children, each level in order.
  void Visit(const std::function<void(const FieldPath&)>& visitor) const;

  Json ToFieldsV1() const;
  static absl::StatusOr<FieldSet> FromFieldsV1(const Json& fields);

  bool operator==(const FieldSet& other) const {
    return members_ == other.members_ && children_ == other.children_;
  }

 private:
  void VisitBelow(FieldPath& prefix, const std::function<void(const FieldPath&)>& visitor) const;

  std::set<std::string> members_;
  std::map<std::string, FieldSet> children_;  // No child is empty.
};

// The type one step down from `type`; nullptr where the schema says nothing.
const Type* TypeBelow(const Type* type, absl::string_view element);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_FIELD_SET_H_
