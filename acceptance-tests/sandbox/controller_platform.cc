// Namespaces that end, claims that bind, services with endpoints, quotas that count, definitions
// that become served.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller_parts.h"
#include "custom_schema.h"
#include "quantity.h"
#include "quota.h"
#include "selector.h"

namespace charon::sandbox {
namespace {

Json Condition(const char* type, bool status, const char* reason, const std::string& message) {
  return {{"type", type},
          {"status", status ? "True" : "False"},
          {"reason", reason},
          {"message", message}};
}

Json WithoutFinalizer(Json object, const char* finalizer) {
  Json rest = Json::array();
  for (const Json& one : Items(object, {"metadata", "finalizers"})) {
    if (one != finalizer) rest.push_back(one);
  }
  object["metadata"]["finalizers"] = std::move(rest);
  return object;
}

bool HasFinalizer(const Json& object, const char* finalizer) {
  const Json& list = Items(object, {"metadata", "finalizers"});
  return std::find(list.begin(), list.end(), Json(finalizer)) != list.end();
}

// A pod that uses the claim and still runs; nullptr if there is none.
ObjectPtr UserOfClaim(const Work& work, const Json& claim) {
  for (const ObjectPtr& pod : work.In("/pods", Text(claim, {"metadata", "namespace"}))) {
    if (IsFinished(*pod)) continue;
    for (const Json& volume : Items(*pod, {"spec", "volumes"})) {
      if (Text(volume, {"persistentVolumeClaim", "claimName"}) ==
          Text(claim, {"metadata", "name"})) {
        return pod;
      }
    }
  }
  return nullptr;
}

// `node`: where the pod is that was waited for, if the claim had to wait for one.
void Provision(const Work& work, const Json& claim, const Json& storage_class,
               const std::string& node) {
  const std::string uid = Text(claim, {"metadata", "uid"});
  const std::string name = "pvc-" + uid;
  const std::string provisioner = Text(storage_class, {"provisioner"});
  const Json size = *Find(claim, {"spec", "resources", "requests", "storage"});
  const absl::Status made = work.Create(
      "v1", "PersistentVolume",
      {{"metadata",
        {{"name", name},
         {"annotations",
          {{"pv.kubernetes.io/provisioned-by", provisioner},
           {"pv.kubernetes.io/bound-by-controller", "yes"}}}}},
       {"spec",
        {{"capacity", {{"storage", size}}},
         {"accessModes", Items(claim, {"spec", "accessModes"})},
         {"claimRef",
          {{"apiVersion", "v1"},
           {"kind", "PersistentVolumeClaim"},
           {"namespace", Text(claim, {"metadata", "namespace"})},
           {"name", Text(claim, {"metadata", "name"})},
           {"uid", uid}}},
         {"persistentVolumeReclaimPolicy", Text(storage_class, {"reclaimPolicy"}, "Delete")},
         {"storageClassName", Text(storage_class, {"metadata", "name"})},
         {"volumeMode", Text(claim, {"spec", "volumeMode"}, "Filesystem")},
         {"hostPath", {{"path", "/sandbox/" + name}}}}}});
  if (!made.ok()) return;
  Json bound = claim;
  bound["spec"]["volumeName"] = name;
  Json& annotations = Ensure(bound, {"metadata", "annotations"});
  annotations["pv.kubernetes.io/bind-completed"] = "yes";
  annotations["pv.kubernetes.io/bound-by-controller"] = "yes";
  annotations["volume.beta.kubernetes.io/storage-provisioner"] = provisioner;
  annotations["volume.kubernetes.io/storage-provisioner"] = provisioner;
  if (!node.empty()) annotations["volume.kubernetes.io/selected-node"] = node;
  work.Update(std::move(bound));
  work.SetStatus(claim, {{"phase", "Bound"},
                         {"accessModes", Items(claim, {"spec", "accessModes"})},
                         {"capacity", {{"storage", size}}}});
  work.Event(claim, "Normal", "ProvisioningSucceeded",
             absl::StrCat("Successfully provisioned volume ", name, " using ", provisioner),
             "persistentvolume-controller");
}

// A volume somebody made by hand that fits.
ObjectPtr FindVolume(const Work& work, const Json& claim) {
  work.cluster.mu.AssertHeld();
  const std::string wanted = Text(claim, {"spec", "volumeName"});
  const Quantity size =
      Quantity::FromJson(*Find(claim, {"spec", "resources", "requests", "storage"}));
  for (const auto& [key, volume] : work.cluster.store.All("/persistentvolumes")) {
    if (IsDeleted(*volume) || Text(*volume, {"status", "phase"}) == "Released") continue;
    if (!wanted.empty() && Text(*volume, {"metadata", "name"}) != wanted) continue;
    const Json* reference = Find(*volume, {"spec", "claimRef"});
    if (reference != nullptr &&
        (Text(*reference, {"namespace"}) != Text(claim, {"metadata", "namespace"}) ||
         Text(*reference, {"name"}) != Text(claim, {"metadata", "name"}) ||
         (!Text(*reference, {"uid"}).empty() &&
          Text(*reference, {"uid"}) != Text(claim, {"metadata", "uid"})))) {
      continue;
    }
    if (Text(*volume, {"spec", "storageClassName"}) != Text(claim, {"spec", "storageClassName"})) {
      continue;
    }
    const Json* capacity = Find(*volume, {"spec", "capacity", "storage"});
    if (capacity == nullptr || Quantity::FromJson(*capacity) < size) continue;
    const Json& modes = Items(*volume, {"spec", "accessModes"});
    bool fits = true;
    for (const Json& mode : Items(claim, {"spec", "accessModes"})) {
      fits = fits && std::find(modes.begin(), modes.end(), mode) != modes.end();
    }
    if (fits) return volume;
  }
  return nullptr;
}

// Ready addresses of a service, and the port number each of its ports means for them.
struct Backend {
  ObjectPtr pod;
  bool ready;
};

std::int64_t TargetPort(const Json& port, const Json& pod) {
  const Json* target = Find(port, {"targetPort"});
  if (target == nullptr) return Integer(port, {"port"});
  if (target->is_number()) return target->get<std::int64_t>();
  for (const Json& container : Items(pod, {"spec", "containers"})) {
    for (const Json& one : Items(container, {"ports"})) {
      if (Text(one, {"name"}) == target->get<std::string>()) return Integer(one, {"containerPort"});
    }
  }
  return 0;
}

void WriteEndpoints(const Work& work, const Json& service, const std::vector<Backend>& backends) {
  work.cluster.mu.AssertHeld();
  const std::string ns = Text(service, {"metadata", "namespace"});
  const std::string name = Text(service, {"metadata", "name"});
  Json slice_ports = Json::array();
  Json ports = Json::array();
  for (const Json& port : Items(service, {"spec", "ports"})) {
    const std::int64_t number = backends.empty() ? 0 : TargetPort(port, *backends.front().pod);
    if (number == 0) continue;
    Json one = {{"protocol", Text(port, {"protocol"})}, {"port", number}};
    if (!Text(port, {"name"}).empty()) one["name"] = Text(port, {"name"});
    ports.push_back(one);
    one["name"] = Text(port, {"name"});
    slice_ports.push_back(std::move(one));
  }
  Json ready = Json::array();
  Json not_ready = Json::array();
  Json endpoints = Json::array();
  for (const Backend& backend : backends) {
    const Json reference = {{"kind", "Pod"},
                            {"namespace", ns},
                            {"name", Text(*backend.pod, {"metadata", "name"})},
                            {"uid", Text(*backend.pod, {"metadata", "uid"})}};
    const std::string ip = Text(*backend.pod, {"status", "podIP"});
    const std::string node = Text(*backend.pod, {"spec", "nodeName"});
    (backend.ready ? ready : not_ready)
        .push_back({{"ip", ip}, {"nodeName", node}, {"targetRef", reference}});
    Json endpoint = {{"addresses", Json::array({ip})},
                     {"conditions",
                      {{"ready", backend.ready},
                       {"serving", IsReady(*backend.pod)},
                       {"terminating", IsDeleted(*backend.pod)}}},
                     {"targetRef", reference},
                     {"nodeName", node}};
    const std::string zone =
        Text(*backend.pod, {"metadata", "labels", "topology.kubernetes.io/zone"});
    if (!zone.empty()) endpoint["zone"] = zone;
    endpoints.push_back(std::move(endpoint));
  }
  Json subsets = Json::array();
  if (!backends.empty()) {
    Json subset = {{"ports", ports}};
    if (!ready.empty()) subset["addresses"] = ready;
    if (!not_ready.empty()) subset["notReadyAddresses"] = not_ready;
    subsets.push_back(std::move(subset));
  }
  const ObjectPtr old = work.Get("/endpoints", ns, name);
  if (old == nullptr) {
    Json labels = Members(service, {"metadata", "labels"});
    labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller";
    (void)work.Create("v1", "Endpoints",
                      {{"metadata", {{"name", name}, {"namespace", ns}, {"labels", labels}}},
                       {"subsets", subsets}});
  } else if (Items(*old, {"subsets"}) != subsets) {
    Json copy = *old;
    copy["subsets"] = subsets;
    work.Update(std::move(copy));
  }
  ObjectPtr slice;
  for (const ObjectPtr& one : work.In("discovery.k8s.io/endpointslices", ns)) {
    if (IsOwnedBy(*one, service)) slice = one;
  }
  if (slice == nullptr) {
    Json labels = Members(service, {"metadata", "labels"});
    labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io";
    labels["kubernetes.io/service-name"] = name;
    (void)work.Create("discovery.k8s.io/v1", "EndpointSlice",
                      {{"metadata",
                        {{"generateName", name + "-"},
                         {"namespace", ns},
                         {"labels", labels},
                         {"ownerReferences", Json::array({ControllerReference(service)})}}},
                       {"addressType", "IPv4"},
                       {"endpoints", endpoints},
                       {"ports", slice_ports}});
  } else if (Items(*slice, {"endpoints"}) != endpoints || Items(*slice, {"ports"}) != slice_ports) {
    Json copy = *slice;
    copy["endpoints"] = endpoints;
    copy["ports"] = slice_ports;
    work.Update(std::move(copy));
  }
}

}  // namespace

void ReconcileNamespace(const Work& work, const Json& ns) {
  work.cluster.mu.AssertHeld();
  if (!IsDeleted(ns)) return;
  const std::string name = Text(ns, {"metadata", "name"});
  // Delete everything, then count what did not go.
  std::map<std::string, int> remaining;
  std::map<std::string, int> finalizers;
  std::vector<std::string> keys;
  for (const auto& [key, objects] : work.cluster.store.by_resource()) keys.push_back(key);
  for (const std::string& key : keys) {
    const auto slash = key.rfind('/');
    const ResourcePtr resource =
        work.cluster.kinds.FindAnyVersion(key.substr(0, slash), key.substr(slash + 1));
    if (resource == nullptr || !resource->namespaced) continue;
    for (const ObjectPtr& object : work.In(key, name)) {
      if (!IsDeleted(*object)) work.Delete(*object);
    }
    for (const ObjectPtr& object : work.In(key, name)) {
      // Pods end by themselves in a moment.
      if (key == "/pods" && Items(*object, {"metadata", "finalizers"}).empty()) {
        ++remaining[key];
        continue;
      }
      ++remaining[key];
      for (const Json& finalizer : Items(*object, {"metadata", "finalizers"})) {
        ++finalizers[GoValue(finalizer)];
      }
    }
  }
  if (remaining.empty()) {
    Json done = ns;
    Json rest = Json::array();
    for (const Json& one : Items(ns, {"spec", "finalizers"})) {
      if (one != "kubernetes") rest.push_back(one);
    }
    done["spec"]["finalizers"] = rest;
    const ResourcePtr resource = work.ResourceOf(ns);
    if (!work.objects.FinishDeletion(*resource, done)) {
      work.cluster.store.Put("/namespaces", std::move(done));
    }
    return;
  }
  const std::string now = work.cluster.NowText();
  Json status = Members(ns, {"status"});
  Json& conditions = status["conditions"];
  SetCondition(conditions,
               Condition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
                         "All resources successfully discovered"),
               now, false);
  SetCondition(conditions,
               Condition("NamespaceDeletionGroupVersionParsingFailure", false,
                         "ParsedGroupVersions", "All legacy kube types successfully parsed"),
               now, false);
  SetCondition(conditions,
               Condition("NamespaceDeletionContentFailure", false, "ContentDeleted",
                         "All content successfully deleted, may be waiting on finalization"),
               now, false);
  std::vector<std::string> what;
  for (const auto& [key, count] : remaining) {
    const auto slash = key.rfind('/');
    what.push_back(absl::StrCat(key.substr(slash + 1), ".", key.substr(0, slash), " has ", count,
                                " resource instances"));
  }
  SetCondition(conditions,
               Condition("NamespaceContentRemaining", true, "SomeResourcesRemain",
                         absl::StrCat("Some resources are remaining: ", absl::StrJoin(what, ", "))),
               now, false);
  what.clear();
  for (const auto& [finalizer, count] : finalizers) {
    what.push_back(absl::StrCat(finalizer, " in ", count, " resource instances"));
  }
  if (what.empty()) {
    SetCondition(conditions,
                 Condition("NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
                           "All content-preserving finalizers finished"),
                 now, false);
  } else {
    SetCondition(conditions,
                 Condition("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain",
                           absl::StrCat("Some content in the namespace has finalizers remaining: ",
                                        absl::StrJoin(what, ", "))),
                 now, false);
  }
  work.SetStatus(ns, std::move(status));
}

