#include "codec.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kinds.h"
#include "quantity.h"

namespace charon::sandbox {
namespace {

const char* GoKind(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  return "number";
}

std::string GoTypeName(const Type& type) {
  switch (type.shape) {
    case Type::Shape::kStruct: {
      const auto dot = type.name.rfind('.');
      return absl::StrCat("v1.", dot == std::string::npos ? type.name : type.name.substr(dot + 1));
    }
    case Type::Shape::kMap:
      return absl::StrCat("map[string]", GoTypeName(*type.element));
    case Type::Shape::kList:
      return absl::StrCat("[]", GoTypeName(*type.element));
    case Type::Shape::kAny:
      return "interface {}";
    case Type::Shape::kScalar:
      break;
  }
  switch (type.scalar) {
    case Type::Scalar::kBool:
      return "bool";
    case Type::Scalar::kInt32:
      return "int32";
    case Type::Scalar::kInt64:
      return "int64";
    case Type::Scalar::kNumber:
      return "float64";
    case Type::Scalar::kBytes:
      return "[]uint8";
    default:
      return "string";
  }
}

bool IsZero(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return true;
    case Json::value_t::string:
      return value.get_ref<const std::string&>().empty();
    case Json::value_t::boolean:
      return !value.get<bool>();
    case Json::value_t::object:
    case Json::value_t::array:
      return value.empty();
    default:
      return value == 0;
  }
}

class Decoder {
 public:
  std::vector<std::string> unknown;
  absl::Status error;
  bool storing = false;

  // `owner` is the Go struct whose field is read, `path` its place, `indexed` the same with list
  // indexes: Go's type errors use the first, strict errors the second.
  Json Decode(const Json& value, const Type& type, const std::string& owner,
              const std::string& path, const std::string& indexed) {
    if (value.is_null()) return nullptr;
    switch (type.shape) {
      case Type::Shape::kAny:
        return value;
      case Type::Shape::kScalar:
        return DecodeScalar(value, type, owner, path);
      case Type::Shape::kMap:
        return DecodeMap(value, type, owner, path, indexed);
      case Type::Shape::kList:
        return DecodeList(value, type, owner, path, indexed);
      case Type::Shape::kStruct:
        return DecodeStruct(value, type, owner, path, indexed);
    }
    return nullptr;
  }

 private:
  Json Mismatch(const Json& value, const Type& type, const std::string& owner,
                const std::string& path) {
    if (error.ok()) {
      const std::string field = path.empty() ? absl::StrCat("value of type ", GoTypeName(type))
                                             : absl::StrCat("struct field ", owner, ".", path,
                                                            " of type ", GoTypeName(type));
      std::string what = GoKind(value);
      if (value.is_number() && type.shape == Type::Shape::kScalar &&
          (type.scalar == Type::Scalar::kInt32 || type.scalar == Type::Scalar::kInt64)) {
        absl::StrAppend(&what, " ", Dump(value));
      }
      error = absl::InvalidArgumentError(
          absl::StrCat("json: cannot unmarshal ", what, " into Go ", field));
    }
    return nullptr;
  }

  Json Fail(absl::string_view message) {
    if (error.ok()) error = absl::InvalidArgumentError(message);
    return nullptr;
  }

