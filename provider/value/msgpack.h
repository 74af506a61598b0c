// The msgpack form of values, as Terraform and providers exchange it (plugin protocol 3.3 to 3.5).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon {

// Decodes one value of `type` from the whole of `bytes`; empty bytes are null. Accepts every width,
// numbers as int, float or decimal text, any extension code as unknown. Strings are normalised to
// NFC. Objects must have exactly the attributes of `type`.
// InvalidArgument with the attribute path for: truncated or trailing bytes, wrong kinds, nesting
// beyond kMaxDepth, lengths that the rest of the input cannot hold, duplicate keys, invalid UTF-8,
// NaN and infinities. Memory is at most about 60 bytes for a byte of input, whatever it claims.
absl::StatusOr<Value> DecodeMsgpack(absl::string_view bytes, const Type& type);

// Encodes `value`, which must conform to `type` and have a ConcreteType() (else Internal, with the
// path: it is our bug). Integers of int64 range as integers, everything else as decimal text, so
// that no digit is lost. Unknown values keep their refinements, cut to what Terraform takes.
absl::StatusOr<std::string> EncodeMsgpack(const Value& value, const Type& type);

// Unicode normal form C. InvalidArgument if `text` is not UTF-8.
absl::StatusOr<std::string> NormalizeNfc(absl::string_view text);

}  // namespace charon
