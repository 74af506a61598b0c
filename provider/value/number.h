// Numbers of any precision. Terraform's are binary floats of 512 bits parsed from decimal text; we
// keep the decimal text, so that what came in goes out bit-exact.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon {

// A finite decimal number: sign * digits * 10^exponent, normalised (no leading or trailing zero
// digits, zero is "0" without sign), so that equal numbers have equal fields.
class Number {
 public:
  Number() = default;                                 // zero
  Number(std::int64_t value);                         // NOLINT(google-explicit-constructor)
  Number(int value) : Number(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  static Number FromUint64(std::uint64_t value);
  // By its shortest decimal text that reads back as the same double (0.1 is 0.1), which is how
  // Terraform compares. InvalidArgument for NaN and infinities.
  static absl::StatusOr<Number> FromDouble(double value);
  // Decimal text with optional sign, fraction and exponent. InvalidArgument for anything else, for
  // more than 10,000 digits and for exponents beyond +-1,000,000 (bounds memory).
  static absl::StatusOr<Number> Parse(absl::string_view text);

  bool IsInteger() const { return exponent_ >= 0; }
  // nullopt if not an integer of that range.
  std::optional<std::int64_t> ToInt64() const;
  std::optional<std::uint64_t> ToUint64() const;
  // Nearest double; +-infinity where too large.
  double ToDouble() const;

  // Plain decimal notation; with an exponent where plain notation would add more than 512 zeros.
  std::string ToString() const;

  friend bool operator==(const Number&, const Number&) = default;
  friend std::strong_ordering operator<=>(const Number& a, const Number& b);

 private:
  static Number Normalized(bool negative, std::string digits, std::int64_t exponent);
  // Without the sign; nullopt if not an integer below 2^64.
  std::optional<std::uint64_t> Magnitude() const;

  bool negative_ = false;
  std::string digits_ = "0";
  std::int64_t exponent_ = 0;
};

}  // namespace charon
