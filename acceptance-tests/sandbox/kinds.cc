#include "kinds.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "codec.h"

namespace charon::sandbox {
namespace {

// One row a resource: group, version, plural, kind, options, short names, type (if its name is not
// the kind's). Options: n namespaced, s status, c scale, a category "all", r review.
struct Row {
  const char* group;
  const char* version;
  const char* plural;
  const char* kind;
  const char* options;
  const char* short_names = "";
  const char* type = "";
};

constexpr Row kRows[] = {
    {"", "v1", "configmaps", "ConfigMap", "n", "cm"},
    {"", "v1", "endpoints", "Endpoints", "n", "ep"},
    {"", "v1", "events", "Event", "n", "ev"},
    {"", "v1", "limitranges", "LimitRange", "n", "limits"},
    {"", "v1", "namespaces", "Namespace", "s", "ns"},
    {"", "v1", "nodes", "Node", "s", "no"},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "ns", "pvc"},
    {"", "v1", "persistentvolumes", "PersistentVolume", "s", "pv"},
    {"", "v1", "pods", "Pod", "nsa", "po"},
    {"", "v1", "podtemplates", "PodTemplate", "n"},
    {"", "v1", "replicationcontrollers", "ReplicationController", "nsca", "rc"},
    {"", "v1", "resourcequotas", "ResourceQuota", "ns", "quota"},
    {"", "v1", "secrets", "Secret", "n"},
    {"", "v1", "serviceaccounts", "ServiceAccount", "n", "sa"},
    {"", "v1", "services", "Service", "nsa", "svc"},
    {"apiregistration.k8s.io", "v1", "apiservices", "APIService", "s"},
    {"apps", "v1", "controllerrevisions", "ControllerRevision", "n"},
    {"apps", "v1", "daemonsets", "DaemonSet", "nsa", "ds"},
    {"apps", "v1", "deployments", "Deployment", "nsca", "deploy"},
    {"apps", "v1", "replicasets", "ReplicaSet", "nsca", "rs"},
    {"apps", "v1", "statefulsets", "StatefulSet", "nsca", "sts"},
    {"events.k8s.io", "v1", "events", "Event", "n", "ev", "events.v1.Event"},
    {"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "r"},
    {"authentication.k8s.io", "v1", "tokenreviews", "TokenReview", "r"},
    {"authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", "nr"},
    {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "r"},
    {"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", "r"},
    {"authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", "r"},
    {"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "nsa", "hpa",
     "autoscaling.v2.HorizontalPodAutoscaler"},
    {"batch", "v1", "cronjobs", "CronJob", "nsa", "cj"},
    {"batch", "v1", "jobs", "Job", "nsa"},
    {"certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "s",
     "csr"},
    {"networking.k8s.io", "v1", "ingressclasses", "IngressClass", ""},
    {"networking.k8s.io", "v1", "ingresses", "Ingress", "ns", "ing"},
    {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "n", "netpol"},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "ns", "pdb"},
    {"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", ""},
    {"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", ""},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "n"},
    {"rbac.authorization.k8s.io", "v1", "roles", "Role", "n"},
    {"storage.k8s.io", "v1", "csidrivers", "CSIDriver", ""},
    {"storage.k8s.io", "v1", "csinodes", "CSINode", ""},
    {"storage.k8s.io", "v1", "storageclasses", "StorageClass", "", "sc"},
    {"storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "s"},
    {"admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations",
     "MutatingWebhookConfiguration", ""},
    {"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies",
     "ValidatingAdmissionPolicy", "s"},
    {"admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
     "ValidatingAdmissionPolicyBinding", ""},
    {"admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations",
     "ValidatingWebhookConfiguration", ""},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "s",
     "crd,crds"},
    {"scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "", "pc"},
    {"coordination.k8s.io", "v1", "leases", "Lease", "n"},
    {"node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", ""},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "n"},
};

}  // namespace

