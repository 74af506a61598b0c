#include "resources/service/replica_claims.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/quantity.h"
#include "resources/service/content.h"

namespace charon::service {

using kubernetes::Cluster;
using kubernetes::ObjectRef;
using kubernetes::Quantity;

absl::StatusOr<std::vector<Json>> ReplicaClaims(const Call& call, Cluster& cluster,
                                                const ServiceModel& model,
                                                const std::string& volume) {
  CHARON_ASSIGN_OR_RETURN(
      std::vector<Json> claims,
      cluster.List(call, {"v1", "PersistentVolumeClaim"}, {.name_space = *model.name_space}));
  const std::string prefix = absl::StrCat(volume, "-", model.NameOrDefault(), "-");
  claims.erase(std::remove_if(claims.begin(), claims.end(),
                              [&prefix](const Json& claim) {
                                const std::string name = kubernetes::Text(claim, "metadata.name");
                                const bool ordinal =
                                    absl::StartsWith(name, prefix) && name.size() > prefix.size() &&
                                    name.find_first_not_of("0123456789", prefix.size()) ==
                                        std::string::npos;
                                return !ordinal;
                              }),
               claims.end());
  return claims;
}

absl::Status RemoveReplicaClaims(const Call& call, Cluster& cluster, const ServiceModel& model,
                                 const std::string& volume, bool delete_data,
                                 std::vector<std::string>& kept, std::vector<ObjectRef>* deleted) {
  CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                          ReplicaClaims(call, cluster, model, volume));
  for (const Json& claim : claims) {
    const ObjectRef ref{{"v1", "PersistentVolumeClaim"},
                        *model.name_space,
                        kubernetes::Text(claim, "metadata.name")};
    if (!delete_data) {
      kept.push_back(KeyOf(ref));
      continue;
    }
    const absl::Status status = cluster.Delete(
        call, ref, {.propagation = "Background", .uid = kubernetes::Text(claim, "metadata.uid")});
    if (!status.ok() && !absl::IsNotFound(status))
      return Annotate(status, absl::StrCat("deleting ", ref.ToString()));
    if (deleted != nullptr) deleted->push_back(ref);
  }
  return absl::OkStatus();
}

absl::Status GrowClaim(const Call& call, Cluster& cluster, const ObjectRef& ref, const Json& live,
                       const std::string& size, const std::string& manager) {
  const absl::StatusOr<Quantity> wanted = Quantity::Parse(size);
  const absl::StatusOr<Quantity> now =
      Quantity::Parse(kubernetes::Text(live, "spec.resources.requests.storage"));
  if (!wanted.ok() || !now.ok() || *now >= *wanted) return absl::OkStatus();
  const Json patch = {{"spec", {{"resources", {{"requests", {{"storage", size}}}}}}}};
  return cluster.Patch(call, ref, kubernetes::PatchType::kMerge, patch, manager).status();
}

absl::Status GrowReplicaClaims(const Call& call, Cluster& cluster, const ServiceModel& model,
                               const std::string& manager) {
  for (const auto& [name, claim] : model.claims.value_or({})) {
    if (!IsPerReplica(claim)) continue;
    CHARON_ASSIGN_OR_RETURN(const std::vector<Json> claims,
                            ReplicaClaims(call, cluster, model, name));
    for (const Json& live : claims) {
      const ObjectRef ref{{"v1", "PersistentVolumeClaim"},
                          *model.name_space,
                          kubernetes::Text(live, "metadata.name")};
      CHARON_RETURN_IF_ERROR(At(Path("claims").Key(name).Attribute("size"),
                                GrowClaim(call, cluster, ref, live, *claim.size, manager)));
    }
  }
  return absl::OkStatus();
}

}  // namespace charon::service
