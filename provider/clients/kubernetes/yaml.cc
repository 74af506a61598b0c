#include "provider/clients/kubernetes/yaml.h"

#include <algorithm>
#include <istream>
#include <map>
#include <optional>
#include <set>
#include <streambuf>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/json_text.h"
#include "provider/clients/kubernetes/utf8.h"
#include "provider/clients/kubernetes/yaml_plain.h"
#include "provider/clients/kubernetes/yaml_scalar.h"
#include "yaml-cpp/depthguard.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace charon::kubernetes {
namespace {

constexpr std::size_t kDeepestJson = 512;
// yaml-cpp 0.7 gives up at 500 by itself (singledocparser.cpp, DepthGuard); stay below, so that the
// message is ours.
constexpr std::size_t kDeepestYaml = 490;
// What aliases and merges may add to a document, in bytes and about 64 for a value. Objects in a
// cluster are limited to 1.5 MiB, so this stops no real one.
constexpr std::size_t kMostCopied = 16U << 20;

// Line and column, from 1, of a byte; columns count characters.
absl::Status ErrorAtByte(absl::string_view text, std::size_t byte, absl::string_view what) {
  byte = std::min(byte, text.size());
  int line = 1;
  int column = 1;
  for (const char c : text.substr(0, byte)) {
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ", column ", column, ": ", internal::Excerpt(what, 500)));
}

// The text is UTF-8 without control characters other than tab and line ends.
absl::Status CheckCharacters(absl::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
      return ErrorAtByte(text, at,
                         "a control character; in YAML and JSON it is written as an escape");
    }
    const std::size_t length = internal::SequenceLength(text, at);
    if (length == 0) {
      return ErrorAtByte(text, at,
                         "the text is not UTF-8 here (is it a binary file, or another encoding?)");
    }
    at += length;
  }
  return absl::OkStatus();
}

// The first line at or before `last` (from 1) that is indented with a tab; 0: none. YAML allows
// only spaces there, and the parser stumbles over it at some later place.
int TabbedLine(absl::string_view text, int last) {
  for (int number = 1; number <= last && !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view current = text.substr(0, end);
    const std::size_t indent = std::min(current.find_first_not_of(" \t"), current.size());
    if (indent < current.size() && absl::StrContains(current.substr(0, indent), '\t'))
      return number;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

// `message` about the place `mark`, or the tab that is behind it.
absl::Status ErrorAtMark(absl::string_view text, const YAML::Mark& mark, std::string message) {
  const int line = mark.line + 1;
  const int tabbed = TabbedLine(text, line);
  if (tabbed == line) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", line, " is indented with a tab; YAML takes only spaces"));
  }
  // Text of the form | may well begin with a tab.
  if (tabbed != 0) {
    absl::StrAppend(&message, ". Line ", tabbed, " is indented with a tab; YAML takes only spaces");
  }
  return ErrorAtByte(text, static_cast<std::size_t>(mark.pos), message);
}

// Where the scalar begins whose mark is `at`: tags and anchors come before it.
std::size_t ScalarBegin(absl::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
    at = text.find_first_of(" \t\r\n", at);
    at = at == absl::string_view::npos ? at : text.find_first_not_of(" \t\r\n", at);
  }
  return std::min(at, text.size());
}

// Where the quote of the scalar at `at` is that opens and is never closed; npos if it is closed, or
// the scalar is not quoted. yaml-cpp overlooks it if a line end follows.
std::size_t UnclosedQuote(absl::string_view text, std::size_t at) {
  at = ScalarBegin(text, at);
  if (at == text.size() || (text[at] != '"' && text[at] != '\'')) return absl::string_view::npos;
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote)
        return absl::string_view::npos;
      ++i;  // '' stands for one
    }
  }
  return at;
}

// The number of line feeds that text of the form >+ ends with: one, and one for each empty line
// after it. yaml-cpp loses one of several. Nullopt for scalars of any other form.
std::optional<std::size_t> KeptLineFeeds(absl::string_view text, std::size_t at) {
  at = ScalarBegin(text, at);
  if (at == text.size() || text[at] != '>') return std::nullopt;
  const std::size_t header_end = std::min(text.find('\n', at), text.size());
  const absl::string_view header = text.substr(at, header_end - at);
  if (!absl::StrContains(header.substr(0, header.find_first_of(" \t#\r")), '+'))
    return std::nullopt;
  std::size_t indent = absl::string_view::npos;
  std::size_t empty_lines = 0;
  for (at = header_end + 1; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t first = std::min(text.find_first_not_of(" \r", at), end);
    if (first == end) {
      if (end < text.size()) ++empty_lines;
    } else {
      if (indent == absl::string_view::npos) indent = first - at;
      if (first - at < indent) break;
      empty_lines = 0;
    }
    at = end + 1;
  }
  return empty_lines + 1;
}

