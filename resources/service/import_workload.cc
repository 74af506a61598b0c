#include "resources/service/import_workload.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "resources/service/adoption.h"
#include "resources/service/import_parts.h"
#include "resources/service/keep_order.h"
#include "resources/service/object_patch.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using kubernetes::Field;
using kubernetes::Text;

// What the server fills in where there is nothing (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go
// and pkg/apis/apps/v1/defaults.go), by the last names of its path. A value that a tool spelled out
// and whose absence means the same counts, too: it stays (kubernetes::MigratedManagedFields).
bool IsUsual(absl::string_view parent, absl::string_view name, const Json& value) {
  struct Usual {
    absl::string_view parent, name;  // parent "": any
    Json value;
  };
  static const auto& all = *new std::vector<Usual>{
      {"", "creationTimestamp", nullptr},
      {"spec", "progressDeadlineSeconds", 600},
      {"spec", "revisionHistoryLimit", 10},
      {"spec", "podManagementPolicy", "OrderedReady"},
      {"spec",
       "persistentVolumeClaimRetentionPolicy",
       {{"whenDeleted", "Retain"}, {"whenScaled", "Retain"}}},
      {"strategy", "rollingUpdate", {{"maxSurge", "25%"}, {"maxUnavailable", "25%"}}},
      {"updateStrategy", "rollingUpdate", {{"partition", 0}}},
      {"updateStrategy", "rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}},
      {"volumeClaimTemplates", "status", {{"phase", "Pending"}}},
      {"spec", "volumeMode", "Filesystem"},
      {"spec", "restartPolicy", "Always"},
      {"spec", "dnsPolicy", "ClusterFirst"},
      {"spec", "schedulerName", "default-scheduler"},
      {"spec", "terminationGracePeriodSeconds", 30},
      {"spec", "automountServiceAccountToken", true},
      {"spec", "enableServiceLinks", true},
      {"spec", "shareProcessNamespace", false},
      {"", "securityContext", Json::object()},
      {"", "resources", Json::object()},
      {"", "terminationMessagePath", "/dev/termination-log"},
      {"", "terminationMessagePolicy", "File"},
      {"volumeMounts", "mountPropagation", "None"},
      {"", "timeoutSeconds", 1},
      {"", "periodSeconds", 10},
      {"", "successThreshold", 1},
      {"", "failureThreshold", 3},
      {"httpGet", "scheme", "HTTP"},
      {"grpc", "service", ""},
      {"fieldRef", "apiVersion", "v1"},
      {"resourceFieldRef", "divisor", "0"},
      {"", "optional", false},
      {"", "defaultMode", 0644},
      {"hostPath", "type", ""},
  };
  return std::any_of(all.begin(), all.end(), [&](const Usual& usual) {
    return usual.name == name && (usual.parent.empty() || usual.parent == parent) &&
           usual.value == value;
  });
}

// Without what the server fills in. Items of a list stand under the name of the list.
void DropUsual(Json& value, const std::string& parent) {
  if (value.is_array()) {
    for (Json& item : value) DropUsual(item, parent);
  }
  if (!value.is_object()) return;
  if (Text(value, "imagePullPolicy") == UsualPullPolicy(Text(value, "image")))
    value.erase("imagePullPolicy");
  for (auto entry = value.begin(); entry != value.end();) {
    DropUsual(*entry, entry.key());
    entry = IsUsual(parent, entry.key(), *entry) ? value.erase(entry) : std::next(entry);
  }
}

Json* Find(Json& list, const std::string& name) {
  if (!list.is_array()) return nullptr;
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const Json& item) { return Text(item, "name") == name; });
  return found == list.end() ? nullptr : &*found;
}

// Fills in containers, and takes the variables that were left out away from `seen`.
class Containers {
 public:
  Containers(Json& seen, NotSaid& not_said) : seen_(seen), not_said_(not_said) {}

  void FillIn(const Json& container, const char* list, bool main, ContainerModel& model) {
    std::vector<std::string> left_out;
    FillInContainer(container, model, left_out);
    const std::string name = Text(container, "name");
    Json* copy = Find(seen_[list], name);
    for (const std::string& variable : left_out) {
      not_said_.secrets.push_back(main ? variable : absl::StrCat(variable, " of ", name));
      Json& env = (*copy)["env"];
      env.erase(std::remove_if(env.begin(), env.end(),
                               [&](const Json& entry) { return Text(entry, "name") == variable; }),
                env.end());
    }
  }

