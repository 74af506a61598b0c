// The workload of a service, and what guards it.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// A claim that only one node can have, so that a new pod waits for the old one.
bool MountsSingleNodeClaim(const ServiceModel& model) {
  for (const auto& [name, claim] : model.claims.value_or({})) {
    if (claim.per_replica.value_or(false)) continue;
    const std::set<std::string> modes = claim.access_modes.value_or({"ReadWriteOnce"});
    if (modes.count("ReadWriteMany") == 0 && modes.count("ReadOnlyMany") == 0) return true;
  }
  return false;
}

Json Strategy(const ServiceModel& model, const std::string& kind) {
  const RolloutModel rollout = model.rollout.value_or({});
  std::string type = "RollingUpdate";
  if (kind == "Deployment" && MountsSingleNodeClaim(model)) type = "Recreate";
  type = rollout.strategy.value_or(type);
  Json rolling = Json::object();
  if (rollout.max_surge.IsKnown()) rolling["maxSurge"] = IntOrString(*rollout.max_surge);
  if (rollout.max_unavailable.IsKnown())
    rolling["maxUnavailable"] = IntOrString(*rollout.max_unavailable);
  if (rollout.partition.IsKnown()) rolling["partition"] = *rollout.partition;
  Json strategy = {{"type", type}};
  if (type == "RollingUpdate") {
    if (!rolling.empty()) strategy["rollingUpdate"] = std::move(rolling);
  } else {
    // What the server filled in while it was RollingUpdate would be refused beside another type.
    strategy["rollingUpdate"] = nullptr;
  }
  return strategy;
}

// Names of the Secrets whose change the pods are to be restarted for.
std::vector<std::string> WatchedSecrets(const ServiceModel& model) {
  std::vector<std::string> names;
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    if (secret.on_change.value_or("none") == "restart") names.push_back(SecretName(model, key));
  }
  return names;
}

