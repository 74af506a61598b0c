#include "quantity.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace charon::sandbox {
namespace {

__extension__ using Int128 = __int128;

constexpr Int128 kNano = 1'000'000'000;
// Amounts are capped where the server caps them: at 2^63-1 units.
constexpr Int128 kMaxNano = static_cast<Int128>(INT64_MAX) * kNano;

struct Suffix {
  const char* text;
  int exponent;  // Of 10, or of 1024.
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
    {{"Ki", 1}, {"Mi", 2}, {"Gi", 3}, {"Ti", 4}, {"Pi", 5}, {"Ei", 6}}};

std::string Decimal(Int128 value) {
  if (value == 0) return "0";
  const bool negative = value < 0;
  if (negative) value = -value;
  std::string digits;
  while (value > 0) {
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  }
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

absl::Status Malformed() {
  return absl::InvalidArgumentError(
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

Int128 Clamp(Int128 value) { return std::clamp(value, -kMaxNano, kMaxNano); }

}  // namespace

absl::StatusOr<Quantity> Quantity::Parse(absl::string_view text) {
  if (text.empty()) return Malformed();
  std::size_t i = 0;
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') ++i;
  Int128 mantissa = 0;
  int scale = 0;  // Digits after the point.
  bool digits = false;
  bool point = false;
  for (; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (point) return Malformed();
      point = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) break;
    digits = true;
    if (mantissa < kMaxNano) {
      mantissa = mantissa * 10 + (text[i] - '0');
      if (point) ++scale;
    } else if (!point) {
      --scale;
    }
  }
  if (!digits) return Malformed();
  const absl::string_view suffix = text.substr(i);
  Quantity out;
  Int128 binary = 1;
  int exponent = 0;
  bool known = false;
  for (const Suffix& one : kDecimal) {
    if (suffix == one.text) {
      exponent = one.exponent;
      known = true;
    }
  }
  for (const Suffix& one : kBinary) {
    if (suffix == one.text) {
      binary = static_cast<Int128>(1) << (10 * one.exponent);
      out.format_ = Format::kBinarySuffix;
      known = true;
    }
  }
  if (!known) {
    if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return Malformed();
    int parsed = 0;
    if (!absl::SimpleAtoi(suffix.substr(1), &parsed)) return Malformed();
    exponent = std::clamp(parsed, -60, 60);
    out.format_ = Format::kDecimalExponent;
  }
  // In nano-units; what is smaller is rounded up, as the server does.
  exponent += 9 - scale;
  Int128 nano = std::min(mantissa, kMaxNano);
  nano = nano > kMaxNano / binary ? kMaxNano : nano * binary;
  for (; exponent > 0 && nano != 0; --exponent) {
    if (nano >= kMaxNano / 10) {
      nano = kMaxNano;
      break;
    }
    nano *= 10;
  }
  bool lost = false;
  for (; exponent < 0 && nano != 0; ++exponent) {
    lost = lost || nano % 10 != 0;
    nano /= 10;
  }
  if (lost) ++nano;
  out.nano_ = Clamp(negative ? -nano : nano);
  return out;
}

Quantity Quantity::FromJson(const Json& value) {
  absl::StatusOr<Quantity> parsed =
      Parse(value.is_string() ? value.get_ref<const std::string&>() : Dump(value));
  return parsed.ok() ? *parsed : Quantity();
}

std::string Quantity::ToString() const {
  if (nano_ == 0) return "0";
  const Int128 magnitude = nano_ < 0 ? -nano_ : nano_;
  Format format = format_;
  // Binary suffixes cannot say fractions, and below 1024 they say nothing.
  if (format == Format::kBinarySuffix && (magnitude < 1024 * kNano || magnitude % kNano != 0)) {
    format = Format::kDecimalSuffix;
  }
  if (format == Format::kBinarySuffix) {
    Int128 units = nano_ / kNano;
    int power = 0;
    while (power < 6 && units % 1024 == 0) {
      units /= 1024;
      ++power;
    }
    return absl::StrCat(Decimal(units),
                        power == 0 ? "" : kBinary[static_cast<std::size_t>(power - 1)].text);
  }
  Int128 value = nano_;
  int exponent = -9;
  while (exponent < 18 && value % 1000 == 0) {
    value /= 1000;
    exponent += 3;
  }
  if (format == Format::kDecimalExponent) {
    return exponent == 0 ? Decimal(value) : absl::StrCat(Decimal(value), "e", exponent);
  }
  for (const Suffix& one : kDecimal) {
    if (one.exponent == exponent) return absl::StrCat(Decimal(value), one.text);
  }
  return Decimal(value);
}

Quantity& Quantity::operator+=(const Quantity& other) {
  if (nano_ == 0) format_ = other.format_;
  nano_ = Clamp(nano_ + other.nano_);
  return *this;
}

Quantity& Quantity::operator-=(const Quantity& other) {
  if (nano_ == 0) format_ = other.format_;
  nano_ = Clamp(nano_ - other.nano_);
  return *this;
}

}  // namespace charon::sandbox
