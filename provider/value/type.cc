#include "provider/value/type.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/value/text.h"
#include "provider/value/untyped_json.h"

namespace charon {
namespace {

// Collections by their names in the type JSON.
struct CollectionName {
  absl::string_view name;
  Type (*make)(Type element);
};
constexpr CollectionName kCollections[] = {
    {"list", &Type::List}, {"set", &Type::Set}, {"map", &Type::Map}};

absl::Status NotAType(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a type: ", what));
}

absl::string_view CollectionKeyword(Type::Kind kind) {
  switch (kind) {
    case Type::Kind::kList:
      return "list";
    case Type::Kind::kSet:
      return "set";
    case Type::Kind::kMap:
      return "map";
    default:
      return "";
  }
}

}  // namespace

Type Type::Make(Node node) {
  for (const Type& element : node.elements) node.has_dynamic |= element.HasDynamic();
  for (const auto& [name, type] : node.attributes) node.has_dynamic |= type.HasDynamic();
  return Type(std::make_shared<const Node>(std::move(node)));
}

// One shared node for each kind without parts.
Type Type::Dynamic() {
  static const Type& type = *new Type(Make({.kind = Kind::kDynamic, .has_dynamic = true}));
  return type;
}

Type Type::String() {
  static const Type& type = *new Type(Make({.kind = Kind::kString}));
  return type;
}

Type Type::Number() {
  static const Type& type = *new Type(Make({.kind = Kind::kNumber}));
  return type;
}

Type Type::Bool() {
  static const Type& type = *new Type(Make({.kind = Kind::kBool}));
  return type;
}

Type Type::List(Type element) {
  return Make({.kind = Kind::kList, .elements = {std::move(element)}});
}

Type Type::Set(Type element) {
  return Make({.kind = Kind::kSet, .elements = {std::move(element)}});
}

Type Type::Map(Type element) {
  return Make({.kind = Kind::kMap, .elements = {std::move(element)}});
}

Type Type::Tuple(std::vector<Type> elements) {
  return Make({.kind = Kind::kTuple, .elements = std::move(elements)});
}

Type Type::Object(std::map<std::string, Type> attributes, std::set<std::string> optional) {
  return Make({.kind = Kind::kObject,
               .attributes = std::move(attributes),
               .optional = std::move(optional)});
}

bool Type::IsPrimitive() const {
  return kind() == Kind::kString || kind() == Kind::kNumber || kind() == Kind::kBool;
}

bool Type::IsCollection() const {
  return kind() == Kind::kList || kind() == Kind::kSet || kind() == Kind::kMap;
}

bool Type::HasDynamic() const { return node_->has_dynamic; }

void Type::AppendJson(std::string& json) const {
  switch (kind()) {
    case Kind::kDynamic:
      json += "\"dynamic\"";
      return;
    case Kind::kString:
      json += "\"string\"";
      return;
    case Kind::kNumber:
      json += "\"number\"";
      return;
    case Kind::kBool:
      json += "\"bool\"";
      return;
    case Kind::kList:
    case Kind::kSet:
    case Kind::kMap:
      absl::StrAppend(&json, "[\"", CollectionKeyword(kind()), "\",");
      element().AppendJson(json);
      json += ']';
      return;
    case Kind::kTuple: {
      json += "[\"tuple\",[";
      absl::string_view separator;
      for (const Type& part : elements()) {
        absl::StrAppend(&json, separator);
        part.AppendJson(json);
        separator = ",";
      }
      json += "]]";
      return;
    }
    case Kind::kObject: {
      json += "[\"object\",{";
      absl::string_view separator;
      for (const auto& [name, type] : attributes()) {
        absl::StrAppend(&json, separator);
        AppendJsonString(name, json);
        json += ':';
        type.AppendJson(json);
        separator = ",";
      }
      json += '}';
      if (!optional().empty()) {
        separator = ",[";
        for (const std::string& name : optional()) {
          absl::StrAppend(&json, separator);
          AppendJsonString(name, json);
          separator = ",";
        }
        json += ']';
      }
      json += ']';
      return;
    }
  }
}

std::string Type::ToJson() const {
  std::string json;
  AppendJson(json);
  return json;
}

absl::StatusOr<Type> Type::FromJson(absl::string_view json) {
  // What nearly every dynamic value has.
  if (json == "\"string\"") return String();
  if (json == "\"number\"") return Number();
  if (json == "\"bool\"") return Bool();
  // Each level of a type takes up to two of JSON: ["object",{...}].
  Value parsed;
  Trail trail;
  if (!ReadUntypedJson(json, 2 * kMaxDepth + 1, parsed, trail)) return NotAType(trail.message());
  return TypeFromUntypedJson(parsed);
}

std::string Type::FriendlyName() const {
  switch (kind()) {
    case Kind::kDynamic:
      return "dynamic";
    case Kind::kString:
      return "string";
    case Kind::kNumber:
      return "number";
    case Kind::kBool:
      return "bool";
    case Kind::kList:
    case Kind::kSet:
    case Kind::kMap:
      return absl::StrCat(CollectionKeyword(kind()), " of ", element().FriendlyName());
    case Kind::kTuple:
      return "tuple";
    case Kind::kObject:
      return "object";
  }
  return "";
}

bool operator==(const Type& a, const Type& b) {
  if (a.node_ == b.node_) return true;
  return a.kind() == b.kind() && a.node_->elements == b.node_->elements &&
         a.node_->attributes == b.node_->attributes && a.node_->optional == b.node_->optional;
}

absl::StatusOr<Type> TypeFromUntypedJson(const Value& json, int depth) {
  if (json.kind() == Value::Kind::kString) {
    const std::string& name = json.string();
    if (name == "string") return Type::String();
    if (name == "number") return Type::Number();
    if (name == "bool") return Type::Bool();
    if (name == "dynamic") return Type::Dynamic();
    return NotAType("the known names are string, number, bool and dynamic");
  }
  if (json.kind() != Value::Kind::kSequence || json.sequence().size() < 2 ||
      json.sequence()[0].kind() != Value::Kind::kString) {
    return NotAType("a name or an array like [\"list\",\"string\"] is required");
  }
  if (depth >= kMaxDepth) {
    return NotAType(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
  }
  const Value::Sequence& parts = json.sequence();
  const std::string& name = parts[0].string();

  for (const CollectionName& collection : kCollections) {
    if (name != collection.name) continue;
    if (parts.size() != 2) return NotAType(absl::StrCat(name, " has exactly one element type"));
    absl::StatusOr<Type> element = TypeFromUntypedJson(parts[1], depth + 1);
    if (!element.ok()) return element.status();
    return collection.make(*std::move(element));
  }
  if (name == "tuple") {
    if (parts.size() != 2 || parts[1].kind() != Value::Kind::kSequence) {
      return NotAType("tuple is followed by one array of types");
    }
    std::vector<Type> elements;
    elements.reserve(parts[1].sequence().size());
    for (const Value& part : parts[1].sequence()) {
      absl::StatusOr<Type> element = TypeFromUntypedJson(part, depth + 1);
      if (!element.ok()) return element.status();
      elements.push_back(*std::move(element));
    }
    return Type::Tuple(std::move(elements));
  }
  if (name == "object") {
    if (parts.size() > 3 || parts[1].kind() != Value::Kind::kMapping) {
      return NotAType("object is followed by its attributes and the names of optional ones");
    }
    std::map<std::string, Type> attributes;
    for (const auto& [attribute, part] : parts[1].mapping()) {
      absl::StatusOr<Type> type = TypeFromUntypedJson(part, depth + 1);
      if (!type.ok()) return type.status();
      attributes.emplace_hint(attributes.end(), attribute, *std::move(type));
    }
    std::set<std::string> optional;
    if (parts.size() == 3) {
      if (parts[2].kind() != Value::Kind::kSequence) {
        return NotAType("the names of optional attributes are an array");
      }
      for (const Value& part : parts[2].sequence()) {
        if (part.kind() != Value::Kind::kString || !attributes.count(part.string())) {
          return NotAType("an optional attribute is none of the object's");
        }
        optional.insert(part.string());
      }
    }
    return Type::Object(std::move(attributes), std::move(optional));
  }
  return NotAType("the known constructors are list, set, map, tuple and object");
}

}  // namespace charon
