#include "resources/tier/namespace.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/duration.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/labels.h"
#include "provider/schema/checks.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

// The server writes it into every namespace (Kubernetes 1.36, pkg/apis/core/v1/defaults.go,
// SetDefaults_Namespace).
constexpr char kNameLabel[] = "kubernetes.io/metadata.name";

using Json = nlohmann::json;
using kubernetes::ObjectRef;
using operations::Labels;

constexpr char kType[] = "charon_tier_namespace";
constexpr char kTiers[] = "conventions.tiers";
constexpr char kDefaultDenyName[] = "default-deny";
constexpr char kPodSecurityPrefix[] = "pod-security.kubernetes.io/";

const char* const kPodSecurityModes[] = {"enforce", "audit", "warn"};

ObjectRef NamespaceRef(const std::string& name) { return {{"v1", "Namespace"}, "", name}; }
ObjectRef LimitRangeRef(const std::string& name) {
  return {{"v1", "LimitRange"}, name, kLimitRangeName};
}
ObjectRef QuotaRef(const std::string& name) { return {{"v1", "ResourceQuota"}, name, kQuotaName}; }
ObjectRef DefaultDenyRef(const std::string& name) {
  return {{"networking.k8s.io/v1", "NetworkPolicy"}, name, kDefaultDenyName};
}
ObjectRef RoleBindingRef(const std::string& name_space, const std::string& name,
                         const RoleBindingModel& binding) {
  return {{"rbac.authorization.k8s.io/v1", "RoleBinding"},
          binding.name_space.value_or(name_space),
          name};
}

std::map<std::string, std::string> PodSecurityLabels(const PodSecurityModel& model) {
  std::map<std::string, std::string> labels;
  const Attr<std::string>* levels[] = {&model.enforce, &model.audit, &model.warn};
  for (std::size_t i = 0; i < std::size(kPodSecurityModes); ++i) {
    if (!levels[i]->IsKnown()) continue;
    labels[absl::StrCat(kPodSecurityPrefix, kPodSecurityModes[i])] = levels[i]->value();
    if (model.version.IsKnown()) {
      labels[absl::StrCat(kPodSecurityPrefix, kPodSecurityModes[i], "-version")] = *model.version;
    }
  }
  return labels;
}

// Of the Namespace.
Labels LabelsFor(const NamespaceModel& model, const Conventions& conventions) {
  Labels labels = conventions.Labels();
  if (model.tier.IsKnown()) {
    const absl::StatusOr<TierProfile> tier = conventions.Tier(*model.tier);
    labels[kTierLabel] = tier.ok() ? tier->name : *model.tier;
  }
  if (model.pod_security.IsKnown()) {
    for (const auto& [key, value] : PodSecurityLabels(*model.pod_security)) labels[key] = value;
  }
  for (const auto& [key, value] : model.labels.value_or({})) labels[key] = value;
  return labels;
}

// Unknown while anything is that they come from.
Attr<Labels> PlannedLabels(const NamespaceModel& planned, const Settings& settings) {
  const bool known =
      settings.KnowsLabels() && !planned.labels.IsUnknown() && !planned.tier.IsUnknown() &&
      (planned.tier.IsNull() || settings.Knows(kTiers)) && !planned.pod_security.IsUnknown() &&
      (planned.pod_security.IsNull() ||
       PodSecurityModel::Describe().Encode(*planned.pod_security).IsWhollyKnown());
  if (!known) return Attr<Labels>::Unknown();
  return Attr<Labels>(LabelsFor(planned, settings.conventions));
}

Json NamespaceObject(const NamespaceModel& model, const Labels& labels) {
  Json metadata = {{"name", *model.name}, {"labels", labels}};
  if (model.annotations.IsKnown()) metadata["annotations"] = *model.annotations;
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", metadata}};
}

Json RoleBindingObject(const std::string& name_space, const std::string& name,
                       const RoleBindingModel& binding) {
  Json subjects = Json::array();
  for (const SubjectModel& subject : binding.subjects.value_or({})) {
    const std::string kind = subject.kind.value_or("ServiceAccount");
    Json entry = {{"kind", kind}, {"name", *subject.name}};
    if (kind == "ServiceAccount") {
      entry["namespace"] = subject.name_space.value_or(name_space);
    } else {
      entry["apiGroup"] = "rbac.authorization.k8s.io";
    }
    subjects.push_back(std::move(entry));
  }
  const bool cluster_role = binding.cluster_role.IsKnown();
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"},
          {"kind", "RoleBinding"},
          {"metadata", {{"name", name}, {"namespace", binding.name_space.value_or(name_space)}}},
          {"roleRef",
           {{"apiGroup", "rbac.authorization.k8s.io"},
            {"kind", cluster_role ? "ClusterRole" : "Role"},
            {"name", cluster_role ? *binding.cluster_role : *binding.role}}},
          {"subjects", subjects}};
}

// Denies every connection but those inside the namespace and to DNS: resolvers live in another
// namespace or on the node, so port 53 is open to anywhere.
Json DefaultDenyObject(const std::string& name_space) {
  const Json own = Json::array({{{"podSelector", Json::object()}}});
  const Json dns =
      Json::array({{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}});
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", {{"name", kDefaultDenyName}, {"namespace", name_space}}},
          {"spec",
           {{"podSelector", Json::object()},
            {"policyTypes", {"Ingress", "Egress"}},
            {"ingress", Json::array({{{"from", own}}})},
            {"egress", Json::array({{{"to", own}}, {{"ports", dns}}})}}}};
}

bool GovernedHere(const NamespaceModel& model) {
  return model.effective.IsKnown() &&
         model.effective->governance.value_or("internal") == "internal";
}

// What Read leaves of a namespace that is gone while bindings of it are left elsewhere: no
// governance, so that each plan shows that it is to be made.
bool IsGone(const NamespaceModel& model) { return model.governance.IsNull(); }

// The labels of the Namespace that stand for attributes of their own.
bool IsOwnLabel(const std::string& key) {
  return key == kTierLabel || key == kManagedByLabel || key == "kubernetes.io/metadata.name" ||
         absl::StartsWith(key, kPodSecurityPrefix);
}

std::map<std::string, std::string> TextMap(const Json& object) {
  std::map<std::string, std::string> map;
  if (!object.is_object()) return map;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) map[key] = value.get<std::string>();
  }
  return map;
}

// What the user wrote, with the values that are there now; entries that vanished are dropped.
Attr<std::map<std::string, std::string>> LiveOf(
    const Attr<std::map<std::string, std::string>>& declared,
    const std::map<std::string, std::string>& live) {
  if (!declared.IsKnown()) return declared;
  std::map<std::string, std::string> now;
  for (const auto& [key, value] : *declared) {
    const auto found = live.find(key);
    if (found != live.end()) now[key] = found->second;
  }
  return now;
}

RoleBindingModel RoleBindingOf(const Json& live, const std::string& name_space,
                               const RoleBindingModel* declared) {
  RoleBindingModel binding;
  const std::string role = kubernetes::Text(live, "roleRef.name");
  (kubernetes::Text(live, "roleRef.kind") == "ClusterRole" ? binding.cluster_role : binding.role) =
      role;
  const std::string place = kubernetes::Text(live, "metadata.namespace");
  if (place != name_space || (declared != nullptr && declared->name_space.IsKnown()))
    binding.name_space = place;
  std::vector<SubjectModel> subjects;
  const Json& list = kubernetes::Field(live, "subjects");
  for (const Json& entry : list.is_array() ? list : Json::array()) {
    SubjectModel subject;
    const SubjectModel* written = nullptr;
    if (declared != nullptr && declared->subjects.IsKnown() &&
        subjects.size() < declared->subjects->size()) {
      written = &(*declared->subjects)[subjects.size()];
    }
    const std::string kind = kubernetes::Text(entry, "kind");
    const std::string where = kubernetes::Text(entry, "namespace");
    if (kind != "ServiceAccount" || (written != nullptr && written->kind.IsKnown()))
      subject.kind = kind;
    subject.name = kubernetes::Text(entry, "name");
    if (!where.empty() &&
        (where != name_space || (written != nullptr && written->name_space.IsKnown()))) {
      subject.name_space = where;
    }
    subjects.push_back(std::move(subject));
  }
  binding.subjects = std::move(subjects);
  return binding;
}

// The attribute that an object of ours comes from, for errors of the server about it.
Path AttributeFor(const Json& object) {
  const std::string kind = kubernetes::Text(object, "kind");
  if (kind == "LimitRange") return "limit_range";
  if (kind == "ResourceQuota") return "resource_quota";
  if (kind == "NetworkPolicy") return "default_deny";
  if (kind == "RoleBinding")
    return Path("role_bindings").Key(kubernetes::Text(object, "metadata.name"));
  return "name";
}

