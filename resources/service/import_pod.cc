// What the pod around the containers is found as.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/import_parts.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using kubernetes::Field;
using kubernetes::Text;

// Whether an object has these fields at most.
bool HasOnly(const Json& object, std::initializer_list<absl::string_view> fields) {
  return object.is_object() &&
         std::all_of(object.items().begin(), object.items().end(), [&](const auto& entry) {
           return std::find(fields.begin(), fields.end(), absl::string_view(entry.key())) !=
                  fields.end();
         });
}

// --- Volumes

SourceModel Source(const Json& source, const char* name_field) {
  SourceModel model;
  model.name = Text(source, name_field);
  if (const Attr<std::int64_t> mode = WholeNumber(Field(source, "defaultMode"));
      mode.IsKnown() && *mode != 0644) {
    model.mode = absl::StrFormat("%04o", *mode);
  }
  if (Field(source, "optional") == true) model.optional_source = true;
  StringMap items;
  for (const Json& item : Field(source, "items")) items[Text(item, "key")] = Text(item, "path");
  model.items = Filled(std::move(items));
  return model;
}

std::optional<VolumeModel> Volume(const Json& volume) {
  VolumeModel model;
  if (const Json& claim = Field(volume, "persistentVolumeClaim"); claim.is_object()) {
    model.existing_claim = Text(claim, "claimName");
  } else if (const Json& scratch = Field(volume, "emptyDir"); scratch.is_object()) {
    const std::string medium = Text(scratch, "medium");
    if (!medium.empty() && medium != "Memory" && medium != "HugePages") return std::nullopt;
    model.empty_dir = EmptyDirModel{NonEmpty(medium), NonEmpty(Text(scratch, "sizeLimit"))};
  } else if (const Json& path = Field(volume, "hostPath");
             path.is_object() && absl::StartsWith(Text(path, "path"), "/")) {
    model.host_path = HostPathModel{Text(path, "path"), NonEmpty(Text(path, "type"))};
  } else if (const Json& nfs = Field(volume, "nfs"); nfs.is_object()) {
    NfsModel in_line;
    in_line.path = Text(nfs, "path");
    in_line.server = Text(nfs, "server");
    in_line.in_line = true;
    model.nfs = std::move(in_line);
  } else if (const Json& config_map = Field(volume, "configMap"); config_map.is_object()) {
    model.config_map = Source(config_map, "name");
  } else if (const Json& secret = Field(volume, "secret"); secret.is_object()) {
    model.secret = Source(secret, "secretName");
  } else {
    return std::nullopt;
  }
  return model;
}

// A volume that the main container mounts once says where by itself. Mounts of a volume that cannot
// be said go.
void MoveMounts(ServiceModel& model, std::map<std::string, VolumeModel>& volumes) {
  std::map<std::string, ClaimModel> claims = model.claims.value_or({});
  const auto known = [&](const MountModel& mount) {
    return volumes.count(*mount.volume) != 0 || claims.count(*mount.volume) != 0;
  };
  const auto keep_known = [&](ContainerModel& container) {
    std::map<std::string, MountModel> mounts = container.mounts.value_or({});
    std::erase_if(mounts, [&](const auto& mount) { return !known(mount.second); });
    container.mounts = mounts.empty() ? Attr<std::map<std::string, MountModel>>()
                                      : Attr<std::map<std::string, MountModel>>(mounts);
    return mounts;
  };
  if (model.sidecars.IsKnown()) {
    for (auto& [name, sidecar] : model.sidecars.value()) keep_known(sidecar);
  }
  if (model.init_containers.IsKnown()) {
    for (InitContainerModel& init : model.init_containers.value()) keep_known(init);
  }
  std::map<std::string, MountModel> mounts = keep_known(model);
  std::map<std::string, int> times;
  for (const auto& [path, mount] : mounts) ++times[*mount.volume];
  const auto move = [](auto& volume, const std::string& path, const MountModel& mount) {
    volume.mount = path;
    volume.sub_path = mount.sub_path;
    volume.read_only = mount.read_only;
  };
  for (auto mount = mounts.begin(); mount != mounts.end();) {
    const std::string& name = *mount->second.volume;
    if (times[name] > 1) {
      ++mount;
      continue;
    }
    if (const auto volume = volumes.find(name); volume != volumes.end()) {
      move(volume->second, mount->first, mount->second);
    } else {
      move(claims[name], mount->first, mount->second);
    }
    mount = mounts.erase(mount);
  }
  model.mounts = mounts.empty() ? Attr<std::map<std::string, MountModel>>()
                                : Attr<std::map<std::string, MountModel>>(std::move(mounts));
  if (!claims.empty()) model.claims = std::move(claims);
}