void ReconcileClaim(const Work& work, const Json& claim) {
  work.cluster.mu.AssertHeld();
  if (IsDeleted(claim)) {
    if (HasFinalizer(claim, "kubernetes.io/pvc-protection") &&
        UserOfClaim(work, claim) == nullptr) {
      work.Update(WithoutFinalizer(claim, "kubernetes.io/pvc-protection"));
    }
    return;
  }
  const Json* size = Find(claim, {"spec", "resources", "requests", "storage"});
  if (Text(claim, {"status", "phase"}) == "Bound") {
    const Json* capacity = Find(claim, {"status", "capacity", "storage"});
    if (size != nullptr && (capacity == nullptr || *capacity != *size)) {
      Json status = Members(claim, {"status"});
      status["capacity"] = {{"storage", *size}};
      work.SetStatus(claim, std::move(status));
      const ObjectPtr volume =
          work.Get("/persistentvolumes", "", Text(claim, {"spec", "volumeName"}));
      if (volume != nullptr) {
        Json grown = *volume;
        grown["spec"]["capacity"]["storage"] = *size;
        work.Update(std::move(grown));
      }
    }
    return;
  }
  if (size == nullptr) return;
  if (const ObjectPtr volume = FindVolume(work, claim)) {
    Json taken = *volume;
    taken["spec"]["claimRef"] = {{"apiVersion", "v1"},
                                 {"kind", "PersistentVolumeClaim"},
                                 {"namespace", Text(claim, {"metadata", "namespace"})},
                                 {"name", Text(claim, {"metadata", "name"})},
                                 {"uid", Text(claim, {"metadata", "uid"})}};
    work.Update(std::move(taken));
    Json bound = claim;
    bound["spec"]["volumeName"] = Text(*volume, {"metadata", "name"});
    Ensure(bound, {"metadata", "annotations"})["pv.kubernetes.io/bind-completed"] = "yes";
    work.Update(std::move(bound));
    work.SetStatus(claim, {{"phase", "Bound"},
                           {"accessModes", Items(*volume, {"spec", "accessModes"})},
                           {"capacity", Members(*volume, {"spec", "capacity"})}});
    return;
  }
  const std::string class_name = Text(claim, {"spec", "storageClassName"});
  if (class_name.empty()) {
    work.Event(claim, "Normal", "FailedBinding",
               "no persistent volumes available for this claim and no storage class is set",
               "persistentvolume-controller");
    return;
  }
  const ObjectPtr storage_class = work.Get("storage.k8s.io/storageclasses", "", class_name);
  if (storage_class == nullptr) {
    work.Event(claim, "Warning", "ProvisioningFailed",
               absl::StrCat("storageclass.storage.k8s.io \"", class_name, "\" not found"),
               "persistentvolume-controller");
    return;
  }
  if (Text(*storage_class, {"provisioner"}) == "kubernetes.io/no-provisioner") return;
  std::string node;
  if (Text(*storage_class, {"volumeBindingMode"}) == "WaitForFirstConsumer") {
    const ObjectPtr pod = UserOfClaim(work, claim);
    if (pod == nullptr) {
      work.Event(claim, "Normal", "WaitForFirstConsumer",
                 "waiting for first consumer to be created before binding",
                 "persistentvolume-controller");
      return;
    }
    node = Text(*pod, {"spec", "nodeName"});
    if (node.empty()) {
      work.Event(
          claim, "Normal", "WaitForPodScheduled",
          absl::StrCat("waiting for pod ", Text(*pod, {"metadata", "name"}), " to be scheduled"),
          "persistentvolume-controller");
      return;
    }
  }
  Provision(work, claim, *storage_class, node);
}

