#include "provider/clients/kubernetes/plain_json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes::internal {
namespace {

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
      } else if (byte < 0x20) {
        return false;
      } else if (byte < 0x80) {
        ++at_;
      } else {
        const std::size_t length = SequenceLength(text_, at_);
        if (length == 0) return false;
        at_ += length;
      }
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

}  // namespace charon::kubernetes::internal
