// Whatever arrives as a quantity either is refused or has a canonical form of the same amount.
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/testing/fuzz.h"

namespace {

using charon::Require;
using charon::kubernetes::Quantity;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
  if (!quantity.ok()) {
    Require(quantity.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  const absl::StatusOr<Quantity> again = Quantity::Parse(quantity->ToString());
  Require(again.ok() && *again == *quantity);
  // 62.5Ki is written as 64000, which has no binary suffix and is read as a decimal amount: 64k
  // (apimachinery 1.36, quantity.go, CanonicalizeBytes). From then on it is the same.
  const absl::StatusOr<Quantity> third = Quantity::Parse(again->ToString());
  Require(third.ok() && *third == *quantity && third->ToString() == again->ToString());
  Require((*quantity - *quantity).nano() == 0);
  Require(*quantity + *quantity - *quantity <= *quantity || quantity->nano() < 0);
  Require((quantity->Value() > 0) == (quantity->nano() > 0));
  Require((quantity->MilliValue() < 0) == (quantity->nano() < 0));
  return 0;
}
