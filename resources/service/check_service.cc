#include "resources/service/check_service.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/object_patch.h"
#include "resources/service/render.h"
#include "resources/service/strategic_merge.h"

namespace charon::service {
namespace {

// Errors collected with their paths.
class Findings {
 public:
  void Add(const Path& path, absl::string_view message, absl::string_view remedy = "") {
    absl::Status status = absl::InvalidArgumentError(message);
    if (!remedy.empty()) status = WithRemedy(std::move(status), remedy);
    Add(path, std::move(status));
  }
  void Add(const Path& path, absl::Status status) { found_.push_back(At(path, std::move(status))); }
  std::vector<absl::Status> Take() { return std::move(found_); }

 private:
  std::vector<absl::Status> found_;
};

// The containers of a service, each with its path and its name.
struct Named {
  const ContainerModel* container;
  Path path;
  std::string name;

  // Without a name while that is not known, as where the namespace is made in the same run.
  std::string Text() const {
    if (!name.empty()) return absl::StrCat("container ", name);
    return path.empty() ? "the main container" : "the container";
  }
};

std::vector<Named> ContainersOf(const ServiceModel& model) {
  std::vector<Named> all = {{&model, Path(), model.MainContainer()}};
  if (model.sidecars.IsKnown()) {
    for (const auto& [name, sidecar] : *model.sidecars)
      all.push_back({&sidecar, Path("sidecars").Key(name), name});
  }
  if (model.init_containers.IsKnown()) {
    std::int64_t index = 0;
    for (const InitContainerModel& init : *model.init_containers) {
      all.push_back({&init, Path("init_containers").Index(index++), init.name.value_or("")});
    }
  }
  return all;
}

// Every name that becomes an environment variable of a container says where it comes from, once.
void CheckEnv(const ServiceModel& model, const Named& named, Findings& findings) {
  std::map<std::string, std::string> from;
  auto claim = [&](const std::string& name, const char* attribute, const Path& path) {
    const auto [found, fresh] = from.emplace(name, attribute);
    if (fresh) return;
    findings.Add(path,
                 absl::StrCat("the environment variable \"", name, "\" of ", named.Text(),
                              " is given by \"", found->second, "\" as well"),
                 "Kubernetes takes one of them, silently: keep one.");
  };
  const ContainerModel& c = *named.container;
  for (const auto& [name, value] : c.env.value_or({}))
    claim(name, "env", named.path.Attribute("env").Key(name));
  for (const auto& [name, value] : c.env_secret.value_or({}))
    claim(name, "env_secret", named.path.Attribute("env_secret").Key(name));
  if (c.env_from.IsKnown()) {
    for (const auto& [name, value] : c.env_from->fields.value_or({})) {
      claim(name, "env_from.fields",
            named.path.Attribute("env_from").Attribute("fields").Key(name));
    }
  }
  if (&c == &model && model.generated_secrets.IsKnown()) {
    for (const auto& [name, secret] : *model.generated_secrets) {
      if (secret.env.value_or(true))
        claim(name, "generated_secrets", Path("generated_secrets").Key(name));
    }
  }
  if (&c == &model) {
    for (const auto& [name, value] : model.env_wo.value_or({}))
      claim(name, "env_wo", Path("env_wo").Key(name));
  }
}

// The keys of a Secret of the service's own that the configuration names.
std::vector<std::string> KnownKeys(const ServiceModel& model, const std::string& reference) {
  std::vector<std::string> keys;
  if (reference == "generated") {
    for (const auto& [name, secret] : model.generated_secrets.value_or({})) keys.push_back(name);
  }
  const auto& secrets = model.secrets.value_or({});
  if (const auto own = secrets.find(reference); own != secrets.end()) {
    const StoreSecretModel& secret = own->second;
    // With templates the Secret has only these.
    const auto& named = secret.render.IsNull() ? secret.values : secret.render;
    for (const auto& [name, entry] : named.value_or({})) keys.push_back(name);
  }
  return keys;
}

// Secrets of the service's own whose keys all become variables: of two with one key Kubernetes
// takes the last.
void CheckEnvSecrets(const ServiceModel& model, const Named& named, Findings& findings) {
  const StringList references = named.container->env_from.value_or({}).secrets.value_or({});
  std::map<std::string, std::string> from;
  std::int64_t index = 0;
  for (const std::string& reference : references) {
    const Path path = named.path.Attribute("env_from").Attribute("secrets").Index(index++);
    for (const std::string& name : KnownKeys(model, reference)) {
      const auto [found, fresh] = from.emplace(name, reference);
      if (fresh) continue;
      findings.Add(
          path,
          absl::StrCat("the environment variable \"", name, "\" of ", named.Text(),
                       " is in the Secrets \"", found->second, "\" and \"", reference, "\""),
          "Kubernetes takes that of the last one, silently: keep one.");
    }
  }
}

// Whether `port` may be one of the container's: a number need not be declared.
bool HasPort(const ContainerModel& container, const std::string& port) {
  std::int64_t number = 0;
  return container.ports.IsUnknown() || container.ports.value_or({}).count(port) != 0 ||
         absl::SimpleAtoi(port, &number);
}

// Whether a container that the Service leads to has, or may have, a port of that name.
bool HasNamedPort(const ServiceModel& model, const std::string& port) {
  const auto has = [&port](const ContainerModel& c) {
    return c.ports.IsUnknown() || (c.ports.IsKnown() && c.ports->count(port) != 0);
  };
  if (has(model) || model.sidecars.IsUnknown() || model.init_containers.IsUnknown()) return true;
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) {
    if (has(sidecar)) return true;
  }
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    if (has(init)) return true;
  }
  return false;
}

