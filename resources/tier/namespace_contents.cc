#include "resources/tier/namespace_contents.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/operations/apply_object.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using Json = nlohmann::json;

bool MadeByKubernetes(const std::string& kind, const Json& object) {
  const std::string name = kubernetes::Text(object, "metadata.name");
  const Json& owners = kubernetes::Field(object, "metadata.ownerReferences");
  if (owners.is_array() && !owners.empty()) return true;
  if (!kubernetes::Text(object, "metadata.deletionTimestamp").empty()) return true;
  if (kind == "ServiceAccount") return name == "default";
  if (kind == "ConfigMap") return name == "kube-root-ca.crt";
  if (kind == "Secret")
    return kubernetes::Text(object, "type") == "kubernetes.io/service-account-token";
  // Endpoints of a Service without an owner reference: made by the endpoints controller, gone with
  // it.
  return kind == "Event" || kind == "Endpoints" || kind == "EndpointSlice" || kind == "Lease" ||
         kind == "PodMetrics" || kind == "ControllerRevision";
}

// Whether a charon_service has made it for its data: that stays when the service goes.
bool IsDataOfAService(const std::string& kind, const Json& annotations) {
  return (kind == "PersistentVolumeClaim" || kind == "Secret") && annotations.is_object() &&
         absl::StrContains(annotations.value(operations::kOwnerAnnotation, ""), "/charon_service/");
}

// Whether the controller of a StatefulSet has made it for a replica: "<volume>-<set>-<ordinal>",
// with the labels of the set's selector (k8s.io/kubernetes/pkg/controller/statefulset,
// getPersistentVolumeClaims). It stays when the set goes, and has no mark of whose the set was.
bool IsClaimOfAReplica(const std::string& kind, const Json& object) {
  const std::string name = kubernetes::Text(object, "metadata.name");
  const std::size_t dash = name.rfind('-');
  std::int64_t ordinal = 0;
  return kind == "PersistentVolumeClaim" && dash != std::string::npos &&
         absl::SimpleAtoi(name.substr(dash + 1), &ordinal) && ordinal >= 0 &&
         !kubernetes::Field(object, "metadata.labels").empty();
}

// "app=web,tier=x".
std::string LabelsText(const Json& object) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : kubernetes::Field(object, "metadata.labels").items())
    labels.push_back(absl::StrCat(key, "=", value.is_string() ? value.get<std::string>() : ""));
  return absl::StrJoin(labels, ",");
}

std::string FirstFew(std::vector<std::string> names) {
  constexpr std::size_t kMost = 10;
  const std::size_t more = names.size() > kMost ? names.size() - kMost : 0;
  if (more > 0) names.resize(kMost);
  return absl::StrCat(absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

// Whose the data in namespace `name` is, and how to delete it.
std::string HintOnData(const ForeignContents& kept, const std::string& name) {
  if (kept.of_services.empty() && kept.of_replicas.empty()) return "";
  std::vector<std::string> all = kept.of_services;
  all.insert(all.end(), kept.of_replicas.begin(), kept.of_replicas.end());
  return absl::StrCat(
      "The data of a charon_service stays where its delete_data is not true (set before it is "
      "destroyed, and applied)",
      kept.labelled_replicas.empty()
          ? ""
          : absl::StrCat(", and so do the claims of the replicas of any StatefulSet, "
                         "which have the labels of its selector: ",
                         FirstFew(kept.labelled_replicas)),
      ". If nobody needs it any more: kubectl delete -n ", name, " ", FirstFew(all), ". ");
}

}  // namespace

absl::StatusOr<ForeignContents> FindForeignContents(const Call& call, kubernetes::Cluster& cluster,
                                                    const std::string& name,
                                                    const std::string& owner) {
  CHARON_ASSIGN_OR_RETURN(const std::vector<kubernetes::ResourceInfo> kinds, cluster.Kinds(call));
  ForeignContents found;
  std::set<std::string>
      seen;  // a kind served by two groups (Event) or versions lists the same objects
  for (const kubernetes::ResourceInfo& info : kinds) {
    const bool listable =
        std::find(info.verbs.begin(), info.verbs.end(), "list") != info.verbs.end();
    if (!info.namespaced || !listable) continue;
    kubernetes::ListOptions options;
    options.name_space = name;
    absl::StatusOr<std::vector<Json>> objects = cluster.List(call, info.kind, options);
    if (absl::IsNotFound(objects.status()) || absl::IsUnimplemented(objects.status())) continue;
    CHARON_RETURN_IF_ERROR(
        Annotate(objects.status(), absl::StrCat("looking for what namespace ", name, " holds")));
    for (const Json& object : *objects) {
      if (MadeByKubernetes(info.kind.kind, object)) continue;
      // They govern the namespace, whoever made them, and end with it.
      const std::string object_name = kubernetes::Text(object, "metadata.name");
      if (info.kind.kind == "LimitRange" && object_name == kLimitRangeName) continue;
      if (info.kind.kind == "ResourceQuota" && object_name == kQuotaName) continue;
      const Json& annotations = kubernetes::Field(object, "metadata.annotations");
      if (annotations.is_object() && annotations.value(operations::kOwnerAnnotation, "") == owner)
        continue;
      if (!seen.insert(kubernetes::Text(object, "metadata.uid")).second) continue;
      found.all.push_back(absl::StrCat(info.kind.kind, "/", object_name));
      if (IsDataOfAService(info.kind.kind, annotations)) {
        found.of_services.push_back(found.all.back());
      } else if (IsClaimOfAReplica(info.kind.kind, object)) {
        found.of_replicas.push_back(found.all.back());
        found.labelled_replicas.push_back(
            absl::StrCat(found.all.back(), " (", LabelsText(object), ")"));
      }
    }
  }
  return found;
}

absl::Status HoldsForeignContents(const ForeignContents& contents, const std::string& name) {
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat(
          "namespace ", name, " holds what this resource did not make: ", FirstFew(contents.all))),
      absl::StrCat(HintOnData(contents, name),
                   "Remove these first, or set delete_contents = true, apply, and destroy again."));
}

}  // namespace charon::tier