 private:
  Json& seen_;  // the pod's spec
  NotSaid& not_said_;
};

Attr<std::string> CountOrPercent(const Json& value) {
  if (value.is_number_integer()) return absl::StrCat(value.get<std::int64_t>());
  return value.is_string() ? NonEmpty(value.get<std::string>()) : Attr<std::string>();
}

Attr<RolloutModel> Rollout(const Json& spec) {
  const char* const name = spec.contains("strategy") ? "strategy" : "updateStrategy";
  const Json& strategy = Field(spec, name);
  RolloutModel model;
  if (const std::string type = Text(strategy, "type"); type != "RollingUpdate")
    model.strategy = NonEmpty(type);
  if (const Json& rolling = Field(strategy, "rollingUpdate");
      !IsUsual(name, "rollingUpdate", rolling)) {
    model.max_surge = CountOrPercent(Field(rolling, "maxSurge"));
    model.max_unavailable = CountOrPercent(Field(rolling, "maxUnavailable"));
    if (const Attr<std::int64_t> partition = WholeNumber(Field(rolling, "partition"));
        partition.value_or(0) > 0)
      model.partition = partition;
  }
  if (const Json& deadline = Field(spec, "progressDeadlineSeconds"); deadline != 600)
    model.progress_deadline = DurationOf(deadline);
  model.min_ready = DurationOf(Field(spec, "minReadySeconds"));
  if (const Json& limit = Field(spec, "revisionHistoryLimit"); limit != 10)
    model.revision_history_limit = WholeNumber(limit);
  if (const std::string policy = Text(spec, "podManagementPolicy"); policy != "OrderedReady")
    model.pod_management_policy = NonEmpty(policy);
  const bool any = !model.strategy.IsNull() || !model.max_surge.IsNull() ||
                   !model.max_unavailable.IsNull() || !model.partition.IsNull() ||
                   !model.progress_deadline.IsNull() || !model.min_ready.IsNull() ||
                   !model.revision_history_limit.IsNull() || !model.pod_management_policy.IsNull();
  return any ? Attr<RolloutModel>(std::move(model)) : Attr<RolloutModel>();
}

Attr<std::map<std::string, ClaimModel>> ReplicaClaims(const Json& templates) {
  std::map<std::string, ClaimModel> claims;
  for (const Json& object : templates) {
    ClaimModel claim;
    claim.per_replica = true;
    claim.size = Text(object, "spec.resources.requests.storage");
    claim.storage_class = NonEmpty(Text(object, "spec.storageClassName"));
    std::set<std::string> modes;
    for (const Json& mode : Field(object, "spec.accessModes"))
      modes.insert(mode.is_string() ? mode.get<std::string>() : "");
    if (modes != std::set<std::string>{"ReadWriteOnce"}) claim.access_modes = std::move(modes);
    const StringMap annotations = Texts(Field(object, "metadata.annotations")).value_or({});
    const auto limit = annotations.find(kAutoresizeLimit);
    if (limit != annotations.end() &&
        Field(object, "metadata.annotations") == Autoresize(limit->second))
      claim.autoresize = limit->second;
    claims.emplace(Text(object, "metadata.name"), std::move(claim));
  }
  return claims.empty() ? Attr<std::map<std::string, ClaimModel>>()
                        : Attr<std::map<std::string, ClaimModel>>(std::move(claims));
}

// What the pods of a set are called in DNS. It cannot change: the set would be made anew.
void KeepServiceName(const std::string& governing, ServiceModel& model) {
  if (governing == HeadlessName(model)) return;
  Json patch = Json::parse(model.extra_manifest_patch.value_or("{}"));
  patch["spec"]["serviceName"] = governing.empty() ? Json() : Json(governing);
  model.extra_manifest_patch = patch.dump();
}