// `status` about `object`, at the attribute it comes from.
absl::Status Locate(const Json& object, absl::Status status) {
  if (status.ok()) return status;
  Path path = AttributeFor(object);
  for (const kubernetes::ApiError::Cause& cause : kubernetes::ApiErrorOf(status).causes) {
    if (absl::StrContains(cause.field, "metadata.labels")) path = "labels";
    if (absl::StrContains(cause.field, "metadata.annotations")) path = "annotations";
  }
  return At(path, std::move(status));
}

// Limits and quota may be there from before they were given up; of others only ours are changed.
bool IsMadeByCreation(const std::string& kind) {
  return kind == "NetworkPolicy" || kind == "RoleBinding";
}

// The state of a namespace that is gone, while `left` are in others.
NamespaceModel WhatIsLeft(const sdk::Context& context, const NamespaceModel& prior,
                          const std::map<std::string, RoleBindingModel>& left) {
  std::vector<std::string> names;
  for (const auto& [key, binding] : left)
    names.push_back(absl::StrCat(*binding.name_space, "/", key));
  context.diagnostics->Warning(
      absl::StrCat("Deleted outside of Terraform: Namespace ", *prior.name),
      absl::StrCat("RoleBindings that belong to it are left in other namespaces: ",
                   absl::StrJoin(names, ", "),
                   ". Apply makes the namespace again. Destroying the resource deletes them."),
      "name");
  NamespaceModel model = prior;
  model.governance = Attr<std::string>();
  if (model.labels.IsKnown()) model.labels = std::map<std::string, std::string>();
  if (model.annotations.IsKnown()) model.annotations = std::map<std::string, std::string>();
  if (model.labels_all.IsKnown()) model.labels_all = Labels();
  if (model.effective.IsKnown()) {
    model.effective.value().limit_range = LimitTable();
    model.effective.value().resource_quota = QuotaTable();
  }
  model.default_deny = false;
  model.role_bindings = left;
  return model;
}

bool MadeByKubernetes(const std::string& kind, const Json& object) {
  const std::string name = kubernetes::Text(object, "metadata.name");
  const Json& owners = kubernetes::Field(object, "metadata.ownerReferences");
  if (owners.is_array() && !owners.empty()) return true;
  if (!kubernetes::Text(object, "metadata.deletionTimestamp").empty()) return true;
  if (kind == "ServiceAccount") return name == "default";
  if (kind == "ConfigMap") return name == "kube-root-ca.crt";
  if (kind == "Secret")
    return kubernetes::Text(object, "type") == "kubernetes.io/service-account-token";
  // Endpoints of a Service without an owner reference: made by the endpoints controller, gone with
  // it.
  return kind == "Event" || kind == "Endpoints" || kind == "EndpointSlice" || kind == "Lease" ||
         kind == "PodMetrics" || kind == "ControllerRevision";
}

// Whether a charon_service has made it for its data: that stays when the service goes.
bool IsDataOfAService(const std::string& kind, const Json& annotations) {
  return (kind == "PersistentVolumeClaim" || kind == "Secret") && annotations.is_object() &&
         absl::StrContains(annotations.value(operations::kOwnerAnnotation, ""), "/charon_service/");
}

// Whether the controller of a StatefulSet has made it for a replica: "<volume>-<set>-<ordinal>",
// with the labels of the set's selector (k8s.io/kubernetes/pkg/controller/statefulset,
// getPersistentVolumeClaims). It stays when the set goes, and has no mark of whose the set was.
bool IsClaimOfAReplica(const std::string& kind, const Json& object) {
  const std::string name = kubernetes::Text(object, "metadata.name");
  const std::size_t dash = name.rfind('-');
  std::int64_t ordinal = 0;
  return kind == "PersistentVolumeClaim" && dash != std::string::npos &&
         absl::SimpleAtoi(name.substr(dash + 1), &ordinal) && ordinal >= 0 &&
         !kubernetes::Field(object, "metadata.labels").empty();
}

// "app=web,tier=x".
std::string LabelsText(const Json& object) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : kubernetes::Field(object, "metadata.labels").items())
    labels.push_back(absl::StrCat(key, "=", value.is_string() ? value.get<std::string>() : ""));
  return absl::StrJoin(labels, ",");
}

// What stays of services and sets that have gone.
struct Kept {
  std::vector<std::string> of_services;  // by their marks
  std::vector<std::string> of_replicas;
  std::vector<std::string> told;  // of these, with their labels
};

// Names of what `name` holds beside ours; at most a handful of each kind is asked for.
absl::StatusOr<std::vector<std::string>> ForeignContents(const Call& call,
                                                         kubernetes::Cluster& cluster,
                                                         const std::string& name,
                                                         const std::string& owner, Kept& kept) {
  CHARON_ASSIGN_OR_RETURN(const std::vector<kubernetes::ResourceInfo> kinds, cluster.Kinds(call));
  std::vector<std::string> found;
  std::set<std::string>
      seen;  // a kind served by two groups (Event) or versions lists the same objects
  for (const kubernetes::ResourceInfo& info : kinds) {
    const bool listable =
        std::find(info.verbs.begin(), info.verbs.end(), "list") != info.verbs.end();
    if (!info.namespaced || !listable) continue;
    kubernetes::ListOptions options;
    options.name_space = name;
    absl::StatusOr<std::vector<Json>> objects = cluster.List(call, info.kind, options);
    if (absl::IsNotFound(objects.status()) || absl::IsUnimplemented(objects.status())) continue;
    CHARON_RETURN_IF_ERROR(
        Annotate(objects.status(), absl::StrCat("looking for what namespace ", name, " holds")));
    for (const Json& object : *objects) {
      if (MadeByKubernetes(info.kind.kind, object)) continue;
      // They govern the namespace, whoever made them, and end with it.
      const std::string object_name = kubernetes::Text(object, "metadata.name");
      if (info.kind.kind == "LimitRange" && object_name == kLimitRangeName) continue;
      if (info.kind.kind == "ResourceQuota" && object_name == kQuotaName) continue;
      const Json& annotations = kubernetes::Field(object, "metadata.annotations");
      if (annotations.is_object() && annotations.value(operations::kOwnerAnnotation, "") == owner)
        continue;
      if (!seen.insert(kubernetes::Text(object, "metadata.uid")).second) continue;
      found.push_back(absl::StrCat(info.kind.kind, "/", object_name));
      if (IsDataOfAService(info.kind.kind, annotations)) {
        kept.of_services.push_back(found.back());
      } else if (IsClaimOfAReplica(info.kind.kind, object)) {
        kept.of_replicas.push_back(found.back());
        kept.told.push_back(absl::StrCat(found.back(), " (", LabelsText(object), ")"));
      }
    }
  }
  return found;
}

// All that is known of a namespace by its name alone: the defaults.
NamespaceModel Stub(const std::string& name) {
  NamespaceModel model;
  model.name = name;
  model.governance = "internal";
  model.default_deny = false;
  model.delete_contents = false;
  return model;
}

std::string FirstFew(std::vector<std::string> names) {
  constexpr std::size_t kMost = 10;
  const std::size_t more = names.size() > kMost ? names.size() - kMost : 0;
  if (more > 0) names.resize(kMost);
  return absl::StrCat(absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

// Whose the data in namespace `name` is, and how to delete it.
std::string HintOn(const Kept& kept, const std::string& name) {
  if (kept.of_services.empty() && kept.of_replicas.empty()) return "";
  std::vector<std::string> all = kept.of_services;
  all.insert(all.end(), kept.of_replicas.begin(), kept.of_replicas.end());
  return absl::StrCat(
      "The data of a charon_service stays where its delete_data is not true (set before it is "
      "destroyed, and applied)",
      kept.told.empty() ? ""
                        : absl::StrCat(", and so do the claims of the replicas of any StatefulSet, "
                                       "which have the labels of its selector: ",
                                       FirstFew(kept.told)),
      ". If nobody needs it any more: kubectl delete -n ", name, " ", FirstFew(all), ". ");
}

}  // namespace

const ObjectSpec<SubjectModel>& SubjectModel::Describe() {
  using M = SubjectModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Who gets the role.",
      {
          Field(&M::kind, "kind", Optional, "`ServiceAccount` (default), `User` or `Group`.")
              .Check(OneOf({"ServiceAccount", "User", "Group"})),
          Field(&M::name, "name", Required, "Name of the account, user or group.")
              .Check(LengthBetween(1, 253)),
          Field(&M::name_space, "namespace", Optional,
                "Namespace of a service account; this namespace by default.")
              .Check(DnsLabel()),
      });
  return spec;
}

