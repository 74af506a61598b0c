// Pod Security Admission, asked at plan: it judges pods, not the workloads that make them.
#pragma once

#include "absl/status/status.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/render.h"
#include "resources/service/service.h"

namespace charon::service {

// Warns if the namespace's Pod Security Standard will refuse the pods of `workload`, and points at
// the container: its controller could make none of them. Nothing is said of a namespace that cannot
// be read or enforces nothing. A warning: the same run may change the namespace's labels.
absl::Status WarnOfPodSecurity(const sdk::Context& context, const Services& services,
                               const ServiceModel& model, const Rendered& workload);

}  // namespace charon::service