  Json DecodeScalar(const Json& value, const Type& type, const std::string& owner,
                    const std::string& path) {
    switch (type.scalar) {
      case Type::Scalar::kString:
        return value.is_string() ? value : Mismatch(value, type, owner, path);
      case Type::Scalar::kBool:
        return value.is_boolean() ? value : Mismatch(value, type, owner, path);
      case Type::Scalar::kNumber:
        return value.is_number() ? value : Mismatch(value, type, owner, path);
      case Type::Scalar::kInt32:
      case Type::Scalar::kInt64: {
        if (!value.is_number()) return Mismatch(value, type, owner, path);
        if (value.is_number_unsigned() &&
            value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
          return Mismatch(value, type, owner, path);
        }
        std::int64_t whole = 0;
        if (value.is_number_float()) {
          const double number = value.get<double>();
          if (std::trunc(number) != number || std::abs(number) > 9e15) {
            return Mismatch(value, type, owner, path);
          }
          whole = static_cast<std::int64_t>(number);
        } else {
          whole = value.get<std::int64_t>();
        }
        if (type.scalar == Type::Scalar::kInt32 &&
            (whole > std::numeric_limits<std::int32_t>::max() ||
             whole < std::numeric_limits<std::int32_t>::min())) {
          return Mismatch(value, type, owner, path);
        }
        return whole;
      }
      case Type::Scalar::kTime:
      case Type::Scalar::kMicroTime: {
        if (!value.is_string()) return Mismatch(value, type, owner, path);
        const std::string& text = value.get_ref<const std::string&>();
        absl::Time time;
        std::string complaint;
        if (!absl::ParseTime(absl::RFC3339_full, text, &time, &complaint)) {
          return Fail(absl::StrCat("parsing time ", Quote(Quote(text)), " as ",
                                   Quote("\"2006-01-02T15:04:05Z07:00\""), ": cannot parse ",
                                   Quote(text), " as ", Quote("2006")));
        }
        return absl::FormatTime(
            type.scalar == Type::Scalar::kTime ? "%Y-%m-%d%ET%H:%M:%SZ" : "%Y-%m-%d%ET%H:%M:%E6SZ",
            time, absl::UTCTimeZone());
      }
      case Type::Scalar::kQuantity: {
        if (!value.is_string() && !value.is_number()) {
          return Fail("unable to parse quantity's suffix");
        }
        const absl::StatusOr<Quantity> quantity =
            Quantity::Parse(value.is_string() ? value.get_ref<const std::string&>() : Dump(value));
        if (!quantity.ok()) return Fail(quantity.status().message());
        return quantity->ToString();
      }
      case Type::Scalar::kIntOrString:
        if (value.is_number_float()) {
          const double number = value.get<double>();
          if (std::trunc(number) == number) return static_cast<std::int64_t>(number);
        }
        return value.is_string() || value.is_number_integer()
                   ? value
                   : Mismatch(value, *ScalarType(Type::Scalar::kInt32), owner, path);
      case Type::Scalar::kBytes: {
        if (!value.is_string()) return Mismatch(value, type, owner, path);
        // Go reads standard base64 with line breaks in it, and writes it without.
        std::string text;
        for (const char c : value.get_ref<const std::string&>()) {
          if (c != '\n' && c != '\r') text.push_back(c);
        }
        std::string bytes;
        std::size_t bad = 0;
        while (bad < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[bad])) ||
                                     text[bad] == '+' || text[bad] == '/')) {
          ++bad;
        }
        if (text.size() % 4 != 0 || !absl::Base64Unescape(text, &bytes)) {
          const std::size_t position =
              bad < text.size() && text[bad] != '=' ? bad : text.size() / 4 * 4;
          return Fail(absl::StrCat("illegal base64 data at input byte ", position));
        }
        return absl::Base64Escape(bytes);
      }
    }
    return value;
  }

  Json DecodeMap(const Json& value, const Type& type, const std::string& owner,
                 const std::string& path, const std::string& indexed) {
    if (!value.is_object()) return Mismatch(value, type, owner, path);
    Json out = Json::object();
    for (const auto& [key, member] : value.items()) {
      Json decoded = Decode(member, *type.element, owner, path, absl::StrCat(indexed, ".", key));
      if (decoded.is_null() && type.element->shape == Type::Shape::kScalar) {
        decoded = ZeroValue(*type.element);
      }
      out[key] = std::move(decoded);
    }
    return out;
  }

  Json DecodeList(const Json& value, const Type& type, const std::string& owner,
                  const std::string& path, const std::string& indexed) {
    if (!value.is_array()) return Mismatch(value, type, owner, path);
    Json out = Json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      Json decoded =
          Decode(value[i], *type.element, owner, path, absl::StrCat(indexed, "[", i, "]"));
      if (decoded.is_null() && type.element->shape != Type::Shape::kAny) {
        decoded = type.element->shape == Type::Shape::kStruct
                      ? DecodeStruct(Json::object(), *type.element, owner, path, indexed)
                      : ZeroValue(*type.element);
      }
      out.push_back(std::move(decoded));
    }
    return out;
  }

  Json DecodeStruct(const Json& value, const Type& type, const std::string& owner,
                    const std::string& path, const std::string& indexed) {
    if (!value.is_object()) return Mismatch(value, type, owner, path);
    const auto dot = type.name.rfind('.');
    const std::string self = dot == std::string::npos ? type.name : type.name.substr(dot + 1);
    Json out = Json::object();
    for (const auto& [key, member] : value.items()) {
      const std::string at = path.empty() ? key : absl::StrCat(path, ".", key);
      const std::string at_indexed = indexed.empty() ? key : absl::StrCat(indexed, ".", key);
      const Field* field = type.FindField(key);
      if (field == nullptr) {
        if (type.preserve_unknown) {
          out[key] = member;
        } else {
          unknown.push_back(at_indexed);
        }
        continue;
      }
      Json decoded = Decode(member, *field->type, self, at, at_indexed);
      if (decoded.is_null()) continue;
      // Stored without elements, a list comes back as none.
      if (storing && field->presence == Presence::kAlways && decoded.is_array() &&
          decoded.empty()) {
        continue;
      }
      const bool is_struct = field->type->shape == Type::Shape::kStruct;
      // An empty list of managed fields is a request to drop them all.
      const bool asks_for_reset = key == "managedFields";
      if (field->presence == Presence::kOmitZero && IsZero(decoded) && !is_struct &&
          !asks_for_reset) {
        continue;
      }
      out[key] = std::move(decoded);
    }
    for (const auto& [name, field] : type.fields) {
      if (field.presence != Presence::kAlways || out.contains(name)) continue;
      if (field.type->shape == Type::Shape::kStruct) {
        out[name] = DecodeStruct(Json::object(), *field.type, self, path, indexed);
      } else if (field.type->shape != Type::Shape::kAny) {
        out[name] = ZeroValue(*field.type);
      }
    }
    return out;
  }
};

}  // namespace

