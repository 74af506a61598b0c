#include "strategy.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon::sandbox {
namespace {

bool IsOneOf(const Resource& resource, std::initializer_list<const char*> keys) {
  const std::string key = resource.storage_key();
  for (const char* one : keys) {
    if (key == one) return true;
  }
  return false;
}

void InitialStatus(const Resource& resource, Json& object) {
  const std::string key = resource.storage_key();
  Json status = Json::object();
  if (key == "/namespaces") status["phase"] = "Active";
  if (key == "/persistentvolumeclaims" || key == "/persistentvolumes" || key == "/pods") {
    status["phase"] = "Pending";
  }
  if (key == "/nodes" || key == "/resourcequotas") {
    if (const Json* sent = Find(object, {"status"})) status = *sent;
  }
  if (key == "/services" || key == "networking.k8s.io/ingresses") {
    status["loadBalancer"] = Json::object();
  }
  if (key == "apiextensions.k8s.io/customresourcedefinitions") {
    status["storedVersions"] = Json::array();
    for (const Json& version : Items(object, {"spec", "versions"})) {
      if (Flag(version, {"storage"})) status["storedVersions"].push_back(Text(version, {"name"}));
    }
  }
  object["status"] = std::move(status);
}

std::string QosClass(const Json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const char* list : {"containers", "initContainers"}) {
    for (const Json& container : Items(spec, {list})) {
      const Json& requests = Members(container, {"resources", "requests"});
      const Json& limits = Members(container, {"resources", "limits"});
      for (const char* name : {"cpu", "memory"}) {
        any = any || requests.contains(name) || limits.contains(name);
        guaranteed = guaranteed && limits.contains(name) &&
                     (!requests.contains(name) || requests[name] == limits[name]);
      }
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

std::string NextClusterIp(Cluster& cluster) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  std::set<std::string> used;
  for (const auto& [key, service] : cluster.store.All("/services")) {
    used.insert(Text(*service, {"spec", "clusterIP"}));
  }
  for (int i = 0; i < 65'000; ++i) {
    const int n = cluster.next_ip++ % 65'000 + 10;
    const std::string ip = absl::StrCat("10.96.", n / 256, ".", n % 256);
    if (used.count(ip) == 0) return ip;
  }
  return "10.96.255.254";
}

// Cluster addresses and node ports.
void AllocateService(Cluster& cluster, const Json& live, Json& object)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  Json& spec = Ensure(object, {"spec"});
  const std::string type = Text(spec, {"type"}, "ClusterIP");
  if (type == "ExternalName") {
    for (const char* name : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
      spec.erase(name);
    }
  } else {
    for (const char* name : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
      const Json* before = Find(live, {"spec", name});
      if (!spec.contains(name) && before != nullptr) spec[name] = *before;
    }
    if (Text(spec, {"clusterIP"}).empty()) {
      const Json& ips = Items(spec, {"clusterIPs"});
      spec["clusterIP"] = ips.empty() ? NextClusterIp(cluster) : GoValue(ips[0]);
    }
    if (!spec.contains("clusterIPs")) spec["clusterIPs"] = Json::array({spec["clusterIP"]});
    if (!spec.contains("ipFamilies")) spec["ipFamilies"] = Json::array({"IPv4"});
    if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  }
  const bool with_node_ports =
      type == "NodePort" ||
      (type == "LoadBalancer" && Flag(spec, {"allocateLoadBalancerNodePorts"}, true));
  // Given up with the type, unless the client changes it (pkg/registry/core/service/strategy.go,
  // dropTypeDependentFields).
  if (const Json* before = Find(live, {"spec", "externalTrafficPolicy"});
      before != nullptr && type == "ClusterIP" && Text(live, {"spec", "type"}) != type &&
      Items(spec, {"externalIPs"}).empty() &&
      spec.value("externalTrafficPolicy", Json()) == *before)
    spec.erase("externalTrafficPolicy");
  if (!spec.contains("ports") || !spec["ports"].is_array()) return;
  for (Json& port : spec["ports"]) {
    if (!port.is_object()) continue;
    if (!with_node_ports) {
      // Given up with the type, unless the client names one (validation then refuses it).
      const Json* before = Find(live, {"spec", "type"});
      if (before != nullptr && *before != type) port.erase("nodePort");
      continue;
    }
    if (Integer(port, {"nodePort"}) != 0) continue;
    for (const Json& old : Items(live, {"spec", "ports"})) {
      if (Integer(old, {"port"}) == Integer(port, {"port"}) &&
          Text(old, {"protocol"}) == Text(port, {"protocol"}) && Integer(old, {"nodePort"}) != 0) {
        port["nodePort"] = Integer(old, {"nodePort"});
      }
    }
    if (Integer(port, {"nodePort"}) == 0) {
      port["nodePort"] = 30000 + (cluster.next_node_port++ - 30000) % 2768;
    }
  }
}

}  // namespace

bool HasGeneration(const Resource& resource) {
  if (resource.is_custom()) return true;
  return IsOneOf(
      resource,
      {"apps/deployments", "apps/replicasets", "apps/statefulsets", "apps/daemonsets", "batch/jobs",
       "batch/cronjobs", "/pods", "/replicationcontrollers", "networking.k8s.io/ingresses",
       "networking.k8s.io/networkpolicies", "networking.k8s.io/ingressclasses",
       "policy/poddisruptionbudgets", "scheduling.k8s.io/priorityclasses",
       "discovery.k8s.io/endpointslices", "apiextensions.k8s.io/customresourcedefinitions",
       "admissionregistration.k8s.io/mutatingwebhookconfigurations",
       "admissionregistration.k8s.io/validatingwebhookconfigurations",
       "admissionregistration.k8s.io/validatingadmissionpolicies",
       "admissionregistration.k8s.io/validatingadmissionpolicybindings"});
}

