#include "typed_value.h"

#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "status.h"

namespace charon::sandbox {
namespace {

// How a value is treated: what its type allows, decided by the value where the type is open.
enum class Kind { kLeaf, kMap, kList };

bool IsScalarValue(const Json& value) {
  return value.is_string() || value.is_number() || value.is_boolean();
}

Kind KindOf(const Type& type, const Json& value) {
  switch (type.shape) {
    case Type::Shape::kScalar:
      return Kind::kLeaf;
    case Type::Shape::kStruct:
    case Type::Shape::kMap:
      return type.atomic ? Kind::kLeaf : Kind::kMap;
    case Type::Shape::kList:
      return type.list_kind == Type::ListKind::kAtomic ? Kind::kLeaf : Kind::kList;
    case Type::Shape::kAny:
      return value.is_object() || value.is_null() ? Kind::kMap : Kind::kLeaf;
  }
  return Kind::kLeaf;
}

bool IsEmpty(const Json* value) {
  return value == nullptr || value->is_null() ||
         ((value->is_object() || value->is_array()) && value->empty());
}

const Type& Member(const Type& type, absl::string_view key) {
  const Type* member = type.MemberType(key);
  return member == nullptr ? *AnyType() : *member;
}

// The wrong value as the server's library prints it, which differs from type to type.
const char* GoTypeOf(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  return value.is_number_float() ? "float64" : "int64";
}

void Check(const Json& value, const Type& type, const std::string& path, Duplicates duplicates,
           std::vector<std::string>& out) {
  if (value.is_null()) return;
  const auto wrong = [&](absl::string_view expected) {
    out.push_back(absl::StrCat(path, ": expected ", expected, ", got &{", GoPlain(value), "}"));
  };
  switch (type.shape) {
    case Type::Shape::kAny:
      return;
    case Type::Shape::kScalar: {
      const bool text_only =
          type.scalar == Type::Scalar::kString || type.scalar == Type::Scalar::kBytes;
      const bool numeric = type.scalar == Type::Scalar::kInt32 ||
                           type.scalar == Type::Scalar::kInt64 ||
                           type.scalar == Type::Scalar::kNumber;
      if (text_only && !value.is_string()) {
        out.push_back(absl::StrCat(path, ": expected string, got &value.valueUnstructured{Value:",
                                   value.is_structured() ? GoTypeOf(value) : "", Dump(value), "}"));
      } else if (numeric && !value.is_number()) {
        out.push_back(
            absl::StrCat(path, ": expected numeric (int or float), got ", GoTypeOf(value)));
      } else if (type.scalar == Type::Scalar::kBool && !value.is_boolean()) {
        wrong("boolean");
      } else if (!IsScalarValue(value)) {
        wrong("any scalar");
      }
      return;
    }
    case Type::Shape::kStruct:
    case Type::Shape::kMap:
      if (!value.is_object()) return wrong("map");
      for (const auto& [key, member] : value.items()) {
        const Type* below = type.MemberType(key);
        const std::string at = absl::StrCat(path, ".", key);
        if (below == nullptr) {
          out.push_back(absl::StrCat(at, ": field not declared in schema"));
          return;  // The server stops here as well.
        } else {
          Check(member, *below, at, duplicates, out);
        }
      }
      return;
    case Type::Shape::kList: {
      if (!value.is_array()) return wrong("list");
      std::set<std::string> seen;
      for (std::size_t i = 0; i < value.size(); ++i) {
        std::string at = absl::StrCat("[", i, "]");
        if (type.list_kind != Type::ListKind::kAtomic) {
          const absl::StatusOr<std::string> element = ItemElement(value[i], type);
          if (!element.ok()) {
            out.push_back(absl::StrCat(path, ": element ", i, ": ", element.status().message()));
            return;
          }
          at = PathText({*element});
          if (!seen.insert(*element).second && duplicates == Duplicates::kRefuse) {
            out.push_back(absl::StrCat(path, ": duplicate entries for key ", at));
          }
        }
        Check(value[i], *type.element, absl::StrCat(path, at), duplicates, out);
      }
      return;
    }
  }
}

void CollectFields(const Json& value, const Type& type, FieldPath& path, FieldSet& out) {
  switch (KindOf(type, value)) {
    case Kind::kLeaf:
      out.Insert(path);
      return;
    case Kind::kMap:
      if (!value.is_object()) return;
      for (const auto& [key, member] : value.items()) {
        path.push_back(FieldElement(key));
        CollectFields(member, Member(type, key), path, out);
        const bool named = type.shape == Type::Shape::kStruct && type.FindField(key) != nullptr;
        if (member.is_null() || (member.is_object() && member.empty()) || !named) out.Insert(path);
        path.pop_back();
      }
      return;
    case Kind::kList: {
      if (!value.is_array()) return;
      std::map<std::string, int> count;
      for (const Json& item : value) {
        if (const auto element = ItemElement(item, type); element.ok()) ++count[*element];
      }
      for (const Json& item : value) {
        const absl::StatusOr<std::string> element = ItemElement(item, type);
        if (!element.ok()) continue;
        path.push_back(*element);
        if (count[*element] == 1) CollectFields(item, *type.element, path, out);
        out.Insert(path);
        path.pop_back();
      }
      return;
    }
  }
}

// nullopt: nothing on either side.
absl::StatusOr<std::optional<Json>> Merge(const Json* base, const Json* over, const Type& type);

absl::StatusOr<std::optional<Json>> MergeLists(const Json* base, const Json* over,
                                               const Type& type) {
  struct Indexed {
    std::vector<std::string> order;
    std::map<std::string, const Json*> items;
  };
  const auto index = [&type](const Json* list, bool allow_duplicates) -> absl::StatusOr<Indexed> {
    Indexed out;
    if (list == nullptr || !list->is_array()) return out;
    for (const Json& item : *list) {
      SANDBOX_ASSIGN_OR_RETURN(std::string element, ItemElement(item, type));
      const auto [it, inserted] = out.items.try_emplace(element, &item);
      if (!inserted && !allow_duplicates) {
        return absl::InvalidArgumentError(
            absl::StrCat("duplicate entries for key ", PathText({element})));
      }
      if (inserted) out.order.push_back(std::move(element));
    }
    return out;
  };
  SANDBOX_ASSIGN_OR_RETURN(const Indexed rhs, index(over, false));
  SANDBOX_ASSIGN_OR_RETURN(const Indexed lhs, index(base, true));

  std::vector<std::string> shared;
  for (const std::string& element : rhs.order) {
    if (lhs.items.count(element) > 0) shared.push_back(element);
  }
  std::size_t next_shared = 0;
  Json out = Json::array();
  std::set<std::string> merged;
  const auto take = [&](const std::string& element) -> absl::Status {
    const auto l = lhs.items.find(element);
    const auto r = rhs.items.find(element);
    SANDBOX_ASSIGN_OR_RETURN(std::optional<Json> item,
                             Merge(l == lhs.items.end() ? nullptr : l->second,
                                   r == rhs.items.end() ? nullptr : r->second, *type.element));
    if (item.has_value()) out.push_back(*std::move(item));
    return absl::OkStatus();
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < lhs.order.size() || j < rhs.order.size()) {
    if (i < lhs.order.size() && j < rhs.order.size()) {
      const std::string& element = lhs.order[i];
      if (element == rhs.order[j]) {
        merged.insert(element);
        SANDBOX_RETURN_IF_ERROR(take(element));
        ++i;
        ++j;
        ++next_shared;
        continue;
      }
      if (rhs.items.count(element) > 0 && next_shared < shared.size() &&
          shared[next_shared] != element) {
        ++i;  // Shared, but its turn comes later.
        continue;
      }
    }
    if (i < lhs.order.size()) {
      const std::string& element = lhs.order[i];
      if (rhs.items.count(element) == 0) {
        SANDBOX_RETURN_IF_ERROR(take(element));
        ++i;
        continue;
      }
      if (merged.count(element) > 0) ++i;
    }
    if (j < rhs.order.size()) {
      const std::string& element = rhs.order[j];
      merged.insert(element);
      SANDBOX_RETURN_IF_ERROR(take(element));
      ++j;
      if (next_shared < shared.size() && shared[next_shared] == element) ++next_shared;
    }
  }
  if (out.empty()) return std::optional<Json>();
  return std::optional<Json>(std::move(out));
}

absl::StatusOr<std::optional<Json>> Merge(const Json* base, const Json* over, const Type& type) {
  const Kind kind = KindOf(type, over != nullptr && !over->is_null() ? *over
                                 : base != nullptr                   ? *base
                                                                     : Json());
  const bool leaf = kind == Kind::kLeaf || (IsEmpty(base) && IsEmpty(over));
  if (leaf) {
    if (over != nullptr) return std::optional<Json>(*over);
    if (base != nullptr) return std::optional<Json>(*base);
    return std::optional<Json>();
  }
  if (kind == Kind::kList) return MergeLists(base, over, type);
  Json out = Json::object();
  const auto member = [&](const std::string& key, const Json* l, const Json* r) -> absl::Status {
    SANDBOX_ASSIGN_OR_RETURN(std::optional<Json> value, Merge(l, r, Member(type, key)));
    if (value.has_value()) out[key] = *std::move(value);
    return absl::OkStatus();
  };
  if (base != nullptr && base->is_object()) {
    for (const auto& [key, value] : base->items()) {
      const Json* theirs = nullptr;
      if (over != nullptr && over->is_object()) {
        if (const auto it = over->find(key); it != over->end()) theirs = &*it;
      }
      SANDBOX_RETURN_IF_ERROR(member(key, &value, theirs));
    }
  }
  if (over != nullptr && over->is_object()) {
    for (const auto& [key, value] : over->items()) {
      if (!out.contains(key)) SANDBOX_RETURN_IF_ERROR(member(key, nullptr, &value));
    }
  }
  if (out.empty()) return std::optional<Json>();
  return std::optional<Json>(std::move(out));
}

void Compare(const Json* before, const Json* after, const Type& type, FieldPath& path,
             Comparison& out);

void CompareLists(const Json* before, const Json* after, const Type& type, FieldPath& path,
                  Comparison& out) {
  std::map<std::string, std::vector<const Json*>> lhs;
  std::map<std::string, std::vector<const Json*>> rhs;
  const auto index = [&type](const Json* list, auto& into) {
    if (list == nullptr || !list->is_array()) return;
    for (const Json& item : *list) {
      if (const auto element = ItemElement(item, type); element.ok()) {
        into[*element].push_back(&item);
      }
    }
  };
  index(before, lhs);
  index(after, rhs);
  std::set<std::string> elements;
  for (const auto& [element, items] : lhs) elements.insert(element);
  for (const auto& [element, items] : rhs) elements.insert(element);
  for (const std::string& element : elements) {
    const std::vector<const Json*>& l = lhs[element];
    const std::vector<const Json*>& r = rhs[element];
    path.push_back(element);
    if (l.size() <= 1 && r.size() <= 1) {
      Compare(l.empty() ? nullptr : l[0], r.empty() ? nullptr : r[0], *type.element, path, out);
    } else if (l.size() >= 2 && r.size() >= 2) {
      bool same = l.size() == r.size();
      for (std::size_t i = 0; same && i < l.size(); ++i) same = *l[i] == *r[i];
      if (!same) out.modified.Insert(path);
    } else if (l.size() >= 2) {
      if (!r.empty()) Compare(nullptr, r[0], *type.element, path, out);
      out.removed.Insert(path);
    } else {
      if (!l.empty()) Compare(l[0], nullptr, *type.element, path, out);
      out.added.Insert(path);
    }
    path.pop_back();
  }
}

void Compare(const Json* before, const Json* after, const Type& type, FieldPath& path,
             Comparison& out) {
  const Json* decisive = after != nullptr && !after->is_null() ? after : before;
  const Kind kind = KindOf(type, decisive == nullptr ? Json() : *decisive);
  if (kind == Kind::kLeaf || (IsEmpty(before) && IsEmpty(after))) {
    if (before == nullptr) {
      out.added.Insert(path);
    } else if (after == nullptr) {
      out.removed.Insert(path);
    } else if (*before != *after) {
      out.modified.Insert(path);
    }
    return;
  }
  if (kind == Kind::kList) {
    CompareLists(before, after, type, path, out);
  } else {
    std::set<std::string> keys;
    for (const Json* side : {before, after}) {
      if (side == nullptr || !side->is_object()) continue;
      for (const auto& [key, value] : side->items()) keys.insert(key);
    }
    const auto get = [](const Json* side, const std::string& key) -> const Json* {
      if (side == nullptr || !side->is_object()) return nullptr;
      const auto it = side->find(key);
      return it == side->end() ? nullptr : &*it;
    };
    for (const std::string& key : keys) {
      path.push_back(FieldElement(key));
      Compare(get(before, key), get(after, key), Member(type, key), path, out);
      path.pop_back();
    }
  }
  if (before == nullptr) out.added.Insert(path);
  if (after == nullptr) out.removed.Insert(path);
}

}  // namespace

std::vector<std::string> CheckTyped(const Json& value, const Type& type, Duplicates duplicates) {
  std::vector<std::string> out;
  Check(value, type, "", duplicates, out);
  return out;
}

absl::StatusOr<std::string> ItemElement(const Json& item, const Type& list) {
  if (list.list_kind == Type::ListKind::kSet) {
    if (item.is_null()) {
      return absl::InvalidArgumentError(
          "associative list without keys has an element that's an explicit null");
    }
    if (item.is_structured()) {
      return absl::InvalidArgumentError(
          item.is_object() ? "associative list without keys has an element that's a map type"
                           : "not supported: associative list with lists as elements");
    }
    return ValueElement(item);
  }
  if (item.is_null()) {
    return absl::InvalidArgumentError("associative list with keys may not have a null element");
  }
  if (!item.is_object()) {
    return absl::InvalidArgumentError("associative list with keys may not have non-map elements");
  }
  Json keys = Json::object();
  for (const ListKey& key : list.keys) {
    if (const auto it = item.find(key.name); it != item.end()) {
      keys[key.name] = *it;
    } else if (!key.default_value.is_null()) {
      keys[key.name] = key.default_value;
    } else if (const Field* field = list.element->FindField(key.name);
               field != nullptr && field->presence == Presence::kAlways) {
      keys[key.name] = ZeroValue(*field->type);
    }
  }
  if (keys.empty()) {
    std::vector<std::string> names;
    for (const ListKey& key : list.keys) names.push_back(Quote(key.name));
    return absl::InvalidArgumentError(absl::StrCat(
        "associative list with keys has an element that omits all key fields [",
        absl::StrJoin(names, " "), "] (and doesn't have default values for any key fields)"));
  }
  return KeyElement(keys);
}

FieldSet FieldsOf(const Json& value, const Type& type) {
  FieldSet out;
  FieldPath path;
  CollectFields(value, type, path, out);
  return out;
}

absl::StatusOr<Json> MergeTyped(const Json& base, const Json& over, const Type& type) {
  SANDBOX_ASSIGN_OR_RETURN(std::optional<Json> merged, Merge(&base, &over, type));
  return merged.has_value() ? *std::move(merged) : Json();
}

Comparison CompareTyped(const Json& before, const Json& after, const Type& type) {
  Comparison out;
  FieldPath path;
  Compare(&before, &after, type, path, out);
  return out;
}

Json RemoveFields(const Json& value, const FieldSet& fields, const Type& type) {
  switch (KindOf(type, value)) {
    case Kind::kLeaf:
      // Only a scalar survives being reached; an atomic list or map goes as a whole.
      return type.shape == Type::Shape::kScalar || IsScalarValue(value) ? value : Json();
    case Kind::kList: {
      if (!value.is_array() || value.empty()) return nullptr;
      Json out = Json::array();
      for (const Json& item : value) {
        const absl::StatusOr<std::string> element = ItemElement(item, type);
        if (!element.ok()) {
          out.push_back(item);
          continue;
        }
        if (fields.HasMember(*element)) continue;
        const FieldSet* below = fields.Child(*element);
        out.push_back(below == nullptr ? item : RemoveFields(item, *below, *type.element));
      }
      return out.empty() ? Json() : out;
    }
    case Kind::kMap: {
      if (!value.is_object() || value.empty()) return nullptr;
      Json out = Json::object();
      for (const auto& [key, member] : value.items()) {
        const std::string element = FieldElement(key);
        if (fields.HasMember(element)) continue;
        const FieldSet* below = fields.Child(element);
        out[key] = below == nullptr ? member : RemoveFields(member, *below, Member(type, key));
      }
      return out.empty() ? Json() : out;
    }
  }
  return value;
}

}  // namespace charon::sandbox
