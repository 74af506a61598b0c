// The pod template of a service.
#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/object_patch.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// --- Environment

// "secret/key?" taken apart.
struct KeyReference {
  std::string object, key;
  bool optional = false;
};

KeyReference ParseReference(absl::string_view text) {
  KeyReference reference;
  reference.optional = absl::ConsumeSuffix(&text, "?");
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  reference.object = parts.first;
  reference.key = parts.second;
  return reference;
}

Json SecretEntry(const ServiceModel& model, const std::string& name,
                 const KeyReference& reference) {
  Json ref = {{"name", SecretName(model, reference.object)}, {"key", reference.key}};
  if (reference.optional) ref["optional"] = true;
  return {{"name", name}, {"valueFrom", {{"secretKeyRef", ref}}}};
}

Json FieldEntry(const std::string& name, const std::string& field, const std::string& container) {
  if (absl::StartsWith(field, "limits.") || absl::StartsWith(field, "requests.")) {
    return {
        {"name", name},
        {"valueFrom", {{"resourceFieldRef", {{"containerName", container}, {"resource", field}}}}}};
  }
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", field}}}}}};
}

// The variables by name, but each after those it refers to: Kubernetes expands $(NAME) only from
// earlier ones.
Json Environment(const ServiceModel& model, const ContainerModel& container,
                 const std::string& name, bool main) {
  std::map<std::string, Json> entries;
  std::map<std::string, std::set<std::string>> needs;
  for (const auto& [key, value] : container.env.value_or({})) {
    entries[key] = {{"name", key}, {"value", value}};
    needs[key] = References(value);
  }
  for (const auto& [key, value] : container.env_secret.value_or({})) {
    entries[key] = SecretEntry(model, key, ParseReference(value));
  }
  const EnvFromModel from = container.env_from.value_or({});
  for (const auto& [key, value] : from.fields.value_or({}))
    entries[key] = FieldEntry(key, value, name);
  if (main) {
    for (const auto& [key, secret] : model.generated_secrets.value_or({})) {
      if (secret.env.value_or(true))
        entries[key] = SecretEntry(model, key, {"generated", key, false});
    }
  }
  Json list = Json::array();
  std::set<std::string> done;
  std::function<void(const std::string&)> emit = [&](const std::string& key) {
    const auto entry = entries.find(key);
    if (entry == entries.end() || !done.insert(key).second) return;
    for (const std::string& other : needs[key]) emit(other);
    list.push_back(entry->second);
  };
  for (const auto& [key, entry] : entries) emit(key);
  return list;
}

Json EnvironmentSources(const ServiceModel& model, const ContainerModel& container, bool main) {
  Json list = Json::array();
  auto add = [&](const char* field, absl::string_view text, bool secret) {
    const bool optional = absl::ConsumeSuffix(&text, "?");
    Json ref = {{"name", secret ? SecretName(model, std::string(text)) : std::string(text)}};
    if (optional) ref["optional"] = true;
    list.push_back({{field, std::move(ref)}});
  };
  const EnvFromModel from = container.env_from.value_or({});
  for (const std::string& text : from.config_maps.value_or({})) add("configMapRef", text, false);
  for (const std::string& text : from.secrets.value_or({})) add("secretRef", text, true);
  if (main && model.env_wo_version.IsKnown())
    add("secretRef", model.NameOrDefault() + "-env", true);
  return list;
}

// --- Probes, hooks, security

// What is not named is the port `http`, or the only one.
Json PortReference(const ContainerModel& container, const Attr<std::string>& port) {
  if (port.IsKnown()) return IntOrString(*port);
  if (container.ports.IsKnown() && container.ports->count("http") != 0) return "http";
  if (container.ports.IsKnown() && !container.ports->empty())
    return container.ports->begin()->first;
  return nullptr;
}

Json HttpGet(const ContainerModel& container, const std::string& path,
             const RequestModel& request) {
  Json get = {{"path", path}, {"port", PortReference(container, request.port)}};
  if (request.scheme.IsKnown()) get["scheme"] = *request.scheme;
  for (const auto& [name, value] : request.headers.value_or({}))
    get["httpHeaders"].push_back({{"name", name}, {"value", value}});
  return get;
}