std::string PortNames(const ContainerModel& container) {
  std::vector<std::string> names;
  for (const auto& [name, port] : container.ports.value_or({}))
    names.push_back(absl::StrCat("\"", name, "\""));
  return names.empty() ? "it has none" : absl::StrCat("it has ", absl::StrJoin(names, ", "));
}

// What is not named is the port `http`, or the only one.
void CheckPortUse(const Named& named, const Attr<std::string>& port, const Path& path,
                  Findings& findings) {
  const ContainerModel& c = *named.container;
  if (port.IsNull()) {
    if (c.ports.IsUnknown() ||
        (c.ports.IsKnown() && (c.ports->size() == 1 || c.ports->count("http") != 0)))
      return;
    findings.Add(path, absl::StrCat("which port of ", named.Text(), "? ", PortNames(c)),
                 "Name the port here.");
    return;
  }
  if (port.IsKnown() && !HasPort(c, *port)) {
    findings.Add(path, absl::StrCat(named.Text(), " has no port \"", *port, "\"; ", PortNames(c)));
  }
}

void CheckProbes(const Named& named, Findings& findings) {
  const ContainerModel& c = *named.container;
  if (!c.probes.IsKnown()) return;
  const Path base = named.path.Attribute("probes");
  const std::pair<const char*, const Attr<ProbeModel>*> probes[] = {
      {"liveness", &c.probes->liveness},
      {"readiness", &c.probes->readiness},
      {"startup", &c.probes->startup}};
  for (const auto& [name, probe] : probes) {
    if (!probe->IsKnown()) continue;
    const Path path = base.Attribute(name);
    const ProbeModel& p = **probe;
    if ((p.http_get.IsKnown() || p.grpc.IsKnown()) && !p.request.IsUnknown()) {
      CheckPortUse(named, p.request.value_or({}).port, path.Attribute("request").Attribute("port"),
                   findings);
    }
    if (p.tcp_socket.IsKnown())
      CheckPortUse(named, p.tcp_socket, path.Attribute("tcp_socket"), findings);
    if (p.success_threshold.value_or(1) != 1 && std::string(name) != "readiness") {
      findings.Add(path.Attribute("success_threshold"),
                   absl::StrCat("must be 1 for a ", name, " probe"));
    }
  }
}

void CheckHooks(const Named& named, Findings& findings) {
  const HooksModel hooks = named.container->hooks.value_or({});
  const std::pair<const char*, const Attr<HookModel>*> all[] = {{"post_start", &hooks.post_start},
                                                                {"pre_stop", &hooks.pre_stop}};
  for (const auto& [name, hook] : all) {
    if (!hook->IsKnown() || !(*hook)->http_get.IsKnown() || (*hook)->request.IsUnknown()) continue;
    const Path path = named.path.Attribute("hooks").Attribute(name).Attribute("request");
    CheckPortUse(named, (*hook)->request.value_or({}).port, path.Attribute("port"), findings);
  }
}

// Kubernetes takes probes and hooks of containers that keep running only.
void CheckInitContainers(const ServiceModel& model, Findings& findings) {
  std::int64_t index = 0;
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    const Path path = Path("init_containers").Index(index++);
    if (!init.restart_policy.IsNull()) continue;
    const char* attribute = !init.probes.IsNull()  ? "probes"
                            : !init.hooks.IsNull() ? "hooks"
                                                   : nullptr;
    if (attribute == nullptr) continue;
    findings.Add(path.Attribute(attribute),
                 absl::StrCat("init container ", init.name.value_or(""),
                              " ends before the others start, so Kubernetes takes no ", attribute,
                              " for it"),
                 "Remove it, or set restart_policy = \"Always\" beside it, which makes the "
                 "container a native sidecar.");
  }
}

// One text for each place: "/a" from "/a/", "//a" and "/a/.".
std::string Place(const std::string& path) {
  std::string place;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (!part.empty() && part != ".") absl::StrAppend(&place, "/", part);
  }
  return place;
}

// A mount of what `files` or `config_dirs` has.
void CheckFileMount(const ServiceModel& model, const MountModel& mount, const Path& at,
                    Findings& findings) {
  if (model.files.IsUnknown() || model.config_dirs.IsUnknown()) return;
  const bool file = model.files.IsKnown() && model.files->count(*mount.volume) != 0;
  const bool dir = model.config_dirs.IsKnown() && model.config_dirs->count(*mount.volume) != 0;
  if (!file && !dir) {
    findings.Add(at.Attribute("volume"),
                 absl::StrCat("\"files\" and \"config_dirs\" have no \"", *mount.volume, "\""),
                 "Add it to one of them, or name a key of \"claims\" or \"volumes\".");
  } else if (file && !mount.sub_path.IsNull()) {
    findings.Add(at.Attribute("sub_path"),
                 absl::StrCat("\"", *mount.volume, "\" is a file, which has no paths inside"),
                 "Leave it out.");
  }
}

