#include "resources/service/strategic_merge.h"

#include <algorithm>

#include "nlohmann/json.hpp"

namespace charon::service {
namespace {

using Json = nlohmann::json;

constexpr char kDirective[] = "$patch";

// The field by which the items of a list are told apart; null if there is none.
const char* MergeKey(const Json& base, const Json& patch) {
  for (const char* key :
       {"name", "mountPath", "containerPort", "devicePath", "ip", "topologyKey", "uid", "port"}) {
    const auto has = [key](const Json& item) {
      return item.is_object() && item.contains(key) && item[key].is_primitive();
    };
    if (std::all_of(base.begin(), base.end(), has) && std::all_of(patch.begin(), patch.end(), has))
      return key;
  }
  return nullptr;
}

std::string DirectiveOf(const Json& patch) {
  return patch.is_object() && patch.contains(kDirective) && patch[kDirective].is_string()
             ? patch[kDirective].get<std::string>()
             : "";
}

Json WithoutDirective(const Json& patch) {
  Json plain = patch;
  if (plain.is_object()) plain.erase(kDirective);
  return plain;
}

void MergeLists(Json& base, const Json& patch) {
  const char* key = MergeKey(base, patch);
  if (key == nullptr) {
    base = patch;
    return;
  }
  for (const Json& item : patch) {
    const auto same = std::find_if(base.begin(), base.end(),
                                   [&](const Json& other) { return other[key] == item[key]; });
    const std::string directive = DirectiveOf(item);
    if (directive == "delete") {
      if (same != base.end()) base.erase(same);
    } else if (same == base.end()) {
      base.push_back(WithoutDirective(item));
    } else {
      StrategicMerge(*same, item);
    }
  }
}

}  // namespace

void StrategicMerge(Json& base, const Json& patch) {
  if (!base.is_object() || !patch.is_object() || DirectiveOf(patch) == "replace") {
    base = WithoutDirective(patch);
    return;
  }
  for (const auto& [name, value] : patch.items()) {
    if (name == kDirective) continue;
    if (value.is_null() || DirectiveOf(value) == "delete") {
      base.erase(name);
    } else if (value.is_array() && base.contains(name) && base[name].is_array()) {
      MergeLists(base[name], value);
    } else {
      StrategicMerge(base[name], value);
    }
  }
}

}  // namespace charon::service
