#include "provider/operations/quota_fit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/quantity.h"

namespace charon::operations {
namespace {

using kubernetes::Field;
using kubernetes::Json;
using kubernetes::Quantity;
using Amounts = std::map<std::string, Quantity>;

void Add(Amounts& sum, const Amounts& more) {
  for (const auto& [resource, amount] : more) {
    const auto [found, fresh] = sum.emplace(resource, amount);
    if (!fresh) found->second = found->second + amount;
  }
}

void Raise(Amounts& most, const Amounts& other) {
  for (const auto& [resource, amount] : other) {
    const auto [found, fresh] = most.emplace(resource, amount);
    if (!fresh && found->second < amount) found->second = amount;
  }
}

Quantity Times(const Quantity& amount, std::int64_t count) {
  return Quantity::FromNano(amount.nano() * count, amount.format());
}

// What LimitRanges fill in (pkg/../admission/limitranger): the default limit, and as request the
// default request, else the limit.
struct Defaults {
  Amounts requests, limits;
};

struct Needs {
  Amounts requests, limits;
};

Needs NeedsOf(const Json& container, const Defaults& defaults) {
  Needs needs;
  needs.limits = kubernetes::QuantitiesOf(Field(container, "resources.limits"));
  needs.requests = kubernetes::QuantitiesOf(Field(container, "resources.requests"));
  // The server takes a limit as the request before any LimitRange is asked.
  for (const auto& [resource, amount] : needs.limits) needs.requests.emplace(resource, amount);
  for (const auto& [resource, amount] : defaults.limits) needs.limits.emplace(resource, amount);
  for (const auto& [resource, amount] : defaults.requests) needs.requests.emplace(resource, amount);
  return needs;
}

// The effective needs of a pod (Kubernetes, "Init Containers", resource sharing).
Needs NeedsOfPod(const Json& spec, const Defaults& defaults) {
  Needs sum, init;
  const Json& containers = Field(spec, "containers");
  for (const Json& container : containers.is_array() ? containers : Json::array()) {
    const Needs needs = NeedsOf(container, defaults);
    Add(sum.requests, needs.requests);
    Add(sum.limits, needs.limits);
  }
  const Json& inits = Field(spec, "initContainers");
  for (const Json& container : inits.is_array() ? inits : Json::array()) {
    const Needs needs = NeedsOf(container, defaults);
    if (container.value("restartPolicy", "") == "Always") {
      Add(sum.requests, needs.requests);
      Add(sum.limits, needs.limits);
    } else {
      Raise(init.requests, needs.requests);
      Raise(init.limits, needs.limits);
    }
  }
  Raise(sum.requests, init.requests);
  Raise(sum.limits, init.limits);
  return sum;
}

// A pod's amount of what a quota counts; nullopt if it counts something else (claims, objects).
std::optional<Quantity> Counted(const Needs& needs, absl::string_view resource) {
  if (resource == "pods" || resource == "count/pods")
    return Quantity::FromNano(1000000000, Quantity::Format::kDecimalSI);
  const Amounts* amounts = &needs.requests;
  if (absl::ConsumePrefix(&resource, "limits.")) {
    amounts = &needs.limits;
  } else if (!absl::ConsumePrefix(&resource, "requests.") && resource != "cpu" &&
             resource != "memory" && resource != "ephemeral-storage") {
    return std::nullopt;
  }
  if (resource == "storage" || absl::StrContains(resource, "storageclass")) return std::nullopt;
  const auto found = amounts->find(std::string(resource));
  return found == amounts->end() ? Quantity() : found->second;
}

// A quota on these refuses pods whose containers do not all name them.
bool MustBeNamed(absl::string_view resource) {
  return resource == "requests.cpu" || resource == "requests.memory" || resource == "limits.cpu" ||
         resource == "limits.memory" || resource == "cpu" || resource == "memory";
}

bool IsScoped(const Json& quota) {
  const Json& scopes = Field(quota, "spec.scopes");
  return (scopes.is_array() && !scopes.empty()) || !Field(quota, "spec.scopeSelector").is_null();
}

void CompareWithQuota(const Json& quota, std::int64_t pods, bool surge, const Needs& pod,
                      const Amounts& own_by_resource, std::vector<std::string>& problems) {
  const std::string name = kubernetes::Text(quota, "metadata.name");
  const Amounts used = kubernetes::QuantitiesOf(Field(quota, "status.used"));
  for (const auto& [resource, hard] : kubernetes::QuantitiesOf(Field(quota, "spec.hard"))) {
    const std::optional<Quantity> each = Counted(pod, resource);
    if (!each) continue;
    if (MustBeNamed(resource) && *each == Quantity()) {
      problems.push_back(absl::StrCat("ResourceQuota ", name, " counts ", resource,
                                      ", but the containers do not say any and no LimitRange does: "
                                      "the server will refuse the pods"));
      continue;
    }
    const auto in_use = used.find(resource);
    const auto own = own_by_resource.find(resource);
    Quantity others = in_use == used.end() ? Quantity() : in_use->second;
    if (own != own_by_resource.end()) others = others - own->second;
    if (others < Quantity()) others = Quantity();
    const Quantity wanted = Times(*each, pods);
    if (!(hard < others + wanted)) continue;
    problems.push_back(absl::StrCat("ResourceQuota ", name, ": ", resource, " is ", hard.ToString(),
                                    ", others use ", others.ToString(), ", so ",
                                    (hard < others ? Quantity() : hard - others).ToString(),
                                    " are left; ", pods,
                                    pods == 1 ? " pod needs "
                                    : surge   ? " pods (surge included) need "
                                              : " pods need ",
                                    wanted.ToString()));
  }
}

// What a LimitRange refuses (plugin/pkg/admission/limitranger/admission.go, v1.36: minConstraint,
// maxConstraint), and a limit that it fills in below the request, which validation refuses. `whose`
// begins each line.
void CompareWithLimits(absl::string_view range, const Json& item, absl::string_view whose,
                       const Needs& needs, const Amounts& said_limits,
                       std::vector<std::string>& problems) {
  const auto say = [&](const auto&... text) {
    problems.push_back(absl::StrCat("LimitRange ", range, ": ", whose, " ", text...));
  };
  for (const auto& [resource, most] : kubernetes::QuantitiesOf(Field(item, "max"))) {
    const auto request = needs.requests.find(resource);
    const auto limit = needs.limits.find(resource);
    if (request != needs.requests.end() && most < request->second) {
      say("requests ", resource, " ", request->second.ToString(), ", the most is ",
          most.ToString());
    } else if (limit == needs.limits.end()) {
      say("has no limit of ", resource, ", and must have one of at most ", most.ToString());
    } else if (most < limit->second) {
      say("has a limit of ", resource, " ", limit->second.ToString(), ", the most is ",
          most.ToString());
    }
  }
  for (const auto& [resource, least] : kubernetes::QuantitiesOf(Field(item, "min"))) {
    const auto request = needs.requests.find(resource);
    const auto limit = needs.limits.find(resource);
    if (request == needs.requests.end()) {
      say("requests no ", resource, ", and must request at least ", least.ToString());
    } else if (request->second < least) {
      say("requests ", resource, " ", request->second.ToString(), ", the least is ",
          least.ToString());
    } else if (limit != needs.limits.end() && limit->second < least) {
      say("has a limit of ", resource, " ", limit->second.ToString(), ", the least is ",
          least.ToString());
    }
  }
  for (const auto& [resource, limit] : kubernetes::QuantitiesOf(Field(item, "default"))) {
    const auto request = needs.requests.find(resource);
    if (said_limits.count(resource) != 0 || request == needs.requests.end() ||
        !(limit < request->second))
      continue;
    say("requests ", resource, " ", request->second.ToString(), " and gets the default limit of ",
        limit.ToString(), ", which is less; write a limit, too");
  }
}

void CompareWithLimitRange(const Json& range, const Json& pod_spec, const Defaults& defaults,
                           std::vector<std::string>& problems) {
  const std::string name = kubernetes::Text(range, "metadata.name");
  const Json& items = Field(range, "spec.limits");
  for (const Json& item : items.is_array() ? items : Json::array()) {
    const std::string type = item.value("type", "");
    if (type == "Pod")
      CompareWithLimits(name, item, "one pod", NeedsOfPod(pod_spec, defaults), {}, problems);
    if (type != "Container") continue;
    for (const char* list : {"initContainers", "containers"}) {
      const Json& containers = Field(pod_spec, list);
      for (const Json& container : containers.is_array() ? containers : Json::array()) {
        CompareWithLimits(name, item, absl::StrCat("container ", container.value("name", "")),
                          NeedsOf(container, defaults),
                          kubernetes::QuantitiesOf(Field(container, "resources.limits")), problems);
      }
    }
  }
}

bool NodeMatches(const Json& node, const Json& selector) {
  if (!selector.is_object()) return true;
  const Json& labels = Field(node, "metadata.labels");
  for (const auto& [key, value] : selector.items()) {
    if (!labels.is_object() || !labels.contains(key) || labels[key] != value) return false;
  }
  return true;
}

// Kubernetes, "Taints and Tolerations".
bool Tolerates(const Json& toleration, const Json& taint) {
  const std::string effect = toleration.value("effect", ""), key = toleration.value("key", "");
  if (!effect.empty() && effect != taint.value("effect", "")) return false;
  const bool exists = toleration.value("operator", "") == "Exists";
  if (key.empty()) return exists;
  if (key != taint.value("key", "")) return false;
  return exists || toleration.value("value", "") == taint.value("value", "");
}

// Whether a DaemonSet has a pod there. It tolerates by itself what the node controller taints with
// (pkg/controller/daemon/util/daemonset_util.go, AddOrUpdateDaemonPodTolerations, v1.36).
bool TakesDaemon(const Json& node, const Json& pod_spec) {
  if (!NodeMatches(node, Field(pod_spec, "nodeSelector"))) return false;
  const Json& taints = Field(node, "spec.taints");
  const Json& tolerations = Field(pod_spec, "tolerations");
  if (!taints.is_array()) return true;
  return std::all_of(taints.begin(), taints.end(), [&](const Json& taint) {
    if (taint.value("effect", "") == "PreferNoSchedule") return true;
    if (absl::StartsWith(taint.value("key", ""), "node.kubernetes.io/")) return true;
    return tolerations.is_array() &&
           std::any_of(tolerations.begin(), tolerations.end(),
                       [&](const Json& one) { return Tolerates(one, taint); });
  });
}

std::int64_t PodsOf(const PodDemand& demand, const absl::StatusOr<std::vector<Json>>& nodes) {
  if (!demand.on_each_node) return demand.replicas + demand.surge;
  constexpr char kRequired[] =
      "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
  if (!nodes.ok() || !Field(*demand.pod_spec, kRequired).is_null()) return 1;
  return std::count_if(nodes->begin(), nodes->end(),
                       [&](const Json& node) { return TakesDaemon(node, *demand.pod_spec); });
}

void CompareWithNodes(const std::vector<Json>& nodes, const Json& pod_spec, const Needs& pod,
                      std::vector<std::string>& problems) {
  if (nodes.empty() || pod.requests.empty()) return;
  std::vector<const Json*> candidates;
  for (const Json& node : nodes) {
    const bool closed = Field(node, "spec.unschedulable") == true;
    if (!closed && NodeMatches(node, Field(pod_spec, "nodeSelector"))) candidates.push_back(&node);
  }
  if (candidates.empty()) {
    std::vector<std::string> terms;
    const Json& selector = Field(pod_spec, "nodeSelector");
    if (selector.is_object()) {
      for (const auto& [key, value] : selector.items()) {
        terms.push_back(
            absl::StrCat(key, "=", value.is_string() ? value.get<std::string>() : value.dump()));
      }
    }
    problems.push_back(terms.empty()
                           ? "no node takes pods now"
                           : absl::StrCat("no node has the labels ", absl::StrJoin(terms, ", ")));
    return;
  }
  Amounts largest;
  for (const Json* node : candidates) {
    const Amounts allocatable = kubernetes::QuantitiesOf(Field(*node, "status.allocatable"));
    const bool fits =
        std::all_of(pod.requests.begin(), pod.requests.end(), [&](const auto& request) {
          const auto found = allocatable.find(request.first);
          return found != allocatable.end() ? !(found->second < request.second)
                                            : request.second == Quantity();
        });
    if (fits) return;
    Raise(largest, allocatable);
  }
  std::vector<std::string> lines;
  for (const auto& [resource, amount] : pod.requests) {
    const auto most = largest.find(resource);
    const Quantity have = most == largest.end() ? Quantity() : most->second;
    if (have < amount)
      lines.push_back(
          absl::StrCat(resource, " ", amount.ToString(), " of at most ", have.ToString()));
  }
  problems.push_back(
      absl::StrCat("no node can hold one pod: it requests ",
                   lines.empty() ? "a combination that none has" : absl::StrJoin(lines, ", ")));
}

}  // namespace

absl::StatusOr<QuotaFit> CheckQuotaFit(const Call& call, kubernetes::Cluster& cluster,
                                       absl::string_view name_space, const PodDemand& demand) {
  QuotaFit fit;
  kubernetes::ListOptions here;
  here.name_space = std::string(name_space);
  const auto place = cluster.Read(call, {{"v1", "Namespace"}, "", std::string(name_space)});
  if (absl::IsNotFound(place.status())) return fit;
  CHARON_RETURN_IF_ERROR(place.status());
  fit.checked = true;
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> quotas,
                          cluster.List(call, {"v1", "ResourceQuota"}, here));
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> ranges,
                          cluster.List(call, {"v1", "LimitRange"}, here));
  Defaults defaults;
  for (const Json& range : ranges) {
    const Json& limits = Field(range, "spec.limits");
    for (const Json& item : limits.is_array() ? limits : Json::array()) {
      if (item.value("type", "") != "Container") continue;
      defaults.limits.merge(kubernetes::QuantitiesOf(Field(item, "default")));
      defaults.requests.merge(kubernetes::QuantitiesOf(Field(item, "defaultRequest")));
    }
  }
  for (const auto& [resource, amount] : defaults.limits)
    defaults.requests.emplace(resource, amount);
  const Needs pod = NeedsOfPod(*demand.pod_spec, defaults);
  for (const Json& range : ranges)
    CompareWithLimitRange(range, *demand.pod_spec, defaults, fit.problems);
  // Whoever may not see nodes is not told about them.
  const absl::StatusOr<std::vector<Json>> nodes = cluster.List(call, {"v1", "Node"}, {});
  const std::int64_t pods = PodsOf(demand, nodes);

  if (std::any_of(quotas.begin(), quotas.end(),
                  [](const Json& quota) { return !IsScoped(quota); })) {
    here.label_selector = absl::StrJoin(demand.selector, ",", absl::PairFormatter("="));
    CHARON_ASSIGN_OR_RETURN(const std::vector<Json> own_pods,
                            cluster.List(call, {"v1", "Pod"}, here));
    for (const Json& quota : quotas) {
      if (IsScoped(quota)) continue;
      Amounts own;
      for (const Json& other : own_pods) {
        const std::string phase = kubernetes::Text(other, "status.phase");
        if (phase == "Succeeded" || phase == "Failed") continue;
        const Needs needs = NeedsOfPod(Field(other, "spec"), {});
        for (const auto& [resource, hard] : kubernetes::QuantitiesOf(Field(quota, "spec.hard"))) {
          if (const std::optional<Quantity> each = Counted(needs, resource))
            Add(own, {{resource, *each}});
        }
      }
      if (pods > 0) CompareWithQuota(quota, pods, demand.surge > 0, pod, own, fit.problems);
    }
  }
  if (nodes.ok()) CompareWithNodes(*nodes, *demand.pod_spec, pod, fit.problems);
  return fit;
}

}  // namespace charon::operations