const ObjectSpec<RoleBindingModel>& RoleBindingModel::Describe() {
  using M = RoleBindingModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One RoleBinding.",
      {
          Field(&M::role, "role", Optional, "Name of a Role in the binding's namespace."),
          Field(&M::cluster_role, "cluster_role", Optional,
                "Name of a ClusterRole, such as `view` or `edit`."),
          Field(&M::name_space, "namespace", Optional,
                "Namespace of the binding, if the right is needed in another one than this.")
              .Check(DnsLabel()),
          Field(&M::subjects, "subjects", Required, "Who gets the role."),
      },
      {ExactlyOneOf({"role", "cluster_role"})});
  return spec;
}

// pod-security-admission 0.36, api/helpers.go, ParseVersion.
Check PodSecurityVersion() {
  return TextRule("is `latest` or a minor version such as `v1.36`", [](absl::string_view text) {
    absl::string_view minor = text;
    const bool fits =
        text == "latest" || (absl::ConsumePrefix(&minor, "v1.") && !minor.empty() &&
                             std::all_of(minor.begin(), minor.end(), absl::ascii_isdigit) &&
                             (minor == "0" || minor.front() != '0'));
    if (fits) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "must be \"latest\" or a minor version such as \"v1.36\", not \"", text, "\""));
  });
}

const ObjectSpec<PodSecurityModel>& PodSecurityModel::Describe() {
  using M = PodSecurityModel;
  auto level = [](Attr<std::string> M::*member, absl::string_view name, absl::string_view text) {
    return Field(member, name, Optional, text)
        .Check(OneOf({"privileged", "baseline", "restricted"}));
  };
  static const auto& spec = *new ObjectSpec<M>(
      "Pod security admission, as labels of the namespace.",
      {
          level(&M::enforce, "enforce",
                "Refuse pods below `privileged`, `baseline` or `restricted`."),
          level(&M::audit, "audit", "Record pods below this level in the audit log."),
          level(&M::warn, "warn", "Warn whoever creates pods below this level."),
          Field(&M::version, "version", Optional,
                "Kubernetes version whose rules hold; `latest` by default.")
              .Check(PodSecurityVersion()),
      });
  return spec;
}

const ObjectSpec<EffectiveModel>& EffectiveModel::Describe() {
  using M = EffectiveModel;
  static const auto& spec =
      *new ObjectSpec<M>("What holds for the namespace.",
                         {
                             Field(&M::governance, "governance", Computed,
                                   "`internal` or `external`: who owns limits and quota."),
                             Field(&M::priority_class, "priority_class", Computed,
                                   "Name of the tier's PriorityClass, which `charon_tier` makes."),
                             Field(&M::limit_range, "limit_range", Computed,
                                   "Limits of each container, by LimitRange field and resource."),
                             Field(&M::resource_quota, "resource_quota", Computed,
                                   "Quota of the namespace, by resource."),
                         });
  return spec;
}

const ObjectSpec<NamespaceModel>& NamespaceModel::Describe() {
  using M = NamespaceModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A namespace with what governs it: LimitRange `tier-defaults` and ResourceQuota `tier-quota` "
      "of its tier, role bindings, "
      "a default-deny NetworkPolicy, pod security. Labels and annotations that others write are "
      "left alone.\n\n"
      "Destroying it refuses to delete a namespace that holds what Terraform did not make, unless "
      "`delete_contents` is set.",
      {
          Field(&M::name, "name", Required, "Name of the namespace.").ForceNew().Check(DnsLabel()),
          Field(&M::tier, "tier", Optional,
                "Tier, in full (`3-edge`) or short (`edge`): built in, of `conventions.tiers`, or "
                "made by a `charon_tier`. "
                "Without a tier there are only the limits and quota given here."),
          Field(&M::labels, "labels", Optional, "Labels of the namespace. Others are left alone.")
              .Check(EachKey(LabelKey()))
              .Check(EachElement(LabelValue())),
          Field(&M::annotations, "annotations", Optional,
                "Annotations of the namespace. Others are left alone.")
              .Check(EachKey(LabelKey())),
          Field(&M::governance, "governance", Optional,
                "Who owns LimitRange and ResourceQuota: `internal` makes them; `external` leaves "
                "them to a policy engine and "
                "shows what it made; `auto` looks. A change from internal to external gives both "
                "objects up without "
                "deleting them.")
              .Default("internal")
              .Check(OneOf({"internal", "external", "auto"})),
          Field(&M::governance_wait, "governance_wait", Optional,
                "How long to wait for the policy engine's objects with `external` or `auto`; `30s` "
                "by default. If they never "
                "appear, that is a warning.")
              .Check(PositiveDuration()),
          Field(&M::limit_range, "limit_range", Optional,
                "Limits of each container instead of the tier's, by LimitRange field (`default`, "
                "`defaultRequest`, `max`, "
                "`min`), then resource. `{}` for none.")
              .Check(LimitRangeChecks()),
          Field(&M::resource_quota, "resource_quota", Optional,
                "Quota instead of the tier's, by resource: `{ \"requests.cpu\" = \"4\" }`. `{}` "
                "for none.")
              .Check(QuotaChecks()),
          Field(&M::role_bindings, "role_bindings", Optional, "RoleBindings by name.")
              .Check(EachKey(DnsSubdomain())),
          Field(&M::default_deny, "default_deny", Optional,
                "Make a NetworkPolicy `default-deny` that allows only DNS and connections inside "
                "the namespace. A service behind an ingress then says who may reach it: "
                "`network_policy = { from_namespaces = [\"ingress-nginx\"] }`.")
              .Default(false),
          Field(&M::pod_security, "pod_security", Optional,
                "Pod security admission, as labels of the namespace."),
          Field(&M::delete_contents, "delete_contents", Optional,
                "Delete the namespace even if it holds what Terraform did not make.")
              .Default(false),
          Field(&M::on_conflict, "on_conflict", Optional,
                "What to do if the namespace exists and is not this stack's: `fail` (default) or "
                "`adopt`.")
              .Check(OneOf({"fail", "adopt"})),
          Field(&M::force_conflicts, "force_conflicts", Optional,
                "Take over fields that another field manager owns, instead of an error."),
          Field(&M::effective, "effective", Computed,
                "What holds for the namespace, tier and own values taken together; with "
                "`governance = \"external\"`, what was there at the last change of this resource. "
                "`charon_tier_usage` reads what is there now."),
          Field(&M::labels_all, "labels_all", Computed,
                "All labels that this resource gives the namespace: `labels`, those of `tier` and "
                "`pod_security`, and those of the provider block's `conventions`. What else it "
                "makes has those of `conventions`."),
          sdk::TimeoutsField(&M::timeouts),
      });
  return spec;
}

const ObjectSpec<NamespaceIdentity>& NamespaceIdentity::Describe() {
  using M = NamespaceIdentity;
  static const auto& spec = *new ObjectSpec<M>(
      "The namespace.",
      {
          Field(&M::name, "name", Required, "Name of the namespace."),
          Field(&M::cluster, "cluster", Optional, "Uid of the cluster's namespace kube-system."),
      });
  return spec;
}

std::vector<Json> RenderNamespace(const NamespaceModel& model, const Conventions& conventions) {
  std::vector<Json> objects = {NamespaceObject(model, LabelsFor(model, conventions))};
  if (GovernedHere(model)) {
    const LimitTable limits = model.effective->limit_range.value_or({});
    const QuotaTable quota = model.effective->resource_quota.value_or({});
    if (!limits.empty()) objects.push_back(LimitRangeObject(*model.name, limits));
    if (!quota.empty()) objects.push_back(QuotaObject(*model.name, quota));
  }
  if (model.default_deny.value_or(false)) objects.push_back(DefaultDenyObject(*model.name));
  for (const auto& [name, binding] : model.role_bindings.value_or({})) {
    objects.push_back(RoleBindingObject(*model.name, name, binding));
  }
  for (std::size_t i = 1; i < objects.size(); ++i)
    objects[i]["metadata"]["labels"] = conventions.Labels();
  return objects;
}

const sdk::ResourceInfo& NamespaceResource::info() const {
  static const std::vector<std::string>& needs = *new auto([] {
    std::vector<std::string> all = needs::LabelledObjects();
    all.push_back(kTiers);
    return all;
  }());
  static const auto& info = *new sdk::ResourceInfo{.type = kType,
                                                   .noun = "tier namespace",
                                                   .subcategory = "Tiers",
                                                   .timeouts = {},
                                                   .import_id = "the namespace's name",
                                                   .needs = needs};
  return info;
}

