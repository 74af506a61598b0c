#include "resources/service/attribute_of.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/causes.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/keep_order.h"

namespace charon::service {
namespace {

// One step of a field's path: a name, or what stands in brackets.
struct Step {
  std::string text;
  bool in_brackets = false;
};

std::vector<Step> StepsOf(absl::string_view field) {
  std::vector<Step> steps;
  while (!field.empty()) {
    if (field[0] == '.') {
      field.remove_prefix(1);
      continue;
    }
    const bool in_brackets = field[0] == '[';
    const std::size_t end = in_brackets ? field.find(']') : field.find_first_of(".[");
    const absl::string_view text = field.substr(in_brackets ? 1 : 0, end - (in_brackets ? 1 : 0));
    steps.push_back({std::string(text), in_brackets});
    if (end == absl::string_view::npos) break;
    field.remove_prefix(end + (in_brackets ? 1 : 0));
  }
  return steps;
}

// What tells the items of a list apart; null if nothing does.
const char* ItemKey(const Json& list) {
  for (const char* key : {"mountPath", "name", "ip", "containerPort", "key"}) {
    if (std::all_of(list.begin(), list.end(),
                    [key](const Json& item) { return item.is_object() && item.contains(key); }))
      return key;
  }
  return nullptr;
}

// Whether `there` has no item that `list` has not.
bool HasNoOthers(const Json& list, const Json& there) {
  if (!there.is_array()) return true;
  const char* key = ItemKey(list);
  return key == nullptr || std::all_of(there.begin(), there.end(), [&](const Json& other) {
           return std::any_of(list.begin(), list.end(), [&](const Json& item) {
             return item[key] == other.value(key, Json());
           });
         });
}

// The item of `list` that `step` means: an index, or fields as in
// `containerPort=80,protocol="TCP"`.
const Json* ItemOf(const Json& list, const Json& there, const Step& step) {
  if (!list.is_array() || list.empty()) return nullptr;
  std::size_t index = 0;
  if (absl::SimpleAtoi(step.text, &index))
    return index < list.size() && HasNoOthers(list, there) ? &list[index] : nullptr;
  std::map<std::string, std::string> keys;
  for (const absl::string_view part : absl::StrSplit(step.text, ',')) {
    const std::pair<std::string, std::string> key = absl::StrSplit(part, absl::MaxSplits('=', 1));
    keys.insert(key);
  }
  const auto found = std::find_if(list.begin(), list.end(), [&keys](const Json& item) {
    return std::all_of(keys.begin(), keys.end(), [&item](const auto& key) {
      return item.is_object() && item.value(key.first, Json()).dump() == key.second;
    });
  });
  return found == list.end() ? nullptr : &*found;
}

// The item of `list` that is the same one as `item`, by `key`; null if there is none.
const Json* SameItem(const Json& list, const Json& item, absl::string_view key) {
  if (!list.is_array()) return nullptr;
  const std::string name(key);
  const auto found = std::find_if(list.begin(), list.end(), [&](const Json& other) {
    return other.is_object() && other.value(name, Json()) == item[name] &&
           other.value("protocol", "TCP") == item.value("protocol", "TCP");
  });
  return found == list.end() ? nullptr : &*found;
}

// Whether it is a patch that says what stands at `field`: `object` is as it is sent, `plain` as it
// would be without patches, and `live` what the server has. A field that neither
// has is the patch's business where it says something beside it.
bool IsPatched(const Json& object, const Json& plain, const Json& live, absl::string_view field) {
  static const Json& nothing = *new Json();
  const auto below = [](const Json& map, const std::string& name) {
    return map.is_object() && map.contains(name) ? &map[name] : &nothing;
  };
  // As server-side apply has it; of a pod see ItemKey.
  const bool by_port = kubernetes::Text(object, "kind") == "Service";
  const Json *with = &object, *without = &plain, *there = &live;
  for (const Step& step : StepsOf(field)) {
    if (*with == *without) return false;
    if (with->is_array()) {
      const char* key = by_port ? "port" : ItemKey(*with);
      if (key == nullptr || !without->is_array()) return true;
      const Json* item = ItemOf(*with, *there, step);
      if (item == nullptr) return false;
      without = SameItem(*without, *item, key);
      if (without == nullptr) return true;
      const Json* as_there = SameItem(*there, *item, key);
      there = as_there == nullptr ? &nothing : as_there;
      with = item;
      continue;
    }
    with = below(*with, step.text);
    without = below(*without, step.text);
    there = below(*there, step.text);
    if (with->is_null() || without->is_null()) return true;
  }
  return *with != *without;
}

// A name of Kubernetes as attributes are named.
std::string Snake(const std::string& name) {
  static const auto& others = *new std::map<std::string, std::string>{
      {"hostPID", "host_pid"},
      {"hostname", "host_name"},
      {"imagePullSecrets", "image_pull_secrets"},
      {"initialDelaySeconds", "initial_delay"},
      {"maxSurge", "max_surge"},
      {"minReadySeconds", "min_ready"},
      {"periodSeconds", "period"},
      {"priorityClassName", "priority_class"},
      {"progressDeadlineSeconds", "progress_deadline"},
      {"runtimeClassName", "runtime_class"},
      {"storageClassName", "storage_class"},
      {"terminationGracePeriodSeconds", "termination_grace_period"},
      {"timeoutSeconds", "timeout"}};
  if (const auto other = others.find(name); other != others.end()) return other->second;
  std::string snake;
  for (const char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return snake;
}

// A walk down one rendered object.
class Finder {
 public:
  Finder(const ServiceModel& model, const Rendered& rendered, const Json& object, const Json& live)
      : model_(model), rendered_(rendered), object_(object), live_(live) {}

  Path Find(absl::string_view field) {
    steps_ = StepsOf(field);
    sent_ = &object_;
    there_ = &live_;
    const std::string kind = kubernetes::Text(object_, "kind");
    if (Take("metadata")) {
      if (Take("labels")) return "labels";
      if (!Take("annotations")) return Path();
      if (rendered_.stage == Stage::kWorkload) return "annotations";
      if (kind == "Ingress")
        return rendered_.attribute.Attribute("ingress").Attribute("annotations");
      return Path();
    }
    if (rendered_.stage == Stage::kWorkload) return Take("spec") ? OfWorkload() : Path();
    const Path& own = rendered_.attribute;
    if (kind == "ConfigMap") return OfConfigMap();
    if (!Take("spec")) return Path();
    if (kind == "PersistentVolumeClaim" || kind == "PersistentVolume") return OfClaim(own);
    if (kind == "PodDisruptionBudget") return Below(own);
    if (kind == "Service") return OfService();
    if (kind == "Ingress") return OfIngress();
    if (kind == "CronJob") return OfBackup();
    return Path();
  }

 private:
  // Goes one field down if it is called so.
  bool Take(absl::string_view name) {
    if (at_ == steps_.size() || steps_[at_].in_brackets || steps_[at_].text != name) return false;
    static const Json& nothing = *new Json();
    const auto below = [&](const Json* object) {
      const auto found = object->is_object() ? object->find(std::string(name)) : object->end();
      return object->is_object() && found != object->end() ? &*found : &nothing;
    };
    sent_ = below(sent_);
    there_ = below(there_);
    ++at_;
    return true;
  }
  // The next field, without going there; "" if there is none.
  std::string Name() const {
    return at_ < steps_.size() && !steps_[at_].in_brackets ? steps_[at_].text : "";
  }
  // What stands in brackets here: a key of a map.
  std::optional<std::string> Key() const {
    if (at_ == steps_.size() || !steps_[at_].in_brackets) return std::nullopt;
    return steps_[at_].text;
  }
  // Goes to the item of the list that the walk stands at; null, without going, if it cannot be
  // told.
  const Json* Item() {
    if (at_ == steps_.size() || !steps_[at_].in_brackets) return nullptr;
    const Json* item = ItemOf(*sent_, *there_, steps_[at_]);
    if (item == nullptr) return nullptr;
    static const Json& nothing = *new Json();
    const char* key = there_->is_array() ? ItemKey(*sent_) : nullptr;
    const Json* other = &nothing;
    if (key != nullptr) {
      for (const Json& one : *there_) {
        if (one.is_object() && one.value(key, Json()) == (*item)[key]) other = &one;
      }
    }
    sent_ = item;
    there_ = other;
    ++at_;
    return item;
  }

  Path OfWorkload() {
    if (Take("replicas")) return "replicas";
    if (Take("selector")) return "selector";
    if (Take("strategy") || Take("updateStrategy")) {
      if (Take("rollingUpdate")) return Below("rollout");
      return Path("rollout").Attribute("strategy");
    }
    if (Take("volumeClaimTemplates")) {
      const Json* item = Item();
      if (item == nullptr) return "claims";
      const Path claim = Path("claims").Key(kubernetes::Text(*item, "metadata.name"));
      return Take("spec") ? OfClaim(claim) : claim;
    }
    for (const char* name : {"minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit",
                             "podManagementPolicy"}) {
      if (Name() == name) return Below("rollout");
    }
    if (!Take("template")) return Path();
    if (Take("metadata")) {
      if (Take("annotations")) return Path("pod").Attribute("annotations");
      return model_.PodLabels().empty() ? Path("selector") : Path("pod").Attribute("labels");
    }
    return Take("spec") ? OfPod() : Path();
  }

  // The attribute named as the next field.
  Path Below(const Path& path) const {
    return Name().empty() ? path : path.Attribute(Snake(Name()));
  }

  Path OfPod() {
    if (Take("containers")) return OfContainer();
    if (Take("initContainers")) {
      const Path path = OfContainer();
      return path.empty() ? Path("init_containers") : path;
    }
    if (Take("volumes")) {
      const Json* item = Item();
      return item == nullptr ? Path() : OfVolume(kubernetes::Text(*item, "name"));
    }
    const Path scheduling("scheduling");
    if (Take("nodeSelector")) return scheduling.Attribute("node_selector");
    if (Take("tolerations")) {
      const Path path = scheduling.Attribute("tolerations");
      std::int64_t index = 0;
      if (!Key() || !absl::SimpleAtoi(*Key(), &index)) return path;
      if (model_.gpu.IsKnown() && index-- == 0) return "gpu";
      return path.Index(index);
    }
    if (Take("affinity")) return OfAffinity(scheduling);
    if (Take("topologySpreadConstraints")) return scheduling.Attribute("spread");
    if (Take("serviceAccountName") || Take("serviceAccount"))
      return Path("identity").Attribute("service_account");
    if (Take("automountServiceAccountToken"))
      return Path("identity").Attribute("service_account").Attribute("automount");
    const Path pod("pod");
    if (Take("priority")) return pod.Attribute("priority_class");
    if (Take("dnsPolicy")) return pod.Attribute("dns").Attribute("policy");
    if (Take("dnsConfig")) return Below(pod.Attribute("dns"));
    if (Take("securityContext")) return Below(pod.Attribute("security_context"));
    if (Take("hostAliases")) {
      const Json* item = Item();
      const Path path = pod.Attribute("host_aliases");
      return item == nullptr ? path : path.Key(kubernetes::Text(*item, "ip"));
    }
    return Name().empty() ? Path() : Below(pod);
  }

  Path OfAffinity(const Path& scheduling) {
    if (Take("podAffinity")) return scheduling.Attribute("near");
    if (Take("podAntiAffinity")) return scheduling.Attribute("apart");
    const bool nodes = Take("nodeAffinity") &&
                       Take("requiredDuringSchedulingIgnoredDuringExecution") &&
                       Take("nodeSelectorTerms") && Item() != nullptr && Take("matchExpressions");
    const Json* item = nodes ? Item() : nullptr;
    if (item == nullptr) return scheduling;
    return scheduling
        .Attribute(kubernetes::Text(*item, "operator") == "NotIn" ? "avoid_nodes" : "require_nodes")
        .Key(kubernetes::Text(*item, "key"));
  }

  Path OfVolume(const std::string& name) {
    const std::map<std::string, VolumeModel> volumes = model_.VolumesByName();
    if (const auto volume = volumes.find(name); volume != volumes.end()) {
      const Path path = VolumePath(name, volume->second);
      if (Take("persistentVolumeClaim"))
        return path.Attribute(volume->second.nfs.IsKnown() ? "nfs" : "existing_claim");
      const std::string source = Name();
      if (!Take(source)) return path;
      return Below(path.Attribute(Snake(source)));
    }
    for (const auto& [path, dir] : model_.config_dirs.value_or({})) {
      if (ConfigVolumeName(path) == name) return Path("config_dirs").Key(path);
    }
    return name == "files" ? Path("files") : Path();
  }

  // Empty if it is none of ours, or cannot be told.
  Path OfContainer() {
    const Json* item = Item();
    if (item == nullptr) return Path();
    const std::string name = kubernetes::Text(*item, "name");
    if (name == model_.MainContainer())
      return Name() == "name" ? Path("pod").Attribute("container_name") : In(model_, Path());
    for (const auto& [key, sidecar] : model_.sidecars.value_or({})) {
      if (key == name) return In(sidecar, Path("sidecars").Key(key));
    }
    std::int64_t index = 0;
    for (const InitContainerModel& init : model_.init_containers.value_or({})) {
      const Path path = Path("init_containers").Index(index++);
      if (init.name.value_or("") == name) return In(init, path);
    }
    return name == "wait-for" ? Path("wait_for") : Path("extra_manifest_patch");
  }

  Path In(const ContainerModel& container, const Path& path) {
    if (Take("ports")) {
      const Json* item = Item();
      return item == nullptr ? path.Attribute("ports") : OfPort(container, *item, path);
    }
    if (Take("env")) {
      const Json* item = Item();
      return item == nullptr ? path.Attribute("env")
                             : OfVariable(container, kubernetes::Text(*item, "name"), path);
    }
    if (Take("envFrom")) {
      const Json* item = Item();
      const Path from = path.Attribute("env_from");
      if (item == nullptr) return from;
      return from.Attribute(item->contains("secretRef") ? "secrets" : "config_maps");
    }
    if (Take("volumeMounts")) {
      const Json* item = Item();
      // Kubernetes 1.36 leaves the index out where it refuses a subPath.
      if (item == nullptr && !Key() && sent_->is_array()) {
        const auto has = [this](const Json& mount) { return mount.contains(Name()); };
        if (std::count_if(sent_->begin(), sent_->end(), has) == 1)
          item = &*std::find_if(sent_->begin(), sent_->end(), has);
      }
      return item == nullptr ? path.Attribute("mounts")
                             : OfMount(container, kubernetes::Text(*item, "mountPath"), path);
    }
    if (Take("resources")) return OfResources(container, path);
    const Path process = path.Attribute("process");
    if (Name() == "workingDir" || Name() == "tty" || Name() == "stdin") return Below(process);
    for (const char* name : {"liveness", "readiness", "startup"}) {
      if (Take(absl::StrCat(name, "Probe")))
        return OfRequest(path.Attribute("probes").Attribute(name));
    }
    if (Take("lifecycle")) {
      const Path hooks = path.Attribute("hooks");
      if (Take("postStart")) return OfRequest(hooks.Attribute("post_start"));
      return Take("preStop") ? OfRequest(hooks.Attribute("pre_stop")) : hooks;
    }
    if (Take("securityContext")) {
      const Path context = path.Attribute("security_context");
      return Take("capabilities") ? Below(context.Attribute("capabilities")) : Below(context);
    }
    return Below(path);
  }

  static Path OfPort(const ContainerModel& container, const Json& item, const Path& path) {
    for (const auto& [name, text] : container.ports.value_or({})) {
      if (item.value("name", "") == name || item.value("containerPort", 0) == PortOf(text).number)
        return path.Attribute("ports").Key(name);
    }
    return path.Attribute("ports");
  }

  Path OfVariable(const ContainerModel& container, const std::string& name,
                  const Path& path) const {
    if (container.env_secret.value_or({}).count(name) != 0)
      return path.Attribute("env_secret").Key(name);
    if (container.env_from.value_or({}).fields.value_or({}).count(name) != 0)
      return path.Attribute("env_from").Attribute("fields").Key(name);
    if (container.env.value_or({}).count(name) == 0 && path.empty())
      return Path("generated_secrets").Key(name);
    return path.Attribute("env").Key(name);
  }

  Path OfMount(const ContainerModel& container, const std::string& place, const Path& path) const {
    if (path.empty()) {
      if (model_.files.value_or({}).count(place) != 0) return Path("files").Key(place);
      if (model_.config_dirs.value_or({}).count(place) != 0) return Path("config_dirs").Key(place);
      for (const auto& [name, volume] : model_.VolumesByName()) {
        if (volume.mount.value_or("") == place)
          return BelowMount(VolumePath(name, volume), "mount");
      }
    }
    const Path mounts = path.Attribute("mounts");
    return container.mounts.value_or({}).count(place) == 0 ? mounts
                                                           : BelowMount(mounts.Key(place), "");
  }

  Path BelowMount(const Path& path, const char* place) const {
    if (Name() == "subPath" || Name() == "readOnly") return Below(path);
    if (Name() == "name" && *place == '\0') return path.Attribute("volume");
    return *place == '\0' ? path : path.Attribute(place);
  }

  Path OfResources(const ContainerModel& container, const Path& path) {
    const std::string list = Name();
    const Path resources = path.Attribute("resources");
    if (!Take(list)) return resources;
    const ResourcesModel said = container.resources.value_or({});
    const StringMap amounts = (list == "limits" ? said.limits : said.requests).value_or({});
    const std::optional<std::string> key = Key();
    if (key && amounts.count(*key) != 0) return resources.Attribute(list).Key(*key);
    if (key && path.empty() && model_.gpu.IsKnown() && absl::StrContains(*key, "/")) return "gpu";
    return said.size.IsKnown() && amounts.empty() ? resources.Attribute("size")
                                                  : resources.Attribute(list);
  }

  // A probe or a hook.
  Path OfRequest(const Path& path) {
    if (Take("httpGet")) {
      if (Take("port")) return path.Attribute("request").Attribute("port");
      if (Take("httpHeaders")) return path.Attribute("request").Attribute("headers");
      if (Take("scheme")) return path.Attribute("request").Attribute("scheme");
      return path.Attribute("http_get");
    }
    if (Take("grpc")) return path.Attribute("grpc");
    return Below(path);
  }

  Path OfConfigMap() {
    if (!Take("data") && !Take("binaryData")) return Path();
    const std::optional<std::string> key = Key();
    if (!key) return rendered_.attribute;
    if (rendered_.attribute != Path("files"))
      return rendered_.attribute.Attribute("files").Key(*key);
    for (const auto& [path, file] : model_.files.value_or({})) {
      if (FileKey(path) == *key) return rendered_.attribute.Key(path);
    }
    return rendered_.attribute;
  }

  // The spec of a claim, or of the volume of an NFS export.
  Path OfClaim(const Path& path) const {
    const std::string name = Name();
    if (name == "resources" || name == "capacity") return path.Attribute("size");
    if (name == "accessModes" || name == "storageClassName") return Below(path);
    return path;
  }

  Path OfService() {
    if (rendered_.attribute.steps().size() > 1) {  // of `expose`
      const Path& own = rendered_.attribute;
      const ExposeModel& expose = model_.expose->at(std::get<ElementKey>(own.steps()[1]).key);
      const Path outer = own.Attribute(KindOf(expose));
      if (Take("loadBalancerSourceRanges")) return own.Attribute("allow");
      if (Take("externalTrafficPolicy")) return outer.Attribute("external_traffic_policy");
      if (!Take("ports")) return own;
      return outer.Attribute(expose.nodeport.IsKnown() ? "node_ports" : "ports");
    }
    if (!Take("ports")) return Path();
    const Json* item = Item();
    if (item == nullptr) return "ports";
    const std::string name = kubernetes::Text(*item, "name");
    const InnerServiceModel service = model_.service.value_or({});
    if (Name() == "appProtocol") return Path("service").Attribute("app_protocols").Key(name);
    if (service.ports.value_or({}).count(name) != 0)
      return Path("service").Attribute("ports").Key(name);
    if (model_.ports.value_or({}).count(name) != 0) return Path("ports").Key(name);
    for (const auto& [key, sidecar] : model_.sidecars.value_or({})) {
      if (sidecar.ports.value_or({}).count(name) != 0)
        return Path("sidecars").Key(key).Attribute("ports").Key(name);
    }
    return "ports";
  }

  Path OfIngress() {
    const Path& own = rendered_.attribute;
    // What a redirect makes has an attribute of its own.
    if (own.steps().size() != 2) return own;
    const Path more = own.Attribute("ingress");
    if (Take("ingressClassName")) return more.Attribute("ingress_class");
    if (Take("tls")) {
      Item();
      if (Take("secretName")) return more.Attribute("tls").Attribute("secret");
      return Take("hosts") && Item() != nullptr ? OfHost(sent_->get<std::string>()) : own;
    }
    if (!Take("rules") || Item() == nullptr) return own;
    const std::string host = kubernetes::Text(*sent_, "host");
    if (Take("host")) return OfHost(host);
    if (!Take("http") || !Take("paths")) return own;
    if (Item() != nullptr && Take("backend")) return own.Attribute("port");
    return own.Attribute("paths");
  }

  Path OfHost(const std::string& host) const {
    const Path& own = rendered_.attribute;
    const ExposeModel& expose = model_.expose->at(std::get<ElementKey>(own.steps()[1]).key);
    const std::vector<std::string> hosts = IngressOf(expose).hosts.value_or({});
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      if (hosts[i] == host)
        return own.Attribute("ingress").Attribute("hosts").Index(static_cast<std::int64_t>(i));
    }
    return own.Attribute("host");
  }

  Path OfBackup() {
    const Path& own = rendered_.attribute;
    if (Take("schedule") || Take("timeZone")) return own.Attribute(Snake(steps_[at_ - 1].text));
    const bool pod = Take("jobTemplate") && Take("spec") && Take("template") && Take("spec");
    // Of the service; that of `gpu` is the last one.
    if (pod && Take("tolerations")) {
      const Path path = Path("scheduling").Attribute("tolerations");
      const std::size_t said = model_.scheduling.value_or({}).tolerations.value_or({}).size();
      std::size_t index = 0;
      if (!Key() || !absl::SimpleAtoi(*Key(), &index)) return path;
      return index < said ? path.Index(static_cast<std::int64_t>(index)) : Path("gpu");
    }
    if (!pod || !Take("containers") || Item() == nullptr) return own;
    if (Take("image")) return own.Attribute("image");
    if (Take("command")) return own.Attribute("command");
    if (!Take("env")) return own;
    const Json* item = Item();
    if (item == nullptr) return own.Attribute("env");
    return own.Attribute(item->contains("valueFrom") ? "env_secret" : "env")
        .Key(kubernetes::Text(*item, "name"));
  }

  const ServiceModel& model_;
  const Rendered& rendered_;
  const Json& object_;
  const Json& live_;
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  const Json* sent_ = nullptr;   // where the walk stands in what is sent
  const Json* there_ = nullptr;  // and in what the server has; null where it has nothing
};

Path CommonPart(const Path& a, const Path& b) {
  Path common;
  for (std::size_t i = 0; i < std::min(a.steps().size(), b.steps().size()); ++i) {
    if (a.steps()[i] != b.steps()[i]) break;
    Path step;
    if (const auto* name = std::get_if<AttributeName>(&a.steps()[i])) {
      step = common.Attribute(name->name);
    } else if (const auto* key = std::get_if<ElementKey>(&a.steps()[i])) {
      step = common.Key(key->key);
    } else {
      step = common.Index(std::get<ElementIndex>(a.steps()[i]).index);
    }
    common = std::move(step);
  }
  return common;
}

// What the server refuses of one attribute, or of none that can be told.
struct Refusal {
  Path path;
  std::vector<kubernetes::ApiError::Cause> causes;

