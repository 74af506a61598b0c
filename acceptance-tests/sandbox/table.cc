#include "table.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cluster.h"
#include "selector.h"

namespace charon::sandbox {
namespace {

using Cell = std::function<Json(const Json&, absl::Time)>;

struct TableColumn {
  std::string name;
  std::string type;
  int priority = 0;
  Cell cell;
};

std::string Dash(std::string text) { return text.empty() ? "<none>" : text; }

std::string AgeOf(const std::string& timestamp, absl::Time now) {
  const absl::Time time = ParseTimeText(timestamp);
  return time == absl::InfinitePast() ? "<unknown>" : Age(now - time);
}

Cell TextAt(std::vector<const char*> path, const char* fallback = "") {
  return [path = std::move(path), fallback](const Json& object, absl::Time) -> Json {
    const Json* at = &object;
    for (const char* step : path) {
      if (!at->is_object() || !at->contains(step)) return fallback;
      at = &(*at)[step];
    }
    return *at;
  };
}

Cell Always(const char* text) {
  return [text](const Json&, absl::Time) -> Json { return text; };
}

Cell NumberAt(std::vector<const char*> path) {
  return [path = std::move(path)](const Json& object, absl::Time) -> Json {
    const Json* at = &object;
    for (const char* step : path) {
      if (!at->is_object() || !at->contains(step)) return 0;
      at = &(*at)[step];
    }
    return *at;
  };
}

Cell CountAt(std::vector<const char*> path) {
  return [path = std::move(path)](const Json& object, absl::Time) -> Json {
    const Json* at = &object;
    for (const char* step : path) {
      if (!at->is_object() || !at->contains(step)) return 0;
      at = &(*at)[step];
    }
    return at->is_structured() ? static_cast<std::int64_t>(at->size()) : 0;
  };
}

Json AgeCell(const Json& object, absl::Time now) {
  return AgeOf(Text(object, {"metadata", "creationTimestamp"}), now);
}

Json NameCell(const Json& object, absl::Time) { return Text(object, {"metadata", "name"}); }

TableColumn Name() { return {"Name", "string", 0, NameCell}; }
TableColumn AgeColumn() { return {"Age", "string", 0, AgeCell}; }

Cell Ready(std::vector<const char*> path) {
  return [path](const Json& object, absl::Time) -> Json {
    std::int64_t count = 1;
    const Json* at = &object;
    for (const char* step : path) {
      if (!at->is_object() || !at->contains(step)) {
        at = nullptr;
        break;
      }
      at = &(*at)[step];
    }
    if (at != nullptr && at->is_number()) count = at->get<std::int64_t>();
    return absl::StrCat(Integer(object, {"status", "readyReplicas"}), "/", count);
  };
}

// The one word that says how a pod is doing.
std::string PodStatus(const Json& pod) {
  if (Find(pod, {"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  std::string reason = Text(pod, {"status", "phase"});
  if (const std::string own = Text(pod, {"status", "reason"}); !own.empty()) reason = own;
  for (const Json& status : Items(pod, {"status", "containerStatuses"})) {
    for (const char* state : {"waiting", "terminated"}) {
      const std::string why = Text(status, {"state", state, "reason"});
      if (!why.empty()) reason = why;
    }
  }
  return reason;
}

std::string PodReady(const Json& pod) {
  int ready = 0;
  for (const Json& status : Items(pod, {"status", "containerStatuses"})) {
    ready += Flag(status, {"ready"}) ? 1 : 0;
  }
  return absl::StrCat(ready, "/", Items(pod, {"spec", "containers"}).size());
}

std::string ServiceAddress(const Json& service) {
  if (Text(service, {"spec", "type"}) == "LoadBalancer") {
    std::vector<std::string> found;
    for (const Json& one : Items(service, {"status", "loadBalancer", "ingress"})) {
      found.push_back(Text(one, {"ip"}, Text(one, {"hostname"})));
    }
    return found.empty() ? "<pending>" : absl::StrJoin(found, ",");
  }
  if (Text(service, {"spec", "type"}) == "ExternalName") {
    return Text(service, {"spec", "externalName"});
  }
  return "<none>";
}

std::string ServicePorts(const Json& service) {
  std::vector<std::string> out;
  for (const Json& port : Items(service, {"spec", "ports"})) {
    std::string text = absl::StrCat(Integer(port, {"port"}));
    if (const std::int64_t node = Integer(port, {"nodePort"}); node > 0) {
      absl::StrAppend(&text, ":", node);
    }
    out.push_back(absl::StrCat(text, "/", Text(port, {"protocol"})));
  }
  return Dash(absl::StrJoin(out, ","));
}

std::string Pairs(const Json& labels) {
  std::vector<std::string> out;
  for (const auto& [key, value] : labels.items()) {
    out.push_back(absl::StrCat(key, "=", GoValue(value)));
  }
  return Dash(absl::StrJoin(out, ","));
}

std::string QuotaLine(const Json& quota, bool limits) {
  std::vector<std::string> out;
  for (const auto& [name, hard] : Members(quota, {"status", "hard"}).items()) {
    const bool is_limit = name.rfind("limits", 0) == 0;
    if (is_limit != limits) continue;
    out.push_back(absl::StrCat(name, ": ", Text(quota, {"status", "used", name.c_str()}, "0"), "/",
                               GoValue(hard)));
  }
  return absl::StrJoin(out, ", ");
}

std::string IngressHosts(const Json& ingress) {
  std::vector<std::string> out;
  for (const Json& rule : Items(ingress, {"spec", "rules"})) {
    if (const std::string host = Text(rule, {"host"}); !host.empty()) out.push_back(host);
  }
  return out.empty() ? "*" : absl::StrJoin(out, ",");
}

std::string NodeStatus(const Json& node) {
  std::string text = "Unknown";
  for (const Json& condition : Items(node, {"status", "conditions"})) {
    if (Text(condition, {"type"}) != "Ready") continue;
    text = Text(condition, {"status"}) == "True" ? "Ready" : "NotReady";
  }
  return Flag(node, {"spec", "unschedulable"}) ? text + ",SchedulingDisabled" : text;
}

// RWO, ROX, RWX and RWOP.
std::string AccessModes(const Json& object) {
  std::vector<std::string> out;
  for (const Json& mode : Items(object, {"spec", "accessModes"})) {
    std::string letters;
    for (const char c : GoValue(mode)) {
      if (c >= 'A' && c <= 'Z') letters += c;
    }
    out.push_back(letters == "ROM" ? "ROX" : letters == "RWM" ? "RWX" : letters);
  }
  return absl::StrJoin(out, ",");
}

std::string Claim(const Json& volume) {
  const Json* claim = Find(volume, {"spec", "claimRef"});
  return claim == nullptr ? ""
                          : absl::StrCat(Text(*claim, {"namespace"}), "/", Text(*claim, {"name"}));
}

std::string Target(const Json& autoscaler) {
  std::vector<std::string> out;
  for (const Json& metric : Items(autoscaler, {"spec", "metrics"})) {
    const Json& resource = Members(metric, {"resource"});
    if (resource.empty()) continue;
    const Json* percent = Find(resource, {"target", "averageUtilization"});
    out.push_back(absl::StrCat(Text(resource, {"name"}), ": <unknown>/",
                               percent == nullptr
                                   ? Text(resource, {"target", "averageValue"})
                                   : absl::StrCat(percent->get<std::int64_t>(), "%")));
  }
  return Dash(absl::StrJoin(out, ", "));
}

std::string EndpointList(const Json& endpoints) {
  std::vector<std::string> out;
  for (const Json& subset : Items(endpoints, {"subsets"})) {
    for (const Json& port : Items(subset, {"ports"})) {
      for (const Json& address : Items(subset, {"addresses"})) {
        out.push_back(absl::StrCat(Text(address, {"ip"}), ":", Integer(port, {"port"})));
      }
    }
  }
  return Dash(absl::StrJoin(out, ","));
}

std::string SliceAddresses(const Json& slice) {
  std::vector<std::string> out;
  for (const Json& endpoint : Items(slice, {"endpoints"})) {
    for (const Json& address : Items(endpoint, {"addresses"})) out.push_back(GoValue(address));
  }
  return out.empty() ? "<unset>" : absl::StrJoin(out, ",");
}

std::string SlicePorts(const Json& slice) {
  std::vector<std::string> out;
  for (const Json& port : Items(slice, {"ports"})) {
    out.push_back(absl::StrCat(Integer(port, {"port"})));
  }
  return out.empty() ? "<unset>" : absl::StrJoin(out, ",");
}

std::string NodeAddress(const Json& node) {
  for (const Json& address : Items(node, {"status", "addresses"})) {
    if (Text(address, {"type"}) == "InternalIP") return Text(address, {"address"});
  }
  return "<none>";
}

std::string NodeKernel(const Json& node) {
  const std::string kernel = Text(node, {"status", "nodeInfo", "kernelVersion"});
  return absl::StrCat(kernel.empty() ? "<unknown>" : kernel, " (",
                      Text(node, {"status", "nodeInfo", "architecture"}), ")");
}

std::string NodeImage(const Json& node) {
  const std::string image = Text(node, {"status", "nodeInfo", "osImage"});
  return image.empty() ? "<unknown>" : image;
}

// How long a Job ran, or has run so far.
Json JobDuration(const Json& job, absl::Time now) {
  const absl::Time start = ParseTimeText(Text(job, {"status", "startTime"}));
  if (start == absl::InfinitePast()) return "";
  const absl::Time end = ParseTimeText(Text(job, {"status", "completionTime"}));
  return Age((end == absl::InfinitePast() ? now : end) - start);
}

// With -o wide: what runs in a template's pods.
Cell ContainersAt(std::vector<const char*> path, const char* field) {
  return [path = std::move(path), field](const Json& object, absl::Time) -> Json {
    const Json* at = &object;
    for (const char* step : path) at = &Members(*at, {step});
    std::vector<std::string> out;
    for (const Json& container : Items(*at, {"containers"}))
      out.push_back(Text(container, {field}));
    return absl::StrJoin(out, ",");
  };
}

Json SelectorCell(const Json& object, absl::Time) {
  const Json* selector = Find(object, {"spec", "selector"});
  return selector == nullptr ? "<none>" : Dash(LabelSelector::FromJson(selector).ToString());
}

// The columns of a workload, and those that -o wide adds to them.
std::vector<TableColumn> Workload(std::vector<TableColumn> columns, bool with_selector = true,
                                  std::vector<const char*> pod = {"spec", "template", "spec"}) {
  columns.push_back({"Containers", "string", 1, ContainersAt(pod, "name")});
  columns.push_back({"Images", "string", 1, ContainersAt(pod, "image")});
  if (with_selector) columns.push_back({"Selector", "string", 1, SelectorCell});
  return columns;
}

// Subjects of one kind in a binding, with -o wide.
Cell Subjects(const char* kind) {
  return [kind](const Json& binding, absl::Time) -> Json {
    std::vector<std::string> out;
    for (const Json& subject : Items(binding, {"subjects"})) {
      if (Text(subject, {"kind"}) != kind) continue;
      out.push_back(std::string_view(kind) != "ServiceAccount"
                        ? Text(subject, {"name"})
                        : absl::StrCat(Text(subject, {"namespace"}), "/", Text(subject, {"name"})));
    }
    return absl::StrJoin(out, ", ");
  };
}

std::string RoleOf(const Json& binding) {
  return absl::StrCat(Text(binding, {"roleRef", "kind"}), "/", Text(binding, {"roleRef", "name"}));
}

std::string ClassName(const Json& storage_class) {
  const std::string name = Text(storage_class, {"metadata", "name"});
  const bool is_default =
      Text(storage_class,
           {"metadata", "annotations", "storageclass.kubernetes.io/is-default-class"}) == "true";
  return is_default ? name + " (default)" : name;
}

Cell Of(std::string (*text)(const Json&)) {
  return [text](const Json& object, absl::Time) -> Json { return text(object); };
}

const std::map<std::string, std::vector<TableColumn>>& BuiltInColumns() {
  static const auto& columns = *new std::
                                   map<std::string, std::vector<TableColumn>>{
                                       {"/pods",
                                        {Name(),
                                         {"Ready", "string", 0, Of(PodReady)},
                                         {"Status", "string", 0, Of(PodStatus)},
                                         {"Restarts", "string", 0,
                                          [](const Json& pod, absl::Time) -> Json {
                                            std::int64_t count = 0;
                                            for (const Json& status :
                                                 Items(pod, {"status", "containerStatuses"})) {
                                              count += Integer(status, {"restartCount"});
                                            }
                                            return absl::StrCat(count);
                                          }},
                                         AgeColumn(),
                                         {"IP", "string", 1, TextAt({"status", "podIP"}, "<none>")},
                                         {"Node", "string", 1,
                                          TextAt({"spec", "nodeName"}, "<none>")},
                                         {"Nominated Node", "string", 1,
                                          TextAt({"status", "nominatedNodeName"}, "<none>")},
                                         {"Readiness Gates", "string", 1, Always("<none>")}}},
                                       {"apps/deployments",
                                        Workload(
                                            {Name(),
                                             {"Ready", "string", 0, Ready({"spec", "replicas"})},
                                             {"Up-to-date", "string", 0,
                                              NumberAt({"status", "updatedReplicas"})},
                                             {"Available", "string", 0,
                                              NumberAt({"status", "availableReplicas"})},
                                             AgeColumn()})},
                                       {"apps/statefulsets",
                                        Workload(
                                            {Name(),
                                             {"Ready", "string", 0, Ready({"spec", "replicas"})},
                                             AgeColumn()},
                                            false)},
                                       {"apps/replicasets",
                                        Workload({Name(),
                                                  {"Desired", "integer", 0,
                                                   NumberAt({"spec", "replicas"})},
                                                  {"Current", "integer", 0,
                                                   NumberAt({"status", "replicas"})},
                                                  {"Ready", "integer", 0,
                                                   NumberAt({"status", "readyReplicas"})},
                                                  AgeColumn()})},
                                       {"apps/daemonsets",
                                        Workload({Name(),
                                                  {"Desired", "integer", 0,
                                                   NumberAt({"status", "desiredNumberScheduled"})},
                                                  {"Current", "integer", 0,
                                                   NumberAt({"status", "currentNumberScheduled"})},
                                                  {"Ready", "integer", 0,
                                                   NumberAt({"status", "numberReady"})},
                                                  {"Up-to-date", "integer", 0,
                                                   NumberAt({"status", "updatedNumberScheduled"})},
                                                  {"Available", "integer", 0,
                                                   NumberAt({"status", "numberAvailable"})},
                                                  {"Node Selector", "string", 0,
                                                   [](const Json& set, absl::Time) -> Json {
                                                     return Pairs(
                                                         Members(set, {"spec", "template", "spec",
                                                                       "nodeSelector"}));
                                                   }},
                                                  AgeColumn()})},
                                       {"batch/jobs",
                                        Workload({Name(),
                                                  {"Status", "string", 0,
                                                   [](const Json& job, absl::Time) -> Json {
                                                     for (const Json& condition :
                                                          Items(job, {"status", "conditions"})) {
                                                       const std::string type =
                                                           Text(condition, {"type"});
                                                       if (Text(condition, {"status"}) == "True" &&
                                                           (type == "Complete" ||
                                                            type == "Failed" ||
                                                            type == "Suspended")) {
                                                         return type;
                                                       }
                                                     }
                                                     return "Running";
                                                   }},
                                                  {"Completions", "string", 0,
                                                   [](const Json& job, absl::Time) -> Json {
                                                     return absl::StrCat(
                                                         Integer(job, {"status", "succeeded"}), "/",
                                                         Integer(job, {"spec", "completions"}, 1));
                                                   }},
                                                  {"Duration", "string", 0, JobDuration},
                                                  AgeColumn()})},
                                       {"batch/cronjobs",
                                        Workload({Name(),
                                                  {"Schedule", "string", 0,
                                                   TextAt({"spec", "schedule"})},
                                                  {"Timezone", "string", 0,
                                                   TextAt({"spec", "timeZone"}, "<none>")},
                                                  {"Suspend", "boolean", 0,
                                                   [](const Json& job, absl::Time) -> Json {
                                                     return Flag(job, {"spec", "suspend"})
                                                                ? "True"
                                                                : "False";
                                                   }},
                                                  {"Active", "integer", 0,
                                                   CountAt({"status", "active"})},
                                                  {"Last Schedule", "string", 0,
                                                   [](const Json& job, absl::Time now) -> Json {
                                                     const std::string last =
                                                         Text(job, {"status", "lastScheduleTime"});
                                                     return last.empty() ? "<none>"
                                                                         : AgeOf(last, now);
                                                   }},
                                                  AgeColumn()},
                                                 true,
                                                 {"spec", "jobTemplate", "spec", "template",
                                                  "spec"})},
                                       {"/services",
                                        {Name(),
                                         {"Type", "string", 0, TextAt({"spec", "type"})},
                                         {"Cluster-IP", "string", 0,
                                          TextAt({"spec", "clusterIP"}, "<none>")},
                                         {"External-IP", "string", 0, Of(ServiceAddress)},
                                         {"Port(s)", "string", 0, Of(ServicePorts)},
                                         AgeColumn(),
                                         {"Selector", "string", 1,
                                          [](const Json& service, absl::Time) -> Json {
                                            return Pairs(Members(service, {"spec", "selector"}));
                                          }}}},
                                       {"/namespaces",
                                        {Name(),
                                         {"Status", "string", 0, TextAt({"status", "phase"})},
                                         AgeColumn()}},
                                       {"/nodes",
                                        {Name(),
                                         {"Status", "string", 0, Of(NodeStatus)},
                                         {"Roles", "string", 0, Always("<none>")},
                                         AgeColumn(),
                                         {"Version", "string", 0,
                                          TextAt({"status", "nodeInfo", "kubeletVersion"})},
                                         {"Internal-IP", "string", 1, Of(NodeAddress)},
                                         {"External-IP", "string", 1, Always("<none>")},
                                         {"OS-Image", "string", 1, Of(NodeImage)},
                                         {"Kernel-Version", "string", 1, Of(NodeKernel)},
                                         {"Container-Runtime", "string", 1,
                                          TextAt(
                                              {"status", "nodeInfo", "containerRuntimeVersion"})}}},
                                       {"/configmaps",
                                        {Name(),
                                         {"Data", "string", 0, CountAt({"data"})},
                                         AgeColumn()}},
                                       {"/secrets",
                                        {Name(),
                                         {"Type", "string", 0, TextAt({"type"})},
                                         {"Data", "string", 0, CountAt({"data"})},
                                         AgeColumn()}},
                                       {"/serviceaccounts", {Name(), AgeColumn()}},
                                       {"/resourcequotas",
                                        {Name(),
                                         {"Request", "string", 0,
                                          [](const Json& quota, absl::Time) -> Json {
                                            return QuotaLine(quota, false);
                                          }},
                                         {"Limit", "string", 0,
                                          [](const Json& quota, absl::Time) -> Json {
                                            return QuotaLine(quota, true);
                                          }},
                                         AgeColumn()}},
                                       {"/limitranges",
                                        {Name(),
                                         {"Created At", "date", 0,
                                          TextAt({"metadata", "creationTimestamp"})}}},
                                       {"/persistentvolumeclaims",
                                        {Name(),
                                         {"Status", "string", 0, TextAt({"status", "phase"})},
                                         {"Volume", "string", 0, TextAt({"spec", "volumeName"})},
                                         {"Capacity", "string", 0,
                                          TextAt({"status", "capacity", "storage"})},
                                         {"Access Modes", "string", 0, Of(AccessModes)},
                                         {"StorageClass", "string", 0,
                                          TextAt({"spec", "storageClassName"})},
                                         {"VolumeAttributesClass", "string", 0,
                                          TextAt({"spec", "volumeAttributesClassName"}, "<unset>")},
                                         AgeColumn(),
                                         {"VolumeMode", "string", 1,
                                          TextAt({"spec", "volumeMode"}, "<unset>")}}},
                                       {"/persistentvolumes",
                                        {Name(),
                                         {"Capacity", "string", 0,
                                          TextAt({"spec", "capacity", "storage"})},
                                         {"Access Modes", "string", 0, Of(AccessModes)},
                                         {"Reclaim Policy", "string", 0,
                                          TextAt({"spec", "persistentVolumeReclaimPolicy"})},
                                         {"Status", "string", 0, TextAt({"status", "phase"})},
                                         {"Claim", "string", 0, Of(Claim)},
                                         {"StorageClass", "string", 0,
                                          TextAt({"spec", "storageClassName"})},
                                         {"VolumeAttributesClass", "string", 0,
                                          TextAt({"spec", "volumeAttributesClassName"}, "<unset>")},
                                         {"Reason", "string", 0, TextAt({"status", "reason"})},
                                         AgeColumn(),
                                         {"VolumeMode", "string", 1,
                                          TextAt({"spec", "volumeMode"}, "<unset>")}}},
                                       {"/endpoints",
                                        {Name(),
                                         {"Endpoints", "string", 0, Of(EndpointList)},
                                         AgeColumn()}},
                                       {"discovery.k8s.io/endpointslices",
                                        {Name(),
                                         {"AddressType", "string", 0, TextAt({"addressType"})},
                                         {"Ports", "string", 0, Of(SlicePorts)},
                                         {"Endpoints", "string", 0, Of(SliceAddresses)},
                                         AgeColumn()}},
                                       {"policy/poddisruptionbudgets",
                                        {Name(),
                                         {"Min Available", "string", 0,
                                          TextAt({"spec", "minAvailable"}, "N/A")},
                                         {"Max Unavailable", "string", 0,
                                          TextAt({"spec", "maxUnavailable"}, "N/A")},
                                         {"Allowed Disruptions", "integer", 0,
                                          NumberAt({"status", "disruptionsAllowed"})},
                                         AgeColumn()}},
                                       {"autoscaling/horizontalpodautoscalers",
                                        {Name(),
                                         {"Reference", "string", 0,
                                          [](const Json& autoscaler, absl::Time) -> Json {
                                            const Json& target =
                                                Members(autoscaler, {"spec", "scaleTargetRef"});
                                            return absl::StrCat(Text(target, {"kind"}), "/",
                                                                Text(target, {"name"}));
                                          }},
                                         {"Targets", "string", 0, Of(Target)},
                                         {"MinPods", "string", 0,
                                          TextAt({"spec", "minReplicas"}, "<unset>")},
                                         {"MaxPods", "string", 0,
                                          NumberAt({"spec", "maxReplicas"})},
                                         {"Replicas", "string", 0,
                                          NumberAt({"status", "currentReplicas"})},
                                         AgeColumn()}},
                                       {"coordination.k8s.io/leases",
                                        {Name(),
                                         {"Holder", "string", 0,
                                          TextAt({"spec", "holderIdentity"})},
                                         AgeColumn()}},
                                       {"/events",
                                        {{"Last Seen", "string", 0,
                                          [](const Json& event, absl::Time now) -> Json {
                                            return AgeOf(Text(event, {"lastTimestamp"}), now);
                                          }},
                                         {"Type", "string", 0, TextAt({"type"})},
                                         {"Reason", "string", 0, TextAt({"reason"})},
                                         {"Object", "string", 0,
                                          [](const Json& event, absl::Time) -> Json {
                                            std::string kind =
                                                Text(event, {"involvedObject", "kind"});
                                            for (char& c : kind)
                                              c = static_cast<char>(
                                                  c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
                                            return absl::StrCat(
                                                kind, "/", Text(event, {"involvedObject", "name"}));
                                          }},
                                         {"Message", "string", 0, TextAt({"message"})},
                                         {"Name", "string", 1, NameCell}}},
                                       {"networking.k8s.io/ingresses",
                                        {Name(),
                                         {"Class", "string", 0,
                                          TextAt({"spec", "ingressClassName"}, "<none>")},
                                         {"Hosts", "string", 0, Of(IngressHosts)},
                                         {"Address", "string", 0,
                                          [](const Json& ingress, absl::Time) -> Json {
                                            std::vector<std::string> out;
                                            for (const Json& one :
                                                 Items(ingress,
                                                       {"status", "loadBalancer", "ingress"})) {
                                              out.push_back(
                                                  Text(one, {"ip"}, Text(one, {"hostname"})));
                                            }
                                            return absl::StrJoin(out, ",");
                                          }},
                                         {"Ports", "string", 0,
                                          [](const Json& ingress, absl::Time) -> Json {
                                            return Items(ingress, {"spec", "tls"}).empty()
                                                       ? "80"
                                                       : "80, 443";
                                          }},
                                         AgeColumn()}},
                                       {"networking.k8s.io/networkpolicies",
                                        {Name(),
                                         {"Pod-Selector", "string", 0,
                                          [](const Json& policy, absl::Time) -> Json {
                                            return Dash(LabelSelector::FromJson(
                                                            Find(policy, {"spec", "podSelector"}))
                                                            .ToString());
                                          }},
                                         AgeColumn()}},
                                       {"rbac.authorization.k8s.io/rolebindings",
                                        {Name(),
                                         {"Role", "string", 0, Of(RoleOf)},
                                         AgeColumn(),
                                         {"Users", "string", 1, Subjects("User")},
                                         {"Groups", "string", 1, Subjects("Group")},
                                         {"ServiceAccounts", "string", 1,
                                          Subjects("ServiceAccount")}}},
                                       {"rbac.authorization.k8s.io/clusterrolebindings",
                                        {Name(),
                                         {"Role", "string", 0, Of(RoleOf)},
                                         AgeColumn(),
                                         {"Users", "string", 1, Subjects("User")},
                                         {"Groups", "string", 1, Subjects("Group")},
                                         {"ServiceAccounts", "string", 1,
                                          Subjects("ServiceAccount")}}},
                                       {"rbac.authorization.k8s.io/roles",
                                        {Name(),
                                         {"Created At", "date", 0,
                                          TextAt({"metadata", "creationTimestamp"})}}},
                                       {"rbac.authorization.k8s.io/clusterroles",
                                        {Name(),
                                         {"Created At", "date", 0,
                                          TextAt({"metadata", "creationTimestamp"})}}},
                                       {"scheduling.k8s.io/priorityclasses",
                                        {Name(),
                                         {"Value", "integer", 0, NumberAt({"value"})},
                                         {"Global-Default", "boolean", 0,
                                          [](const Json& priority, absl::Time) -> Json {
                                            return Flag(priority, {"globalDefault"});
                                          }},
                                         AgeColumn(),
                                         {"PreemptionPolicy", "string", 0,
                                          TextAt({"preemptionPolicy"})}}},
                                       {"storage.k8s.io/storageclasses",
                                        {{"Name", "string", 0, Of(ClassName)},
                                         {"Provisioner", "string", 0, TextAt({"provisioner"})},
                                         {"ReclaimPolicy", "string", 0, TextAt({"reclaimPolicy"})},
                                         {"VolumeBindingMode", "string", 0,
                                          TextAt({"volumeBindingMode"})},
                                         {"AllowVolumeExpansion", "string", 0,
                                          [](const Json& storage_class, absl::Time) -> Json {
                                            return Flag(storage_class, {"allowVolumeExpansion"});
                                          }},
                                         AgeColumn()}},
                                       {"apiextensions.k8s.io/customresourcedefinitions",
                                        {Name(),
                                         {"Created At", "date", 0,
                                          TextAt({"metadata", "creationTimestamp"})}}},
                                   };
  return columns;
}

// A column of a custom resource: a dotted path, with [n] and ['name'] steps.
Json CustomCell(const Column& column, const Json& object, absl::Time now) {
  const Json* at = &object;
  std::string path = column.json_path;
  for (char& c : path) {
    if (c == '[' || c == ']' || c == '\'') c = '.';
  }
  for (const absl::string_view step : absl::StrSplit(path, '.', absl::SkipEmpty())) {
    if (at->is_array()) {
      std::size_t index = 0;
      if (!absl::SimpleAtoi(step, &index) || index >= at->size()) return nullptr;
      at = &(*at)[index];
      continue;
    }
    if (!at->is_object() || !at->contains(std::string(step))) return nullptr;
    at = &(*at)[std::string(step)];
  }
  if (column.type == "date") return AgeOf(GoValue(*at), now);
  return at->is_structured() ? Json(Dump(*at)) : *at;
}

std::vector<TableColumn> ColumnsOf(const Resource& resource) {
  if (!resource.is_custom()) {
    const auto it = BuiltInColumns().find(resource.storage_key());
    if (it != BuiltInColumns().end()) return it->second;
    return {Name(), AgeColumn()};
  }
  std::vector<TableColumn> out = {Name()};
  for (const Column& column : resource.columns) {
    out.push_back(
        {column.name, column.type, column.priority,
         [column](const Json& object, absl::Time now) { return CustomCell(column, object, now); }});
  }
  if (resource.columns.empty()) out.push_back(AgeColumn());
  return out;
}

}  // namespace

std::string Age(absl::Duration duration) {
  const std::int64_t seconds = std::max<std::int64_t>(0, absl::ToInt64Seconds(duration));
  if (seconds < 120) return absl::StrCat(seconds, "s");
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10) {
    return seconds % 60 == 0 ? absl::StrCat(minutes, "m")
                             : absl::StrCat(minutes, "m", seconds % 60, "s");
  }
  if (minutes < 180) return absl::StrCat(minutes, "m");
  const std::int64_t hours = minutes / 60;
  if (hours < 8) {
    return minutes % 60 == 0 ? absl::StrCat(hours, "h")
                             : absl::StrCat(hours, "h", minutes % 60, "m");
  }
  if (hours < 48) return absl::StrCat(hours, "h");
  if (hours < 192) {
    return hours % 24 == 0 ? absl::StrCat(hours / 24, "d")
                           : absl::StrCat(hours / 24, "d", hours % 24, "h");
  }
  return absl::StrCat(hours / 24, "d");
}

Json MakeTable(const Resource& resource, const std::vector<const Json*>& objects,
               const Representation& how, Json list_metadata, absl::Time now) {
  const std::vector<TableColumn> columns = ColumnsOf(resource);
  Json definitions = Json::array();
  for (const TableColumn& column : columns) {
    definitions.push_back({{"name", column.name},
                           {"type", column.type},
                           {"format", column.name == "Name" ? "name" : ""},
                           {"description", ""},
                           {"priority", column.priority}});
  }
  Json rows = Json::array();
  for (const Json* object : objects) {
    Json cells = Json::array();
    for (const TableColumn& column : columns) cells.push_back(column.cell(*object, now));
    Json row = {{"cells", std::move(cells)}};
    if (how.include_object == "Object") {
      row["object"] = *object;
    } else if (how.include_object != "None") {
      row["object"] = {{"kind", "PartialObjectMetadata"},
                       {"apiVersion", "meta.k8s.io/" + how.meta_version},
                       {"metadata", Members(*object, {"metadata"})}};
    }
    rows.push_back(std::move(row));
  }
  Json table = {{"kind", "Table"},
                {"apiVersion", "meta.k8s.io/" + how.meta_version},
                {"metadata", std::move(list_metadata)},
                {"columnDefinitions", std::move(definitions)},
                {"rows", std::move(rows)}};
  if (how.no_headers) table.erase("columnDefinitions");
  return table;
}

}  // namespace charon::sandbox
