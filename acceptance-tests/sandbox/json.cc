#include "json.h"

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace charon::sandbox {
namespace {

const Json& EmptyArray() {
  static const Json& empty = *new Json(Json::array());
  return empty;
}

const Json& EmptyObject() {
  static const Json& empty = *new Json(Json::object());
  return empty;
}

// Builds the document while it remembers where it is, so that duplicates have a path.
class DocumentReader final : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentReader(ParsedDocument& out, std::vector<std::string>* paths = nullptr)
      : out_(out), paths_(paths) {}

  bool null() override { return Add(Json(nullptr)); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override { return Add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<number_unsigned_t>(INT64_MAX)) {
      return Add(Json(static_cast<std::int64_t>(value)));
    }
    return Add(Json(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return Add(Json(value)); }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool key(string_t& value) override {
    Frame& top = stack_.back();
    top.key = value;
    if (paths_ != nullptr) paths_->push_back(PathOf(value));
    if (top.container->contains(value) && top.reported.insert(value).second) {
      out_.duplicates.push_back(PathOf(value));
    }
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    if (error_.empty()) error_ = absl::StrCat("invalid JSON at byte ", position);
    return false;
  }

  const std::string& error() const { return error_; }

 private:
  struct Frame {
    Json* container;
    std::string key;
    std::set<std::string> reported;
  };

  Json* Place(Json value) {
    if (stack_.empty()) {
      out_.value = std::move(value);
      return &out_.value;
    }
    Frame& top = stack_.back();
    if (top.container->is_array()) {
      top.container->push_back(std::move(value));
      return &top.container->back();
    }
    Json& slot = (*top.container)[top.key];
    slot = std::move(value);
    return &slot;
  }

  bool Add(Json value) {
    Place(std::move(value));
    return true;
  }

  bool Open(Json value) {
    if (static_cast<int>(stack_.size()) >= kMaxNesting) {
      error_ = "exceeded max depth";
      return false;
    }
    stack_.push_back(Frame{Place(std::move(value)), "", {}});
    return true;
  }

  bool Close() {
    stack_.pop_back();
    return true;
  }

  std::string PathOf(const std::string& last) const {
    std::string path;
    for (std::size_t i = 0; i + 1 < stack_.size(); ++i) {
      const Frame& frame = stack_[i];
      if (frame.container->is_array()) {
        absl::StrAppend(&path, "[", frame.container->size() - 1, "]");
      } else {
        absl::StrAppend(&path, path.empty() ? "" : ".", frame.key);
      }
    }
    return absl::StrCat(path, path.empty() ? "" : ".", last);
  }

  ParsedDocument& out_;
  std::vector<std::string>* paths_;
  std::vector<Frame> stack_;
  std::string error_;
};

}  // namespace

const Json* Find(const Json& root, JsonPath path) {
  const Json* at = &root;
  for (const char* step : path) {
    if (!at->is_object()) return nullptr;
    const auto it = at->find(step);
    if (it == at->end()) return nullptr;
    at = &*it;
  }
  return at;
}

Json* FindMutable(Json& root, JsonPath path) { return const_cast<Json*>(Find(root, path)); }

std::string Text(const Json& root, JsonPath path, absl::string_view fallback) {
  const Json* at = Find(root, path);
  return at != nullptr && at->is_string() ? at->get_ref<const std::string&>()
                                          : std::string(fallback);
}

std::int64_t Integer(const Json& root, JsonPath path, std::int64_t fallback) {
  const Json* at = Find(root, path);
  return at != nullptr && at->is_number() ? at->get<std::int64_t>() : fallback;
}

bool Flag(const Json& root, JsonPath path, bool fallback) {
  const Json* at = Find(root, path);
  return at != nullptr && at->is_boolean() ? at->get<bool>() : fallback;
}

const Json& Items(const Json& root, JsonPath path) {
  const Json* at = Find(root, path);
  return at != nullptr && at->is_array() ? *at : EmptyArray();
}

const Json& Members(const Json& root, JsonPath path) {
  const Json* at = Find(root, path);
  return at != nullptr && at->is_object() ? *at : EmptyObject();
}

Json& Ensure(Json& root, JsonPath path) {
  Json* at = &root;
  if (!at->is_object()) *at = Json::object();
  for (const char* step : path) {
    at = &(*at)[step];
    if (!at->is_object()) *at = Json::object();
  }
  return *at;
}

void Erase(Json& root, JsonPath path) {
  Json* at = &root;
  const char* const* last = path.end() - 1;
  for (const char* const* step = path.begin(); step != last; ++step) {
    if (!at->is_object()) return;
    const auto it = at->find(*step);
    if (it == at->end()) return;
    at = &*it;
  }
  if (at->is_object()) at->erase(*last);
}

std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string GoValue(const Json& value) {
  return value.is_string() ? value.get<std::string>() : Dump(value);
}

std::string GoPlain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "<nil>";
  if (!value.is_structured()) return Dump(value);
  std::string out = value.is_object() ? "map[" : "[";
  bool first = true;
  for (const auto& [key, member] : value.items()) {
    if (!first) out.push_back(' ');
    first = false;
    if (value.is_object()) out += key + ":";
    out += GoPlain(member);
  }
  return out + "]";
}

std::string Quote(absl::string_view text) { return Dump(Json(std::string(text))); }

absl::StatusOr<ParsedDocument> ParseJson(absl::string_view text) {
  ParsedDocument out;
  DocumentReader reader(out);
  if (!Json::sax_parse(text.begin(), text.end(), &reader)) {
    return absl::InvalidArgumentError(reader.error().empty() ? "invalid JSON" : reader.error());
  }
  out.source = std::string(text);
  return out;
}

std::vector<std::string> KeyPaths(absl::string_view text) {
  std::vector<std::string> paths;
  ParsedDocument out;
  DocumentReader reader(out, &paths);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return paths;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::Time ParseTimeText(absl::string_view text) {
  absl::Time time;
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error)
             ? time
             : absl::InfinitePast();
}

}  // namespace charon::sandbox
