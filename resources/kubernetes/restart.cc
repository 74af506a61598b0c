#include "resources/kubernetes/restart.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/wait_ready.h"
#include "provider/schema/checks.h"

namespace charon::kubernetes_resources {

const ObjectSpec<RestartModel>& RestartModel::Describe() {
  using M = RestartModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Restarts the pods of a workload one after the other, as `kubectl rollout restart` does.",
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
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", context.call.clock->Now(), absl::UTCTimeZone());
  // The annotation that kubectl uses, so that both see each other's restarts. Under a manager of
  // its own: nothing that a manifest applies must own it, or the next apply would undo the restart.
  const nlohmann::json patch = {
      {"spec",
       {{"template",
         {{"metadata", {{"annotations", {{"kubectl.kubernetes.io/restartedAt", now}}}}}}}}}};
  CHARON_RETURN_IF_ERROR(
      cluster->Patch(context, ref, kubernetes::PatchType::kMerge, patch, "charon-restart")
          .status());
  progress(absl::StrCat("Restarting ", ref.ToString()));
  if (!config.wait.value_or(true)) return absl::OkStatus();
  operations::WaitFor wait;
  wait.rollout = true;
  CHARON_RETURN_IF_ERROR(operations::WaitUntilReady(context, *cluster, ref, wait));
  progress(absl::StrCat("All pods of ", ref.ToString(), " are new and ready"));
  return absl::OkStatus();
}

}  // namespace charon::kubernetes_resources
