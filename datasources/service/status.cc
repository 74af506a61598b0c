#include "datasources/service/status.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/diagnosis.h"
#include "provider/schema/checks.h"

namespace charon::service_data {
namespace {

using Json = nlohmann::json;
using kubernetes::ObjectRef;

const char* const kKinds[] = {"Deployment", "StatefulSet", "DaemonSet"};

// The workload of that name, whichever kind it is.
absl::StatusOr<Json> FindWorkload(const Call& call, kubernetes::Cluster& cluster,
                                  const std::string& name_space, const std::string& name) {
  for (const char* kind : kKinds) {
    absl::StatusOr<Json> found = cluster.Get(call, {{"apps/v1", kind}, name_space, name});
    if (!absl::IsNotFound(found.status())) return found;
  }
  return absl::NotFoundError(absl::StrCat(
      "namespace ", name_space, " has no Deployment, StatefulSet or DaemonSet \"", name, "\""));
}

std::string LabelSelector(const Json& workload) {
  std::vector<std::string> terms;
  const Json& labels = kubernetes::Field(workload, "spec.selector.matchLabels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items())
      terms.push_back(absl::StrCat(key, "=", value.is_string() ? value.get<std::string>() : ""));
  }
  return absl::StrJoin(terms, ",");
}

// Nullopt for what is no number.
std::optional<std::vector<std::int64_t>> Numbers(absl::string_view text) {
  std::vector<std::int64_t> numbers;
  for (absl::string_view part : absl::StrSplit(text, '.')) {
    std::int64_t number = 0;
    if (!absl::SimpleAtoi(part, &number) || number < 0) return std::nullopt;
    numbers.push_back(number);
  }
  return numbers;
}

struct LiveContainer {
  std::string path;  // as kubernetes::ToString writes it
  std::string image;
};

// The container that `config` names: names are of one container in a pod, init containers among
// them. Without a name the only one, whatever runs before it or beside it as an init container.
absl::StatusOr<LiveContainer> FindContainer(const Json& workload, const LiveImageModel& config) {
  std::optional<LiveContainer> found;
  std::vector<std::string> names;
  std::vector<std::string> lists = {"spec.template.spec.containers"};
  if (config.container.IsKnown()) lists.push_back("spec.template.spec.initContainers");
  for (const std::string& at : lists) {
    for (const Json& container : kubernetes::Field(workload, at)) {
      names.push_back(kubernetes::Text(container, "name"));
      if (config.container.IsKnown() && *config.container != names.back()) continue;
      found = LiveContainer{absl::StrCat(".", at, "[name=\"", names.back(), "\"]"),
                            kubernetes::Text(container, "image")};
    }
  }
  if (found && (config.container.IsKnown() || names.size() == 1)) return *std::move(found);
  return At("container", absl::NotFoundError(absl::StrCat(
                             *config.workload, " has ",
                             config.container.IsKnown()
                                 ? absl::StrCat("no container \"", *config.container, "\"; it has ")
                                 : "several containers: ",
                             absl::StrJoin(names, ", "))));
}

// Of what follows a "-".
bool IsPreRelease(absl::string_view suffix) {
  constexpr absl::string_view kWords[] = {"alpha", "beta",     "rc",      "pre",    "preview",
                                          "dev",   "snapshot", "nightly", "canary", "next"};
  const std::string lower = absl::AsciiStrToLower(suffix);
  const std::string word = lower.substr(0, lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz"));
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

}  // namespace

PodStatusModel PodOf(const Json& pod) {
  PodStatusModel model;
  model.phase = kubernetes::Text(pod, "status.phase");
  model.node = kubernetes::Text(pod, "spec.nodeName");
  bool ready = false;
  const Json& conditions = kubernetes::Field(pod, "status.conditions");
  if (conditions.is_array()) {
    for (const Json& condition : conditions) {
      if (condition.value("type", "") == "Ready") ready = condition.value("status", "") == "True";
    }
  }
  model.ready = ready;
  std::int64_t restarts = 0;
  for (const char* list : {"status.containerStatuses", "status.initContainerStatuses"}) {
    const Json& containers = kubernetes::Field(pod, list);
    if (!containers.is_array()) continue;
    for (const Json& container : containers)
      restarts += kubernetes::Number(container, "restartCount");
  }
  model.restarts = restarts;
  const operations::Diagnosis diagnosis = operations::DiagnosePod(pod);
  model.trouble = diagnosis.lines.empty() ? "" : diagnosis.lines.front();
  return model;
}

std::string RepositoryOf(const std::string& image) {
  const std::string plain = image.substr(0, image.find('@'));
  const std::size_t colon = plain.rfind(':');
  const std::size_t slash = plain.rfind('/');
  if (colon == std::string::npos || (slash != std::string::npos && colon < slash)) return plain;
  return plain.substr(0, colon);
}

std::string TagOf(const std::string& image) {
  const std::string plain = image.substr(0, image.find('@'));
  const std::string repository = RepositoryOf(image);
  return plain.size() > repository.size() ? plain.substr(repository.size() + 1) : "";
}

std::optional<int> CompareVersions(const std::string& a, const std::string& b) {
  struct Version {
    std::vector<std::int64_t> numbers;
    std::string suffix;
  };
  auto parse = [](absl::string_view text) -> std::optional<Version> {
    absl::ConsumePrefix(&text, "v");
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits('-', 1));
    const auto numbers = Numbers(parts.first);
    if (!numbers) return std::nullopt;
    return Version{*numbers, IsPreRelease(parts.second) ? std::string(parts.second) : ""};
  };
  std::optional<Version> x = parse(a);
  std::optional<Version> y = parse(b);
  if (!x || !y) return std::nullopt;
  const std::size_t length = std::max(x->numbers.size(), y->numbers.size());
  x->numbers.resize(length, 0);
  y->numbers.resize(length, 0);
  if (x->numbers != y->numbers) return x->numbers < y->numbers ? -1 : 1;
  if (x->suffix == y->suffix) return 0;
  if (x->suffix.empty()) return 1;
  if (y->suffix.empty()) return -1;
  return x->suffix < y->suffix ? -1 : 1;
}

const ObjectSpec<ConditionModel>& ConditionModel::Describe() {
  using M = ConditionModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A condition.", {
                          Field(&M::status, "status", Computed, "`True`, `False` or `Unknown`."),
                          Field(&M::reason, "reason", Computed, "Reason, one word."),
                          Field(&M::message, "message", Computed, "Message for people."),
                          Field(&M::since, "since", Computed, "Since when, RFC 3339."),
                      });
  return spec;
}

