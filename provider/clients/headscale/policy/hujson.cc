#include "provider/clients/headscale/policy/hujson.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "provider/base/status.h"

namespace charon::headscale::policy {
namespace {

using Kind = HuJson::Kind;

// The length of the UTF-8 sequence at the start of `text`; 0 if it is none (RFC 3629: overlong
// forms and surrogates are none).
std::size_t SequenceLength(absl::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  if (text.empty()) return 0;
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    return first == 0xED && byte(1) > 0x9F ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    return first == 0xF4 && byte(1) > 0x8F ? 0 : 4;
  }
  return 0;
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Whether `text` is a number of RFC 8259.
bool IsNumber(absl::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i - from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const std::size_t whole = i;
  const std::size_t count = digits();
  if (count == 0 || (count > 1 && text[whole] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<HuJson> Parse() {
    if (text_.size() > kMaxHuJsonBytes) {
      return Fail(here_,
                  absl::StrCat("the text has ", text_.size(),
                               " bytes; a server takes no more than ", kMaxHuJsonBytes),
                  "Take out what is no longer needed.");
    }
    if (absl::StartsWith(text_, "\xEF\xBB\xBF")) {
      return Fail(here_, "the text starts with a byte order mark, which servers refuse",
                  "Save the file without it.");
    }
    HuJson document;
    CHARON_RETURN_IF_ERROR(SkipSpace());
    if (AtEnd())
      return Fail(here_, "the text has no value", "Write an object, such as {\"acls\": []}.");
    CHARON_RETURN_IF_ERROR(Value(0, document));
    CHARON_RETURN_IF_ERROR(SkipSpace());
    if (!AtEnd())
      return Fail(here_, absl::StrCat(Seen(), " stands after the end of the document"),
                  "Remove what follows the last bracket.");
    return document;
  }

 private:
  bool AtEnd() const { return next_ == text_.size(); }
  char Peek() const { return text_[next_]; }

  // REQUIRES: a valid sequence of `length` bytes comes next.
  void Advance(std::size_t length) {
    if (text_[next_] == '\n') {
      ++here_.line;
      here_.column = 1;
    } else {
      ++here_.column;
    }
    next_ += length;
  }

  absl::Status Fail(Position at, absl::string_view what, absl::string_view remedy) const {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat(at.ToString(), ": ", what)), remedy);
  }
  absl::Status FailUtf8() const {
    return Fail(here_, "the text is not valid UTF-8", "Save the file as UTF-8.");
  }

  // What comes next, for a message.
  std::string Seen() const {
    if (AtEnd()) return "the end of the text";
    const std::size_t length = SequenceLength(text_.substr(next_));
    const auto byte = static_cast<unsigned char>(Peek());
    if (length == 0 || byte < 0x20 || byte == 0x7F) return absl::StrFormat("byte 0x%02x", byte);
    return absl::StrCat("`", text_.substr(next_, length), "`");
  }

  absl::Status SkipSpace() {
    while (!AtEnd()) {
      const char c = Peek();
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        Advance(1);
      } else if (absl::StartsWith(text_.substr(next_), "//")) {
        CHARON_RETURN_IF_ERROR(SkipComment("\n", here_));
      } else if (absl::StartsWith(text_.substr(next_), "/*")) {
        const Position start = here_;
        Advance(1);
        Advance(1);
        CHARON_RETURN_IF_ERROR(SkipComment("*/", start));
      } else {
        break;
      }
    }
    return absl::OkStatus();
  }

  // Up to and with `end`; a line comment may also end with the text.
  absl::Status SkipComment(absl::string_view end, Position start) {
    while (!AtEnd()) {
      if (absl::StartsWith(text_.substr(next_), end)) {
        for (std::size_t i = 0; i < end.size(); ++i) Advance(1);
        return absl::OkStatus();
      }
      const std::size_t length = SequenceLength(text_.substr(next_));
      if (length == 0) return FailUtf8();
      Advance(length);
    }
    if (end == "\n") return absl::OkStatus();
    return Fail(start, "the comment does not end", "Close it with */.");
  }

