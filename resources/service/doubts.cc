#include "resources/service/doubts.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// What `mounts` of all containers name; nullopt where that is not known yet.
std::optional<std::set<std::string>> MountedVolumes(const ServiceModel& model) {
  std::set<std::string> names;
  bool known = !model.sidecars.IsUnknown() && !model.init_containers.IsUnknown();
  const auto add = [&](const ContainerModel& container) {
    known = known && !container.mounts.IsUnknown();
    for (const auto& [path, mount] : container.mounts.value_or({})) {
      known = known && !mount.volume.IsUnknown();
      names.insert(mount.volume.value_or(""));
    }
  };
  add(model);
  for (const auto& [name, sidecar] : model.sidecars.value_or({})) add(sidecar);
  for (const InitContainerModel& init : model.init_containers.value_or({})) add(init);
  return known ? std::optional(std::move(names)) : std::nullopt;
}

// Whether a backup writes to it: by its key, or by the name of its claim, which ends with that.
bool IsBackupTarget(const ServiceModel& model, const std::string& name) {
  const std::map<std::string, BackupModel> backups = model.backups.value_or({});
  return std::any_of(backups.begin(), backups.end(), [&name](const auto& entry) {
    const Attr<std::string>& to = entry.second.to;
    return to.IsUnknown() || to.value_or("") == name ||
           absl::EndsWith(to.value_or(""), absl::StrCat("-", name));
  });
}

void AddUnmounted(const ServiceModel& model, std::vector<absl::Status>& doubts) {
  const std::optional<std::set<std::string>> used = MountedVolumes(model);
  if (!used || model.backups.IsUnknown() || model.extra_manifest_patch.IsUnknown()) return;
  for (const auto& [name, volume] : model.VolumesByName()) {
    // The patch may say where.
    const bool patched = absl::StrContains(model.extra_manifest_patch.value_or(""), name);
    if (!volume.mount.IsNull() || patched || used->count(name) != 0 || IsBackupTarget(model, name))
      continue;
    doubts.push_back(
        At(VolumePath(name, volume),
           WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                          "the volume is mounted nowhere: it has no \"mount\", and no \"mounts\" ",
                          volume.claim.IsKnown() ? "or backup " : "", "names it")),
                      "Say mount = \"/path\" in it. Keys of other names, such as \"path\", are "
                      "dropped by Terraform without a word.")));
  }
}

// An object that sets nothing, and has no meaning by itself.
template <typename M>
void AddEmpty(const Attr<M>& object, const Path& path, std::vector<absl::Status>& doubts) {
  if (!object.IsKnown()) return;
  const Value value = M::Describe().Encode(*object);
  if (!std::all_of(value.mapping().begin(), value.mapping().end(),
                   [](const auto& attribute) { return attribute.second.IsNull(); }))
    return;
  doubts.push_back(At(path, WithRemedy(absl::InvalidArgumentError("says nothing: it sets none of "
                                                                  "its attributes"),
                                       "Leave it out, or look at its attributes in the "
                                       "documentation: Terraform drops keys that are none of "
                                       "them without a word.")));
}

// Not here: what means something when it is empty, such as identity (an account of its own),
// scheduling.spread or empty_dir, and what must not be.
void AddEmptyOf(const ContainerModel& container, const Path& path,
                std::vector<absl::Status>& doubts) {
  AddEmpty(container.resources, path.Attribute("resources"), doubts);
  AddEmpty(container.security_context, path.Attribute("security_context"), doubts);
  AddEmpty(container.probes, path.Attribute("probes"), doubts);
  AddEmpty(container.hooks, path.Attribute("hooks"), doubts);
  AddEmpty(container.env_from, path.Attribute("env_from"), doubts);
  AddEmpty(container.process, path.Attribute("process"), doubts);
}

}  // namespace

std::vector<absl::Status> DoubtsAbout(const ServiceModel& config) {
  std::vector<absl::Status> doubts;
  AddUnmounted(config, doubts);
  AddEmptyOf(config, Path(), doubts);
  for (const auto& [name, sidecar] : config.sidecars.value_or({}))
    AddEmptyOf(sidecar, Path("sidecars").Key(name), doubts);
  std::int64_t index = 0;
  for (const InitContainerModel& init : config.init_containers.value_or({}))
    AddEmptyOf(init, Path("init_containers").Index(index++), doubts);
  AddEmpty(config.rollout, Path("rollout"), doubts);
  AddEmpty(config.scheduling, Path("scheduling"), doubts);
  AddEmpty(config.pod, Path("pod"), doubts);
  if (config.pod.IsKnown()) {
    AddEmpty(config.pod->security_context, Path("pod").Attribute("security_context"), doubts);
    AddEmpty(config.pod->dns, Path("pod").Attribute("dns"), doubts);
  }
  return doubts;
}

}  // namespace charon::service
