#include "bootstrap.h"

#include "absl/strings/str_cat.h"
#include "objects.h"

namespace charon::sandbox {
namespace {

// The one with graphics cards.
constexpr int kGpuNode = 3;

Json Node(int index, const std::string& now) {
  const std::string name = absl::StrCat("node-", index);
  const Json amounts = {
      {"cpu", "64"}, {"memory", "256Gi"}, {"pods", "500"}, {"ephemeral-storage", "1Ti"}};
  Json node = {
      {"metadata",
       {{"name", name},
        {"labels",
         {{"kubernetes.io/hostname", name},
          {"kubernetes.io/os", "linux"},
          {"kubernetes.io/arch", "amd64"},
          {"beta.kubernetes.io/os", "linux"},
          {"beta.kubernetes.io/arch", "amd64"},
          {"topology.kubernetes.io/region", "test"},
          {"topology.kubernetes.io/zone", absl::StrCat("test-", index)}}}}},
      {"spec", {{"podCIDR", absl::StrCat("10.244.", index * 16 - 16, ".0/20")}}},
      {"status",
       {{"capacity", amounts},
        {"allocatable", amounts},
        {"addresses",
         Json::array({{{"type", "InternalIP"}, {"address", absl::StrCat("192.0.2.", 10 + index)}},
                      {{"type", "Hostname"}, {"address", name}}})},
        {"conditions", Json::array({{{"type", "Ready"},
                                     {"status", "True"},
                                     {"reason", "KubeletReady"},
                                     {"message", "kubelet is posting ready status"},
                                     {"lastHeartbeatTime", now},
                                     {"lastTransitionTime", now}}})},
        {"nodeInfo",
         {{"kubeletVersion", "v1.36.3"},
          {"operatingSystem", "linux"},
          {"architecture", "amd64"},
          {"osImage", "sandbox"},
          {"kernelVersion", "sandbox"},
          {"containerRuntimeVersion", "sandbox://1"}}}}}};
  if (index == kGpuNode) {
    node["metadata"]["labels"]["nvidia.com/gpu.present"] = "true";
    for (const char* field : {"capacity", "allocatable"}) {
      node["status"][field]["nvidia.com/gpu"] = "4";
      node["status"][field]["example.org/gpumem"] = "16000";
    }
  }
  return node;
}

}  // namespace

void Bootstrap(Cluster& cluster, const std::string& ca_pem) {
  cluster.ca_pem = ca_pem;
  Objects objects(cluster);
  const char* server = "kube-apiserver";
  for (const char* name : {"kube-system", "kube-public", "kube-node-lease", "default"}) {
    objects.CreateInternal("v1", "Namespace", {{"metadata", {{"name", name}}}}, server);
  }
  for (int i = 1; i <= 3; ++i) {
    objects.CreateInternal("v1", "Node", Node(i, cluster.NowText()), "kubelet");
  }
  objects.CreateInternal(
      "v1", "Service",
      {{"metadata",
        {{"name", "kubernetes"},
         {"namespace", "default"},
         {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
       {"spec",
        {{"clusterIP", "10.96.0.1"},
         {"ports", Json::array({{{"name", "https"}, {"port", 443}, {"targetPort", 6443}}})}}}},
      server);
  const auto priority = [&](const char* name, std::int64_t value, const char* text) {
    objects.CreateInternal(
        "scheduling.k8s.io/v1", "PriorityClass",
        {{"metadata", {{"name", name}}}, {"value", value}, {"description", text}}, server);
  };
  priority("system-node-critical", 2000001000,
           "Highest priority, for what a node cannot do without.");
  priority("system-cluster-critical", 2000000000, "For what the cluster cannot do without.");
  objects.CreateInternal(
      "storage.k8s.io/v1", "StorageClass",
      {{"metadata",
        {{"name", "standard"},
         {"annotations", {{"storageclass.kubernetes.io/is-default-class", "true"}}}}},
       {"provisioner", "kubernetes.io/host-path"}},
      server);
  objects.CreateInternal("storage.k8s.io/v1", "StorageClass",
                         {{"metadata", {{"name", "standard-wait"}}},
                          {"provisioner", "kubernetes.io/host-path"},
                          {"volumeBindingMode", "WaitForFirstConsumer"}},
                         server);
  // Not on the test cluster: for rehearsing volumes that grow.
  objects.CreateInternal("storage.k8s.io/v1", "StorageClass",
                         {{"metadata", {{"name", "expandable"}}},
                          {"provisioner", "kubernetes.io/host-path"},
                          {"allowVolumeExpansion", true}},
                         server);
  const auto role = [&](const char* name, Json rules) {
    objects.CreateInternal("rbac.authorization.k8s.io/v1", "ClusterRole",
                           {{"metadata", {{"name", name}}}, {"rules", std::move(rules)}}, server);
  };
  const Json all = Json::array({"*"});
  const Json reading = Json::array({"get", "list", "watch"});
  role("cluster-admin", Json::array({{{"apiGroups", all}, {"resources", all}, {"verbs", all}},
                                     {{"nonResourceURLs", all}, {"verbs", all}}}));
  role("admin", Json::array({{{"apiGroups", all}, {"resources", all}, {"verbs", all}}}));
  role("edit", Json::array({{{"apiGroups", all}, {"resources", all}, {"verbs", all}}}));
  role("view", Json::array({{{"apiGroups", all}, {"resources", all}, {"verbs", reading}}}));
  objects.CreateInternal("rbac.authorization.k8s.io/v1", "ClusterRoleBinding",
                         {{"metadata", {{"name", "cluster-admin"}}},
                          {"roleRef",
                           {{"apiGroup", "rbac.authorization.k8s.io"},
                            {"kind", "ClusterRole"},
                            {"name", "cluster-admin"}}},
                          {"subjects", Json::array({{{"apiGroup", "rbac.authorization.k8s.io"},
                                                     {"kind", "Group"},
                                                     {"name", "system:masters"}}})}},
                         server);
}

}  // namespace charon::sandbox