void ReconcileVolume(const Work& work, const Json& volume) {
  work.cluster.mu.AssertHeld();
  const Json* reference = Find(volume, {"spec", "claimRef"});
  const ObjectPtr claim = reference == nullptr
                              ? nullptr
                              : work.Get("/persistentvolumeclaims", Text(*reference, {"namespace"}),
                                         Text(*reference, {"name"}));
  const bool held =
      claim != nullptr && (Text(*reference, {"uid"}).empty() ||
                           Text(*claim, {"metadata", "uid"}) == Text(*reference, {"uid"}));
  if (IsDeleted(volume)) {
    if (!held && HasFinalizer(volume, "kubernetes.io/pv-protection")) {
      work.Update(WithoutFinalizer(volume, "kubernetes.io/pv-protection"));
    }
    return;
  }
  std::string phase = "Available";
  if (reference != nullptr && !Text(*reference, {"uid"}).empty()) {
    phase = held ? "Bound" : "Released";
  }
  if (phase == "Released" && Text(volume, {"spec", "persistentVolumeReclaimPolicy"}) == "Delete") {
    work.Delete(volume);
    return;
  }
  if (Text(volume, {"status", "phase"}) != phase) {
    work.SetStatus(volume, {{"phase", phase}, {"lastPhaseTransitionTime", work.cluster.NowText()}});
  }
}

