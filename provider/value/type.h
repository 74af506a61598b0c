// Terraform's types, as they appear in schemas and beside dynamic values.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon {

// An immutable type; copies share their parts.
class Type {
 public:
  enum class Kind { kDynamic, kString, kNumber, kBool, kList, kSet, kMap, kTuple, kObject };

  static Type Dynamic();
  static Type String();
  static Type Number();
  static Type Bool();
  static Type List(Type element);
  static Type Set(Type element);
  static Type Map(Type element);
  static Type Tuple(std::vector<Type> elements);
  // `optional` names the attributes that HCL may omit; on the wire they are always present.
  static Type Object(std::map<std::string, Type> attributes, std::set<std::string> optional = {});

  Kind kind() const { return node_->kind; }
  bool IsPrimitive() const;
  bool IsCollection() const;  // list, set or map
  // True if a dynamic type stands anywhere inside.
  bool HasDynamic() const;

  // REQUIRES: IsCollection().
  const Type& element() const { return node_->elements.front(); }
  // REQUIRES: kind() == kTuple.
  const std::vector<Type>& elements() const { return node_->elements; }
  // REQUIRES: kind() == kObject.
  const std::map<std::string, Type>& attributes() const { return node_->attributes; }
  const std::set<std::string>& optional() const { return node_->optional; }

  // The cty type JSON: "string", ["list","string"], ["object",{...}], ... Keys in byte order.
  std::string ToJson() const;
  // InvalidArgument for anything that is not a cty type, or is nested deeper than 512.
  static absl::StatusOr<Type> FromJson(absl::string_view json);

  // For messages: `list of string`, `object`.
  std::string FriendlyName() const;

  friend bool operator==(const Type& a, const Type& b);

 private:
  struct Node {
    Kind kind = Kind::kDynamic;
    std::vector<Type> elements = {};
    std::map<std::string, Type> attributes = {};
    std::set<std::string> optional = {};
    bool has_dynamic = false;
  };
  static Type Make(Node node);
  void AppendJson(std::string& json) const;

  explicit Type(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

// Nesting deeper than this is refused in types and values.
inline constexpr int kMaxDepth = 512;

}  // namespace charon