// Builds one document from yaml-cpp's events, with the position of each.
class YamlBuilder : public YAML::EventHandler {
 public:
  explicit YamlBuilder(absl::string_view text) : text_(text) {}

  Json& result() { return result_; }
  const absl::Status& status() const { return status_; }
  YAML::Mark start() const { return start_; }
  // Where the last quoted scalar begins, if no other came after it.
  std::optional<YAML::Mark> last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    last_quoted_.reset();
    // yaml-cpp takes [a,,b] for three items.
    const auto at = static_cast<std::size_t>(mark.pos);
    if (anchor == 0 && !open_.empty() && open_.back().flow && open_.back().value.is_array() &&
        at < text_.size() && text_[at] == ',') {
      return Fail(mark, "a list item is missing before this comma");
    }
    // It takes a line without a colon for a key without a value, and says so where the key stands.
    if (anchor == 0 && !open_.empty() && !open_.back().flow && open_.back().has_key &&
        open_.back().key_position == mark.pos && at < text_.size() && text_[at] != '?') {
      return Fail(mark, "a colon, or the space after it, is missing in this line");
    }
    Scalar(mark, "?", anchor, "");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    last_quoted_.reset();
    if (tag == "?") return Scalar(mark, tag, anchor, text);
    last_quoted_ = mark;
    const std::size_t content = text.find_last_not_of('\n') + 1;
    if (content > 0 && text.size() > content) {
      const auto lines = KeptLineFeeds(text_, static_cast<std::size_t>(mark.pos));
      if (lines) return Scalar(mark, tag, anchor, text.substr(0, content).append(*lines, '\n'));
    }
    // yaml-cpp makes single bytes of the escapes \N (U+0085) and \_ (U+00A0).
    if (text.find_first_of("\x85\xA0") == std::string::npos) return Scalar(mark, tag, anchor, text);
    std::string repaired;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = internal::SequenceLength(text, at);
      if (length == 0) repaired.push_back('\xC2');
      repaired.append(text, at, std::max<std::size_t>(length, 1));
      at += std::max<std::size_t>(length, 1);
    }
    Scalar(mark, tag, anchor, repaired);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!status_.ok()) return;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      return Fail(mark, "the alias is inside what it stands for");
    }
    if (!Charge(mark, found->second.weight)) return;
    Add(mark, found->second.value, found->second.weight);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    Open(mark, anchor, Json::array(), style == YAML::EmitterStyle::Flow);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(mark, anchor, Json::object(), style == YAML::EmitterStyle::Flow);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Json value;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t weight = 64;
    bool flow = false;
    // Of a map: the key whose value comes next.
    bool has_key = false;
    bool is_merge = false;
    std::string key;
    int key_position = -1;
    std::set<std::string> merged;  // keys that only a merge has set so far
  };
  struct Anchored {
    Json value;
    std::size_t weight;
  };

  void Fail(const YAML::Mark& mark, absl::string_view what) {
    if (status_.ok()) status_ = ErrorAtByte(text_, static_cast<std::size_t>(mark.pos), what);
  }

  bool ExpectsKey() const {
    return !open_.empty() && open_.back().value.is_object() && !open_.back().has_key;
  }

  bool Charge(const YAML::Mark& mark, std::size_t weight) {
    copied_ += weight;
    if (copied_ <= kMostCopied) return true;
    Fail(mark, "the aliases blow this document up beyond any object that a cluster would take");
    return false;
  }

  void Scalar(const YAML::Mark& mark, absl::string_view tag, YAML::anchor_t anchor,
              const std::string& text) {
    if (!status_.ok()) return;
    const bool is_merge_key = text == "<<" && (tag == "?" || tag == "tag:yaml.org,2002:merge");
    if (ExpectsKey() && anchor == 0) {
      open_.back().weight += 64 + text.size();
      if (is_merge_key) return Key(mark, "", /*is_merge=*/true);
      return Key(mark, internal::ScalarKey(tag, text), /*is_merge=*/false);
    }
    absl::StatusOr<Json> value = internal::ScalarValue(tag, text);
    if (!value.ok()) return Fail(mark, value.status().message());
    if (value->is_string() && tag == "tag:yaml.org,2002:binary") {
      const auto& bytes = value->get_ref<const std::string&>();
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = internal::SequenceLength(bytes, at);
        if (length == 0)
          return Fail(mark, "the !!binary value is not UTF-8, so JSON cannot hold it");
        at += length;
      }
    }
    const std::size_t weight = 64 + text.size();
    if (anchor != 0) Remember(mark, anchor, *value, weight);
    Add(mark, *std::move(value), weight);
  }

  void Remember(const YAML::Mark& mark, YAML::anchor_t anchor, const Json& value,
                std::size_t weight) {
    if (Charge(mark, weight)) anchors_.insert_or_assign(anchor, Anchored{value, weight});
  }

  void Open(const YAML::Mark& mark, YAML::anchor_t anchor, Json empty, bool flow) {
    if (!status_.ok()) return;
    if (open_.size() >= kDeepestYaml) {
      return Fail(mark, absl::StrCat("nested deeper than ", kDeepestYaml));
    }
    if (ExpectsKey()) {
      return Fail(mark,
                  "a map key is a map or a list; Kubernetes takes only text (is a value with {{ }} "
                  "unquoted?)");
    }
    Frame frame;
    frame.value = std::move(empty);
    frame.mark = mark;
    frame.anchor = anchor;
    frame.flow = flow;
    open_.push_back(std::move(frame));
  }

  void Close() {
    if (!status_.ok()) return;
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (frame.anchor != 0) Remember(frame.mark, frame.anchor, frame.value, frame.weight);
    Add(frame.mark, std::move(frame.value), frame.weight);
  }

  void Add(const YAML::Mark& mark, Json value, std::size_t weight) {
    if (!status_.ok()) return;
    if (open_.empty()) {
      result_ = std::move(value);
      return;
    }
    Frame& frame = open_.back();
    frame.weight += weight;
    if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else if (frame.has_key) {
      frame.has_key = false;
      if (frame.is_merge) {
        Merge(mark, value, frame);
      } else {
        frame.value[frame.key] = std::move(value);
      }
    } else if (value.is_structured()) {
      Fail(mark, "a map key is a map or a list; Kubernetes takes only text");
    } else {
      Key(mark, internal::ScalarKey(value), /*is_merge=*/false);
    }
  }

  void Key(const YAML::Mark& mark, absl::StatusOr<std::string> key, bool is_merge) {
    Frame& frame = open_.back();
    frame.has_key = true;
    frame.is_merge = is_merge;
    frame.key_position = mark.pos;
    if (is_merge) return;
    if (!key.ok()) return Fail(mark, key.status().message());
    frame.key = *std::move(key);
    if (frame.value.contains(frame.key) && frame.merged.erase(frame.key) == 0) {
      Fail(mark, absl::StrCat("the key \"", frame.key, "\" is twice in the same map"));
    }
  }

  // What a merge brings overrides what stands before it, as in go.yaml.in/yaml/v2 (decode.go,
  // merge); of several maps the first wins.
  void Merge(const YAML::Mark& mark, const Json& value, Frame& frame) {
    if (value.is_object()) return MergeMap(value, frame);
    const bool maps =
        value.is_array() &&
        std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_object(); });
    if (!maps) return Fail(mark, "<< takes a map or a list of maps");
    for (auto map = value.rbegin(); map != value.rend(); ++map) MergeMap(*map, frame);
  }
  static void MergeMap(const Json& map, Frame& frame) {
    for (auto field = map.begin(); field != map.end(); ++field) {
      if (!frame.value.contains(field.key())) frame.merged.insert(field.key());
      frame.value[field.key()] = *field;
    }
  }

  const absl::string_view text_;
  Json result_;
  absl::Status status_;
  YAML::Mark start_;
  std::optional<YAML::Mark> last_quoted_;
  std::vector<Frame> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t copied_ = 0;
};