operations::ObjectOptions NamespaceResource::Options(const NamespaceModel& model) const {
  operations::ObjectOptions options = services_.Ownership(kType, *model.name);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = *model.name;
  options.offers_replace = false;
  return options;
}

// Of the namespace, not of what governs it: that may have been given up, and be taken up again.
operations::ObjectOptions NamespaceResource::OptionsOfItself(const sdk::Context& context,
                                                             const NamespaceModel& model) const {
  operations::ObjectOptions options = Options(model);
  options.applied_before = !context.adopting;
  return options;
}

absl::Status NamespaceResource::Validate(const sdk::Context&, const NamespaceModel& config) {
  if (config.labels.IsKnown()) {
    for (const auto& [key, value] : *config.labels) {
      if (key == kTierLabel && !config.tier.IsNull()) {
        return At(
            Path("labels").Key(key),
            absl::InvalidArgumentError("the label \"tier\" comes from \"tier\"; remove it here"));
      }
      if (key == kNameLabel && config.name.IsKnown() && value != *config.name) {
        return At(Path("labels").Key(key),
                  absl::InvalidArgumentError(
                      "the server sets this label to the namespace's name; remove it here"));
      }
      if (absl::StartsWith(key, kPodSecurityPrefix) && !config.pod_security.IsNull()) {
        return At(Path("labels").Key(key),
                  absl::InvalidArgumentError(
                      "this label comes from \"pod_security\"; say it there or here, not in both"));
      }
    }
  }
  if (config.governance.IsKnown() && *config.governance == "external") {
    for (const char* name : {"limit_range", "resource_quota"}) {
      const bool set = std::string(name) == "limit_range" ? !config.limit_range.IsNull()
                                                          : !config.resource_quota.IsNull();
      if (set) {
        return At(name, absl::InvalidArgumentError(absl::StrCat(
                            "with governance = \"external\" a policy engine owns this; remove \"",
                            name, "\" or use governance = \"internal\"")));
      }
    }
  }
  return absl::OkStatus();
}

// What limits, quota and priority come to. Unknown while something it depends on is.
absl::StatusOr<Attr<EffectiveModel>> NamespaceResource::Effective(const sdk::Context& context,
                                                                  const NamespaceModel& config,
                                                                  bool planning) const {
  const std::shared_ptr<const Settings> settings = services_.settings();
  EffectiveModel effective;
  if (config.governance.IsUnknown()) return Attr<EffectiveModel>::Unknown();
  const std::string governance = config.governance.value_or("internal");
  effective.governance =
      governance == "auto" ? Attr<std::string>::Unknown() : Attr<std::string>(governance);

  TierProfile profile;
  // Tables of the provider block that are not known yet may say anything of it.
  bool open =
      config.tier.IsUnknown() || (config.tier.IsKnown() && planning && !settings->Knows(kTiers));
  if (config.tier.IsKnown() && !open) {
    std::shared_ptr<kubernetes::Cluster> cluster;
    if (!context.provider_config_unknown) {
      if (absl::StatusOr<std::shared_ptr<kubernetes::Cluster>> made = services_.Kubernetes();
          made.ok())
        cluster = *made;
    }
    absl::StatusOr<TierProfile> found = settings->conventions.Tier(*config.tier);
    // What this run makes of a tier, not what it still is.
    std::optional<TierProfile> planned;
    if (absl::IsNotFound(found.status()) && planning) planned = services_.PlannedTier(*config.tier);
    if (planned) {
      found = *std::move(planned);
    } else if (absl::IsNotFound(found.status())) {
      found = FindTier(context, settings->conventions, cluster.get(), *config.tier);
    }
    if (found.ok() && found->open) {
      open = true;
    } else if (found.ok()) {
      profile = *std::move(found);
      effective.priority_class = profile.priority_class();
    } else if (!planning || (absl::IsNotFound(found.status()) && cluster != nullptr)) {
      return At("tier", WithRemedy(found.status(),
                                   "Use one of these, add it to conventions.tiers of the provider "
                                   "block, or make it with a "
                                   "charon_tier. If this configuration makes it, refer to it: tier "
                                   "= charon_tier.NAME.name."));
    } else {
      open = true;  // the cluster cannot be asked now
    }
  }
  if (open) effective.priority_class = Attr<std::string>::Unknown();
  if (governance != "internal") {
    effective.limit_range = Attr<LimitTable>::Unknown();
    effective.resource_quota = Attr<QuotaTable>::Unknown();
    return Attr<EffectiveModel>(effective);
  }
  if (config.limit_range.IsNull()) {
    effective.limit_range =
        open ? Attr<LimitTable>::Unknown() : Attr<LimitTable>(profile.limit_range);
  } else {
    effective.limit_range = config.limit_range;
  }
  if (config.resource_quota.IsNull()) {
    effective.resource_quota = open ? Attr<QuotaTable>::Unknown() : Attr<QuotaTable>(profile.quota);
  } else {
    effective.resource_quota = config.resource_quota;
  }
  return Attr<EffectiveModel>(effective);
}

namespace {

// Of the Pod Security Standards; "" if none is enforced.
std::string EnforcedLevel(const Attr<Labels>& labels) {
  const Labels all = labels.value_or({});
  const auto found = all.find(absl::StrCat(kPodSecurityPrefix, "enforce"));
  return found == all.end() ? "" : found->second;
}

// Whether there is a quota or a limit range, as far as it is known.
bool MayLimit(const Attr<EffectiveModel>& effective) {
  if (!effective.IsKnown()) return effective.IsUnknown();
  const auto none = [](const auto& table) {
    return !table.IsUnknown() && table.value_or({}).empty();
  };
  return !none(effective->limit_range) || !none(effective->resource_quota);
}

}  // namespace

absl::Status NamespaceResource::Plan(const sdk::Context& context,
                                     sdk::PlanChange<NamespaceModel>& change) {
  if (change.IsDestroy()) return absl::OkStatus();
  NamespaceModel planned = change.planned();
  planned.labels_all = PlannedLabels(planned, *services_.settings());
  CHARON_ASSIGN_OR_RETURN(const bool complete, PlanEffective(context, change, planned));
  change.SetUnlessUnread("labels_all", planned.labels_all);
  if (planned.name.IsKnown() && planned.labels_all.IsKnown()) {
    const std::string level = EnforcedLevel(planned.labels_all);
    // One that is taken over may have a level that this configuration does not know.
    if (change.IsUpdate() ? level != EnforcedLevel(change.prior().labels_all) : !level.empty())
      services_.NotePlannedPodSecurity(*planned.name, level);
  }
  return complete ? CheckPlanned(context, change, planned) : absl::OkStatus();
}

// Decides `effective`. False: it stays as it was, because the tier cannot be had.
absl::StatusOr<bool> NamespaceResource::PlanEffective(const sdk::Context& context,
                                                      sdk::PlanChange<NamespaceModel>& change,
                                                      NamespaceModel& planned) const {
  const bool same_source = change.IsUpdate() && change.prior().governance == planned.governance &&
                           change.prior().tier == planned.tier;
  // A tier that only the cluster knows, which cannot be asked: it has not changed by this run.
  const std::shared_ptr<const Settings> settings = services_.settings();
  const bool same_labels = change.IsUpdate() && (change.prior().labels_all.IsNull() ||
                                                 change.prior().labels_all == planned.labels_all);
  if (same_source && context.provider_config_unknown && !change.Changes() && same_labels &&
      settings->Knows(kTiers) && planned.tier.IsKnown() && !services_.PlannedTier(*planned.tier) &&
      !settings->conventions.Tier(*planned.tier).ok()) {
    change.KeepPrior("effective");
    return false;
  }
  const bool governed_here = change.IsUpdate() && GovernedHere(change.prior());
  // "auto" that found nobody else: what is configured counts, and goes on to.
  NamespaceModel source = change.config();
  if (same_source && governed_here) source.governance = "internal";
  absl::StatusOr<Attr<EffectiveModel>> effective = Effective(context, source, /*planning=*/true);
  // Whoever only wants to plan something else, or to destroy it, needs no tier.
  if (absl::IsNotFound(effective.status()) && same_source && !change.Changes()) {
    context.diagnostics->Warning(
        absl::StrCat("The tier of namespace ", *change.prior().name, " is gone"),
        absl::StrCat(effective.status().message(),
                     "\n\nThe namespace keeps what it has got from \"", *planned.tier,
                     "\". It can be destroyed; before it is changed, make the tier again "
                     "(charon_tier) or give it another one."),
        "tier");
    change.KeepPrior("effective");
    return false;
  }
  CHARON_ASSIGN_OR_RETURN(planned.effective, std::move(effective));
  if (change.IsUpdate() && planned.effective.IsKnown() && change.prior().effective.IsKnown()) {
    const EffectiveModel& prior = *change.prior().effective;
    EffectiveModel& next = planned.effective.value();
    // What others own is read when something changes, not guessed anew in each plan.
    if (same_source && !governed_here && planned.governance.value_or("internal") != "internal") {
      next = prior;
    } else if (next.limit_range.IsKnown() && next.resource_quota.IsKnown()) {
      if (prior.limit_range.IsKnown() && SameAmounts(*prior.limit_range, *next.limit_range))
        next.limit_range = prior.limit_range;
      if (prior.resource_quota.IsKnown() &&
          SameAmounts(*prior.resource_quota, *next.resource_quota)) {
        next.resource_quota = prior.resource_quota;
      }
    }
  }
  change.Set("effective", planned.effective);
  const bool same_limits = change.IsUpdate() && change.prior().effective.IsKnown() &&
                           planned.effective.IsKnown() &&
                           EffectiveModel::Describe().Encode(*change.prior().effective) ==
                               EffectiveModel::Describe().Encode(*planned.effective);
  const bool limits =
      MayLimit(planned.effective) || (change.IsUpdate() && MayLimit(change.prior().effective));
  if (!same_limits && limits && planned.name.IsKnown()) services_.NotePlannedQuota(*planned.name);
  return true;
}