void ReconcileService(const Work& work, const Json& service) {
  if (IsDeleted(service)) return;
  if (Text(service, {"spec", "type"}) == "LoadBalancer" &&
      Find(service, {"metadata", "annotations", "test/no-address"}) == nullptr &&
      Items(service, {"status", "loadBalancer", "ingress"}).empty()) {
    // Made from the cluster address, so each has its own.
    const std::vector<std::string> parts =
        absl::StrSplit(Text(service, {"spec", "clusterIP"}), '.');
    const std::string ip =
        parts.size() == 4 ? absl::StrCat("198.18.", parts[2], ".", parts[3]) : "198.18.0.1";
    Json status = Members(service, {"status"});
    status["loadBalancer"] = {{"ingress", Json::array({{{"ip", ip}, {"ipMode", "VIP"}}})}};
    work.SetStatus(service, std::move(status));
  }
  const Json* chosen = Find(service, {"spec", "selector"});
  if (chosen == nullptr || chosen->empty()) return;
  const Json wrapped = {{"matchLabels", *chosen}};
  const LabelSelector selector = LabelSelector::FromJson(&wrapped);
  const bool unready_too = Flag(service, {"spec", "publishNotReadyAddresses"});
  std::vector<Backend> backends;
  for (const ObjectPtr& pod : work.In("/pods", Text(service, {"metadata", "namespace"}))) {
    if (IsFinished(*pod) || Text(*pod, {"status", "podIP"}).empty()) continue;
    if (!selector.Matches(Members(*pod, {"metadata", "labels"}))) continue;
    backends.push_back({pod, (IsReady(*pod) && !IsDeleted(*pod)) || unready_too});
  }
  WriteEndpoints(work, service, backends);
}