Json Probe(const ContainerModel& container, const ProbeModel& model) {
  Json probe = Json::object();
  const RequestModel request = model.request.value_or({});
  if (model.http_get.IsKnown()) probe["httpGet"] = HttpGet(container, *model.http_get, request);
  if (model.tcp_socket.IsKnown()) probe["tcpSocket"] = {{"port", IntOrString(*model.tcp_socket)}};
  if (model.exec.IsKnown()) probe["exec"] = {{"command", *model.exec}};
  if (model.grpc.IsKnown()) {
    // Unlike the others, this port is a number only (Kubernetes API, GRPCAction).
    Json port = PortReference(container, request.port);
    if (port.is_string() && container.ports.IsKnown()) {
      const auto named = container.ports->find(port.get<std::string>());
      if (named != container.ports->end()) port = PortOf(named->second).number;
    }
    probe["grpc"] = {{"port", port}};
    if (!model.grpc->empty()) probe["grpc"]["service"] = *model.grpc;
  }
  // The server drops a 0 that means the same as nothing, here and of minReadySeconds.
  if (const auto wait = Seconds(model.initial_delay.value_or("0s")); wait != 0)
    probe["initialDelaySeconds"] = wait;
  if (model.period.IsKnown()) probe["periodSeconds"] = Seconds(*model.period);
  if (model.timeout.IsKnown()) probe["timeoutSeconds"] = Seconds(*model.timeout);
  if (model.success_threshold.IsKnown()) probe["successThreshold"] = *model.success_threshold;
  if (model.failure_threshold.IsKnown()) probe["failureThreshold"] = *model.failure_threshold;
  return probe;
}

Json Hook(const ContainerModel& container, const HookModel& model) {
  if (model.exec.IsKnown()) return {{"exec", {{"command", *model.exec}}}};
  if (model.http_get.IsKnown())
    return {{"httpGet", HttpGet(container, *model.http_get, model.request.value_or({}))}};
  return {{"sleep", {{"seconds", Seconds(model.sleep.value_or("1s"))}}}};
}

Json Seccomp(const std::string& profile) {
  if (profile == "RuntimeDefault" || profile == "Unconfined") return {{"type", profile}};
  return {{"type", "Localhost"}, {"localhostProfile", profile}};
}

Json SecurityContext(const SecurityContextModel& model) {
  Json context = Json::object();
  if (model.privileged.IsKnown()) context["privileged"] = *model.privileged;
  if (model.run_as_user.IsKnown()) context["runAsUser"] = *model.run_as_user;
  if (model.run_as_group.IsKnown()) context["runAsGroup"] = *model.run_as_group;
  if (model.run_as_non_root.IsKnown()) context["runAsNonRoot"] = *model.run_as_non_root;
  if (model.read_only_root_filesystem.IsKnown())
    context["readOnlyRootFilesystem"] = *model.read_only_root_filesystem;
  if (model.allow_privilege_escalation.IsKnown())
    context["allowPrivilegeEscalation"] = *model.allow_privilege_escalation;
  if (model.seccomp_profile.IsKnown()) context["seccompProfile"] = Seccomp(*model.seccomp_profile);
  if (model.capabilities.IsKnown()) {
    Json capabilities = Json::object();
    for (const std::string& name : model.capabilities->add.value_or({}))
      capabilities["add"].push_back(name);
    for (const std::string& name : model.capabilities->drop.value_or({}))
      capabilities["drop"].push_back(name);
    context["capabilities"] = std::move(capabilities);
  }
  return context;
}

Json PodSecurity(const PodSecurityContextModel& model) {
  Json context = Json::object();
  if (model.fs_group.IsKnown()) context["fsGroup"] = *model.fs_group;
  if (model.fs_group_change_policy.IsKnown())
    context["fsGroupChangePolicy"] = *model.fs_group_change_policy;
  if (model.run_as_user.IsKnown()) context["runAsUser"] = *model.run_as_user;
  if (model.run_as_group.IsKnown()) context["runAsGroup"] = *model.run_as_group;
  if (model.run_as_non_root.IsKnown()) context["runAsNonRoot"] = *model.run_as_non_root;
  for (const std::int64_t group : model.supplemental_groups.value_or({}))
    context["supplementalGroups"].push_back(group);
  if (model.seccomp_profile.IsKnown()) context["seccompProfile"] = Seccomp(*model.seccomp_profile);
  for (const auto& [name, value] : model.sysctls.value_or({}))
    context["sysctls"].push_back({{"name", name}, {"value", value}});
  return context;
}

