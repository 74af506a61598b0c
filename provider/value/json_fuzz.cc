// Whatever arrives as JSON either is refused or is a value that goes out and comes back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/testing/fuzz.h"
#include "provider/value/codec_for_test.h"
#include "provider/value/json.h"

namespace charon {
namespace {

void CheckTyped(absl::string_view json, const Type& type) {
  const absl::StatusOr<Value> value = DecodeJson(json, type);
  if (!value.ok()) {
    Require(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  Require(Conforms(*value, type).ok());
  const absl::StatusOr<std::string> encoded = EncodeJson(*value, type);
  Require(encoded.ok());
  const absl::StatusOr<Value> again = DecodeJson(*encoded, type);
  Require(again.ok() && *again == *value);
}

void CheckAny(absl::string_view json) {
  const absl::StatusOr<TypedValue> any = DecodeAnyJson(json);
  if (!any.ok()) {
    Require(any.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  Require(Conforms(any->value, any->type).ok());
  const absl::StatusOr<std::string> encoded = EncodeAnyJson(any->value);
  Require(encoded.ok());
  const absl::StatusOr<TypedValue> again = DecodeAnyJson(*encoded);
  Require(again.ok() && again->value == any->value && again->type == any->type);
}

void CheckType(absl::string_view json) {
  const absl::StatusOr<Type> type = Type::FromJson(json);
  if (!type.ok()) return;
  const absl::StatusOr<Type> again = Type::FromJson(type->ToJson());
  Require(again.ok() && *again == *type);
}

}  // namespace
}  // namespace charon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& types = charon::FuzzedTypes();
  const absl::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t choice = data[0] % (types.size() + 2);
  if (choice < types.size()) {
    charon::CheckTyped(json, types[choice]);
  } else if (choice == types.size()) {
    charon::CheckAny(json);
  } else {
    charon::CheckType(json);
  }
  return 0;
}