// What is mounted over the root of the container's files hides its image.
void CheckRoot(const ServiceModel& model, Findings& findings) {
  const auto check = [&](const char* attribute, const auto& by_path, const char* what) {
    for (const auto& [path, entry] : by_path.value_or({})) {
      if (!Place(path).empty()) continue;
      findings.Add(
          Path(attribute).Key(path),
          absl::StrCat("\"", path, "\" is the root of the container's files, and no ", what),
          absl::StrCat("Name a ", what, " below it, such as \"/etc/app",
                       std::string(attribute) == "files" ? "/app.conf" : "", "\"."));
    }
  };
  check("files", model.files, "file");
  check("config_dirs", model.config_dirs, "directory of the service's own");
}

// Not in the table, since a text that stands for an unknown one in a plan (Completions) may be no
// base64.
void CheckBytes(const ServiceModel& model, Findings& findings) {
  for (const auto& [path, file] : model.files.value_or({})) {
    if (!file.content_base64.IsKnown() || IsBase64(*file.content_base64)) continue;
    findings.Add(Path("files").Key(path).Attribute("content_base64"), "is no base64",
                 "Write filebase64(\"...\") or base64encode(\"...\"); text as it is goes into "
                 "content.");
  }
}

// What the patch sets of a container although an owner attribute leaves it to somebody else.
void CheckPatchedContainer(const Named& named, const Json& patched, const std::string& at,
                           Findings& findings) {
  const auto check = [&](const Attr<std::string>& owner, const char* attribute, const char* field) {
    if (!owner.IsKnown() || *owner != "external" || kubernetes::Field(patched, field).is_null())
      return;
    const std::string path = named.path.Attribute(attribute).ToString();
    findings.Add(Path(),
                 absl::StrCat("the patch sets ", at, ".", field, ", which ", path,
                              " = \"external\" leaves to somebody else"),
                 absl::StrCat("Take it out of the patch, or set ", path, " = \"terraform\"."));
  };
  check(named.container->image_owner, "image_owner", "image");
  // `claims`, of devices, is nothing that an autoscaler sets.
  check(named.container->resources_owner, "resources_owner", "resources.requests");
  check(named.container->resources_owner, "resources_owner", "resources.limits");
}

void CheckPatch(const ServiceModel& model, Findings& findings) {
  const absl::StatusOr<std::vector<Json>> documents = PatchDocuments(model);
  if (documents.ok()) {
    for (absl::Status& status : CheckPatches(model, *documents))
      findings.Add("extra_manifest_patch", std::move(status));
    return;
  }
  findings.Add("extra_manifest_patch", documents.status().message(),
               "Write it as yamlencode({ spec = { ... } }), or as the text of such a map; of "
               "several, each begins with a line ---.");
}

// The jobs mount what the service does, and their target at kBackupMount.
void CheckBackupPlace(const ServiceModel& model, Findings& findings) {
  const auto check = [&](const std::string& path, const std::string& volume, const Path& at) {
    if (Place(path) != kBackupMount) return;
    // The target itself, where it is for all backups.
    const auto& backups = model.backups.value_or({});
    if (std::all_of(backups.begin(), backups.end(), [&](const auto& entry) {
          return entry.second.to.IsUnknown() || entry.second.to.value_or("") == volume;
        }))
      return;
    findings.Add(at,
                 absl::StrCat("\"", path, "\" is where the jobs of \"backups\" have their target"),
                 "Two volumes cannot be mounted on one path: take another one here.");
  };
  for (const auto& [name, volume] : model.VolumesByName()) {
    if (volume.mount.IsKnown())
      check(*volume.mount, name, VolumePath(name, volume).Attribute("mount"));
  }
  for (const auto& [path, mount] : model.mounts.value_or({}))
    check(path, mount.volume.value_or(""), Path("mounts").Key(path));
  for (const auto& [path, dir] : model.config_dirs.value_or({}))
    check(path, "", Path("config_dirs").Key(path));
  for (const auto& [path, file] : model.files.value_or({}))
    check(path, "", Path("files").Key(path));
}

// One variable of a job from two sources.
void CheckBackupEnv(const BackupModel& backup, const Path& at, Findings& findings) {
  const StringMap env = backup.env.value_or({}), secret = backup.env_secret.value_or({});
  const auto twice = [&](const Path& path, const std::string& name, const char* also) {
    findings.Add(path,
                 absl::StrCat("the environment variable \"", name,
                              "\" of the backup is given by \"", also, "\" as well"),
                 "A variable has one source: keep one.");
  };
  for (const auto& [name, value] : secret) {
    if (env.count(name) != 0) twice(at.Attribute("env_secret").Key(name), name, "env");
  }
  if (!backup.keep.IsKnown()) return;
  if (env.count(kBackupKeep) != 0) twice(at.Attribute("env").Key(kBackupKeep), kBackupKeep, "keep");
  if (secret.count(kBackupKeep) != 0)
    twice(at.Attribute("env_secret").Key(kBackupKeep), kBackupKeep, "keep");
}

