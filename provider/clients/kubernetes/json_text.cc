#include "provider/clients/kubernetes/json_text.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/yaml_scalar.h"

namespace charon::kubernetes::internal {
namespace {

// Builds one value from the parser's calls, which know nothing of how it is nested. The first error
// wins; what comes after it is passed over.
class JsonBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit JsonBuilder(std::size_t deepest) : deepest_(deepest) {}

  Json& result() { return result_; }
  const absl::Status& status() const { return status_; }
  std::optional<std::size_t> error_byte() const { return error_byte_; }

  bool null() override { return Add(Json()); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override { return Add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(FloatValue(value));
  }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const auto [entry, added] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!added) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("the key \"", name, "\" is twice in the same map", Where()));
      return false;
    }
    place_ = &entry->second;
    keys_.back() = &entry->first;
    return true;
  }

  bool parse_error(std::size_t byte, const std::string&, const Json::exception& error) override {
    error_byte_ = byte == 0 ? 0 : byte - 1;
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing
    // ..."
    absl::string_view what = error.what();
    const std::size_t colon = what.find(": ");
    if (colon != absl::string_view::npos) what.remove_prefix(colon + 2);
    status_ = absl::InvalidArgumentError(what);
    return false;
  }

 private:
  Json* Put(Json value) {
    if (open_.empty()) {
      result_ = std::move(value);
      return &result_;
    }
    if (open_.back()->is_object()) {
      *place_ = std::move(value);
      return place_;
    }
    open_.back()->push_back(std::move(value));
    return &open_.back()->back();
  }
  bool Add(Json value) {
    Put(std::move(value));
    return true;
  }
  bool Open(Json value) {
    if (open_.size() >= deepest_) {
      status_ = absl::InvalidArgumentError(absl::StrCat("nested deeper than ", deepest_));
      return false;
    }
    open_.push_back(Put(std::move(value)));
    keys_.push_back(nullptr);
    return true;
  }
  bool Close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }
  std::string Where() const {
    std::string where;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      if (open_[i]->is_array()) {
        absl::StrAppend(&where, "[", open_[i]->size() - 1, "]");
      } else {
        absl::StrAppend(&where, where.empty() ? "" : ".", *keys_[i]);
      }
    }
    return where.empty() ? "" : absl::StrCat(", at ", where);
  }

  const std::size_t deepest_;
  Json result_;
  absl::Status status_;
  std::optional<std::size_t> error_byte_;
  std::vector<Json*> open_;
  std::vector<const std::string*> keys_;  // the key at hand of each open map
  Json* place_ = nullptr;                 // where the value of the key at hand goes
};

}  // namespace

std::optional<JsonError> ReadJson(absl::string_view text, std::size_t deepest, Json& value) {
  JsonBuilder builder(deepest);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return JsonError{.status = builder.status(), .byte = builder.error_byte()};
  }
  value = std::move(builder.result());
  return std::nullopt;
}

}  // namespace charon::kubernetes::internal
