#include "resources/service/selector_clash.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;

bool Matches(const Json& expression, const Json& labels) {
  const std::string key = kubernetes::Text(expression, "key");
  const std::string op = kubernetes::Text(expression, "operator");
  const bool has = labels.is_object() && labels.contains(key);
  if (op == "Exists") return has;
  if (op == "DoesNotExist") return !has;
  const Json& values = kubernetes::Field(expression, "values");
  const bool in = has && values.is_array() &&
                  std::find(values.begin(), values.end(), labels[key]) != values.end();
  return op == "NotIn" ? !in : in;
}

std::string Written(const Json& labels) {
  std::vector<std::string> parts;
  if (!labels.is_object()) return "";
  for (const auto& [key, value] : labels.items())
    parts.push_back(
        absl::StrCat(key, "=", value.is_string() ? value.get<std::string>() : value.dump()));
  return absl::StrJoin(parts, ",");
}

}  // namespace

bool SelectorMatches(const Json& selector, const Json& labels) {
  if (const Json& wanted = kubernetes::Field(selector, "matchLabels"); wanted.is_object()) {
    for (const auto& [key, value] : wanted.items()) {
      if (!labels.is_object() || !labels.contains(key) || labels[key] != value) return false;
    }
  }
  const Json& expressions = kubernetes::Field(selector, "matchExpressions");
  return !expressions.is_array() ||
         std::all_of(expressions.begin(), expressions.end(),
                     [&](const Json& one) { return Matches(one, labels); });
}

std::string SelectorClash(const Json& ours, const Json& other) {
  const Json& our_selector = kubernetes::Field(ours, "spec.selector");
  const Json& other_selector = kubernetes::Field(other, "spec.selector");
  const Json& our_labels = kubernetes::Field(ours, "spec.template.metadata.labels");
  const Json& other_labels = kubernetes::Field(other, "spec.template.metadata.labels");
  if (SelectorMatches(our_selector, other_labels)) {
    return absl::StrCat("has pods with the labels ", Written(other_labels),
                        ", which this service's selector (",
                        Written(kubernetes::Field(our_selector, "matchLabels")), ") matches");
  }
  if (SelectorMatches(other_selector, our_labels)) {
    const std::string selector = Written(kubernetes::Field(other_selector, "matchLabels"));
    return absl::StrCat("has a selector", selector.empty() ? "" : absl::StrCat(" (", selector, ")"),
                        " that matches the pods of this service (", Written(our_labels), ")");
  }
  return "";
}

}  // namespace charon::service
