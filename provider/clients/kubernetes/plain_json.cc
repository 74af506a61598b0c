#include "provider/clients/kubernetes/plain_json.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes::internal {
namespace {

// The characters that stand for themselves in a string: ASCII but controls, quotes and backslashes.
constexpr std::array<bool, 256> kOrdinary = [] {
  std::array<bool, 256> ordinary{};
  for (std::size_t c = 0x20; c < 0x80; ++c) ordinary[c] = c != '"' && c != '\\';
  return ordinary;
}();

// Where the next other character is, from `at` on.
std::size_t SkipOrdinary(absl::string_view text, std::size_t at) {
  while (at < text.size() && kOrdinary[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

// Every function returns false, once and for all, if the text is not plain.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  bool ReadAll(Json& value) {
    if (!ReadValue(value, /*depth=*/0)) return false;
    SkipSpace();
    return at_ == text_.size();
  }

 private:
  static constexpr int kDeepest = 100;
  static constexpr std::size_t kMostDigits = 18;  // fit into 64 bits

  bool ReadValue(Json& value, int depth) {
    SkipSpace();
    switch (Peek()) {
      case '{':
        value = Json::object();
        return depth < kDeepest && ReadObject(value.get_ref<Json::object_t&>(), depth + 1);
      case '[':
        value = Json::array();
        return depth < kDeepest && ReadArray(value.get_ref<Json::array_t&>(), depth + 1);
      case '"':
        value = std::string();
        return ReadString(value.get_ref<std::string&>());
      case 't':
        value = true;
        return TakeWord("true");
      case 'f':
        value = false;
        return TakeWord("false");
      case 'n':
        value = nullptr;
        return TakeWord("null");
      default:
        return ReadInteger(value);
    }
  }

  bool ReadObject(Json::object_t& object, int depth) {
    ++at_;
    if (TakeNext('}')) return true;
    std::string key;
    do {
      SkipSpace();
      if (Peek() != '"' || !ReadString(key) || !TakeNext(':')) return false;
      // Most writers sort their keys.
      const std::size_t before = object.size();
      const auto member = object.emplace_hint(object.end(), std::move(key), nullptr);
      if (object.size() == before || !ReadValue(member->second, depth)) return false;
      key.clear();
    } while (TakeNext(','));
    return TakeNext('}');
  }

  bool ReadArray(Json::array_t& array, int depth) {
    ++at_;
    if (TakeNext(']')) return true;
    do {
      if (!ReadValue(array.emplace_back(), depth)) return false;
    } while (TakeNext(','));
    return TakeNext(']');
  }

  // Appends to `string`, which is empty. A stretch without escapes is copied in one piece.
  bool ReadString(std::string& string) {
    ++at_;
    std::size_t start = at_;
    for (;;) {
      at_ = SkipOrdinary(text_, at_);
      const auto byte = static_cast<unsigned char>(Peek());  // 0 at the end
      if (byte == '"') {
        string.append(text_.data() + start, at_ - start);
        ++at_;
        return true;
      }
      if (byte == '\\') {
        string.append(text_.data() + start, at_ - start);
        ++at_;
        const char plain = Unescaped(Peek());
        if (plain == '\0') return false;
        string.push_back(plain);
        start = ++at_;
        continue;
      }
      const std::size_t length = byte < 0x80 ? 0 : SequenceLength(text_, at_);
      if (length == 0) return false;
      at_ += length;
    }
  }

  // What stands for the character behind a backslash; 0 if that is not plain.
  static char Unescaped(char escaped) {
    switch (escaped) {
      case '"':
      case '\\':
      case '/':
        return escaped;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      default:
        return '\0';
    }
  }

  bool ReadInteger(Json& value) {
    const bool negative = Peek() == '-';
    if (negative) ++at_;
    const std::size_t start = at_;
    std::uint64_t number = 0;
    while (Peek() >= '0' && Peek() <= '9') {
      if (at_ - start == kMostDigits) return false;
      number = number * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
    }
    const std::size_t digits = at_ - start;
    if (digits == 0 || (text_[start] == '0' && (digits > 1 || negative))) return false;
    if (Peek() == '.' || Peek() == 'e' || Peek() == 'E') return false;
    if (negative) {
      value = -static_cast<std::int64_t>(number);
    } else {
      value = number;
    }
    return true;
  }

  bool TakeWord(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool TakeNext(char wanted) {
    SkipSpace();
    if (Peek() != wanted) return false;
    ++at_;
    return true;
  }

  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\n' || Peek() == '\r' || Peek() == '\t') ++at_;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  const absl::string_view text_;
  std::size_t at_ = 0;
};

// False for a byte that is no UTF-8.
bool AppendString(const std::string& string, std::string& text) {
  text.push_back('"');
  std::size_t start = 0;
  // What is passed over is copied in one piece, `as` instead of the character behind it.
  const auto put = [&](std::size_t at, absl::string_view as) {
    text.append(string, start, at - start).append(as.data(), as.size());
    start = at + 1;
  };
  for (std::size_t at = SkipOrdinary(string, 0); at < string.size(); at = SkipOrdinary(string, at)) {
    const auto byte = static_cast<unsigned char>(string[at]);
    if (byte >= 0x80) {
      const std::size_t length = SequenceLength(string, at);
      if (length == 0) return false;
      at += length;
      continue;
    }
    if (byte == '"') {
      put(at, "\\\"");
    } else if (byte == '\\') {
      put(at, "\\\\");
    } else if (byte == '\b') {
      put(at, "\\b");
    } else if (byte == '\f') {
      put(at, "\\f");
    } else if (byte == '\n') {
      put(at, "\\n");
    } else if (byte == '\r') {
      put(at, "\\r");
    } else if (byte == '\t') {
      put(at, "\\t");
    } else {
      put(at, absl::StrCat("\\u", absl::Hex(byte, absl::kZeroPad4)));
    }
    ++at;
  }
  text.append(string, start, std::string::npos).push_back('"');
  return true;
}

// False for what is left to the library: fractions, and bytes that are no UTF-8.
bool AppendPlain(const Json& value, std::string& text) {
  switch (value.type()) {
    case Json::value_t::null:
      text.append("null");
      return true;
    case Json::value_t::boolean:
      text.append(value.get<bool>() ? "true" : "false");
      return true;
    case Json::value_t::number_integer:
      absl::StrAppend(&text, value.get<std::int64_t>());
      return true;
    case Json::value_t::number_unsigned:
      absl::StrAppend(&text, value.get<std::uint64_t>());
      return true;
    case Json::value_t::string:
      return AppendString(value.get_ref<const std::string&>(), text);
    case Json::value_t::object: {
      char before = '{';
      for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
        text.push_back(std::exchange(before, ','));
        if (!AppendString(key, text)) return false;
        text.push_back(':');
        if (!AppendPlain(member, text)) return false;
      }
      text.append(before == '{' ? "{}" : "}");
      return true;
    }
    case Json::value_t::array: {
      char before = '[';
      for (const Json& element : value.get_ref<const Json::array_t&>()) {
        text.push_back(std::exchange(before, ','));
        if (!AppendPlain(element, text)) return false;
      }
      text.append(before == '[' ? "[]" : "]");
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

std::optional<Json> ReadPlainJson(absl::string_view text) {
  Json value;
  if (!Reader(text).ReadAll(value)) return std::nullopt;
  return value;
}

Json ParseJson(absl::string_view text) {
  if (std::optional<Json> plain = ReadPlainJson(text)) return *std::move(plain);
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string DumpJson(const Json& value) {
  std::string text;
  if (AppendPlain(value, text)) return text;
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace charon::kubernetes::internal
