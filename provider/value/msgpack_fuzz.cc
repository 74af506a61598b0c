// Whatever arrives as msgpack either is refused or is a value that goes out and comes back the
// same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/value/msgpack.h"

namespace charon {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

const std::vector<Type>& Types() {
  static const auto& types = *new std::vector<Type>{
      Type::Dynamic(),
      Type::String(),
      Type::Number(),
      Type::Bool(),
      Type::List(Type::Dynamic()),
      Type::Set(Type::List(Type::Number())),
      Type::Set(Type::Object({{"a", Type::String()}, {"b", Type::Number()}})),
      Type::Map(Type::Map(Type::String())),
      Type::Tuple({Type::Number(), Type::Dynamic(), Type::Set(Type::String())}),
      Type::Object({{"a", Type::Dynamic()},
                    {"b", Type::Map(Type::Bool())},
                    {"c", Type::List(Type::Object({{"d", Type::Number()}}))}}),
  };
  return types;
}

void Check(absl::string_view bytes, const Type& type) {
  const absl::StatusOr<Value> value = DecodeMsgpack(bytes, type);
  if (!value.ok()) {
    Require(value.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  Require(Conforms(*value, type).ok());
  const absl::StatusOr<std::string> encoded = EncodeMsgpack(*value, type);
  if (!encoded.ok()) return;  // Refinements may contradict, elements differ in type.
  const absl::StatusOr<Value> again = DecodeMsgpack(*encoded, type);
  Require(again.ok() && *again == *value);
  const absl::StatusOr<std::string> encoded_again = EncodeMsgpack(*again, type);
  Require(encoded_again.ok() && *encoded_again == *encoded);
}

}  // namespace
}  // namespace charon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& types = charon::Types();
  charon::Check(absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1),
                types[data[0] % types.size()]);
  return 0;
}
