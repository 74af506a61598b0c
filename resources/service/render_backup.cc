// CronJobs that save a service's data.
#include <utility>

#include "absl/strings/str_cat.h"
#include "resources/service/render.h"

namespace charon::service {

void RenderBackups(const ServiceModel& model, const Conventions& conventions,
                   std::vector<Rendered>& out) {
  for (const auto& [key, backup] : model.backups.value_or({})) {
    // A pod of its own with one container: rendered as one, from a service that is only that.
    ServiceModel job;
    job.name_space = model.name_space;
    job.name = model.NameOrDefault();
    job.secrets = model.secrets;
    // To be named in env_secret; of themselves they are variables of the service only.
    job.generated_secrets = model.generated_secrets;
    if (job.generated_secrets.IsKnown()) {
      for (auto& [name, secret] : job.generated_secrets.value()) secret.env = false;
    }
    job.image = backup.image.IsKnown() ? backup.image : model.image;
    job.command = backup.command;
    job.env = backup.env.value_or({});
    job.env_secret = backup.env_secret;
    job.mounts = model.mounts;
    // Another image has other users.
    if (!backup.image.IsKnown()) job.security_context = model.security_context;
    std::map<std::string, VolumeModel> volumes = model.VolumesByName();
    job.pod = model.pod;
    if (job.pod.IsKnown()) job.pod.value().labels = job.pod.value().annotations = Attr<StringMap>();
    job.files = model.files;
    job.config_dirs = model.config_dirs;
    if (backup.keep.IsKnown()) job.env.value().emplace(kBackupKeep, absl::StrCat(*backup.keep));
    // The claim of a replica goes by another name than that of the service.
    for (auto& [name, volume] : volumes) {
      if (!volume.claim.IsKnown() || !volume.claim->per_replica.value_or(false)) continue;
      volume.existing_claim = absl::StrCat(name, "-", model.NameOrDefault(), "-0");
      volume.claim = Attr<ClaimModel>();
    }
    VolumeModel target;
    target.mount = kBackupMount;
    const auto own = volumes.find(*backup.to);
    target.existing_claim = own != volumes.end() && own->second.claim.IsKnown()
                                ? ClaimName(model, *backup.to)
                                : *backup.to;
    if (own != volumes.end() && own->second.existing_claim.IsKnown())
      target.existing_claim = own->second.existing_claim;  // of the first replica
    volumes["backup-target"] = std::move(target);
    job.volumes = std::move(volumes);
    // On the node of the service's pods, if there are any: their claims may be for one node at a
    // time.
    const bool may_be_none = model.scale_to_zero.IsKnown() || model.replicas.value_or(1) == 0;
    SchedulingModel scheduling;
    scheduling.near =
        PodAffinityModel{.labels = SelectorOf(model), .over = {}, .hard = !may_be_none};
    if (model.scheduling.IsKnown()) scheduling.tolerations = model.scheduling->tolerations;
    if (model.gpu.IsKnown()) {
      scheduling.tolerations = scheduling.tolerations.value_or({});
      scheduling.tolerations.value().push_back(GpuToleration(conventions));
    }
    job.scheduling = std::move(scheduling);
    // The jobs' pods must not look like the service's.
    job.selector = StringMap{{"charon.internal/backup-of", model.NameOrDefault()}};
    absl::StatusOr<PodTemplate> pod = RenderPod(job, conventions);
    if (!pod.ok()) continue;  // only a GPU can be refused, and it has none
    pod->spec["spec"]["restartPolicy"] = "Never";
    // The hash of the files: each pod of a job is a new one anyway.
    pod->spec["metadata"].erase("annotations");
    // They have no account of their own; who wants the service's token mounted may have given
    // rights to that of the namespace.
    if (model.identity.IsKnown() &&
        model.identity->service_account.value_or({}).automount.value_or(false))
      pod->spec["spec"].erase("automountServiceAccountToken");

    Json object =
        ObjectHead(model, conventions, "CronJob", absl::StrCat(model.NameOrDefault(), "-", key));
    Json spec = {{"schedule", *backup.schedule},
                 {"concurrencyPolicy", "Forbid"},
                 {"jobTemplate",
                  {{"spec",
                    {{"backoffLimit", 2},
                     {"ttlSecondsAfterFinished", 86400},
                     {"template", std::move(pod->spec)}}}}}};
    if (backup.time_zone.IsKnown()) spec["timeZone"] = *backup.time_zone;
    object["spec"] = std::move(spec);
    out.push_back({.stage = Stage::kExposure,
                   .attribute = Path("backups").Key(key),
                   .object = std::move(object),
                   .initial = {}});
  }
}

}  // namespace charon::service
