// How a C++ struct becomes a Terraform object: one Field a member, in one table (Describe()). From
// the table come schema, decoding, planning, encoding and documentation.
//
//   struct UserModel {
//     Attr<std::string> id, name;
//     static const ObjectSpec<UserModel>& Describe();
//   };
//
// Members are Attr<T> with T one of: std::string, bool, std::int64_t, double, Number, Value
// (dynamic), a struct with its own Describe() (nested object), std::vector<T> (list), std::set<T>
// (set), std::map<std::string, T> (map). A collection that has an unknown element decodes as
// unknown whole.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "provider/base/status.h"
#include "provider/schema/schema.h"
#include "provider/value/attr.h"
#include "provider/value/convert.h"
#include "provider/value/value.h"

namespace charon {

template <typename M>
class ObjectSpec;

// A struct with its own table.
template <typename T>
concept Described = requires {
  { T::Describe() } -> std::same_as<const ObjectSpec<T>&>;
};

// Marks "an element is unknown" on the way out of a collection.
inline absl::Status UnknownElement() { return absl::UnavailableError("unknown element"); }

// How T is written: its Terraform type, and the way to and from Value.
template <typename T>
struct Codec {
  static_assert(Described<T>,
                "an attribute is a primitive, a collection, Value, or a struct with Describe()");
  static constexpr Nesting kNesting = Nesting::kSingle;
  using Element = T;
  static Type type();
  static absl::StatusOr<T> Decode(const Value& value);
  static Value Encode(const T& object);
};

template <>
struct Codec<std::string> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::String(); }
  static absl::StatusOr<std::string> Decode(const Value& value) { return value.string(); }
  static Value Encode(const std::string& text) { return Value::String(text); }
};

template <>
struct Codec<bool> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Bool(); }
  static absl::StatusOr<bool> Decode(const Value& value) { return value.bool_value(); }
  static Value Encode(bool value) { return Value::Bool(value); }
};

template <>
struct Codec<std::int64_t> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Number(); }
  static absl::StatusOr<std::int64_t> Decode(const Value& value) {
    const std::optional<std::int64_t> number = value.number().ToInt64();
    if (!number.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "must be a whole number between -2^63 and 2^63-1, not ", value.number().ToString()));
    }
    return *number;
  }
  static Value Encode(std::int64_t value) { return Value::Of(Number(value)); }
};

// Whole digits are not lost silently: a number that no double holds in its shortest form is
// refused. Use Number where users may write more than 15 digits.
template <>
struct Codec<double> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Number(); }
  static absl::StatusOr<double> Decode(const Value& value) {
    const double number = value.number().ToDouble();
    const absl::StatusOr<Number> back = Number::FromDouble(number);
    if (!back.ok() || !(*back == value.number())) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be a number of at most 15 digits and of the range of a "
                       "double, not ",
                       value.number().ToString()));
    }
    return number;
  }
  // NaN and infinities, which Terraform does not have, become null.
  static Value Encode(double value) {
    absl::StatusOr<Number> number = Number::FromDouble(value);
    return number.ok() ? Value::Of(*std::move(number)) : Value::Null();
  }
};

template <>
struct Codec<Number> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Number(); }
  static absl::StatusOr<Number> Decode(const Value& value) { return value.number(); }
  static Value Encode(const Number& value) { return Value::Of(value); }
};

template <>
struct Codec<Value> {
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Dynamic(); }
  static absl::StatusOr<Value> Decode(const Value& value) { return value; }
  static Value Encode(const Value& value) { return value; }
};

namespace schema_internal {

template <typename T>
absl::StatusOr<T> DecodeElement(const Value& value) {
  if (value.IsUnknown()) return UnknownElement();
  if (value.IsNull()) return absl::InvalidArgumentError("must not be null");
  return Codec<T>::Decode(value);
}

}  // namespace schema_internal

