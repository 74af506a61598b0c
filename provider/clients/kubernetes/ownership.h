// Who owns which field of an object: metadata.managedFields, format FieldsV1 (Kubernetes API
// reference, "FieldsV1"; structured-merge-diff v4/v6 `fieldpath`).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// One step into an object, as FieldsV1 has it: f: (field of a map or struct), k: (item of an associative
// list, by its keys), v: (item of a set, by value), i: (index, rare).
struct FieldStep {
  enum class Kind { kField, kKey, kValue, kIndex };
  Kind kind = Kind::kField;
  std::string text;  // the field's name, or the JSON of keys / value / index in canonical form

  friend auto operator<=>(const FieldStep&, const FieldStep&) = default;
};
using FieldPath = std::vector<FieldStep>;

// ".spec.template.spec.containers[name=\"app\"].image", the form the API server uses in conflicts.
std::string ToString(const FieldPath& path);
// Reads that form back. InvalidArgument if it is not one.
absl::StatusOr<FieldPath> ParseFieldPath(absl::string_view text);

// A set of fields as a tree.
class FieldSet {
 public:
  FieldSet() = default;
  // InvalidArgument if `fields_v1` is not of that format or nested deeper than 512.
  static absl::StatusOr<FieldSet> Parse(const Json& fields_v1);
  Json ToJson() const;

  bool empty() const { return !member_ && children_.empty(); }
  // True if the field itself is a member ("." of it, or a leaf).
  bool Contains(const FieldPath& path) const;
  // The subtree at `step`; nullptr if nothing below it is in the set.
  const FieldSet* Child(const FieldStep& step) const;
  const std::map<FieldStep, FieldSet>& children() const { return children_; }
  bool member() const { return member_; }

  void Insert(const FieldPath& path);
  FieldSet Union(const FieldSet& other) const;
  FieldSet Minus(const FieldSet& other) const;      // members of this that are not members of other
  FieldSet Intersect(const FieldSet& other) const;  // members of both
  std::vector<FieldPath> Paths() const;             // of all members, in order

  friend bool operator==(const FieldSet&, const FieldSet&) = default;

 private:
  bool member_ = false;
  std::map<FieldStep, FieldSet> children_;
};

struct ManagerEntry {
  std::string manager;
  std::string operation;  // "Apply" or "Update"
  std::string subresource;
  std::string api_version;
  absl::Time time;
  FieldSet fields;
};

// The entries of metadata.managedFields; entries that cannot be read are left out.
std::vector<ManagerEntry> Managers(const Json& object);

// What `manager` owns by Apply in the main resource; empty set if nothing.
FieldSet AppliedBy(const Json& object, absl::string_view manager);

// `live` reduced to the fields of `owned`: maps by name, associative lists by key, sets by value, atomic
// values whole. Fields that are owned but absent in `live` are absent. List order is live's.
Json Project(const Json& live, const FieldSet& owned);

// One field that the configuration declares and that the live object has differently.
struct Difference {
  FieldPath path;
  std::string declared;  // compact JSON
  std::string live;      // compact JSON; empty: the field is not there
  std::string manager;   // who owns the field now (the latest of several); empty: unknown
  std::string operation;
  absl::Time time;
};

// The leaves of `declared` that `live` has differently. `lists` tells how lists are keyed where it says
// so (pass the union of all managers' fields); elsewhere the usual merge keys decide (name, mountPath,
// containerPort + protocol, ...), else lists are compared whole. Values are compared by meaning: see
// SameMeaning. Null leaves of `declared` mean "absent". apiVersion, kind, metadata.name and
// metadata.namespace are not compared.
std::vector<Difference> Compare(const Json& declared, const Json& live);

// `declared` with each differing leaf replaced by live's value (dropped if live has none): what the object
// looks like through the configuration's eyes.
Json Overlay(const Json& declared, const Json& live);

// True if the API server treats both as the same value at `path`: equal JSON, quantities of equal
// amount where `path` is a place for quantities (resources, limits, requests, hard, capacity, storage,
// sizeLimit, max, min, default, ...), numbers of equal value, empty and absent maps and lists, int-or-string.
bool SameMeaning(const FieldPath& path, const Json& a, const Json& b);

// The set of fields that server-side apply would record for `declared`, with list keys as in `live`'s
// managedFields or the usual ones.
FieldSet FieldsOf(const Json& declared, const Json& live);

// `fields_of` entries moved from the Update or Apply managers in `from` to our Apply manager, as a
// metadata.managedFields array ready to be sent: fields that we do not declare stay with nobody, so that
// the next apply by `manager` removes what the configuration no longer has. nullopt if there is nothing to
// move. This is what kubectl's own client-side to server-side migration does (csaupgrade), for any manager.
std::optional<Json> MigratedManagedFields(const Json& object, absl::string_view manager,
                                          const std::vector<std::string>& from);

}  // namespace charon::kubernetes
