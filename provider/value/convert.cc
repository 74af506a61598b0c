#include "provider/value/convert.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/nearest.h"
#include "provider/base/status.h"
#include "provider/value/trail.h"

namespace charon {
namespace {

absl::Status UnknownKey(const std::string& key, const std::map<std::string, Type>& known) {
  std::vector<std::string> names;
  for (const auto& [name, type] : known) names.push_back(name);
  const std::string nearest = Nearest(key, names);
  const absl::Status status =
      absl::InvalidArgumentError(absl::StrCat("there is no \"", key, "\" here"));
  if (!nearest.empty()) return WithRemedy(status, absl::StrCat("Did you mean \"", nearest, "\"?"));
  return WithRemedy(status, absl::StrCat("There are: ", absl::StrJoin(names, ", "), "."));
}

class Converter {
 public:
  explicit Converter(std::vector<absl::Status>& errors) : errors_(errors) {}

  Value Convert(const Value& value, const Type& type, const Path& path) {
    if (value.kind() == Value::Kind::kDynamic) return Convert(value.dynamic_value(), type, path);
    if (!value.IsKnown()) return value;
    if (type.IsPrimitive()) {
      Value converted = value;
      const std::string wrong = ConvertPrimitive(converted, type);
      return wrong.empty() ? converted : Fail(path, wrong);
    }
    const bool mapping = type.kind() == Type::Kind::kMap || type.kind() == Type::Kind::kObject;
    if (value.kind() != (mapping ? Value::Kind::kMapping : Value::Kind::kSequence))
      return Fail(path, WrongKind(value, type));
    if (type.kind() == Type::Kind::kObject)
      return ConvertObject(value.mapping(), type.attributes(), path);
    if (mapping) return ConvertMap(value.mapping(), type.element(), path);
    return ConvertSequence(value.sequence(), type, path);
  }

 private:
  Value Fail(const Path& path, const std::string& message) {
    errors_.push_back(At(path, absl::InvalidArgumentError(message)));
    return Value::Null();
  }

  Value ConvertObject(const Value::Mapping& entries, const std::map<std::string, Type>& attributes,
                      const Path& path) {
    Value::Mapping converted;
    for (const auto& [name, type] : attributes) {
      const auto entry = entries.find(name);
      converted.emplace(name, entry == entries.end()
                                  ? Value::Null()
                                  : Convert(entry->second, type, path.Attribute(name)));
    }
    for (const auto& [key, entry] : entries) {
      if (attributes.count(key) != 0) continue;
      const bool identifier = std::holds_alternative<AttributeName>(StepTo(key));
      errors_.push_back(
          At(identifier ? path.Attribute(key) : path.Key(key), UnknownKey(key, attributes)));
    }
    return Value::Of(std::move(converted));
  }

  Value ConvertMap(const Value::Mapping& entries, const Type& element, const Path& path) {
    Value::Mapping converted;
    for (const auto& [key, entry] : entries)
      converted.emplace(key, Convert(entry, element, path.Key(key)));
    return Value::Of(std::move(converted));
  }

  Value ConvertSequence(const Value::Sequence& elements, const Type& type, const Path& path) {
    const bool set = type.kind() == Type::Kind::kSet;
    Value::Sequence converted;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      // Elements of sets have no address.
      const Path place = set ? path : path.Index(static_cast<std::int64_t>(i));
      converted.push_back(Convert(elements[i], type.element(), place));
    }
    return set ? Value::Set(std::move(converted)) : Value::Of(std::move(converted));
  }

  std::vector<absl::Status>& errors_;
};

}  // namespace

Value Convert(const Value& value, const Type& type, std::vector<absl::Status>& errors) {
  return Converter(errors).Convert(value, type, Path());
}

std::string ConvertPrimitive(Value& value, const Type& type) {
  using Kind = Value::Kind;
  if (type.kind() == Type::Kind::kString) {
    if (value.kind() == Kind::kNumber) {
      value = Value::String(value.number().ToString());
    } else if (value.kind() == Kind::kBool) {
      value = Value::String(value.bool_value() ? "true" : "false");
    }
    return value.kind() == Kind::kString ? "" : WrongKind(value, type);
  }
  if (type.kind() == Type::Kind::kNumber) {
    if (value.kind() == Kind::kString) {
      absl::StatusOr<Number> number = Number::Parse(value.string());
      if (!number.ok()) return std::string(number.status().message());
      value = Value::Of(*std::move(number));
    }
    return value.kind() == Kind::kNumber ? "" : WrongKind(value, type);
  }
  if (value.kind() == Kind::kString) {
    if (value.string() == "true" || value.string() == "1") {
      value = Value::Bool(true);
    } else if (value.string() == "false" || value.string() == "0") {
      value = Value::Bool(false);
    }
  }
  return value.kind() == Kind::kBool ? "" : WrongKind(value, type);
}

std::string WrongKind(const Value& value, const Type& type) {
  absl::string_view found;
  switch (value.kind()) {
    case Value::Kind::kBool:
      found = "a bool";
      break;
    case Value::Kind::kNumber:
      found = "a number";
      break;
    case Value::Kind::kString:
      found = "a string";
      break;
    case Value::Kind::kSequence:
      found = "an array";
      break;
    default:
      found = "an object";
      break;
  }
  return absl::StrCat(type.FriendlyName(), " is required, but this is ", found);
}

}  // namespace charon
