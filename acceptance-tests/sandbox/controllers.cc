#include "controllers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "selector.h"

namespace charon::sandbox {
namespace {

// Items handled before the lock is offered to requests again.
constexpr int kItemsAStep = 20;
// How often clocks are looked at when nothing happens.
constexpr absl::Duration kTick = absl::Milliseconds(200);
constexpr absl::Duration kQuotaDelay = absl::Milliseconds(20);

const std::map<std::string, void (*)(const Work&, const Json&)>& Reconcilers() {
  static const auto& table = *new std::map<std::string, void (*)(const Work&, const Json&)>{
      {"/pods", ReconcilePod},
      {"/namespaces", ReconcileNamespace},
      {"/persistentvolumeclaims", ReconcileClaim},
      {"/persistentvolumes", ReconcileVolume},
      {"/resourcequotas", ReconcileQuota},
      {"/secrets", ReconcileSecret},
      {"/services", ReconcileService},
      {"apps/daemonsets", ReconcileDaemonSet},
      {"apps/deployments", ReconcileDeployment},
      {"apps/replicasets", ReconcileReplicaSet},
      {"apps/statefulsets", ReconcileStatefulSet},
      {"batch/jobs", ReconcileJob},
      {"networking.k8s.io/ingresses", ReconcileIngress},
      {"policy/poddisruptionbudgets", ReconcileDisruptionBudget},
      {"apiextensions.k8s.io/customresourcedefinitions", ReconcileDefinition},
  };
  return table;
}

std::string StorageKeyOf(const Cluster& cluster, const Json& reference)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(cluster.mu) {
  const ResourcePtr resource =
      cluster.kinds.FindKind(Text(reference, {"apiVersion"}), Text(reference, {"kind"}));
  return resource == nullptr ? "" : resource->storage_key();
}

}  // namespace

Controllers::~Controllers() { Stop(); }

void Controllers::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Controllers::Stop() {
  {
    absl::MutexLock lock(&cluster_.mu);
    cluster_.stopping = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Controllers::Loop() {
  while (true) {
    absl::MutexLock lock(&cluster_.mu);
    if (cluster_.stopping) return;
    if (Step()) continue;
    const auto news = [this] {
      cluster_.mu.AssertReaderHeld();
      return cluster_.stopping || cluster_.store.revision() > seen_revision_;
    };
    // Timers follow the cluster's clock, which may be advanced: hence the tick.
    absl::Duration wait = timers_.empty() ? absl::Seconds(1) : kTick;
    if (!timers_.empty()) {
      wait =
          std::min(wait, std::max(timers_.begin()->first - cluster_.Now(), absl::Milliseconds(1)));
    }
    cluster_.mu.AwaitWithTimeout(absl::Condition(&news), wait);
  }
}

void Controllers::RunUntilIdleForTest() {
  absl::MutexLock lock(&cluster_.mu);
  while (Step()) {
  }
}

bool Controllers::Step() {
  bool worked = false;
  if (cluster_.store.revision() > seen_revision_) {
    const std::vector<Change> changes = cluster_.store.AllChangesSince(seen_revision_);
    seen_revision_ = cluster_.store.revision();
    for (const Change& change : changes) Observe(change);
    worked = !changes.empty();
  }
  const absl::Time now = cluster_.Now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    dirty_.insert(timers_.begin()->second);
    timers_.erase(timers_.begin());
  }
  for (int i = 0; i < kItemsAStep && !dirty_.empty(); ++i) {
    const ItemKey key = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    counting_.erase(key);
    Reconcile(key);
    worked = true;
  }
  return worked;
}

void Controllers::Observe(const Change& change) {
  const Json& object = *change.object;
  const ItemKey key = KeyOf(change.resource, object);
  const std::string uid = Text(object, {"metadata", "uid"});
  if (change.previous != nullptr) {
    for (const Json& owner : Items(*change.previous, {"metadata", "ownerReferences"})) {
      const auto it = dependents_.find(Text(owner, {"uid"}));
      if (it == dependents_.end()) continue;
      it->second.erase(key);
      if (it->second.empty()) dependents_.erase(it);
    }
  }
  const bool gone = change.kind == Change::Kind::kDeleted;
  if (gone) {
    uids_.erase(uid);
    // Dependents look whether they still have an owner.
    const auto it = dependents_.find(uid);
    if (it != dependents_.end()) dirty_.insert(it->second.begin(), it->second.end());
  } else {
    uids_.insert(uid);
    for (const Json& owner : Items(object, {"metadata", "ownerReferences"})) {
      dependents_[Text(owner, {"uid"})].insert(key);
    }
    dirty_.insert(key);
  }
  for (const Json& owner : Items(object, {"metadata", "ownerReferences"})) {
    const std::string resource = StorageKeyOf(cluster_, owner);
    if (!resource.empty()) dirty_.insert({resource, key.ns, Text(owner, {"name"})});
  }
  // Who looks at other objects than its own.
  if (change.resource == "/pods") {
    const Json& before = change.previous == nullptr ? Json::object() : *change.previous;
    const bool moved = change.kind != Change::Kind::kModified ||
                       IsReady(before) != IsReady(object) ||
                       IsDeleted(before) != IsDeleted(object) ||
                       Text(before, {"status", "phase"}) != Text(object, {"status", "phase"});
    const auto selecting = [&](const char* resource, JsonPath selector, bool plain) {
      cluster_.mu.AssertHeld();
      for (const ObjectPtr& one : cluster_.store.In(resource, key.ns)) {
        const Json* chosen = Find(*one, selector);
        if (chosen == nullptr) continue;
        const Json wrapped = plain ? Json{{"matchLabels", *chosen}} : Json();
        const LabelSelector labels = LabelSelector::FromJson(plain ? &wrapped : chosen);
        if (labels.Matches(Members(object, {"metadata", "labels"}))) {
          dirty_.insert(KeyOf(resource, *one));
        }
      }
    };
    if (moved) {
      selecting("/services", {"spec", "selector"}, true);
      selecting("policy/poddisruptionbudgets", {"spec", "selector"}, false);
    }
    for (const Json& volume : Items(object, {"spec", "volumes"})) {
      const std::string claim = Text(volume, {"persistentVolumeClaim", "claimName"});
      if (!claim.empty()) dirty_.insert({"/persistentvolumeclaims", key.ns, claim});
    }
  }
  if (!key.ns.empty() && change.resource != "/resourcequotas" && change.resource != "/events" &&
      (change.kind != Change::Kind::kModified || change.resource == "/pods" ||
       change.resource == "/persistentvolumeclaims" || change.resource == "/services")) {
    // Counted a moment later, for many changes at once.
    for (const ObjectPtr& quota : cluster_.store.In("/resourcequotas", key.ns)) {
      const ItemKey item = KeyOf("/resourcequotas", *quota);
      if (!counting_.insert(item).second) continue;
      timers_.emplace(cluster_.Now() + kQuotaDelay, item);
    }
  }
  if (!key.ns.empty() && (gone || IsDeleted(object))) dirty_.insert({"/namespaces", "", key.ns});
  if (change.resource == "/persistentvolumeclaims" && gone) {
    dirty_.insert({"/persistentvolumes", "", Text(object, {"spec", "volumeName"})});
  }
  if (change.resource == "/nodes" && change.kind != Change::Kind::kModified) {
    for (const auto& [name, set] : cluster_.store.All("apps/daemonsets")) {
      dirty_.insert(KeyOf("apps/daemonsets", *set));
    }
  }
  if (change.resource == "storage.k8s.io/storageclasses" ||
      change.resource == "/persistentvolumes") {
    for (const auto& [name, claim] : cluster_.store.All("/persistentvolumeclaims")) {
      if (Text(*claim, {"status", "phase"}) != "Bound") {
        dirty_.insert(KeyOf("/persistentvolumeclaims", *claim));
      }
    }
  }
  // A definition that is going away waits for its last object.
  if (gone) {
    const auto slash = change.resource.rfind('/');
    const std::string name =
        change.resource.substr(slash + 1) + "." + change.resource.substr(0, slash);
    dirty_.insert({"apiextensions.k8s.io/customresourcedefinitions", "", name});
  }
}

void Controllers::Reconcile(const ItemKey& key) {
  ObjectPtr object = cluster_.store.Get(key.resource, key.ns, key.name);
  if (object == nullptr) return;
  if (!Items(*object, {"metadata", "ownerReferences"}).empty()) {
    CollectGarbage(*object, key.resource);
    object = cluster_.store.Get(key.resource, key.ns, key.name);
    if (object == nullptr) return;
  }
  if (IsDeleted(*object)) {
    ReconcileOwnerDeletion(key, *object);
    object = cluster_.store.Get(key.resource, key.ns, key.name);
    if (object == nullptr) return;
  }
  const auto reconciler = Reconcilers().find(key.resource);
  if (reconciler == Reconcilers().end()) return;
  const Work work{cluster_, objects_, [this](const ItemKey& item, absl::Time when) {
                    cluster_.mu.AssertHeld();
                    timers_.emplace(when, item);
                  }};
  reconciler->second(work, *object);
}

// Deletes what has lost all its owners, and drops references to owners that are gone.
void Controllers::CollectGarbage(const Json& object, const std::string& resource) {
  const Json& owners = Items(object, {"metadata", "ownerReferences"});
  Json present = Json::array();
  for (const Json& owner : owners) {
    const ObjectPtr found = uids_.count(Text(owner, {"uid"})) == 0 ? nullptr : [&]() -> ObjectPtr {
      cluster_.mu.AssertHeld();
      const std::string kind = StorageKeyOf(cluster_, owner);
      const std::string ns = Text(object, {"metadata", "namespace"});
      ObjectPtr one = cluster_.store.Get(kind, ns, Text(owner, {"name"}));
      return one != nullptr ? one : cluster_.store.Get(kind, "", Text(owner, {"name"}));
    }();
    if (found != nullptr && Text(*found, {"metadata", "uid"}) == Text(owner, {"uid"})) {
      present.push_back(owner);
    }
  }
  if (present.size() == owners.size() || IsDeleted(object)) return;
  const auto slash = resource.rfind('/');
  const ResourcePtr kind =
      cluster_.kinds.FindAnyVersion(resource.substr(0, slash), resource.substr(slash + 1));
  if (kind == nullptr) return;
  if (present.empty()) {
    Call call;
    call.resource = kind;
    call.ns = Text(object, {"metadata", "namespace"});
    call.name = Text(object, {"metadata", "name"});
    call.internal = true;
    DeleteOptions options;
    options.propagation = "Background";
    (void)objects_.Delete(call, options);
  } else {
    Json copy = object;
    copy["metadata"]["ownerReferences"] = std::move(present);
    objects_.Replace(*kind, std::move(copy), "kube-controller-manager");
  }
}

// Foreground deletion waits for dependents, orphaning cuts them loose.
void Controllers::ReconcileOwnerDeletion(const ItemKey& key, const Json& object) {
  const Json& finalizers = Items(object, {"metadata", "finalizers"});
  const auto has = [&](const char* name) {
    return std::find(finalizers.begin(), finalizers.end(), Json(name)) != finalizers.end();
  };
  const bool foreground = has("foregroundDeletion");
  const bool orphan = has("orphan");
  if (!foreground && !orphan) return;
  const std::string uid = Text(object, {"metadata", "uid"});
  const auto it = dependents_.find(uid);
  const std::set<ItemKey> dependents = it == dependents_.end() ? std::set<ItemKey>() : it->second;
  bool blocked = false;
  for (const ItemKey& dependent : dependents) {
    const ObjectPtr found = cluster_.store.Get(dependent.resource, dependent.ns, dependent.name);
    const auto slash = dependent.resource.rfind('/');
    const ResourcePtr kind = cluster_.kinds.FindAnyVersion(dependent.resource.substr(0, slash),
                                                           dependent.resource.substr(slash + 1));
    if (found == nullptr || kind == nullptr) continue;
    if (orphan) {
      Json copy = *found;
      Json& references = copy["metadata"]["ownerReferences"];
      Json rest = Json::array();
      for (const Json& one : references) {
        if (Text(one, {"uid"}) != uid) rest.push_back(one);
      }
      references = std::move(rest);
      objects_.Replace(*kind, std::move(copy), "kube-controller-manager");
      continue;
    }
    for (const Json& one : Items(*found, {"metadata", "ownerReferences"})) {
      if (Text(one, {"uid"}) == uid && Flag(one, {"blockOwnerDeletion"})) blocked = true;
    }
    if (!IsDeleted(*found)) {
      Call call;
      call.resource = kind;
      call.ns = dependent.ns;
      call.name = dependent.name;
      call.internal = true;
      DeleteOptions options;
      options.propagation = "Foreground";
      (void)objects_.Delete(call, options);
    }
  }
  if (blocked) return;
  const auto slash = key.resource.rfind('/');
  const ResourcePtr kind =
      cluster_.kinds.FindAnyVersion(key.resource.substr(0, slash), key.resource.substr(slash + 1));
  if (kind == nullptr) return;
  Json copy = object;
  Json rest = Json::array();
  for (const Json& one : finalizers) {
    if (one != (orphan ? "orphan" : "foregroundDeletion")) rest.push_back(one);
  }
  copy["metadata"]["finalizers"] = std::move(rest);
  objects_.Replace(*kind, std::move(copy), "kube-controller-manager");
}

}  // namespace charon::sandbox