// --- Scheduling

Attr<std::string> Over(const std::string& topology_key) {
  if (topology_key == "kubernetes.io/hostname") return {};
  return topology_key == "topology.kubernetes.io/zone" ? std::string("zone") : topology_key;
}

Attr<PodAffinityModel> PodTerm(const Json& affinity) {
  const Json& required = Field(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
  const Json& preferred = Field(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
  const bool hard = required.is_array() && required.size() == 1 && preferred.empty();
  const bool soft = preferred.is_array() && preferred.size() == 1 && required.empty() &&
                    Field(preferred[0], "weight") == 100;
  if (!hard && !soft) return {};
  const Json& term = hard ? required[0] : Field(preferred[0], "podAffinityTerm");
  const Json& selector = Field(term, "labelSelector");
  if (!HasOnly(term, {"labelSelector", "topologyKey"}) || !HasOnly(selector, {"matchLabels"}))
    return {};
  PodAffinityModel model;
  model.labels = Texts(Field(selector, "matchLabels"));
  if (model.labels.IsNull()) return {};
  model.over = Over(Text(term, "topologyKey"));
  if (hard) model.hard = true;
  return model;
}

// Requirements on nodes' labels that each say "one of these" or "none of these".
void NodeTerms(const Json& affinity, SchedulingModel& model) {
  const Json& terms =
      Field(affinity, "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
  if (!terms.is_array() || terms.size() != 1 || !HasOnly(terms[0], {"matchExpressions"})) return;
  StringMap require, avoid;
  for (const Json& expression : Field(terms[0], "matchExpressions")) {
    const std::string op = Text(expression, "operator");
    std::vector<std::string> values;
    for (const Json& value : Field(expression, "values"))
      values.push_back(value.is_string() ? value.get<std::string>() : "");
    if ((op != "In" && op != "NotIn") || values.empty()) return;
    StringMap& of = op == "In" ? require : avoid;
    if (!of.emplace(Text(expression, "key"), absl::StrJoin(values, "|")).second) return;
  }
  model.require_nodes = Filled(std::move(require));
  model.avoid_nodes = Filled(std::move(avoid));
}

Attr<SpreadModel> Spread(const Json& constraints, const StringMap& selector) {
  if (!constraints.is_array() || constraints.size() != 1) return {};
  const Json& one = constraints[0];
  if (!HasOnly(one, {"maxSkew", "topologyKey", "whenUnsatisfiable", "labelSelector"}) ||
      Field(one, "labelSelector") != Json{{"matchLabels", selector}}) {
    return {};
  }
  SpreadModel model;
  model.over = Over(Text(one, "topologyKey"));
  if (Text(one, "whenUnsatisfiable") == "DoNotSchedule") model.hard = true;
  if (const Attr<std::int64_t> skew = WholeNumber(Field(one, "maxSkew"));
      skew.IsKnown() && *skew != 1)
    model.max_skew = skew;
  return model;
}

Attr<std::vector<TolerationModel>> Tolerations(const Json& list) {
  std::vector<TolerationModel> tolerations;
  for (const Json& entry : list) {
    TolerationModel toleration;
    toleration.key = NonEmpty(Text(entry, "key"));
    toleration.value = NonEmpty(Text(entry, "value"));
    const std::string op = Text(entry, "operator");
    if (op != (toleration.value.IsNull() ? "Exists" : "Equal"))
      toleration.op = op.empty() ? "Equal" : op;
    toleration.effect = NonEmpty(Text(entry, "effect"));
    toleration.seconds = DurationOf(Field(entry, "tolerationSeconds"));
    tolerations.push_back(std::move(toleration));
  }
  return tolerations.empty() ? Attr<std::vector<TolerationModel>>()
                             : Attr<std::vector<TolerationModel>>(std::move(tolerations));
}

Attr<SchedulingModel> Scheduling(const Json& pod, const StringMap& selector) {
  SchedulingModel model;
  model.node_selector = Texts(Field(pod, "nodeSelector"));
  model.tolerations = Tolerations(Field(pod, "tolerations"));
  NodeTerms(Field(pod, "affinity.nodeAffinity"), model);
  model.near = PodTerm(Field(pod, "affinity.podAffinity"));
  model.apart = PodTerm(Field(pod, "affinity.podAntiAffinity"));
  model.spread = Spread(Field(pod, "topologySpreadConstraints"), selector);
  const bool any = !model.node_selector.IsNull() || !model.tolerations.IsNull() ||
                   !model.require_nodes.IsNull() || !model.avoid_nodes.IsNull() ||
                   !model.near.IsNull() || !model.apart.IsNull() || !model.spread.IsNull();
  return any ? Attr<SchedulingModel>(std::move(model)) : Attr<SchedulingModel>();
}

// --- The whole pod

Attr<PodSecurityContextModel> PodSecurity(const Json& context) {
  if (!context.is_object() || context.empty()) return {};
  PodSecurityContextModel model;
  model.fs_group = WholeNumber(Field(context, "fsGroup"));
  model.fs_group_change_policy = NonEmpty(Text(context, "fsGroupChangePolicy"));
  model.run_as_user = WholeNumber(Field(context, "runAsUser"));
  model.run_as_group = WholeNumber(Field(context, "runAsGroup"));
  model.run_as_non_root = Flag(Field(context, "runAsNonRoot"));
  model.seccomp_profile = SeccompProfile(Field(context, "seccompProfile"));
  std::set<std::int64_t> groups;
  for (const Json& group : Field(context, "supplementalGroups"))
    groups.insert(WholeNumber(group).value_or(0));
  if (!groups.empty()) model.supplemental_groups = std::move(groups);
  StringMap sysctls;
  for (const Json& parameter : Field(context, "sysctls"))
    sysctls[Text(parameter, "name")] = Text(parameter, "value");
  model.sysctls = Filled(std::move(sysctls));
  return model;
}

Attr<DnsModel> Dns(const Json& pod) {
  DnsModel model;
  if (const std::string policy = Text(pod, "dnsPolicy"); policy != "ClusterFirst")
    model.policy = NonEmpty(policy);
  model.nameservers = TextList(Field(pod, "dnsConfig.nameservers"));
  model.searches = TextList(Field(pod, "dnsConfig.searches"));
  StringMap options;
  for (const Json& option : Field(pod, "dnsConfig.options"))
    options[Text(option, "name")] = Text(option, "value");
  model.options = Filled(std::move(options));
  const bool any = !model.policy.IsNull() || !model.nameservers.IsNull() ||
                   !model.searches.IsNull() || !model.options.IsNull();
  return any ? Attr<DnsModel>(std::move(model)) : Attr<DnsModel>();
}

Attr<PodModel> Pod(const Json& pod_template, const StringMap& selector) {
  const Json& pod = Field(pod_template, "spec");
  PodModel model;
  StringMap labels = Texts(Field(pod_template, "metadata.labels")).value_or({});
  for (const auto& [key, value] : selector) labels.erase(key);
  model.labels = Filled(std::move(labels));
  model.annotations = Texts(Field(pod_template, "metadata.annotations"));
  std::set<std::string> pull_secrets;
  for (const Json& secret : Field(pod, "imagePullSecrets"))
    pull_secrets.insert(Text(secret, "name"));
  if (!pull_secrets.empty()) model.image_pull_secrets = std::move(pull_secrets);
  model.priority_class = NonEmpty(Text(pod, "priorityClassName"));
  if (const Json& grace = Field(pod, "terminationGracePeriodSeconds"); grace != 30)
    model.termination_grace_period = DurationOf(grace);
  model.runtime_class = NonEmpty(Text(pod, "runtimeClassName"));
  model.host_name = NonEmpty(Text(pod, "hostname"));
  model.host_network = Flag(Field(pod, "hostNetwork"));
  model.host_pid = Flag(Field(pod, "hostPID"));
  // Defaults that a tool spelled out stay without being declared
  // (kubernetes::MigratedManagedFields).
  if (Field(pod, "shareProcessNamespace") == true) model.share_process_namespace = true;
  if (Field(pod, "enableServiceLinks") == false) model.enable_service_links = false;
  model.security_context = PodSecurity(Field(pod, "securityContext"));
  model.dns = Dns(pod);
  std::map<std::string, StringList> aliases;
  for (const Json& alias : Field(pod, "hostAliases"))
    aliases[Text(alias, "ip")] = TextList(Field(alias, "hostnames")).value_or({});
  if (!aliases.empty()) model.host_aliases = std::move(aliases);
  const bool any = !model.labels.IsNull() || !model.annotations.IsNull() ||
                   !model.image_pull_secrets.IsNull() || !model.priority_class.IsNull() ||
                   !model.termination_grace_period.IsNull() || !model.runtime_class.IsNull() ||
                   !model.host_name.IsNull() || !model.host_network.IsNull() ||
                   !model.host_pid.IsNull() || !model.share_process_namespace.IsNull() ||
                   !model.enable_service_links.IsNull() || !model.security_context.IsNull() ||
                   !model.dns.IsNull() || !model.host_aliases.IsNull();
  return any ? Attr<PodModel>(std::move(model)) : Attr<PodModel>();
}

// What the render version says of pods where nobody does would make these anew. So would
// Kubernetes' default, spelled out in a template that has no such field: the server does not fill
// it in there (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go: SetDefaults_Pod is not for
// templates). Then a patch takes back what the version says.
void KeepAsTheyAre(const PodDefaults& defaults, const Json& pod, ServiceModel& model) {
  Json taken_back = Json::object();
  if (defaults.automount.IsKnown() && Field(pod, "automountServiceAccountToken") != false)
    taken_back["automountServiceAccountToken"] = nullptr;
  if (defaults.enable_service_links.IsKnown()) {
    if (const Attr<bool> links = Flag(Field(pod, "enableServiceLinks")); links.IsKnown()) {
      PodModel said = model.pod.value_or({});
      said.enable_service_links = links;
      model.pod = std::move(said);
    } else {
      taken_back["enableServiceLinks"] = nullptr;
    }
  }
  if (taken_back.empty()) return;
  const Json patch = {{"spec", {{"template", {{"spec", std::move(taken_back)}}}}}};
  model.extra_manifest_patch = patch.dump();
}

}  // namespace

void FillInPod(const Json& pod_template, const Conventions& conventions, ServiceModel& model) {
  const Json& pod = Field(pod_template, "spec");
  if (const std::string account = Text(pod, "serviceAccountName"); !account.empty()) {
    ServiceAccountModel own;
    own.name = account;
    own.automount = Flag(Field(pod, "automountServiceAccountToken"));
    IdentityModel identity;
    identity.service_account = std::move(own);
    model.identity = std::move(identity);
  }
  std::map<std::string, VolumeModel> volumes;
  for (const Json& volume : Field(pod, "volumes")) {
    if (std::optional<VolumeModel> found = Volume(volume))
      volumes.emplace(Text(volume, "name"), *std::move(found));
  }
  MoveMounts(model, volumes);
  if (!volumes.empty()) model.volumes = std::move(volumes);
  model.pod = Pod(pod_template, SelectorOf(model));
  model.scheduling = Scheduling(pod, SelectorOf(model));
  KeepAsTheyAre(PodDefaultsOf(model, conventions), pod, model);
}

}  // namespace charon::service
