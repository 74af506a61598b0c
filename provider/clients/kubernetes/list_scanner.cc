#include "provider/clients/kubernetes/list_scanner.h"

#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"

namespace charon::kubernetes {
namespace {

using Json = nlohmann::json;

// Reads JSON text from front to back. Every function leaves the position behind what it took and
// returns false, once and for all, if the text is not what it expected.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  std::size_t position() const { return at_; }
  absl::string_view Since(std::size_t start) const { return text_.substr(start, at_ - start); }

  bool Take(char wanted) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool Next(char wanted) {
    SkipSpace();
    return at_ < text_.size() && text_[at_] == wanted;
  }

  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  // A string, as it stands between its quotes.
  bool TakeRawString(absl::string_view& raw) {
    if (!Take('"')) return false;
    const std::size_t start = at_;
    if (!SkipToQuote()) return false;
    raw = text_.substr(start, at_ - 1 - start);
    return true;
  }

  bool SkipValue() {
    SkipSpace();
    if (at_ >= text_.size()) return false;
    const char first = text_[at_];
    if (first == '"') {
      ++at_;
      return SkipToQuote();
    }
    if (first != '{' && first != '[') return SkipScalar();
    // Brackets are counted, not matched: nesting of any depth costs no stack.
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      switch (text_[at_++]) {
        case '"':
          if (!SkipToQuote()) return false;
          break;
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          if (--depth == 0) return true;
          break;
        default:
          break;
      }
    }
    return false;
  }

 private:
  bool SkipScalar() {
    const std::size_t start = at_;
    while (at_ < text_.size() && std::strchr(",]} \n\t\r", text_[at_]) == nullptr) ++at_;
    return at_ > start;
  }

  // Behind the quote that ends the string in which we are.
  bool SkipToQuote() {
    const std::size_t start = at_;
    for (;;) {
      const void* found = std::memchr(text_.data() + at_, '"', text_.size() - at_);
      if (found == nullptr) return false;
      const auto quote = static_cast<std::size_t>(static_cast<const char*>(found) - text_.data());
      at_ = quote + 1;
      std::size_t backslashes = 0;
      while (quote - backslashes > start && text_[quote - backslashes - 1] == '\\') ++backslashes;
      if (backslashes % 2 == 0) return true;
    }
  }

  absl::string_view text_;
  std::size_t at_ = 0;
};

// Names hardly ever carry an escape: only then is a parser asked.
std::string Unescape(absl::string_view raw) {
  if (raw.find('\\') == absl::string_view::npos) return std::string(raw);
  const Json text = Json::parse(absl::StrCat("\"", raw, "\""), nullptr, /*allow_exceptions=*/false);
  return text.is_string() ? text.get<std::string>() : std::string(raw);
}

// Calls `on_member(key)` for each member of the object that comes next; it must take the value.
template <typename OnMember>
bool EachMember(Scanner& scanner, const OnMember& on_member) {
  if (!scanner.Take('{')) return false;
  if (scanner.Take('}')) return true;
  do {
    absl::string_view key;
    if (!scanner.TakeRawString(key) || !scanner.Take(':') || !on_member(key)) return false;
  } while (scanner.Take(','));
  return scanner.Take('}');
}

template <typename OnElement>
bool EachElement(Scanner& scanner, const OnElement& on_element) {
  if (!scanner.Take('[')) return false;
  if (scanner.Take(']')) return true;
  do {
    if (!on_element()) return false;
  } while (scanner.Take(','));
  return scanner.Take(']');
}

bool TakeText(Scanner& scanner, std::string& text) {
  if (!scanner.Next('"')) return scanner.SkipValue();  // null
  absl::string_view raw;
  if (!scanner.TakeRawString(raw)) return false;
  text = Unescape(raw);
  return true;
}

bool TakeItem(Scanner& scanner, ListItem& item) {
  scanner.SkipSpace();
  const std::size_t start = scanner.position();
  const bool ok = EachMember(scanner, [&](absl::string_view key) {
    if (key != "metadata" || !scanner.Next('{')) return scanner.SkipValue();
    return EachMember(scanner, [&](absl::string_view field) {
      if (field == "name") return TakeText(scanner, item.name);
      if (field == "namespace") return TakeText(scanner, item.name_space);
      return scanner.SkipValue();
    });
  });
  item.json = scanner.Since(start);
  return ok;
}

bool TakeListMetadata(Scanner& scanner, ListPage& page) {
  return EachMember(scanner, [&](absl::string_view field) {
    if (field == "continue") return TakeText(scanner, page.continue_token);
    if (field == "resourceVersion") return TakeText(scanner, page.resource_version);
    if (field != "remainingItemCount") return scanner.SkipValue();
    scanner.SkipSpace();
    const std::size_t start = scanner.position();
    if (!scanner.SkipValue()) return false;
    std::int64_t remaining = 0;
    if (absl::SimpleAtoi(scanner.Since(start), &remaining)) page.remaining = remaining;
    return true;
  });
}

}  // namespace

absl::StatusOr<ListPage> ScanList(absl::string_view body) {
  ListPage page;
  bool has_items = false;
  Scanner scanner(body);
  const bool ok = EachMember(scanner, [&](absl::string_view key) {
    if (key == "metadata" && scanner.Next('{')) return TakeListMetadata(scanner, page);
    if (key != "items") return scanner.SkipValue();
    has_items = true;
    if (!scanner.Next('[')) return scanner.SkipValue();  // Go writes null for an empty slice.
    return EachElement(scanner, [&] {
      page.items.emplace_back();
      return TakeItem(scanner, page.items.back());
    });
  });
  if (!ok) {
    return absl::InvalidArgumentError(
        absl::StrCat("the list that the server sent is no JSON at byte ", scanner.position()));
  }
  if (!has_items) return absl::InvalidArgumentError("the server's answer is no list");
  return page;
}

}  // namespace charon::kubernetes