// --- Containers

struct Parts {
  Json object, initial;  // initial: without the name; null if nothing
};

Json Ports(const ContainerModel& container) {
  Json list = Json::array();
  for (const auto& [name, text] : container.ports.value_or({})) {
    const Port port = PortOf(text);
    for (const std::string& protocol : port.protocols) {
      // A name may stand once; of several protocols TCP has it, else the first.
      const bool bearer = port.protocols.count("TCP") != 0 ? protocol == "TCP"
                                                           : protocol == *port.protocols.begin();
      Json entry = {{"containerPort", port.number}, {"protocol", protocol}};
      if (bearer) entry["name"] = name;
      list.push_back(std::move(entry));
    }
  }
  return list;
}

Json Mount(const std::string& volume, const std::string& path, const Attr<std::string>& sub_path,
           const Attr<bool>& read_only) {
  Json mount = {{"name", volume}, {"mountPath", path}};
  if (sub_path.IsKnown()) mount["subPath"] = *sub_path;
  if (read_only.IsKnown()) mount["readOnly"] = *read_only;
  return mount;
}

// A volume, or by its path in the main container a file or a directory of files.
Json SaidMount(const ServiceModel& model, const std::string& path, const MountModel& mount) {
  const std::string& volume = *mount.volume;
  if (!absl::StartsWith(volume, "/")) return Mount(volume, path, mount.sub_path, mount.read_only);
  const bool read_only = mount.read_only.value_or(true);
  if (model.files.IsKnown() && model.files->count(volume) != 0)
    return Mount("files", path, FileKey(volume), read_only);
  return Mount(ConfigVolumeName(volume), path, mount.sub_path, read_only);
}

Json Mounts(const ServiceModel& model, const ContainerModel& container, bool main) {
  std::map<std::string, Json> by_path;
  for (const auto& [path, mount] : container.mounts.value_or({})) {
    by_path[path] = SaidMount(model, path, mount);
  }
  if (main) {
    for (const auto& [name, volume] : model.VolumesByName()) {
      if (volume.mount.IsKnown())
        by_path[*volume.mount] = Mount(name, *volume.mount, volume.sub_path, volume.read_only);
    }
    for (const auto& [path, file] : model.files.value_or({})) {
      by_path[path] = Mount("files", path, FileKey(path), true);
    }
    for (const auto& [path, dir] : model.config_dirs.value_or({})) {
      by_path[path] = Mount(ConfigVolumeName(path), path, {}, true);
    }
  }
  Json list = Json::array();
  for (auto& [path, mount] : by_path) list.push_back(std::move(mount));
  return list;
}

Json Resources(const ContainerModel& container, const Conventions& conventions) {
  Json resources = Json::object();
  if (container.resources.IsKnown()) {
    // CheckSizes has seen that there is one of that name.
    const auto size = conventions.sizes.find(container.resources->size.value_or(""));
    const SizeProfile profile = size == conventions.sizes.end() ? SizeProfile() : size->second;
    const auto set = [&resources](const char* field, StringMap amounts,
                                  const Attr<StringMap>& said) {
      for (const auto& [resource, amount] : said.value_or({})) amounts[resource] = amount;
      if (said.IsKnown() || !amounts.empty()) resources[field] = std::move(amounts);
    };
    set("requests", profile.requests, container.resources->requests);
    set("limits", profile.limits, container.resources->limits);
  }
  return resources;
}

// Ours whoever owns the rest: what sets resources to the use knows cpu and memory alone.
void AddGpu(const ServiceModel& model, const Conventions& conventions, Json& container) {
  if (!model.gpu.IsKnown()) return;
  Json& limits = container["resources"]["limits"];
  limits[conventions.gpu_count_resource] = absl::StrCat(model.gpu->count.value_or(1));
  if (model.gpu->memory_mib.IsKnown())
    limits[conventions.gpu_memory_resource] = absl::StrCat(*model.gpu->memory_mib);
}