// A key of `volumes` is no claim that a backup could write to.
void CheckBackups(const ServiceModel& model, Findings& findings) {
  if (model.backups.IsKnown() && !model.backups->empty()) CheckBackupPlace(model, findings);
  for (const auto& [key, backup] : model.backups.value_or({})) {
    CheckBackupEnv(backup, Path("backups").Key(key), findings);
    if (!backup.to.IsKnown() || model.claims.IsUnknown() ||
        model.claims.value_or({}).count(*backup.to) != 0)
      continue;
    const std::map<std::string, VolumeModel> volumes = model.volumes.value_or({});
    const auto found = volumes.find(*backup.to);
    if (found == volumes.end() || found->second.existing_claim.IsUnknown()) continue;
    const VolumeModel& volume = found->second;
    const std::string existing = volume.existing_claim.value_or("");
    if (existing == *backup.to) continue;
    const bool pair = volume.nfs.IsKnown() && !volume.nfs->in_line.IsUnknown() &&
                      !volume.nfs->in_line.value_or(false) && model.name_space.IsKnown() &&
                      !model.name.IsUnknown();
    const std::string claim = pair ? ClaimName(model, *backup.to) : existing;
    findings.Add(
        Path("backups").Key(key).Attribute("to"),
        absl::StrCat("\"", *backup.to,
                     "\" is a key of \"volumes\"; a backup writes to a key of \"claims\", or "
                     "to another PersistentVolumeClaim by its own name"),
        claim.empty() ? "Name one of these."
                      : absl::StrCat("The claim of that volume is \"", claim, "\"."));
  }
}

void CheckMounts(const ServiceModel& model, const Named& named, Findings& findings) {
  std::map<std::string, std::string> taken;
  auto claim = [&](const std::string& path, const std::string& by, const Path& at) {
    const auto [found, fresh] = taken.emplace(Place(path), by);
    if (!fresh) {
      findings.Add(at,
                   absl::StrCat("\"", path, "\" of ", named.Text(), " is the place of ",
                                found->second, " already"),
                   "Two volumes cannot be mounted on one path.");
    }
  };
  const bool main = named.container == &model;
  const std::map<std::string, VolumeModel> volumes = model.VolumesByName();
  if (main) {
    for (const auto& [name, volume] : volumes) {
      if (volume.mount.IsKnown())
        claim(*volume.mount, absl::StrCat("volume \"", name, "\""),
              VolumePath(name, volume).Attribute("mount"));
    }
  }
  if (main && model.config_dirs.IsKnown()) {
    for (const auto& [path, dir] : *model.config_dirs)
      claim(path, "config_dirs", Path("config_dirs").Key(path));
  }
  if (main && model.files.IsKnown()) {
    for (const auto& [path, file] : *model.files) claim(path, "files", Path("files").Key(path));
  }
  for (const auto& [path, mount] : named.container->mounts.value_or({})) {
    const Path at = named.path.Attribute("mounts").Key(path);
    claim(path, absl::StrCat("volume \"", mount.volume.value_or("?"), "\""), at);
    if (absl::StartsWith(mount.volume.value_or(""), "/")) {
      CheckFileMount(model, mount, at, findings);
      continue;
    }
    if (!mount.volume.IsKnown() || model.volumes.IsUnknown() || model.claims.IsUnknown() ||
        volumes.count(*mount.volume) != 0)
      continue;
    std::vector<std::string> names;
    for (const auto& [name, volume] : volumes) names.push_back(absl::StrCat("\"", name, "\""));
    std::vector<std::string> paths;
    for (const auto& [path_of, file] : model.files.value_or({}))
      paths.push_back(absl::StrCat("\"", path_of, "\""));
    for (const auto& [path_of, dir] : model.config_dirs.value_or({}))
      paths.push_back(absl::StrCat("\"", path_of, "\""));
    findings.Add(
        at.Attribute("volume"),
        absl::StrCat("there is no volume \"", *mount.volume, "\"; \"claims\" and \"volumes\" have ",
                     names.empty() ? "none" : absl::StrJoin(names, ", "),
                     paths.empty() ? ""
                                   : absl::StrCat(", \"files\" and \"config_dirs\" ",
                                                  absl::StrJoin(paths, ", "))));
  }
}

// What only pods of one node can have at a time, or only one pod.
enum class Sharing { kNodes, kOneNode, kOnePod };

Sharing SharingOf(const VolumeModel& volume) {
  if (!volume.claim.IsKnown() || volume.claim->per_replica.value_or(false)) return Sharing::kNodes;
  const std::set<std::string> modes = volume.claim->access_modes.value_or({"ReadWriteOnce"});
  if (modes.count("ReadWriteMany") != 0 || modes.count("ReadOnlyMany") != 0) return Sharing::kNodes;
  return modes.count("ReadWriteOnce") != 0 ? Sharing::kOneNode : Sharing::kOnePod;
}

// Whether all pods run on one node by the configuration itself.
bool IsOnOneNode(const ServiceModel& model) {
  if (!model.scheduling.IsKnown()) return model.scheduling.IsUnknown();  // it may say so
  constexpr char kHostName[] = "kubernetes.io/hostname";
  const StringMap one = model.scheduling->node_selector.value_or({});
  const StringMap some = model.scheduling->require_nodes.value_or({});
  const auto required = some.find(kHostName);
  return one.count(kHostName) != 0 || model.scheduling->node_selector.IsUnknown() ||
         (required != some.end() && !absl::StrContains(required->second, '|'));
}

