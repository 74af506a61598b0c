#include "provider/functions/functions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/quantity.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/conventions.h"
#include "provider/value/json.h"

namespace charon::functions {
namespace {

using Json = nlohmann::json;

absl::StatusOr<Value> ToValue(const Json& json) {
  CHARON_ASSIGN_OR_RETURN(TypedValue typed, DecodeAnyJson(json.dump()));
  return Value::Dynamic(std::move(typed.type), std::move(typed.value));
}

// FNV-1a, 32 bits: enough to keep apart what one platform names.
std::uint32_t Hash(absl::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

// Nano is exact: the decimal point moves nine places.
absl::StatusOr<Number> NumberOf(const kubernetes::Quantity& quantity) {
  absl::int128 nano = quantity.nano();
  const bool negative = nano < 0;
  if (negative) nano = -nano;
  const absl::int128 billion = 1000000000;
  absl::int128 whole = nano / billion;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(whole % 10)));
    whole /= 10;
  } while (whole > 0);
  return Number::Parse(absl::StrFormat("%s%s.%09d", negative ? "-" : "", digits,
                                       static_cast<std::int64_t>(nano % billion)));
}

// Whether Kubernetes reads `text` as `number`: it rounds, and takes 2^63-1 for what is larger and
// has a suffix of 1024.
bool Means(const std::string& text, const Number& number) {
  const absl::StatusOr<kubernetes::Quantity> read = kubernetes::Quantity::Parse(text);
  if (!read.ok()) return false;
  const absl::StatusOr<Number> meant = NumberOf(*read);
  return meant.ok() && *meant == number;
}

constexpr std::size_t kLongestLabel = 63;

// RFC 1123, in lower case.
bool IsDnsLabel(absl::string_view text) {
  if (text.empty() || text.size() > kLongestLabel) return false;
  if (text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

// `status` with its path in the text: an argument of a function has a place of its own, and none
// inside.
absl::Status WithPlace(const absl::Status& status) {
  const std::optional<Path> path = PathOf(status);
  return path ? absl::Status(status.code(), absl::StrCat(path->ToString(), " ", status.message()))
              : status;
}

// What `json` is instead of an object, in the words of HCL.
absl::Status NoObject(const Json& json, absl::string_view place = "") {
  const absl::string_view kind = json.is_array()     ? "a list"
                                 : json.is_string()  ? "a string"
                                 : json.is_boolean() ? "a bool"
                                 : json.is_null()    ? "null"
                                                     : "a number";
  return absl::InvalidArgumentError(
      absl::StrCat(place, place.empty() ? "" : " ", "is ", kind, ", and no object"));
}

}  // namespace

absl::StatusOr<Value> ManifestDecode(const std::string& manifest) {
  absl::StatusOr<Json> object = kubernetes::ParseYaml(manifest);
  if (!object.ok()) return sdk::AtArgument(0, object.status());
  if (!object->is_object()) return sdk::AtArgument(0, NoObject(*object));
  return ToValue(*object);
}

absl::StatusOr<Value> ManifestDecodeMulti(const std::string& manifests) {
  absl::StatusOr<std::vector<Json>> documents = kubernetes::ParseYamlDocuments(manifests);
  if (!documents.ok()) return sdk::AtArgument(0, documents.status());
  Json all = Json::array();
  for (std::size_t i = 0; i < documents->size(); ++i) {
    Json& document = (*documents)[i];
    if (!document.is_object())
      return sdk::AtArgument(0, NoObject(document, absl::StrCat("document ", i + 1)));
    const bool list = absl::EndsWith(kubernetes::Text(document, "kind"), "List") &&
                      document.contains("items") && document["items"].is_array();
    if (!list) {
      all.push_back(std::move(document));
      continue;
    }
    Json& items = document["items"];
    for (std::size_t j = 0; j < items.size(); ++j) {
      if (!items[j].is_object()) {
        return sdk::AtArgument(
            0, NoObject(items[j], absl::StrCat("document ", i + 1, ", items[", j, "]")));
      }
      all.push_back(std::move(items[j]));
    }
  }
  return ToValue(all);
}

absl::StatusOr<std::string> ManifestEncode(const Value& manifest) {
  if (const absl::Status numbers = CheckNumbersOf64Bits(manifest); !numbers.ok())
    return sdk::AtArgument(0, WithPlace(numbers));
  absl::StatusOr<std::string> text = EncodeAnyJson(manifest);
  if (!text.ok()) return sdk::AtArgument(0, text.status());
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) {
    if (!json.is_object()) return sdk::AtArgument(0, NoObject(json));
    return kubernetes::EmitYaml(json);
  }
  std::string documents;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!json[i].is_object())
      return sdk::AtArgument(0, NoObject(json[i], absl::StrCat("[", i, "]")));
    absl::StrAppend(&documents, "---\n", kubernetes::EmitYaml(json[i]));
  }
  return documents;
}