void ReconcileIngress(const Work& work, const Json& ingress) {
  if (IsDeleted(ingress) ||
      Find(ingress, {"metadata", "annotations", "test/no-address"}) != nullptr ||
      !Items(ingress, {"status", "loadBalancer", "ingress"}).empty()) {
    return;
  }
  work.SetStatus(ingress, {{"loadBalancer", {{"ingress", Json::array({{{"ip", "198.19.0.1"}}})}}}});
}

void ReconcileQuota(const Work& work, const Json& quota) {
  work.cluster.mu.AssertHeld();
  if (IsDeleted(quota)) return;
  work.SetStatus(quota, {{"hard", Members(quota, {"spec", "hard"})},
                         {"used", QuotaUsed(work.cluster, quota)}});
}

void ReconcileDisruptionBudget(const Work& work, const Json& budget) {
  work.cluster.mu.AssertHeld();
  const LabelSelector selector = LabelSelector::FromJson(Find(budget, {"spec", "selector"}));
  std::int64_t expected = 0;
  std::int64_t healthy = 0;
  for (const ObjectPtr& pod : work.In("/pods", Text(budget, {"metadata", "namespace"}))) {
    if (IsFinished(*pod) || !selector.Matches(Members(*pod, {"metadata", "labels"}))) continue;
    ++expected;
    healthy += IsReady(*pod) && !IsDeleted(*pod) ? 1 : 0;
  }
  std::int64_t desired = expected;
  if (const Json* least = Find(budget, {"spec", "minAvailable"})) {
    desired = Scaled(least, expected, true);
  } else if (const Json* most = Find(budget, {"spec", "maxUnavailable"})) {
    desired = std::max<std::int64_t>(0, expected - Scaled(most, expected, true));
  }
  const std::int64_t allowed = expected == 0 ? 0 : std::max<std::int64_t>(0, healthy - desired);
  Json conditions = Items(budget, {"status", "conditions"});
  Json condition = Condition("DisruptionAllowed", allowed > 0,
                             allowed > 0 ? "SufficientPods" : "InsufficientPods", "");
  condition["observedGeneration"] = Integer(budget, {"metadata", "generation"});
  SetCondition(conditions, std::move(condition), work.cluster.NowText(), false);
  work.SetStatus(budget, {{"observedGeneration", Integer(budget, {"metadata", "generation"})},
                          {"expectedPods", expected},
                          {"currentHealthy", healthy},
                          {"desiredHealthy", desired},
                          {"disruptionsAllowed", allowed},
                          {"conditions", conditions}});
}

