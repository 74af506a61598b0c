#include "provider/clients/kubernetes/field_set.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/utf8.h"

namespace charon::kubernetes {
namespace {

using Kind = FieldStep::Kind;

constexpr int kDeepest = 512;

// Maps whose keys are free text and often contain dots; the rest of a path up to '[' is one name
// there.
constexpr std::array<absl::string_view, 14> kFreeMaps = {
    "labels",     "annotations", "matchLabels",    "nodeSelector", "data",
    "binaryData", "stringData",  "limits",         "requests",     "hard",
    "capacity",   "default",     "defaultRequest", "parameters"};

// Keys and values are scalars in practice; the parser takes any depth, but writing out would
// recurse.
constexpr int kDeepestStep = 64;

// The JSON of a step; discarded if it is none.
Json ParseStepJson(absl::string_view text) {
  int brackets = 0;
  for (const char c : text) brackets += c == '[' || c == '{' ? 1 : 0;
  // Brackets inside strings count too; so be it.
  if (brackets > kDeepestStep) return Json(Json::value_t::discarded);
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

bool IsPlainAscii(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// True if `text` is what CanonicalStepText would make of it: the common case, found without
// parsing. Covers maps of plain strings and small integers with ascending keys, and plain strings
// and integers.
bool IsCanonical(absl::string_view text) {
  std::size_t at = 0;
  const auto string = [&](absl::string_view* value) {
    if (at >= text.size() || text[at] != '"') return false;
    const std::size_t begin = ++at;
    while (at < text.size() && IsPlainAscii(text[at])) ++at;
    if (at >= text.size() || text[at] != '"') return false;
    *value = text.substr(begin, at - begin);
    ++at;
    return true;
  };
  const auto scalar = [&] {
    absl::string_view ignored;
    if (at < text.size() && text[at] == '"') return string(&ignored);
    const std::size_t begin = at;
    while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
    const std::size_t digits = at - begin;
    return digits > 0 && digits < 18 && (digits == 1 || text[begin] != '0');
  };
  if (text.empty()) return false;
  if (text[0] != '{') return scalar() && at == text.size();
  absl::string_view previous;
  for (bool first = true; at < text.size() && text[at] != '}'; first = false) {
    ++at;  // '{' or ','
    absl::string_view key;
    if (!string(&key) || (!first && key <= previous)) return false;
    previous = key;
    if (at >= text.size() || text[at++] != ':' || !scalar()) return false;
    if (at >= text.size() || (text[at] != ',' && text[at] != '}')) return false;
  }
  return at + 1 == text.size();
}

// "f:name" as a step. Steps of unknown kinds give false; InvalidArgument for what is no step.
absl::StatusOr<bool> ParseStep(const std::string& text, FieldStep& step) {
  if (text.size() < 2 || text[1] != ':') {
    return absl::InvalidArgumentError(absl::StrCat("\"", internal::Excerpt(text, 80),
                                                   "\" is no field of FieldsV1 (f:, k:, v:, i:)"));
  }
  switch (text[0]) {
    case 'f':
      step.kind = Kind::kField;
      step.text.assign(text, 2);
      return true;
    case 'k':
      step.kind = Kind::kKey;
      break;
    case 'v':
      step.kind = Kind::kValue;
      break;
    case 'i':
      step.kind = Kind::kIndex;
      break;
    default:
      return false;
  }
  step.text.assign(text, 2);
  const bool map = !step.text.empty() && step.text[0] == '{';
  if (IsCanonical(step.text) && map == (step.kind == Kind::kKey)) return true;
  const Json value = ParseStepJson(step.text);
  const bool fits = step.kind == Kind::kKey     ? value.is_object()
                    : step.kind == Kind::kIndex ? value.is_number_integer()
                                                : !value.is_discarded();
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", internal::Excerpt(text, 80), "\" is no field of FieldsV1: after the colon comes ",
        step.kind == Kind::kKey ? "a JSON map" : "JSON"));
  }
  step.text = CanonicalStepText(value);
  return true;
}

bool IsFreeMap(const FieldPath& path) {
  if (path.empty() || path.back().kind != Kind::kField) return false;
  return std::find(kFreeMaps.begin(), kFreeMaps.end(), path.back().text) != kFreeMaps.end();
}

// Reads one path. `at_` is the object's value at the path so far, null where there is none.
class PathReader {
 public:
  PathReader(absl::string_view text, const Json* object) : text_(text), value_(object) {}