const ObjectSpec<PodStatusModel>& PodStatusModel::Describe() {
  using M = PodStatusModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A pod.",
      {
          Field(&M::phase, "phase", Computed, "`Pending`, `Running`, `Succeeded` or `Failed`."),
          Field(&M::ready, "ready", Computed, "Whether it takes traffic."),
          Field(&M::node, "node", Computed, "Node that it runs on; empty if none yet."),
          Field(&M::restarts, "restarts", Computed,
                "Restarts of its containers, native sidecars and other init containers among them, "
                "together."),
          Field(&M::trouble, "trouble", Computed, "What it suffers from; empty if nothing."),
      });
  return spec;
}

const ObjectSpec<StatusModel>& StatusModel::Describe() {
  using M = StatusModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How a service does now: conditions, pods, live images and replicas, and who owns which "
      "field of its workload. Works for "
      "workloads that others made, too.",
      {
          Field(&M::name_space, "namespace", Required, "Namespace of the service.")
              .Check(DnsLabel()),
          Field(&M::name, "name", Required,
                "Name of the service: of its Deployment, StatefulSet or DaemonSet.")
              .Check(DnsSubdomain()),
          Field(&M::kind, "kind", Computed, "`Deployment`, `StatefulSet` or `DaemonSet`."),
          Field(&M::replicas, "replicas", Computed, "Number of pods that it should have."),
          Field(&M::ready_replicas, "ready_replicas", Computed, "Number of pods that are ready."),
          Field(&M::updated_replicas, "updated_replicas", Computed,
                "Number of pods of the newest revision."),
          Field(&M::images, "images", Computed,
                "Image of each container, init containers included, as the workload has it."),
          Field(&M::conditions, "conditions", Computed, "Conditions of the workload by type."),
          Field(&M::pods, "pods", Computed, "Pods by name."),
          Field(&M::managers, "managers", Computed,
                "Fields of the workload by field manager. Those of `charon-initial` were set at "
                "creation "
                "only, and may be anybody's."),
      });
  return spec;
}

const sdk::ResourceInfo& StatusSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_service_status",
                                                   .noun = "service status",
                                                   .subcategory = "Services",
                                                   .needs = needs::Kubernetes()};
  return info;
}

