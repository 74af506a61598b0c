#include "provider/clients/kubernetes/discovery.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/nearest.h"
#include "provider/base/status.h"
#include "provider/http/parse_json.h"

namespace charon::kubernetes {
namespace {

// A missing kind is asked for again after this long: somebody else (Helm, an operator that is just
// being installed) may have defined it meanwhile. Many objects of a kind that is missing share one
// request.
constexpr absl::Duration kMissAge = absl::Seconds(5);
// The list of kinds may lag behind what the server does for about this long, on a busy machine for
// a few times that.
constexpr absl::Duration kListDelay = absl::Seconds(1);

// client-go's own header: aggregated discovery in either version, else the old form.
constexpr absl::string_view kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
constexpr absl::string_view kPlain = "application/json";

struct BuiltIn {
  absl::string_view api_version, kind, plural;
  bool namespaced;
};

// Kinds that are generally available and cannot change their name or scope (Kubernetes deprecation
// policy, rule 1). A server that is too old or lacks one answers 404, which corrects us.
constexpr BuiltIn kBuiltIns[] = {
    {"v1", "ConfigMap", "configmaps", true},
    {"v1", "Endpoints", "endpoints", true},
    {"v1", "Event", "events", true},
    {"v1", "LimitRange", "limitranges", true},
    {"v1", "Namespace", "namespaces", false},
    {"v1", "Node", "nodes", false},
    {"v1", "PersistentVolume", "persistentvolumes", false},
    {"v1", "PersistentVolumeClaim", "persistentvolumeclaims", true},
    {"v1", "Pod", "pods", true},
    {"v1", "PodTemplate", "podtemplates", true},
    {"v1", "ReplicationController", "replicationcontrollers", true},
    {"v1", "ResourceQuota", "resourcequotas", true},
    {"v1", "Secret", "secrets", true},
    {"v1", "Service", "services", true},
    {"v1", "ServiceAccount", "serviceaccounts", true},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
     "mutatingwebhookconfigurations", false},
    {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies",
     false},
    {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding",
     "validatingadmissionpolicybindings", false},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration",
     "validatingwebhookconfigurations", false},
    {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false},
    {"apiregistration.k8s.io/v1", "APIService", "apiservices", false},
    {"apps/v1", "ControllerRevision", "controllerrevisions", true},
    {"apps/v1", "DaemonSet", "daemonsets", true},
    {"apps/v1", "Deployment", "deployments", true},
    {"apps/v1", "ReplicaSet", "replicasets", true},
    {"apps/v1", "StatefulSet", "statefulsets", true},
    {"autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true},
    {"autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true},
    {"batch/v1", "CronJob", "cronjobs", true},
    {"batch/v1", "Job", "jobs", true},
    {"certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", false},
    {"coordination.k8s.io/v1", "Lease", "leases", true},
    {"discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true},
    {"events.k8s.io/v1", "Event", "events", true},
    {"flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", false},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "prioritylevelconfigurations",
     false},
    {"networking.k8s.io/v1", "Ingress", "ingresses", true},
    {"networking.k8s.io/v1", "IngressClass", "ingressclasses", false},
    {"networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true},
    {"node.k8s.io/v1", "RuntimeClass", "runtimeclasses", false},
    {"policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true},
    {"rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false},
    {"rbac.authorization.k8s.io/v1", "Role", "roles", true},
    {"rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true},
    {"scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false},
    {"storage.k8s.io/v1", "CSIDriver", "csidrivers", false},
    {"storage.k8s.io/v1", "CSINode", "csinodes", false},
    {"storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities", true},
    {"storage.k8s.io/v1", "StorageClass", "storageclasses", false},
    {"storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", false},
};

const std::vector<std::string>& AllVerbs() {
  static const auto& verbs = *new std::vector<std::string>{
      "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  return verbs;
}

std::optional<ResourceInfo> FindBuiltIn(const ObjectKind& kind) {
  for (const BuiltIn& known : kBuiltIns) {
    if (known.kind == kind.kind && known.api_version == kind.api_version) {
      return ResourceInfo{kind, std::string(known.plural), known.namespaced, AllVerbs()};
    }
  }
  return std::nullopt;
}

std::string GroupVersion(absl::string_view group, absl::string_view version) {
  return group.empty() ? std::string(version) : absl::StrCat(group, "/", version);
}

std::vector<std::string> Strings(const Json& array) {
  std::vector<std::string> texts;
  if (!array.is_array()) return texts;
  for (const Json& text : array) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

const Json& ArrayIn(const Json& object, const char* key) {
  static const auto& none = *new Json(Json::array());
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

bool Readable(const ResourceInfo& info) {
  return std::find(info.verbs.begin(), info.verbs.end(), "get") != info.verbs.end();
}

// Items of APIGroupDiscoveryList (apidiscovery.k8s.io/v2). responseKind leaves group and version
// empty for the server's own kinds and fills them in for custom resources (v1.36.3).
std::vector<ResourceInfo> AggregatedKinds(const Json& resources, const std::string& api_version) {
  std::vector<ResourceInfo> kinds;
  for (const Json& resource : resources) {
    ResourceInfo info;
    info.kind = {api_version, Text(resource, "responseKind.kind")};
    info.plural = Text(resource, "resource");
    info.namespaced = Text(resource, "scope") == "Namespaced";
    info.verbs = Strings(ArrayIn(resource, "verbs"));
    if (Readable(info) && !info.kind.kind.empty()) kinds.push_back(std::move(info));
  }
  return kinds;
}

// Items of the older APIResourceList; subresources are among them, as "deployments/scale".
std::vector<ResourceInfo> ListedKinds(const Json& list, const std::string& api_version) {
  std::vector<ResourceInfo> kinds;
  for (const Json& resource : ArrayIn(list, "resources")) {
    ResourceInfo info;
    info.kind = {api_version, Text(resource, "kind")};
    info.plural = Text(resource, "name");
    info.namespaced = Field(resource, "namespaced") == true;
    info.verbs = Strings(ArrayIn(resource, "verbs"));
    if (Readable(info) && !absl::StrContains(info.plural, "/")) kinds.push_back(std::move(info));
  }
  return kinds;
}

// What was probably meant by `kind`: another spelling of a kind that is in that version, its plural
// (as in kubectl), or a kind of another version. "" if nothing is near.
std::string Meant(const ObjectKind& kind, const std::vector<ResourceInfo>& known) {
  const auto is_like = [&](const ResourceInfo& info) {
    return absl::EqualsIgnoreCase(info.kind.kind, kind.kind) ||
           absl::EqualsIgnoreCase(info.plural, kind.kind);
  };
  std::vector<std::string> there;
  for (const ResourceInfo& info : known) {
    if (info.kind.api_version != kind.api_version) continue;
    if (is_like(info)) return absl::StrCat("\"", info.kind.kind, "\"");
    there.push_back(info.kind.kind);
  }
  if (const std::string near = Nearest(kind.kind, there); !near.empty())
    return absl::StrCat("\"", near, "\"");
  for (const ResourceInfo& info : known) {
    if (is_like(info)) return absl::StrCat("\"", info.kind.kind, "\" of ", info.kind.api_version);
  }
  return "";
}

std::string Shortened(std::vector<std::string> names, std::size_t most) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::size_t left_out = names.size() > most ? names.size() - most : 0;
  names.resize(names.size() - left_out);
  std::string text = absl::StrJoin(names, ", ");
  if (left_out > 0) absl::StrAppend(&text, " and ", left_out, " more");
  return text;
}

}  // namespace

absl::StatusOr<ResourceInfo> Discovery::Resolve(const Call& call, const ObjectKind& kind) {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto own = own_.find(kind); own != own_.end()) return own->second.info;
    if (!disproved_.contains(kind)) {
      if (std::optional<ResourceInfo> known = FindBuiltIn(kind)) return *std::move(known);
    }
  }
  const Part part = PartOf(kind);
  for (const absl::Duration max_age : {absl::InfiniteDuration(), kMissAge}) {
    CHARON_ASSIGN_OR_RETURN(auto catalogue, Get(call, part, max_age));
    CHARON_ASSIGN_OR_RETURN(catalogue, Fill(call, part, catalogue, kind.api_version));
    if (const ResourceInfo* info = Find(*catalogue, kind); info != nullptr) return *info;
  }
  const absl::Status missing = Missing(call, kind);
  if (!missing.ok()) return missing;
  // It came in between.
  CHARON_ASSIGN_OR_RETURN(const auto catalogue, FillGroup(call, kind, absl::InfiniteDuration()));
  if (const ResourceInfo* info = Find(*catalogue, kind); info != nullptr) return *info;
  return absl::UnavailableError(
      absl::StrCat("the server's list of kinds changes: is ", kind.ToString(), " in it or not?"));
}

const ResourceInfo* Discovery::Find(const Catalogue& catalogue, const ObjectKind& kind) {
  const auto version = catalogue.versions.find(kind.api_version);
  if (version == catalogue.versions.end() || !version->second) return nullptr;
  for (const ResourceInfo& info : *version->second) {
    if (info.kind == kind) return &info;
  }
  return nullptr;
}

absl::StatusOr<std::vector<ResourceInfo>> Discovery::Kinds(const Call& call,
                                                           absl::Duration max_age) {
  std::vector<ResourceInfo> kinds;
  for (const Part part : {kCore, kGroups}) {
    CHARON_ASSIGN_OR_RETURN(auto catalogue, Get(call, part, max_age));
    CHARON_ASSIGN_OR_RETURN(catalogue, Fill(call, part, catalogue, ""));
    for (const auto& [name, version] : catalogue->versions) {
      if (version) kinds.insert(kinds.end(), version->begin(), version->end());
    }
  }
  return kinds;
}

void Discovery::Wrote(const Json& crd, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  ++generation_;
  const std::string group = Text(crd, "spec.group");
  for (const Json& version : ArrayIn(Field(crd, "spec"), "versions")) {
    const ObjectKind kind{GroupVersion(group, Text(version, "name")), Text(crd, "spec.names.kind")};
    if (Field(version, "served") != true) {
      own_.erase(kind);
      continue;
    }
    own_[kind] = {
        {kind, Text(crd, "spec.names.plural"), Text(crd, "spec.scope") == "Namespaced", AllVerbs()},
        Text(crd, "metadata.name"),
        now};
    disproved_.erase(kind);
  }
}

void Discovery::Deleted(absl::string_view crd_name) {
  absl::MutexLock lock(&mutex_);
  ++generation_;
  for (auto own = own_.begin(); own != own_.end();) {
    own = own->second.crd_name == crd_name ? own_.erase(own) : std::next(own);
  }
}

std::optional<absl::Time> Discovery::WrittenAt(const ObjectKind& kind) const {
  absl::MutexLock lock(&mutex_);
  const auto own = own_.find(kind);
  return own == own_.end() ? std::nullopt : std::optional(own->second.written);
}

absl::Status Discovery::Missing(const Call& call, const ObjectKind& kind) {
  {
    absl::MutexLock lock(&mutex_);
    own_.erase(kind);
  }
  // A definition that was deleted a moment ago may still be listed.
  for (int again = 0; again < kListTries; ++again) {
    CHARON_ASSIGN_OR_RETURN(auto catalogue,
                            FillGroup(call, kind, again == 0 ? kMissAge : absl::ZeroDuration()));
    if (Find(*catalogue, kind) == nullptr) {
      absl::Status missing = MissingStatus(kind, *catalogue);
      if (absl::IsNotFound(missing)) {
        CHARON_ASSIGN_OR_RETURN(catalogue, AskAlone(call, kind, catalogue));
        if (Find(*catalogue, kind) != nullptr) return absl::OkStatus();
        missing = MissingStatus(kind, *catalogue);
      }
      absl::MutexLock lock(&mutex_);
      disproved_.insert(kind);
      return missing;
    }
    CHARON_RETURN_IF_ERROR(call.Wait(kListDelay));
  }
  return absl::OkStatus();
}

std::optional<ObjectKind> Discovery::Served(const Call& call, const ObjectKind& kind) {
  const auto catalogue = FillGroup(call, kind, absl::InfiniteDuration());
  if (!catalogue.ok()) return std::nullopt;
  std::optional<ObjectKind> served;
  for (const auto& [api_version, version] : (*catalogue)->versions) {
    if (!version) continue;
    for (const ResourceInfo& info : *version) {
      if (info.kind != kind && SameKindMoved(info.kind, kind)) served = info.kind;
    }
  }
  return served;
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::FillGroup(
    const Call& call, const ObjectKind& kind, absl::Duration max_age) {
  const Part part = PartOf(kind);
  CHARON_ASSIGN_OR_RETURN(auto catalogue, Get(call, part, max_age));
  const auto listed = catalogue;
  for (const auto& [api_version, version] : listed->versions) {
    if (!SameKindMoved({api_version, kind.kind}, kind)) continue;
    CHARON_ASSIGN_OR_RETURN(catalogue, Fill(call, part, catalogue, api_version));
  }
  return catalogue;
}

// In the first half second of a server its list lacks all custom resources (seen with Kubernetes
// 1.36.3); their own paths answer 503 meanwhile.
absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::AskAlone(
    const Call& call, const ObjectKind& kind, std::shared_ptr<const Catalogue> catalogue) {
  const Part part = PartOf(kind);
  const std::string& api_version = kind.api_version;
  if (catalogue->asked_alone.contains(api_version)) return catalogue;
  const auto good = [&, this, part]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return parts_[part] != nullptr && parts_[part]->asked_alone.contains(api_version) &&
           parts_[part]->asked >= catalogue->asked;
  };
  return Once(call, part, good, [&]() -> absl::StatusOr<std::shared_ptr<const Catalogue>> {
    auto certain = std::make_shared<Catalogue>(*catalogue);
    const auto body =
        fetch_(call, absl::StrCat(part == kCore ? "/api/" : "/apis/", api_version), kPlain);
    if (body.ok()) {
      certain->versions[api_version] = ListedKinds(http::ParseJson(*body), api_version);
    } else if (absl::IsNotFound(body.status())) {
      certain->versions.erase(api_version);
    } else {
      return body.status();
    }
    certain->asked_alone.insert(api_version);
    return certain;
  });
}

absl::Status Discovery::MissingStatus(const ObjectKind& kind, const Catalogue& catalogue) {
  std::vector<std::string> group_versions, kinds_there, has_it, elsewhere, silent;
  std::vector<ResourceInfo> known;
  bool version_exists = false;
  for (const auto& [api_version, version] : catalogue.versions) {
    const bool same_group = ObjectKind{api_version, ""}.group() == kind.group();
    if (same_group) group_versions.push_back(api_version);
    if (same_group && catalogue.silent.contains(api_version)) silent.push_back(api_version);
    if (api_version == kind.api_version) version_exists = true;
    if (!version) continue;
    for (const ResourceInfo& info : *version) {
      known.push_back(info);
      if (api_version == kind.api_version) kinds_there.push_back(info.kind.kind);
      if (info.kind.kind != kind.kind || api_version == kind.api_version) continue;
      (SameKindMoved(info.kind, kind) ? has_it : elsewhere).push_back(api_version);
    }
  }
  std::string message = absl::StrCat("no kind \"", kind.kind, "\" in ", kind.api_version);
  if (!has_it.empty()) {
    absl::StrAppend(&message, "; the server has it in ", Shortened(has_it, 10));
    return WithRemedy(absl::UnimplementedError(message),
                      "Write a version that the server has: objects are the same in all of them. "
                      "If the version is new, install the definition that has it first.");
  }
  if (!silent.empty()) {
    absl::StrAppend(&message, ": the extension server behind ", Shortened(silent, 10),
                    " does not answer (see the conditions of its APIService)");
    absl::Status hidden = absl::UnavailableError(message);
    hidden.SetPayload(kHiddenPayload, absl::Cord());
    return hidden;
  }
  // A definition is of a group with a dot (apiextensions validation): the others are the server's
  // own.
  const bool may_come = absl::StrContains(kind.group(), ".");
  const absl::string_view is_it = may_come ? "; is its CRD installed?" : ".";
  // Of the core group and of the others only one is in `catalogue`.
  for (const BuiltIn& one : kBuiltIns) {
    if (one.kind == kind.kind) elsewhere.emplace_back(one.api_version);
    known.push_back({{std::string(one.api_version), std::string(one.kind)},
                     std::string(one.plural),
                     one.namespaced,
                     {}});
  }
  const std::string meant = Meant(kind, known);
  if (!elsewhere.empty()) {
    absl::StrAppend(&message, "; there is one in ", Shortened(elsewhere, 3));
  } else if (!meant.empty()) {
    absl::StrAppend(&message, is_it, " Did you mean ", meant, "?");
  } else if (version_exists && !kinds_there.empty()) {
    absl::StrAppend(&message, is_it, " The server has there: ", Shortened(kinds_there, 10));
  } else if (!group_versions.empty()) {
    absl::StrAppend(&message, is_it, " Of this group the server has ",
                    Shortened(group_versions, 10));
  } else {
    absl::StrAppend(&message, is_it, " The server has no API group \"", kind.group(), "\"");
  }
  return WithRemedy(absl::NotFoundError(message),
                    may_come ? "Install the definition first (and let this object depend on it), "
                               "or correct apiVersion and kind."
                             : "Correct apiVersion and kind.");
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::Get(const Call& call,
                                                                           Part part,
                                                                           absl::Duration max_age) {
  const absl::Time now = call.clock->Now();
  const auto good = [this, part, max_age, now]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Catalogue* catalogue = parts_[part].get();
    return catalogue != nullptr && catalogue->generation == generation_ &&
           now - catalogue->asked < max_age;
  };
  return Once(call, part, good, [&] { return Ask(call, part); });
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::Fill(
    const Call& call, Part part, std::shared_ptr<const Catalogue> catalogue,
    const std::string& api_version) {
  const auto filled = [&](const Catalogue& candidate) {
    for (const auto& [name, version] : candidate.versions) {
      if ((api_version.empty() || name == api_version) && !version) return false;
    }
    return true;
  };
  if (filled(*catalogue)) return catalogue;
  const auto good = [&, this, part]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return parts_[part] != nullptr && filled(*parts_[part]);
  };
  return Once(call, part, good, [&] { return AskVersions(call, part, *catalogue, api_version); });
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::Once(
    const Call& call, Part part, const std::function<bool()>& done,
    const std::function<absl::StatusOr<std::shared_ptr<const Catalogue>>()>& ask) {
  {
    absl::MutexLock lock(&mutex_);
    for (;;) {
      if (done()) return parts_[part];
      if (!asking_) break;
      CHARON_RETURN_IF_ERROR(call.Alive());
      // In slices, so that a stop or the deadline is noticed.
      changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(100));
    }
    asking_ = true;
  }
  auto answer = ask();
  absl::MutexLock lock(&mutex_);
  asking_ = false;
  changed_.SignalAll();
  if (!answer.ok()) return Annotate(answer.status(), "asking the server which kinds it has");
  parts_[part] = *answer;
  return answer;
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::Ask(const Call& call,
                                                                           Part part) {
  auto catalogue = std::make_shared<Catalogue>();
  catalogue->asked = call.clock->Now();
  {
    absl::MutexLock lock(&mutex_);
    catalogue->generation = generation_;
  }
  CHARON_ASSIGN_OR_RETURN(const std::string body,
                          fetch_(call, part == kCore ? "/api" : "/apis", kAggregated));
  const Json answer = http::ParseJson(body);
  if (!answer.is_object()) return absl::UnavailableError("the answer is no JSON object");
  for (const Json& group : ArrayIn(answer, "items")) {  // APIGroupDiscoveryList
    const std::string name = Text(group, "metadata.name");
    for (const Json& version : ArrayIn(group, "versions")) {
      const std::string api_version = GroupVersion(name, Text(version, "version"));
      catalogue->versions[api_version] =
          AggregatedKinds(ArrayIn(version, "resources"), api_version);
      if (Text(version, "freshness") == "Stale") catalogue->silent.insert(api_version);
    }
  }
  for (const Json& group : ArrayIn(answer, "groups")) {  // APIGroupList
    for (const Json& version : ArrayIn(group, "versions")) {
      catalogue->versions[Text(version, "groupVersion")];
    }
  }
  for (const std::string& version : Strings(ArrayIn(answer, "versions"))) {  // APIVersions
    catalogue->versions[version];
  }
  return catalogue;
}

absl::StatusOr<std::shared_ptr<const Discovery::Catalogue>> Discovery::AskVersions(
    const Call& call, Part part, const Catalogue& catalogue, const std::string& api_version) {
  auto filled = std::make_shared<Catalogue>(catalogue);
  for (auto& [name, version] : filled->versions) {
    if (version || (!api_version.empty() && name != api_version)) continue;
    const auto body = fetch_(call, absl::StrCat(part == kCore ? "/api/" : "/apis/", name), kPlain);
    if (!body.ok()) {
      CHARON_RETURN_IF_ERROR(call.Alive());
      // One extension server that is down must not hide all other kinds (kubectl does the same).
      filled->silent.insert(name);
      version.emplace();
      continue;
    }
    const Json list = http::ParseJson(*body);
    version = ListedKinds(list, name);
  }
  return filled;
}

}  // namespace charon::kubernetes