  absl::StatusOr<FieldPath> Read() {
    bool name_next = true;  // the first name may come without a dot
    while (at_ < text_.size()) {
      if (text_[at_] == '.') {
        if (!path_.empty() && name_next) return Error("a name is missing");
        ++at_;
        name_next = true;
        if (at_ == text_.size()) return Error("a name is missing");
        CHARON_RETURN_IF_ERROR(Name());
      } else if (text_[at_] == '[') {
        CHARON_RETURN_IF_ERROR(Bracket());
      } else if (name_next && path_.empty()) {
        CHARON_RETURN_IF_ERROR(Name());
      } else {
        return Error("a dot or a bracket is missing");
      }
      name_next = false;
    }
    if (path_.empty()) return Error("it is empty");
    return std::move(path_);
  }

 private:
  absl::Status Error(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat("\"", internal::Excerpt(text_, 200),
                                                   "\" is no field path: ", why, " at character ",
                                                   at_ + 1));
  }

  void Push(Kind kind, std::string text) {
    const Json* next = nullptr;
    if (value_ != nullptr && kind == Kind::kField && value_->is_object()) {
      const auto found = value_->find(text);
      if (found != value_->end()) next = &*found;
    } else if (value_ != nullptr && kind == Kind::kIndex && value_->is_array()) {
      std::size_t index = 0;
      if (absl::SimpleAtoi(text, &index) && index < value_->size()) next = &(*value_)[index];
    } else if (value_ != nullptr && kind == Kind::kKey && value_->is_array()) {
      const Json keys = ParseStepJson(text);
      for (const Json& item : *value_) {
        bool all = item.is_object();
        for (auto key = keys.begin(); all && key != keys.end(); ++key) {
          const auto found = item.find(key.key());
          all = found != item.end() && *found == key.value();
        }
        if (all) next = &item;
      }
    }
    value_ = next;
    path_.push_back({.kind = kind, .text = std::move(text)});
  }

  absl::Status Name() {
    const std::size_t begin = at_;
    if (value_ != nullptr && value_->is_object()) {
      // The longest name that the object has here wins: "app.kubernetes.io/name" before "app".
      for (std::size_t end = text_.size(); end > begin; --end) {
        if (end != text_.size() && text_[end] != '.' && text_[end] != '[') continue;
        const absl::string_view name = text_.substr(begin, end - begin);
        if (value_->find(std::string_view(name.data(), name.size())) == value_->end()) continue;
        at_ = end;
        Push(Kind::kField, std::string(name));
        return absl::OkStatus();
      }
    }
    const std::size_t end = text_.find_first_of(IsFreeMap(path_) ? "[" : ".[", begin);
    at_ = end == absl::string_view::npos ? text_.size() : end;
    if (at_ == begin) return Error("a name is missing");
    Push(Kind::kField, std::string(text_.substr(begin, at_ - begin)));
    return absl::OkStatus();
  }

  // Where the JSON value that starts at `at` ends: strings may contain brackets and commas.
  std::size_t EndOfJson(std::size_t at) const {
    if (at < text_.size() && text_[at] == '"') {
      for (++at; at < text_.size() && text_[at] != '"'; ++at) {
        if (text_[at] == '\\') ++at;
      }
      return std::min(at + 1, text_.size());
    }
    int depth = 0;
    for (; at < text_.size(); ++at) {
      if (text_[at] == '[' || text_[at] == '{') ++depth;
      if (text_[at] == '"') at = EndOfJson(at) - 1;  // one level: strings do not nest
      if (depth == 0 && (text_[at] == ',' || text_[at] == ']')) break;
      if (text_[at] == ']' || text_[at] == '}') --depth;
    }
    return std::min(at, text_.size());
  }

