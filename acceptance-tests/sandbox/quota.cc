#include "quota.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "status.h"

namespace charon::sandbox {
namespace {

Quantity One() { return *Quantity::Parse("1"); }

void AddAll(Amounts& to, const Json& amounts) {
  for (const auto& [name, value] : amounts.items()) to[name] += Quantity::FromJson(value);
}

void RaiseTo(Amounts& to, const Amounts& other) {
  for (const auto& [name, value] : other) {
    const auto [it, inserted] = to.try_emplace(name, value);
    if (!inserted && it->second < value) it->second = value;
  }
}

bool IsFinished(const Json& pod) {
  const std::string phase = Text(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

bool IsBestEffort(const Json& pod) {
  for (const char* list : {"containers", "initContainers"}) {
    for (const Json& container : Items(pod, {"spec", list})) {
      for (const char* which : {"requests", "limits"}) {
        const Json& amounts = Members(container, {"resources", which});
        if (amounts.contains("cpu") || amounts.contains("memory")) return false;
      }
    }
  }
  return true;
}

bool MatchesSelectorTerm(const Json& pod, const Json& term) {
  const std::string scope = Text(term, {"scopeName"});
  const std::string op = Text(term, {"operator"});
  if (scope == "PriorityClass") {
    const std::string name = Text(pod, {"spec", "priorityClassName"});
    const Json& values = Items(term, {"values"});
    const bool listed = std::find(values.begin(), values.end(), Json(name)) != values.end();
    if (op == "In") return !name.empty() && listed;
    if (op == "NotIn") return !listed;
    return op == "Exists" ? !name.empty() : name.empty();
  }
  if (scope == "BestEffort") return IsBestEffort(pod);
  if (scope == "NotBestEffort") return !IsBestEffort(pod);
  const bool terminating = Find(pod, {"spec", "activeDeadlineSeconds"}) != nullptr;
  if (scope == "Terminating") return terminating;
  return scope == "NotTerminating" ? !terminating : false;
}

// Does the quota count this object at all? Scopes only speak about pods.
bool InScope(const Json& quota, const Resource& resource, const Json& object) {
  std::vector<Json> terms;
  for (const Json& scope : Items(quota, {"spec", "scopes"})) {
    terms.push_back({{"scopeName", scope}, {"operator", "Exists"}});
  }
  for (const Json& term : Items(quota, {"spec", "scopeSelector", "matchExpressions"})) {
    terms.push_back(term);
  }
  if (terms.empty()) return true;
  if (resource.storage_key() != "/pods") return false;
  return std::all_of(terms.begin(), terms.end(),
                     [&](const Json& term) { return MatchesSelectorTerm(object, term); });
}

std::string Printed(const Amounts& amounts) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : amounts) {
    parts.push_back(absl::StrCat(name, "=", value.ToString()));
  }
  return absl::StrJoin(parts, ",");
}

// A quota over cpu or memory wants every container to name them.
std::string MissingAmounts(const Json& quota, const Json& pod) {
  std::map<std::string, std::set<std::string>> missing;
  for (const char* name :
       {"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"}) {
    if (!Members(quota, {"spec", "hard"}).contains(name)) continue;
    const std::string text = name;
    const bool limit = absl::StartsWith(text, "limits.");
    const auto dot = text.find('.');
    const std::string plain = dot == std::string::npos ? text : text.substr(dot + 1);
    for (const char* list : {"containers", "initContainers"}) {
      for (const Json& container : Items(pod, {"spec", list})) {
        if (!Members(container, {"resources", limit ? "limits" : "requests"}).contains(plain)) {
          missing[text].insert(Text(container, {"name"}));
        }
      }
    }
  }
  std::vector<std::string> parts;
  for (const auto& [name, containers] : missing) {
    parts.push_back(absl::StrCat(name, " for: ", absl::StrJoin(containers, ",")));
  }
  return absl::StrJoin(parts, "; ");
}

// Could objects of this resource use any of what `hard` names?
bool Concerns(const Resource& resource, const Json& hard) {
  const std::string key = resource.storage_key();
  const std::string counted = absl::StrCat("count/", resource.group_resource().ToString());
  for (const auto& [name, limit] : hard.items()) {
    if (name == counted || (resource.group.empty() && name == resource.plural)) return true;
    if (key == "/services" && absl::StartsWith(name, "services.")) return true;
    const bool storage =
        absl::StrContains(name, "requests.storage") || absl::StrContains(name, ".storageclass.");
    if (key == "/persistentvolumeclaims" && storage) return true;
    const bool compute = name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
                         absl::StartsWith(name, "requests.") || absl::StartsWith(name, "limits.") ||
                         absl::StartsWith(name, "hugepages-");
    if (key == "/pods" && compute && !storage) return true;
  }
  return false;
}

}  // namespace

Amounts PodAmounts(const Json& pod, const char* which) {
  Amounts sum;
  for (const Json& container : Items(pod, {"spec", "containers"})) {
    AddAll(sum, Members(container, {"resources", which}));
  }
  Amounts sidecars;
  Amounts peak;
  for (const Json& container : Items(pod, {"spec", "initContainers"})) {
    if (Text(container, {"restartPolicy"}) == "Always") {
      AddAll(sum, Members(container, {"resources", which}));
      AddAll(sidecars, Members(container, {"resources", which}));
      RaiseTo(peak, sidecars);
    } else {
      Amounts running = sidecars;
      AddAll(running, Members(container, {"resources", which}));
      RaiseTo(peak, running);
    }
  }
  RaiseTo(sum, peak);
  return sum;
}

Amounts UsageOf(const Resource& resource, const Json& object) {
  Amounts out;
  const std::string key = resource.storage_key();
  if (key == "/pods") {
    out["count/pods"] = One();
    if (IsFinished(object)) return out;
    out["pods"] = One();
    for (const auto& [name, amount] : PodAmounts(object, "requests")) {
      out["requests." + name] = amount;
      if (!absl::StrContains(name, '/')) out[name] = amount;
    }
    for (const auto& [name, amount] : PodAmounts(object, "limits")) {
      if (!absl::StrContains(name, '/')) out["limits." + name] = amount;
    }
    return out;
  }
  out[absl::StrCat("count/", resource.group_resource().ToString())] = One();
  if (resource.group.empty()) out[resource.plural] = One();
  if (key == "/services") {
    const std::string type = Text(object, {"spec", "type"});
    if (type == "LoadBalancer") out["services.loadbalancers"] = One();
    if (type == "NodePort" || type == "LoadBalancer") {
      for (std::size_t i = 0; i < Items(object, {"spec", "ports"}).size(); ++i) {
        out["services.nodeports"] += One();
      }
    }
  }
  if (key == "/persistentvolumeclaims") {
    if (const Json* size = Find(object, {"spec", "resources", "requests", "storage"})) {
      out["requests.storage"] = Quantity::FromJson(*size);
      const std::string storage_class = Text(object, {"spec", "storageClassName"});
      if (!storage_class.empty()) {
        const std::string prefix = storage_class + ".storageclass.storage.k8s.io/";
        out[prefix + "requests.storage"] = Quantity::FromJson(*size);
        out[prefix + "persistentvolumeclaims"] = One();
      }
    }
  }
  return out;
}

Json QuotaUsed(const Cluster& cluster, const Json& quota) {
  const Json& hard = Members(quota, {"spec", "hard"});
  Amounts used;
  const std::string ns = Text(quota, {"metadata", "namespace"});
  for (const auto& [key, objects] : cluster.store.by_resource()) {
    const auto slash = key.rfind('/');
    const ResourcePtr resource =
        cluster.kinds.FindAnyVersion(key.substr(0, slash), key.substr(slash + 1));
    if (resource == nullptr || !resource->namespaced || !Concerns(*resource, hard)) continue;
    for (const ObjectPtr& object : cluster.store.In(key, ns)) {
      if (!InScope(quota, *resource, *object)) continue;
      for (const auto& [name, amount] : UsageOf(*resource, *object)) used[name] += amount;
    }
  }
  Json out = Json::object();
  for (const auto& [name, limit] : hard.items()) out[name] = used[name].ToString();
  return out;
}

absl::Status CheckQuota(const Cluster& cluster, const Resource& resource, const std::string& ns,
                        const std::string& name, const Json& live, const Json& object) {
  const std::vector<ObjectPtr> quotas = cluster.store.In("/resourcequotas", ns);
  if (quotas.empty()) return absl::OkStatus();
  Amounts delta = UsageOf(resource, object);
  if (!live.is_null()) {
    // Of updates only what grows is charged.
    for (const auto& [what, amount] : UsageOf(resource, live)) delta[what] -= amount;
    std::erase_if(delta, [](const auto& entry) {
      return entry.second.IsZero() || entry.second.IsNegative();
    });
  }
  if (delta.empty()) return absl::OkStatus();
  for (const ObjectPtr& quota : quotas) {
    if (!InScope(*quota, resource, object)) continue;
    if (!Concerns(resource, Members(*quota, {"spec", "hard"}))) continue;
    const std::string quota_name = Text(*quota, {"metadata", "name"});
    if (resource.storage_key() == "/pods" && live.is_null()) {
      const std::string missing = MissingAmounts(*quota, object);
      if (!missing.empty()) {
        return Forbidden(resource.group_resource(), name,
                         absl::StrCat("failed quota: ", quota_name, ": must specify ", missing));
      }
    }
    const Json used = QuotaUsed(cluster, *quota);
    Amounts requested;
    Amounts now;
    Amounts limited;
    for (const auto& [what, limit] : Members(*quota, {"spec", "hard"}).items()) {
      const auto wanted = delta.find(what);
      if (wanted == delta.end()) continue;
      Quantity sum = Quantity::FromJson(used[what]);
      sum += wanted->second;
      const Quantity most = Quantity::FromJson(limit);
      if (sum > most) {
        requested[what] = wanted->second;
        now[what] = Quantity::FromJson(used[what]);
        limited[what] = most;
      }
    }
    if (!limited.empty()) {
      return Forbidden(
          resource.group_resource(), name,
          absl::StrCat("exceeded quota: ", quota_name, ", requested: ", Printed(requested),
                       ", used: ", Printed(now), ", limited: ", Printed(limited)));
    }
  }
  return absl::OkStatus();
}

}  // namespace charon::sandbox