// `rolling`: the pods are, so that another strategy helps as well.
std::string WaysToShare(const ServiceModel& model, Sharing sharing, bool rolling) {
  const std::string kind = WorkloadKind(model);
  return absl::StrCat(
      "Use access_modes = [\"ReadWriteMany\"] with a class that can do it, ",
      kind == "StatefulSet" ? "per_replica = true, which gives each pod a claim of its own"
                            : "a StatefulSet with per_replica = true",
      ", or one replica; or name the node that all pods are to run on: scheduling.node_selector = "
      "{ \"kubernetes.io/hostname\" = \"...\" }.",
      kind == "Deployment" && rolling && sharing == Sharing::kOneNode
          ? " In a cluster of one node rollout.strategy = \"Recreate\" will do, which is the "
            "default here."
          : "");
}

std::string SharedBy(const ServiceModel& model, Sharing sharing) {
  return absl::StrCat(sharing == Sharing::kOnePod
                          ? "a ReadWriteOncePod claim is only in one pod at a time, but "
                          : "a ReadWriteOnce claim is only on one node at a time, but ",
                      WorkloadKind(model) == "DaemonSet"
                          ? "a DaemonSet runs on every node"
                          : absl::StrCat("there are ", model.replicas.value_or(1), " replicas"));
}

bool HasSeveralPods(const ServiceModel& model) {
  return WorkloadKind(model) == "DaemonSet" || model.replicas.value_or(1) > 1;
}

bool IsRolling(const ServiceModel& model) {
  if (model.rollout.IsUnknown()) return false;
  const Attr<std::string> strategy = model.rollout.value_or({}).strategy;
  if (strategy.IsUnknown()) return false;
  // That of a Deployment with such a claim is Recreate by default.
  return strategy.value_or(WorkloadKind(model) == "Deployment" ? "Recreate" : "RollingUpdate") ==
         "RollingUpdate";
}

// With no pod above the number of replicas the old one ends first.
bool EndsBeforeItStarts(const ServiceModel& model) {
  const Attr<std::string> surge = model.rollout.value_or({}).max_surge;
  return surge.IsUnknown() || surge.value_or("") == "0" || surge.value_or("") == "0%";
}

void CheckSharing(const ServiceModel& model, const std::string& name, const VolumeModel& volume,
                  Findings& findings) {
  const Sharing sharing = SharingOf(volume);
  if (sharing == Sharing::kNodes || model.kind.IsUnknown()) return;
  const bool one_node = sharing == Sharing::kOneNode && IsOnOneNode(model);
  if (one_node) return;
  const bool several = HasSeveralPods(model);
  const bool rolling = IsRolling(model);
  if (several && (rolling || sharing == Sharing::kOnePod)) {
    findings.Add(
        VolumePath(name, volume),
        absl::StrCat(SharedBy(model, sharing),
                     rolling && sharing == Sharing::kOneNode && WorkloadKind(model) != "DaemonSet"
                         ? ", which RollingUpdate starts wherever there is room"
                         : ""),
        WaysToShare(model, sharing, rolling));
  } else if (WorkloadKind(model) == "Deployment" && rolling && !EndsBeforeItStarts(model)) {
    findings.Add(
        "rollout",
        absl::StrCat("RollingUpdate starts the new pod while the old one holds the ",
                     sharing == Sharing::kOnePod ? "ReadWriteOncePod" : "ReadWriteOnce",
                     " claim of volume \"", name, "\": the rollout hangs ",
                     sharing == Sharing::kOnePod ? "" : "as soon as they are on two nodes"),
        "Set rollout.strategy = \"Recreate\", which is the default here, or max_surge = \"0\" and "
        "max_unavailable = \"1\"; or use access_modes = [\"ReadWriteMany\"] with a class that can "
        "do it, or a StatefulSet with per_replica = true.");
  }
}

// Names that the pod has for volumes of its own.
std::map<std::string, std::string> OwnVolumes(const ServiceModel& model) {
  std::map<std::string, std::string> own;
  if (model.files.IsKnown() && !model.files->empty()) own["files"] = "\"files\"";
  for (const auto& [path, dir] : model.config_dirs.value_or({}))
    own[ConfigVolumeName(path)] = absl::StrCat("config_dirs[\"", path, "\"]");
  return own;
}

void CheckVolumes(const ServiceModel& model, Findings& findings) {
  for (const auto& [name, claim] : model.claims.value_or({})) {
    if (model.volumes.IsKnown() && model.volumes->count(name) != 0) {
      findings.Add(
          Path("volumes").Key(name),
          absl::StrCat("\"claims\" has a \"", name, "\" already, and both are volumes of the pod"),
          "Rename one of them.");
    }
  }
  const std::map<std::string, std::string> own = OwnVolumes(model);
  for (const auto& [name, volume] : model.VolumesByName()) {
    const Path path = VolumePath(name, volume);
    if (const auto other = own.find(name); other != own.end()) {
      findings.Add(
          path, absl::StrCat("the volume of ", other->second, " is called \"", name, "\" as well"),
          "Rename this one.");
    }
    if (volume.claim.IsKnown() && volume.claim->per_replica.value_or(false) &&
        WorkloadKind(model) != "StatefulSet" && !model.kind.IsUnknown()) {
      findings.Add(path.Attribute("per_replica"),
                   absl::StrCat("only a StatefulSet has a claim for each replica, and this is a ",
                                model.kind.value_or("deployment")),
                   "Set kind = \"statefulset\", or leave per_replica out.");
    }
    CheckSharing(model, name, volume, findings);
  }
}