// Asks a reachable server whether it would take what changes.
absl::Status NamespaceResource::CheckPlanned(const sdk::Context& context,
                                             const sdk::PlanChange<NamespaceModel>& change,
                                             const NamespaceModel& planned) const {
  const Conventions conventions = services_.settings()->conventions;
  if (context.provider_config_unknown || context.planned_before || !change.Changes())
    return absl::OkStatus();
  const Value value = NamespaceModel::Describe().Encode(planned);
  // Unknown parts cannot be rendered; the namespace itself mostly can.
  for (const char* name : {"name", "labels_all", "annotations"}) {
    if (!value[name].IsWhollyKnown()) return absl::OkStatus();
  }
  operations::ObjectOptions options = Options(planned);
  options.replaces = context.replaces;
  options.may_import = change.IsCreate();
  const absl::Status checked =
      services_.CheckPlan(context, [&](kubernetes::Cluster& cluster) -> absl::Status {
        if (change.IsCreate()) {
          const Json object = NamespaceObject(planned, *planned.labels_all);
          return Locate(object,
                        operations::CheckCreate(context, cluster, object, options).status());
        }
        if (!value.IsWhollyKnown()) return absl::OkStatus();
        const std::vector<Json> before = RenderNamespace(change.prior(), conventions);
        // The labels that all of them have are among these.
        const bool relabelled =
            change.prior().labels_all.IsKnown() && change.prior().labels_all != planned.labels_all;
        auto is_of_before = [&](const ObjectRef& ref) {
          return std::any_of(before.begin(), before.end(), [&](const Json& object) {
            const absl::StatusOr<ObjectRef> other = kubernetes::RefOf(object);
            return other.ok() && *other == ref;
          });
        };
        for (const Json& object : RenderNamespace(planned, conventions)) {
          if (!relabelled && std::find(before.begin(), before.end(), object) != before.end())
            continue;
          CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
          const bool fresh =
              !context.adopting && IsMadeByCreation(ref.kind.kind) && !is_of_before(ref);
          if (ref.kind.kind == "RoleBinding") {
            // One with another role is made anew, which a dry run of a change would refuse. That of
            // a new one may need a role that this very run makes: only whose it is, is asked.
            if (!fresh) continue;
            const auto there = cluster.Read(context, ref);
            if (!there.ok() || operations::ClaimOf(&**there, options) == operations::Claim::kOurs)
              continue;
          }
          CHARON_RETURN_IF_ERROR(
              Locate(object, (fresh ? operations::CheckCreate(context, cluster, object, options)
                                    : operations::CheckUpdate(context, cluster, object, options))
                                 .status()));
        }
        return absl::OkStatus();
      });
  if (kubernetes::IsAdmissionDown(checked)) {
    context.diagnostics->Warning("The plan could not be checked", checked);
    return absl::OkStatus();
  }
  if (!absl::IsAborted(checked)) return checked;
  // The plan stands, and shows the field: whether to fight is the user's to say.
  context.diagnostics->Warning("Another manager owns a field", checked);
  return absl::OkStatus();
}

