#include "provider/testing/values.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "nlohmann/json.hpp"
#include "provider/value/json.h"

namespace charon {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kUnknown[] = "<unknown>";

[[noreturn]] void Refuse(const std::string& place, const std::string& what) {
  std::cerr << "test input" << place << ": " << what << "\n";
  std::abort();
}

bool HasUnknown(const Json& json) {
  if (json.is_string()) return json.get<std::string>() == kUnknown;
  for (const Json& part : json) {
    if (json.is_structured() && HasUnknown(part)) return true;
  }
  return false;
}

// With null in place of what is unknown.
Json WithoutUnknowns(Json json) {
  if (json == kUnknown) return nullptr;
  for (Json& part : json) {
    if (json.is_structured()) part = WithoutUnknowns(std::move(part));
  }
  return json;
}

Value FromJson(const Type& type, const Json& json, const std::string& place) {
  if (json.is_null()) return Value::Null();
  if (json.is_string() && json.get<std::string>() == kUnknown) return Value::Unknown();
  switch (type.kind()) {
    case Type::Kind::kList:
    case Type::Kind::kSet:
    case Type::Kind::kTuple: {
      if (!json.is_array()) Refuse(place, "an array is required");
      Value::Sequence elements;
      for (const Json& element : json) {
        const std::size_t index = elements.size();
        if (type.kind() == Type::Kind::kTuple && index >= type.elements().size()) {
          Refuse(place, "the tuple has fewer elements");
        }
        const Type& of =
            type.kind() == Type::Kind::kTuple ? type.elements()[index] : type.element();
        elements.push_back(FromJson(of, element, place + "[" + std::to_string(index) + "]"));
      }
      return type.kind() == Type::Kind::kSet ? Value::Set(std::move(elements))
                                             : Value::Of(std::move(elements));
    }
    case Type::Kind::kMap: {
      if (!json.is_object()) Refuse(place, "an object is required");
      Value::Mapping entries;
      for (const auto& [key, entry] : json.items()) {
        entries.emplace(key, FromJson(type.element(), entry, place + "[\"" + key + "\"]"));
      }
      return Value::Of(std::move(entries));
    }
    case Type::Kind::kObject: {
      if (!json.is_object()) Refuse(place, "an object is required");
      Value::Mapping entries;
      for (const auto& [name, of] : type.attributes()) {
        const auto entry = json.find(name);
        entries.emplace(
            name, entry == json.end() ? Value::Null() : FromJson(of, *entry, place + "." + name));
      }
      for (const auto& [name, entry] : json.items()) {
        if (type.attributes().count(name) == 0) Refuse(place + "." + name, "no such attribute");
      }
      return Value::Of(std::move(entries));
    }
    case Type::Kind::kDynamic: {
      absl::StatusOr<TypedValue> typed =
          DecodeAnyJson(HasUnknown(json) ? WithoutUnknowns(json).dump() : json.dump());
      if (!typed.ok()) Refuse(place, typed.status().ToString());
      // The type of an unknown is not known either: that of a null is the same.
      Value value = HasUnknown(json) ? FromJson(typed->type, json, place) : std::move(typed->value);
      return Value::Dynamic(std::move(typed->type), std::move(value));
    }
    case Type::Kind::kString:
    case Type::Kind::kNumber:
    case Type::Kind::kBool: {
      absl::StatusOr<Value> value = DecodeJson(json.dump(), type);
      if (!value.ok()) Refuse(place, value.status().ToString());
      return *std::move(value);
    }
  }
  return Value::Null();
}

}  // namespace

Value ValueForTest(const Type& type, absl::string_view json) {
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) Refuse("", "no JSON: " + std::string(json));
  return FromJson(type, parsed, "");
}

Value ValueFromJsonForTest(const Type& type, const Json& json) { return FromJson(type, json, ""); }

Value ObjectForTest(const ObjectSchema& schema, absl::string_view json) {
  return ValueForTest(schema.type(), json);
}

Json JsonForTest(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return nullptr;
    case Value::Kind::kUnknown:
      return kUnknown;
    case Value::Kind::kBool:
      return value.bool_value();
    case Value::Kind::kNumber: {
      if (const auto integer = value.number().ToInt64()) return *integer;
      return value.number().ToDouble();
    }
    case Value::Kind::kString:
      return value.string();
    case Value::Kind::kSequence: {
      Json array = Json::array();
      for (const Value& element : value.sequence()) array.push_back(JsonForTest(element));
      return array;
    }
    case Value::Kind::kMapping: {
      Json object = Json::object();
      for (const auto& [name, entry] : value.mapping()) object[name] = JsonForTest(entry);
      return object;
    }
    case Value::Kind::kDynamic:
      return JsonForTest(value.dynamic_value());
  }
  return nullptr;
}

void PrintTo(const Value& value, std::ostream* out) { *out << JsonForTest(value).dump(); }

void PrintTo(const Path& path, std::ostream* out) { *out << path.ToString(); }

}  // namespace charon
