#include "provider/value/json.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/value/convert.h"
#include "provider/value/text.h"
#include "provider/value/trail.h"
#include "provider/value/untyped_json.h"

namespace charon {
namespace {

// A level of a value may be two of JSON (a dynamic one has its own object), and one of a type too.
constexpr int kMaxJsonDepth = 4 * kMaxDepth;

// Gives a type to what was read without one, in place.
class JsonConverter {
 public:
  // `fill` missing attributes may become null.
  explicit JsonConverter(std::size_t fill) : fill_(fill) {}

  // `value` stands inside of `depth` containers.
  bool Convert(Value& value, const Type& type, int depth) {
    if (value.IsNull()) return true;
    switch (type.kind()) {
      case Type::Kind::kDynamic:
        return ConvertDynamic(value, depth);
      case Type::Kind::kString:
      case Type::Kind::kNumber:
      case Type::Kind::kBool: {
        std::string wrong = ConvertPrimitive(value, type);
        return wrong.empty() || trail_.Fail(std::move(wrong));
      }
      default:
        break;
    }
    if (depth >= kMaxDepth) {
      return trail_.Fail(absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
    }
    if (type.kind() == Type::Kind::kMap || type.kind() == Type::Kind::kObject) {
      if (value.kind() != Value::Kind::kMapping) return trail_.Fail(WrongKind(value, type));
      return type.kind() == Type::Kind::kMap
                 ? ConvertMap(value.mapping(), type.element(), depth + 1)
                 : ConvertObject(value.mapping(), type, depth + 1);
    }
    if (value.kind() != Value::Kind::kSequence) return trail_.Fail(WrongKind(value, type));
    if (!ConvertSequence(value.sequence(), type, depth + 1)) return false;
    if (type.kind() == Type::Kind::kSet) value = Value::Set(std::move(value.sequence()));
    return true;
  }

  const Trail& trail() const { return trail_; }

 private:
  bool ConvertDynamic(Value& value, int depth) {
    if (value.kind() != Value::Kind::kMapping || value.mapping().size() != 2 ||
        !value.mapping().count("type") || !value.mapping().count("value")) {
      return trail_.Fail("an object of \"type\" and \"value\" is required");
    }
    absl::StatusOr<Type> type = TypeFromUntypedJson(value.mapping()["type"]);
    if (!type.ok()) return trail_.Fail(std::string(type.status().message()));
    Value inner = std::move(value.mapping()["value"]);
    if (!Convert(inner, *type, depth)) return false;
    value = Value::Dynamic(*std::move(type), std::move(inner));
    return true;
  }

  bool ConvertSequence(Value::Sequence& elements, const Type& type, int depth) {
    const bool is_tuple = type.kind() == Type::Kind::kTuple;
    if (is_tuple && elements.size() != type.elements().size()) {
      return trail_.Fail(absl::StrCat("a tuple of ", type.elements().size(),
                                      " elements is required, but this has ", elements.size()));
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!Convert(elements[i], is_tuple ? type.elements()[i] : type.element(), depth)) {
        if (type.kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    return true;
  }

  bool ConvertMap(Value::Mapping& entries, const Type& element, int depth) {
    for (auto& [key, value] : entries) {
      if (!Convert(value, element, depth)) return trail_.FromKey(key);
    }
    return true;
  }

  bool ConvertObject(Value::Mapping& entries, const Type& type, int depth) {
    auto entry = entries.begin();  // Both are in byte order.
    for (const auto& [name, attribute] : type.attributes()) {
      while (entry != entries.end() && entry->first < name) entry = entries.erase(entry);
      if (entry == entries.end() || entry->first != name) {
        if (fill_ == 0)
          return trail_.Fail("too many attributes are missing to be filled with null");
        --fill_;
        entries.emplace_hint(entry, name, Value());
        continue;
      }
      if (!Convert(entry->second, attribute, depth)) return trail_.FromAttribute(name);
      ++entry;
    }
    entries.erase(entry, entries.end());
    return true;
  }

  std::size_t fill_;
  Trail trail_;
};

// The steps into a value of `type` of a trail through text that was read without one.
std::vector<Path::Step> TypedSteps(const Trail& trail, const Type& type) {
  std::vector<Path::Step> typed;
  const Type* at = &type;  // nullptr where the type is not known
  for (auto step = trail.steps().rbegin(); step != trail.steps().rend(); ++step) {
    const auto* index = std::get_if<ElementIndex>(&*step);
    const auto* attribute = std::get_if<AttributeName>(&*step);
    const auto* key = std::get_if<ElementKey>(&*step);
    const Type::Kind kind = at == nullptr ? Type::Kind::kString : at->kind();
    if (index != nullptr) {
      if (kind == Type::Kind::kSet) break;
      typed.emplace_back(*index);
      if (kind == Type::Kind::kList) {
        at = &at->element();
      } else if (kind == Type::Kind::kTuple &&
                 static_cast<std::size_t>(index->index) < at->elements().size()) {
        at = &at->elements()[static_cast<std::size_t>(index->index)];
      } else {
        at = nullptr;
      }
      continue;
    }
    const std::string& name = attribute != nullptr ? attribute->name : key->key;
    if (kind == Type::Kind::kDynamic) {
      at = nullptr;  // The step into the "value" or "type" of a dynamic one is none for users.
    } else if (kind == Type::Kind::kMap) {
      typed.emplace_back(ElementKey{name});
      at = &at->element();
    } else if (kind == Type::Kind::kObject) {
      typed.emplace_back(AttributeName{name});
      const auto found = at->attributes().find(name);
      at = found == at->attributes().end() ? nullptr : &found->second;
    } else {
      typed.push_back(*step);
      at = nullptr;
    }
  }
  std::reverse(typed.begin(), typed.end());
  return typed;
}

// The type that HCL gives to JSON.
Type Infer(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool:
      return Type::Bool();
    case Value::Kind::kNumber:
      return Type::Number();
    case Value::Kind::kString:
      return Type::String();
    case Value::Kind::kSequence: {
      std::vector<Type> elements;
      elements.reserve(value.sequence().size());
      for (const Value& element : value.sequence()) elements.push_back(Infer(element));
      return Type::Tuple(std::move(elements));
    }
    case Value::Kind::kMapping: {
      std::map<std::string, Type> attributes;
      for (const auto& [name, entry] : value.mapping()) {
        attributes.emplace_hint(attributes.end(), name, Infer(entry));
      }
      return Type::Object(std::move(attributes));
    }
    default:
      return Type::Dynamic();  // null
  }
}

class JsonWriter {
 public:
  // Writes one value of `type`, or of any shape if that is nullptr.
  bool Write(const Value& value, const Type* type) {
    switch (value.kind()) {
      case Value::Kind::kNull:
        json_ += "null";
        return true;
      case Value::Kind::kUnknown:
        return trail_.Fail("the value is not known yet, so it has no JSON");
      case Value::Kind::kBool:
        json_ += value.bool_value() ? "true" : "false";
        return true;
      case Value::Kind::kNumber:
        WriteNumber(value.number(), type != nullptr);
        return true;
      case Value::Kind::kString:
        return WriteText(value.string());
      case Value::Kind::kSequence:
        return WriteSequence(value.sequence(), type);
      case Value::Kind::kMapping:
        return WriteMapping(value.mapping(), type);
      case Value::Kind::kDynamic: {
        if (type == nullptr) return Write(value.dynamic_value(), nullptr);
        json_ += "{\"value\":";
        if (!Write(value.dynamic_value(), &value.dynamic_type())) return false;
        absl::StrAppend(&json_, ",\"type\":", value.dynamic_type().ToJson(), "}");
        return true;
      }
    }
    return false;
  }

  std::string& json() { return json_; }
  const Trail& trail() const { return trail_; }

 private:
  void WriteNumber(const Number& number, bool typed) {
    // Beyond what parsers that use a long double read, DecodeJson and Terraform take quoted ones.
    static const Number& limit = *new Number(Number::Parse("1e4900").value());
    static const Number& negative_limit = *new Number(Number::Parse("-1e4900").value());
    const bool quoted = typed && (number > limit || number < negative_limit);
    absl::StrAppend(&json_, quoted ? "\"" : "", number.ToString(), quoted ? "\"" : "");
  }

  bool WriteText(absl::string_view text) {
    if (!IsUtf8(text)) return trail_.Fail("the string is not valid UTF-8");
    AppendJsonString(text, json_);
    return true;
  }

  bool WriteSequence(const Value::Sequence& elements, const Type* type) {
    json_ += '[';
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) json_ += ',';
      const Type* element = type == nullptr                      ? nullptr
                            : type->kind() == Type::Kind::kTuple ? &type->elements()[i]
                                                                 : &type->element();
      if (!Write(elements[i], element)) {
        if (type != nullptr && type->kind() == Type::Kind::kSet) return trail_.FromSet();
        return trail_.FromIndex(static_cast<std::int64_t>(i));
      }
    }
    json_ += ']';
    return true;
  }