  absl::Status Value(int depth, HuJson& value) {
    value.at = here_;
    if (AtEnd())
      return Fail(here_, "a value is missing at the end of the text", "Is a bracket not closed?");
    if ((Peek() == '{' || Peek() == '[') && depth >= kMaxHuJsonDepth) {
      return Fail(here_,
                  absl::StrCat("brackets are nested deeper than ", kMaxHuJsonDepth, " levels"),
                  "No policy needs that.");
    }
    switch (Peek()) {
      case '{':
        return Object(depth, value);
      case '[':
        return Array(depth, value);
      case '"':
        value.kind = Kind::kString;
        return String(value.text);
      default:
        return Literal(value);
    }
  }

  absl::Status Object(int depth, HuJson& object) {
    object.kind = Kind::kObject;
    Advance(1);
    while (true) {
      CHARON_RETURN_IF_ERROR(SkipSpace());
      if (!AtEnd() && Peek() == '}') break;
      if (AtEnd()) return NotClosed(object, '}');
      HuJson::Member member;
      member.at = here_;
      if (Peek() != '"') {
        return Fail(here_, absl::StrCat("a name in double quotes or } is expected, not ", Seen()),
                    "Names of members stand in double quotes: {\"acls\": []}.");
      }
      CHARON_RETURN_IF_ERROR(String(member.name));
      CHARON_RETURN_IF_ERROR(SkipSpace());
      if (AtEnd() || Peek() != ':') {
        return Fail(here_,
                    absl::StrCat("a colon is expected after the name ", QuoteJson(member.name),
                                 ", not ", Seen()),
                    "Write \"name\": value.");
      }
      Advance(1);
      CHARON_RETURN_IF_ERROR(SkipSpace());
      CHARON_RETURN_IF_ERROR(Value(depth + 1, member.value));
      object.members.push_back(std::move(member));
      CHARON_RETURN_IF_ERROR(SkipSpace());
      if (AtEnd()) return NotClosed(object, '}');
      if (Peek() == '}') break;
      if (Peek() != ',') return NoComma('}');
      Advance(1);
    }
    Advance(1);
    return absl::OkStatus();
  }

  absl::Status Array(int depth, HuJson& array) {
    array.kind = Kind::kArray;
    Advance(1);
    while (true) {
      CHARON_RETURN_IF_ERROR(SkipSpace());
      if (AtEnd()) return NotClosed(array, ']');
      if (Peek() == ']') break;
      CHARON_RETURN_IF_ERROR(Value(depth + 1, array.items.emplace_back()));
      CHARON_RETURN_IF_ERROR(SkipSpace());
      if (AtEnd()) return NotClosed(array, ']');
      if (Peek() == ']') break;
      if (Peek() != ',') return NoComma(']');
      Advance(1);
    }
    Advance(1);
    return absl::OkStatus();
  }

  absl::Status NotClosed(const HuJson& open, char end) const {
    return Fail(open.at, absl::StrCat("the bracket that opens here is not closed"),
                absl::StrCat("Add ", std::string(1, end), " where it ends."));
  }
  absl::Status NoComma(char end) const {
    return Fail(here_,
                absl::StrCat("a comma or ", std::string(1, end), " is expected, not ", Seen()),
                "Is a comma missing before it?");
  }

  absl::Status String(std::string& out) {
    const Position start = here_;
    Advance(1);
    while (true) {
      if (AtEnd()) return Fail(start, "the string does not end", "Close it with a double quote.");
      const char c = Peek();
      if (c == '"') break;
      if (c == '\n')
        return Fail(start, "the string does not end in its line",
                    "Close it with a double quote; a line break in a string is \\n.");
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fail(here_, absl::StrCat("a string must not hold ", Seen(), " as it is"),
                    "Write it as an escape: \\t, or \\u and four hexadecimal digits.");
      }
      if (c == '\\') {
        CHARON_RETURN_IF_ERROR(Escape(out));
        continue;
      }
      const std::size_t length = SequenceLength(text_.substr(next_));
      if (length == 0) return FailUtf8();
      absl::StrAppend(&out, text_.substr(next_, length));
      Advance(length);
    }
    Advance(1);
    return absl::OkStatus();
  }

