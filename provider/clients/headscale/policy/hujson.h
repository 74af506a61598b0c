// HuJSON: JSON with comments and trailing commas, the text form of a Headscale policy. What is read
// here is what Headscale's parser reads (github.com/tailscale/hujson, as of Headscale 0.23 to
// 0.30), and one thing more: a comment may end with the text (see ForServer).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::headscale::policy {

// Where something stands in the text, both counted from 1; columns in characters, as editors count
// them.
struct Position {
  int line = 1, column = 1;
  std::string ToString() const;  // "line 3, column 5"
  friend auto operator<=>(const Position&, const Position&) = default;
};

// One value of a document. Its position is that of its first character.
struct HuJson {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  Position at;
  bool boolean = false;
  std::string
      text;  // a string without quotes and escapes; a number as it is written, with every digit
  std::vector<HuJson> items;    // of an array
  std::vector<Member> members;  // of an object, in the order of the text; a name may stand twice

  bool is(Kind other) const { return kind == other; }
  // The last member of that name, as Go's decoders have it; null if there is none.
  const HuJson* Find(absl::string_view name) const;
};

struct HuJson::Member {
  std::string name;
  Position at;  // of the name
  HuJson value;
};

// What the value is, for messages: "an object", "a string", "null".
absl::string_view KindName(HuJson::Kind kind);

// Beyond these a text is refused, whatever it says: a policy is a file that people write.
inline constexpr std::size_t kMaxHuJsonBytes =
    4 << 20;  // the most that one gRPC message of Headscale's takes
inline constexpr int kMaxHuJsonDepth = 100;

// InvalidArgument with line and column, what is wrong, and how to mend it.
absl::StatusOr<HuJson> ParseHuJson(absl::string_view text);

// InvalidArgument that names the first member whose name stands twice in its object, and where the
// other one is.
absl::Status CheckNoDuplicates(const HuJson& document);

// The normal form: standard JSON, members in the byte order of their names (the last of each name),
// two spaces of indentation, numbers and strings in one spelling only. Texts of the same meaning
// have the same normal form.
std::string NormalHuJson(const HuJson& document);

bool SameHuJson(const HuJson& a, const HuJson& b);
// Whether both texts mean the same; false if one of them is no HuJSON, unless they are equal.
bool SameHuJsonText(absl::string_view a, absl::string_view b);

// The text as servers take it: theirs want the end of a line after a `//` comment, also after the
// last one.
std::string ForServer(absl::string_view text);

// A string as JSON writes it, with quotes.
std::string QuoteJson(absl::string_view text);

}  // namespace charon::headscale::policy
