#include "provider/clients/kubernetes/yaml_plain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/json_text.h"
#include "provider/clients/kubernetes/yaml_scalar.h"

namespace charon::kubernetes::internal {
namespace {

constexpr int kDeepest = 60;
constexpr std::size_t kLongestKey =
    200;  // far from the 1024 characters where YAML ends a simple key

// Functions return false to give up.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  bool Read(Json& value) {
    Advance();
    if (indent_ == 0 && line_ == "---") Advance();
    if (at_end_ || indent_ != 0 || IsItem(line_)) return false;
    return Map(0, value) && at_end_;
  }

 private:
  // Goes to the next line that is neither empty nor a comment.
  void Advance() {
    while (next_ < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', next_), text_.size());
      const absl::string_view line = text_.substr(next_, end - next_);
      const std::size_t first = line.find_first_not_of(' ');
      next_ = std::min(end + 1, text_.size());
      if (first == absl::string_view::npos || line[first] == '#') continue;
      indent_ = first;
      line_ = absl::StripTrailingAsciiWhitespace(line.substr(first));
      return;
    }
    at_end_ = true;
    indent_ = 0;
    line_ = "";
  }

  static bool IsItem(absl::string_view line) { return absl::StartsWith(line, "- ") || line == "-"; }

  bool Map(std::size_t column, Json& value) {
    if (++depth_ > kDeepest) return false;
    Json::object_t map;
    while (!at_end_ && indent_ == column && !IsItem(line_)) {
      std::string key;
      absl::string_view rest = line_;
      if (!Key(rest, key)) return false;
      const auto [field, added] = map.try_emplace(std::move(key));
      if (!added || !Value(rest, column, /*in_map=*/true, field->second)) return false;
    }
    --depth_;
    value = std::move(map);
    return at_end_ || indent_ < column;
  }

  bool List(std::size_t column, Json& value) {
    if (++depth_ > kDeepest) return false;
    Json::array_t list;
    while (!at_end_ && indent_ == column && IsItem(line_)) {
      absl::string_view rest = line_.substr(1);
      const std::size_t spaces = rest.find_first_not_of(' ');
      if (spaces == absl::string_view::npos || rest[spaces] == '#') return false;
      rest.remove_prefix(spaces);
      if (IsItem(rest)) return false;
      Json& item = list.emplace_back();
      std::string key;
      absl::string_view after_key = rest;
      if (Key(after_key, key)) {
        indent_ = column + 1 + spaces;
        line_ = rest;
        if (!Map(indent_, item)) return false;
      } else if (!Value(rest, column, /*in_map=*/false, item)) {
        return false;
      }
    }
    --depth_;
    value = std::move(list);
    return at_end_ || indent_ <= column;
  }

