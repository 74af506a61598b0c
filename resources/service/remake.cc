#include "resources/service/remake.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/pod_volumes.h"
#include "resources/service/content.h"

namespace charon::service {
namespace {

using kubernetes::Field;

// ["run=web"], or with another separator and quotes as in HCL.
std::vector<std::string> Labels(const Json& labels, absl::string_view between,
                                absl::string_view quote) {
  std::vector<std::string> parts;
  if (!labels.is_object()) return parts;
  for (const auto& [key, value] : labels.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const bool word = key.find_first_of("./") == std::string::npos;
    parts.push_back(
        absl::StrCat(word ? "" : quote, key, word ? "" : quote, between, quote, text, quote));
  }
  return parts;
}

// Which of the fields that a StatefulSet keeps for good are others than `object` wants them.
std::vector<std::string> FixedFields(const Json& object, const Json& live,
                                     absl::string_view manager) {
  std::vector<std::string> fields;
  for (const char* name :
       {"selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"}) {
    const std::string path = absl::StrCat("spec.", name);
    const Json& wanted = Field(object, path);
    const Json& there = Field(live, path);
    const bool same =
        wanted.is_null()
            ? there.is_null() || there == "OrderedReady"  // the server's default
            : wanted.size() == there.size() &&
                  kubernetes::Compare({{"spec", {{name, wanted}}}}, live, manager).empty();
    if (!same) fields.push_back(path);
  }
  return fields;
}

// Names of the claims that a StatefulSet makes for each replica.
std::set<std::string> Volumes(const Json& workload) {
  std::set<std::string> names;
  const Json& templates = Field(workload, "spec.volumeClaimTemplates");
  for (const Json& claim : templates.is_array() ? templates : Json::array())
    names.insert(kubernetes::Text(claim, "metadata.name"));
  return names;
}

}  // namespace

bool IsAboutFixedFields(const absl::Status& refused) {
  // Kubernetes, pkg/apis/apps/validation (ValidateStatefulSetUpdate), and apimachinery's
  // ValidateImmutableField for selectors.
  return absl::IsInvalidArgument(refused) &&
         (absl::StrContains(refused.message(), "updates to statefulset spec") ||
          absl::StrContains(refused.message(), "field is immutable"));
}

absl::Status CheckPods(const Json& object, const Json& live,
                       const operations::ObjectOptions& options) {
  const Json& wanted = Field(object, "spec.selector");
  const Json& there = Field(live, "spec.selector");
  if (wanted == there || operations::ClaimOf(&live, options) == operations::Claim::kOurs)
    return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ObjectRef ref, kubernetes::RefOf(object));
  const Json& labels = Field(there, "matchLabels");
  const Json& expressions = Field(there, "matchExpressions");
  const bool sayable = labels.is_object() && !labels.empty() && expressions.is_null();
  return At("selector",
            WithRemedy(
                absl::AlreadyExistsError(absl::StrCat(
                    KeyOf(ref), " exists already, and its pods are those with ",
                    sayable ? absl::StrJoin(Labels(labels, "=", ""), ",") : there.dump(),
                    "; the service's have ",
                    absl::StrJoin(Labels(Field(wanted, "matchLabels"), "=", ""), ","),
                    ". A workload keeps its selector for good")),
                absl::StrCat(
                    sayable ? absl::StrCat("To adopt it as it is, set selector = { ",
                                           absl::StrJoin(Labels(labels, " = ", "\""), ", "), " }. ")
                            : "",
                    "on_conflict = \"replace\" deletes it, and its pods, first.")));
}

