#include "provider/value/untyped_json.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/value/text.h"
#include "provider/value/trail.h"

namespace charon {
namespace {

// The parser refuses numbers that its float type cannot hold, although it hands over their text:
// with long double it takes 1e400, which Terraform knows.
using Json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t,
                                  std::uint64_t, long double>;

// Builds the value from the parser's events (nlohmann's SAX interface prescribes the names). The
// parser keeps its own stack, so depth costs no recursion.
class Builder {
 public:
  Builder(absl::string_view json, std::size_t max_depth, Value& root, Trail& trail)
      : json_(json), max_depth_(max_depth), root_(root), trail_(trail) {}

  bool null() { return Put(Value::Null()); }
  bool boolean(bool value) { return Put(Value::Bool(value)); }
  bool number_integer(std::int64_t value) { return Put(Value::Of(Number(value))); }
  bool number_unsigned(std::uint64_t value) { return Put(Value::Of(Number::FromUint64(value))); }
  bool number_float(long double, const std::string& text) {
    absl::StatusOr<Number> number = Number::Parse(text);
    if (!number.ok()) return FailAtNext(std::string(number.status().message()));
    return Put(Value::Of(*std::move(number)));
  }
  bool string(std::string& text) {
    std::string normal;
    if (!AppendNfc(text, normal)) return FailAtNext("a string is not valid UTF-8");
    return Put(Value::String(std::move(normal)));
  }
  bool binary(Json::binary_t&) { return FailAtNext("JSON has no binary values"); }

  bool start_object(std::size_t) { return Begin(Value::Of(Value::Mapping())); }
  bool start_array(std::size_t) { return Begin(Value::Of(Value::Sequence())); }
  bool end_object() { return End(); }
  bool end_array() { return End(); }
  bool key(std::string& name) {
    std::string normal;
    if (!AppendNfc(name, normal)) return FailAtOpen("a key is not valid UTF-8");
    Open& open = open_.back();
    Value::Mapping& entries = open.value->mapping();
    const std::size_t count = entries.size();
    // Keys mostly come in byte order.
    open.entry = entries.emplace_hint(entries.end(), std::move(normal), Value());
    if (entries.size() == count) return FailAtNext("the key stands twice in its object");
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) {
    constexpr int kNumberOutOfRange = 406;
    if (error.id == kNumberOutOfRange) return FailAtNext("a number from 1e4932 on cannot be read");
    if (!IsUtf8(json_)) return FailAtNext("the text is not valid UTF-8");
    return FailAtNext(absl::StrCat("the text is not valid JSON from byte ", position, " on"));
  }

 private:
  // An array or object that has begun and not ended. While it is open nothing is added to those
  // around it, so the pointer stays valid.
  struct Open {
    Value* value;
    Value::Mapping::iterator entry;  // of an object: the one whose key came last
  };

  bool IsMapping(const Open& open) const { return open.value->kind() == Value::Kind::kMapping; }

  Value& Slot() {
    if (open_.empty()) return root_;
    Open& open = open_.back();
    if (IsMapping(open)) return open.entry->second;
    return open.value->sequence().emplace_back();
  }

  bool Put(Value value) {
    Slot() = std::move(value);
    return true;
  }

  bool Begin(Value value) {
    if (open_.size() >= max_depth_) {
      return FailAtNext(absl::StrCat("nested deeper than ", max_depth_, " levels"));
    }
    Value& slot = Slot();
    slot = std::move(value);
    open_.push_back({.value = &slot, .entry = {}});
    if (IsMapping(open_.back())) open_.back().entry = slot.mapping().end();
    return true;
  }

  bool End() {
    open_.pop_back();
    return true;
  }

  // A failure in the innermost open array or object itself.
  bool FailAtOpen(std::string message) {
    trail_.Fail(std::move(message));
    if (open_.empty()) return false;
    AddSteps(open_.size() - 1);
    return false;
  }

  // A failure in the value that comes next.
  bool FailAtNext(std::string message) {
    trail_.Fail(std::move(message));
    if (open_.empty()) return false;
    const Open& open = open_.back();
    if (!IsMapping(open)) {
      trail_.FromIndex(static_cast<std::int64_t>(open.value->sequence().size()));
    } else if (open.entry != open.value->mapping().end()) {
      trail_.From(StepTo(open.entry->first));
    }
    AddSteps(open_.size() - 1);
    return false;
  }

  void AddSteps(std::size_t count) {
    while (count-- > 0) {
      const Open& open = open_[count];
      if (IsMapping(open)) {
        trail_.From(StepTo(open.entry->first));
      } else {
        trail_.FromIndex(static_cast<std::int64_t>(open.value->sequence().size()) - 1);
      }
    }
  }

  absl::string_view json_;
  std::size_t max_depth_;
  Value& root_;
  std::vector<Open> open_;
  Trail& trail_;
};

}  // namespace

bool ReadUntypedJson(absl::string_view json, int max_depth, Value& out, Trail& trail) {
  Builder builder(json, static_cast<std::size_t>(max_depth), out, trail);
  return Json::sax_parse(json.data(), json.data() + json.size(), &builder);
}

}  // namespace charon
