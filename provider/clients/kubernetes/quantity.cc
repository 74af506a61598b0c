#include "provider/clients/kubernetes/quantity.h"

#include <array>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes {
namespace {

constexpr int kNanoDigits = 9;
// nano_ has at most this many digits, so that the sum of two does not overflow 127 bits unnoticed.
constexpr std::size_t kMostDigits = 38;
// No quantity that anyone means is longer; the amount is computed digit by digit.
constexpr std::size_t kLongestText = 200;

absl::int128 PowerOfTen(int exponent) {
  absl::int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

absl::int128 Limit() {
  static const absl::int128 limit = PowerOfTen(static_cast<int>(kMostDigits)) - 1;
  return limit;
}

absl::int128 Clamp(absl::int128 nano) {
  if (nano > Limit()) return Limit();
  if (nano < -Limit()) return -Limit();
  return nano;
}

struct Suffix {
  absl::string_view text;
  int exponent;
};

constexpr std::array<Suffix, 10> kDecimal = {{{"n", -9},
                                              {"u", -6},
                                              {"m", -3},
                                              {"", 0},
                                              {"k", 3},
                                              {"M", 6},
                                              {"G", 9},
                                              {"T", 12},
                                              {"P", 15},
                                              {"E", 18}}};
constexpr std::array<Suffix, 6> kBinary = {
    {{"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}, {"Pi", 50}, {"Ei", 60}}};

struct Unit {
  Quantity::Format format;
  std::int64_t exponent;  // of ten, or of two for kBinarySI
};

std::optional<Unit> UnitOf(absl::string_view suffix) {
  for (const Suffix& known : kDecimal) {
    if (known.text == suffix) return Unit{Quantity::Format::kDecimalSI, known.exponent};
  }
  for (const Suffix& known : kBinary) {
    if (known.text == suffix) return Unit{Quantity::Format::kBinarySI, known.exponent};
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  suffix.remove_prefix(1);
  absl::string_view digits = suffix;
  if (digits[0] == '+' || digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  for (const char c : digits) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
  }
  std::int64_t exponent = 0;
  if (!absl::SimpleAtoi(suffix, &exponent)) return std::nullopt;
  return Unit{Quantity::Format::kDecimalExponent, exponent};
}

// `digits`, a decimal number, times `factor`.
std::string Times(const std::string& digits, unsigned factor) {
  std::string product(digits.size() + 10, '0');
  unsigned carry = 0;
  std::size_t out = product.size();
  for (std::size_t i = digits.size(); i-- > 0;) {
    carry += static_cast<unsigned>(digits[i] - '0') * factor;
    product[--out] = static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  while (carry > 0) {
    product[--out] = static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  return product.substr(out);
}

// The whole part of `digits` times ten to the power of `exponent`, rounded up; nullopt from 10^38
// on.
std::optional<absl::int128> Scaled(absl::string_view digits, std::int64_t exponent) {
  while (!digits.empty() && digits[0] == '0') digits.remove_prefix(1);
  if (digits.empty()) return absl::int128(0);
  const auto size = static_cast<std::int64_t>(digits.size());
  // The text is short, so the sum overflows only for exponents that are far outside anyway.
  if (exponent > static_cast<std::int64_t>(kMostDigits)) return std::nullopt;
  if (exponent < -static_cast<std::int64_t>(2 * kLongestText)) return absl::int128(1);
  const std::int64_t whole = size + exponent;
  if (whole > static_cast<std::int64_t>(kMostDigits)) return std::nullopt;
  absl::int128 amount = 0;
  for (std::int64_t i = 0; i < whole; ++i) {
    amount = amount * 10 + (i < size ? digits[static_cast<std::size_t>(i)] - '0' : 0);
  }
  for (std::int64_t i = whole < 0 ? 0 : whole; i < size; ++i) {
    if (digits[static_cast<std::size_t>(i)] != '0') return amount + 1;
  }
  return amount;
}

absl::Status Refuse(absl::string_view text, absl::string_view suffix) {
  std::string hint;
  const std::string lower = absl::AsciiStrToLower(suffix);
  if (text.empty()) {
    hint = "it is empty";
  } else if (text.find_first_of(" \t\n") != absl::string_view::npos) {
    hint = "no space is allowed in it";
  } else if (absl::StrContains(text, ',')) {
    hint = "the decimal separator is a point";
  } else if (suffix == "K") {
    hint = "write k for 1000 or Ki for 1024";
  } else if (lower.size() > 1 && lower.back() == 'b') {
    hint = "the unit has no letter b: 1 GB is 1G (10^9 bytes) or 1Gi (2^30 bytes)";
  } else if (!suffix.empty()) {
    hint = absl::StrCat("\"", internal::Excerpt(suffix, 20), "\" is no suffix");
  } else {
    hint = "it is no number";
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", internal::Excerpt(text, 60), "\" is no quantity: ", hint,
      ". Accepted is a number and one of n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, "
      "Ti, Pi, Ei (powers of 1024), an exponent as in 5e3, or nothing: \"500m\", \"1.5Gi\""));
}

std::int64_t RoundedUp(absl::int128 nano, absl::int128 unit) {
  absl::int128 whole = nano / unit;
  if (nano % unit != 0) whole += nano > 0 ? 1 : -1;
  if (whole > std::numeric_limits<std::int64_t>::max()) {
    return std::numeric_limits<std::int64_t>::max();
  }
  if (whole < std::numeric_limits<std::int64_t>::min()) {
    return std::numeric_limits<std::int64_t>::min();
  }
  return static_cast<std::int64_t>(whole);
}

std::string Decimal(absl::int128 number) {
  if (number == 0) return "0";
  const bool negative = number < 0;
  std::string reversed;
  for (absl::int128 rest = negative ? -number : number; rest > 0; rest /= 10) {
    reversed.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  if (negative) reversed.push_back('-');
  return {reversed.rbegin(), reversed.rend()};
}

}  // namespace

absl::StatusOr<Quantity> Quantity::Parse(absl::string_view text) {
  if (text.size() > kLongestText) return Refuse(text, "");
  absl::string_view rest = text;
  const bool negative = !rest.empty() && rest[0] == '-';
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  std::string digits;
  int fraction = 0;
  while (!rest.empty() && absl::ascii_isdigit(rest[0])) {
    digits.push_back(rest[0]);
    rest.remove_prefix(1);
  }
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    while (!rest.empty() && absl::ascii_isdigit(rest[0])) {
      digits.push_back(rest[0]);
      rest.remove_prefix(1);
      ++fraction;
    }
  }
  // apimachinery reads "-" and "." as 0; whoever writes that made a mistake.
  if (digits.empty()) return Refuse(text, "");
  const std::optional<Unit> unit = UnitOf(rest);
  if (!unit) return Refuse(text, rest);

  Format format = unit->format;
  std::optional<absl::int128> nano;
  if (format == Format::kBinarySI) {
    for (std::int64_t power = 0; power < unit->exponent; power += 10) digits = Times(digits, 1024);
    nano = Scaled(digits, kNanoDigits - fraction);
    const absl::int128 most =
        absl::int128(std::numeric_limits<std::int64_t>::max()) * PowerOfTen(kNanoDigits);
    if (!nano || *nano > most) nano = most;
    if (*nano > 0 && *nano < PowerOfTen(kNanoDigits)) format = Format::kDecimalSI;
  } else {
    // An exponent that far out decides alone; the bound keeps the sum below from overflowing.
    const std::int64_t bounded =
        unit->exponent > 10'000 ? 10'000 : (unit->exponent < -10'000 ? -10'000 : unit->exponent);
    nano = Scaled(digits, bounded - fraction + kNanoDigits);
  }
  if (!nano) {
    return absl::InvalidArgumentError(absl::StrCat("the quantity \"", internal::Excerpt(text, 60),
                                                   "\" is too large: it must be below 1e29"));
  }
  Quantity quantity;
  quantity.nano_ = negative ? -*nano : *nano;
  quantity.format_ = format;
  return quantity;
}

Quantity Quantity::FromNano(absl::int128 nano, Format format) {
  Quantity quantity;
  quantity.nano_ = Clamp(nano);
  quantity.format_ = format;
  return quantity;
}

std::int64_t Quantity::Value() const { return RoundedUp(nano_, PowerOfTen(kNanoDigits)); }

std::int64_t Quantity::MilliValue() const { return RoundedUp(nano_, PowerOfTen(kNanoDigits - 3)); }

double Quantity::AsDouble() const { return static_cast<double>(nano_) / 1e9; }

std::string Quantity::ToString() const {
  if (nano_ == 0) return "0";
  const absl::int128 one = PowerOfTen(kNanoDigits);
  if (format_ == Format::kBinarySI && nano_ % one == 0 &&
      (nano_ >= 1024 * one || nano_ <= -1024 * one)) {
    absl::int128 number = nano_ / one;
    absl::string_view suffix;
    for (const Suffix& larger : kBinary) {
      if (number % 1024 != 0) break;
      number /= 1024;
      suffix = larger.text;
    }
    return absl::StrCat(Decimal(number), suffix);
  }
  absl::int128 number = nano_;
  int exponent = -kNanoDigits;
  const bool exponential = format_ == Format::kDecimalExponent;
  while (number % 1000 == 0 && (exponential || exponent < kDecimal.back().exponent)) {
    number /= 1000;
    exponent += 3;
  }
  if (exponential) {
    return exponent == 0 ? Decimal(number) : absl::StrCat(Decimal(number), "e", exponent);
  }
  for (const Suffix& suffix : kDecimal) {
    if (suffix.exponent == exponent) return absl::StrCat(Decimal(number), suffix.text);
  }
  return Decimal(number);
}

Quantity Quantity::operator+(const Quantity& other) const {
  // Two amounts below 10^38 may sum up to more than 127 bits hold, so compare before adding.
  Quantity sum;
  sum.format_ = nano_ == 0 ? other.format_ : format_;
  if (other.nano_ > 0 && nano_ > Limit() - other.nano_) {
    sum.nano_ = Limit();
  } else if (other.nano_ < 0 && nano_ < -Limit() - other.nano_) {
    sum.nano_ = -Limit();
  } else {
    sum.nano_ = nano_ + other.nano_;
  }
  return sum;
}

Quantity Quantity::operator-(const Quantity& other) const {
  Quantity negated = other;
  negated.nano_ = -other.nano_;
  return *this + negated;
}

std::map<std::string, Quantity> QuantitiesOf(const Json& object) {
  std::map<std::string, Quantity> quantities;
  if (!object.is_object()) return quantities;
  for (const auto& [resource, amount] : object.items()) {
    const auto parsed =
        Quantity::Parse(amount.is_string() ? amount.get<std::string>() : amount.dump());
    if (parsed.ok()) quantities.emplace(resource, *parsed);
  }
  return quantities;
}

}  // namespace charon::kubernetes