Parts Container(const ServiceModel& model, const ContainerModel& container, const std::string& name,
                const Conventions& conventions) {
  const bool main = &container == &model;
  Json object = {{"name", name}};
  Json initial;
  const std::string image = container.image.IsKnown() ? *container.image : model.image.value_or("");
  (container.image_owner.value_or("terraform") == "external" ? initial : object)["image"] = image;
  if (container.image_pull_policy.IsKnown())
    object["imagePullPolicy"] = *container.image_pull_policy;
  if (container.command.IsKnown()) object["command"] = *container.command;
  if (container.args.IsKnown()) object["args"] = *container.args;
  const ProcessModel process = container.process.value_or({});
  if (process.working_dir.IsKnown()) object["workingDir"] = *process.working_dir;
  auto set = [&object](const char* field, Json value) {
    if (!value.empty()) object[field] = std::move(value);
  };
  set("ports", Ports(container));
  set("env", Environment(model, container, name, main));
  set("envFrom", EnvironmentSources(model, container, main));
  set("volumeMounts", Mounts(model, container, main));
  if (Json resources = Resources(container, conventions); !resources.empty()) {
    (container.resources_owner.value_or("terraform") == "external" ? initial
                                                                   : object)["resources"] =
        std::move(resources);
  }
  if (main) AddGpu(model, conventions, object);
  if (container.probes.IsKnown()) {
    if (container.probes->liveness.IsKnown())
      object["livenessProbe"] = Probe(container, *container.probes->liveness);
    if (container.probes->readiness.IsKnown())
      object["readinessProbe"] = Probe(container, *container.probes->readiness);
    if (container.probes->startup.IsKnown())
      object["startupProbe"] = Probe(container, *container.probes->startup);
  }
  if (container.hooks.IsKnown()) {
    Json lifecycle = Json::object();
    if (container.hooks->post_start.IsKnown())
      lifecycle["postStart"] = Hook(container, *container.hooks->post_start);
    if (container.hooks->pre_stop.IsKnown())
      lifecycle["preStop"] = Hook(container, *container.hooks->pre_stop);
    set("lifecycle", std::move(lifecycle));
  }
  if (container.security_context.IsKnown())
    set("securityContext", SecurityContext(*container.security_context));
  if (process.tty.IsKnown()) object["tty"] = *process.tty;
  if (process.stdin.IsKnown()) object["stdin"] = *process.stdin;
  if (!initial.is_null()) initial["name"] = name;
  return {std::move(object), std::move(initial)};
}

// Waits by itself where no policy does.
Json WaitContainer(const ServiceModel& model, const Conventions& conventions) {
  std::vector<std::string> lines;
  for (const std::string& target : *model.wait_for) {
    const auto [host, port] = HostAndPort(target);
    lines.push_back(absl::StrCat("until nc -z -w 2 ", host, " ", port, "; do sleep 2; done"));
  }
  return {{"name", "wait-for"},
          {"image", conventions.wait_for_image},
          {"command", {"sh", "-c", absl::StrJoin(lines, "\n")}}};
}

// --- Volumes

Json FromObject(const SourceModel& source, const char* name_field, const std::string& name) {
  Json volume = {{name_field, name}};
  if (source.mode.IsKnown()) volume["defaultMode"] = std::stoi(*source.mode, nullptr, 8);
  if (source.optional_source.IsKnown()) volume["optional"] = *source.optional_source;
  for (const auto& [key, path] : source.items.value_or({}))
    volume["items"].push_back({{"key", key}, {"path", path}});
  return volume;
}

