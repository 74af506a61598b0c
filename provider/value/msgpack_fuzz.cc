// Whatever arrives as msgpack either is refused or is a value that goes out and comes back the
// same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/testing/fuzz.h"
#include "provider/value/codec_for_test.h"
#include "provider/value/msgpack.h"

namespace charon {
namespace {

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
  const auto& types = charon::FuzzedTypes();
  charon::Check(absl::string_view(reinterpret_cast<const char*>(data) + 1, size - 1),
                types[data[0] % types.size()]);
  return 0;
}