  absl::Status Value(Json& value) {
    const std::size_t end = EndOfJson(at_);
    value = ParseStepJson(text_.substr(at_, end - at_));
    if (value.is_discarded()) return Error("there is no JSON value");
    at_ = end;
    return absl::OkStatus();
  }

  // [=value], [key=value,...], [0] or [name].
  absl::Status Bracket() {
    ++at_;
    if (at_ < text_.size() && text_[at_] == '=') {
      ++at_;
      Json value;
      CHARON_RETURN_IF_ERROR(Value(value));
      Push(Kind::kValue, CanonicalStepText(value));
      return Close();
    }
    const std::size_t end = text_.find_first_of("=]", at_);
    if (end == absl::string_view::npos) return Error("the bracket is not closed");
    if (text_[end] == ']') {
      const std::string word(text_.substr(at_, end - at_));
      if (word.empty()) return Error("the brackets are empty");
      at_ = end;
      const bool index =
          word.size() < 10 && std::all_of(word.begin(), word.end(), absl::ascii_isdigit);
      Push(index ? Kind::kIndex : Kind::kField, index ? absl::StrCat(std::stoi(word)) : word);
      return Close();
    }
    Json keys = Json::object();
    while (true) {
      const std::size_t equals = text_.find('=', at_);
      if (equals == absl::string_view::npos) return Error("key=value is missing");
      const std::string key(text_.substr(at_, equals - at_));
      at_ = equals + 1;
      Json value;
      CHARON_RETURN_IF_ERROR(Value(value));
      keys[key] = std::move(value);
      if (at_ >= text_.size() || text_[at_] != ',') break;
      ++at_;
    }
    Push(Kind::kKey, CanonicalStepText(keys));
    return Close();
  }

  absl::Status Close() {
    if (at_ >= text_.size() || text_[at_] != ']') return Error("the bracket is not closed");
    ++at_;
    return absl::OkStatus();
  }

  absl::string_view text_;
  std::size_t at_ = 0;
  const Json* value_;
  FieldPath path_;
};

}  // namespace

std::string CanonicalStepText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToString(const FieldPath& path) {
  std::string text;
  for (const FieldStep& step : path) {
    switch (step.kind) {
      case Kind::kField:
        absl::StrAppend(&text, ".", step.text);
        break;
      case Kind::kValue:
        absl::StrAppend(&text, "[=", step.text, "]");
        break;
      case Kind::kIndex:
        absl::StrAppend(&text, "[", step.text, "]");
        break;
      case Kind::kKey: {
        const Json keys = ParseStepJson(step.text);
        absl::string_view before = "[";
        for (auto key = keys.begin(); key != keys.end(); ++key) {
          absl::StrAppend(&text, before, key.key(), "=", CanonicalStepText(key.value()));
          before = ",";
        }
        absl::StrAppend(&text, "]");
        break;
      }
    }
  }
  return text;
}

absl::StatusOr<FieldPath> ParseFieldPath(absl::string_view text, const Json* object) {
  return PathReader(text, object).Read();
}

absl::Status FieldSet::ParseInto(const Json& json, int depth, FieldSet& set) {
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("FieldsV1 consists of maps; one is ", json.type_name()));
  }
  if (depth > kDeepest) {
    return absl::InvalidArgumentError(absl::StrCat("FieldsV1 nested deeper than ", kDeepest));
  }
  FieldStep step;
  for (auto entry = json.begin(); entry != json.end(); ++entry) {
    if (entry.key() == ".") {
      set.member_ = depth > 0;
      continue;
    }
    CHARON_ASSIGN_OR_RETURN(const bool known, ParseStep(entry.key(), step));
    if (!known) continue;
    // The server writes f: keys in byte order, which is also json's: the hint makes this linear.
    const auto child = set.children_.try_emplace(set.children_.end(), std::move(step));
    CHARON_RETURN_IF_ERROR(ParseInto(entry.value(), depth + 1, child->second));
    if (entry.value().empty()) child->second.member_ = true;
    if (child->second.empty()) set.children_.erase(child);
  }
  return absl::OkStatus();
}