// Names of ports of the Service that are others than a service gives, as a patch of `ports`.
Json PortNames(const Json& service, const Json& rendered) {
  Json names = Json::array();
  const Json& ours = Field(rendered, "spec.ports");
  for (const Json& port : Field(service, "spec.ports")) {
    const Json number = port.value("port", Json());
    const Json protocol = port.value("protocol", Json("TCP"));
    const std::string name = Text(port, "name");
    for (const Json& own : ours) {
      if (own["port"] != number || own["protocol"] != protocol || name.empty() ||
          own["name"] == name)
        continue;
      names.push_back({{"port", number}, {"protocol", protocol}, {"name", name}});
    }
  }
  return names;
}

// Where the service's workload would differ from what was seen, both ways.
std::vector<std::string> Differences(const Json& seen, const ServiceModel& model,
                                     const Conventions& conventions) {
  std::vector<Rendered> rendered;
  if (!RenderWorkload(model, conventions, rendered).ok() || !PatchObjects(model, rendered).ok())
    return {"spec"};
  Json would = {{"apiVersion", "apps/v1"},
                {"kind", WorkloadKind(model)},
                {"spec", AsCreated(rendered.front())["spec"]}};
  KeepOrder(seen, would);
  KeepClaimTemplates(seen, would);
  Json wanted = would;
  DropUsual(wanted["spec"], "spec");
  std::set<std::string> paths;
  const auto add = [&paths](const std::vector<kubernetes::Difference>& differences) {
    for (const kubernetes::Difference& difference : differences) {
      // The server leaves empty texts out.
      if (difference.declared == "\"\"" && difference.live.empty()) continue;
      const std::string path = kubernetes::ToString(difference.path);
      paths.insert(path.substr(path.find_first_not_of('.')));
    }
  };
  add(kubernetes::Compare(seen, would));
  add(kubernetes::Compare(wanted, seen));
  return std::vector<std::string>(paths.begin(), paths.end());
}

}  // namespace

NotSaid FillInFromWorkload(const Json& workload, const Conventions& conventions,
                           ServiceModel& model) {
  NotSaid not_said;
  const Json& spec = Field(workload, "spec");
  Json seen = {{"apiVersion", "apps/v1"}, {"kind", WorkloadKind(model)}, {"spec", spec}};
  Json& seen_pod = seen["spec"]["template"]["spec"];
  if (const Attr<std::int64_t> replicas = WholeNumber(Field(spec, "replicas"));
      replicas.value_or(1) != 1)
    model.replicas = replicas;
  model.rollout = Rollout(spec);
  model.claims = ReplicaClaims(Field(spec, "volumeClaimTemplates"));

  const Json& containers = Field(spec, "template.spec.containers");
  std::string main_name = model.NameOrDefault();
  if (containers.is_array() && !containers.empty()) {
    Containers parts(seen_pod, not_said);
    const auto named = std::find_if(containers.begin(), containers.end(), [&](const Json& c) {
      return Text(c, "name") == model.NameOrDefault();
    });
    const Json& main = named == containers.end() ? containers[0] : *named;
    main_name = Text(main, "name");
    parts.FillIn(main, "containers", /*main=*/true, model);
    std::map<std::string, SidecarModel> sidecars;
    for (const Json& container : containers) {
      if (&container != &main)
        parts.FillIn(container, "containers", /*main=*/false, sidecars[Text(container, "name")]);
    }
    if (!sidecars.empty()) model.sidecars = std::move(sidecars);
    std::vector<InitContainerModel> init_containers;
    for (const Json& container : Field(spec, "template.spec.initContainers")) {
      InitContainerModel& init = init_containers.emplace_back();
      init.name = Text(container, "name");
      init.restart_policy = NonEmpty(Text(container, "restartPolicy"));
      parts.FillIn(container, "initContainers", /*main=*/false, init);
    }
    if (!init_containers.empty()) model.init_containers = std::move(init_containers);
  }
  FillInPod(Field(spec, "template"), conventions, model);
  if (main_name != model.NameOrDefault()) {
    PodModel pod = model.pod.value_or({});
    pod.container_name = main_name;
    model.pod = std::move(pod);
  }
  if (Text(seen, "kind") == "StatefulSet") KeepServiceName(Text(spec, "serviceName"), model);
  DropUsual(seen["spec"], "spec");
  not_said.fields = Differences(seen, model, conventions);
  return not_said;
}

