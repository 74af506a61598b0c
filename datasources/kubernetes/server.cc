#include "datasources/kubernetes/server.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes_data {
namespace {

using Json = nlohmann::json;

std::map<std::string, std::string> Table(const Json& object) {
  std::map<std::string, std::string> table;
  if (!object.is_object()) return table;
  for (const auto& [key, value] : object.items())
    table[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return table;
}

bool HasCondition(const Json& object, const char* type) {
  const Json& conditions = kubernetes::Field(object, "status.conditions");
  if (!conditions.is_array()) return false;
  return std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
    return kubernetes::Text(condition, "type") == type &&
           kubernetes::Text(condition, "status") == "True";
  });
}

bool IsDefault(const Json& object, const char* annotation) {
  const Json& annotations = kubernetes::Field(object, "metadata.annotations");
  return annotations.is_object() && annotations.value(annotation, "") == "true";
}

// The objects of a kind that not every cluster offers, or lets one see.
absl::StatusOr<std::vector<Json>> ListIfOffered(const Call& call, kubernetes::Cluster& cluster,
                                                const kubernetes::ObjectKind& kind) {
  absl::StatusOr<std::vector<Json>> objects = cluster.List(call, kind, {});
  if (absl::IsNotFound(objects.status()) || absl::IsPermissionDenied(objects.status()))
    return std::vector<Json>();
  return objects;
}

}  // namespace

const ObjectSpec<NodeModel>& NodeModel::Describe() {
  using M = NodeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A node.",
      {
          Field(&M::kubelet_version, "kubelet_version", Computed, "Version of its kubelet."),
          Field(&M::os_image, "os_image", Computed, "Its operating system."),
          Field(&M::ready, "ready", Computed, "True if its condition Ready is."),
          Field(&M::schedulable, "schedulable", Computed, "False if it is cordoned."),
          Field(&M::labels, "labels", Computed, "Labels of the node."),
          Field(&M::capacity, "capacity", Computed, "What it has, by resource."),
          Field(&M::allocatable, "allocatable", Computed,
                "What pods may use of that, by resource."),
      });
  return spec;
}

const ObjectSpec<ClassModel>& ClassModel::Describe() {
  using M = ClassModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A class.",
      {
          Field(&M::controller, "controller", Computed,
                "The provisioner or controller that serves it."),
          Field(&M::is_default, "is_default", Computed, "True if it is the cluster's default."),
          Field(&M::expandable, "expandable", Computed, "True if its volumes can grow."),
      });
  return spec;
}

const ObjectSpec<ServerModel>& ServerModel::Describe() {
  using M = ServerModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What the cluster is and offers: version, kinds, nodes, classes.",
      {
          Field(&M::version, "version", Computed, "Version of the API server, `v1.36.3`."),
          Field(&M::major, "major", Computed, "Its major number."),
          Field(&M::minor, "minor", Computed, "Its minor number."),
          Field(&M::cluster_id, "cluster_id", Computed,
                "Uid of the namespace kube-system: the same for the cluster's life."),
          Field(&M::kinds, "kinds", Computed,
                "Every kind that the server offers, as `apiVersion/Kind`."),
          Field(&M::capabilities, "capabilities", Computed,
                "What is installed, judged by its kinds: `cert_manager`, `external_secrets`, "
                "`traefik`, `kyverno`, "
                "`prometheus_operator`, `gateway_api`, `cilium`, `metallb`, `cloudnative_pg`, "
                "`flux`, `argocd`."),
          Field(&M::nodes, "nodes", Computed, "Nodes by name."),
          Field(&M::storage_classes, "storage_classes", Computed, "StorageClasses by name."),
          Field(&M::ingress_classes, "ingress_classes", Computed, "IngressClasses by name."),
          Field(&M::priority_classes, "priority_classes", Computed,
                "Values of the PriorityClasses, by name."),
      });
  return spec;
}

const sdk::ResourceInfo& ServerSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_kubernetes_server",
                                                   .noun = "Kubernetes server",
                                                   .subcategory = "Kubernetes",
                                                   .needs = needs::Kubernetes()};
  return info;
}