Json Volumes(const ServiceModel& model, const Conventions& conventions) {
  Json list = Json::array();
  for (const auto& [name, volume] : model.VolumesByName()) {
    Json entry = {{"name", name}};
    if (volume.claim.IsKnown()) {
      if (volume.claim->per_replica.value_or(false)) continue;  // volumeClaimTemplates
      entry["persistentVolumeClaim"] = {{"claimName", ClaimName(model, name)}};
    } else if (volume.existing_claim.IsKnown()) {
      entry["persistentVolumeClaim"] = {{"claimName", *volume.existing_claim}};
    } else if (volume.nfs.IsKnown()) {
      if (volume.nfs->in_line.value_or(false)) {
        entry["nfs"] = {{"server", volume.nfs->server.value_or(conventions.nfs_server)},
                        {"path", *volume.nfs->path}};
      } else {
        entry["persistentVolumeClaim"] = {{"claimName", ClaimName(model, name)}};
      }
    } else if (volume.empty_dir.IsKnown()) {
      entry["emptyDir"] = Json::object();
      if (volume.empty_dir->medium.IsKnown())
        entry["emptyDir"]["medium"] = *volume.empty_dir->medium;
      if (volume.empty_dir->size_limit.IsKnown())
        entry["emptyDir"]["sizeLimit"] = *volume.empty_dir->size_limit;
    } else if (volume.host_path.IsKnown()) {
      entry["hostPath"] = {{"path", *volume.host_path->path}};
      if (volume.host_path->type.IsKnown()) entry["hostPath"]["type"] = *volume.host_path->type;
    } else if (volume.config_map.IsKnown()) {
      entry["configMap"] = FromObject(*volume.config_map, "name", *volume.config_map->name);
    } else if (volume.secret.IsKnown()) {
      entry["secret"] =
          FromObject(*volume.secret, "secretName", SecretName(model, *volume.secret->name));
    }
    list.push_back(std::move(entry));
  }
  if (model.files.IsKnown() && !model.files->empty()) {
    Json config_map = {{"name", FilesName(model)}};
    for (const auto& [path, file] : *model.files) {
      if (!file.mode.IsKnown()) continue;
      // Modes are of single files only with all of them listed.
      config_map["items"] = Json::array();
      break;
    }
    if (config_map.contains("items")) {
      for (const auto& [path, file] : *model.files) {
        Json item = {{"key", FileKey(path)}, {"path", FileKey(path)}};
        if (file.mode.IsKnown()) item["mode"] = std::stoi(*file.mode, nullptr, 8);
        config_map["items"].push_back(std::move(item));
      }
    }
    list.push_back({{"name", "files"}, {"configMap", std::move(config_map)}});
  }
  for (const auto& [path, dir] : model.config_dirs.value_or({})) {
    Json config_map = {{"name", ConfigDirName(model, path)}};
    if (dir.mode.IsKnown()) config_map["defaultMode"] = std::stoi(*dir.mode, nullptr, 8);
    list.push_back({{"name", ConfigVolumeName(path)}, {"configMap", std::move(config_map)}});
  }
  return list;
}

// --- Scheduling

std::string TopologyKey(const Attr<std::string>& over) {
  const std::string text = over.value_or("host");
  if (text == "host") return "kubernetes.io/hostname";
  if (text == "zone") return "topology.kubernetes.io/zone";
  return text;
}

Json NodeExpressions(const StringMap& labels, const char* op) {
  Json list = Json::array();
  for (const auto& [key, values] : labels) {
    list.push_back({{"key", key},
                    {"operator", op},
                    {"values", std::vector<std::string>(absl::StrSplit(values, '|'))}});
  }
  return list;
}

Json PodTerm(const PodAffinityModel& model) {
  const Json term = {{"labelSelector", {{"matchLabels", *model.labels}}},
                     {"topologyKey", TopologyKey(model.over)}};
  if (model.hard.value_or(false))
    return {{"requiredDuringSchedulingIgnoredDuringExecution", Json::array({term})}};
  return {{"preferredDuringSchedulingIgnoredDuringExecution",
           Json::array({{{"weight", 100}, {"podAffinityTerm", term}}})}};
}

Json Toleration(const TolerationModel& toleration) {
  Json entry = Json::object();
  if (toleration.key.IsKnown()) entry["key"] = *toleration.key;
  entry["operator"] = toleration.op.value_or(toleration.value.IsKnown() ? "Equal" : "Exists");
  if (toleration.value.IsKnown() && !toleration.value->empty()) entry["value"] = *toleration.value;
  if (toleration.effect.IsKnown()) entry["effect"] = *toleration.effect;
  if (toleration.seconds.IsKnown()) entry["tolerationSeconds"] = Seconds(*toleration.seconds);
  return entry;
}

