#include "admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "defaults.h"
#include "limit_range.h"
#include "mutation_rules.h"
#include "pod_security.h"
#include "quota.h"
#include "status.h"

namespace charon::sandbox {
namespace {

absl::Status CheckNamespace(Cluster& cluster, const Call& call, const Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  const ObjectPtr ns = cluster.store.Get("/namespaces", "", call.ns);
  if (ns == nullptr) return NotFound({"", "namespaces"}, call.ns);
  if (call.internal || Find(*ns, {"metadata", "deletionTimestamp"}) == nullptr) {
    return absl::OkStatus();
  }
  const GroupResource what = call.resource->group_resource();
  const std::string name = Text(object, {"metadata", "name"});
  Json details = {
      {"name", name},
      {"kind", what.resource},
      {"causes",
       Json::array({{{"reason", "NamespaceTerminating"},
                     {"message", absl::StrCat("namespace ", call.ns, " is being terminated")},
                     {"field", "metadata.namespace"}}})}};
  if (!what.group.empty()) details["group"] = what.group;
  return ApiStatus(403, "Forbidden",
                   absl::StrCat(what.ToString(), " ", Quote(name),
                                " is forbidden: unable to create new content in namespace ",
                                call.ns, " because it is being terminated"),
                   std::move(details));
}

// Every pod runs as somebody and gets that somebody's token.
absl::Status AddServiceAccount(Cluster& cluster, const Call& call, Json& pod)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  Json& spec = pod["spec"];
  if (Text(spec, {"serviceAccountName"}).empty()) {
    spec["serviceAccountName"] = "default";
    spec["serviceAccount"] = "default";
  }
  const std::string account_name = Text(spec, {"serviceAccountName"});
  const ObjectPtr account = cluster.store.Get("/serviceaccounts", call.ns, account_name);
  if (account == nullptr) {
    return Forbidden({"", "pods"}, call.name,
                     absl::StrCat("error looking up service account ", call.ns, "/", account_name,
                                  ": serviceaccount ", Quote(account_name), " not found"));
  }
  if (Items(spec, {"imagePullSecrets"}).empty() && !Items(*account, {"imagePullSecrets"}).empty()) {
    spec["imagePullSecrets"] = Items(*account, {"imagePullSecrets"});
  }
  const bool wanted = Flag(spec, {"automountServiceAccountToken"},
                           Flag(*account, {"automountServiceAccountToken"}, true));
  constexpr char kPlace[] = "/var/run/secrets/kubernetes.io/serviceaccount";
  if (!wanted) return absl::OkStatus();
  const std::string volume = absl::StrCat("kube-api-access-", cluster.NameSuffix());
  bool mounted = false;
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list) || !spec[list].is_array()) continue;
    for (Json& container : spec[list]) {
      if (!container.is_object()) continue;
      bool has = false;
      for (const Json& mount : Items(container, {"volumeMounts"})) {
        has = has || Text(mount, {"mountPath"}) == kPlace;
      }
      if (has) continue;
      container["volumeMounts"].push_back(
          {{"name", volume}, {"readOnly", true}, {"mountPath", kPlace}});
      mounted = true;
    }
  }
  if (!mounted) return absl::OkStatus();
  spec["volumes"].push_back(
      {{"name", volume},
       {"projected",
        {{"defaultMode", 420},
         {"sources",
          Json::array(
              {{{"serviceAccountToken", {{"expirationSeconds", 3607}, {"path", "token"}}}},
               {{"configMap",
                 {{"name", "kube-root-ca.crt"},
                  {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}},
               {{"downwardAPI",
                 {{"items", Json::array({{{"path", "namespace"},
                                          {"fieldRef",
                                           {{"apiVersion", "v1"},
                                            {"fieldPath", "metadata.namespace"}}}}})}}}}})}}}});
  return absl::OkStatus();
}

absl::Status ResolvePriority(Cluster& cluster, const Call& call, Json& pod)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  constexpr char kClasses[] = "scheduling.k8s.io/priorityclasses";
  Json& spec = pod["spec"];
  std::string name = Text(spec, {"priorityClassName"});
  ObjectPtr found;
  if (name.empty()) {
    for (const auto& [key, one] : cluster.store.All(kClasses)) {
      if (!Flag(*one, {"globalDefault"})) continue;
      if (found == nullptr || Integer(*one, {"value"}) < Integer(*found, {"value"})) found = one;
    }
    if (found != nullptr) spec["priorityClassName"] = Text(*found, {"metadata", "name"});
  } else {
    found = cluster.store.Get(kClasses, "", name);
    if (found == nullptr) {
      return Forbidden({"", "pods"}, call.name,
                       absl::StrCat("no PriorityClass with name ", name, " was found"));
    }
  }
  const std::int64_t priority = found == nullptr ? 0 : Integer(*found, {"value"});
  if (const Json* given = Find(spec, {"priority"}); given != nullptr && *given != priority) {
    return Forbidden({"", "pods"}, call.name,
                     absl::StrCat("the integer value of priority (", Dump(*given),
                                  ") must not be provided in pod spec; priority admission "
                                  "controller computed ",
                                  priority, " from the given PriorityClass name"));
  }
  spec["priority"] = priority;
  const std::string policy = found == nullptr
                                 ? "PreemptLowerPriority"
                                 : Text(*found, {"preemptionPolicy"}, "PreemptLowerPriority");
  if (const Json* given = Find(spec, {"preemptionPolicy"}); given != nullptr && *given != policy) {
    return Forbidden({"", "pods"}, call.name,
                     absl::StrCat("the string value of PreemptionPolicy (", GoValue(*given),
                                  ") must not be provided in pod spec; priority admission "
                                  "controller computed ",
                                  policy, " from the given PriorityClass name"));
  }
  spec["preemptionPolicy"] = policy;
  return absl::OkStatus();
}

