// What takes objects of a service away: exposure first, data only where it was said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

// Deletes objects one by one, and says in the end what it kept and what it did not wait for.
class Removal {
 public:
  // `model` says whether pods are waited for.
  Removal(const sdk::Context& context, kubernetes::Cluster& cluster, const ServiceModel& model)
      : context_(context), cluster_(cluster), model_(model) {}

  // What of `workload`, which is to be applied, has its pods go on as they are, as `rollout` says
  // it; "" if they are replaced, or this is not called.
  void NoteWorkload(const kubernetes::Json& workload);
  const std::string& leaves_pods() const { return leaves_pods_; }

  // Deletes the object, and waits until it is gone, unless pods use it that may be there for ever
  // after this run.
  absl::Status Remove(const kubernetes::ObjectRef& ref, const operations::ObjectOptions& options);
  // Deletes the claims of a volume's replicas, or keeps them. `in_use`: the pods stay.
  absl::Status RemoveReplicas(const ServiceModel& of, const std::string& volume, bool delete_data,
                              bool in_use);
  void Keep(const std::string& what) { kept_.push_back(what); }

  // Deletes every object with the mark in `options` that is neither in `known` nor in `content`, by
  // key: a run that was killed has left it. Nobody has said that what holds data may go: that is
  // kept.
  absl::Status RemoveLeftovers(const operations::ObjectOptions& options, const StringMap& known,
                               const StringMap& content);

  // As warnings.
  void TellKept() const;
  void TellHeld() const;

 private:
  bool NoteHeld(const kubernetes::ObjectRef& ref);
  std::vector<std::string> UsersOf(const kubernetes::ObjectRef& claim) const;

  const sdk::Context& context_;
  kubernetes::Cluster& cluster_;
  const ServiceModel& model_;
  std::string leaves_pods_;
  std::map<std::string, std::vector<std::string>> held_;  // by key: what NoteHeld found
  std::vector<std::string> kept_;
};

// The keys of all objects that have the mark in `options`, whatever a state knows, also outside of
// the service's namespace: a list of each kind.
absl::StatusOr<StringMap> MarkedObjects(const Call& call, kubernetes::Cluster& cluster,
                                        const ServiceModel& model,
                                        const operations::ObjectOptions& options);

// Takes all of a service away. What holds data stays unless `delete_data` says otherwise; what was
// kept is told. What stays because the create half of a replacement takes it again is added to
// `passed_on`, as keys.
absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior, std::vector<std::string>& passed_on);

}  // namespace charon::service