template <typename T>
struct Codec<std::vector<T>> {
  static constexpr Nesting kNesting = Described<T> ? Nesting::kList : Nesting::kNone;
  using Element = T;
  static Type type() { return Type::List(Codec<T>::type()); }
  static absl::StatusOr<std::vector<T>> Decode(const Value& value) {
    std::vector<T> list;
    list.reserve(value.sequence().size());
    for (const Value& element : value.sequence()) {
      absl::StatusOr<T> decoded = schema_internal::DecodeElement<T>(element);
      if (!decoded.ok()) {
        return At(Path().Index(static_cast<std::int64_t>(list.size())), decoded.status());
      }
      list.push_back(*std::move(decoded));
    }
    return list;
  }
  static Value Encode(const std::vector<T>& list) {
    Value::Sequence elements;
    elements.reserve(list.size());
    for (const T& element : list) elements.push_back(Codec<T>::Encode(element));
    return Value::Of(std::move(elements));
  }
};

template <typename T>
struct Codec<std::set<T>> {
  static_assert(!Described<T>, "use a map keyed by name instead of a set of objects");
  static constexpr Nesting kNesting = Nesting::kNone;
  static Type type() { return Type::Set(Codec<T>::type()); }
  static absl::StatusOr<std::set<T>> Decode(const Value& value) {
    std::set<T> set;
    for (const Value& element : value.sequence()) {
      CHARON_ASSIGN_OR_RETURN(T decoded, schema_internal::DecodeElement<T>(element));
      set.insert(std::move(decoded));
    }
    return set;
  }
  static Value Encode(const std::set<T>& set) {
    Value::Sequence elements;
    for (const T& element : set) elements.push_back(Codec<T>::Encode(element));
    return Value::Set(std::move(elements));
  }
};

template <typename T>
struct Codec<std::map<std::string, T>> {
  static constexpr Nesting kNesting = Described<T> ? Nesting::kMap : Nesting::kNone;
  using Element = T;
  static Type type() { return Type::Map(Codec<T>::type()); }
  static absl::StatusOr<std::map<std::string, T>> Decode(const Value& value) {
    std::map<std::string, T> map;
    for (const auto& [key, entry] : value.mapping()) {
      absl::StatusOr<T> decoded = schema_internal::DecodeElement<T>(entry);
      if (!decoded.ok()) return At(Path().Key(key), decoded.status());
      map.emplace(key, *std::move(decoded));
    }
    return map;
  }
  static Value Encode(const std::map<std::string, T>& map) {
    Value::Mapping entries;
    for (const auto& [key, entry] : map) entries.emplace(key, Codec<T>::Encode(entry));
    return Value::Of(std::move(entries));
  }
};

template <typename T>
absl::Status DecodeAttr(const Value& value, Attr<T>& attr) {
  // A dynamic value may be null or unknown with a type.
  const Value& inner = value.kind() == Value::Kind::kDynamic ? value.dynamic_value() : value;
  if (inner.IsNull()) {
    attr = Attr<T>::Null();
  } else if (inner.IsUnknown()) {
    attr = Attr<T>::Unknown();
  } else {
    absl::StatusOr<T> decoded = Codec<T>::Decode(value);
    if (decoded.status() == UnknownElement() ||
        decoded.status().message() == UnknownElement().message()) {
      attr = Attr<T>::Unknown();
      return absl::OkStatus();
    }
    if (!decoded.ok()) return decoded.status();
    attr = *std::move(decoded);
  }
  return absl::OkStatus();
}

template <typename T>
Value EncodeAttr(const Attr<T>& attr) {
  if (attr.IsUnknown()) return Value::Unknown();
  if (attr.IsNull()) return Value::Null();
  return Codec<T>::Encode(attr.value());
}

// One row of the table. Made by Field(); the setters read as a sentence.
template <typename M, typename T>
class FieldBuilder {
 public:
  FieldBuilder(Attr<T> M::*member, absl::string_view name, Mode mode, absl::string_view description)
      : member_(member) {
    schema_.name = std::string(name);
    schema_.mode = mode;
    schema_.description = std::string(description);
    schema_.type = Codec<T>::type();
    schema_.nesting = Codec<T>::kNesting;
    if constexpr (Codec<T>::kNesting != Nesting::kNone) {
      schema_.nested = Codec<T>::Element::Describe().schema_ptr();
    }
  }

