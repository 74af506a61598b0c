// Inside Compare, Project and FieldsOf: a place in an object, and who stands at it. Not for use
// elsewhere.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/field_set.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes::internal {

// A path as a chain of frames on the stack: most places are only looked at, so nothing is copied.
struct Place {
  const Place* parent = nullptr;  // null at the object itself
  FieldStep::Kind kind = FieldStep::Kind::kField;
  absl::string_view text;

  bool root() const { return parent == nullptr; }
  int depth() const;
  // The name of the field here, or of the one that holds this item; "" at the object itself.
  absl::string_view FieldName() const;
  // The place of the map that holds the field named by FieldName(); null at the object itself.
  const Place* Holder() const;
  // True if these are the names of the fields from the object to here.
  bool Is(std::initializer_list<absl::string_view> names) const;
  FieldPath ToPath() const;
};

// One entry of metadata.managedFields, as it is in the object.
struct Owner {
  absl::string_view manager, operation, subresource, time;
  const Json* fields = nullptr;

  // True for the Apply entry of `name`, in the main resource; of anybody, if `name` is empty.
  bool Applies(absl::string_view name) const {
    return operation == "Apply" && subresource.empty() && (name.empty() || manager == name);
  }
};
std::vector<Owner> OwnersOf(const Json& object);

// The owners that have something at, above or below one place. Walks the JSON of fieldsV1 in step
// with the object: building field sets first would cost more than the comparison.
class Cursor {
 public:
  Cursor() = default;
  explicit Cursor(const std::vector<Owner>& owners);

  Cursor Down(FieldStep::Kind kind, absl::string_view text) const;

  struct At {
    const Owner* owner;
    const Json* fields;  // {} at a leaf
    bool above;  // the owner has an ancestor of this place as a leaf: an atomic value, or a map
                 // that was applied empty
  };
  const absl::InlinedVector<At, 6>& at() const { return at_; }

  // True if somebody owns the field here as a leaf, and nobody anything below it.
  bool IsLeaf() const;
  // Somebody owns fields below.
  bool HasChildren() const;
  // `manager` (if empty: anybody) owns the field here or an atomic value above, by Apply, in the
  // main resource.
  bool AppliedBy(absl::string_view manager) const;
  // Somebody else owns something here or below.
  bool OwnedByOthers(absl::string_view manager) const;
  // The latest of the owners here or below; else of those above; null if there are none.
  const Owner* Latest() const;

 private:
  absl::InlinedVector<At, 6> at_;
};

// How the server merges a list.
struct ListShape {
  enum class Kind { kAtomic, kKeyed, kSet };
  Kind kind = Kind::kAtomic;
  std::vector<std::string> keys;  // in byte order
};

// The type of the object at hand, as far as the tables of built-in kinds need it.
struct TypeInfo {
  explicit TypeInfo(const Json& object);
  std::string group, kind;
  bool built_in = false;
};

// As the owners show it, else as the built-in kinds have it.
ListShape ShapeOf(const Cursor& cursor, const Place& place, const TypeInfo& type);
bool IsAtomicMap(const Cursor& cursor, const Place& place, const TypeInfo& type);

// The text of an item's step ("{\"name\":\"app\"}"); nullopt if it has none of the keys. A missing
// protocol is TCP, as in the API's own defaults.
std::optional<std::string> KeyText(const Json& item, const std::vector<std::string>& keys);

// A map, list or null that holds nothing: {}, [], {"limits": {}}.
bool MeansNothing(const Json& value);

bool SameScalar(const Place& place, const Json& a, const Json& b);

// True where the built-in kinds have a quantity: in resources.limits and the like, by name.
bool IsQuantityPlace(const Place& place);

inline std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace charon::kubernetes::internal
