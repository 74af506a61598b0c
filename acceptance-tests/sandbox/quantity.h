// Resource quantities: "500m", "1Gi", "1e3". Exact within what a signed 128-bit number of
// nano-units holds, which is more than any test needs.

#ifndef ACCEPTANCE_TESTS_SANDBOX_QUANTITY_H_
#define ACCEPTANCE_TESTS_SANDBOX_QUANTITY_H_

#include <compare>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "json.h"

namespace charon::sandbox {

class Quantity {
 public:
  enum class Format { kDecimalSuffix, kBinarySuffix, kDecimalExponent };

  Quantity() = default;

  // InvalidArgument with the server's own words.
  static absl::StatusOr<Quantity> Parse(absl::string_view text);
  // From a string or a number; zero where it is neither or malformed.
  static Quantity FromJson(const Json& value);

  // The canonical form: "1" for "1000m", "1536Mi" for "1.5Gi".
  std::string ToString() const;

  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  bool operator==(const Quantity& other) const { return nano_ == other.nano_; }
  auto operator<=>(const Quantity& other) const { return nano_ <=> other.nano_; }
  bool IsZero() const { return nano_ == 0; }
  bool IsNegative() const { return nano_ < 0; }
  double ToDouble() const { return static_cast<double>(nano_) / 1e9; }
  bool IsWhole() const { return nano_ % 1'000'000'000 == 0; }

 private:
  __extension__ using Int128 = __int128;

  Int128 nano_ = 0;
  Format format_ = Format::kDecimalSuffix;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_QUANTITY_H_