  // Used where the configuration says nothing; makes the attribute optional and computed.
  FieldBuilder&& Default(T value) && {
    schema_.default_value = Codec<T>::Encode(value);
    if (schema_.mode == Mode::kOptional) schema_.mode = Mode::kOptionalComputed;
    return std::move(*this);
  }
  // A change replaces the resource.
  FieldBuilder&& ForceNew() && {
    schema_.force_new = true;
    return std::move(*this);
  }
  // Set once by the server: stays as it is through updates.
  FieldBuilder&& KeepPrior() && {
    schema_.keep_prior = true;
    return std::move(*this);
  }
  // Never shown by Terraform.
  FieldBuilder&& Sensitive() && {
    schema_.sensitive = true;
    return std::move(*this);
  }
  // Read at apply, never stored (Terraform and OpenTofu 1.11).
  FieldBuilder&& WriteOnly() && {
    // Not sensitive as well: there is never a value to hide, and the mark alone would take 150
    // bytes of state.
    schema_.write_only = true;
    return std::move(*this);
  }
  // An object of which every key is checked, at every depth: it travels with a type of its own
  // (dynamic), because Terraform silently drops the keys that a fixed type does not have. For the
  // provider block only, which gives nothing back.
  FieldBuilder&& Strict() && {
    static_assert(Described<T>, "only objects have keys to check");
    schema_.shape = std::move(schema_.nested);
    schema_.nesting = Nesting::kNone;
    schema_.type = Type::Dynamic();
    return std::move(*this);
  }
  FieldBuilder&& Deprecated(absl::string_view text) && {
    schema_.deprecation = std::string(text);
    return std::move(*this);
  }
  FieldBuilder&& Check(charon::Check check) && {
    schema_.checks.push_back(std::move(check));
    return std::move(*this);
  }
  FieldBuilder&& Check(const std::vector<charon::Check>& checks) && {
    schema_.checks.insert(schema_.checks.end(), checks.begin(), checks.end());
    return std::move(*this);
  }
  // Values that mean the same to the server: the prior spelling is kept.
  FieldBuilder&& Same(std::function<bool(const T& a, const T& b)> same) && {
    schema_.same = [same = std::move(same)](const Value& a, const Value& b) {
      Attr<T> x, y;
      return DecodeAttr(a, x).ok() && DecodeAttr(b, y).ok() && x.IsKnown() && y.IsKnown() &&
             same(x.value(), y.value());
    };
    return std::move(*this);
  }

  AttributeSchema TakeSchema() { return std::move(schema_); }
  Attr<T> M::*member() const { return member_; }

 private:
  Attr<T> M::*member_;
  AttributeSchema schema_;
};

template <typename M, typename T>
FieldBuilder<M, T> Field(Attr<T> M::*member, absl::string_view name, Mode mode,
                         absl::string_view description) {
  return FieldBuilder<M, T>(member, name, mode, description);
}

// A row of `M` about a member that it inherits from `B`: tables that share rows (see
// resources/service/container.h).
template <typename M, typename B, typename T>
requires std::derived_from<M, B> FieldBuilder<M, T> FieldOf(Attr<T> B::*member,
                                                            absl::string_view name, Mode mode,
                                                            absl::string_view description) {
  return FieldBuilder<M, T>(member, name, mode, description);
}

// The table of a model.
template <typename M>
class ObjectSpec {
 public:
  class Row {
   public:
    template <typename T>
    Row(FieldBuilder<M, T> builder)  // NOLINT(google-explicit-constructor)
        : Row(std::move(builder), builder.member()) {}