KindTable::KindTable() {
  for (const Row& row : kRows) {
    auto resource = std::make_shared<Resource>();
    const absl::string_view options = row.options;
    const auto has = [&](char c) { return options.find(c) != absl::string_view::npos; };
    resource->group = row.group;
    resource->version = row.version;
    resource->plural = row.plural;
    resource->kind = row.kind;
    resource->singular = absl::AsciiStrToLower(row.kind);
    resource->namespaced = has('n');
    resource->has_status = has('s');
    resource->has_scale = has('c');
    resource->review = has('r');
    if (has('a')) resource->categories.push_back("all");
    if (resource->plural == "customresourcedefinitions" || resource->plural == "apiservices") {
      resource->categories.push_back("api-extensions");
    }
    if (row.short_names[0] != '\0') {
      resource->short_names = absl::StrSplit(row.short_names, ',');
    }
    resource->type = TypeSet::BuiltIn().Find(row.type[0] == '\0' ? row.kind : row.type);
    resource->empty = EmptyObject(*resource);
    resources_.push_back(std::move(resource));
  }
}

ResourcePtr KindTable::Find(absl::string_view group, absl::string_view version,
                            absl::string_view plural) const {
  for (const ResourcePtr& one : resources_) {
    if (one->plural == plural && one->group == group && one->version == version) return one;
  }
  return nullptr;
}

ResourcePtr KindTable::FindKind(absl::string_view api_version, absl::string_view kind) const {
  for (const ResourcePtr& one : resources_) {
    if (one->kind == kind && one->api_version() == api_version) return one;
  }
  return nullptr;
}

ResourcePtr KindTable::FindAnyVersion(absl::string_view group, absl::string_view plural) const {
  for (const ResourcePtr& one : resources_) {
    if (one->plural == plural && one->group == group && one->storage) return one;
  }
  for (const ResourcePtr& one : resources_) {
    if (one->plural == plural && one->group == group) return one;
  }
  return nullptr;
}

std::vector<std::string> KindTable::Groups() const {
  std::vector<std::string> groups;
  for (const ResourcePtr& one : resources_) {
    if (!one->group.empty() &&
        std::find(groups.begin(), groups.end(), one->group) == groups.end()) {
      groups.push_back(one->group);
    }
  }
  return groups;
}

std::vector<std::string> KindTable::Versions(absl::string_view group) const {
  std::vector<std::string> versions;
  for (const ResourcePtr& one : resources_) {
    if (one->group == group &&
        std::find(versions.begin(), versions.end(), one->version) == versions.end()) {
      versions.push_back(one->version);
    }
  }
  // v2 before v1, v1 before v1beta1, v1beta1 before v1alpha1.
  const auto rank = [](const std::string& version) {
    int stage = 3;
    int major = 0;
    int minor = 0;
    std::size_t i = 1;
    while (i < version.size() && absl::ascii_isdigit(static_cast<unsigned char>(version[i]))) {
      major = std::min(major * 10 + (version[i++] - '0'), 1'000'000);
    }
    const absl::string_view rest = absl::string_view(version).substr(std::min(i, version.size()));
    if (rest.substr(0, 4) == "beta") stage = 2;
    if (rest.substr(0, 5) == "alpha") stage = 1;
    for (const char c : rest) {
      if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
        minor = std::min(minor * 10 + (c - '0'), 1'000'000);
      }
    }
    return std::make_tuple(stage, major, minor);
  };
  std::stable_sort(versions.begin(), versions.end(),
                   [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
  return versions;
}

void KindTable::Add(ResourcePtr resource) { resources_.push_back(std::move(resource)); }

void KindTable::Remove(absl::string_view group, absl::string_view plural) {
  std::erase_if(resources_, [&](const ResourcePtr& one) {
    return one->group == group && one->plural == plural;
  });
}

std::vector<std::string> VerbsOf(const Resource& resource) {
  if (resource.review) return {"create"};
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

}  // namespace charon::sandbox
