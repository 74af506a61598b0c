// What cannot become what is wanted, because of what it was made with. A workload is made anew, but
// never deleted before the server is known to take the new one; a claim stays.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/operations/apply_object.h"
#include "resources/service/render.h"

namespace charon::service {

// The server's refusal to change what a workload was made with and keeps for good.
bool IsAboutFixedFields(const absl::Status& refused);

// AlreadyExists if `live` is somebody else's workload and has other pods than `object` would have,
// with the ways out: no manager can change that.
absl::Status CheckPods(const Json& object, const Json& live,
                       const operations::ObjectOptions& options);

// AlreadyExists, with the ways out, if `live` is a claim with a volume of its own and `rendered` is
// that of an NFS export, or the other way round.
absl::Status CheckClaim(const Rendered& rendered, const Json& live,
                        const operations::ObjectOptions& options);

// FailedPrecondition if `live` is a claim that is being deleted and pods use it which nobody
// deletes: until they are gone there can be no other one of that name.
absl::Status CheckGoing(const Call& call, kubernetes::Cluster& cluster,
                        const kubernetes::ObjectRef& claim, const Json& live);

struct Remake {
  bool checked = false;             // the server was asked, and takes it
  bool around_pods = false;         // which go on running; else they go with the old one
  bool adds_volumes = false;        // that its pods do not have
  bool loses_theirs = false;        // what others wrote into the pod template goes
  std::vector<std::string> fields;  // what cannot change: "spec.volumeClaimTemplates"
  Json initial;                     // what counts only at creation, with the values it has by now
  Json carried;                     // what others wrote into the pod template: for CreateCarrying
};

// How to make the workload `live` anew as `object`. `fresh`: no state has it. What CheckPods says,
// and whatever else the server has against `object`.
absl::StatusOr<Remake> CheckRemake(const Call& call, kubernetes::Cluster& cluster,
                                   const Json& object, const Json& live,
                                   const operations::ObjectOptions& options, bool fresh);

}  // namespace charon::service