void Schedule(const ServiceModel& model, const Conventions& conventions, Json& spec) {
  StringMap node_selector;
  Json tolerations = Json::array();
  if (model.gpu.IsKnown()) {
    node_selector = conventions.gpu_node_selector;
    tolerations.push_back(Toleration(GpuToleration(conventions)));
  }
  if (model.scheduling.IsKnown()) {
    const SchedulingModel& s = *model.scheduling;
    for (const auto& [key, value] : s.node_selector.value_or({})) node_selector[key] = value;
    for (const TolerationModel& toleration : s.tolerations.value_or({}))
      tolerations.push_back(Toleration(toleration));
    Json affinity = Json::object();
    Json expressions = NodeExpressions(s.require_nodes.value_or({}), "In");
    for (Json& expression : NodeExpressions(s.avoid_nodes.value_or({}), "NotIn"))
      expressions.push_back(std::move(expression));
    if (!expressions.empty()) {
      affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
              ["nodeSelectorTerms"] = Json::array({{{"matchExpressions", expressions}}});
    }
    if (s.near.IsKnown()) affinity["podAffinity"] = PodTerm(*s.near);
    if (s.apart.IsKnown()) affinity["podAntiAffinity"] = PodTerm(*s.apart);
    if (!affinity.empty()) spec["affinity"] = std::move(affinity);
    if (s.spread.IsKnown()) {
      spec["topologySpreadConstraints"] =
          Json::array({{{"maxSkew", s.spread->max_skew.value_or(1)},
                        {"topologyKey", TopologyKey(s.spread->over)},
                        {"whenUnsatisfiable",
                         s.spread->hard.value_or(false) ? "DoNotSchedule" : "ScheduleAnyway"},
                        {"labelSelector", {{"matchLabels", SelectorOf(model)}}}}});
    }
  }
  if (!node_selector.empty()) spec["nodeSelector"] = node_selector;
  if (!tolerations.empty()) spec["tolerations"] = std::move(tolerations);
}

// Whether a patch of the workload says something of the pod that `is` is about.
bool AnyPodPatch(const ServiceModel& model, const std::function<bool(const Json&)>& is) {
  const std::vector<Json> patches = WorkloadPatches(model);
  return std::any_of(patches.begin(), patches.end(), [&is](const Json& patch) {
    return is(kubernetes::Field(patch, "spec.template.spec"));
  });
}

// Whether the pods may be more to the API server than anybody: by rules, or by an account of which
// others say what it may do.
bool MayUseApi(const ServiceModel& model) {
  if (model.identity.IsKnown()) {
    const IdentityModel& identity = *model.identity;
    if (!identity.rules.IsNull() || !identity.cluster_rules.IsNull() ||
        !identity.namespace_rules.IsNull() || !identity.service_account.value_or({}).name.IsNull())
      return true;
  }
  return AnyPodPatch(model, [](const Json& pod) {
    return !kubernetes::Text(pod, "serviceAccountName").empty() ||
           !kubernetes::Text(pod, "serviceAccount").empty();
  });
}