  // Four hexadecimal digits at `from`.
  std::optional<std::uint32_t> Hex4(std::size_t from) const {
    if (from + 4 > text_.size()) return std::nullopt;
    std::uint32_t code = 0;
    for (const char c : text_.substr(from, 4)) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
      const int digit = IsDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  absl::Status Escape(std::string& out) {
    const Position start = here_;
    const char kind = next_ + 1 < text_.size() ? text_[next_ + 1] : '\0';
    constexpr absl::string_view kShort = "\"\\/bfnrt", kMeaning = "\"\\/\b\f\n\r\t";
    if (const std::size_t i = kShort.find(kind); kind != '\0' && i != absl::string_view::npos) {
      out.push_back(kMeaning[i]);
      Advance(1);
      Advance(1);
      return absl::OkStatus();
    }
    const std::optional<std::uint32_t> code = kind == 'u' ? Hex4(next_ + 2) : std::nullopt;
    if (!code)
      return Fail(
          start, "the escape is none of JSON's",
          "There are \\\" \\\\ \\/ \\b \\f \\n \\r \\t, and \\u with four hexadecimal digits.");
    for (int i = 0; i < 6; ++i) Advance(1);
    std::uint32_t full = *code;
    if (full >= 0xD800 && full <= 0xDFFF) {
      // A pair is one character; half of one becomes U+FFFD, as in Go.
      const bool high = full < 0xDC00 && absl::StartsWith(text_.substr(next_), "\\u");
      const std::optional<std::uint32_t> low = high ? Hex4(next_ + 2) : std::nullopt;
      if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
        full = 0x10000 + ((full - 0xD800) << 10) + (*low - 0xDC00);
        for (int i = 0; i < 6; ++i) Advance(1);
      } else {
        full = 0xFFFD;
      }
    }
    AppendUtf8(full, out);
    return absl::OkStatus();
  }

  absl::Status Literal(HuJson& value) {
    const Position start = here_;
    std::string word;
    while (!AtEnd()) {
      const char c = Peek();
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '+' && c != '.' &&
          c != '_')
        break;
      word.push_back(c);
      Advance(1);
    }
    if (word == "null") return absl::OkStatus();
    if (word == "true" || word == "false") {
      value.kind = Kind::kBool;
      value.boolean = word == "true";
      return absl::OkStatus();
    }
    if (IsNumber(word)) {
      value.kind = Kind::kNumber;
      value.text = std::move(word);
      return absl::OkStatus();
    }
    if (word.empty()) {
      if (!AtEnd() && SequenceLength(text_.substr(next_)) == 0) return FailUtf8();
      const bool quote = !AtEnd() && Peek() == '\'';
      return Fail(start, absl::StrCat("a value is expected, not ", Seen()),
                  quote ? "Strings stand in double quotes."
                        : "A value is an object, an array, a string in double quotes, a number, "
                          "true, false or null.");
    }
    return Fail(start, absl::StrCat("\"", word.substr(0, 40), "\" is no value"),
                "Strings stand in double quotes.");
  }

  absl::string_view text_;
  std::size_t next_ = 0;
  Position here_;
};

// The number's one spelling: "-1.5", "12000", "3e+40". Digits are kept, however many.
std::string NormalNumber(absl::string_view text) {
  const bool negative = absl::StartsWith(text, "-");
  if (negative) text.remove_prefix(1);
  const std::size_t e = std::min(text.find('e'), text.find('E'));
  std::int64_t exponent = 0;
  absl::string_view power = e == absl::string_view::npos ? "0" : text.substr(e + 1);
  if (absl::StartsWith(power, "+")) power.remove_prefix(1);
  // An exponent beyond any use stays as it is written.
  if (!absl::SimpleAtoi(power, &exponent) || exponent > 1000000000 || exponent < -1000000000) {
    return absl::StrCat(negative ? "-" : "", text);
  }
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c != '.') digits.push_back(c);
  }
  const std::size_t point = text.substr(0, e).find('.');
  if (point != absl::string_view::npos)
    exponent -= static_cast<std::int64_t>(text.substr(0, e).size() - point - 1);
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  digits.erase(0, first);
  while (digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  // The value is digits * 10^exponent, and digits have no zero at either end.
  const auto size = static_cast<std::int64_t>(digits.size());
  std::string out;
  if (exponent >= 0 && size + exponent <= 21) {
    out = digits + std::string(static_cast<std::size_t>(exponent), '0');
  } else if (exponent < 0 && -exponent < size) {
    out = digits;
    out.insert(static_cast<std::size_t>(size + exponent), ".");
  } else if (exponent < 0 && -exponent - size <= 6) {
    out = absl::StrCat("0.", std::string(static_cast<std::size_t>(-exponent - size), '0'), digits);
  } else {
    const std::int64_t scientific = exponent + size - 1;
    out = digits.substr(0, 1);
    if (digits.size() > 1) absl::StrAppend(&out, ".", digits.substr(1));
    absl::StrAppend(&out, scientific < 0 ? "e" : "e+", scientific);
  }
  return absl::StrCat(negative ? "-" : "", out);
}