absl::Status CheckClaim(const Rendered& rendered, const Json& live,
                        const operations::ObjectOptions& options) {
  if (operations::ClaimOf(&live, options) != operations::Claim::kOurs || operations::IsGoing(live))
    return absl::OkStatus();
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ObjectRef ref, kubernetes::RefOf(rendered.object));
  const std::string wanted = kubernetes::Text(rendered.object, "spec.volumeName");
  const std::string there = kubernetes::Text(live, "spec.volumeName");
  if (!wanted.empty() && there != wanted) {
    return WithRemedy(
        absl::AlreadyExistsError(absl::StrCat(
            KeyOf(ref), " exists already, from an entry of \"claims\" of that name, and holds ",
            there.empty() ? "its data" : absl::StrCat("the data of volume ", there),
            ". A claim keeps its volume for good")),
        absl::StrCat("Give this volume another name. If nobody needs that data any more: apply "
                     "once without the volume, delete the claim with kubectl delete "
                     "persistentvolumeclaim ",
                     ref.name, " -n ", ref.name_space, ", and apply with the volume."));
  }
  if (rendered.keeps_data && there == absl::StrCat(ref.name_space, "-", ref.name)) {
    return WithRemedy(absl::AlreadyExistsError(
                          absl::StrCat(KeyOf(ref), " exists already, for the NFS export of volume ",
                                       there, ". A claim keeps its volume for good")),
                      "Give this claim another name, or apply once without it: the claim of an "
                      "export goes with its entry of \"volumes\".");
  }
  return absl::OkStatus();
}

absl::Status CheckGoing(const Call& call, kubernetes::Cluster& cluster,
                        const kubernetes::ObjectRef& claim, const Json& live) {
  if (!operations::IsGoing(live)) return absl::OkStatus();
  const auto pods = operations::PodsUsing(call, cluster, claim);
  if (!pods.ok()) return absl::OkStatus();  // the wait for its end tells
  std::vector<std::string> names;
  for (const Json& pod : *pods) {
    if (!operations::IsGoing(pod)) names.push_back(kubernetes::Text(pod, "metadata.name"));
  }
  if (names.empty()) return absl::OkStatus();
  return WithRemedy(
      absl::FailedPreconditionError(
          absl::StrCat(KeyOf(claim),
                       " is being deleted, and is there, with its name, until the last pod that "
                       "uses it is gone: ",
                       absl::StrJoin(names, ", "))),
      absl::StrCat("Delete these pods (the new ones do not use it), then apply again: kubectl "
                   "delete pod ",
                   absl::StrJoin(names, " "), " -n ", claim.name_space));
}

absl::StatusOr<Remake> CheckRemake(const Call& call, kubernetes::Cluster& cluster,
                                   const Json& object, const Json& live,
                                   const operations::ObjectOptions& options, bool fresh) {
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ObjectRef ref, kubernetes::RefOf(object));
  Remake remake;
  remake.fields = FixedFields(object, live, operations::ComparedAs(live, options));
  const std::set<std::string> before = Volumes(live), now = Volumes(object);
  remake.adds_volumes = !std::includes(before.begin(), before.end(), now.begin(), now.end());
  remake.around_pods = Field(object, "spec.selector") == Field(live, "spec.selector");
  if (!remake.around_pods) {
    CHARON_RETURN_IF_ERROR(CheckPods(object, live, options));
    // What a create of ours left has no pods that anybody counts on.
    if (!fresh) {
      return WithRemedy(
          absl::FailedPreconditionError(
              absl::StrCat(KeyOf(ref), " has got another selector since it was made here: ",
                           Field(live, "spec.selector").dump())),
          "Replace the service (-replace): its pods go with the workload, its claims stay.");
    }
  }
  operations::ObjectOptions anew = options;
  if (options.initial != nullptr) {
    Json declared = *options.initial;
    declared["apiVersion"] = object["apiVersion"];
    declared["kind"] = object["kind"];
    remake.initial = kubernetes::Overlay(declared, live);
    anew.initial = &remake.initial;
  }
  if (remake.around_pods) {
    // What others wrote there stays, and so do its pods, as long as the rendering changes nothing.
    const Json templates = {{"spec", {{"template", Field(live, "spec.template")}}}};
    remake.carried =
        operations::LeftOf(templates, object, operations::Migrated(object, live, options), options);
    absl::StatusOr<bool> checked = operations::CheckMakeAnew(
        call, cluster, operations::WithCarried(object, remake.carried), anew);
    if (!absl::IsInvalidArgument(checked.status())) {
      CHARON_ASSIGN_OR_RETURN(remake.checked, std::move(checked));
      return remake;
    }
    remake.carried = Json();  // it does not go together with what is new
    remake.loses_theirs = true;
  }
  CHARON_ASSIGN_OR_RETURN(remake.checked, operations::CheckMakeAnew(call, cluster, object, anew));
  return remake;
}

}  // namespace charon::service