void PodWide(const ServiceModel& model, const Conventions& conventions, Json& spec) {
  const PodDefaults defaults = PodDefaultsOf(model, conventions);
  if (defaults.automount.IsKnown()) spec["automountServiceAccountToken"] = *defaults.automount;
  if (defaults.enable_service_links.IsKnown())
    spec["enableServiceLinks"] = *defaults.enable_service_links;
  if (model.identity.IsKnown()) {
    const ServiceAccountModel account = model.identity->service_account.value_or({});
    spec["serviceAccountName"] = account.name.value_or(model.NameOrDefault());
    // The server mirrors it there (v1 conversion, DeprecatedServiceAccount) and takes it back from
    // there: who owns only one of the two can never take it away again.
    spec["serviceAccount"] = spec["serviceAccountName"];
    if (account.automount.IsKnown()) spec["automountServiceAccountToken"] = *account.automount;
  }
  if (!model.pod.IsKnown()) return;
  const PodModel& pod = *model.pod;
  for (const std::string& name : pod.image_pull_secrets.value_or({}))
    spec["imagePullSecrets"].push_back({{"name", name}});
  if (pod.priority_class.IsKnown()) spec["priorityClassName"] = *pod.priority_class;
  if (pod.termination_grace_period.IsKnown())
    spec["terminationGracePeriodSeconds"] = Seconds(*pod.termination_grace_period);
  if (pod.runtime_class.IsKnown()) spec["runtimeClassName"] = *pod.runtime_class;
  if (pod.host_name.IsKnown()) spec["hostname"] = *pod.host_name;
  if (pod.host_network.IsKnown()) spec["hostNetwork"] = *pod.host_network;
  if (pod.host_pid.IsKnown()) spec["hostPID"] = *pod.host_pid;
  if (pod.share_process_namespace.IsKnown())
    spec["shareProcessNamespace"] = *pod.share_process_namespace;
  if (pod.enable_service_links.IsKnown()) spec["enableServiceLinks"] = *pod.enable_service_links;
  for (const auto& [address, names] : pod.host_aliases.value_or({})) {
    spec["hostAliases"].push_back({{"ip", address}, {"hostnames", names}});
  }
  if (pod.security_context.IsKnown()) {
    if (Json security = PodSecurity(*pod.security_context); !security.empty())
      spec["securityContext"] = std::move(security);
  }
  if (pod.dns.IsKnown()) {
    if (pod.dns->policy.IsKnown()) spec["dnsPolicy"] = *pod.dns->policy;
    Json config = Json::object();
    if (pod.dns->nameservers.IsKnown()) config["nameservers"] = *pod.dns->nameservers;
    if (pod.dns->searches.IsKnown()) config["searches"] = *pod.dns->searches;
    for (const auto& [name, value] : pod.dns->options.value_or({})) {
      Json option = {{"name", name}};
      if (!value.empty()) option["value"] = value;
      config["options"].push_back(std::move(option));
    }
    if (!config.empty()) spec["dnsConfig"] = std::move(config);
  }
}

}  // namespace

PodDefaults PodDefaultsOf(const ServiceModel& model, const Conventions& conventions) {
  PodDefaults defaults;
  if (conventions.render_version >= 2) {
    defaults.enable_service_links = false;
    if (!MayUseApi(model)) defaults.automount = false;
  }
  return defaults;
}

std::optional<absl::Status> MayMissItsToken(const ServiceModel& model,
                                            const Conventions& conventions) {
  if (!model.identity.IsKnown() ||
      !model.identity->service_account.value_or({}).automount.IsNull() ||
      PodDefaultsOf(model, conventions).automount.IsNull() ||
      AnyPodPatch(model,
                  [](const Json& pod) { return pod.contains("automountServiceAccountToken"); }))
    return std::nullopt;
  return At(Path("identity"),
            WithRemedy(absl::InvalidArgumentError(
                           absl::StrCat("the account has no rules here, so that render_version ",
                                        conventions.render_version, " does not mount its token")),
                       "If it has its rights from elsewhere (`grants` of another service, a role "
                       "in Vault), set identity.service_account.automount = true; if it needs no "
                       "token, false says so."));
}

namespace {

absl::Status CheckSize(const Path& container, const Attr<ResourcesModel>& resources,
                       const Conventions& conventions) {
  if (!resources.IsKnown() || !resources->size.IsKnown() ||
      conventions.sizes.count(*resources->size) != 0)
    return absl::OkStatus();
  const auto name = [](std::string* out, const auto& size) { out->append(size.first); };
  return At(
      container.Attribute("resources").Attribute("size"),
      WithRemedy(
          absl::InvalidArgumentError(
              absl::StrCat("conventions.sizes of the provider has no \"", *resources->size, "\"")),
          conventions.sizes.empty()
              ? "Describe it there, or say requests and limits here."
              : absl::StrCat("There are: ", absl::StrJoin(conventions.sizes, ", ", name), ".")));
}

absl::Status CheckSizes(const ServiceModel& model, const Conventions& conventions) {
  CHARON_RETURN_IF_ERROR(CheckSize(Path(), model.resources, conventions));
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) {
    CHARON_RETURN_IF_ERROR(CheckSize(Path("sidecars").Key(name), sidecar.resources, conventions));
  }
  std::int64_t index = 0;
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    CHARON_RETURN_IF_ERROR(
        CheckSize(Path("init_containers").Index(index++), init.resources, conventions));
  }
  return absl::OkStatus();
}

}  // namespace