// Fills `model.effective` from the objects that somebody else owns.
absl::Status NamespaceResource::ReadGoverned(const sdk::Context& context, NamespaceModel& model,
                                             bool wait) const {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const std::string& name = *model.name;
  const bool automatic = model.governance.value_or("internal") == "auto";
  const operations::ObjectOptions options = Options(model);
  if (automatic) {
    // Without a policy engine nothing will generate them.
    const absl::Status engine =
        cluster->Resolve(context, {"kyverno.io/v1", "ClusterPolicy"}).status();
    if (absl::IsNotFound(engine)) wait = false;
  }
  absl::Duration patience = absl::Seconds(30);
  if (model.governance_wait.IsKnown()) {
    CHARON_ASSIGN_OR_RETURN(patience, ParseDuration(*model.governance_wait));
  }
  const absl::Time until = context.call.clock->Now() + patience;
  EffectiveModel& effective = model.effective.value();
  while (true) {
    absl::StatusOr<Json> limits = cluster->Get(context, LimitRangeRef(name));
    absl::StatusOr<Json> quota = cluster->Get(context, QuotaRef(name));
    for (const absl::Status& status : {limits.status(), quota.status()}) {
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
    auto foreign = [&](const absl::StatusOr<Json>& object) {
      return object.ok() && operations::ClaimOf(&*object, options) != operations::Claim::kOurs;
    };
    const bool there = foreign(limits) || foreign(quota);
    const bool complete = foreign(limits) && foreign(quota);
    const bool over = !wait || context.call.clock->Now() >= until;
    if (complete || (over && (there || !automatic))) {
      effective.governance = "external";
      effective.limit_range = limits.ok() ? LimitsOf(*limits) : LimitTable();
      effective.resource_quota = quota.ok() ? QuotaOf(*quota) : QuotaTable();
      if (!there && wait) {
        context.diagnostics->Warning(
            "No limits and no quota",
            absl::StrCat("governance is \"external\", but within ", absl::FormatDuration(patience),
                         " nobody made a LimitRange \"", kLimitRangeName,
                         "\" or a ResourceQuota \"", kQuotaName, "\" in namespace ", name,
                         ". Check the policy engine, or use governance = \"internal\"."),
            "governance");
      }
      return absl::OkStatus();
    }
    if (over) {  // automatic, and nobody else's
      NamespaceModel internal = model;
      internal.governance = "internal";
      CHARON_ASSIGN_OR_RETURN(model.effective, Effective(context, internal, /*planning=*/false));
      return absl::OkStatus();
    }
    CHARON_RETURN_IF_ERROR(context.call.Wait(absl::Milliseconds(500)));
  }
}

sdk::Outcome<NamespaceModel> NamespaceResource::Apply(const sdk::Context& context,
                                                      const NamespaceModel* prior,
                                                      const NamespaceModel& plan) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const Conventions conventions = services_.settings()->conventions;
  const operations::ObjectOptions options = Options(plan);
  const std::string& name = *plan.name;

  NamespaceModel wanted = plan;
  if (!wanted.effective.IsKnown() ||
      !EffectiveModel::Describe().Encode(*wanted.effective).IsWhollyKnown()) {
    NamespaceModel config = plan;
    CHARON_ASSIGN_OR_RETURN(wanted.effective, Effective(context, config, /*planning=*/false));
  }
  wanted.labels_all = LabelsFor(wanted, conventions);
  // The namespace itself comes first: what governs it may be generated by its creation.
  const Json object = NamespaceObject(wanted, *wanted.labels_all);
  const operations::ObjectOptions itself = OptionsOfItself(context, plan);
  const auto made = prior == nullptr || IsGone(*prior)
                        ? operations::CreateObject(context, *cluster, object, itself)
                        : operations::UpdateObject(context, *cluster, object, itself);
  if (!made.ok()) return Locate(object, made.status());

  // What has been reached, for the state in case a later step fails.
  NamespaceModel reached = wanted;
  if (prior == nullptr) {
    reached.effective = EffectiveModel{.governance = wanted.effective->governance.IsKnown()
                                                         ? wanted.effective->governance
                                                         : Attr<std::string>("internal"),
                                       .priority_class = wanted.effective->priority_class,
                                       .limit_range = LimitTable(),
                                       .resource_quota = QuotaTable()};
    reached.default_deny = false;
    reached.role_bindings = plan.role_bindings.IsKnown()
                                ? Attr<std::map<std::string, RoleBindingModel>>(
                                      std::map<std::string, RoleBindingModel>())
                                : plan.role_bindings;
  } else {
    reached.effective = prior->effective;
    reached.default_deny = prior->default_deny;
    reached.role_bindings = prior->role_bindings;
  }
  auto failed = [&](absl::Status status) {
    return sdk::Outcome<NamespaceModel>::Partial(reached, std::move(status));
  };

  // What is given up below is still ours now: waiting for somebody else's would be in vain.
  const bool gives_up = prior != nullptr && GovernedHere(*prior) && !GovernedHere(wanted);
  if (wanted.governance.value_or("internal") != "internal" && !gives_up) {
    const bool settled = EffectiveModel::Describe().Encode(*wanted.effective).IsWhollyKnown();
    if (!settled) {
      if (absl::Status status = ReadGoverned(context, wanted, /*wait=*/true); !status.ok())
        return failed(status);
    }
  }
  // Given up before anything else: from here on they are the policy engine's.
  if (prior != nullptr && GovernedHere(*prior) && !GovernedHere(wanted)) {
    for (const ObjectRef& ref : {LimitRangeRef(name), QuotaRef(name)}) {
      absl::Status status = operations::ReleaseObject(context, *cluster, ref, options);
      if (!status.ok() && !absl::IsNotFound(status)) return failed(status);
    }
    if (absl::Status status = ReadGoverned(context, wanted, /*wait=*/false); !status.ok())
      return failed(status);
  }

  const std::vector<Json> objects = RenderNamespace(wanted, conventions);
  std::set<ObjectRef> declared, before_this;
  if (prior != nullptr && !context.adopting && prior->effective.IsKnown()) {
    for (const Json& former : RenderNamespace(*prior, conventions)) {
      const absl::StatusOr<ObjectRef> ref = kubernetes::RefOf(former);
      if (ref.ok()) before_this.insert(*ref);
    }
  }
  auto own_options = [&](const ObjectRef& ref) {
    operations::ObjectOptions own = options;
    own.applied_before = before_this.count(ref) != 0;
    own.may_import = false;  // with the namespace, which is there
    return own;
  };
  // It may be the answer only that was lost. What cannot be told stays in the state, as something
  // that is not as planned.
  auto look = [&](const ObjectRef& ref, const Json& declared_object) {
    const absl::StatusOr<Json> now = cluster->Get(context, ref);
    const bool ours = now.ok() && operations::ClaimOf(&*now, options) == operations::Claim::kOurs;
    const bool open = !now.ok() && !absl::IsNotFound(now.status());
    const std::string& kind = ref.kind.kind;
    if (kind == "LimitRange" && ours) {
      reached.effective.value().limit_range =
          InWordsOf(wanted.effective->limit_range.value_or({}), LimitsOf(*now));
    } else if (kind == "ResourceQuota" && ours) {
      reached.effective.value().resource_quota =
          InWordsOf(wanted.effective->resource_quota.value_or({}), QuotaOf(*now));
    } else if (kind == "NetworkPolicy") {
      if (ours) {
        reached.default_deny = kubernetes::Compare(declared_object, *now, options.manager).empty();
      } else if (open && !reached.default_deny.value_or(false)) {
        reached.default_deny = Attr<bool>();
      }
    } else if (kind == "RoleBinding") {
      if (!reached.role_bindings.IsKnown())
        reached.role_bindings = std::map<std::string, RoleBindingModel>();
      std::map<std::string, RoleBindingModel>& bindings = reached.role_bindings.value();
      const RoleBindingModel& binding = wanted.role_bindings->at(ref.name);
      if (ours) {
        bindings[ref.name] = RoleBindingOf(*now, name, &binding);
      } else if (absl::IsNotFound(now.status())) {
        bindings.erase(ref.name);
      } else if (open && bindings.count(ref.name) == 0) {
        bindings[ref.name] = binding;
        bindings[ref.name].subjects = std::vector<SubjectModel>();
      }
    }
  };
  for (std::size_t i = 1; i < objects.size(); ++i) {
    const absl::StatusOr<ObjectRef> ref = kubernetes::RefOf(objects[i]);
    if (!ref.ok()) return failed(ref.status());
    declared.insert(*ref);
    const std::string& kind = ref->kind.kind;
    // A RoleBinding cannot change its role or its namespace in place. The former one goes first:
    // the state has one of a name.
    if (kind == "RoleBinding" && prior != nullptr && prior->role_bindings.IsKnown()) {
      const auto before = prior->role_bindings->find(ref->name);
      const RoleBindingModel& now = wanted.role_bindings->at(ref->name);
      if (before != prior->role_bindings->end()) {
        const ObjectRef former = RoleBindingRef(name, ref->name, before->second);
        if (former != *ref || before->second.role != now.role ||
            before->second.cluster_role != now.cluster_role) {
          absl::Status status =
              operations::DeleteObject(context, *cluster, former, own_options(former));
          if (!status.ok() && !absl::IsNotFound(status)) return failed(Locate(objects[i], status));
          declared.insert(former);
          reached.role_bindings.value().erase(ref->name);
        }
      }
    }
    const bool fresh = prior == nullptr || (!context.adopting && before_this.count(*ref) == 0 &&
                                            IsMadeByCreation(kind));
    const operations::ObjectOptions own = own_options(*ref);
    const auto applied = fresh ? operations::CreateObject(context, *cluster, objects[i], own)
                               : operations::UpdateObject(context, *cluster, objects[i], own);
    if (!applied.ok()) {
      look(*ref, objects[i]);
      return failed(Locate(objects[i], applied.status()));
    }
    if (kind == "LimitRange") reached.effective.value().limit_range = wanted.effective->limit_range;
    if (kind == "ResourceQuota")
      reached.effective.value().resource_quota = wanted.effective->resource_quota;
    if (kind == "NetworkPolicy") reached.default_deny = true;
    if (kind == "RoleBinding") {
      if (!reached.role_bindings.IsKnown())
        reached.role_bindings = std::map<std::string, RoleBindingModel>();
      reached.role_bindings.value()[ref->name] = wanted.role_bindings->at(ref->name);
    }
  }
  if (prior != nullptr) {
    for (const Json& former : RenderNamespace(*prior, conventions)) {
      const absl::StatusOr<ObjectRef> ref = kubernetes::RefOf(former);
      const bool governed =
          ref.ok() && (ref->kind.kind == "LimitRange" || ref->kind.kind == "ResourceQuota");
      if (!ref.ok() || ref->kind.kind == "Namespace" || declared.count(*ref) != 0) continue;
      if (governed && !GovernedHere(wanted)) continue;  // given up above
      absl::Status status = operations::DeleteObject(context, *cluster, *ref, own_options(*ref));
      if (!status.ok() && !absl::IsNotFound(status)) return failed(Locate(former, status));
      if (ref->kind.kind == "RoleBinding") reached.role_bindings.value().erase(ref->name);
      if (ref->kind.kind == "NetworkPolicy") reached.default_deny = false;
    }
  }
  return wanted;
}

sdk::Outcome<NamespaceModel> NamespaceResource::Create(const sdk::Context& context,
                                                       const NamespaceModel& plan) {
  return Apply(context, nullptr, plan);
}

sdk::Outcome<NamespaceModel> NamespaceResource::Update(const sdk::Context& context,
                                                       const NamespaceModel& prior,
                                                       const NamespaceModel& plan) {
  return Apply(context, &prior, plan);
}

// The bindings of `prior` in other namespaces that are there, and ours.
absl::StatusOr<std::map<std::string, RoleBindingModel>> NamespaceResource::BindingsElsewhere(
    const sdk::Context& context, kubernetes::Cluster& cluster, const NamespaceModel& prior) const {
  const operations::ObjectOptions options = Options(prior);
  std::map<std::string, RoleBindingModel> left;
  for (const auto& [key, binding] : prior.role_bindings.value_or({})) {
    if (binding.name_space.value_or(*prior.name) == *prior.name) continue;
    const auto object = cluster.Read(context, RoleBindingRef(*prior.name, key, binding));
    if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
    if (object.ok() && operations::ClaimOf(&**object, options) == operations::Claim::kOurs)
      left[key] = RoleBindingOf(**object, *prior.name, &binding);
  }
  return left;
}

