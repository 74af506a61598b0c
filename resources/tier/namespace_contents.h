// What a namespace holds that its resource did not make: why it is not deleted.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::tier {

// Of what Kubernetes did not make by itself.
struct ForeignContents {
  std::vector<std::string> all;  // "ConfigMap/settings"
  // Of these, what stays of services and sets that have gone.
  std::vector<std::string> of_services;  // by their marks
  std::vector<std::string> of_replicas;
  std::vector<std::string> labelled_replicas;  // the same, with their labels
};

// What namespace `name` holds beside the objects with the mark `owner`. Asks for a list of each
// kind there is.
absl::StatusOr<ForeignContents> FindForeignContents(const Call& call, kubernetes::Cluster& cluster,
                                                    const std::string& name,
                                                    const std::string& owner);

// FailedPrecondition that says what namespace `name` holds, whose the data in it is and how to
// delete it.
absl::Status HoldsForeignContents(const ForeignContents& contents, const std::string& name);

}  // namespace charon::tier
