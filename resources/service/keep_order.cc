#include "resources/service/keep_order.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// What tells the items of a list apart, by the list's name; an empty list of fields means the whole
// item. Lists that are not here have an order that the configuration gives (command, tolerations)
// or items that nothing tells apart.
const std::vector<const char*>* KeysOf(const std::string& list) {
  static const auto& keys = *new std::map<std::string, std::vector<const char*>>{
      {"containers", {"name"}},
      {"initContainers", {"name"}},
      {"env", {"name"}},
      {"envFrom", {}},
      {"volumes", {"name"}},
      {"volumeMounts", {"mountPath"}},
      {"ports", {"containerPort", "protocol"}},
      {"imagePullSecrets", {"name"}},
      {"hostAliases", {"ip"}},
      {"sysctls", {"name"}},
      {"options", {"name"}},
      {"httpHeaders", {"name"}},
      {"items", {"key"}},
      {"matchExpressions", {"key", "operator"}},
      {"add", {}},
      {"drop", {}},
      {"supplementalGroups", {}},
      {"volumeClaimTemplates", {"metadata.name"}},
  };
  const auto found = keys.find(list);
  return found == keys.end() ? nullptr : &found->second;
}

// Empty for what has no key.
std::string ItemKey(const Json& item, const std::vector<const char*>& fields) {
  if (fields.empty()) return item.dump();
  if (kubernetes::Field(item, fields[0]).is_null()) return "";
  std::string key;
  for (const char* field : fields)
    absl::StrAppend(&key, kubernetes::Field(item, field).dump(), "/");
  return key;
}

// Each variable after those that it refers to, else as they stand.
void AfterReferences(Json& env) {
  std::map<std::string, const Json*> by_name;
  for (const Json& entry : env) by_name.emplace(kubernetes::Text(entry, "name"), &entry);
  Json sorted = Json::array();
  std::set<const Json*> done;
  const std::function<void(const Json&)> emit = [&](const Json& entry) {
    if (!done.insert(&entry).second) return;
    for (const std::string& name : References(kubernetes::Text(entry, "value"))) {
      if (const auto other = by_name.find(name); other != by_name.end()) emit(*other->second);
    }
    sorted.push_back(entry);
  };
  for (const Json& entry : env) emit(entry);
  env = std::move(sorted);
}

// The same lists of ConfigMaps and of Secrets, which is all that a service says about them.
bool SameSources(const Json& a, const Json& b) {
  const auto of = [](const Json& sources, const char* kind) {
    Json list = Json::array();
    for (const Json& source : sources) {
      if (source.contains(kind)) list.push_back(source);
    }
    return list;
  };
  return of(a, "secretRef") == of(b, "secretRef") && of(a, "configMapRef") == of(b, "configMapRef");
}

void KeepListOrder(const Json& live, const std::string& name,
                   const std::vector<const char*>& fields, Json& list) {
  std::map<std::string, std::size_t> places;  // in live
  for (std::size_t i = 0; i < live.size(); ++i) places.emplace(ItemKey(live[i], fields), i);
  std::vector<std::size_t> slots;  // of items that live has as well
  std::vector<std::pair<std::size_t, Json>> shared;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string key = ItemKey(list[i], fields);
    const auto place = places.find(key);
    if (key.empty() || place == places.end()) continue;
    KeepOrder(live[place->second], list[i]);
    slots.push_back(i);
    shared.emplace_back(place->second, list[i]);
  }
  if (name == "initContainers") return;  // they run in the order of the configuration
  std::stable_sort(shared.begin(), shared.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Json kept = list;
  for (std::size_t i = 0; i < slots.size(); ++i) kept[slots[i]] = std::move(shared[i].second);
  if (name == "envFrom" && !SameSources(kept, list)) return;  // later ones win
  if (name == "env") AfterReferences(kept);
  list = std::move(kept);
}

// Whether `there`, of a server, is the claim template `wanted` in all that a configuration can say
// of one. What it cannot say (labels, limits, a namespace, ...) stays as it was made.
bool SameClaim(const Json& wanted, const Json& there) {
  const auto modes = [](const Json& claim) {
    std::set<std::string> names;
    for (const Json& mode : kubernetes::Field(claim, "spec.accessModes")) names.insert(mode.dump());
    return names;
  };
  const auto autoresize = [](const Json& claim) {
    std::map<std::string, Json> ours;
    const Json& annotations = kubernetes::Field(claim, "metadata.annotations");
    const Json names = Autoresize("");
    for (const auto& [key, value] : names.items())
      if (annotations.is_object() && annotations.contains(key)) ours[key] = annotations[key];
    return ours;
  };
  const auto storage = [](const Json& claim) {
    return Json{{"spec", {{"resources", kubernetes::Field(claim, "spec.resources")}}}};
  };
  return kubernetes::Text(wanted, "metadata.name") == kubernetes::Text(there, "metadata.name") &&
         kubernetes::Text(wanted, "spec.storageClassName") ==
             kubernetes::Text(there, "spec.storageClassName") &&
         modes(wanted) == modes(there) && autoresize(wanted) == autoresize(there) &&
         kubernetes::Compare(storage(wanted), storage(there)).empty();
}

}  // namespace

void KeepClaimTemplates(const Json& live, Json& workload) {
  const Json& there = kubernetes::Field(live, "spec.volumeClaimTemplates");
  const Json& wanted = kubernetes::Field(workload, "spec.volumeClaimTemplates");
  if (!there.is_array() || !wanted.is_array() || there.size() != wanted.size()) return;
  for (const Json& claim : wanted) {
    const bool has = std::any_of(there.begin(), there.end(),
                                 [&claim](const Json& other) { return SameClaim(claim, other); });
    if (!has) return;
  }
  workload["spec"]["volumeClaimTemplates"] = Json(there);
}

void KeepOrder(const Json& live, Json& workload) {
  if (!live.is_object() || !workload.is_object()) return;
  for (auto entry = workload.begin(); entry != workload.end(); ++entry) {
    const auto there = live.find(entry.key());
    if (there == live.end()) continue;
    const std::vector<const char*>* fields = KeysOf(entry.key());
    if (fields != nullptr && entry->is_array() && there->is_array()) {
      KeepListOrder(*there, entry.key(), *fields, *entry);
    } else if (entry->is_object()) {
      KeepOrder(*there, *entry);
    } else if (entry->is_array() && there->is_array()) {
      // nodeSelectorTerms has one item here.
      for (std::size_t i = 0; i < std::min(entry->size(), there->size()); ++i)
        KeepOrder((*there)[i], (*entry)[i]);
    }
  }
}

}  // namespace charon::service