// What each kind of workload takes of `rollout` (Kubernetes API, apps/v1: DeploymentStrategy,
// StatefulSetUpdateStrategy, DaemonSetUpdateStrategy and the specs around them).
void CheckRollout(const ServiceModel& model, Findings& findings) {
  if (model.kind.IsUnknown() || !model.rollout.IsKnown()) return;
  const RolloutModel& rollout = *model.rollout;
  const std::string kind = WorkloadKind(model);
  const std::string a_kind = absl::StrCat("a ", kind);
  const Path path("rollout");
  const std::string foreign = kind == "Deployment" ? "OnDelete" : "Recreate";
  const std::string own = kind == "Deployment" ? "Recreate" : "OnDelete";
  if (rollout.strategy.IsKnown() && *rollout.strategy == foreign) {
    findings.Add(
        path.Attribute("strategy"),
        absl::StrCat(a_kind, " has no strategy ", foreign, ", only RollingUpdate and ", own),
        "Take one of them, or leave it out.");
  }
  struct Rule {
    const char* attribute;
    bool said;
    std::set<std::string> kinds;
    bool rolling;  // counts in a RollingUpdate only
  };
  const Rule rules[] = {
      {"max_surge", !rollout.max_surge.IsNull(), {"Deployment", "DaemonSet"}, true},
      {"max_unavailable",
       !rollout.max_unavailable.IsNull(),
       {"Deployment", "StatefulSet", "DaemonSet"},
       true},
      {"partition", !rollout.partition.IsNull(), {"StatefulSet"}, true},
      {"progress_deadline", !rollout.progress_deadline.IsNull(), {"Deployment"}, false},
      {"pod_management_policy", !rollout.pod_management_policy.IsNull(), {"StatefulSet"}, false},
  };
  for (const Rule& rule : rules) {
    if (!rule.said) continue;
    if (rule.kinds.count(kind) == 0) {
      findings.Add(path.Attribute(rule.attribute),
                   absl::StrCat(a_kind, " has no such setting, only ",
                                absl::StrJoin(rule.kinds, " and "), " have"),
                   "Leave it out.");
    } else if (rule.rolling && rollout.strategy.IsKnown() && *rollout.strategy != "RollingUpdate") {
      findings.Add(path.Attribute(rule.attribute),
                   absl::StrCat("has no effect beside strategy ", *rollout.strategy),
                   "Leave it out.");
    }
  }
}

// Each Secret has one maker, and each ExternalSecret something to fetch.
void CheckSecrets(const ServiceModel& model, Findings& findings) {
  const std::pair<const char*, bool> taken[] = {
      {"generated", model.generated_secrets.IsKnown() && !model.generated_secrets->empty()},
      {"env", !model.env_wo_version.IsNull()}};
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    const Path path = Path("secrets").Key(key);
    for (const auto& [name, said] : taken) {
      if (!said || key != name) continue;
      findings.Add(path,
                   absl::StrCat("the Secret ", model.NameOrDefault(), "-", key, " is that of \"",
                                key == "env" ? "env_wo" : "generated_secrets", "\" already"),
                   "Take another key.");
    }
    if (secret.extract.IsNull() &&
        (secret.values.IsNull() || (secret.values.IsKnown() && secret.values->empty()))) {
      findings.Add(path, "fetches nothing: there is neither \"extract\" nor \"values\"",
                   "Say extract = \"...\" for a whole entry of the store, or values = { KEY = "
                   "\"entry#property\" }.");
    }
  }
}

// What Kubernetes takes of no toleration (k8s.io/kubernetes/pkg/apis/core/validation/validation.go,
// ValidateTolerations).
void CheckTolerations(const ServiceModel& model, Findings& findings) {
  const SchedulingModel scheduling = model.scheduling.value_or({});
  std::int64_t index = 0;
  for (const TolerationModel& toleration : scheduling.tolerations.value_or({})) {
    const Path path = Path("scheduling").Attribute("tolerations").Index(index++);
    const bool known =
        !toleration.key.IsUnknown() && !toleration.op.IsUnknown() && !toleration.value.IsUnknown();
    const bool exists =
        toleration.op.value_or(toleration.value.IsNull() ? "Exists" : "Equal") == "Exists";
    if (known && !exists && toleration.key.value_or("").empty()) {
      findings.Add(path.Attribute(toleration.value.IsNull() ? "operator" : "value"),
                   "is compared with the value of a taint, but there is no \"key\"",
                   "Name the taint in key, or leave value and operator out to tolerate every "
                   "taint.");
    }
    if (known && exists && !toleration.value.value_or("").empty()) {
      findings.Add(path.Attribute("value"), "is compared with nothing under operator \"Exists\"",
                   "Leave it out, or set operator = \"Equal\".");
    }
    if (!toleration.seconds.IsNull() && !toleration.effect.IsUnknown() &&
        toleration.effect.value_or("") != "NoExecute") {
      findings.Add(path.Attribute("toleration_period"), "is for effect \"NoExecute\" only",
                   "Set effect = \"NoExecute\", or leave toleration_period out.");
    }
  }
}

