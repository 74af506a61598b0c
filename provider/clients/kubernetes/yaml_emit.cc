// EmitYaml.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/clients/kubernetes/yaml_scalar.h"

namespace charon::kubernetes {
namespace {

// A simple key must fit in 1024 characters (YAML 1.2, section 7.4.2); longer ones take the "? "
// form.
constexpr std::size_t kLongestSimpleKey = 500;
// Deeper than this the rest is written in flow style, which is valid at any depth and not quadratic
// in size.
constexpr std::size_t kDeepestIndent = 100;

// One character of UTF-8: its code point and length; U+FFFD for a byte that begins none.
struct Rune {
  std::uint32_t code;
  std::size_t size;
};
Rune RuneAt(absl::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  constexpr Rune kInvalid = {0xFFFD, 1};
  if (first < 0xC2 || first > 0xF4 || at + size > text.size()) return kInvalid;
  std::uint32_t code = first & (0xFFU >> (size + 1));
  for (std::size_t i = at + 1; i < at + size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return kInvalid;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return kInvalid;
  return {code, size};
}

// What YAML may show as it is: no controls, no other line breaks than \n, no byte order mark, no
// invalid UTF-8.
bool IsPrintable(absl::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Rune rune = RuneAt(text, at);
    if (rune.code < 0x20 || (rune.code >= 0x7F && rune.code < 0xA0) || rune.code == 0x2028 ||
        rune.code == 0x2029 || rune.code == 0xFEFF || rune.code == 0xFFFD ||
        (rune.code & 0xFFFEU) == 0xFFFE) {
      return false;
    }
    at += rune.size;
  }
  return true;
}

// Text that needs no quotes, in any YAML reader: begins with a letter, a digit, /, _ or $, contains
// nothing that ends a plain scalar, and does not look like another type.
bool IsPlain(const std::string& text) {
  if (text.empty() || text.size() > 2000 || text.back() == ' ' || text.back() == ':') return false;
  const auto first = static_cast<unsigned char>(text[0]);
  if (!absl::ascii_isalnum(first) && first < 0x80 && first != '/' && first != '_' && first != '$') {
    return false;
  }
  if (absl::StrContains(text, ": ") || absl::StrContains(text, " #")) return false;
  // In flow style, and for readers that are strict about it.
  if (text.find_first_of(",[]{}\"") != std::string::npos) return false;
  if (!IsPrintable(text)) return false;
  if (absl::ascii_isdigit(first)) {
    // Numbers, dates, times, sexagesimals: whatever some version of YAML may see in it.
    if (text.find_first_not_of("0123456789+-:._eExXoObBaAcCdDfFtTzZ ") == std::string::npos) {
      return false;
    }
  }
  constexpr std::array<absl::string_view, 11> kWords = {"y",    "n",     "yes",  "no",  "on", "off",
                                                        "true", "false", "null", "nan", "inf"};
  const std::string lower = absl::AsciiStrToLower(text);
  for (const absl::string_view word : kWords) {
    if (lower == word) return false;
  }
  return true;
}

void AppendQuoted(absl::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (std::size_t at = 0; at < text.size();) {
    const Rune rune = RuneAt(text, at);
    const absl::string_view bytes = text.substr(at, rune.size);
    at += rune.size;
    if (rune.code == '"' || rune.code == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(rune.code));
    } else if (rune.code == '\n') {
      out.append("\\n");
    } else if (rune.code == '\t') {
      out.append("\\t");
    } else if (rune.code == '\r') {
      out.append("\\r");
    } else if (rune.code == 0xFFFD) {
      out.append("\xEF\xBF\xBD");
    } else if (IsPrintable(bytes)) {
      out.append(bytes.data(), bytes.size());
    } else if (rune.code <= 0xFFFF) {
      out.append("\\u");
      for (int shift = 12; shift >= 0; shift -= 4) {
        out.push_back(kHex[(rune.code >> static_cast<unsigned>(shift)) & 0xFU]);
      }
    } else {
      out.append("\\U");
      for (int shift = 28; shift >= 0; shift -= 4) {
        out.push_back(kHex[(rune.code >> static_cast<unsigned>(shift)) & 0xFU]);
      }
    }
  }
  out.push_back('"');
}

// Text of several lines that a literal block (|) can hold without an indentation indicator.
bool IsBlock(absl::string_view text) {
  if (!absl::StrContains(text, '\n') || absl::EndsWith(text, "\n\n") || text == "\n") return false;
  if (text[0] == ' ' || text[0] == '\n' || text[0] == '\t') return false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    // Lines of only blanks are easily lost in editors, and read differently by different readers.
    if (!line.empty() && line.find_first_not_of(" \t") == absl::string_view::npos) return false;
    std::string shown(line);
    std::replace(shown.begin(), shown.end(), '\t', ' ');
    if (!IsPrintable(shown)) return false;
  }
  return true;
}

