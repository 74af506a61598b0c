#include "resources/service/strategic_merge.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"

namespace charon::service {
namespace {

using Json = nlohmann::json;

constexpr char kDirective[] = "$patch";
constexpr char kRetainKeys[] = "$retainKeys";
constexpr char kPort[] = "port";

// The field by which the items of a list are told apart, by the list's name, which says enough
// within one kind: x-kubernetes-patch-merge-key of the published schemas (Kubernetes 1.36,
// /openapi/v3/apis/apps/v1, api/v1, batch/v1, networking.k8s.io/v1, policy/v1 and
// rbac.authorization.k8s.io/v1, from the kinds that a service is made of on). Of finalizers each
// item is its own key. Null for a list that is replaced.
const char* MergeKey(absl::string_view kind, absl::string_view list) {
  struct Row {
    absl::string_view of, list;  // of "": of all
    const char* key;
  };
  static constexpr absl::string_view kPods = "pods";
  static constexpr Row kKeys[] = {{"", "finalizers", ""},
                                  {"", "ownerReferences", "uid"},
                                  {"Service", "ports", kPort},
                                  {"ServiceAccount", "secrets", "name"},
                                  {kPods, "containers", "name"},
                                  {kPods, "env", "name"},
                                  {kPods, "ephemeralContainers", "name"},
                                  {kPods, "hostAliases", "ip"},
                                  {kPods, "imagePullSecrets", "name"},
                                  {kPods, "initContainers", "name"},
                                  {kPods, "ports", "containerPort"},
                                  {kPods, "resourceClaims", "name"},
                                  {kPods, "schedulingGates", "name"},
                                  {kPods, "topologySpreadConstraints", "topologyKey"},
                                  {kPods, "volumeDevices", "devicePath"},
                                  {kPods, "volumeMounts", "mountPath"},
                                  {kPods, "volumes", "name"}};
  static const auto& with_pods =
      *new std::set<absl::string_view>{"", "CronJob", "DaemonSet", "Deployment", "StatefulSet"};
  const absl::string_view of = with_pods.count(kind) != 0 ? kPods : kind;
  for (const Row& row : kKeys) {
    if (row.list == list && (row.of.empty() || row.of == of)) return row.key;
  }
  return nullptr;
}

absl::Status Wrong(const std::string& where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where.empty() ? "" : where + ": ", what));
}

// "delete", "replace" or empty.
absl::StatusOr<std::string> DirectiveOf(const Json& patch, const std::string& where) {
  if (!patch.is_object() || !patch.contains(kDirective)) return std::string();
  const Json& said = patch[kDirective];
  if (said == "delete" || said == "replace") return said.get<std::string>();
  if (said == "merge") return std::string();
  return Wrong(where, absl::StrCat("$patch must be delete or replace, not ", said.dump()));
}

absl::Status Merge(Json& base, const Json& patch, absl::string_view kind, const std::string& where);

// The item of `base` that `item` is about, by its key. A Service may have one port over TCP and
// over UDP: then its protocol says which (the keys of the list in server-side apply are both),
// where kubectl would take the first.
absl::StatusOr<Json::iterator> Same(Json& base, const Json& item, absl::string_view key,
                                    const std::function<Json(const Json&)>& key_of,
                                    const std::string& where) {
  const Json name = key_of(item);
  const auto is_same = [&](const Json& other) { return key_of(other) == name; };
  const auto first = std::find_if(base.begin(), base.end(), is_same);
  if (key != kPort || std::count_if(base.begin(), base.end(), is_same) < 2) return first;
  if (!item.contains("protocol")) {
    return Wrong(where, absl::StrCat("there is a port ", name.dump(),
                                     " for each of several protocols: say \"protocol\" as well"));
  }
  return std::find_if(first, base.end(), [&](const Json& other) {
    return is_same(other) && other.value("protocol", Json("TCP")) == item["protocol"];
  });
}

absl::Status MergeLists(Json& base, const Json& patch, absl::string_view kind, const char* key,
                        const std::string& where) {
  const auto key_of = [key](const Json& item) -> Json {
    if (*key == '\0') return item;
    return item.is_object() && item.contains(key) ? item[key] : Json();
  };
  for (const Json& item : patch) {
    CHARON_ASSIGN_OR_RETURN(const std::string directive, DirectiveOf(item, where));
    if (directive != "replace") continue;
    if (item.size() > 1)
      return Wrong(where, "an item with $patch: replace replaces the list and has nothing else");
    base = Json::array();
  }
  for (const Json& item : patch) {
    CHARON_ASSIGN_OR_RETURN(const std::string directive, DirectiveOf(item, where));
    if (directive == "replace") continue;
    const Json name = key_of(item);
    if (!name.is_primitive() || name.is_null()) {
      return Wrong(where, absl::StrCat("an item has no \"", key,
                                       "\", by which the items of this list are told apart"));
    }
    CHARON_ASSIGN_OR_RETURN(const auto same, Same(base, item, key, key_of, where));
    if (directive == "delete") {
      if (same != base.end()) base.erase(same);
    } else if (same == base.end()) {
      Json added;
      CHARON_RETURN_IF_ERROR(Merge(added, item, kind, where));
      base.push_back(std::move(added));
    } else {
      CHARON_RETURN_IF_ERROR(Merge(*same, item, kind, where));
    }
  }
  return absl::OkStatus();
}

// Takes away what `keys` does not name.
absl::Status Retain(Json& base, const Json& keys, const std::string& where) {
  if (!keys.is_array()) return Wrong(where, "$retainKeys must be a list of fields");
  for (auto field = base.begin(); field != base.end();) {
    const bool stays = std::find(keys.begin(), keys.end(), Json(field.key())) != keys.end();
    field = stays ? std::next(field) : base.erase(field);
  }
  return absl::OkStatus();
}

absl::Status Merge(Json& base, const Json& patch, absl::string_view kind,
                   const std::string& where) {
  if (!patch.is_object()) {
    base = patch;
    return absl::OkStatus();
  }
  CHARON_ASSIGN_OR_RETURN(const std::string directive, DirectiveOf(patch, where));
  if (!base.is_object() || directive == "replace") base = Json::object();
  if (patch.contains(kRetainKeys)) CHARON_RETURN_IF_ERROR(Retain(base, patch[kRetainKeys], where));
  for (const auto& [name, value] : patch.items()) {
    if (name == kDirective || name == kRetainKeys) continue;
    if (absl::StartsWith(name, "$")) {
      return Wrong(where, absl::StrCat("the directive ", name, " is not for patches that people ",
                                       "write; $patch and $retainKeys are"));
    }
    const std::string inner = where.empty() ? name : absl::StrCat(where, ".", name);
    CHARON_ASSIGN_OR_RETURN(const std::string of_value, DirectiveOf(value, inner));
    if (value.is_null() || of_value == "delete") {
      base.erase(name);
      continue;
    }
    Json& there = base[name];
    if (const char* key = MergeKey(kind, name); key != nullptr && value.is_array()) {
      if (!there.is_array()) there = Json::array();
      CHARON_RETURN_IF_ERROR(MergeLists(there, value, kind, key, inner));
    } else {
      CHARON_RETURN_IF_ERROR(Merge(there, value, kind, inner));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StrategicMerge(Json& base, const Json& patch) {
  const std::string kind = base.is_object() ? base.value("kind", "") : "";
  return Merge(base, patch, kind, "");
}

}  // namespace charon::service
