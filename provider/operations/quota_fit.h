// Whether pods will fit, told before they are made: into the namespace's LimitRanges and
// ResourceQuotas, onto the nodes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::operations {

struct PodDemand {
  const kubernetes::Json* pod_spec = nullptr;  // spec of the pod template
  std::int64_t replicas = 1;
  std::int64_t surge = 0;                       // pods above that during a rollout
  bool on_each_node = false;                    // a DaemonSet's: `replicas` is what the nodes say
  std::map<std::string, std::string> selector;  // labels of the pods that these will replace
};

struct QuotaFit {
  // False: the namespace is not there yet, so there was nothing to look at.
  bool checked = false;
  // What does not fit, a line each, with the numbers. Empty: it fits.
  std::vector<std::string> problems;
};

// Compares each container and the pod with the namespace's LimitRanges; what the pods request (the
// sum of their containers or, if that is more, an init container, with the namespace's LimitRange
// defaults filled in as the server does) with the headroom of each ResourceQuota, to which the pods
// that will be replaced do not count, and one pod with the largest schedulable node that its node
// selector allows. Where each node is to have a pod, those count that its node selector and its
// tolerations allow (one, if nobody may see the nodes or a required affinity decides). Quotas with
// scopes are passed over. At most five requests.
absl::StatusOr<QuotaFit> CheckQuotaFit(const Call& call, kubernetes::Cluster& cluster,
                                       absl::string_view name_space, const PodDemand& demand);

}  // namespace charon::operations
