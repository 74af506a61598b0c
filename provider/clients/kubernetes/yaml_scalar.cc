#include "provider/clients/kubernetes/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes::internal {
namespace {

// The rules are those of go.yaml.in/yaml/v2 2.4.3 (resolve.go), which sigs.k8s.io/yaml 1.6.0 uses.

constexpr absl::string_view kTagPrefix = "tag:yaml.org,2002:";

std::optional<Json> Word(absl::string_view text) {
  // All words have at most five letters and are written yes, Yes or YES.
  if (text.size() > 5) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(text);
  const std::string upper = absl::AsciiStrToUpper(text);
  const bool capital = !text.empty() && text[0] == upper[0] && text.substr(1) == lower.substr(1);
  if (text != lower && text != upper && !capital) return std::nullopt;
  for (const char* word : {"y", "yes", "true", "on"}) {
    if (lower == word) return Json(true);
  }
  for (const char* word : {"n", "no", "false", "off"}) {
    if (lower == word) return Json(false);
  }
  if (lower.empty() || lower == "~" || lower == "null") return Json();
  return std::nullopt;
}

bool IsNotFinite(absl::string_view text) {
  for (const char* word : {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf",
                           "+.INF", "-.inf", "-.Inf", "-.INF"}) {
    if (text == word) return true;
  }
  return false;
}

// An integer with its prefix (0x, 0o, 0b, or 0 for octal), as Go's strconv.ParseInt with base 0.
std::optional<Json> Integer(absl::string_view text) {
  const bool negative = absl::StartsWith(text, "-");
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = absl::ascii_tolower(text[1]);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  }
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || rest != end || text.empty()) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!negative) {
    return number <= kMost ? Json(static_cast<std::int64_t>(number)) : Json(number);
  }
  if (number > kMost + 1) return std::nullopt;
  return Json(static_cast<std::int64_t>(0 - number));
}

// ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$
bool IsFloat(absl::string_view text) {
  const auto digits = [&text] {
    const std::size_t before = text.size();
    while (!text.empty() && absl::ascii_isdigit(text[0])) text.remove_prefix(1);
    return before - text.size();
  };
  const auto sign = [&text] {
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  };
  sign();
  std::size_t mantissa = digits();
  if (absl::ConsumePrefix(&text, ".")) mantissa += digits();
  if (mantissa == 0) return false;
  if (text.empty()) return true;
  if (!absl::ConsumePrefix(&text, "e") && !absl::ConsumePrefix(&text, "E")) return false;
  sign();
  return digits() > 0 && text.empty();
}

std::optional<Json> Float(absl::string_view text) {
  double value = 0;
  if (!IsFloat(text) || !absl::SimpleAtod(text, &value)) return std::nullopt;
  if (!std::isfinite(value))
    return std::nullopt;  // too large: Go reports a range error, so it is text
  return Json(value);
}

// `text` without its underscores; as it is, if one is not between two digits.
std::string WithoutSeparators(const std::string& text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits.push_back(text[i]);
    } else if (i == 0 || i + 1 == text.size() || !absl::ascii_isdigit(text[i - 1]) ||
               !absl::ascii_isdigit(text[i + 1])) {
      return text;
    }
  }
  return digits;
}

// The value of a plain scalar: text, if it is nothing else. Floats are floats here.
absl::StatusOr<Json> Resolve(const std::string& text) {
  if (text.empty()) return Json();
  const char first = text[0];
  if (absl::string_view("yYnNtTfFoO~").find(first) != absl::string_view::npos) {
    return Word(text).value_or(Json(text));
  }
  if (first != '.' && first != '+' && first != '-' && !absl::ascii_isdigit(first))
    return Json(text);
  if (IsNotFinite(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        text,
        " is a number that JSON, and so Kubernetes, does not have; quote it if text is meant"));
  }
  if (first == '.') return Float(WithoutSeparators(text)).value_or(Json(text));
  std::string digits = text;
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  if (std::optional<Json> number = Integer(digits)) return *number;
  return Float(digits).value_or(Json(text));
}

absl::Status WrongTag(absl::string_view tag, absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Excerpt(text, 60), "\" does not fit its tag !!", tag));
}

// As ScalarValue, but floats without a fraction are still floats.
absl::StatusOr<Json> TaggedValue(absl::string_view tag, const std::string& text) {
  if (tag == "?") return Resolve(text);
  if (tag == "!" || !absl::ConsumePrefix(&tag, kTagPrefix)) return Json(text);
  if (tag == "binary") {
    std::string bytes;
    if (!absl::Base64Unescape(text, &bytes)) return WrongTag(tag, text);
    return Json(bytes);
  }
  const bool is_null = tag == "null";
  const bool is_bool = tag == "bool";
  const bool is_int = tag == "int";
  const bool is_float = tag == "float";
  if (!is_null && !is_bool && !is_int && !is_float) return Json(text);
  CHARON_ASSIGN_OR_RETURN(Json value, Resolve(text));
  const bool fits = is_null   ? value.is_null()
                    : is_bool ? value.is_boolean()
                    : is_int  ? value.is_number_integer()
                              : value.is_number();
  if (!fits) return WrongTag(tag, text);
  return value;
}

}  // namespace

Json FloatValue(double value) {
  // json.Marshal writes a float without a fraction and below 1e21 as an integer, and the API server
  // reads it as one if it fits. Its digits are the shortest that give the float back, filled up
  // with zeros.
  if (std::trunc(value) != value || std::fabs(value) >= 1e19) return Json(value);
  if (std::fabs(value) < 9007199254740992.0) return Json(static_cast<std::int64_t>(value));  // 2^53
  std::array<char, 64> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  absl::string_view rest(text.data(), static_cast<std::size_t>(end - text.data()));
  std::string digits;
  for (; !rest.empty() && rest[0] != 'e'; rest.remove_prefix(1)) {
    if (rest[0] != '.') digits.push_back(rest[0]);
  }
  std::size_t exponent = 0;
  if (!absl::SimpleAtoi(rest.substr(2), &exponent)) return Json(value);  // "e+18"
  digits.resize(exponent + 1 + (value < 0 ? 1 : 0), '0');
  std::int64_t number = 0;
  return absl::SimpleAtoi(digits, &number) ? Json(number) : Json(value);
}

absl::StatusOr<Json> ScalarValue(absl::string_view tag, const std::string& text) {
  CHARON_ASSIGN_OR_RETURN(Json value, TaggedValue(tag, text));
  if (value.is_number_float()) return FloatValue(value.get<double>());
  return value;
}

absl::StatusOr<std::string> ScalarKey(absl::string_view tag, const std::string& text) {
  CHARON_ASSIGN_OR_RETURN(const Json value, TaggedValue(tag, text));
  return ScalarKey(value);
}

absl::StatusOr<std::string> ScalarKey(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_null()) {
    return absl::InvalidArgumentError("a map key is missing (null); quote it if text is meant");
  }
  if (!value.is_number_float()) return value.dump();
  // Go's FormatFloat(value, 'g', -1, 32): shortest for a 32-bit float, with an exponent outside
  // [-4, 6).
  const auto number = static_cast<float>(value.get<double>());
  std::array<char, 64> text;
  const float size = std::fabs(number);
  const auto format = size != 0 && (size < 1e-4F || size >= 1e6F) ? std::chars_format::scientific
                                                                  : std::chars_format::fixed;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, format);
  return std::string(text.data(), end);
}

}  // namespace charon::kubernetes::internal
