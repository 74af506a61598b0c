// The JSON form of values: state files, and text that users write.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// Decodes stored state: lenient as Terraform is. Missing attributes are null (up to 65,536 and one
// for each byte of text), attributes that the type no longer has are ignored, numbers and bools may
// be quoted, and may stand where a string is required. Numbers keep every digit; unquoted ones are
// below 1e4932.
// InvalidArgument with the path for anything else, duplicate keys and nesting beyond kMaxDepth.
// Messages never quote the text, which may be secret. Memory is at most about 130 bytes for a byte
// of text.
absl::StatusOr<Value> DecodeJson(absl::string_view json, const Type& type);

// Encodes a wholly known value. Internal if it is not, or does not conform.
absl::StatusOr<std::string> EncodeJson(const Value& value, const Type& type);

// Any JSON text as a value with the type HCL's jsondecode would give it: arrays are tuples, objects
// are objects, null is dynamic. InvalidArgument, with the path, as DecodeJson.
struct TypedValue {
  Type type = Type::Dynamic();
  Value value;
};
absl::StatusOr<TypedValue> DecodeAnyJson(absl::string_view json);

// A value of any shape as JSON, without a type: for dynamic attributes. Keys in byte order, no
// spaces. InvalidArgument (with the path) if something in it is unknown.
absl::StatusOr<std::string> EncodeAnyJson(const Value& value);

// InvalidArgument, with the path, if `value` has an integer that is none of 64 bits with a sign:
// those who read it as JSON or YAML would lose digits of it, or refuse it. Kubernetes makes a float
// of it (apimachinery 0.36, pkg/util/json/json.go, ConvertInterfaceNumbers).
absl::Status CheckNumbersOf64Bits(const Value& value);

}  // namespace charon
