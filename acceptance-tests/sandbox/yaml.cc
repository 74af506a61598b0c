#include "yaml.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "status.h"

namespace charon::sandbox {
namespace {

// Aliases are expanded, so a small text can become a large value: the whole is limited.
constexpr int kMaxNodes = 500'000;

bool OneOf(absl::string_view text, std::initializer_list<absl::string_view> words) {
  for (const absl::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

Json Resolve(const std::string& text) {
  if (OneOf(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (OneOf(text, {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})) {
    return true;
  }
  if (OneOf(text, {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"})) {
    return false;
  }
  const char first = text[0];
  if (!absl::ascii_isdigit(static_cast<unsigned char>(first)) && first != '-' && first != '+' &&
      first != '.') {
    return text;
  }
  std::string plain = absl::StrReplaceAll(text, {{"_", ""}});
  absl::string_view digits = plain;
  const bool negative = absl::ConsumePrefix(&digits, "-");
  if (!negative) absl::ConsumePrefix(&digits, "+");
  int base = 10;
  if (absl::StartsWith(digits, "0x") || absl::StartsWith(digits, "0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (absl::StartsWith(digits, "0b")) {
    base = 2;
    digits.remove_prefix(2);
  } else if (absl::StartsWith(digits, "0o")) {
    base = 8;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  std::int64_t whole = 0;
  if (!digits.empty() && absl::ascii_isalnum(static_cast<unsigned char>(digits[0])) &&
      absl::numbers_internal::safe_strto64_base(digits, &whole, base)) {
    return negative ? -whole : whole;
  }
  bool number = digits.find_first_of("0123456789") != absl::string_view::npos;
  for (const char c : digits) {
    number = number && (absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
                        OneOf(absl::string_view(&c, 1), {".", "e", "E", "+", "-"}));
  }
  double real = 0;
  if (number && absl::SimpleAtod(plain, &real) && std::isfinite(real)) {
    // What has no fraction is written as an integer on its way through JSON.
    if (std::trunc(real) == real && std::abs(real) < 9e15) return static_cast<std::int64_t>(real);
    return real;
  }
  return text;
}

class Converter {
 public:
  explicit Converter(ParsedDocument& out) : out_(out) {}

  absl::Status Convert(const YAML::Node& node, const std::string& path, int depth, Json& into) {
    if (++nodes_ > kMaxNodes) return absl::InvalidArgumentError("yaml: document is too large");
    if (depth > kMaxNesting) return absl::InvalidArgumentError("yaml: exceeded max depth");
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        into = nullptr;
        return absl::OkStatus();
      case YAML::NodeType::Scalar:
        into = Scalar(node);
        return absl::OkStatus();
      case YAML::NodeType::Sequence: {
        into = Json::array();
        int index = 0;
        for (const YAML::Node& item : node) {
          Json value;
          SANDBOX_RETURN_IF_ERROR(
              Convert(item, absl::StrCat(path, "[", index++, "]"), depth + 1, value));
          into.push_back(std::move(value));
        }
        return absl::OkStatus();
      }
      case YAML::NodeType::Map:
        return ConvertMap(node, path, depth, into);
    }
    return absl::OkStatus();
  }

 private:
  static Json Scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (tag == "!" || tag == "tag:yaml.org,2002:str" || tag == "tag:yaml.org,2002:binary") {
      return node.Scalar();
    }
    return Resolve(node.Scalar());
  }

  absl::Status ConvertMap(const YAML::Node& node, const std::string& path, int depth, Json& into) {
    into = Json::object();
    Json merged = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        return absl::InvalidArgumentError("yaml: invalid map key");
      }
      // Keys become text the way Go prints them: true, 1, 1.5.
      const Json resolved = Scalar(entry.first);
      const std::string key = resolved.is_null() ? "null" : GoValue(resolved);
      const std::string at = path.empty() ? key : absl::StrCat(path, ".", key);
      if (key == "<<" && entry.first.Tag() != "!") {
        SANDBOX_RETURN_IF_ERROR(Merge(entry.second, path, depth, merged));
        continue;
      }
      if (into.contains(key)) out_.duplicates.push_back(at);
      SANDBOX_RETURN_IF_ERROR(Convert(entry.second, at, depth + 1, into[key]));
    }
    for (auto& [key, value] : merged.items()) {
      if (!into.contains(key)) into[key] = std::move(value);
    }
    return absl::OkStatus();
  }

  // A merge key: what it brings yields to the map's own keys, earlier maps to nobody.
  absl::Status Merge(const YAML::Node& node, const std::string& path, int depth, Json& merged) {
    if (node.IsSequence()) {
      for (const YAML::Node& item : node) {
        SANDBOX_RETURN_IF_ERROR(Merge(item, path, depth + 1, merged));
      }
      return absl::OkStatus();
    }
    if (!node.IsMap()) {
      return absl::InvalidArgumentError(
          "yaml: map merge requires map or sequence of maps as the value");
    }
    Json value;
    SANDBOX_RETURN_IF_ERROR(Convert(node, path, depth + 1, value));
    for (auto& [key, member] : value.items()) {
      if (!merged.contains(key)) merged[key] = std::move(member);
    }
    return absl::OkStatus();
  }

  ParsedDocument& out_;
  int nodes_ = 0;
};

void Emit(const Json& value, YAML::Emitter& out) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, member] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      Emit(member, out);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const Json& item : value) Emit(item, out);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (!Resolve(text).is_string()) out << YAML::DoubleQuoted;
    out << text;
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << Dump(value);
  }
}

}  // namespace

absl::StatusOr<ParsedDocument> ParseYaml(absl::string_view text) {
  const absl::string_view stripped = absl::StripLeadingAsciiWhitespace(text);
  if (!stripped.empty() && stripped.front() == '{') {
    if (absl::StatusOr<ParsedDocument> json = ParseJson(text); json.ok()) return json;
  }
  ParsedDocument out;
  // yaml-cpp reports errors by throwing; this is the only place that calls its parser.
  try {
    const YAML::Node node = YAML::Load(std::string(text));
    SANDBOX_RETURN_IF_ERROR(Converter(out).Convert(node, "", 0, out.value));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        "yaml: ", error.mark.is_null() ? "" : absl::StrCat("line ", error.mark.line + 1, ": "),
        error.msg));
  }
  return out;
}

std::string ToYaml(const Json& value) {
  YAML::Emitter out;
  Emit(value, out);
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace charon::sandbox