// A pod stays five minutes on a node that is lost, unless it says otherwise.
void AddTolerations(Json& pod) {
  Json tolerations = Items(pod, {"spec", "tolerations"});
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool there = false;
    for (const Json& one : tolerations) {
      const std::string own = Text(one, {"key"});
      const std::string effect = Text(one, {"effect"});
      there = there || ((own == key || own.empty()) && (effect == "NoExecute" || effect.empty()));
    }
    if (there) continue;
    tolerations.push_back({{"key", key},
                           {"operator", "Exists"},
                           {"effect", "NoExecute"},
                           {"tolerationSeconds", 300}});
  }
  if (!tolerations.empty()) pod["spec"]["tolerations"] = std::move(tolerations);
}

void AddStorageClass(Cluster& cluster, Json& claim) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  if (Find(claim, {"spec", "storageClassName"}) != nullptr) return;
  for (const auto& [key, one] : cluster.store.All("storage.k8s.io/storageclasses")) {
    if (Text(*one, {"metadata", "annotations", "storageclass.kubernetes.io/is-default-class"}) ==
        "true") {
      Ensure(claim, {"spec"})["storageClassName"] = Text(*one, {"metadata", "name"});
      return;
    }
  }
}

const Json* PodSpecOf(const Resource& resource, const Json& object) {
  const std::string key = resource.storage_key();
  if (key == "/pods") return Find(object, {"spec"});
  if (key == "batch/cronjobs") {
    return Find(object, {"spec", "jobTemplate", "spec", "template", "spec"});
  }
  return Find(object, {"spec", "template", "spec"});
}