std::set<std::string> References(const std::string& value) {
  std::set<std::string> names;
  for (std::size_t i = 0; i + 1 < value.size(); ++i) {
    if (value[i] != '$') continue;
    if (value[i + 1] == '$') {
      ++i;
    } else if (value[i + 1] == '(') {
      const std::size_t close = value.find(')', i);
      if (close == std::string::npos) break;
      names.insert(value.substr(i + 2, close - i - 2));
      i = close;
    }
  }
  return names;
}

TolerationModel GpuToleration(const Conventions& conventions) {
  return {.key = conventions.gpu_count_resource,
          .op = {},
          .value = "true",
          .effect = "NoSchedule",
          .seconds = {}};
}

absl::StatusOr<PodTemplate> RenderPod(const ServiceModel& model, const Conventions& conventions) {
  CHARON_RETURN_IF_ERROR(CheckSizes(model, conventions));
  if (model.gpu.IsKnown() && model.gpu->memory_mib.IsKnown() &&
      conventions.gpu_memory_resource.empty()) {
    return At(
        Path("gpu").Attribute("memory_mib"),
        WithRemedy(
            absl::InvalidArgumentError(
                "the provider's conventions name no resource that counts GPU memory"),
            "Set conventions.gpu.memory_resource in the provider block, or leave memory_mib out."));
  }
  Json spec = Json::object();
  Json initial = Json::object();
  auto add = [&](const char* field, Parts parts) {
    spec[field].push_back(std::move(parts.object));
    if (!parts.initial.is_null()) initial[field].push_back(std::move(parts.initial));
  };
  add("containers", Container(model, model, model.MainContainer(), conventions));
  for (const auto& [name, sidecar] : model.sidecars.value_or({}))
    add("containers", Container(model, sidecar, name, conventions));
  const bool waits = model.wait_for.IsKnown() && !model.wait_for->empty();
  if (waits && conventions.wait_for_annotation.empty())
    spec["initContainers"].push_back(WaitContainer(model, conventions));
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    Parts parts = Container(model, init, *init.name, conventions);
    if (init.restart_policy.IsKnown()) parts.object["restartPolicy"] = *init.restart_policy;
    add("initContainers", std::move(parts));
  }
  if (Json volumes = Volumes(model, conventions); !volumes.empty())
    spec["volumes"] = std::move(volumes);
  Schedule(model, conventions, spec);
  PodWide(model, conventions, spec);

  Json labels = SelectorOf(model);
  for (const auto& [key, value] : model.PodLabels()) labels[key] = value;
  Json annotations = Json::object();
  if (model.pod.IsKnown()) {
    for (const auto& [key, value] : model.pod->annotations.value_or({})) annotations[key] = value;
  }
  if (const std::string hash = ConfigHash(model); !hash.empty())
    annotations["charon.internal/config"] = hash;
  if (model.restart.IsKnown() && !model.restart->empty()) {
    annotations["charon.internal/secrets"] =
        absl::StrJoin(*model.restart, ",", absl::PairFormatter("="));
  }
  if (waits && !conventions.wait_for_annotation.empty()) {
    annotations[conventions.wait_for_annotation] = absl::StrJoin(*model.wait_for, ",");
  }
  Json metadata = {{"labels", labels}};
  if (!annotations.empty()) metadata["annotations"] = std::move(annotations);
  PodTemplate pod;
  pod.spec = {{"metadata", std::move(metadata)}, {"spec", std::move(spec)}};
  if (!initial.empty()) pod.initial = {{"spec", std::move(initial)}};
  return pod;
}

}  // namespace charon::service