void ReconcileDefinition(const Work& work, const Json& definition) {
  work.cluster.mu.AssertHeld();
  const std::string group = Text(definition, {"spec", "group"});
  const std::string plural = Text(definition, {"spec", "names", "plural"});
  const std::string key = absl::StrCat(group, "/", plural);
  constexpr char kCleanup[] = "customresourcecleanup.apiextensions.k8s.io";
  if (IsDeleted(definition)) {
    for (const auto& [name, object] : Store::Objects(work.cluster.store.All(key))) {
      if (!IsDeleted(*object)) work.Delete(*object);
    }
    if (!work.cluster.store.All(key).empty() || !HasFinalizer(definition, kCleanup)) return;
    work.cluster.kinds.Remove(group, plural);
    work.Update(WithoutFinalizer(definition, kCleanup));
    return;
  }
  work.cluster.kinds.Remove(group, plural);
  for (ResourcePtr& resource : ResourcesOf(definition)) {
    work.cluster.kinds.Add(std::move(resource));
  }
  const std::string now = work.cluster.NowText();
  Json status = Members(definition, {"status"});
  status["acceptedNames"] = Members(definition, {"spec", "names"});
  if (!status.contains("storedVersions")) status["storedVersions"] = Json::array();
  for (const Json& version : Items(definition, {"spec", "versions"})) {
    const Json name = Text(version, {"name"});
    Json& stored = status["storedVersions"];
    if (Flag(version, {"storage"}) &&
        std::find(stored.begin(), stored.end(), name) == stored.end()) {
      stored.push_back(name);
    }
  }
  SetCondition(status["conditions"],
               Condition("NamesAccepted", true, "NoConflicts", "no conflicts found"), now, false);
  SetCondition(status["conditions"],
               Condition("Established", true, "InitialNamesAccepted",
                         "the initial names have been accepted"),
               now, false);
  work.SetStatus(definition, std::move(status));
}

void ReconcileSecret(const Work& work, const Json& secret) {
  work.cluster.mu.AssertHeld();
  if (Text(secret, {"type"}) != "kubernetes.io/service-account-token" ||
      Find(secret, {"data", "token"}) != nullptr) {
    return;
  }
  const std::string ns = Text(secret, {"metadata", "namespace"});
  const std::string account =
      Text(secret, {"metadata", "annotations", "kubernetes.io/service-account.name"});
  const ObjectPtr owner = work.Get("/serviceaccounts", ns, account);
  if (owner == nullptr) return;
  const ObjectPtr authority = work.Get("/configmaps", ns, "kube-root-ca.crt");
  Json filled = secret;
  Json& data = Ensure(filled, {"data"});
  data["token"] =
      absl::Base64Escape(absl::StrCat("sandbox-sa:", ns, ":", account, ":", work.cluster.NewUid()));
  data["namespace"] = absl::Base64Escape(ns);
  data["ca.crt"] =
      absl::Base64Escape(authority == nullptr ? "" : Text(*authority, {"data", "ca.crt"}));
  filled["metadata"]["annotations"]["kubernetes.io/service-account.uid"] =
      Text(*owner, {"metadata", "uid"});
  work.Update(std::move(filled));
}

}  // namespace charon::sandbox
