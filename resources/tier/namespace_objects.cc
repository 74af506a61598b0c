#include "resources/tier/namespace_objects.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;
using operations::Labels;

constexpr char kDefaultDenyName[] = "default-deny";

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

}  // namespace

ObjectRef NamespaceRef(const std::string& name) { return {{"v1", "Namespace"}, "", name}; }
ObjectRef LimitRangeRef(const std::string& name_space) {
  return {{"v1", "LimitRange"}, name_space, kLimitRangeName};
}
ObjectRef QuotaRef(const std::string& name_space) {
  return {{"v1", "ResourceQuota"}, name_space, kQuotaName};
}
ObjectRef DefaultDenyRef(const std::string& name_space) {
  return {{"networking.k8s.io/v1", "NetworkPolicy"}, name_space, kDefaultDenyName};
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

Json NamespaceObject(const NamespaceModel& model, const Labels& labels) {
  Json metadata = {{"name", *model.name}, {"labels", labels}};
  if (model.annotations.IsKnown()) metadata["annotations"] = *model.annotations;
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", metadata}};
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

std::map<std::string, std::string> TextMap(const Json& object) {
  std::map<std::string, std::string> map;
  if (!object.is_object()) return map;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) map[key] = value.get<std::string>();
  }
  return map;
}

bool GovernedHere(const NamespaceModel& model) {
  return model.effective.IsKnown() &&
         model.effective->governance.value_or("internal") == "internal";
}

bool IsMadeByCreation(const std::string& kind) {
  return kind == "NetworkPolicy" || kind == "RoleBinding";
}

operations::ObjectOptions OwnershipOf(const Services& services, const NamespaceModel& model) {
  operations::ObjectOptions options = services.Ownership(kNamespaceType, *model.name);
  options.on_conflict = operations::OnConflictFrom(model.on_conflict.value_or("fail"));
  options.force_conflicts = model.force_conflicts.value_or(false);
  options.import_id = *model.name;
  options.offers_replace = false;
  return options;
}

operations::ObjectOptions OwnershipOfItself(const sdk::Context& context, const Services& services,
                                            const NamespaceModel& model) {
  operations::ObjectOptions options = OwnershipOf(services, model);
  options.applied_before = !context.adopting;
  return options;
}

absl::Status Locate(const Json& object, absl::Status status) {
  if (status.ok()) return status;
  Path path = AttributeFor(object);
  for (const kubernetes::ApiError::Cause& cause : kubernetes::ApiErrorOf(status).causes) {
    if (absl::StrContains(cause.field, "metadata.labels")) path = "labels";
    if (absl::StrContains(cause.field, "metadata.annotations")) path = "annotations";
  }
  return At(path, std::move(status));
}

}  // namespace charon::tier
