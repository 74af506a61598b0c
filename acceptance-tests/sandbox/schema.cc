#include "schema.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "schema_tables.h"

namespace charon::sandbox {
namespace {

const Type* ScalarFor(char code) {
  switch (code) {
    case 's':
      return ScalarType(Type::Scalar::kString);
    case 'b':
      return ScalarType(Type::Scalar::kBool);
    case 'i':
      return ScalarType(Type::Scalar::kInt32);
    case 'l':
      return ScalarType(Type::Scalar::kInt64);
    case 'n':
      return ScalarType(Type::Scalar::kNumber);
    case 't':
      return ScalarType(Type::Scalar::kTime);
    case 'u':
      return ScalarType(Type::Scalar::kMicroTime);
    case 'q':
      return ScalarType(Type::Scalar::kQuantity);
    case 'x':
      return ScalarType(Type::Scalar::kIntOrString);
    case 'y':
      return ScalarType(Type::Scalar::kBytes);
    default:
      return AnyType();
  }
}

std::map<Type::Scalar, Type>* MakeScalars() {
  auto* scalars = new std::map<Type::Scalar, Type>();
  for (int i = 0; i <= static_cast<int>(Type::Scalar::kBytes); ++i) {
    Type type;
    type.shape = Type::Shape::kScalar;
    type.scalar = static_cast<Type::Scalar>(i);
    scalars->emplace(type.scalar, std::move(type));
  }
  return scalars;
}

}  // namespace

const Field* Type::FindField(absl::string_view field) const {
  const auto it = fields.find(std::string(field));
  return it == fields.end() ? nullptr : &it->second;
}

const Type* Type::MemberType(absl::string_view key) const {
  switch (shape) {
    case Shape::kStruct:
      if (const Field* field = FindField(key)) return field->type;
      return preserve_unknown ? AnyType() : nullptr;
    case Shape::kMap:
      return element;
    case Shape::kAny:
      return AnyType();
    default:
      return nullptr;
  }
}

const Type* AnyType() {
  static const Type& any = *new Type();
  return &any;
}

const Type* ScalarType(Type::Scalar scalar) {
  static const std::map<Type::Scalar, Type>& scalars = *MakeScalars();
  return &scalars.at(scalar);
}

Json ZeroValue(const Type& type) {
  if (type.shape == Type::Shape::kStruct) return Json::object();
  if (type.shape != Type::Shape::kScalar) return nullptr;
  switch (type.scalar) {
    case Type::Scalar::kString:
      return "";
    case Type::Scalar::kBool:
      return false;
    case Type::Scalar::kInt32:
    case Type::Scalar::kInt64:
    case Type::Scalar::kNumber:
    case Type::Scalar::kIntOrString:
      return 0;
    case Type::Scalar::kQuantity:
      return "0";
    default:
      return nullptr;
  }
}

const TypeSet& TypeSet::BuiltIn() {
  static const TypeSet& types = *[] {
    auto* set = new TypeSet();
    set->Parse(CoreTypes());
    set->Parse(WorkloadTypes());
    set->Parse(PlatformTypes());
    return set;
  }();
  return types;
}

const Type* TypeSet::Find(absl::string_view name) const {
  const auto it = named_.find(std::string(name));
  return it == named_.end() ? nullptr : it->second;
}

Type* TypeSet::Make() { return &types_.emplace_back(); }

void TypeSet::Name(absl::string_view name, Type* type) {
  type->name = std::string(name);
  named_[type->name] = type;
}

Type* TypeSet::Named(absl::string_view name) {
  const auto it = named_.find(std::string(name));
  if (it != named_.end()) return it->second;
  Type* type = Make();
  type->shape = Type::Shape::kStruct;
  Name(name, type);
  return type;
}

const Type* TypeSet::ParseType(absl::string_view text, absl::string_view list_semantics) {
  if (text.front() == '[' || text.front() == '{') {
    const absl::string_view inner = text.substr(1, text.size() - 2);
    Type* type = Make();
    type->shape = text.front() == '[' ? Type::Shape::kList : Type::Shape::kMap;
    type->element = ParseType(inner, "");
    if (type->shape == Type::Shape::kMap) {
      type->atomic = list_semantics == "atomic";
    } else if (list_semantics == "set") {
      type->list_kind = Type::ListKind::kSet;
    } else if (!list_semantics.empty() && list_semantics != "atomic") {
      type->list_kind = Type::ListKind::kMap;
      for (absl::string_view key : absl::StrSplit(list_semantics, ',')) {
        const std::pair<absl::string_view, absl::string_view> parts =
            absl::StrSplit(key, absl::MaxSplits('=', 1));
        ListKey list_key{std::string(parts.first), nullptr};
        if (!parts.second.empty()) list_key.default_value = std::string(parts.second);
        type->keys.push_back(std::move(list_key));
      }
    }
    return type;
  }
  if (text.size() == 1) return ScalarFor(text.front());
  return Named(text);
}

void TypeSet::Parse(absl::string_view table) {
  Type* current = nullptr;
  for (absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    if (line.front() != ' ') {
      const std::pair<absl::string_view, absl::string_view> head =
          absl::StrSplit(line, absl::MaxSplits('!', 1));
      current = Named(head.first);
      current->atomic = head.second == "atomic";
      continue;
    }
    for (absl::string_view entry : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(entry, absl::MaxSplits('=', 1));
      absl::string_view rest = parts.second;
      Field field;
      if (absl::ConsumeSuffix(&rest, "~")) field.patch_retain_keys = true;
      if (const auto at = rest.find('^'); at != absl::string_view::npos) {
        field.patch_merge = true;
        field.patch_key = std::string(rest.substr(at + 1));
        rest = rest.substr(0, at);
      }
      absl::string_view semantics;
      if (const auto at = rest.find('!'); at != absl::string_view::npos) {
        semantics = rest.substr(at + 1);
        rest = rest.substr(0, at);
      }
      if (absl::ConsumeSuffix(&rest, "?")) field.presence = Presence::kKeepZero;
      if (absl::ConsumeSuffix(&rest, "+")) field.presence = Presence::kAlways;
      field.type = ParseType(rest, semantics);
      current->fields[std::string(parts.first)] = std::move(field);
    }
  }
}

}  // namespace charon::sandbox
