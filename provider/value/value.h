// Terraform's values: null, unknown or known, of any type.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/base/path.h"
#include "provider/value/number.h"
#include "provider/value/type.h"

namespace charon {

// What is known of an unknown value (ext code 12 of the msgpack form). An unset member says
// nothing.
struct Refinements {
  std::optional<bool> null = {};  // false: definitely not null
  std::optional<std::string> string_prefix = {};
  struct Bound {
    Number value = {};
    bool inclusive = true;
    friend bool operator==(const Bound&, const Bound&) = default;
  };
  std::optional<Bound> lower = {}, upper = {};                   // of a number
  std::optional<std::int64_t> min_length = {}, max_length = {};  // of a collection, inclusive
  friend bool operator==(const Refinements&, const Refinements&) = default;
};

// A value without its type: the schema has it. Lists, sets and tuples are sequences; maps and
// objects are mappings. Only at a place of dynamic type does a value carry its own type (a
// kDynamic value wraps it). A plain value type: copies are deep.
class Value {
 public:
  enum class Kind { kNull, kUnknown, kBool, kNumber, kString, kSequence, kMapping, kDynamic };
  using Sequence = std::vector<Value>;
  using Mapping = std::map<std::string, Value>;

  Value() = default;  // null
  static Value Null() { return Value(); }
  static Value Unknown() { return Value(Unknowable{}); }
  static Value Unknown(Refinements refinements);
  static Value Bool(bool value) { return Value(value); }
  static Value Of(Number value) { return Value(std::move(value)); }
  // `text` must be UTF-8 in Unicode normal form C (see Normalize in msgpack.h for what comes in).
  static Value String(std::string text) { return Value(std::move(text)); }
  static Value Of(Sequence elements) { return Value(std::move(elements)); }
  static Value Of(Mapping entries) { return Value(std::move(entries)); }
  // Value::Of({a, b}) is a sequence, Value::Of({{"a", a}, {"b", b}}) a mapping.
  static Value Of(std::initializer_list<Value> elements) { return Of(Sequence(elements)); }
  static Value Of(std::initializer_list<Mapping::value_type> entries) {
    return Of(Mapping(entries));
  }
  // A set: sorted, duplicates of wholly known elements dropped, so that equal sets are equal.
  static Value Set(Sequence elements);
  // A value with its type, for a place of dynamic type. `inner` may be null or unknown of that
  // type.
  static Value Dynamic(Type type, Value inner);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool IsNull() const { return kind() == Kind::kNull; }
  bool IsUnknown() const { return kind() == Kind::kUnknown; }
  bool IsKnown() const { return !IsNull() && !IsUnknown(); }  // of this value, not of its parts
  // True if no unknown stands anywhere inside.
  bool IsWhollyKnown() const;

  // REQUIRES: the kind of the same name.
  bool bool_value() const { return std::get<bool>(data_); }
  const Number& number() const { return std::get<Number>(data_); }
  const std::string& string() const { return std::get<std::string>(data_); }
  const Sequence& sequence() const { return std::get<Sequence>(data_); }
  Sequence& sequence() { return std::get<Sequence>(data_); }
  const Mapping& mapping() const { return std::get<Mapping>(data_); }
  Mapping& mapping() { return std::get<Mapping>(data_); }
  const Type& dynamic_type() const { return std::get<Typed>(data_).type; }
  const Value& dynamic_value() const { return *std::get<Typed>(data_).inner; }
  // nullptr if unrefined. REQUIRES: IsUnknown().
  const Refinements* refinements() const { return std::get<Unknowable>(data_).refinements.get(); }

  // The entry `name` of a mapping; null (a shared one) if this is no mapping or has none.
  const Value& operator[](absl::string_view name) const;

  // The value at `path`; nullptr if there is none (also behind a null or unknown).
  const Value* Find(const Path& path) const;

  // Refinements are ignored, as Terraform does where it compares a plan with a configuration.
  friend bool operator==(const Value& a, const Value& b);
  friend std::strong_ordering operator<=>(const Value& a, const Value& b);

 private:
  struct Unknowable {
    std::shared_ptr<const Refinements> refinements;
  };
  struct Typed {
    Type type;
    std::shared_ptr<const Value> inner;
  };
  // The order is that of Kind.
  using Data =
      std::variant<std::monostate, Unknowable, bool, Number, std::string, Sequence, Mapping, Typed>;

  template <typename T>
  explicit Value(T data) : data_(std::move(data)) {}

  Data data_;
};

// Checks that `value` is one of `type`: kinds, exact attribute names of objects, tuple lengths.
// InvalidArgument with the path of the first difference.
absl::Status Conforms(const Value& value, const Type& type);

// `type` with each dynamic place replaced by the type of what stands there. It stays dynamic where
// that is null or wholly unknown, and in empty collections. InvalidArgument with the path of a
// list, set or map whose elements differ in type: Terraform crashes on it. REQUIRES: Conforms().
absl::StatusOr<Type> ConcreteType(const Value& value, const Type& type);

}  // namespace charon