// Lets yaml-cpp, which takes streams only, read the text where it is.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(absl::string_view text) {
    char* begin =
        const_cast<char*>(text.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): only read
    setg(begin, begin, begin + text.size());
  }
};

// yaml-cpp's messages, in words that say what is wrong.
std::string Explain(const std::string& message) {
  using namespace YAML::ErrorMsg;  // NOLINT(google-build-using-namespace)
  if (message == MAP_VALUE) {
    return "a colon where no value can begin; text that contains \": \" must be quoted, and keys "
           "of one map "
           "be indented alike";
  }
  if (message == END_OF_MAP || message == END_OF_SEQ) {
    return "the indentation does not fit what is above";
  }
  if (message == END_OF_MAP_FLOW) return "a { is not closed, or a comma is missing";
  if (message == END_OF_SEQ_FLOW) return "a [ is not closed, or a comma is missing";
  if (message == FLOW_END) return "a closing bracket that nothing has opened";
  if (message == EOF_IN_SCALAR) return "the text ends inside quotes";
  if (message == UNKNOWN_TOKEN) return "a character that no value can begin with; quote the value";
  if (message == BLOCK_ENTRY) return "a list item where no list can be";
  if (message == TAB_IN_INDENTATION) return "a tab in the indentation";
  return message;
}

