// What an object of the provider consists of, without C++ types: what planning, the wire schema,
// the documentation and the checks read. Filled from the typed tables of field.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// Who sets an attribute.
enum class Mode {
  kRequired,          // the configuration must
  kOptional,          // the configuration may; null otherwise
  kComputed,          // the provider
  kOptionalComputed,  // the configuration may; the provider otherwise
};
inline constexpr Mode Required = Mode::kRequired;
inline constexpr Mode Optional = Mode::kOptional;
inline constexpr Mode Computed = Mode::kComputed;
inline constexpr Mode OptionalComputed = Mode::kOptionalComputed;

enum class Nesting { kNone, kSingle, kList, kSet, kMap };

// A rule on one known value, or on each of its elements or keys. `text` completes "The value ..."
// in messages and documentation.
struct Check {
  std::string text;
  std::function<absl::Status(const Value&)> run = nullptr;  // InvalidArgument, saying what is wrong
  // Instead of `run`: what every element of a list, set or map, or every key of a map, must be.
  std::shared_ptr<const Check> each_element = nullptr, each_key = nullptr;
};

// Everything that is wrong with a known value by `check`, each with its place inside the value.
std::vector<absl::Status> Misfits(const Check& check, const Value& value);

struct ObjectSchema;

struct AttributeSchema {
  std::string name;
  Mode mode = Mode::kOptional;
  std::string description;  // Markdown, for users
  Type type = Type::Dynamic();
  Nesting nesting = Nesting::kNone;
  std::shared_ptr<const ObjectSchema> nested;  // set unless nesting is kNone
  // What a dynamically typed attribute must be an object of: Strict() of field.h.
  std::shared_ptr<const ObjectSchema> shape;

  bool sensitive = false;
  bool write_only = false;
  std::string deprecation;  // empty: not deprecated
  std::optional<Value> default_value;
  bool force_new = false;   // a change replaces the resource
  bool keep_prior = false;  // computed once: an update does not make it unknown
  std::vector<Check> checks;
  // True if both known values mean the same; the plan then keeps the prior spelling.
  std::function<bool(const Value& a, const Value& b)> same;

  bool computed() const { return mode == Mode::kComputed || mode == Mode::kOptionalComputed; }
  bool configurable() const { return mode != Mode::kComputed; }
};

// A rule over several attributes of one object. Gets the configuration; unknowns may be anything.
struct ObjectRule {
  std::string text;  // for the documentation
  std::function<absl::Status(const Value& object)> run;
};

struct ObjectSchema {
  std::string description;
  std::vector<AttributeSchema> attributes;
  std::vector<ObjectRule> rules;
  std::string deprecation;

  const AttributeSchema* Find(absl::string_view name) const;
  // The object type with every attribute, as values travel.
  const Type& type() const;
  // An object of nulls.
  Value Empty() const;

 private:
  mutable std::optional<Type>
      type_;  // made on first use, before any concurrent one (Registry::Check)
};

// True for null, also for one with a type (at a place of dynamic type).
bool IsAbsent(const Value& value);
// The attribute `name` of an object: unknown if the object is, null if it has none.
const Value& Inside(const Value& object, absl::string_view name);

// Calls `visit(schema, config, value, path, descend)` for every attribute of `value`, also nested
// ones, with the config beside it (null where there is none, unknown inside of what is unknown) and
// replaces the attribute by the result; then visits what is inside the result, unless *descend was
// set to false. Elements of lists and maps pair by index and key, elements of sets with the config
// element they can have come from; `path` ends at the set for what is inside it.
using AttributeVisitor = std::function<Value(const AttributeSchema&, const Value& config,
                                             Value value, const Path& path, bool* descend)>;
Value TransformAttributes(const ObjectSchema& schema, const Value& config, Value object,
                          const Path& path, const AttributeVisitor& visit);

// `object` with every write-only attribute null.
Value WithoutWriteOnly(const ObjectSchema& schema, Value object);
// `object` with every write-only attribute as `config` has it.
Value WithWriteOnly(const ObjectSchema& schema, Value object, const Value& config);

// Finds what the configuration may not say: read-only attributes set, required ones missing, checks
// and rules that fail, write-only values for a core that cannot keep them out of its state. Each
// status carries its path. `warnings` gets the deprecations.
std::vector<absl::Status> ValidateObject(const ObjectSchema& schema, const Value& config,
                                         bool write_only_allowed,
                                         std::vector<absl::Status>* warnings);

// `attribute`, and everything inside it, as an answer of the provider: computed, without rules.
// Nested write-only attributes become ordinary ones that stay null.
AttributeSchema AsComputed(AttributeSchema attribute);

// Contradictions in the table itself: no text, a default on a required field, a secret that is
// not sensitive, a reserved name, ... Empty if it is sound. `root` for the outermost object.
std::vector<std::string> Contradictions(const ObjectSchema& schema, absl::string_view where,
                                        bool root);

}  // namespace charon