// "host:port" that a shell takes as two plain words: it stands in the command of an init container.
bool IsHostAndPort(absl::string_view target) {
  const auto [host, port] = HostAndPort(target);
  const auto plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains(".-_:", c);
  };
  if (absl::StartsWith(target, "[")) {
    const std::optional<IpAddress> address = IpAddress::Parse(host);
    if (!address || !address->v6) return false;
  }
  std::int64_t number = 0;
  return !host.empty() && host[0] != '-' && std::all_of(host.begin(), host.end(), plain) &&
         port.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(port, &number) && number > 0 && number < 65536;
}

// Two files that would be one entry of their ConfigMap.
void CheckFiles(const ServiceModel& model, Findings& findings) {
  std::map<std::string, std::string> keys;
  for (const auto& [path, file] : model.files.value_or({})) {
    const auto [other, fresh] = keys.emplace(FileKey(path), path);
    if (fresh) continue;
    findings.Add(Path("files").Key(path),
                 absl::StrCat("would share a key of the ConfigMap with \"", other->second, "\""),
                 "Put one of them into config_dirs.");
  }
}

void CheckContainers(const ServiceModel& model, Findings& findings) {
  const bool main_known = model.name_space.IsKnown() && !model.pod.IsUnknown() &&
                          !(model.pod.IsKnown() && model.pod->container_name.IsUnknown());
  std::set<std::string> names;
  for (const Named& named : ContainersOf(model)) {
    if (!named.name.empty() && !named.path.empty()) {
      if (main_known && named.name == model.MainContainer()) {
        findings.Add(
            named.path,
            absl::StrCat("\"", named.name, "\" is the name of the main container; take another"));
      } else if (!names.insert(named.name).second) {
        findings.Add(named.path, absl::StrCat("there are two containers \"", named.name, "\""));
      }
    }
    CheckEnv(model, named, findings);
    CheckEnvSecrets(model, named, findings);
    CheckProbes(named, findings);
    CheckHooks(named, findings);
    CheckMounts(model, named, findings);
  }
}

// Whether the main container or a sidecar may listen on `port`.
bool AnyHasPort(const ServiceModel& model, const std::string& port) {
  if (HasPort(model, port) || model.sidecars.IsUnknown()) return true;
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) {
    if (sidecar.ports.IsKnown() && HasPort(sidecar, port)) return true;
  }
  return false;
}

std::string NoSuchPort(const ServiceModel& model, const std::string& port) {
  return absl::StrCat("no container has a port \"", port, "\"; of the main one, ",
                      PortNames(model));
}

void CheckIngressPort(const ServiceModel& model, const ExposeModel& expose, const Path& at,
                      Findings& findings) {
  const bool of_front =
      expose.ingress.IsUnknown() || (expose.ingress.IsKnown() && !expose.ingress->front.IsNull());
  if (of_front) return;  // the front's own business
  if (expose.port.IsKnown() && !AnyHasPort(model, *expose.port))
    findings.Add(at.Attribute("port"), NoSuchPort(model, *expose.port));
  if (!expose.port.IsNull()) return;
  const bool clear =
      model.ports.IsUnknown() ||
      (model.ports.IsKnown() && (model.ports->size() == 1 || model.ports->count("http") != 0));
  if (clear) return;
  findings.Add(
      at.Attribute("port"),
      absl::StrCat("which port of ", ContainersOf(model)[0].Text(), "? ", PortNames(model)),
      "Name the port here.");
}

void CheckExpose(const ServiceModel& model, Findings& findings) {
  for (const auto& [key, expose] : model.expose.value_or({})) {
    const Path at = Path("expose").Key(key);
    const std::string kind = KindOf(expose);
    if (kind.empty()) continue;
    if (kind == "ingress") {
      CheckIngressPort(model, expose, at, findings);
    } else {
      std::int64_t index = 0;
      for (const std::string& port : OuterOf(expose).ports.value_or({})) {
        const Path place = at.Attribute(kind).Attribute("ports").Index(index++);
        if (!AnyHasPort(model, port)) findings.Add(place, NoSuchPort(model, port));
      }
    }
    if (model.ports.IsNull() && model.sidecars.IsNull())
      findings.Add(at, "the service has no port to expose", "Declare it in \"ports\".");
  }
}

void CheckReplicas(const ServiceModel& model, Findings& findings) {
  if (model.scale_to_zero.IsKnown() && model.replicas_owner.value_or("") == "terraform") {
    findings.Add("replicas_owner", "scale_to_zero gives the number of replicas to the scaler",
                 "Leave replicas_owner out.");
  }
  if (model.kind.value_or("") != "daemonset") return;
  const std::pair<const char*, bool> counts[] = {{"replicas", !model.replicas.IsNull()},
                                                 {"replicas_owner", !model.replicas_owner.IsNull()},
                                                 {"scale_to_zero", !model.scale_to_zero.IsNull()}};
  for (const auto& [attribute, said] : counts) {
    if (!said) continue;
    findings.Add(attribute, "a DaemonSet has a pod on every node, not a number of replicas",
                 absl::StrCat("Leave ", attribute, " out."));
  }
}