   private:
    friend class ObjectSpec;
    template <typename T>
    Row(FieldBuilder<M, T>&& builder, Attr<T> M::*member)
        : schema(builder.TakeSchema()),
          decode(
              [member](const Value& value, M& model) { return DecodeAttr(value, model.*member); }),
          encode([member](const M& model) { return EncodeAttr(model.*member); }) {
      if constexpr (Described<T>) {
        if (schema.shape == nullptr) return;
        decode = [member, shape = schema.shape](const Value& value, M& model) {
          std::vector<absl::Status> misfits;
          const Value object = Convert(value, shape->type(), misfits);
          return misfits.empty() ? DecodeAttr(object, model.*member) : misfits.front();
        };
      }
    }

    AttributeSchema schema;
    std::function<absl::Status(const Value&, M&)> decode;
    std::function<Value(const M&)> encode;
  };

  ObjectSpec(absl::string_view description, std::vector<Row> rows,
             std::vector<ObjectRule> rules = {})
      : rows_(std::move(rows)) {
    auto schema = std::make_shared<ObjectSchema>();
    schema->description = std::string(description);
    for (Row& row : rows_) schema->attributes.push_back(std::move(row.schema));
    schema->rules = std::move(rules);
    schema->type();
    schema_ = std::move(schema);
  }

  const ObjectSchema& schema() const { return *schema_; }
  std::shared_ptr<const ObjectSchema> schema_ptr() const { return schema_; }

  // REQUIRES: `object` is a known object of schema().type(). The path is that of the attribute at
  // fault.
  absl::StatusOr<M> Decode(const Value& object) const {
    M model;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::string& name = schema_->attributes[i].name;
      CHARON_RETURN_IF_ERROR(At(name, rows_[i].decode(object[name], model)));
    }
    return model;
  }

  Value Encode(const M& model) const {
    Value::Mapping entries;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      entries.emplace(schema_->attributes[i].name, rows_[i].encode(model));
    }
    return Value::Of(std::move(entries));
  }

  // The same table as a question: `keys` are required, `optional` ones (timeouts) may be given, the
  // rest is computed. `drop` names what has no place in a question (on_conflict); write-only
  // attributes go by themselves, and nested ones are always null. A data source returns it from
  // spec().
  struct LookupOptions {
    std::vector<absl::string_view> optional, drop;
  };
  ObjectSpec AsLookup(const std::vector<absl::string_view>& keys) const {
    return AsLookup(keys, LookupOptions());
  }
  ObjectSpec AsLookup(const std::vector<absl::string_view>& keys,
                      const LookupOptions& options) const {
    auto listed = [](const std::vector<absl::string_view>& names, absl::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    ObjectSpec lookup = *this;
    lookup.rows_.clear();
    auto schema = std::make_shared<ObjectSchema>();
    schema->description = schema_->description;
    schema->deprecation = schema_->deprecation;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const AttributeSchema& attribute = schema_->attributes[i];
      if (attribute.write_only || listed(options.drop, attribute.name)) continue;
      lookup.rows_.push_back(rows_[i]);
      const bool required = listed(keys, attribute.name);
      if (!required && !listed(options.optional, attribute.name)) {
        schema->attributes.push_back(AsComputed(attribute));
        continue;
      }
      AttributeSchema key = attribute;
      key.mode = required ? Mode::kRequired : Mode::kOptional;
      key.default_value.reset();
      key.force_new = key.keep_prior = false;
      schema->attributes.push_back(std::move(key));
    }
    schema->type();
    lookup.schema_ = std::move(schema);
    return lookup;
  }

 private:
  std::shared_ptr<const ObjectSchema> schema_;
  std::vector<Row> rows_;
};

template <typename T>
Type Codec<T>::type() {
  return T::Describe().schema().type();
}
template <typename T>
absl::StatusOr<T> Codec<T>::Decode(const Value& value) {
  return T::Describe().Decode(value);
}
template <typename T>
Value Codec<T>::Encode(const T& object) {
  return T::Describe().Encode(object);
}

}  // namespace charon
