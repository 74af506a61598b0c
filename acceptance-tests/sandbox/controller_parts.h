// What the reconcilers share, and the reconcilers themselves.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CONTROLLER_PARTS_H_
#define ACCEPTANCE_TESTS_SANDBOX_CONTROLLER_PARTS_H_

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cluster.h"
#include "json.h"
#include "objects.h"

namespace charon::sandbox {

struct ItemKey {
  std::string resource;  // Resource::storage_key().
  std::string ns;
  std::string name;

  bool operator<(const ItemKey& other) const {
    return std::tie(resource, ns, name) < std::tie(other.resource, other.ns, other.name);
  }
};

// Needs the cluster's lock wherever it is used.
struct Work {
  Cluster& cluster;
  Objects& objects;
  // Looks at this item again at that time.
  std::function<void(const ItemKey&, absl::Time)> revisit;

  ObjectPtr Get(absl::string_view resource, absl::string_view ns, absl::string_view name) const;
  std::vector<ObjectPtr> In(absl::string_view resource, absl::string_view ns) const;
  // Nothing happens if the status is the same already.
  void SetStatus(const Json& live, Json status) const;
  void Update(Json object, absl::string_view subresource = "") const;
  void Delete(const Json& object) const;
  // Returns the refusal, if there is one.
  absl::Status Create(const char* api_version, const char* kind, Json object) const;
  void Event(const Json& about, absl::string_view type, absl::string_view reason,
             absl::string_view message, absl::string_view component) const;
  ResourcePtr ResourceOf(const Json& object) const;
};

ItemKey KeyOf(const std::string& resource, const Json& object);
// A reference that makes `owner` the controller of what carries it.
Json ControllerReference(const Json& owner);
const Json* ControllerOf(const Json& object);
bool IsOwnedBy(const Json& object, const Json& owner);
std::vector<ObjectPtr> OwnedPods(const Work& work, const Json& owner);
// Makes `owner` the controller of what its selector matches and nobody controls: what was orphaned
// when a former owner of that name went.
void Adopt(const Work& work, const Json& owner, absl::string_view resource);
bool IsReady(const Json& pod);
bool IsFinished(const Json& pod);
bool IsDeleted(const Json& object);
std::string TemplateHash(const Json& value);
// Sets or replaces the condition of that type; its transition time moves with its status.
void SetCondition(Json& conditions, Json condition, const std::string& now, bool with_update_time);
// "25%" of `total`, or a number.
std::int64_t Scaled(const Json* value, std::int64_t total, bool round_up);
// A duration such as "2s" in an annotation of a pod or other object.
absl::Duration AnnotatedDelay(const Json& object, const char* annotation);
Json PodFromTemplate(const Json& pod_template, const Json& owner);
// Creates a pod of a workload. What is refused is tried again after a while that doubles, as work
// queues do, or when the workload has changed; until then this returns the refusal that there was,
// and `is_new` is false.
absl::Status TryPod(const Work& work, const Json& owner, Json pod, bool* is_new);
// TryPod, and tells about it in an event.
absl::Status CreatePod(const Work& work, const Json& owner, Json pod, const char* component);

void ReconcilePod(const Work& work, const Json& pod);
void ReconcileDeployment(const Work& work, const Json& deployment);
void ReconcileReplicaSet(const Work& work, const Json& set);
void ReconcileStatefulSet(const Work& work, const Json& set);
void ReconcileDaemonSet(const Work& work, const Json& set);
void ReconcileJob(const Work& work, const Json& job);
void ReconcileNamespace(const Work& work, const Json& ns);
void ReconcileClaim(const Work& work, const Json& claim);
void ReconcileVolume(const Work& work, const Json& volume);
void ReconcileService(const Work& work, const Json& service);
void ReconcileIngress(const Work& work, const Json& ingress);
void ReconcileQuota(const Work& work, const Json& quota);
void ReconcileDisruptionBudget(const Work& work, const Json& budget);
void ReconcileDefinition(const Work& work, const Json& definition);
void ReconcileSecret(const Work& work, const Json& secret);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CONTROLLER_PARTS_H_