absl::StatusOr<Number> QuantityParse(const std::string& quantity) {
  absl::StatusOr<kubernetes::Quantity> parsed = kubernetes::Quantity::Parse(quantity);
  if (!parsed.ok()) return sdk::AtArgument(0, parsed.status());
  return NumberOf(*parsed);
}

absl::StatusOr<std::string> QuantityFormat(const Number& number, const std::string& family) {
  using Format = kubernetes::Quantity::Format;
  if (family != "binary" && family != "decimal") {
    return sdk::AtArgument(1, absl::InvalidArgumentError(absl::StrCat(
                                  "must be \"binary\" or \"decimal\", not \"", family, "\"")));
  }
  absl::StatusOr<kubernetes::Quantity> amount = kubernetes::Quantity::Parse(number.ToString());
  if (!amount.ok()) return sdk::AtArgument(0, amount.status());
  const Format format = family == "binary" ? Format::kBinarySI : Format::kDecimalSI;
  std::string text = kubernetes::Quantity::FromNano(amount->nano(), format).ToString();
  if (Means(text, number)) return text;
  return sdk::AtArgument(
      0, absl::InvalidArgumentError(
             "Kubernetes would read it as another number: it keeps nine decimal places, and in "
             "powers of 1024 no more than 2^63-1. Round it first, as in ceil(x * 1000) / 1000"));
}

absl::StatusOr<std::string> QuantitySum(
    const sdk::Variadic<std::optional<std::string>>& quantities) {
  std::optional<kubernetes::Quantity> sum;
  for (std::size_t i = 0; i < quantities.values.size(); ++i) {
    if (!quantities.values[i]) continue;
    absl::StatusOr<kubernetes::Quantity> quantity =
        kubernetes::Quantity::Parse(*quantities.values[i]);
    if (!quantity.ok()) return sdk::AtArgument(i, quantity.status());
    sum = sum ? *sum + *quantity : *quantity;
  }
  return sum.value_or(kubernetes::Quantity()).ToString();
}

absl::StatusOr<std::string> DnsLabel(const std::string& text) {
  constexpr std::size_t kHashSize = 9;  // "-" and eight hex digits
  const std::string lower = absl::AsciiStrToLower(text);
  if (IsDnsLabel(lower)) return lower;
  std::string label;
  for (const char c : lower) {
    const bool fits = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (fits) label.push_back(c);
    if (!fits && !label.empty() && label.back() != '-') label.push_back('-');
  }
  while (!label.empty() && label.back() == '-') label.pop_back();
  if (text.empty()) return sdk::AtArgument(0, absl::InvalidArgumentError("must not be empty"));
  label.resize(std::min(label.size(), kLongestLabel - kHashSize));
  while (!label.empty() && label.back() == '-') label.pop_back();
  return absl::StrFormat("%s%s%08x", label, label.empty() ? "x-" : "-", Hash(text));
}

const ObjectSpec<Tier>& Tier::Describe() {
  using M = Tier;
  static const auto& spec = *new ObjectSpec<M>(
      "A built-in tier.",
      {
          Field(&M::name, "name", Computed, "Full name."),
          Field(&M::short_name, "short_name", Computed, "Name without the leading number."),
          Field(&M::priority, "priority", Computed, "Value of the PriorityClass."),
          Field(&M::priority_class, "priority_class", Computed, "Name of the PriorityClass."),
          Field(&M::preemption_policy, "preemption_policy", Computed, "Its preemption policy."),
          Field(&M::limit_range, "limit_range", Computed, "Limits of each container."),
          Field(&M::resource_quota, "resource_quota", Computed, "Quota of a namespace."),
      });
  return spec;
}

absl::StatusOr<Tier> TierOf(const std::string& tier) {
  absl::StatusOr<TierProfile> profile = Conventions().Tier(tier);
  if (!profile.ok()) return sdk::AtArgument(0, profile.status());
  Tier result;
  result.name = profile->name;
  result.short_name = ShortTierName(profile->name);
  result.priority = profile->priority;
  result.priority_class = profile->priority_class();
  result.preemption_policy = profile->preempts ? "PreemptLowerPriority" : "Never";
  result.limit_range = profile->limit_range;
  result.resource_quota = profile->quota;
  return result;
}

}  // namespace charon::functions
