#include "resources/service/pod_security.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::service {
namespace {

// Kubernetes, "Enforce Pod Security Standards with Namespace Labels".
constexpr char kEnforce[] = "pod-security.kubernetes.io/enforce";

// A pod as the workload's controller would make it, without what other admission plugins would look
// up first: objects that this run makes may not be there yet.
Json PodOf(const Json& workload) {
  const Json& metadata = workload["metadata"];
  const Json& pod_template = workload["spec"]["template"];
  Json pod = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", pod_template["metadata"]},
              {"spec", pod_template["spec"]}};
  pod["metadata"]["name"] = absl::StrCat(metadata["name"].get<std::string>(), "-planned");
  pod["metadata"]["namespace"] = metadata["namespace"];
  for (const char* field :
       {"serviceAccountName", "serviceAccount", "priorityClassName", "imagePullSecrets"})
    pod["spec"].erase(field);
  for (const Json& claim : workload["spec"].value("volumeClaimTemplates", Json::array())) {
    pod["spec"]["volumes"].push_back(
        {{"name", claim["metadata"]["name"]}, {"emptyDir", Json::object()}});
  }
  return pod;
}

// The attribute of the first container that the message names.
Path ContainerIn(absl::string_view message, const ServiceModel& model) {
  const auto named = [message](absl::string_view name) {
    return absl::StrContains(message, absl::StrCat("\"", name, "\""));
  };
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) {
    if (named(name)) return Path("sidecars").Key(name).Attribute("security_context");
  }
  std::int64_t index = 0;
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    const Path path = Path("init_containers").Index(index++);
    if (named(init.name.value_or(""))) return path.Attribute("security_context");
  }
  return Path("security_context");
}

struct Violation {
  std::string text;
  Path attribute;
};

// What all levels but "privileged" forbid first of all (Kubernetes, "Pod Security Standards":
// privileged containers, host namespaces, hostPath volumes). Not the whole standard: that is the
// server's to judge, and a namespace that is not there yet has none that could be asked.
std::optional<Violation> AgainstBaseline(const Json& pod, const ServiceModel& model) {
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : pod.value(list, Json::array())) {
      if (!container.value("/securityContext/privileged"_json_pointer, false)) continue;
      const std::string text =
          absl::StrCat("container \"", container["name"].get<std::string>(), "\" is privileged");
      return Violation{text, ContainerIn(text, model)};
    }
  }
  for (const auto& [field, attribute] :
       {std::pair("hostNetwork", "host_network"), std::pair("hostPID", "host_pid")}) {
    if (pod.value(field, false))
      return Violation{absl::StrCat("the pods have ", field), Path("pod").Attribute(attribute)};
  }
  for (const auto& [name, volume] : model.volumes.value_or({})) {
    if (volume.host_path.IsKnown())
      return Violation{absl::StrCat("volume \"", name, "\" is a path of the node"),
                       VolumePath(name, volume)};
  }
  return std::nullopt;
}

void WarnOfPlanned(const sdk::Context& context, const ServiceModel& model, const Json& pod,
                   const std::string& level) {
  if (level.empty() || level == "privileged") return;
  const std::optional<Violation> violation = AgainstBaseline(pod, model);
  if (!violation) return;
  context.diagnostics->Warning(
      "The pods will be refused",
      absl::StrCat("Namespace ", *model.name_space, " takes no such pods with the level \"", level,
                   "\" that this plan gives it: ", violation->text,
                   "\n\nLeave it out, or set pod_security = { enforce = \"privileged\" } in the "
                   "namespace."),
      violation->attribute);
}

}  // namespace

absl::Status WarnOfPodSecurity(const sdk::Context& context, const Services& services,
                               const ServiceModel& model, const Rendered& workload) {
  if (context.planned_before) return absl::OkStatus();
  if (const auto level = services.PlannedPodSecurity(*model.name_space)) {
    WarnOfPlanned(context, model, AsCreated(workload)["spec"]["template"]["spec"], *level);
    return absl::OkStatus();
  }
  return services.CheckPlan(context, [&](kubernetes::Cluster& cluster) -> absl::Status {
    const auto place = cluster.Read(context, {{"v1", "Namespace"}, "", *model.name_space});
    if (!place.ok()) return absl::IsUnavailable(place.status()) ? place.status() : absl::OkStatus();
    const Json& labels = kubernetes::Field(**place, "metadata.labels");
    const std::string level =
        labels.is_object() && labels.contains(kEnforce) ? labels[kEnforce].get<std::string>() : "";
    if (level.empty() || level == "privileged") return absl::OkStatus();
    const absl::Status made =
        cluster.Create(context, PodOf(AsCreated(workload)), {.dry_run = true}).status();
    const absl::string_view message = made.message();
    const std::size_t start = message.find("violates PodSecurity");
    // Anything else is about a pod of a dry run, not about the service.
    if (start == absl::string_view::npos)
      return absl::IsUnavailable(made) ? made : absl::OkStatus();
    context.diagnostics->Warning("The pods will be refused",
                                 absl::StrCat("Namespace ", *model.name_space,
                                              " takes no such pods: ", message.substr(start),
                                              "\n\nLeave it out, or have the namespace's label ",
                                              kEnforce, " say privileged."),
                                 ContainerIn(message, model));
    return absl::OkStatus();
  });
}

}  // namespace charon::service