class Emitter {
 public:
  std::string Emit(const Json& value) {
    if (value.is_structured() && !value.empty()) {
      Block(value, 0, /*inline_first=*/true);
    } else {
      Scalar(value, 0);
      out_.push_back('\n');
    }
    return std::move(out_);
  }

 private:
  void Indent(std::size_t depth) { out_.append(2 * depth, ' '); }

  void Text(const std::string& text) {
    if (IsPlain(text)) {
      out_.append(text);
    } else {
      AppendQuoted(text, out_);
    }
  }

  // A scalar or an empty map or list, without the line feed; `depth` is that of the lines of a
  // block.
  void Scalar(const Json& value, std::size_t depth) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      if (depth == 0 || !IsBlock(text)) return Text(text);
      const bool ends = text.back() == '\n';
      out_.append(ends ? "|" : "|-");
      for (const absl::string_view line :
           absl::StrSplit(absl::string_view(text).substr(0, text.size() - (ends ? 1 : 0)), '\n')) {
        out_.push_back('\n');
        if (line.empty()) continue;
        Indent(depth);
        out_.append(line.data(), line.size());
      }
      return;
    }
    if (value.is_object()) return void(out_.append("{}"));
    if (value.is_array()) return void(out_.append("[]"));
    if (value.is_binary() || value.is_discarded()) return void(out_.append("null"));
    std::string number = value.dump();
    // YAML 1.1 wants a point in every float: 1e-07 is text to readers that are strict about it.
    const std::size_t exponent = number.find('e');
    if (value.is_number_float() && exponent != std::string::npos &&
        !absl::StrContains(number, '.')) {
      number.insert(exponent, ".0");
    }
    out_.append(number);
  }

  void Flow(const Json& value) {
    if (!value.is_structured()) return Scalar(value, 0);
    out_.push_back(value.is_object() ? '{' : '[');
    bool first = true;
    for (auto entry = value.begin(); entry != value.end(); ++entry) {
      if (!first) out_.append(", ");
      first = false;
      if (value.is_object()) {
        if (entry.key().size() > kLongestSimpleKey) out_.append("? ");
        AppendQuoted(entry.key(), out_);
        out_.append(": ");
      }
      Flow(*entry);
    }
    out_.push_back(value.is_object() ? '}' : ']');
  }

  // A non-empty map or list. `inline_first`: the first line is already indented.
  void Block(const Json& value, std::size_t depth, bool inline_first) {
    if (value.is_array()) {
      for (const Json& item : value) {
        if (!inline_first) Indent(depth);
        inline_first = false;
        out_.append("- ");
        if (item.is_structured() && !item.empty() && depth < kDeepestIndent) {
          Block(item, depth + 1, /*inline_first=*/true);
        } else {
          Leaf(item, depth + 1);
        }
      }
      return;
    }
    for (const auto* field : InOrder(value)) {
      if (!inline_first) Indent(depth);
      inline_first = false;
      if (field->first.size() > kLongestSimpleKey) {
        out_.append("? ");
        AppendQuoted(field->first, out_);
        out_.push_back('\n');
        Indent(depth);
      } else {
        Text(field->first);
      }
      out_.push_back(':');
      const Json& item = field->second;
      if (item.is_structured() && !item.empty() && depth < kDeepestIndent) {
        out_.push_back('\n');
        // As kubectl writes it: the items of a list stand below the first letter of its name.
        Block(item, item.is_array() ? depth : depth + 1, /*inline_first=*/false);
      } else {
        out_.push_back(' ');
        Leaf(item, depth + 1);
      }
    }
  }

  void Leaf(const Json& value, std::size_t depth) {
    if (value.is_structured() && !value.empty()) {
      Flow(value);
    } else {
      Scalar(value, depth);
    }
    out_.push_back('\n');
  }

  static std::vector<const Json::object_t::value_type*> InOrder(const Json& map) {
    const auto& fields = map.get_ref<const Json::object_t&>();
    std::vector<const Json::object_t::value_type*> order;
    order.reserve(fields.size());
    const bool is_object = fields.count("apiVersion") != 0 && fields.count("kind") != 0;
    constexpr std::array<std::string_view, 3> kFirst = {"apiVersion", "kind", "metadata"};
    if (is_object) {
      for (const std::string_view name : kFirst) {
        const auto found = fields.find(name);
        if (found != fields.end()) order.push_back(&*found);
      }
    }
    for (const auto& field : fields) {
      const bool written =
          is_object && std::find(kFirst.begin(), kFirst.end(), field.first) != kFirst.end();
      if (!written) order.push_back(&field);
    }
    return order;
  }

  std::string out_;
};

}  // namespace

std::string EmitYaml(const Json& value) { return Emitter().Emit(value); }

}  // namespace charon::kubernetes
