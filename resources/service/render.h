// From a charon_service to its Kubernetes objects: pure functions of the model and the conventions.
// The same input gives the same bytes for ever, per conventions.render_version
// (docs/design/decisions/0010-render-versions.md).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "provider/base/path.h"
#include "provider/conventions.h"
#include "resources/service/service.h"

namespace charon::service {

using Json = nlohmann::json;

// The order in which objects are made; the reverse is that of deletion.
enum class Stage { kConfig, kStorage, kIdentity, kWorkload, kExposure };

// One object of a service.
struct Rendered {
  Stage stage = Stage::kConfig;
  Path attribute;  // what it comes from, for errors of the server about it
  Json object;     // what our manager applies
  // What is set at creation and is somebody else's from then on (null: nothing): external images,
  // replicas, resources, the size of a claim.
  Json initial;
  // Holds data: stays when it is no longer declared, unless delete_data.
  bool keeps_data = false;
  // Secret values that Terraform has not got are put in at apply (generated_secrets, env_wo).
  bool has_values = false;
  // The object without `extra_manifest_patch`; null: that says nothing of it.
  Json unpatched = nullptr;
};

// All objects, by stage, then in the order in which they depend on each other. REQUIRES: the model
// is wholly known but for computed and write-only attributes. InvalidArgument, with the attribute's
// path, for what does not fit together and CheckService could not see: Several, if it is more.
absl::StatusOr<std::vector<Rendered>> RenderService(const ServiceModel& model,
                                                    const Conventions& conventions);

// The object as it is created: with what counts only then, without the nulls that take a server's
// default back.
Json AsCreated(const Rendered& rendered);

// The addresses under which each entry of `expose` can be reached, by its key; only what is known
// from the configuration.
StringMap UrlsOf(const ServiceModel& model, const Conventions& conventions);

// --- The parts, in the order of the files that define them.

// Labels of every object of the service.
Json LabelsOf(const ServiceModel& model, const Conventions& conventions);
// The apiVersion of a kind that services are made of; empty for any other kind.
std::string ApiVersionOf(absl::string_view kind);
// {"apiVersion", "kind", "metadata": {"name", "namespace", "labels"}}.
Json ObjectHead(const ServiceModel& model, const Conventions& conventions, absl::string_view kind,
                absl::string_view name);
// Where the user wrote it: `claims` or `volumes`.
Path VolumePath(const std::string& name, const VolumeModel& volume);
// The workload's selector: `selector`, or { app = name }.
StringMap SelectorOf(const ServiceModel& model);
// Seconds of a duration, rounded up. REQUIRES: a valid duration.
std::int64_t Seconds(const std::string& duration);
// 8080 from "8080", else the text: how Kubernetes writes a port by number or name.
Json IntOrString(const std::string& text);
// The Secret meant by the first part of "secret/key" (see env_secret).
std::string SecretName(const ServiceModel& model, const std::string& reference);

// render_config.cc: ConfigMaps, Secrets, ExternalSecrets.
void RenderConfig(const ServiceModel& model, const Conventions& conventions,
                  std::vector<Rendered>& out);
// Name of the ConfigMap of `files`, of a config dir, of the Secrets made here.
std::string FilesName(const ServiceModel& model);
std::string ConfigDirName(const ServiceModel& model, const std::string& directory);
std::string FileKey(const std::string& path);
// Name of the pod's volume of a config dir.
std::string ConfigVolumeName(const std::string& directory);
// A hash of the content that pods must be restarted for.
std::string ConfigHash(const ServiceModel& model);

// The Service that a StatefulSet's pods are known by, whatever the other one is called.
inline std::string HeadlessName(const ServiceModel& model) {
  return model.NameOrDefault() + "-headless";
}

// render_storage.cc: claims and NFS pairs.
void RenderStorage(const ServiceModel& model, const Conventions& conventions,
                   std::vector<Rendered>& out);
Json ClaimSpec(const ClaimModel& claim, const Conventions& conventions);
// The annotations of a claim that the pvc-autoresizer may grow up to `limit`.
Json Autoresize(const std::string& limit);
// Where the jobs of `backups` have their target, and the variable that says how many copies to
// keep.
inline constexpr char kBackupMount[] = "/backup";
inline constexpr char kBackupKeep[] = "KEEP";
inline constexpr char kAutoresizeLimit[] = "resize.topolvm.io/storage_limit";
std::string ClaimName(const ServiceModel& model, const std::string& volume);

// render_identity.cc: ServiceAccount, roles and bindings.
void RenderIdentity(const ServiceModel& model, const Conventions& conventions,
                    std::vector<Rendered>& out);

// render_pod.cc: the pod template and what of it counts only at creation.
struct PodTemplate {
  Json spec, initial;  // {"metadata": ..., "spec": ...}; initial may be null
};
// Names that the value of a variable refers to as $(NAME); $$(NAME) is none (Kubernetes API,
// EnvVar.value).
std::set<std::string> References(const std::string& value);
absl::StatusOr<PodTemplate> RenderPod(const ServiceModel& model, const Conventions& conventions);
// The two parts of an element of `wait_for`, an address of IPv6 without its brackets: no `nc` takes
// them. The second one is empty where there is no colon.
std::pair<absl::string_view, absl::string_view> HostAndPort(absl::string_view target);
// What a pod with `gpu` tolerates.
TolerationModel GpuToleration(const Conventions& conventions);
// What a render version says of pods where the configuration says nothing; null: neither does it,
// so that it is as Kubernetes has it. All that versions differ in.
struct PodDefaults {
  Attr<bool> automount, enable_service_links;
};
PodDefaults PodDefaultsOf(const ServiceModel& model, const Conventions& conventions);
// An own ServiceAccount whose token is not mounted although nobody said so: what it may do can be
// said elsewhere. For a warning, with its path and remedy.
std::optional<absl::Status> MayMissItsToken(const ServiceModel& model,
                                            const Conventions& conventions);

// render_workload.cc: Deployment, StatefulSet or DaemonSet, disruption budget, network policy.
absl::Status RenderWorkload(const ServiceModel& model, const Conventions& conventions,
                            std::vector<Rendered>& out);
std::string WorkloadKind(const ServiceModel& model);  // "Deployment"

// render_expose.cc: Services, Ingresses, Middlewares, ServiceMonitor.
// The Service's port for a container's port of that name, where `service.ports` has none.
std::int64_t UsualServicePort(const std::string& name, const Port& port);
absl::Status RenderExposure(const ServiceModel& model, const Conventions& conventions,
                            std::vector<Rendered>& out);

// render_backup.cc: CronJobs of `backups`.
void RenderBackups(const ServiceModel& model, const Conventions& conventions,
                   std::vector<Rendered>& out);

}  // namespace charon::service