// Members by name, the last of each.
std::map<std::string, const HuJson*> ByName(const HuJson& object) {
  std::map<std::string, const HuJson*> members;
  for (const HuJson::Member& member : object.members) members[member.name] = &member.value;
  return members;
}

void AppendNormal(const HuJson& value, const std::string& indent, std::string& out) {
  const std::string inner = indent + "  ";
  switch (value.kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kBool:
      out += value.boolean ? "true" : "false";
      return;
    case Kind::kNumber:
      out += NormalNumber(value.text);
      return;
    case Kind::kString:
      out += QuoteJson(value.text);
      return;
    case Kind::kArray: {
      absl::string_view separator = "[\n";
      for (const HuJson& item : value.items) {
        absl::StrAppend(&out, separator, inner);
        AppendNormal(item, inner, out);
        separator = ",\n";
      }
      absl::StrAppend(&out, value.items.empty() ? "[]" : absl::StrCat("\n", indent, "]"));
      return;
    }
    case Kind::kObject: {
      absl::string_view separator = "{\n";
      for (const auto& [name, member] : ByName(value)) {
        absl::StrAppend(&out, separator, inner, QuoteJson(name), ": ");
        AppendNormal(*member, inner, out);
        separator = ",\n";
      }
      absl::StrAppend(&out, value.members.empty() ? "{}" : absl::StrCat("\n", indent, "}"));
      return;
    }
  }
}

}  // namespace

std::string Position::ToString() const { return absl::StrCat("line ", line, ", column ", column); }

const HuJson* HuJson::Find(absl::string_view name) const {
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    if (member->name == name) return &member->value;
  }
  return nullptr;
}

absl::string_view KindName(HuJson::Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "true or false";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

absl::StatusOr<HuJson> ParseHuJson(absl::string_view text) { return Parser(text).Parse(); }

absl::Status CheckNoDuplicates(const HuJson& document) {
  std::map<std::string, Position> seen;
  for (const HuJson::Member& member : document.members) {
    const auto [entry, added] = seen.emplace(member.name, member.at);
    if (!added) {
      return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                            member.at.ToString(), ": ", QuoteJson(member.name),
                            " stands a second time in its object; the first one is at ",
                            entry->second.ToString())),
                        "Join the two, or remove one: a server takes one of them and forgets the "
                        "other, or refuses both.");
    }
    CHARON_RETURN_IF_ERROR(CheckNoDuplicates(member.value));
  }
  for (const HuJson& item : document.items) CHARON_RETURN_IF_ERROR(CheckNoDuplicates(item));
  return absl::OkStatus();
}

std::string NormalHuJson(const HuJson& document) {
  std::string out;
  AppendNormal(document, "", out);
  return out;
}

bool SameHuJson(const HuJson& a, const HuJson& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.boolean == b.boolean;
    case Kind::kNumber:
      return NormalNumber(a.text) == NormalNumber(b.text);
    case Kind::kString:
      return a.text == b.text;
    case Kind::kArray:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), SameHuJson);
    case Kind::kObject: {
      const auto same = [](const auto& x, const auto& y) {
        return x.first == y.first && SameHuJson(*x.second, *y.second);
      };
      const auto left = ByName(a), right = ByName(b);
      return std::equal(left.begin(), left.end(), right.begin(), right.end(), same);
    }
  }
  return false;
}

bool SameHuJsonText(absl::string_view a, absl::string_view b) {
  if (a == b) return true;
  const absl::StatusOr<HuJson> left = ParseHuJson(a), right = ParseHuJson(b);
  return left.ok() && right.ok() && SameHuJson(*left, *right);
}

std::string ForServer(absl::string_view text) {
  // An unfinished comment is the only thing that a line break at the end can matter to.
  return absl::EndsWith(text, "\n") ? std::string(text) : absl::StrCat(text, "\n");
}

std::string QuoteJson(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  return out + "\"";
}

}  // namespace charon::headscale::policy