void CheckGrants(const ServiceModel& model, Findings& findings) {
  for (const auto& [to, grant] : model.grants.value_or({})) {
    if (std::count(to.begin(), to.end(), '/') == 1 && to.front() != '/' && to.back() != '/')
      continue;
    findings.Add(Path("grants").Key(to),
                 absl::StrCat("\"", to, "\" must be \"namespace/serviceaccount\""));
  }
}

void CheckWaits(const ServiceModel& model, Findings& findings) {
  for (const std::string& target : model.wait_for.value_or({})) {
    if (IsHostAndPort(target)) continue;
    findings.Add("wait_for",
                 absl::StrCat("\"", target,
                              "\" must be \"host:port\", such as \"postgresql.dbaas:5432\" or "
                              "\"[fd00::1]:5432\""));
  }
}

void CheckServiceAccount(const ServiceModel& model, Findings& findings) {
  if (!model.identity.IsKnown() || !model.identity->service_account.IsKnown()) return;
  const ServiceAccountModel& account = *model.identity->service_account;
  if (account.name.IsNull() || account.annotations.IsNull()) return;
  findings.Add(Path("identity").Attribute("service_account").Attribute("annotations"),
               "belongs to the service's own ServiceAccount, but \"name\" says another one");
}

void CheckServicePorts(const ServiceModel& model, Findings& findings) {
  if (!model.service.IsKnown()) return;
  const auto check = [&](const char* attribute, const auto& by_port) {
    for (const auto& [port, value] : by_port.value_or({})) {
      if (HasNamedPort(model, port)) continue;
      findings.Add(Path("service").Attribute(attribute).Key(port), NoSuchPort(model, port));
    }
  };
  check("ports", model.service->ports);
  check("app_protocols", model.service->app_protocols);
}

// Often those of an exporter beside it.
void CheckMetrics(const ServiceModel& model, Findings& findings) {
  if (!model.metrics.IsKnown() || HasNamedPort(model, model.metrics->port.value_or(""))) return;
  CheckPortUse({&model, Path(), model.MainContainer()}, model.metrics->port,
               Path("metrics").Attribute("port"), findings);
}

}  // namespace

std::optional<absl::Status> MayNotFitOnTwoNodes(const ServiceModel& model) {
  if (!HasSeveralPods(model) || IsOnOneNode(model)) return std::nullopt;
  for (const auto& [name, volume] : model.VolumesByName()) {
    if (SharingOf(volume) != Sharing::kOneNode) continue;
    return At(VolumePath(name, volume),
              WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                             SharedBy(model, Sharing::kOneNode),
                             ": those that the scheduler puts on another node will not start")),
                         WaysToShare(model, Sharing::kOneNode, /*rolling=*/false)));
  }
  return std::nullopt;
}

std::vector<absl::Status> CheckPatchOwners(const ServiceModel& model, const Json& patch) {
  Findings findings;
  Json patched = Json::object();                        // nothing but what the patch sets
  if (!StrategicMerge(patched, patch).ok()) return {};  // told where it is merged
  const bool external = model.replicas_owner.value_or("") == "external";
  if ((external || model.scale_to_zero.IsKnown()) &&
      !kubernetes::Field(patched, "spec.replicas").is_null()) {
    findings.Add(Path(),
                 absl::StrCat("the patch sets spec.replicas, which ",
                              external ? "replicas_owner = \"external\"" : "scale_to_zero",
                              " leaves to somebody else"),
                 absl::StrCat("Take it out of the patch, or ",
                              external ? "set replicas_owner = \"terraform\"."
                                       : "leave scale_to_zero out."));
  }
  const std::vector<Named> containers = ContainersOf(model);
  for (const char* list : {"containers", "initContainers"}) {
    const std::string at = absl::StrCat("spec.template.spec.", list);
    for (const Json& container : kubernetes::Field(patched, at)) {
      const std::string name = kubernetes::Text(container, "name");
      // Names are of one container in a pod, whichever list it is in.
      const auto named = std::find_if(containers.begin(), containers.end(),
                                      [&name](const Named& one) { return one.name == name; });
      if (named == containers.end()) continue;
      CheckPatchedContainer(*named, container, absl::StrCat(at, "[name=\"", name, "\"]"), findings);
    }
  }
  return findings.Take();
}

std::vector<absl::Status> CheckService(const ServiceModel& config) {
  Findings findings;
  CheckInitContainers(config, findings);
  CheckContainers(config, findings);
  CheckVolumes(config, findings);
  CheckRollout(config, findings);
  CheckSecrets(config, findings);
  CheckRoot(config, findings);
  CheckBytes(config, findings);
  CheckPatch(config, findings);
  CheckBackups(config, findings);
  CheckTolerations(config, findings);
  CheckFiles(config, findings);
  CheckMetrics(config, findings);
  CheckExpose(config, findings);
  CheckReplicas(config, findings);
  CheckGrants(config, findings);
  CheckWaits(config, findings);
  CheckServiceAccount(config, findings);
  CheckServicePorts(config, findings);
  return findings.Take();
}

}  // namespace charon::service
