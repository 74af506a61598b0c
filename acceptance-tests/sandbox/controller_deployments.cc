// Deployments and ReplicaSets: rolling out, scaling, and saying how far it got.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller_parts.h"
#include "status.h"

namespace charon::sandbox {
namespace {

constexpr char kRevision[] = "deployment.kubernetes.io/revision";
constexpr char kDesired[] = "deployment.kubernetes.io/desired-replicas";
constexpr char kMaximum[] = "deployment.kubernetes.io/max-replicas";
constexpr char kHashLabel[] = "pod-template-hash";
constexpr char kDeploymentController[] = "deployment-controller";

std::int64_t Replicas(const Json& object) { return Integer(object, {"spec", "replicas"}, 1); }

bool IsAvailable(const Work& work, const Json& pod, std::int64_t min_ready_seconds,
                 absl::Time* when) {
  if (!IsReady(pod) || IsDeleted(pod)) return false;
  if (min_ready_seconds == 0) return true;
  work.cluster.mu.AssertHeld();
  for (const Json& condition : Items(pod, {"status", "conditions"})) {
    if (Text(condition, {"type"}) != "Ready") continue;
    const absl::Time due =
        ParseTimeText(Text(condition, {"lastTransitionTime"})) + absl::Seconds(min_ready_seconds);
    if (due <= work.cluster.Now()) return true;
    *when = std::min(*when, due);
  }
  return false;
}

std::vector<ObjectPtr> OwnedSets(const Work& work, const Json& deployment) {
  std::vector<ObjectPtr> out;
  const std::string ns = Text(deployment, {"metadata", "namespace"});
  for (const ObjectPtr& set : work.In("apps/replicasets", ns)) {
    if (IsOwnedBy(*set, deployment)) out.push_back(set);
  }
  return out;
}

std::int64_t Revision(const Json& object) {
  std::int64_t revision = 0;
  (void)absl::SimpleAtoi(Text(object, {"metadata", "annotations", kRevision}), &revision);
  return revision;
}

void ScaleSet(const Work& work, const Json& deployment, const Json& set, std::int64_t replicas) {
  const std::int64_t before = Replicas(set);
  if (before == replicas) return;
  Json copy = set;
  copy["spec"]["replicas"] = replicas;
  work.Update(std::move(copy));
  work.Event(deployment, "Normal", "ScalingReplicaSet",
             absl::StrCat("Scaled ", replicas > before ? "up" : "down", " replica set ",
                          Text(set, {"metadata", "name"}), " from ", before, " to ", replicas),
             kDeploymentController);
}

Json PlainTemplate(const Json& object) {
  Json pod = Members(object, {"spec", "template"});
  Erase(pod, {"metadata", "labels", kHashLabel});
  return pod;
}

struct Rollout {
  std::int64_t wanted = 0;
  std::int64_t surge = 0;
  std::int64_t unavailable = 0;
};

Rollout RolloutOf(const Json& deployment) {
  Rollout out;
  out.wanted = Replicas(deployment);
  const Json* rolling = Find(deployment, {"spec", "strategy", "rollingUpdate"});
  if (rolling == nullptr) return out;
  out.surge = Scaled(Find(*rolling, {"maxSurge"}), out.wanted, true);
  out.unavailable = Scaled(Find(*rolling, {"maxUnavailable"}), out.wanted, false);
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;
  out.unavailable = std::min(out.unavailable, out.wanted);
  return out;
}

ObjectPtr MakeSet(const Work& work, const Json& deployment, std::int64_t revision,
                  std::int64_t replicas, std::int64_t maximum) {
  const Json pod = Members(deployment, {"spec", "template"});
  const std::string hash = TemplateHash(pod);
  const std::string ns = Text(deployment, {"metadata", "namespace"});
  const std::string name = absl::StrCat(Text(deployment, {"metadata", "name"}), "-", hash);
  Json annotations = Members(deployment, {"metadata", "annotations"});
  annotations.erase("kubectl.kubernetes.io/last-applied-configuration");
  annotations[kRevision] = absl::StrCat(revision);
  annotations[kDesired] = absl::StrCat(Replicas(deployment));
  annotations[kMaximum] = absl::StrCat(maximum);
  Json labels = Members(pod, {"metadata", "labels"});
  labels[kHashLabel] = hash;
  Json selector = Members(deployment, {"spec", "selector"});
  Ensure(selector, {"matchLabels"})[kHashLabel] = hash;
  Json labelled = pod;
  Ensure(labelled, {"metadata", "labels"})[kHashLabel] = hash;
  Json spec = {{"replicas", replicas}, {"selector", selector}, {"template", labelled}};
  if (const Json* seconds = Find(deployment, {"spec", "minReadySeconds"})) {
    spec["minReadySeconds"] = *seconds;
  }
  const absl::Status status =
      work.Create("apps/v1", "ReplicaSet",
                  {{"metadata",
                    {{"name", name},
                     {"namespace", ns},
                     {"labels", labels},
                     {"annotations", annotations},
                     {"ownerReferences", Json::array({ControllerReference(deployment)})}}},
                   {"spec", std::move(spec)}});
  if (status.ok() && replicas > 0) {
    work.Event(deployment, "Normal", "ScalingReplicaSet",
               absl::StrCat("Scaled up replica set ", name, " from 0 to ", replicas),
               kDeploymentController);
  }
  return work.Get("apps/replicasets", ns, name);
}

// Moves pods from the old sets to the new one as the strategy allows.
void RollOut(const Work& work, const Json& deployment, const Json& current,
             const std::vector<ObjectPtr>& old_sets, const Rollout& rollout) {
  std::int64_t old_total = 0;
  std::int64_t available = Integer(current, {"status", "availableReplicas"});
  for (const ObjectPtr& set : old_sets) {
    old_total += Replicas(*set);
    available += Integer(*set, {"status", "availableReplicas"});
  }
  std::int64_t new_replicas = Replicas(current);
  if (Text(deployment, {"spec", "strategy", "type"}) == "Recreate") {
    bool pods_left = false;
    for (const ObjectPtr& set : old_sets) {
      ScaleSet(work, deployment, *set, 0);
      pods_left = pods_left || !OwnedPods(work, *set).empty();
    }
    if (!pods_left) ScaleSet(work, deployment, current, rollout.wanted);
    return;
  }
  const std::int64_t room = rollout.wanted + rollout.surge - old_total;
  const std::int64_t target = std::max<std::int64_t>(0, std::min(rollout.wanted, room));
  if (new_replicas > rollout.wanted || target > new_replicas) {
    new_replicas =
        std::min(rollout.wanted, std::max(target, std::min(new_replicas, rollout.wanted)));
    ScaleSet(work, deployment, current, new_replicas);
  }
  const std::int64_t least = rollout.wanted - rollout.unavailable;
  const std::int64_t not_yet = new_replicas - Integer(current, {"status", "availableReplicas"});
  std::int64_t spare = old_total + new_replicas - least - std::max<std::int64_t>(0, not_yet);
  if (spare <= 0) return;
  // Those that do not work go first, they cost nothing.
  std::map<std::string, std::int64_t> size;
  for (const ObjectPtr& set : old_sets) {
    const std::string name = Text(*set, {"metadata", "name"});
    size[name] = Replicas(*set);
    const std::int64_t broken =
        std::max<std::int64_t>(0, size[name] - Integer(*set, {"status", "availableReplicas"}));
    const std::int64_t cut = std::min(spare, broken);
    size[name] -= cut;
    spare -= cut;
  }
  std::int64_t healthy = std::min(spare, available - least);
  for (const ObjectPtr& set : old_sets) {
    const std::string name = Text(*set, {"metadata", "name"});
    const std::int64_t cut = std::max<std::int64_t>(0, std::min(healthy, size[name]));
    size[name] -= cut;
    healthy -= cut;
    ScaleSet(work, deployment, *set, size[name]);
  }
}

void TrimHistory(const Work& work, const Json& deployment, std::vector<ObjectPtr> old_sets) {
  const std::int64_t limit = Integer(deployment, {"spec", "revisionHistoryLimit"}, 10);
  std::erase_if(old_sets, [](const ObjectPtr& set) {
    return Replicas(*set) != 0 || Integer(*set, {"status", "replicas"}) != 0 || IsDeleted(*set);
  });
  std::sort(old_sets.begin(), old_sets.end(),
            [](const ObjectPtr& a, const ObjectPtr& b) { return Revision(*a) < Revision(*b); });
  while (static_cast<std::int64_t>(old_sets.size()) > limit) {
    work.Delete(*old_sets.front());
    old_sets.erase(old_sets.begin());
  }
}

void WriteStatus(const Work& work, const Json& deployment, const ObjectPtr& current,
                 const std::vector<ObjectPtr>& sets, const Rollout& rollout) {
  work.cluster.mu.AssertHeld();
  const std::string now = work.cluster.NowText();
  std::int64_t total = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  std::int64_t terminating = 0;
  for (const ObjectPtr& set : sets) {
    total += Integer(*set, {"status", "replicas"});
    ready += Integer(*set, {"status", "readyReplicas"});
    available += Integer(*set, {"status", "availableReplicas"});
    terminating += Integer(*set, {"status", "terminatingReplicas"});
  }
  const std::int64_t updated = current == nullptr ? 0 : Integer(*current, {"status", "replicas"});
  Json status = {{"observedGeneration", Integer(deployment, {"metadata", "generation"})},
                 {"replicas", total},
                 {"updatedReplicas", updated},
                 {"readyReplicas", ready},
                 {"availableReplicas", available},
                 {"terminatingReplicas", terminating},
                 {"unavailableReplicas", std::max<std::int64_t>(0, rollout.wanted - available)}};
  Json conditions = Items(deployment, {"status", "conditions"});
  const bool enough = available >= rollout.wanted - rollout.unavailable;
  SetCondition(conditions,
               {{"type", "Available"},
                {"status", enough ? "True" : "False"},
                {"reason", enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"},
                {"message", enough ? "Deployment has minimum availability."
                                   : "Deployment does not have minimum availability."}},
               now, true);
  // What the new set could not create.
  std::string failure;
  for (const ObjectPtr& set : sets) {
    for (const Json& condition : Items(*set, {"status", "conditions"})) {
      if (Text(condition, {"type"}) == "ReplicaFailure") failure = Text(condition, {"message"});
    }
  }
  if (!failure.empty()) {
    SetCondition(conditions,
                 {{"type", "ReplicaFailure"},
                  {"status", "True"},
                  {"reason", "FailedCreate"},
                  {"message", failure}},
                 now, true);
  } else {
    Json rest = Json::array();
    for (const Json& one : conditions) {
      if (Text(one, {"type"}) != "ReplicaFailure") rest.push_back(one);
    }
    conditions = std::move(rest);
  }
  if (current != nullptr) {
    const std::string set = Text(*current, {"metadata", "name"});
    const bool done =
        updated == rollout.wanted && total == rollout.wanted && available == rollout.wanted;
    Json progress = {{"type", "Progressing"}, {"status", "True"}};
    const Json& before = Items(deployment, {"status", "conditions"});
    std::string last_reason;
    std::string last_update;
    for (const Json& one : before) {
      if (Text(one, {"type"}) != "Progressing") continue;
      last_reason = Text(one, {"reason"});
      last_update = Text(one, {"lastUpdateTime"});
    }
    const bool moved = Integer(deployment, {"status", "updatedReplicas"}) != updated ||
                       Integer(deployment, {"status", "readyReplicas"}) != ready ||
                       Integer(deployment, {"status", "availableReplicas"}) != available ||
                       Integer(deployment, {"status", "replicas"}) != total;
    const absl::Time deadline =
        ParseTimeText(last_update) +
        absl::Seconds(Integer(deployment, {"spec", "progressDeadlineSeconds"}, 600));
    if (done) {
      progress["reason"] = "NewReplicaSetAvailable";
      progress["message"] = absl::StrCat("ReplicaSet \"", set, "\" has successfully progressed.");
    } else if (!last_update.empty() && !moved && last_reason != "NewReplicaSetAvailable" &&
               work.cluster.Now() >= deadline) {
      progress["status"] = "False";
      progress["reason"] = "ProgressDeadlineExceeded";
      progress["message"] = absl::StrCat("ReplicaSet \"", set, "\" has timed out progressing.");
    } else {
      progress["reason"] = last_reason.empty() ? "NewReplicaSetCreated" : "ReplicaSetUpdated";
      progress["message"] = last_reason.empty()
                                ? absl::StrCat("Created new replica set \"", set, "\"")
                                : absl::StrCat("ReplicaSet \"", set, "\" is progressing.");
      if (last_reason == "ProgressDeadlineExceeded" && !moved) {
        progress["status"] = "False";
        progress["reason"] = last_reason;
        progress["message"] = absl::StrCat("ReplicaSet \"", set, "\" has timed out progressing.");
      } else if (!last_update.empty() && deadline > work.cluster.Now()) {
        work.revisit(KeyOf("apps/deployments", deployment), deadline + absl::Seconds(1));
      }
    }
    SetCondition(conditions, std::move(progress), now, true);
    if (moved) {
      for (Json& one : conditions) {
        if (Text(one, {"type"}) == "Progressing") one["lastUpdateTime"] = now;
      }
    }
  }
  status["conditions"] = std::move(conditions);
  for (const char* zero : {"unavailableReplicas", "replicas", "updatedReplicas", "readyReplicas",
                           "availableReplicas"}) {
    if (status[zero] == 0) status.erase(zero);
  }
  work.SetStatus(deployment, std::move(status));
}

}  // namespace

void ReconcileDeployment(const Work& work, const Json& deployment) {
  if (IsDeleted(deployment)) return;
  const Rollout rollout = RolloutOf(deployment);
  Adopt(work, deployment, "apps/replicasets");
  std::vector<ObjectPtr> sets = OwnedSets(work, deployment);
  const Json wanted = PlainTemplate(deployment);
  ObjectPtr current;
  std::int64_t last_revision = 0;
  for (const ObjectPtr& set : sets) {
    last_revision = std::max(last_revision, Revision(*set));
    if (PlainTemplate(*set) == wanted) current = set;
  }
  const bool paused = Flag(deployment, {"spec", "paused"});
  std::int64_t old_total = 0;
  for (const ObjectPtr& set : sets) old_total += set == current ? 0 : Replicas(*set);
  const bool recreate = Text(deployment, {"spec", "strategy", "type"}) == "Recreate";
  if (current == nullptr && !paused) {
    std::int64_t first = std::min(rollout.wanted, rollout.wanted + rollout.surge - old_total);
    if (recreate && old_total > 0) first = 0;
    current = MakeSet(work, deployment, last_revision + 1, std::max<std::int64_t>(0, first),
                      rollout.wanted + rollout.surge);
    if (current != nullptr) last_revision = Revision(*current);
    sets = OwnedSets(work, deployment);
  } else if (current != nullptr && !paused) {
    Json annotated = *current;
    Json& annotations = Ensure(annotated, {"metadata", "annotations"});
    // Going back to an old template makes its set the newest again.
    if (Revision(*current) < last_revision) annotations[kRevision] = absl::StrCat(++last_revision);
    annotations[kDesired] = absl::StrCat(rollout.wanted);
    annotations[kMaximum] = absl::StrCat(rollout.wanted + rollout.surge);
    if (annotated != *current) {
      work.Update(std::move(annotated));
      sets = OwnedSets(work, deployment);
      current = work.Get("apps/replicasets", Text(*current, {"metadata", "namespace"}),
                         Text(*current, {"metadata", "name"}));
    }
  }
  if (current != nullptr) {
    Json annotated = deployment;
    Ensure(annotated, {"metadata", "annotations"})[kRevision] = absl::StrCat(Revision(*current));
    if (annotated != deployment) {
      work.Update(std::move(annotated), "status");
    }
    std::vector<ObjectPtr> old_sets;
    for (const ObjectPtr& set : sets) {
      if (Text(*set, {"metadata", "uid"}) != Text(*current, {"metadata", "uid"})) {
        old_sets.push_back(set);
      }
    }
    if (!paused) RollOut(work, deployment, *current, old_sets, rollout);
    TrimHistory(work, deployment, old_sets);
  }
  const ObjectPtr fresh = work.Get("apps/deployments", Text(deployment, {"metadata", "namespace"}),
                                   Text(deployment, {"metadata", "name"}));
  if (fresh != nullptr) WriteStatus(work, *fresh, current, OwnedSets(work, deployment), rollout);
}

void ReconcileReplicaSet(const Work& work, const Json& set) {
  work.cluster.mu.AssertHeld();
  if (IsDeleted(set)) return;
  const ItemKey key = KeyOf("apps/replicasets", set);
  const std::int64_t wanted = Replicas(set);
  const std::string now = work.cluster.NowText();
  Adopt(work, set, "/pods");
  std::vector<ObjectPtr> active;
  for (const ObjectPtr& pod : OwnedPods(work, set)) {
    if (!IsDeleted(*pod) && !IsFinished(*pod)) active.push_back(pod);
  }
  Json conditions = Items(set, {"status", "conditions"});
  std::string refusal;
  for (std::int64_t i = static_cast<std::int64_t>(active.size()); i < wanted; ++i) {
    Json pod = PodFromTemplate(Members(set, {"spec", "template"}), set);
    pod["metadata"]["generateName"] = Text(set, {"metadata", "name"}) + "-";
    const absl::Status status = CreatePod(work, set, std::move(pod), "replicaset-controller");
    if (status.ok()) continue;
    refusal = Text(StatusBody(status), {"message"});
    break;
  }
  if (static_cast<std::int64_t>(active.size()) > wanted) {
    // Pods that are not ready go first, then the youngest.
    std::stable_sort(active.begin(), active.end(), [](const ObjectPtr& a, const ObjectPtr& b) {
      return std::make_pair(IsReady(*a), Text(*b, {"metadata", "creationTimestamp"})) <
             std::make_pair(IsReady(*b), Text(*a, {"metadata", "creationTimestamp"}));
    });
    const std::size_t surplus = active.size() - static_cast<std::size_t>(wanted);
    for (std::size_t i = 0; i < surplus; ++i) {
      work.Delete(*active[i]);
      work.Event(set, "Normal", "SuccessfulDelete",
                 absl::StrCat("Deleted pod: ", Text(*active[i], {"metadata", "name"})),
                 "replicaset-controller");
    }
  }
  std::int64_t total = 0;
  std::int64_t ready = 0;
  std::int64_t available = 0;
  std::int64_t terminating = 0;
  absl::Time when = absl::InfiniteFuture();
  for (const ObjectPtr& pod : OwnedPods(work, set)) {
    if (IsDeleted(*pod)) {
      ++terminating;
      continue;
    }
    if (IsFinished(*pod)) continue;
    ++total;
    ready += IsReady(*pod) ? 1 : 0;
    available += IsAvailable(work, *pod, Integer(set, {"spec", "minReadySeconds"}), &when) ? 1 : 0;
  }
  if (when != absl::InfiniteFuture()) work.revisit(key, when);
  Json rest = Json::array();
  for (const Json& one : conditions) {
    if (Text(one, {"type"}) != "ReplicaFailure") rest.push_back(one);
  }
  if (!refusal.empty()) {
    SetCondition(rest,
                 {{"type", "ReplicaFailure"},
                  {"status", "True"},
                  {"reason", "FailedCreate"},
                  {"message", refusal}},
                 now, false);
  }
  Json status = {{"observedGeneration", Integer(set, {"metadata", "generation"})},
                 {"replicas", total},
                 {"terminatingReplicas", terminating}};
  if (total > 0) status["fullyLabeledReplicas"] = total;
  if (ready > 0) status["readyReplicas"] = ready;
  if (available > 0) status["availableReplicas"] = available;
  if (!rest.empty()) status["conditions"] = std::move(rest);
  work.SetStatus(set, std::move(status));
}

}  // namespace charon::sandbox