std::vector<std::string> FillInFromService(const Json& service, ServiceModel& model) {
  StringMap ports = model.ports.value_or({});
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) {
    for (const auto& port : sidecar.ports.value_or({})) ports.insert(port);
  }
  std::map<std::string, std::int64_t> numbers;
  StringMap app_protocols;
  std::map<std::string, std::int64_t> done;  // of one port there may be several protocols
  std::vector<std::string> left_out;
  for (const Json& port : Field(service, "spec.ports")) {
    const Json& target = Field(port, "targetPort");
    const auto meant = std::find_if(ports.begin(), ports.end(), [&](const auto& one) {
      return target.is_string()
                 ? target == one.first
                 : WholeNumber(target) == Attr<std::int64_t>(PortOf(one.second).number);
    });
    const Attr<std::int64_t> number = WholeNumber(Field(port, "port"));
    if (number.IsNull()) continue;
    if (meant == ports.end() || done.emplace(meant->first, *number).first->second != *number) {
      left_out.push_back(
          absl::StrCat(*number, target.is_null() ? "" : absl::StrCat(" (to ", target.dump(), ")")));
      continue;
    }
    const std::string& name = meant->first;
    if (*number != UsualServicePort(name, PortOf(meant->second))) numbers[name] = *number;
    if (const std::string protocol = Text(port, "appProtocol"); !protocol.empty())
      app_protocols[name] = protocol;
  }
  if (!numbers.empty() || !app_protocols.empty()) {
    InnerServiceModel inner;
    if (!numbers.empty()) inner.ports = std::move(numbers);
    inner.app_protocols = Filled(std::move(app_protocols));
    model.service = std::move(inner);
  }
  return left_out;
}

void FillInServicePatch(const Json& service, const Conventions& conventions,
                        const operations::ObjectOptions& options, ServiceModel& model) {
  std::vector<Rendered> objects;
  if (!RenderExposure(model, conventions, objects).ok()) return;
  const auto own = std::find_if(objects.begin(), objects.end(), [&service](const Rendered& one) {
    return one.object["kind"] == "Service" &&
           Text(one.object, "metadata.name") == Text(service, "metadata.name");
  });
  if (own == objects.end()) return;
  Json patch = Json::object();
  if (const StringMap annotations = EntriesOfFormerTools(service, "annotations", options);
      !annotations.empty())
    patch["metadata"]["annotations"] = annotations;
  if (const std::string affinity = Text(service, "spec.sessionAffinity"); affinity == "ClientIP") {
    patch["spec"]["sessionAffinity"] = affinity;
    // Filled in by the server or not, the tool that made it owns it.
    if (const Json& config = Field(service, "spec.sessionAffinityConfig"); config.is_object())
      patch["spec"]["sessionAffinityConfig"] = config;
  }
  if (Field(service, "spec.publishNotReadyAddresses") == true)
    patch["spec"]["publishNotReadyAddresses"] = true;
  if (Json names = PortNames(service, own->object); !names.empty())
    patch["spec"]["ports"] = std::move(names);
  if (patch.empty()) return;
  patch["kind"] = "Service";
  patch["metadata"]["name"] = Text(service, "metadata.name");
  const std::string more = model.extra_manifest_patch.value_or("");
  model.extra_manifest_patch = absl::StrCat(more, more.empty() ? "" : "\n---\n", patch.dump());
}

void FillInMetadata(const Json& workload, const Json& service, const Conventions& conventions,
                    const operations::ObjectOptions& options, ServiceModel& model) {
  model.annotations = Filled(EntriesOfFormerTools(workload, "annotations", options));
  const Json rendered = LabelsOf(model, conventions);
  const StringMap conventional = conventions.Labels();
  const Json& of_workload = Field(workload, "metadata.labels");
  StringMap labels = EntriesOfFormerTools(workload, "labels", options);
  for (const auto& [key, value] : EntriesOfFormerTools(service, "labels", options)) {
    // What controllers of Services read says nothing about other objects.
    if (absl::StrContains(key, "kubernetes.io/") && !absl::StartsWith(key, "app.kubernetes.io/"))
      continue;
    if (!of_workload.is_object() || !of_workload.contains(key)) labels.emplace(key, value);
  }
  std::erase_if(labels, [&](const auto& label) {
    return conventional.count(label.first) != 0 ||
           (rendered.contains(label.first) && rendered[label.first] == label.second);
  });
  model.labels = Filled(std::move(labels));
}

}  // namespace charon::service
