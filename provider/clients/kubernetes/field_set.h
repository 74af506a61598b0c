// Fields of an object as the API server names them in metadata.managedFields: format FieldsV1
// (Kubernetes API reference, "FieldsV1"; structured-merge-diff v6, fieldpath/serialize.go).
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// One step into an object, as FieldsV1 has it: f: (field of a map or struct), k: (item of an
// associative list, by its keys), v: (item of a set, by value), i: (index, rare).
struct FieldStep {
  enum class Kind { kField, kKey, kValue, kIndex };
  Kind kind = Kind::kField;
  std::string text;  // the field's name, or the JSON of keys / value / index in canonical form

  friend auto operator<=>(const FieldStep&, const FieldStep&) = default;
};
using FieldPath = std::vector<FieldStep>;

// The canonical form of a key, a set's value or an index: compact, keys in byte order, as the
// server has it.
std::string CanonicalStepText(const Json& value);

// ".spec.template.spec.containers[name=\"app\"].image", the form the API server uses in conflicts.
// Names with dots are not quoted there (".metadata.labels.app.kubernetes.io/name"), hence `object`
// below.
std::string ToString(const FieldPath& path);

// Reads that form back, and the one of validation errors too ("spec.containers[0].image",
// "metadata.labels[app]"): a leading dot may be missing, [word] is a field. Where names contain
// dots, those that `object` (or, if null, the usual maps: labels, annotations, data, limits, ...)
// has decide where a name ends. InvalidArgument, with the position, if it is not such a path.
absl::StatusOr<FieldPath> ParseFieldPath(absl::string_view text, const Json* object = nullptr);

// A set of fields as a tree. A value; copies are deep.
class FieldSet {
 public:
  FieldSet() = default;
  // InvalidArgument if `fields_v1` is not of that format or nested deeper than 512. Steps of a kind
  // that is not one of the four are passed over, as the server does it.
  static absl::StatusOr<FieldSet> Parse(const Json& fields_v1);
  Json ToJson() const;

  bool empty() const { return !member_ && children_.empty(); }
  // True if the field itself is a member ("." of it, or a leaf).
  bool Contains(const FieldPath& path) const;
  // The subtree at `step`; nullptr if nothing below it is in the set.
  const FieldSet* Child(const FieldStep& step) const;
  const std::map<FieldStep, FieldSet>& children() const { return children_; }
  bool member() const { return member_; }
  // A member without anything below: an atomic value as a whole, a scalar, or a map declared empty.
  bool leaf() const { return member_ && children_.empty(); }

  void Insert(const FieldPath& path);
  // For building a set while walking an object: makes this field a member; the subtree at `step`,
  // made if there is none. Drop() takes a subtree out.
  void Include() { member_ = true; }
  FieldSet& Below(const FieldStep& step) { return children_[step]; }
  void Drop(const FieldStep& step) { children_.erase(step); }
  // Takes out the field and everything below it, and what is then empty above it.
  void Remove(const FieldPath& path);
  FieldSet Union(const FieldSet& other) const;
  FieldSet Minus(const FieldSet& other) const;      // members of this that are not members of other
  FieldSet Intersect(const FieldSet& other) const;  // members of both
  std::vector<FieldPath> Paths() const;             // of all members, in order

  friend bool operator==(const FieldSet&, const FieldSet&) = default;

 private:
  static absl::Status ParseInto(const Json& json, int depth, FieldSet& set);
  void Add(const FieldSet& other);
  void RemoveBelow(const FieldPath& path, std::size_t depth);
  void CollectPaths(FieldPath& at, std::vector<FieldPath>& paths) const;

  bool member_ = false;
  std::map<FieldStep, FieldSet> children_;
};

}  // namespace charon::kubernetes
