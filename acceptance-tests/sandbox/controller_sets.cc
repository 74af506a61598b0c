// StatefulSets, DaemonSets and Jobs.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller_parts.h"
#include "status.h"

namespace charon::sandbox {
namespace {

constexpr char kRevisionLabel[] = "controller-revision-hash";

// The ControllerRevision of a template; made if it is not there. Returns its name.
std::string EnsureRevision(const Work& work, const Json& owner, const char* label,
                           const Json& extra_annotations) {
  const std::string ns = Text(owner, {"metadata", "namespace"});
  Json pod = Members(owner, {"spec", "template"});
  const std::string hash = TemplateHash(pod);
  const std::string name = absl::StrCat(Text(owner, {"metadata", "name"}), "-", hash);
  if (work.Get("apps/controllerrevisions", ns, name) != nullptr) return name;
  std::int64_t revision = 0;
  for (const ObjectPtr& one : work.In("apps/controllerrevisions", ns)) {
    if (IsOwnedBy(*one, owner)) revision = std::max(revision, Integer(*one, {"revision"}));
  }
  Json labels = Members(owner, {"spec", "selector", "matchLabels"});
  labels[label] = hash;
  pod["$patch"] = "replace";
  (void)work.Create("apps/v1", "ControllerRevision",
                    {{"metadata",
                      {{"name", name},
                       {"namespace", ns},
                       {"labels", labels},
                       {"annotations", extra_annotations},
                       {"ownerReferences", Json::array({ControllerReference(owner)})}}},
                     {"revision", revision + 1},
                     {"data", {{"spec", {{"template", pod}}}}}});
  return name;
}

// What pods of a DaemonSet are labelled with; those of a StatefulSet have the whole name.
std::string HashOf(const std::string& revision) { return revision.substr(revision.rfind('-') + 1); }

int OrdinalOf(const Json& pod, const std::string& set) {
  const std::string name = Text(pod, {"metadata", "name"});
  int ordinal = -1;
  if (name.size() > set.size() + 1 && name.compare(0, set.size() + 1, set + "-") == 0) {
    (void)absl::SimpleAtoi(name.substr(set.size() + 1), &ordinal);
  }
  return ordinal;
}

void MakeClaims(const Work& work, const Json& set, Json& pod, int ordinal) {
  const std::string ns = Text(set, {"metadata", "namespace"});
  for (const Json& claim_template : Items(set, {"spec", "volumeClaimTemplates"})) {
    const std::string volume = Text(claim_template, {"metadata", "name"});
    const std::string name =
        absl::StrCat(volume, "-", Text(set, {"metadata", "name"}), "-", ordinal);
    if (work.Get("/persistentvolumeclaims", ns, name) == nullptr) {
      Json metadata = Members(claim_template, {"metadata"});
      metadata["name"] = name;
      metadata["namespace"] = ns;
      Json labels = Members(set, {"spec", "selector", "matchLabels"});
      labels.update(Members(claim_template, {"metadata", "labels"}));
      metadata["labels"] = std::move(labels);
      const absl::Status status =
          work.Create("v1", "PersistentVolumeClaim",
                      {{"metadata", metadata}, {"spec", Members(claim_template, {"spec"})}});
      const std::string what =
          absl::StrCat("Claim ", name, " Pod ", Text(pod, {"metadata", "name"}), " in StatefulSet ",
                       Text(set, {"metadata", "name"}));
      work.Event(set, status.ok() ? "Normal" : "Warning",
                 status.ok() ? "SuccessfulCreate" : "FailedCreate",
                 status.ok()
                     ? absl::StrCat("create ", what, " success")
                     : absl::StrCat("create ", what,
                                    " failed error: ", Text(StatusBody(status), {"message"})),
                 "statefulset-controller");
    }
    pod["spec"]["volumes"].push_back(
        {{"name", volume}, {"persistentVolumeClaim", {{"claimName", name}}}});
  }
}

absl::Status MakeOrdinal(const Work& work, const Json& set, int ordinal,
                         const std::string& revision) {
  const std::string name = absl::StrCat(Text(set, {"metadata", "name"}), "-", ordinal);
  Json pod = PodFromTemplate(Members(set, {"spec", "template"}), set);
  pod["metadata"]["name"] = name;
  pod["metadata"]["generateName"] = Text(set, {"metadata", "name"}) + "-";
  Json& labels = Ensure(pod, {"metadata", "labels"});
  labels[kRevisionLabel] = revision;
  labels["statefulset.kubernetes.io/pod-name"] = name;
  labels["apps.kubernetes.io/pod-index"] = absl::StrCat(ordinal);
  pod["spec"]["hostname"] = name;
  const std::string service = Text(set, {"spec", "serviceName"});
  if (!service.empty()) pod["spec"]["subdomain"] = service;
  MakeClaims(work, set, pod, ordinal);
  bool is_new = false;
  const absl::Status status = TryPod(work, set, std::move(pod), &is_new);
  if (!is_new) return status;
  const std::string what =
      absl::StrCat("Pod ", name, " in StatefulSet ", Text(set, {"metadata", "name"}));
  work.Event(
      set, status.ok() ? "Normal" : "Warning", status.ok() ? "SuccessfulCreate" : "FailedCreate",
      status.ok()
          ? absl::StrCat("create ", what, " successful")
          : absl::StrCat("create ", what, " failed error: ", Text(StatusBody(status), {"message"})),
      "statefulset-controller");
  return status;
}

// As storageMatches of the real controller.
bool HasVolumes(const Json& set, const Json& pod, int ordinal) {
  for (const Json& claim_template : Items(set, {"spec", "volumeClaimTemplates"})) {
    const std::string volume = Text(claim_template, {"metadata", "name"});
    const std::string name =
        absl::StrCat(volume, "-", Text(set, {"metadata", "name"}), "-", ordinal);
    const Json& volumes = Items(pod, {"spec", "volumes"});
    if (std::none_of(volumes.begin(), volumes.end(), [&](const Json& has) {
          return Text(has, {"name"}) == volume &&
                 Text(has, {"persistentVolumeClaim", "claimName"}) == name;
        }))
      return false;
  }
  return true;
}

bool Tolerates(const Json& node, const Json& pod_spec) {
  const Json& labels = Members(node, {"metadata", "labels"});
  for (const auto& [key, value] : Members(pod_spec, {"nodeSelector"}).items()) {
    const auto it = labels.find(key);
    if (it == labels.end() || *it != value) return false;
  }
  return true;
}

}  // namespace

void ReconcileStatefulSet(const Work& work, const Json& set) {
  work.cluster.mu.AssertHeld();
  if (IsDeleted(set)) return;
  const ItemKey key = KeyOf("apps/statefulsets", set);
  const std::string name = Text(set, {"metadata", "name"});
  const int wanted = static_cast<int>(Integer(set, {"spec", "replicas"}, 1));
  const int start = static_cast<int>(Integer(set, {"spec", "ordinals", "start"}));
  const bool parallel = Text(set, {"spec", "podManagementPolicy"}) == "Parallel";
  const int partition =
      static_cast<int>(Integer(set, {"spec", "updateStrategy", "rollingUpdate", "partition"}));
  const bool on_delete = Text(set, {"spec", "updateStrategy", "type"}) == "OnDelete";
  const std::string update =
      EnsureRevision(work, set, "controller.kubernetes.io/hash", Json::object());
  std::string current = Text(set, {"status", "currentRevision"}, update);

  Adopt(work, set, "/pods");
  std::map<int, ObjectPtr> pods;
  for (const ObjectPtr& pod : OwnedPods(work, set)) pods[OrdinalOf(*pod, name)] = pod;
  bool settled = true;  // In order: everything before is ready.
  // A pod that lacks a volume, as those that a new set adopts: the controller tries to add it, is
  // refused, and does nothing more. In parallel that holds from the batch on in which it is: 1 pod,
  // 2, 4 and so on (Kubernetes v1.36, pkg/controller/statefulset, slowStartBatch).
  bool refused = false;
  int batch = 1;
  int batch_end = start + batch;
  for (int ordinal = start; ordinal < start + wanted && (parallel || (settled && !refused));
       ++ordinal) {
    if (ordinal == batch_end) {
      if (refused) break;
      batch *= 2;
      batch_end += batch;
    }
    const auto it = pods.find(ordinal);
    if (it == pods.end()) {
      MakeOrdinal(work, set, ordinal, update).IgnoreError();  // tried again in a while
      settled = false;
    } else if (IsFinished(*it->second) && !IsDeleted(*it->second)) {
      work.Delete(*it->second);
      settled = false;
    } else if (!parallel && (!IsReady(*it->second) || IsDeleted(*it->second))) {
      settled = false;
    } else if (!HasVolumes(set, *it->second, ordinal)) {
      refused = true;
      const std::string pod = Text(*it->second, {"metadata", "name"});
      work.Event(
          set, "Warning", "FailedUpdate",
          absl::StrCat("update Pod ", pod, " in StatefulSet ", name, " failed error: Pod \"", pod,
                       "\" is invalid: spec: Forbidden: pod updates may not change fields "
                       "other than `spec.containers[*].image`,"),
          "statefulset-controller");
    }
  }
  // Scaling down and updating go from the highest ordinal, one at a time.
  if (!refused && (parallel || settled)) {
    for (auto it = pods.rbegin(); it != pods.rend(); ++it) {
      const Json& pod = *it->second;
      const bool surplus = it->first >= start + wanted || it->first < start;
      const bool outdated = Text(pod, {"metadata", "labels", kRevisionLabel}) != update &&
                            it->first >= partition && !on_delete;
      if (!surplus && !outdated) continue;
      if (!IsDeleted(pod)) work.Delete(pod);
      if (!parallel || !surplus) break;
    }
  }
  // An update stuck on a pod that never got ready replaces that pod.
  for (const auto& [ordinal, pod] : pods) {
    if (!refused && !IsReady(*pod) && !IsDeleted(*pod) && !on_delete && ordinal >= partition &&
        Text(*pod, {"metadata", "labels", kRevisionLabel}) != update) {
      work.Delete(*pod);
    }
  }
  std::int64_t total = 0;
  std::int64_t ready = 0;
  std::int64_t of_current = 0;
  std::int64_t of_update = 0;
  for (const ObjectPtr& pod : OwnedPods(work, set)) {
    if (IsFinished(*pod)) continue;
    ++total;
    ready += IsReady(*pod) && !IsDeleted(*pod) ? 1 : 0;
    const std::string made_from = Text(*pod, {"metadata", "labels", kRevisionLabel});
    of_current += made_from == current ? 1 : 0;
    of_update += made_from == update ? 1 : 0;
  }
  if (of_update == wanted && ready == wanted) {
    current = update;
    of_current = of_update;
  }
  Json status = {{"observedGeneration", Integer(set, {"metadata", "generation"})},
                 {"replicas", total},
                 {"currentRevision", current},
                 {"updateRevision", update},
                 {"collisionCount", 0},
                 {"availableReplicas", ready}};
  if (ready > 0) status["readyReplicas"] = ready;
  if (of_current > 0) status["currentReplicas"] = of_current;
  if (of_update > 0) status["updatedReplicas"] = of_update;
  work.SetStatus(set, std::move(status));
}

void ReconcileDaemonSet(const Work& work, const Json& set) {
  work.cluster.mu.AssertHeld();
  if (IsDeleted(set)) return;
  const ItemKey key = KeyOf("apps/daemonsets", set);
  const Json& pod_template = Members(set, {"spec", "template"});
  const std::string update = EnsureRevision(
      work, set, kRevisionLabel,
      {{"deprecated.daemonset.template.generation",
        Text(set, {"metadata", "annotations", "deprecated.daemonset.template.generation"}, "1")}});
  Adopt(work, set, "/pods");
  std::map<std::string, ObjectPtr> by_node;
  for (const ObjectPtr& pod : OwnedPods(work, set)) {
    std::string node = Text(*pod, {"spec", "nodeName"});
    if (node.empty()) node = Text(*pod, {"metadata", "annotations", "sandbox/node"});
    by_node[node] = pod;
  }
  std::int64_t desired = 0;
  bool updating = false;
  std::set<std::string> wanted_nodes;
  for (const auto& [node_key, node] : work.cluster.store.All("/nodes")) {
    if (!Tolerates(*node, Members(pod_template, {"spec"}))) continue;
    ++desired;
    const std::string name = Text(*node, {"metadata", "name"});
    wanted_nodes.insert(name);
    const auto it = by_node.find(name);
    if (it == by_node.end()) {
      Json pod = PodFromTemplate(pod_template, set);
      pod["metadata"]["generateName"] = Text(set, {"metadata", "name"}) + "-";
      Json& labels = Ensure(pod, {"metadata", "labels"});
      labels[kRevisionLabel] = HashOf(update);
      labels["pod-template-generation"] = "1";
      pod["spec"]["nodeName"] = name;
      CreatePod(work, set, std::move(pod), "daemonset-controller")
          .IgnoreError();  // tried again in a while
      continue;
    }
    const bool outdated =
        Text(*it->second, {"metadata", "labels", kRevisionLabel}) != HashOf(update);
    if (IsDeleted(*it->second) || (!IsReady(*it->second) && !outdated)) {
      updating = true;
    } else if (outdated && (!updating || !IsReady(*it->second)) &&
               Text(set, {"spec", "updateStrategy", "type"}) != "OnDelete") {
      work.Delete(*it->second);
      updating = true;
    }
  }
  for (const auto& [node, pod] : by_node) {
    if (wanted_nodes.count(node) == 0 && !IsDeleted(*pod)) work.Delete(*pod);
  }
  std::int64_t scheduled = 0;
  std::int64_t ready = 0;
  std::int64_t updated = 0;
  for (const ObjectPtr& pod : OwnedPods(work, set)) {
    if (IsDeleted(*pod)) continue;
    ++scheduled;
    ready += IsReady(*pod) ? 1 : 0;
    updated += Text(*pod, {"metadata", "labels", kRevisionLabel}) == HashOf(update) ? 1 : 0;
  }
  Json status = {{"observedGeneration", Integer(set, {"metadata", "generation"})},
                 {"currentNumberScheduled", scheduled},
                 {"desiredNumberScheduled", desired},
                 {"numberMisscheduled", 0},
                 {"numberReady", ready}};
  if (updated > 0) status["updatedNumberScheduled"] = updated;
  if (ready > 0) status["numberAvailable"] = ready;
  if (desired > ready) status["numberUnavailable"] = desired - ready;
  work.SetStatus(set, std::move(status));
}

void ReconcileJob(const Work& work, const Json& job) {
  work.cluster.mu.AssertHeld();
  const ItemKey key = KeyOf("batch/jobs", job);
  if (IsDeleted(job)) return;
  const std::string now = work.cluster.NowText();
  Json status = Members(job, {"status"});
  for (const Json& condition : Items(status, {"conditions"})) {
    const std::string type = Text(condition, {"type"});
    if (Text(condition, {"status"}) != "True" || (type != "Complete" && type != "Failed")) continue;
    if (const Json* ttl = Find(job, {"spec", "ttlSecondsAfterFinished"})) {
      const absl::Time due = ParseTimeText(Text(condition, {"lastTransitionTime"})) +
                             absl::Seconds(ttl->get<std::int64_t>());
      if (work.cluster.Now() >= due) {
        work.Delete(job);
      } else {
        work.revisit(key, due);
      }
    }
    return;
  }
  const std::int64_t parallelism = Integer(job, {"spec", "parallelism"}, 1);
  const Json* completions = Find(job, {"spec", "completions"});
  const std::int64_t needed = completions == nullptr ? 1 : completions->get<std::int64_t>();
  std::int64_t active = 0;
  std::int64_t ready = 0;
  std::int64_t succeeded = 0;
  std::int64_t failed = 0;
  std::vector<ObjectPtr> running;
  for (const ObjectPtr& pod : OwnedPods(work, job)) {
    const std::string phase = Text(*pod, {"status", "phase"});
    if (phase == "Succeeded") {
      ++succeeded;
    } else if (phase == "Failed") {
      ++failed;
    } else if (!IsDeleted(*pod)) {
      ++active;
      ready += IsReady(*pod) ? 1 : 0;
      running.push_back(pod);
    }
  }
  const std::int64_t limit = Integer(job, {"spec", "backoffLimit"}, 6);
  const bool suspended = Flag(job, {"spec", "suspend"});
  const auto finish = [&](const char* type, const char* reason, const char* message) {
    for (const char* one :
         {std::string(type) == "Complete" ? "SuccessCriteriaMet" : "FailureTarget", type}) {
      SetCondition(status["conditions"],
                   {{"type", one},
                    {"status", "True"},
                    {"reason", reason},
                    {"message", message},
                    {"lastProbeTime", now}},
                   now, false);
    }
  };
  if (succeeded >= needed) {
    finish("Complete", "CompletionsReached", "Reached expected number of succeeded pods");
    status["completionTime"] = now;
    active = 0;
    work.Event(job, "Normal", "Completed", "Job completed", "job-controller");
    if (const Json* ttl = Find(job, {"spec", "ttlSecondsAfterFinished"})) {
      work.revisit(key, work.cluster.Now() + absl::Seconds(ttl->get<std::int64_t>()));
    }
  } else if (failed > limit) {
    finish("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
    for (const ObjectPtr& pod : running) work.Delete(*pod);
    active = 0;
    work.Event(job, "Warning", "BackoffLimitExceeded",
               "Job has reached the specified backoff limit", "job-controller");
  } else if (suspended) {
    SetCondition(status["conditions"],
                 {{"type", "Suspended"},
                  {"status", "True"},
                  {"reason", "JobSuspended"},
                  {"message", "Job suspended"},
                  {"lastProbeTime", now}},
                 now, false);
    for (const ObjectPtr& pod : running) work.Delete(*pod);
    active = 0;
  } else {
    if (!status.contains("startTime")) status["startTime"] = now;
    const std::int64_t wanted = std::min(parallelism, needed - succeeded);
    for (; active < wanted; ++active) {
      Json pod = PodFromTemplate(Members(job, {"spec", "template"}), job);
      pod["metadata"]["generateName"] = Text(job, {"metadata", "name"}) + "-";
      if (!CreatePod(work, job, std::move(pod), "job-controller").ok()) break;
    }
  }
  status["ready"] = ready;
  status["terminating"] = 0;
  status["uncountedTerminatedPods"] = Json::object();
  const std::pair<const char*, std::int64_t> counts[] = {
      {"active", active}, {"succeeded", succeeded}, {"failed", failed}};
  for (const auto& [name, count] : counts) {
    if (count > 0) {
      status[name] = count;
    } else {
      status.erase(name);
    }
  }
  work.SetStatus(job, std::move(status));
}

}  // namespace charon::sandbox