  bool Says(const kubernetes::ApiError::Cause& cause) const {
    return std::any_of(causes.begin(), causes.end(), [&cause](const auto& said) {
      return said.field == cause.field && said.message == cause.message;
    });
  }
};

// As much of `path` as the configuration says.
Path Said(const ServiceModel& model, const Path& path) {
  const Value value = ServiceModel::Describe().Encode(model);
  Path said, next;
  for (const Path::Step& step : path.steps()) {
    if (const auto* name = std::get_if<AttributeName>(&step)) {
      next = said.Attribute(name->name);
    } else if (const auto* key = std::get_if<ElementKey>(&step)) {
      next = said.Key(key->key);
    } else {
      next = said.Index(std::get<ElementIndex>(step).index);
    }
    const Value* there = value.Find(next);
    if (there == nullptr || there->IsNull()) break;
    said = next;
  }
  return said;
}

}  // namespace

Path AttributeOf(const ServiceModel& model, const Rendered& rendered, const Json& live,
                 absl::string_view field) {
  const Path patch("extra_manifest_patch");
  const Json sent = AsCreated(rendered);
  // An update sends a workload's lists in the order that they have there, a dry run in ours.
  const bool reorders = !live.is_null() && rendered.stage == Stage::kWorkload;
  Json as_there = sent;
  if (reorders) KeepOrder(live, as_there);
  if (!rendered.unpatched.is_null()) {
    Rendered without = rendered;
    without.object = rendered.unpatched;
    const Json plain = AsCreated(without);
    if (IsPatched(sent, plain, live, field) &&
        (!reorders || IsPatched(as_there, plain, live, field)))
      return patch;
  }
  const Path found = Finder(model, rendered, sent, live).Find(field);
  if (found.empty()) return found;
  Path path = found;
  if (reorders) path = CommonPart(path, Finder(model, rendered, as_there, live).Find(field));
  Path said = Said(model, path);
  // Whatever else is there of a workload, the patch has put there.
  if (said != path && !rendered.unpatched.is_null() && rendered.stage == Stage::kWorkload)
    return patch;
  return said;
}

absl::Status Locate(const ServiceModel& model, const Rendered& rendered, const Json& live,
                    const absl::Status& status) {
  if (status.ok()) return status;
  const absl::Status of_object =
      rendered.attribute.empty() ? status : At(rendered.attribute, status);
  if (PathOf(status)) return of_object;
  std::vector<Refusal> refusals;
  for (const kubernetes::ApiError::Cause& cause : kubernetes::ApiErrorOf(status).causes) {
    const Path path = AttributeOf(model, rendered, live, cause.field);
    if (!absl::IsInvalidArgument(status)) {
      if (!path.empty()) return At(path, status);
      continue;
    }
    const auto same = std::find_if(refusals.begin(), refusals.end(), [&](const Refusal& refusal) {
      return refusal.path == path && (path.empty() || refusal.Says(cause));
    });
    if (same == refusals.end()) {
      refusals.push_back({path, {cause}});
    } else if (!same->Says(cause)) {
      same->causes.push_back(cause);
    }
  }
  const auto first = std::find_if(refusals.begin(), refusals.end(),
                                  [](const Refusal& refusal) { return !refusal.path.empty(); });
  if (first == refusals.end()) return of_object;
  std::vector<absl::Status> located;
  for (const Refusal& refusal : refusals) {
    absl::Status only = kubernetes::OnlyAbout(status, refusal.causes);
    // One whose message cannot be taken apart is told once.
    if (refusals.size() > 1 && only.message() == status.message()) return At(first->path, status);
    located.push_back(
        At(refusal.path.empty() ? rendered.attribute : refusal.path, std::move(only)));
  }
  return Several(located);
}

}  // namespace charon::service
