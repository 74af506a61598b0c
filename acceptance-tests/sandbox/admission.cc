#include "admission.h"

#include "absl/strings/str_cat.h"
#include "status.h"

namespace charon::sandbox {

absl::Status Mutate(Cluster& cluster, const Call& call, const Json& live, Json& object) {
  const Resource& resource = *call.resource;
  (void)object;
  if (!resource.namespaced || !live.is_null()) return absl::OkStatus();
  const ObjectPtr ns = cluster.store.Get("/namespaces", "", call.ns);
  if (ns == nullptr) return NotFound({"", "namespaces"}, call.ns);
  return absl::OkStatus();
}

absl::Status Admit(Cluster&, const Call&, const Json&, const Json&) { return absl::OkStatus(); }

}  // namespace charon::sandbox