absl::StatusOr<Decoded> DecodeAs(const Json& value, const Type& type) {
  Decoder decoder;
  const auto dot = type.name.rfind('.');
  const std::string self = dot == std::string::npos ? type.name : type.name.substr(dot + 1);
  Json object = decoder.Decode(value, type, self, "", "");
  if (!decoder.error.ok()) return decoder.error;
  return Decoded{std::move(object), std::move(decoder.unknown)};
}

Json Canonical(const Json& value, const Type& type) {
  Decoder decoder;
  decoder.storing = true;
  return decoder.Decode(value, type, type.name, "", "");
}

Json CanonicalObject(const Json& object, const Resource& resource) {
  Json out = object;
  if (resource.is_custom()) {
    // Custom resources are kept as sent; only their metadata has a Go type.
    if (const Json* metadata = Find(object, {"metadata"})) {
      out["metadata"] = Canonical(*metadata, *TypeSet::BuiltIn().Find("ObjectMeta"));
    }
  } else if (resource.type != nullptr) {
    out = Canonical(object, *resource.type);
  }
  out["apiVersion"] = resource.api_version();
  out["kind"] = resource.kind;
  return out;
}

Json EmptyObject(const Resource& resource) {
  Json out = Json{{"apiVersion", resource.api_version()}, {"kind", resource.kind}};
  return resource.is_custom() ? out : CanonicalObject(out, resource);
}

}  // namespace charon::sandbox