sdk::Outcome<NamespaceModel> NamespaceResource::Read(const sdk::Context& context,
                                                     const NamespaceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const std::string& name = *prior.name;
  const Conventions conventions = services_.settings()->conventions;
  const operations::ObjectOptions options = Options(prior);
  const operations::ObjectOptions itself = OptionsOfItself(context, prior);
  const auto read = cluster->Read(context, NamespaceRef(name));
  absl::Status there = read.status();
  if (read.ok() && kubernetes::Text(**read, "status.phase") == "Terminating") {
    there = absl::NotFoundError(absl::StrCat("namespace ", name, " is being deleted"));
  } else if (read.ok() && operations::IsNamesake(**read, itself)) {
    operations::TellNamesake(context, NamespaceRef(name), **read, itself);
    there = absl::NotFoundError(absl::StrCat("namespace ", name, " is another one now"));
  }
  if (absl::IsNotFound(there)) {
    CHARON_ASSIGN_OR_RETURN(const auto left, BindingsElsewhere(context, *cluster, prior));
    return left.empty() ? sdk::Outcome<NamespaceModel>(there) : WhatIsLeft(context, prior, left);
  }
  CHARON_RETURN_IF_ERROR(there);
  const std::shared_ptr<const Json>& live = *read;

  NamespaceModel model = prior;
  const bool imported = !prior.effective.IsKnown();
  const Labels labels = operations::LabelsOf(*live);
  const std::map<std::string, std::string> annotations =
      TextMap(kubernetes::Field(*live, "metadata.annotations"));
  auto label = [&](const std::string& key) {
    const auto found = labels.find(key);
    return found == labels.end() ? Attr<std::string>() : Attr<std::string>(found->second);
  };
  const bool ours = operations::ClaimOf(&*live, options) == operations::Claim::kOurs;
  if (imported && !prior.labels.IsKnown()) {
    const kubernetes::FieldSet owned = kubernetes::AppliedBy(*live, options.manager);
    auto mine = [&](const char* map, const std::string& key) {
      using Step = kubernetes::FieldStep;
      return !ours ||
             owned.Contains({Step{Step::Kind::kField, "metadata"}, Step{Step::Kind::kField, map},
                             Step{Step::Kind::kField, key}});
    };
    std::map<std::string, std::string> own_labels, own_annotations;
    for (const auto& [key, value] : labels) {
      const bool conventional = conventions.default_labels.count(key) != 0;
      if (!IsOwnLabel(key) && !conventional && mine("labels", key)) own_labels[key] = value;
    }
    for (const auto& [key, value] : annotations) {
      if (operations::IsOurNote(key) || absl::StartsWith(key, "kubectl.kubernetes.io/")) continue;
      if (mine("annotations", key)) own_annotations[key] = value;
    }
    if (!own_labels.empty()) model.labels = std::move(own_labels);
    if (!own_annotations.empty()) model.annotations = std::move(own_annotations);
    model.tier = label(kTierLabel);
    PodSecurityModel security;
    security.enforce = label(absl::StrCat(kPodSecurityPrefix, "enforce"));
    security.audit = label(absl::StrCat(kPodSecurityPrefix, "audit"));
    security.warn = label(absl::StrCat(kPodSecurityPrefix, "warn"));
    for (const char* mode : kPodSecurityModes) {
      const Attr<std::string> version = label(absl::StrCat(kPodSecurityPrefix, mode, "-version"));
      if (version.IsKnown()) security.version = version;
    }
    if (!PodSecurityLabels(security).empty()) model.pod_security = std::move(security);
  } else {
    model.labels = LiveOf(prior.labels, labels);
    model.annotations = LiveOf(prior.annotations, annotations);
    if (prior.tier.IsKnown()) {
      const absl::StatusOr<TierProfile> tier = conventions.Tier(*prior.tier);
      const Attr<std::string> now = label(kTierLabel);
      if (now != Attr<std::string>(tier.ok() ? tier->name : *prior.tier)) model.tier = now;
    }
    if (prior.pod_security.IsKnown()) {
      PodSecurityModel& security = model.pod_security.value();
      Attr<std::string>* levels[] = {&security.enforce, &security.audit, &security.warn};
      for (std::size_t i = 0; i < std::size(kPodSecurityModes); ++i) {
        if (levels[i]->IsKnown())
          *levels[i] = label(absl::StrCat(kPodSecurityPrefix, kPodSecurityModes[i]));
      }
    }
  }

  // What was imported or moved here is theirs until the first apply that changes it.
  const Labels declared = LabelsFor(imported ? model : prior, conventions);
  const std::optional<Labels>& former = prior.labels_all.optional();
  if (ours || !context.adopting) model.labels_all = operations::LiveLabels(*live, declared, former);
  if (ours) {
    const Json object = NamespaceObject(prior, LabelsFor(prior, conventions));
    WarnOfDrift(context, object, *live, options.manager, former);
  }

  if (imported) {
    absl::StatusOr<Json> limits = cluster->Get(context, LimitRangeRef(name));
    absl::StatusOr<Json> quota = cluster->Get(context, QuotaRef(name));
    auto is = [&](const absl::StatusOr<Json>& object, operations::Claim claim) {
      return object.ok() && operations::ClaimOf(&*object, options) == claim;
    };
    const bool governed =
        is(limits, operations::Claim::kOurs) || is(quota, operations::Claim::kOurs);
    const bool external = (limits.ok() || quota.ok()) && !governed;
    model.governance = external ? "external" : "internal";
    EffectiveModel effective;
    effective.governance = model.governance;
    effective.limit_range = limits.ok() ? LimitsOf(*limits) : LimitTable();
    effective.resource_quota = quota.ok() ? QuotaOf(*quota) : QuotaTable();
    TierProfile profile;
    if (model.tier.IsKnown()) {
      if (auto found = FindTier(context, conventions, cluster.get(), *model.tier); found.ok())
        profile = *found;
      effective.priority_class = "tier-" + *model.tier;
    }
    effective.limit_range = InWordsOf(profile.limit_range, *effective.limit_range);
    effective.resource_quota = InWordsOf(profile.quota, *effective.resource_quota);
    if (!external) {
      if (*effective.limit_range != profile.limit_range) model.limit_range = *effective.limit_range;
      if (*effective.resource_quota != profile.quota)
        model.resource_quota = *effective.resource_quota;
    }
    model.effective = effective;
    const absl::StatusOr<Json> policy = cluster->Get(context, DefaultDenyRef(name));
    model.default_deny = is(policy, operations::Claim::kOurs);
    kubernetes::ListOptions everywhere;
    everywhere.label_selector = absl::StrCat(kManagedByLabel, "=", conventions.managed_by);
    absl::StatusOr<std::vector<Json>> bindings =
        cluster->List(context, {"rbac.authorization.k8s.io/v1", "RoleBinding"}, everywhere);
    std::map<std::string, RoleBindingModel> mine;
    if (bindings.ok()) {
      for (const Json& binding : *bindings) {
        if (operations::ClaimOf(&binding, options) != operations::Claim::kOurs) continue;
        mine[kubernetes::Text(binding, "metadata.name")] = RoleBindingOf(binding, name, nullptr);
      }
    }
    if (!mine.empty()) model.role_bindings = std::move(mine);
    return model;
  }

  // The labels of what is ours beside the Namespace.
  auto see_labels = [&](const Json& object) {
    if (!model.labels_all.IsKnown() ||
        operations::ClaimOf(&object, options) != operations::Claim::kOurs)
      return;
    const std::string manager = operations::ComparedAs(object, options);
    operations::ShowLabelsOf(object, conventions.Labels(), manager, model.labels_all.value());
    const Json given = {
        {"kind", kubernetes::Text(object, "kind")},
        {"metadata",
         {{"name", kubernetes::Text(object, "metadata.name")}, {"labels", conventions.Labels()}}}};
    WarnOfDrift(context, given, object, manager, former);
  };
  if (GovernedHere(prior)) {
    EffectiveModel& effective = model.effective.value();
    const LimitTable limits = prior.effective->limit_range.value_or({});
    const QuotaTable quota = prior.effective->resource_quota.value_or({});
    // The server fills in a LimitRange (requests from limits): what it added is no drift.
    if (!limits.empty()) {
      const auto object = cluster->Read(context, LimitRangeRef(name));
      if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
      if (object.ok()) see_labels(**object);
      if (!object.ok()) {
        effective.limit_range = LimitTable();
      } else if (!kubernetes::Compare(LimitRangeObject(name, limits), **object,
                                      operations::ComparedAs(**object, options))
                      .empty()) {
        WarnOfDrift(context, LimitRangeObject(name, limits), **object,
                    operations::ComparedAs(**object, options), former);
        effective.limit_range = InWordsOf(limits, LimitsOf(**object));
      }
    }
    if (!quota.empty()) {
      const auto object = cluster->Read(context, QuotaRef(name));
      if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
      if (object.ok()) see_labels(**object);
      if (!object.ok()) {
        effective.resource_quota = QuotaTable();
      } else if (!kubernetes::Compare(QuotaObject(name, quota), **object,
                                      operations::ComparedAs(**object, options))
                      .empty()) {
        WarnOfDrift(context, QuotaObject(name, quota), **object,
                    operations::ComparedAs(**object, options), former);
        effective.resource_quota = InWordsOf(quota, QuotaOf(**object));
      }
    }
  }
  auto is_another = [&](const Json& object) {
    if (!operations::IsNamesake(object, itself)) return false;
    if (const auto ref = kubernetes::RefOf(object); ref.ok())
      operations::TellNamesake(context, *ref, object, itself);
    return true;
  };
  // Null: an apply could not tell.
  if (prior.default_deny.value_or(true)) {
    const auto object = cluster->Read(context, DefaultDenyRef(name));
    if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
    if (object.ok()) see_labels(**object);
    model.default_deny = object.ok() && !is_another(**object) &&
                         kubernetes::Compare(DefaultDenyObject(name), **object,
                                             operations::ComparedAs(**object, options))
                             .empty();
  }
  if (prior.role_bindings.IsKnown()) {
    std::map<std::string, RoleBindingModel> bindings;
    for (const auto& [key, binding] : *prior.role_bindings) {
      const auto object = cluster->Read(context, RoleBindingRef(name, key, binding));
      if (!object.ok() && !absl::IsNotFound(object.status())) return object.status();
      if (!object.ok() || is_another(**object)) continue;
      bindings[key] = RoleBindingOf(**object, name, &binding);
      see_labels(**object);
    }
    model.role_bindings = std::move(bindings);
  }
  return model;
}