  // Takes "key:" off the front of `rest`. False, and `rest` untouched, if there is none.
  static bool Key(absl::string_view& rest, std::string& key) {
    absl::string_view text = rest;
    std::size_t end = 0;
    absl::string_view name;
    absl::string_view tag = "?";
    if (text[0] == '"' || text[0] == '\'') {
      end = text.find(text[0], 1);
      if (end == absl::string_view::npos) return false;
      name = text.substr(1, end - 1);
      if (name.find_first_of("\\\"'") != absl::string_view::npos) return false;
      ++end;
      tag = "!";
    } else {
      while (end < text.size() && (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) ||
                                   absl::StrContains("_./-", absl::string_view(&text[end], 1)))) {
        ++end;
      }
      name = text.substr(0, end);
      if (name.empty() || name[0] == '-' || name[0] == '.') return false;
    }
    if (end == text.size() || text[end] != ':' || name.size() > kLongestKey) return false;
    if (end + 1 < text.size() && text[end + 1] != ' ') return false;
    absl::StatusOr<std::string> resolved = ScalarKey(tag, std::string(name));
    if (!resolved.ok()) return false;
    key = *std::move(resolved);
    rest.remove_prefix(end + 1);
    return true;
  }

  // What stands behind a key or a dash; `column` is that of the key or dash.
  bool Value(absl::string_view rest, std::size_t column, bool in_map, Json& value) {
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (rest.empty() || rest[0] == '#') {
      Advance();
      if (at_end_ || indent_ < column) return true;
      if (indent_ == column) return !in_map || !IsItem(line_) || List(column, value);
      return IsItem(line_) ? List(indent_, value) : Map(indent_, value);
    }
    if (rest[0] == '|') return Literal(rest, column, value);
    if (rest[0] == '"' || rest[0] == '\'') {
      if (!Quoted(rest, value)) return false;
    } else if (rest[0] == '{' || rest[0] == '[') {
      if (!Flow(rest, value)) return false;
    } else if (!Plain(rest, value)) {
      return false;
    }
    Advance();
    return at_end_ || indent_ <= column;  // deeper: the scalar goes on
  }

  // True if nothing but a comment follows.
  static bool IsRest(absl::string_view rest) {
    const absl::string_view stripped = absl::StripLeadingAsciiWhitespace(rest);
    return stripped.empty() || (stripped[0] == '#' && stripped.size() < rest.size());
  }

  static bool Plain(absl::string_view rest, Json& value) {
    const auto first = static_cast<unsigned char>(rest[0]);
    if (!absl::ascii_isalnum(first) && !absl::StrContains("/_.-+$(~<", rest.substr(0, 1)))
      return false;
    if (IsItem(rest) || absl::StartsWith(rest, "---") || absl::StartsWith(rest, "..."))
      return false;
    const std::size_t comment = rest.find(" #");
    if (comment != absl::string_view::npos) {
      rest = absl::StripTrailingAsciiWhitespace(rest.substr(0, comment));
    }
    if (absl::StrContains(rest, ": ") || rest.back() == ':') return false;
    absl::StatusOr<Json> resolved = ScalarValue("?", std::string(rest));
    if (!resolved.ok()) return false;
    value = *std::move(resolved);
    return true;
  }

  static bool Quoted(absl::string_view rest, Json& value) {
    const char quote = rest[0];
    std::string content;
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == quote) {
        if (quote == '\'' && i + 1 < rest.size() && rest[i + 1] == quote) {
          content.push_back(rest[++i]);
          continue;
        }
        value = std::move(content);
        return IsRest(rest.substr(i + 1));
      }
      if (quote == '"' && rest[i] == '\\') {
        const char escaped = ++i < rest.size() ? rest[i] : '\0';
        if (escaped == '"' || escaped == '\\') {
          content.push_back(escaped);
        } else if (escaped == 'n' || escaped == 't') {
          content.push_back(escaped == 'n' ? '\n' : '\t');
        } else {
          return false;
        }
        continue;
      }
      content.push_back(rest[i]);
    }
    return false;  // goes on in the next line
  }

  // A flow collection on one line.
  bool Flow(absl::string_view rest, Json& value) {
    absl::string_view after = rest;
    if (FlowValue(after, kDeepest - depth_, value) && IsRest(after)) return true;
    // The other common form is JSON, but without escapes, which the two write differently.
    const std::size_t end = rest.find_last_of("]}");
    if (end == absl::string_view::npos || !IsRest(rest.substr(end + 1))) return false;
    rest = rest.substr(0, end + 1);
    if (absl::StrContains(rest, '\\')) return false;
    value = Json();
    return !ReadJson(rest, static_cast<std::size_t>(kDeepest - depth_), value);
  }

  static void SkipSpaces(absl::string_view& rest) {
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
  }

  // Takes one value off the front of `rest`: a list, a map whose keys are followed by ": ", quoted
  // text without escapes, or a word of letters that mean nothing in flow style.
  static bool FlowValue(absl::string_view& rest, int levels, Json& value) {
    if (levels <= 0 || rest.empty()) return false;
    if (rest[0] != '[' && rest[0] != '{') return FlowScalar(rest, value);
    const bool is_map = rest[0] == '{';
    const char close = is_map ? '}' : ']';
    value = is_map ? Json::object() : Json::array();
    rest.remove_prefix(1);
    SkipSpaces(rest);
    if (!rest.empty() && rest[0] == close) {
      rest.remove_prefix(1);
      return true;
    }
    while (true) {
      Json* place = nullptr;
      if (is_map) {
        std::string key;
        if (rest.empty() || !Key(rest, key)) return false;
        const auto [field, added] = value.get_ref<Json::object_t&>().try_emplace(std::move(key));
        if (!added) return false;
        place = &field->second;
        SkipSpaces(rest);
      } else {
        place = &value.get_ref<Json::array_t&>().emplace_back();
      }
      if (!FlowValue(rest, levels - 1, *place)) return false;
      SkipSpaces(rest);
      if (rest.empty()) return false;
      const char next = rest[0];
      rest.remove_prefix(1);
      if (next == close) return true;
      if (next != ',' || rest.empty() || rest[0] != ' ') return false;
      SkipSpaces(rest);
    }
  }

  static bool FlowScalar(absl::string_view& rest, Json& value) {
    std::size_t end = 0;
    absl::string_view tag = "?";
    absl::string_view text;
    if (rest[0] == '"' || rest[0] == '\'') {
      end = rest.find(rest[0], 1);
      if (end == absl::string_view::npos) return false;
      text = rest.substr(1, end - 1);
      if (text.find_first_of("\\\"'") != absl::string_view::npos) return false;
      ++end;
      tag = "!";
    } else {
      while (end < rest.size() && (absl::ascii_isalnum(static_cast<unsigned char>(rest[end])) ||
                                   absl::StrContains("_./+-", rest.substr(end, 1)))) {
        ++end;
      }
      text = rest.substr(0, end);
      if (text.empty() || text == "-") return false;
    }
    // A colon would make it a key, a blank may be inside the text.
    if (end == rest.size() || !absl::StrContains(",]} ", rest.substr(end, 1))) return false;
    absl::string_view after = rest.substr(end);
    SkipSpaces(after);
    if (after.empty() || !absl::StrContains(",]}", after.substr(0, 1))) return false;
    absl::StatusOr<Json> resolved = ScalarValue(tag, std::string(text));
    if (!resolved.ok()) return false;
    value = *std::move(resolved);
    rest.remove_prefix(end);
    return true;
  }

  bool Literal(absl::string_view rest, std::size_t column, Json& value) {
    rest.remove_prefix(1);
    const bool strip = absl::ConsumePrefix(&rest, "-");
    if (!IsRest(rest)) return false;
    std::string content;
    std::size_t indent = 0;
    std::size_t empty_lines = 0;
    while (next_ < text_.size()) {
      const std::size_t end = text_.find('\n', next_);
      if (end == absl::string_view::npos) return false;
      const absl::string_view line = text_.substr(next_, end - next_);
      const std::size_t first = line.find_first_not_of(' ');
      if (first == absl::string_view::npos) {
        if (!line.empty()) return false;  // blanks that may or may not belong to it
        ++empty_lines;
      } else {
        if (indent == 0) {
          if (first <= column) return false;  // empty
          indent = first;
        } else if (first < indent) {
          if (first > column) return false;
          break;
        }
        content.append(empty_lines, '\n');
        empty_lines = 0;
        content.append(line.data() + indent, line.size() - indent);
        content.push_back('\n');
      }
      next_ = end + 1;
    }
    if (indent == 0) return false;
    if (strip) content.pop_back();
    value = std::move(content);
    Advance();
    return at_end_ || indent_ <= column;
  }

  const absl::string_view text_;
  std::size_t next_ = 0;    // where the next line begins
  absl::string_view line_;  // the line at hand, without indentation and trailing blanks
  std::size_t indent_ = 0;
  bool at_end_ = false;
  int depth_ = 0;
};

}  // namespace

std::optional<Json> ReadPlainYaml(absl::string_view text) {
  // Tabs are seldom and have rules of their own; so have carriage returns.
  if (text.find_first_of("\t\r") != absl::string_view::npos) return std::nullopt;
  Json value;
  if (!Reader(text).Read(value)) return std::nullopt;
  return value;
}

}  // namespace charon::kubernetes::internal