sdk::Outcome<ServerModel> ServerSource::Read(const sdk::Context& context,
                                             const ServerModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  ServerModel model = config;
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ServerVersion version, cluster->Version(context));
  model.version = version.git_version;
  model.major = version.major;
  model.minor = version.minor;
  CHARON_ASSIGN_OR_RETURN(const std::vector<kubernetes::ResourceInfo> offered,
                          cluster->Kinds(context));
  std::set<std::string> kinds, groups;
  for (const kubernetes::ResourceInfo& info : offered) {
    kinds.insert(info.kind.ToString());
    groups.insert(info.kind.group());
  }
  model.kinds = std::vector<std::string>(kinds.begin(), kinds.end());
  static constexpr std::pair<const char*, const char*> kGroups[] = {
      {"cert_manager", "cert-manager.io"},
      {"external_secrets", "external-secrets.io"},
      {"traefik", "traefik.io"},
      {"kyverno", "kyverno.io"},
      {"prometheus_operator", "monitoring.coreos.com"},
      {"gateway_api", "gateway.networking.k8s.io"},
      {"cilium", "cilium.io"},
      {"metallb", "metallb.io"},
      {"cloudnative_pg", "postgresql.cnpg.io"},
      {"flux", "kustomize.toolkit.fluxcd.io"},
      {"argocd", "argoproj.io"}};
  std::map<std::string, bool> capabilities;
  for (const auto& [name, group] : kGroups) capabilities[name] = groups.count(group) != 0;
  model.capabilities = std::move(capabilities);
  const absl::StatusOr<Json> system =
      cluster->Get(context, {{"v1", "Namespace"}, "", "kube-system"});
  if (system.ok()) model.cluster_id = kubernetes::Text(*system, "metadata.uid");
  if (!system.ok() && !absl::IsNotFound(system.status()) &&
      !absl::IsPermissionDenied(system.status()))
    return system.status();

  std::map<std::string, NodeModel> nodes;
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> node_list,
                          ListIfOffered(context, *cluster, {"v1", "Node"}));
  for (const Json& object : node_list) {
    NodeModel node;
    node.kubelet_version = kubernetes::Text(object, "status.nodeInfo.kubeletVersion");
    node.os_image = kubernetes::Text(object, "status.nodeInfo.osImage");
    node.ready = HasCondition(object, "Ready");
    node.schedulable = kubernetes::Field(object, "spec.unschedulable") != true;
    node.labels = Table(kubernetes::Field(object, "metadata.labels"));
    node.capacity = Table(kubernetes::Field(object, "status.capacity"));
    node.allocatable = Table(kubernetes::Field(object, "status.allocatable"));
    nodes.emplace(kubernetes::Text(object, "metadata.name"), std::move(node));
  }
  model.nodes = std::move(nodes);

  std::map<std::string, ClassModel> storage, ingress;
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> storage_list,
                          ListIfOffered(context, *cluster, {"storage.k8s.io/v1", "StorageClass"}));
  for (const Json& object : storage_list) {
    ClassModel entry;
    entry.controller = kubernetes::Text(object, "provisioner");
    entry.is_default = IsDefault(object, "storageclass.kubernetes.io/is-default-class");
    entry.expandable = kubernetes::Field(object, "allowVolumeExpansion") == true;
    storage.emplace(kubernetes::Text(object, "metadata.name"), std::move(entry));
  }
  model.storage_classes = std::move(storage);
  CHARON_ASSIGN_OR_RETURN(
      const std::vector<Json> ingress_list,
      ListIfOffered(context, *cluster, {"networking.k8s.io/v1", "IngressClass"}));
  for (const Json& object : ingress_list) {
    ClassModel entry;
    entry.controller = kubernetes::Text(object, "spec.controller");
    entry.is_default = IsDefault(object, "ingressclass.kubernetes.io/is-default-class");
    ingress.emplace(kubernetes::Text(object, "metadata.name"), std::move(entry));
  }
  model.ingress_classes = std::move(ingress);
  std::map<std::string, std::int64_t> priorities;
  CHARON_ASSIGN_OR_RETURN(
      const std::vector<Json> priority_list,
      ListIfOffered(context, *cluster, {"scheduling.k8s.io/v1", "PriorityClass"}));
  for (const Json& object : priority_list) {
    priorities.emplace(kubernetes::Text(object, "metadata.name"),
                       kubernetes::Number(object, "value"));
  }
  model.priority_classes = std::move(priorities);
  return model;
}

}  // namespace charon::kubernetes_data
