#include "resources/kubernetes/restart.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/path.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/wait_ready.h"
#include "provider/schema/checks.h"

namespace charon::kubernetes_resources {
namespace {

using kubernetes::Field;
using kubernetes::Json;
using kubernetes::Number;
using kubernetes::Text;

// The first of a StatefulSet's pods that are replaced, by their numbers, if not all are.
std::int64_t Partition(const Json& workload) {
  return Number(workload, "spec.updateStrategy.rollingUpdate.partition", 0);
}

// Why the controller of `workload` replaces no pod when its template changes; empty if it does.
std::string WhyNothingHappens(const Json& workload, const kubernetes::ObjectRef& ref) {
  if (ref.kind.kind == "Deployment") return "";
  if (Text(workload, "spec.updateStrategy.type") == "OnDelete") {
    return absl::StrCat("The update strategy of ", ref.ToString(),
                        " is OnDelete: a pod is replaced when somebody deletes it. Delete its "
                        "pods, or set updateStrategy.type = \"RollingUpdate\" first.");
  }
  const std::int64_t partition = Partition(workload);
  if (partition == 0 || partition < Number(workload, "spec.replicas", 1)) return "";
  return absl::StrCat("The update strategy of ", ref.ToString(), " has the partition ", partition,
                      ", and pods below it stay as they are, which is all of them. Lower "
                      "updateStrategy.rollingUpdate.partition.");
}

}  // namespace

const ObjectSpec<RestartModel>& RestartModel::Describe() {
  using M = RestartModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Restarts the pods of a workload one after the other, as `kubectl rollout restart` does. A "
      "paused Deployment is refused; where the update strategy lets no pod be replaced "
      "(`OnDelete`, a partition), a warning says that none was.",
      {
          Field(&M::kind, "kind", Required, "`Deployment`, `StatefulSet` or `DaemonSet`.")
              .Check(OneOf({"Deployment", "StatefulSet", "DaemonSet"})),
          Field(&M::name_space, "namespace", Required, "Namespace of the workload.")
              .Check(DnsLabel()),
          Field(&M::name, "name", Required, "Name of the workload.").Check(DnsSubdomain()),
          Field(&M::wait, "wait", Optional,
                "Wait until the restarted pods are ready; true by default."),
      });
  return spec;
}

const sdk::ResourceInfo& RestartAction::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_kubernetes_restart",
                                                   .noun = "rolling restart",
                                                   .subcategory = "Kubernetes",
                                                   .needs = needs::Kubernetes()};
  return info;
}

absl::Status RestartAction::Invoke(const sdk::Context& context, const RestartModel& config,
                                   const sdk::Progress& progress) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  const kubernetes::ObjectRef ref{{"apps/v1", *config.kind}, *config.name_space, *config.name};
  CHARON_ASSIGN_OR_RETURN(const Json workload, cluster->Get(context, ref));
  // As kubectl does (k8s.io/kubectl/pkg/polymorphichelpers/objectrestarter.go, v0.36.3), which
  // looks at no other kind or field.
  if (ref.kind.kind == "Deployment" && Field(workload, "spec.paused") == true) {
    return At("name", WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                                     ref.ToString(), " is paused: no pod would be restarted")),
                                 absl::StrCat("Resume it first: without spec.paused, or with "
                                              "`kubectl rollout resume deployment/",
                                              *config.name, " -n ", *config.name_space, "`.")));
  }
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", context.call.clock->Now(), absl::UTCTimeZone());
  // The annotation that kubectl uses, so that both see each other's restarts. Under a manager of
  // its own: nothing that a manifest applies must own it, or the next apply would undo the restart.
  const Json patch = {
      {"spec",
       {{"template",
         {{"metadata", {{"annotations", {{"kubectl.kubernetes.io/restartedAt", now}}}}}}}}}};
  CHARON_RETURN_IF_ERROR(
      cluster->Patch(context, ref, kubernetes::PatchType::kMerge, patch, "charon-restart")
          .status());
  if (const std::string why = WhyNothingHappens(workload, ref); !why.empty()) {
    context.diagnostics->Warning("No pod was restarted", why, Path("name"));
    return absl::OkStatus();
  }
  progress(absl::StrCat("Restarting ", ref.ToString()));
  if (!config.wait.value_or(true)) return absl::OkStatus();
  operations::WaitFor wait;
  wait.rollout = true;
  CHARON_RETURN_IF_ERROR(operations::WaitUntilReady(context, *cluster, ref, wait));
  const std::int64_t partition = Partition(workload);
  progress(absl::StrCat(partition > 0 ? absl::StrCat("The pods from number ", partition, " on of ")
                                      : std::string("All pods of "),
                        ref.ToString(), " are new and ready"));
  return absl::OkStatus();
}

}  // namespace charon::kubernetes_resources