bool AllowsUnconditionalUpdate(const Resource& resource) {
  if (resource.is_custom()) return false;
  return !IsOneOf(resource, {"apiextensions.k8s.io/customresourcedefinitions",
                             "coordination.k8s.io/leases", "policy/poddisruptionbudgets",
                             "apiregistration.k8s.io/apiservices", "node.k8s.io/runtimeclasses",
                             "storage.k8s.io/csinodes", "storage.k8s.io/volumeattachments",
                             "admissionregistration.k8s.io/mutatingwebhookconfigurations",
                             "admissionregistration.k8s.io/validatingwebhookconfigurations"});
}

FieldSet IgnoredFields(const Resource& resource, absl::string_view subresource) {
  FieldSet set;
  if (subresource == "status") {
    set.Insert({"f:spec"});
    if (resource.is_custom()) {
      set.Insert({"f:metadata"});
    } else if (resource.group == "apps") {
      set.Insert({"f:metadata", "f:labels"});
    }
  } else if (resource.has_status && subresource.empty()) {
    set.Insert({"f:status"});
  }
  return set;
}

void PrepareForCreate(Cluster& cluster, const Resource& resource, Json& object) {
  const std::string key = resource.storage_key();
  if (resource.is_custom()) {
    if (resource.has_status) object.erase("status");
    return;
  }
  if (resource.has_status) InitialStatus(resource, object);
  if (key == "/namespaces") {
    Json& finalizers = Ensure(object, {"spec"})["finalizers"];
    if (!finalizers.is_array()) finalizers = Json::array();
    bool there = false;
    for (const Json& one : finalizers) there = there || one == "kubernetes";
    if (!there) finalizers.push_back("kubernetes");
  } else if (key == "/services") {
    AllocateService(cluster, Json(), object);
  } else if (key == "/pods") {
    object["status"]["qosClass"] = QosClass(Members(object, {"spec"}));
  } else if (key == "batch/jobs") {
    // The selector and its labels are made from the job's uid.
    Json& spec = object["spec"];
    const bool shares_labels = Members(object, {"metadata", "labels"}) ==
                               Members(spec, {"template", "metadata", "labels"});
    if (!Flag(spec, {"manualSelector"})) {
      const std::string uid = Text(object, {"metadata", "uid"});
      const std::string name = Text(object, {"metadata", "name"});
      Json& labels = Ensure(spec, {"template", "metadata", "labels"});
      labels["batch.kubernetes.io/controller-uid"] = uid;
      labels["controller-uid"] = uid;
      labels["batch.kubernetes.io/job-name"] = name;
      labels["job-name"] = name;
      Ensure(spec, {"selector", "matchLabels"})["batch.kubernetes.io/controller-uid"] = uid;
    }
    if (shares_labels) {
      object["metadata"]["labels"] = Members(spec, {"template", "metadata", "labels"});
    }
  } else if (key == "/persistentvolumeclaims" || key == "/persistentvolumes") {
    Json& finalizers = object["metadata"]["finalizers"];
    if (!finalizers.is_array()) finalizers = Json::array();
    const Json held = key == "/persistentvolumes" ? "kubernetes.io/pv-protection"
                                                  : "kubernetes.io/pvc-protection";
    if (std::find(finalizers.begin(), finalizers.end(), held) == finalizers.end()) {
      finalizers.push_back(held);
    }
  }
}

void PrepareForUpdate(Cluster& cluster, const Resource& resource, absl::string_view subresource,
                      const Json& live, Json& object) {
  const std::string key = resource.storage_key();
  const auto keep = [&](JsonPath path, const char* name) {
    const Json* before = Find(live, path);
    if (before == nullptr) {
      object.erase(name);
    } else {
      object[name] = *before;
    }
  };
  if (subresource == "status") {
    // Everything but the status stays; built-in kinds take annotations too.
    if (resource.is_custom()) {
      const Json managed = Items(object, {"metadata", "managedFields"});
      Json status = object.contains("status") ? object["status"] : Json();
      object = live;
      if (status.is_null()) {
        object.erase("status");
      } else {
        object["status"] = std::move(status);
      }
      object["metadata"]["managedFields"] = managed;
      return;
    }
    keep({"spec"}, "spec");
    for (const char* name : {"ownerReferences", "finalizers"}) {
      const Json* before = Find(live, {"metadata", name});
      if (before == nullptr) {
        object["metadata"].erase(name);
      } else {
        object["metadata"][name] = *before;
      }
    }
    if (resource.group == "apps") {
      const Json* labels = Find(live, {"metadata", "labels"});
      if (labels == nullptr) {
        object["metadata"].erase("labels");
      } else {
        object["metadata"]["labels"] = *labels;
      }
    }
    return;
  }
  if (resource.has_status) keep({"status"}, "status");
  if (key == "/namespaces") {
    if (const Json* finalizers = Find(live, {"spec", "finalizers"})) {
      Ensure(object, {"spec"})["finalizers"] = *finalizers;
    } else {
      Erase(object, {"spec", "finalizers"});
    }
  } else if (key == "/services") {
    AllocateService(cluster, live, object);
  } else if (key == "/serviceaccounts" && !object.contains("secrets") && live.contains("secrets")) {
    object["secrets"] = live["secrets"];
  }
  if (HasGeneration(resource)) {
    Json before = live;
    Json after = object;
    for (Json* side : {&before, &after}) {
      side->erase("metadata");
      if (!resource.is_custom() || resource.has_status) side->erase("status");
    }
    const std::int64_t generation = Integer(live, {"metadata", "generation"}, 1);
    object["metadata"]["generation"] = before == after ? generation : generation + 1;
  }
}

}  // namespace charon::sandbox