absl::Status NamespaceResource::Delete(const sdk::Context& context, const NamespaceModel& prior) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const operations::ObjectOptions options = Options(prior);
  const std::string& name = *prior.name;
  const operations::ObjectOptions itself = OptionsOfItself(context, prior);
  const absl::StatusOr<Json> live = cluster->Get(context, NamespaceRef(name));
  if (!live.ok() && !absl::IsNotFound(live.status())) return live.status();
  const bool another = live.ok() && operations::IsNamesake(*live, itself);
  const bool going =
      !live.ok() || another || kubernetes::Text(*live, "status.phase") == "Terminating";
  // Another resource of this run may have the namespace by now: then it stays, with all it holds.
  const bool taken = live.ok() && operations::IsTakenOver(context, *live);
  auto stays = [&] { return taken || cluster->claims().IsClaimed(NamespaceRef(name)); };
  if (!going && !prior.delete_contents.value_or(false) && !stays()) {
    Kept kept;
    CHARON_ASSIGN_OR_RETURN(const std::vector<std::string> contents,
                            ForeignContents(context, *cluster, name, options.owner, kept));
    if (!contents.empty() && !stays()) {
      return WithRemedy(
          absl::FailedPreconditionError(absl::StrCat(
              "namespace ", name, " holds what this resource did not make: ", FirstFew(contents))),
          absl::StrCat(
              HintOn(kept, name),
              "Remove these first, or set delete_contents = true, apply, and destroy again."));
    }
  }
  // Bindings in other namespaces do not go with this one.
  for (const auto& [key, binding] : prior.role_bindings.value_or({})) {
    if (binding.name_space.value_or(name) == name) continue;
    absl::Status status =
        operations::DeleteObject(context, *cluster, RoleBindingRef(name, key, binding), itself);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  if (!live.ok()) return live.status();
  if (another) {
    operations::TellNamesake(context, NamespaceRef(name), *live, itself);
    return absl::OkStatus();
  }
  return operations::DeleteObject(context, *cluster, NamespaceRef(name), options);
}

std::string NamespaceResource::SameObject(const NamespaceModel& model) const {
  return model.name.value_or("");
}

absl::StatusOr<NamespaceModel> NamespaceResource::Import(const sdk::Context&,
                                                         const std::string& id) {
  return Stub(id);
}

absl::StatusOr<NamespaceModel> NamespaceResource::ImportByIdentity(
    const sdk::Context& context, const NamespaceIdentity& identity) {
  CHARON_RETURN_IF_ERROR(services_.CheckClusterId(context, identity.cluster.optional()));
  return Import(context, *identity.name);
}

absl::StatusOr<NamespaceIdentity> NamespaceResource::Identify(const sdk::Context& context,
                                                              const NamespaceModel& state) {
  NamespaceIdentity identity{state.name, {}};
  if (std::string cluster = services_.ClusterId(context); !cluster.empty())
    identity.cluster = std::move(cluster);
  return identity;
}

// kubernetes_namespace and kubernetes_namespace_v1: metadata is a list of one block.
std::vector<sdk::MoveSource<NamespaceModel>> NamespaceResource::MoveSources() const {
  auto move = [](const sdk::Context&,
                 const sdk::MoveRequest& request) -> absl::StatusOr<NamespaceModel> {
    const Json state = Json::parse(request.source_state, nullptr, /*allow_exceptions=*/false);
    const Json& blocks = kubernetes::Field(state, "metadata");
    if (!blocks.is_array() || blocks.empty())
      return absl::InvalidArgumentError("the source has no metadata block");
    const std::string name = kubernetes::Text(blocks[0], "name");
    if (name.empty()) return absl::InvalidArgumentError("the source has no metadata.name");
    NamespaceModel model = Stub(name);
    auto labels = TextMap(kubernetes::Field(blocks[0], "labels"));
    auto annotations = TextMap(kubernetes::Field(blocks[0], "annotations"));
    if (!labels.empty()) model.labels = std::move(labels);
    if (!annotations.empty()) model.annotations = std::move(annotations);
    EffectiveModel effective;
    effective.governance = "internal";
    effective.limit_range = LimitTable();
    effective.resource_quota = QuotaTable();
    model.effective = effective;
    return model;
  };
  return {{"kubernetes_namespace", move}, {"kubernetes_namespace_v1", move}};
}

NamespaceModel NamespaceResource::ToConfig(const NamespaceModel& state) const {
  NamespaceModel config = state;
  if (config.governance.value_or("internal") == "internal") config.governance = Attr<std::string>();
  return config;
}

const ObjectSpec<NamespaceListModel>& NamespaceListModel::Describe() {
  using M = NamespaceListModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Namespaces of the cluster.",
      {
          Field(&M::tier, "tier", Optional, "Only namespaces with this `tier` label, in full."),
          Field(&M::label_selector, "label_selector", Optional,
                "Only namespaces that match, as kubectl's `-l`."),
      });
  return spec;
}

absl::Status NamespaceList::List(
    const sdk::Context& context, const NamespaceListModel& config, bool include_resource,
    const std::function<bool(sdk::Listed<NamespaceModel, NamespaceIdentity>)>& emit) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  kubernetes::ListOptions options;
  std::vector<std::string> selectors;
  if (config.tier.IsKnown()) selectors.push_back(absl::StrCat(kTierLabel, "=", *config.tier));
  if (config.label_selector.IsKnown()) selectors.push_back(*config.label_selector);
  options.label_selector = absl::StrJoin(selectors, ",");
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> namespaces,
                          cluster->List(context, {"v1", "Namespace"}, options));
  sdk::Context reading = context;
  reading.adopting = true;  // as after an import: whoever made them
  for (const Json& object : namespaces) {
    sdk::Listed<NamespaceModel, NamespaceIdentity> item;
    const std::string name = kubernetes::Text(object, "metadata.name");
    item.identity.name = name;
    item.display_name = name;
    if (include_resource) {
      CHARON_ASSIGN_OR_RETURN(const NamespaceModel stub, resource_.Import(context, name));
      const sdk::Outcome<NamespaceModel> read = resource_.Read(reading, stub);
      if (absl::IsNotFound(read.status())) continue;
      CHARON_RETURN_IF_ERROR(read.status());
      item.resource = *read.state();
    }
    if (!emit(std::move(item))) break;
  }
  return absl::OkStatus();
}

}  // namespace charon::tier