absl::Status CheckPodSecurity(Cluster& cluster, const Call& call, const Json& object,
                              std::vector<std::string>& warnings)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  const Resource& resource = *call.resource;
  const bool pod = resource.storage_key() == "/pods";
  const bool workload = resource.group == "apps" || resource.group == "batch";
  if (!pod && !workload) return absl::OkStatus();
  const Json* spec = PodSpecOf(resource, object);
  const ObjectPtr ns = cluster.store.Get("/namespaces", "", call.ns);
  if (spec == nullptr || ns == nullptr) return absl::OkStatus();
  const auto label = [&](const char* mode) {
    return Text(*ns,
                {"metadata", "labels", absl::StrCat("pod-security.kubernetes.io/", mode).c_str()});
  };
  const auto version = [&](const char* mode) {
    return Text(*ns,
                {"metadata", "labels",
                 absl::StrCat("pod-security.kubernetes.io/", mode, "-version").c_str()},
                "latest");
  };
  const Json& annotations = Members(object, {"metadata", "annotations"});
  if (const std::string warn = label("warn"); !warn.empty()) {
    const std::string found = PodSecurityViolations(warn, *spec, annotations);
    if (!found.empty()) {
      warnings.push_back(absl::StrCat("would violate PodSecurity ",
                                      Quote(absl::StrCat(warn, ":", version("warn"))), ": ",
                                      found));
    }
  }
  const std::string enforce = label("enforce");
  if (!pod || enforce.empty()) return absl::OkStatus();
  const std::string found = PodSecurityViolations(enforce, *spec, annotations);
  if (found.empty()) return absl::OkStatus();
  return Forbidden(
      {"", "pods"}, call.name,
      absl::StrCat("violates PodSecurity ", Quote(absl::StrCat(enforce, ":", version("enforce"))),
                   ": ", found));
}

absl::Status CheckResize(Cluster& cluster, const Call& call, const Json& live, const Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  const Json* before = Find(live, {"spec", "resources", "requests", "storage"});
  const Json* after = Find(object, {"spec", "resources", "requests", "storage"});
  if (before == nullptr || after == nullptr ||
      !(Quantity::FromJson(*after) > Quantity::FromJson(*before))) {
    return absl::OkStatus();
  }
  const ObjectPtr storage_class = cluster.store.Get("storage.k8s.io/storageclasses", "",
                                                    Text(object, {"spec", "storageClassName"}));
  if (storage_class != nullptr && Flag(*storage_class, {"allowVolumeExpansion"})) {
    return absl::OkStatus();
  }
  return Forbidden(call.resource->group_resource(), call.name,
                   "only dynamically provisioned pvc can be resized and the storageclass that "
                   "provisions the pvc must support resize");
}

}  // namespace

absl::Status Mutate(Cluster& cluster, const Call& call, const Json& live, Json& object) {
  const Resource& resource = *call.resource;
  const std::string key = resource.storage_key();
  const bool create = live.is_null();
  if (create && resource.namespaced) {
    SANDBOX_RETURN_IF_ERROR(CheckNamespace(cluster, call, object));
  }
  if (!call.subresource.empty()) return absl::OkStatus();
  if (create && key == "/pods") {
    SANDBOX_RETURN_IF_ERROR(ApplyMutationRules(cluster, call, live, object));
    SANDBOX_RETURN_IF_ERROR(ApplyLimitRanges(cluster, call.ns, object));
    SANDBOX_RETURN_IF_ERROR(AddServiceAccount(cluster, call, object));
    SANDBOX_RETURN_IF_ERROR(ResolvePriority(cluster, call, object));
    AddTolerations(object);
    return absl::OkStatus();
  }
  if (create && key == "/persistentvolumeclaims") AddStorageClass(cluster, object);
  if (call.internal) return absl::OkStatus();
  return ApplyMutationRules(cluster, call, live, object);
}

absl::Status Admit(Cluster& cluster, Call& call, const Json& live, const Json& object) {
  const Resource& resource = *call.resource;
  const std::string key = resource.storage_key();
  const bool create = live.is_null();
  if (!call.subresource.empty()) return absl::OkStatus();
  // What controllers make is judged like everything else: that is how quota stops a rollout.
  if (create && (key == "/pods" || key == "/persistentvolumeclaims")) {
    SANDBOX_RETURN_IF_ERROR(CheckLimitRanges(cluster, call, object));
  }
  if (create || resource.group == "apps" || resource.group == "batch") {
    SANDBOX_RETURN_IF_ERROR(CheckPodSecurity(cluster, call, object, call.warnings));
  }
  if (!create && key == "/persistentvolumeclaims") {
    SANDBOX_RETURN_IF_ERROR(CheckResize(cluster, call, live, object));
  }
  if (resource.namespaced && (create || key == "/services" || key == "/persistentvolumeclaims")) {
    SANDBOX_RETURN_IF_ERROR(CheckQuota(cluster, resource, call.ns, call.name, live, object));
  }
  return absl::OkStatus();
}

}  // namespace charon::sandbox