Json Targets(const Attr<std::set<std::string>>& namespaces,
             const Attr<std::set<std::string>>& cidrs) {
  Json targets = Json::array({{{"podSelector", Json::object()}}});
  for (const std::string& name : namespaces.value_or({})) {
    targets.push_back(
        {{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", name}}}}}});
  }
  for (const std::string& cidr : cidrs.value_or({}))
    targets.push_back({{"ipBlock", {{"cidr", cidr}}}});
  return targets;
}

Json NetworkPolicy(const ServiceModel& model, const Conventions& conventions) {
  const NetworkPolicyModel& policy = *model.network_policy;
  Json object = ObjectHead(model, conventions, "NetworkPolicy", model.NameOrDefault());
  Json spec = {{"podSelector", {{"matchLabels", SelectorOf(model)}}},
               {"policyTypes", Json::array()}};
  if (policy.from_namespaces.IsKnown() || policy.from_cidrs.IsKnown()) {
    spec["policyTypes"].push_back("Ingress");
    spec["ingress"] = Json::array({{{"from", Targets(policy.from_namespaces, policy.from_cidrs)}}});
  }
  if (policy.to_namespaces.IsKnown() || policy.to_cidrs.IsKnown()) {
    spec["policyTypes"].push_back("Egress");
    const Json dns =
        Json::array({{{"protocol", "UDP"}, {"port", 53}}, {{"protocol", "TCP"}, {"port", 53}}});
    spec["egress"] =
        Json::array({{{"to", Targets(policy.to_namespaces, policy.to_cidrs)}}, {{"ports", dns}}});
  }
  object["spec"] = std::move(spec);
  return object;
}

}  // namespace

std::string WorkloadKind(const ServiceModel& model) {
  const std::string kind = model.kind.value_or("deployment");
  if (kind == "statefulset") return "StatefulSet";
  if (kind == "daemonset") return "DaemonSet";
  return "Deployment";
}

absl::Status RenderWorkload(const ServiceModel& model, const Conventions& conventions,
                            std::vector<Rendered>& out) {
  const std::string kind = WorkloadKind(model);
  const std::string name = model.NameOrDefault();
  const RolloutModel rollout = model.rollout.value_or({});
  CHARON_ASSIGN_OR_RETURN(PodTemplate pod, RenderPod(model, conventions));

  Json object = ObjectHead(model, conventions, kind, name);
  Json initial = Json::object();
  Json annotations = Json::object();
  for (const auto& [key, value] : model.annotations.value_or({})) annotations[key] = value;
  if (const std::vector<std::string> watched = WatchedSecrets(model);
      !watched.empty() && !conventions.reload_annotation.empty()) {
    annotations[conventions.reload_annotation] = absl::StrJoin(watched, ",");
  }
  if (!annotations.empty()) object["metadata"]["annotations"] = std::move(annotations);

  Json spec = {{"selector", {{"matchLabels", SelectorOf(model)}}},
               {"template", std::move(pod.spec)}};
  if (!pod.initial.is_null()) initial["spec"]["template"] = std::move(pod.initial);
  if (kind != "DaemonSet") {
    // Not set means one, said so that nobody's leftover counts.
    const std::int64_t replicas = model.replicas.value_or(1);
    const bool external =
        model.replicas_owner.value_or("terraform") == "external" || model.scale_to_zero.IsKnown();
    (external ? initial["spec"] : spec)["replicas"] = replicas;
  }
  if (kind == "Deployment") {
    spec["strategy"] = Strategy(model, kind);
    if (rollout.progress_deadline.IsKnown())
      spec["progressDeadlineSeconds"] = Seconds(*rollout.progress_deadline);
  } else {
    spec["updateStrategy"] = Strategy(model, kind);
  }
  if (const auto wait = Seconds(rollout.min_ready.value_or("0s")); wait != 0)
    spec["minReadySeconds"] = wait;
  if (rollout.revision_history_limit.IsKnown())
    spec["revisionHistoryLimit"] = *rollout.revision_history_limit;
  if (kind == "StatefulSet") {
    spec["serviceName"] = HeadlessName(model);
    if (rollout.pod_management_policy.IsKnown())
      spec["podManagementPolicy"] = *rollout.pod_management_policy;
    Json templates = Json::array();
    for (const auto& [claim_name, claim] : model.claims.value_or({})) {
      if (!claim.per_replica.value_or(false)) continue;
      Json object_template = {{"apiVersion", "v1"},
                              {"kind", "PersistentVolumeClaim"},
                              {"metadata", {{"name", claim_name}}},
                              {"spec", ClaimSpec(claim, conventions)}};
      if (claim.autoresize.IsKnown())
        object_template["metadata"]["annotations"] = Autoresize(*claim.autoresize);
      object_template["spec"]["resources"] = {{"requests", {{"storage", *claim.size}}}};
      templates.push_back(std::move(object_template));
    }
    if (!templates.empty()) spec["volumeClaimTemplates"] = std::move(templates);
  }
  if (model.scale_to_zero.IsKnown()) {
    // Labels by which Sablier finds what it may stop (sablierapp/sablier v1.13, pkg/provider,
    // labels).
    object["metadata"]["labels"]["sablier.enable"] = "true";
    object["metadata"]["labels"]["sablier.group"] = model.scale_to_zero->group.value_or(name);
    if (model.scale_to_zero->settle.IsKnown())
      object["metadata"]["labels"]["sablier.ready-after"] = *model.scale_to_zero->settle;
  }
  object["spec"] = std::move(spec);
  out.push_back({.stage = Stage::kWorkload,
                 .attribute = {},
                 .object = std::move(object),
                 .initial = initial.empty() ? Json() : std::move(initial)});

  auto add = [&](const char* attribute, Json guard) {
    out.push_back({.stage = Stage::kIdentity,
                   .attribute = attribute,
                   .object = std::move(guard),
                   .initial = {}});
  };
  if (model.disruption_budget.IsKnown()) {
    Json budget = ObjectHead(model, conventions, "PodDisruptionBudget", name);
    budget["spec"] = {{"selector", {{"matchLabels", SelectorOf(model)}}}};
    if (model.disruption_budget->min_available.IsKnown()) {
      budget["spec"]["minAvailable"] = IntOrString(*model.disruption_budget->min_available);
    } else {
      budget["spec"]["maxUnavailable"] =
          IntOrString(model.disruption_budget->max_unavailable.value_or("1"));
    }
    add("disruption_budget", std::move(budget));
  }
  if (model.network_policy.IsKnown()) add("network_policy", NetworkPolicy(model, conventions));
  return absl::OkStatus();
}

}  // namespace charon::service