  bool WriteMapping(const Value::Mapping& entries, const Type* type) {
    json_ += '{';
    bool first = true;
    // An object's attributes are those of its type, both in byte order.
    const bool is_object = type != nullptr && type->kind() == Type::Kind::kObject;
    std::map<std::string, Type>::const_iterator attribute;
    if (is_object) attribute = type->attributes().begin();
    for (const auto& [name, value] : entries) {
      if (!first) json_ += ',';
      first = false;
      const Type* entry_type = type == nullptr ? nullptr
                               : is_object     ? &(attribute++)->second
                                               : &type->element();
      const auto fail = [&, &key = name] {
        if (type == nullptr) return trail_.From(StepTo(key));
        return is_object ? trail_.FromAttribute(key) : trail_.FromKey(key);
      };
      if (!WriteText(name)) return fail();
      json_ += ':';
      if (!Write(value, entry_type)) return fail();
    }
    json_ += '}';
    return true;
  }

  std::string json_;
  Trail trail_;
};

}  // namespace

absl::StatusOr<Value> DecodeJson(absl::string_view json, const Type& type) {
  Value value;
  Trail trail;
  if (!ReadUntypedJson(json, kMaxJsonDepth, value, trail)) {
    trail.set_steps(TypedSteps(trail, type));
    return trail.ToStatus(absl::StatusCode::kInvalidArgument);
  }
  // A short text could claim objects of many attributes in any number: only a dynamic type or a
  // hostile state does. What an upgrade adds stays far below.
  constexpr std::size_t kFill = 65'536;
  JsonConverter converter(kFill + json.size());
  if (!converter.Convert(value, type, 0)) {
    return converter.trail().ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return value;
}

absl::StatusOr<std::string> EncodeJson(const Value& value, const Type& type) {
  if (const absl::Status status = Conforms(value, type); !status.ok()) {
    const absl::Status internal(absl::StatusCode::kInternal, status.message());
    return At(PathOf(status).value_or(Path()), internal);
  }
  JsonWriter writer;
  if (!writer.Write(value, &type)) return writer.trail().ToStatus(absl::StatusCode::kInternal);
  return std::move(writer.json());
}

absl::StatusOr<TypedValue> DecodeAnyJson(absl::string_view json) {
  Value value;
  Trail trail;
  if (!ReadUntypedJson(json, kMaxDepth, value, trail)) {
    return trail.ToStatus(absl::StatusCode::kInvalidArgument);
  }
  Type type = Infer(value);
  return TypedValue{.type = std::move(type), .value = std::move(value)};
}

absl::StatusOr<std::string> EncodeAnyJson(const Value& value) {
  JsonWriter writer;
  if (!writer.Write(value, nullptr)) {
    return writer.trail().ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return std::move(writer.json());
}

absl::Status CheckNumbersOf64Bits(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNumber: {
      const Number& number = value.number();
      if (!number.IsInteger() || number.ToInt64()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          "is an integer of more than 64 bits with its sign, of which readers of JSON and YAML "
          "lose digits; write it as text");
    }
    case Value::Kind::kSequence:
      for (std::size_t i = 0; i < value.sequence().size(); ++i) {
        CHARON_RETURN_IF_ERROR(At(Path().Index(static_cast<std::int64_t>(i)),
                                  CheckNumbersOf64Bits(value.sequence()[i])));
      }
      return absl::OkStatus();
    case Value::Kind::kMapping:
      for (const auto& [key, element] : value.mapping())
        CHARON_RETURN_IF_ERROR(At(Path().Key(key), CheckNumbersOf64Bits(element)));
      return absl::OkStatus();
    case Value::Kind::kDynamic:
      return CheckNumbersOf64Bits(value.dynamic_value());
    default:
      return absl::OkStatus();
  }
}

}  // namespace charon
