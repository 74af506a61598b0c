#include "provider/value/value.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "provider/value/trail.h"

namespace charon {
namespace {

absl::string_view NameOf(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kUnknown:
      return "an unknown value";
    case Value::Kind::kBool:
      return "a bool";
    case Value::Kind::kNumber:
      return "a number";
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kSequence:
      return "a sequence";
    case Value::Kind::kMapping:
      return "a mapping";
    case Value::Kind::kDynamic:
      return "a value with its own type";
  }
  return "";
}

class Checker {
 public:
  bool Check(const Value& value, const Type& type, int depth) {
    if (value.IsNull() || value.IsUnknown()) return true;
    if (value.kind() != KindOf(type)) {
      return trail_.Fail(
          absl::StrCat(type.FriendlyName(), " is required, but this is ", NameOf(value.kind())));
    }
    if (type.kind() == Type::Kind::kDynamic) {
      return Check(value.dynamic_value(), value.dynamic_type(), depth);
    }
    if (type.IsPrimitive()) return true;
    if (depth >= kMaxDepth) {
      return trail_.Fail(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
    }
    if (value.kind() == Value::Kind::kSequence)
      return CheckSequence(value.sequence(), type, depth + 1);
    return CheckMapping(value.mapping(), type, depth + 1);
  }

  absl::Status ToStatus() const { return trail_.ToStatus(absl::StatusCode::kInvalidArgument); }

 private:
  static Value::Kind KindOf(const Type& type) {
    switch (type.kind()) {
      case Type::Kind::kDynamic:
        return Value::Kind::kDynamic;
      case Type::Kind::kString:
        return Value::Kind::kString;
      case Type::Kind::kNumber:
        return Value::Kind::kNumber;
      case Type::Kind::kBool:
        return Value::Kind::kBool;
      case Type::Kind::kList:
      case Type::Kind::kSet:
      case Type::Kind::kTuple:
        return Value::Kind::kSequence;
      case Type::Kind::kMap:
      case Type::Kind::kObject:
        return Value::Kind::kMapping;
    }
    return Value::Kind::kNull;
  }

  bool CheckSequence(const Value::Sequence& elements, const Type& type, int depth) {
    const bool is_tuple = type.kind() == Type::Kind::kTuple;
    if (is_tuple && elements.size() != type.elements().size()) {
      return trail_.Fail(absl::StrCat("a tuple of ", type.elements().size(),
                                      " elements is required, but this has ", elements.size()));
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!Check(elements[i], is_tuple ? type.elements()[i] : type.element(), depth)) {
        if (type.kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    return true;
  }

  bool CheckMapping(const Value::Mapping& entries, const Type& type, int depth) {
    if (type.kind() == Type::Kind::kMap) {
      for (const auto& [key, value] : entries) {
        if (!Check(value, type.element(), depth)) return trail_.FromKey(key);
      }
      return true;
    }
    auto entry = entries.begin();  // Both are in byte order.
    for (const auto& [name, attribute] : type.attributes()) {
      if (entry == entries.end() || name < entry->first) {
        return trail_.Fail(absl::StrCat("the attribute \"", name, "\" is missing"));
      }
      if (entry->first != name) break;
      if (!Check(entry->second, attribute, depth)) return trail_.FromAttribute(name);
      ++entry;
    }
    if (entry != entries.end()) {
      trail_.Fail("the object's type has no such attribute");
      return trail_.FromAttribute(entry->first);
    }
    return true;
  }

  Trail trail_;
};

class TypeFinder {
 public:
  bool Find(const Value& value, const Type& type, Type& out) {
    if (!type.HasDynamic() || value.IsNull() || value.IsUnknown()) {
      out = type;
      return true;
    }
    switch (type.kind()) {
      case Type::Kind::kDynamic:
        return Find(value.dynamic_value(), value.dynamic_type(), out);
      case Type::Kind::kTuple:
        return FindTuple(value.sequence(), type, out);
      case Type::Kind::kObject:
        return FindObject(value.mapping(), type, out);
      case Type::Kind::kMap:
        return FindMap(value.mapping(), type, out);
      default:
        return FindListOrSet(value.sequence(), type, out);
    }
  }

  absl::Status ToStatus() const { return trail_.ToStatus(absl::StatusCode::kInvalidArgument); }

 private:
  bool FindTuple(const Value::Sequence& values, const Type& type, Type& out) {
    std::vector<Type> elements = type.elements();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!Find(values[i], type.elements()[i], elements[i])) {
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    out = Type::Tuple(std::move(elements));
    return true;
  }

  bool FindObject(const Value::Mapping& values, const Type& type, Type& out) {
    std::map<std::string, Type> attributes = type.attributes();
    for (auto& [name, attribute] : attributes) {
      const Type declared = attribute;
      if (!Find(values.find(name)->second, declared, attribute)) return trail_.FromAttribute(name);
    }
    out = Type::Object(std::move(attributes), type.optional());
    return true;
  }

  bool FindMap(const Value::Mapping& values, const Type& type, Type& out) {
    Type common = type.element();
    for (const auto& [key, value] : values) {
      Type element = type.element();
      if (!Find(value, type.element(), element)) return trail_.FromKey(key);
      if (!Unify(element, key == values.begin()->first, common)) return false;
    }
    out = Type::Map(std::move(common));
    return true;
  }

  bool FindListOrSet(const Value::Sequence& values, const Type& type, Type& out) {
    Type common = type.element();
    for (std::size_t i = 0; i < values.size(); ++i) {
      Type element = type.element();
      if (!Find(values[i], type.element(), element)) {
        if (type.kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
      if (!Unify(element, i == 0, common)) return false;
    }
    out = type.kind() == Type::Kind::kSet ? Type::Set(std::move(common))
                                          : Type::List(std::move(common));
    return true;
  }

  // As go-cty does it (cty.ListVal): an element of which not even the type is known suits every
  // one.
  bool Unify(const Type& element, bool first, Type& common) {
    if (first || common.kind() == Type::Kind::kDynamic) {
      common = element;
    } else if (element.kind() != Type::Kind::kDynamic && !(element == common)) {
      return trail_.Fail("the elements differ in their types, which Terraform cannot hold");
    }
    return true;
  }

  Trail trail_;
};

std::strong_ordering Compare(const Type& a, const Type& b) {
  if (a == b) return std::strong_ordering::equal;
  return a.ToJson() <=> b.ToJson();
}

}  // namespace

Value Value::Unknown(Refinements refinements) {
  if (refinements == Refinements()) return Unknown();
  return Value(Unknowable{std::make_shared<const Refinements>(std::move(refinements))});
}

Value Value::Set(Sequence elements) {
  // Sets that are in order already, as ours are on their way back, are only read.
  if (!std::is_sorted(elements.begin(), elements.end())) {
    std::stable_sort(elements.begin(), elements.end());
  }
  // Two equal unknowns may become different values.
  const auto rest =
      std::unique(elements.begin(), elements.end(),
                  [](const Value& a, const Value& b) { return a == b && a.IsWhollyKnown(); });
  elements.erase(rest, elements.end());
  return Of(std::move(elements));
}

Value Value::Dynamic(Type type, Value inner) {
  if (type.kind() == Type::Kind::kDynamic) return inner;  // Says nothing about the type.
  return Value(Typed{std::move(type), std::make_shared<const Value>(std::move(inner))});
}

bool Value::IsWhollyKnown() const {
  switch (kind()) {
    case Kind::kUnknown:
      return false;
    case Kind::kSequence:
      return std::all_of(sequence().begin(), sequence().end(),
                         [](const Value& element) { return element.IsWhollyKnown(); });
    case Kind::kMapping:
      return std::all_of(mapping().begin(), mapping().end(),
                         [](const auto& entry) { return entry.second.IsWhollyKnown(); });
    case Kind::kDynamic:
      return dynamic_value().IsWhollyKnown();
    default:
      return true;
  }
}

const Value& Value::operator[](absl::string_view name) const {
  static const Value& null = *new Value();
  if (kind() != Kind::kMapping) return null;
  const auto entry = mapping().find(std::string(name));
  return entry == mapping().end() ? null : entry->second;
}

const Value* Value::Find(const Path& path) const {
  const Value* value = this;
  for (const Path::Step& step : path.steps()) {
    if (value->kind() == Kind::kDynamic) value = &value->dynamic_value();
    if (const auto* index = std::get_if<ElementIndex>(&step)) {
      if (value->kind() != Kind::kSequence || index->index < 0 ||
          static_cast<std::size_t>(index->index) >= value->sequence().size()) {
        return nullptr;
      }
      value = &value->sequence()[static_cast<std::size_t>(index->index)];
      continue;
    }
    const auto* attribute = std::get_if<AttributeName>(&step);
    const std::string& name =
        attribute != nullptr ? attribute->name : std::get<ElementKey>(step).key;
    if (value->kind() != Kind::kMapping) return nullptr;
    const auto entry = value->mapping().find(name);
    if (entry == value->mapping().end()) return nullptr;
    value = &entry->second;
  }
  return value;
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kNull:
    case Value::Kind::kUnknown:
      return true;
    case Value::Kind::kBool:
      return a.bool_value() == b.bool_value();
    case Value::Kind::kNumber:
      return a.number() == b.number();
    case Value::Kind::kString:
      return a.string() == b.string();
    case Value::Kind::kSequence:
      return a.sequence() == b.sequence();
    case Value::Kind::kMapping:
      return a.mapping() == b.mapping();
    case Value::Kind::kDynamic:
      return a.dynamic_type() == b.dynamic_type() && a.dynamic_value() == b.dynamic_value();
  }
  return false;
}

std::strong_ordering operator<=>(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return a.kind() <=> b.kind();
  switch (a.kind()) {
    case Value::Kind::kNull:
    case Value::Kind::kUnknown:
      return std::strong_ordering::equal;
    case Value::Kind::kBool:
      return a.bool_value() <=> b.bool_value();
    case Value::Kind::kNumber:
      return a.number() <=> b.number();
    case Value::Kind::kString:
      return a.string() <=> b.string();
    case Value::Kind::kSequence: {
      const Value::Sequence &left = a.sequence(), &right = b.sequence();
      for (std::size_t i = 0; i < left.size() && i < right.size(); ++i) {
        if (const auto order = left[i] <=> right[i]; order != 0) return order;
      }
      return left.size() <=> right.size();
    }
    case Value::Kind::kMapping: {
      auto left = a.mapping().begin(), right = b.mapping().begin();
      for (; left != a.mapping().end() && right != b.mapping().end(); ++left, ++right) {
        if (const auto order = left->first <=> right->first; order != 0) return order;
        if (const auto order = left->second <=> right->second; order != 0) return order;
      }
      return a.mapping().size() <=> b.mapping().size();
    }
    case Value::Kind::kDynamic: {
      const auto order = Compare(a.dynamic_type(), b.dynamic_type());
      return order != 0 ? order : a.dynamic_value() <=> b.dynamic_value();
    }
  }
  return std::strong_ordering::equal;
}

absl::Status Conforms(const Value& value, const Type& type) {
  Checker checker;
  if (checker.Check(value, type, 0)) return absl::OkStatus();
  return checker.ToStatus();
}

absl::StatusOr<Type> ConcreteType(const Value& value, const Type& type) {
  TypeFinder finder;
  Type concrete = type;
  if (!finder.Find(value, type, concrete)) return finder.ToStatus();
  return concrete;
}

}  // namespace charon