// Whether a document may begin at `at`, where it is not the first: at a ---, or after a line of
// "...". yaml-cpp takes what is left over after a document for the next one.
bool BeginsDocument(absl::string_view text, std::size_t at) {
  at = std::min(at, text.size());
  if (absl::StartsWith(text.substr(at), "---")) return true;
  absl::string_view before = text.substr(0, at);
  while (!before.empty()) {
    const std::size_t newline = before.rfind('\n');
    const absl::string_view line = absl::StripAsciiWhitespace(
        newline == absl::string_view::npos ? before : before.substr(newline + 1));
    if (line == "..." || absl::StartsWith(line, "... ") || absl::StartsWith(line, "...\t"))
      return true;
    if (!line.empty() && line[0] != '#') return false;
    before = newline == absl::string_view::npos ? "" : before.substr(0, newline);
  }
  return false;
}

// True if what follows the first bracket is as in JSON: then its parser's message is the better
// one.
bool LooksLikeJson(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text.substr(1));
  return text.empty() || absl::string_view("\"{[]}").find(text[0]) != absl::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<Json>> internal::ReadFullYaml(absl::string_view text) {
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  std::vector<Json> documents;
  const auto position = [](const YAML::Mark& mark) { return static_cast<std::size_t>(mark.pos); };
  // The one place where exceptions come from: yaml-cpp throws for every error.
  try {
    YAML::Parser parser(stream);
    std::optional<std::size_t> former;
    for (bool first = true;; first = false) {
      YamlBuilder builder(text);
      if (!parser.HandleNextDocument(builder)) break;
      CHARON_RETURN_IF_ERROR(builder.status());
      // A comma outside of brackets makes empty documents for ever: yaml-cpp leaves it where it is.
      if (std::exchange(former, position(builder.start())) == position(builder.start()))
        return ErrorAtMark(text, builder.start(), Explain(YAML::ErrorMsg::UNKNOWN_TOKEN));
      if (!first && !BeginsDocument(text, position(builder.start()))) {
        return ErrorAtMark(text, builder.start(),
                           "this belongs to nothing above; is it indented too little?");
      }
      if (builder.last_quoted()) {
        const std::size_t quote = UnclosedQuote(text, position(*builder.last_quoted()));
        if (quote != absl::string_view::npos) {
          return ErrorAtByte(text, quote, "this quote is not closed");
        }
      }
      if (!builder.result().is_null()) documents.push_back(std::move(builder.result()));
    }
  } catch (const YAML::DeepRecursion& error) {
    return ErrorAtByte(text, position(error.mark),
                       absl::StrCat("nested deeper than ", kDeepestYaml));
  } catch (const YAML::Exception& error) {
    return ErrorAtMark(text, error.mark, Explain(error.msg));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("the YAML cannot be read: ", error.what()));
  }
  return documents;
}

absl::StatusOr<std::vector<Json>> ParseYamlDocuments(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");  // a byte order mark
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
  absl::Status json_error;
  if (!start.empty() && (start[0] == '{' || start[0] == '[')) {
    std::vector<Json> one(1);  // an initializer list would copy it
    const std::optional<internal::JsonError> error = internal::ReadJson(text, kDeepestJson, one[0]);
    if (!error) return one;
    // It is JSON, so there is no second opinion to ask for.
    if (!error->byte) return error->status;
    json_error = ErrorAtByte(text, *error->byte, error->status.message());
  }
  CHARON_RETURN_IF_ERROR(CheckCharacters(text));
  if (std::optional<Json> value = internal::ReadPlainYaml(text))
    return std::vector<Json>{*std::move(value)};
  absl::StatusOr<std::vector<Json>> documents = internal::ReadFullYaml(text);
  if (!documents.ok() && !json_error.ok() && LooksLikeJson(start)) return json_error;
  return documents;
}

absl::StatusOr<Json> ParseYaml(absl::string_view text) {
  CHARON_ASSIGN_OR_RETURN(std::vector<Json> documents, ParseYamlDocuments(text));
  if (documents.empty()) {
    return absl::InvalidArgumentError("there is no document: the text is empty or only comments");
  }
  if (documents.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", documents.size(),
                     " documents (separated by ---) where one is expected; take them apart with "
                     "manifest_decode_multi and use for_each"));
  }
  return std::move(documents[0]);
}

}  // namespace charon::kubernetes