sdk::Outcome<StatusModel> StatusSource::Read(const sdk::Context& context,
                                             const StatusModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  CHARON_ASSIGN_OR_RETURN(const Json workload,
                          FindWorkload(context, *cluster, *config.name_space, *config.name));
  StatusModel model = config;
  model.kind = kubernetes::Text(workload, "kind");
  const bool daemon = *model.kind == "DaemonSet";
  model.replicas =
      kubernetes::Number(workload, daemon ? "status.desiredNumberScheduled" : "spec.replicas");
  model.ready_replicas =
      kubernetes::Number(workload, daemon ? "status.numberReady" : "status.readyReplicas");
  model.updated_replicas = kubernetes::Number(
      workload, daemon ? "status.updatedNumberScheduled" : "status.updatedReplicas");
  std::map<std::string, std::string> images;
  for (const char* list : {"spec.template.spec.initContainers", "spec.template.spec.containers"}) {
    const Json& containers = kubernetes::Field(workload, list);
    if (!containers.is_array()) continue;
    for (const Json& container : containers)
      images[container.value("name", "")] = container.value("image", "");
  }
  model.images = std::move(images);
  std::map<std::string, ConditionModel> conditions;
  const Json& list = kubernetes::Field(workload, "status.conditions");
  if (list.is_array()) {
    for (const Json& condition : list) {
      conditions[condition.value("type", "")] =
          ConditionModel{condition.value("status", ""), condition.value("reason", ""),
                         condition.value("message", ""), condition.value("lastTransitionTime", "")};
    }
  }
  model.conditions = std::move(conditions);
  kubernetes::ListOptions mine;
  mine.name_space = *config.name_space;
  mine.label_selector = LabelSelector(workload);
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> pods,
                          cluster->List(context, {"v1", "Pod"}, mine));
  std::map<std::string, PodStatusModel> by_name;
  for (const Json& pod : pods) by_name[kubernetes::Text(pod, "metadata.name")] = PodOf(pod);
  model.pods = std::move(by_name);
  model.managers = kubernetes::FieldsByManager(workload);
  return model;
}

const ObjectSpec<LiveImageModel>& LiveImageModel::Describe() {
  using M = LiveImageModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The image that a container has in the cluster, for tools that would otherwise set it back: "
      "a Helm release whose image an "
      "updater raises. Never one below `floor`, which is also the answer while the workload does "
      "not exist yet.",
      {
          Field(&M::name_space, "namespace", Required, "Namespace of the workload.")
              .Check(DnsLabel()),
          Field(&M::workload, "workload", Required,
                "The workload as `Kind/name`: `Deployment/nextcloud`."),
          Field(&M::container, "container", Optional,
                "Name of the container, which may be an init container; by default the only one "
                "that is none."),
          Field(&M::floor, "floor", Optional, "Lowest tag to answer, such as `32.0.9`."),
          Field(
              &M::image, "image", Computed,
              "Image with tag or digest; null if neither the workload nor a full image is known."),
          Field(&M::repository, "repository", Computed, "Image without tag."),
          Field(&M::tag, "tag", Computed, "Tag, the higher one of the live image and `floor`."),
          Field(&M::declared_by, "set_by", Computed, "Field manager that owns the image."),
      });
  return spec;
}

const sdk::ResourceInfo& LiveImageSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_live_image",
                                                   .noun = "live image",
                                                   .subcategory = "Services",
                                                   .needs = needs::Kubernetes()};
  return info;
}

absl::Status LiveImageSource::Validate(const sdk::Context&, const LiveImageModel& config) {
  if (!config.workload.IsKnown()) return absl::OkStatus();
  const std::vector<std::string> parts = absl::StrSplit(*config.workload, '/');
  const bool known = parts.size() == 2 && !parts[1].empty() &&
                     std::find(std::begin(kKinds), std::end(kKinds), parts[0]) != std::end(kKinds);
  if (known) return absl::OkStatus();
  return At("workload", absl::InvalidArgumentError(
                            absl::StrCat("\"", *config.workload,
                                         "\" must be \"Deployment/name\", \"StatefulSet/name\" or "
                                         "\"DaemonSet/name\"")));
}

sdk::Outcome<LiveImageModel> LiveImageSource::Read(const sdk::Context& context,
                                                   const LiveImageModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  LiveImageModel model = config;
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(*config.workload, absl::MaxSplits('/', 1));
  const absl::StatusOr<Json> workload =
      cluster->Get(context, {{"apps/v1", parts.first}, *config.name_space, parts.second});
  if (absl::IsNotFound(workload.status())) {
    if (!config.floor.IsKnown()) {
      return At("workload", WithRemedy(workload.status(),
                                       "Set floor to have an answer before the workload exists."));
    }
    model.tag = config.floor;
    return model;
  }
  CHARON_RETURN_IF_ERROR(workload.status());
  CHARON_ASSIGN_OR_RETURN(const LiveContainer live, FindContainer(*workload, config));
  const std::string& image = live.image;
  for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(*workload)) {
    for (const kubernetes::FieldPath& path : entry.fields.Paths()) {
      if (kubernetes::ToString(path) == absl::StrCat(live.path, ".image"))
        model.declared_by = entry.manager;
    }
  }
  model.repository = RepositoryOf(image);
  const std::string tag = TagOf(image);
  if (config.floor.IsKnown()) {
    const std::optional<int> order = CompareVersions(tag, *config.floor);
    if (order && *order < 0) {
      model.tag = config.floor;
      model.image = absl::StrCat(*model.repository, ":", *config.floor);
      return model;
    }
    if (!order) {
      context.diagnostics->Warning(
          "The image has no version",
          absl::StrCat("\"", image, "\" cannot be compared with the floor \"", *config.floor,
                       "\", and is answered as it is."),
          "floor");
    }
  }
  model.tag = tag;
  model.image = image;  // with its digest, if it has one
  return model;
}

}  // namespace charon::service_data
