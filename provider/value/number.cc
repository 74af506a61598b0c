#include "provider/value/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace charon {
namespace {

constexpr std::size_t kMaxDigits = 10'000;
constexpr std::int64_t kMaxExponent = 1'000'000;
// Zeros that plain notation may add; 5e-324, the smallest double, needs 324.
constexpr std::int64_t kMaxPlainZeros = 512;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Number Number::Normalized(bool negative, std::string digits, std::int64_t exponent) {
  Number number;
  const std::size_t last = digits.find_last_not_of('0');
  if (last == std::string::npos) return number;
  exponent += static_cast<std::int64_t>(digits.size() - 1 - last);
  digits.resize(last + 1);
  if (digits.front() == '0') digits.erase(0, digits.find_first_not_of('0'));
  number.negative_ = negative;
  number.digits_ = std::move(digits);
  number.exponent_ = exponent;
  return number;
}

Number::Number(std::int64_t value) {
  if (value > 0 && value < 10) {  // The most frequent numbers have one digit.
    digits_[0] = static_cast<char>('0' + value);
    return;
  }
  // The magnitude of the smallest int64 is no int64.
  const std::uint64_t magnitude = value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                                            : static_cast<std::uint64_t>(value);
  *this = FromUint64(magnitude);
  negative_ = value < 0;
}

Number Number::FromUint64(std::uint64_t value) {
  char buffer[20];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return Normalized(false, std::string(buffer, end), 0);
}

absl::StatusOr<Number> Number::FromDouble(double value) {
  if (!std::isfinite(value)) {
    return absl::InvalidArgumentError(std::isnan(value)
                                          ? "NaN is not a number that can be kept"
                                          : "infinity is not a number that can be kept");
  }
  char buffer[32];  // The shortest text of a double has at most 24 characters.
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  return Parse(absl::string_view(buffer, static_cast<std::size_t>(end - buffer)));
}

absl::StatusOr<Number> Number::Parse(absl::string_view text) {
  const auto malformed = [] {
    return absl::InvalidArgumentError("not a decimal number, which looks like -12.5 or 1e3");
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  bool negative = false;
  if (at != end && (*at == '-' || *at == '+')) negative = *at++ == '-';

  // Trailing zeros are counted and written only when a digit follows them, so that a text of many
  // zeros takes no memory.
  std::string digits;
  std::int64_t exponent = 0, zeros = 0;
  bool any_digit = false, in_fraction = false;
  for (; at != end; ++at) {
    if (*at == '.') {
      if (in_fraction) return malformed();
      in_fraction = true;
      continue;
    }
    if (!IsDigit(*at)) break;
    any_digit = true;
    if (in_fraction) --exponent;
    if (*at == '0') {
      ++zeros;
      continue;
    }
    if (!digits.empty()) {
      if (digits.size() + static_cast<std::size_t>(zeros) >= kMaxDigits) {
        return absl::InvalidArgumentError(
            absl::StrCat("a number of more than ", kMaxDigits, " digits"));
      }
      digits.append(static_cast<std::size_t>(zeros), '0');
    }
    zeros = 0;
    digits.push_back(*at);
  }
  if (!any_digit) return malformed();

  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    bool negative_exponent = false;
    if (at != end && (*at == '-' || *at == '+')) negative_exponent = *at++ == '-';
    if (at == end) return malformed();
    std::int64_t written = 0;
    for (; at != end && IsDigit(*at); ++at) {
      // Saturates far above what any count of digits could bring back into range.
      written = std::min(written * 10 + (*at - '0'), std::numeric_limits<std::int64_t>::max() / 32);
    }
    exponent += negative_exponent ? -written : written;
  }
  if (at != end) return malformed();
  if (digits.empty()) return Number();
  exponent += zeros;
  if (exponent > kMaxExponent || exponent < -kMaxExponent) {
    return absl::InvalidArgumentError(
        absl::StrCat("a number whose exponent is beyond ", kMaxExponent));
  }
  Number number;
  number.negative_ = negative;
  number.digits_ = std::move(digits);
  number.exponent_ = exponent;
  return number;
}

std::optional<std::uint64_t> Number::Magnitude() const {
  if (exponent_ < 0 || static_cast<std::int64_t>(digits_.size()) + exponent_ > 20)
    return std::nullopt;
  std::uint64_t magnitude = 0;
  const auto append = [&magnitude](unsigned digit) {
    return !__builtin_mul_overflow(magnitude, std::uint64_t{10}, &magnitude) &&
           !__builtin_add_overflow(magnitude, std::uint64_t{digit}, &magnitude);
  };
  for (const char digit : digits_) {
    if (!append(static_cast<unsigned>(digit - '0'))) return std::nullopt;
  }
  for (std::int64_t i = 0; i < exponent_; ++i) {
    if (!append(0)) return std::nullopt;
  }
  return magnitude;
}

std::optional<std::int64_t> Number::ToInt64() const {
  const std::optional<std::uint64_t> magnitude = Magnitude();
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (!magnitude.has_value() || *magnitude > kMax + (negative_ ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative_ ? std::uint64_t{0} - *magnitude : *magnitude);
}

std::optional<std::uint64_t> Number::ToUint64() const {
  if (negative_) return std::nullopt;
  return Magnitude();
}

double Number::ToDouble() const {
  const std::string text = absl::StrCat(negative_ ? "-" : "", digits_, "e", exponent_);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    const bool large = static_cast<std::int64_t>(digits_.size()) + exponent_ > 0;
    const double magnitude = large ? std::numeric_limits<double>::infinity() : 0.0;
    return negative_ ? -magnitude : magnitude;
  }
  return value;
}

std::string Number::ToString() const {
  const auto size = static_cast<std::int64_t>(digits_.size());
  const absl::string_view sign = negative_ ? "-" : "";
  if (exponent_ == 0) return absl::StrCat(sign, digits_);
  if (exponent_ > 0 && exponent_ <= kMaxPlainZeros) {
    return absl::StrCat(sign, digits_, std::string(static_cast<std::size_t>(exponent_), '0'));
  }
  const std::int64_t point = size + exponent_;  // digits in front of the decimal point
  if (exponent_ < 0 && point > 0) {
    const absl::string_view digits = digits_;
    return absl::StrCat(sign, digits.substr(0, static_cast<std::size_t>(point)), ".",
                        digits.substr(static_cast<std::size_t>(point)));
  }
  if (exponent_ < 0 && -point <= kMaxPlainZeros) {
    return absl::StrCat(sign, "0.", std::string(static_cast<std::size_t>(-point), '0'), digits_);
  }
  const absl::string_view digits = digits_;
  return absl::StrCat(sign, digits.substr(0, 1), size > 1 ? "." : "", digits.substr(1), "e",
                      point - 1);
}

std::strong_ordering operator<=>(const Number& a, const Number& b) {
  const auto sign = [](const Number& n) { return n.digits_ == "0" ? 0 : n.negative_ ? -1 : 1; };
  const int sign_a = sign(a), sign_b = sign(b);
  if (sign_a != sign_b || sign_a == 0) return sign_a <=> sign_b;
  const auto point = [](const Number& n) {
    return static_cast<std::int64_t>(n.digits_.size()) + n.exponent_;
  };
  // Without leading and trailing zeros, digits behind the same point compare as text does.
  const Number& left = sign_a > 0 ? a : b;  // The larger magnitude is the smaller negative number.
  const Number& right = sign_a > 0 ? b : a;
  if (const auto order = point(left) <=> point(right); order != 0) return order;
  return left.digits_ <=> right.digits_;
}

}  // namespace charon