absl::StatusOr<FieldSet> FieldSet::Parse(const Json& fields_v1) {
  FieldSet set;
  CHARON_RETURN_IF_ERROR(ParseInto(fields_v1, 0, set));
  return set;
}

Json FieldSet::ToJson() const {
  Json json = Json::object();
  if (member_ && !children_.empty()) json["."] = Json::object();
  constexpr std::array<const char*, 4> kPrefixes = {"f:", "k:", "v:", "i:"};
  for (const auto& [step, child] : children_) {
    json[kPrefixes[static_cast<std::size_t>(step.kind)] + step.text] = child.ToJson();
  }
  return json;
}

bool FieldSet::Contains(const FieldPath& path) const {
  const FieldSet* at = this;
  for (const FieldStep& step : path) {
    at = at->Child(step);
    if (at == nullptr) return false;
  }
  return at->member_;
}

const FieldSet* FieldSet::Child(const FieldStep& step) const {
  const auto found = children_.find(step);
  return found == children_.end() ? nullptr : &found->second;
}

void FieldSet::Insert(const FieldPath& path) {
  FieldSet* at = this;
  for (const FieldStep& step : path) at = &at->children_[step];
  at->member_ = !path.empty();
}

void FieldSet::Add(const FieldSet& other) {
  member_ = member_ || other.member_;
  for (const auto& [step, child] : other.children_) children_[step].Add(child);
}

void FieldSet::RemoveBelow(const FieldPath& path, std::size_t depth) {
  const auto child = children_.find(path[depth]);
  if (child == children_.end()) return;
  if (depth + 1 == path.size()) {
    children_.erase(child);
    return;
  }
  child->second.RemoveBelow(path, depth + 1);
  if (child->second.empty()) children_.erase(child);
}

void FieldSet::Remove(const FieldPath& path) {
  if (path.empty()) {
    *this = FieldSet();
  } else {
    RemoveBelow(path, 0);
  }
}

FieldSet FieldSet::Union(const FieldSet& other) const {
  FieldSet all = *this;
  all.Add(other);
  return all;
}

FieldSet FieldSet::Minus(const FieldSet& other) const {
  FieldSet rest;
  rest.member_ = member_ && !other.member_;
  for (const auto& [step, child] : children_) {
    const FieldSet* theirs = other.Child(step);
    FieldSet left = theirs == nullptr ? child : child.Minus(*theirs);
    if (!left.empty()) rest.children_.emplace_hint(rest.children_.end(), step, std::move(left));
  }
  return rest;
}

FieldSet FieldSet::Intersect(const FieldSet& other) const {
  FieldSet common;
  common.member_ = member_ && other.member_;
  for (const auto& [step, child] : children_) {
    const FieldSet* theirs = other.Child(step);
    if (theirs == nullptr) continue;
    FieldSet both = child.Intersect(*theirs);
    if (!both.empty()) common.children_.emplace_hint(common.children_.end(), step, std::move(both));
  }
  return common;
}

void FieldSet::CollectPaths(FieldPath& at, std::vector<FieldPath>& paths) const {
  if (member_) paths.push_back(at);
  for (const auto& [step, child] : children_) {
    at.push_back(step);
    child.CollectPaths(at, paths);
    at.pop_back();
  }
}

std::vector<FieldPath> FieldSet::Paths() const {
  std::vector<FieldPath> paths;
  FieldPath at;
  CollectPaths(at, paths);
  return paths;
}

}  // namespace charon::kubernetes
