// Types of API objects: what server-side apply, strategic merge, decoding and OpenAPI need to know.
//
// Built-in types come from tables in this notation (one type, then its fields, indented):
//
//   PodSpec
//     containers=[Container]+!name^name hostNetwork=b priority=i? nodeSelector={s}!atomic
//
//   s b i l n   string, bool, int32, int64, number       t u   time, time with microseconds
//   q x y *     quantity, int-or-string, base64, any     [T] {T} Name   list, map, struct
//   ?           a pointer in Go: a zero value is kept    +     always written, even if zero
//   !set !a,b=D !atomic   set, list keyed by a and b (default D), atomic map or struct
//   ^key ~      strategic merge patch: merged (by key), retainKeys

#ifndef ACCEPTANCE_TESTS_SANDBOX_SCHEMA_H_
#define ACCEPTANCE_TESTS_SANDBOX_SCHEMA_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

struct Type;

// What Go does with a zero value when it writes the object.
enum class Presence { kOmitZero, kKeepZero, kAlways };

struct Field {
  const Type* type = nullptr;
  Presence presence = Presence::kOmitZero;
  bool patch_merge = false;
  bool patch_retain_keys = false;
  std::string patch_key;  // Empty: a list of primitives.
};

struct ListKey {
  std::string name;
  Json default_value;  // Null: none.
};

struct Type {
  enum class Shape { kAny, kScalar, kStruct, kMap, kList };
  enum class Scalar {
    kString,
    kBool,
    kInt32,
    kInt64,
    kNumber,
    kTime,
    kMicroTime,
    kQuantity,
    kIntOrString,
    kBytes,
  };
  enum class ListKind { kAtomic, kSet, kMap };

  std::string name;  // Of structs: "PodSpec".
  Shape shape = Shape::kAny;
  Scalar scalar = Scalar::kString;
  bool atomic = false;            // Of structs and maps.
  const Type* element = nullptr;  // Of maps and lists.
  ListKind list_kind = ListKind::kAtomic;
  std::vector<ListKey> keys;
  std::map<std::string, Field, std::less<>> fields;
  // Of structs made from a custom resource's schema: fields that are not listed are kept.
  bool preserve_unknown = false;

  const Field* FindField(absl::string_view field) const;
  bool IsMapLike() const { return shape == Shape::kStruct || shape == Shape::kMap; }
  // The type of member `key` of a struct, a map or an "any"; nullptr if there is none.
  const Type* MemberType(absl::string_view key) const;
};

// Owns types. Immutable once built; pointers stay valid as long as the set lives.
class TypeSet {
 public:
  // The types of the built-in kinds.
  static const TypeSet& BuiltIn();

  // nullptr if there is none of that name.
  const Type* Find(absl::string_view name) const;
  const std::map<std::string, Type*, std::less<>>& named() const { return named_; }

  Type* Make();
  void Name(absl::string_view name, Type* type);
  void Parse(absl::string_view table);

 private:
  Type* Named(absl::string_view name);
  const Type* ParseType(absl::string_view text, absl::string_view list_semantics);

  std::deque<Type> types_;
  std::map<std::string, Type*, std::less<>> named_;
};

// The type of values nobody described: maps are granular, lists inside are atomic.
const Type* AnyType();
const Type* ScalarType(Type::Scalar scalar);

// The zero value an always-written field shows when it was not set.
Json ZeroValue(const Type& type);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_SCHEMA_H_
