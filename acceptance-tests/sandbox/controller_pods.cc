// Scheduler and kubelet in one: pods get a node and become what their annotations say.

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller_parts.h"
#include "quantity.h"
#include "quota.h"

namespace charon::sandbox {
namespace {

std::string Annotation(const Json& pod, const char* name) {
  return Text(pod, {"metadata", "annotations", name});
}

bool HasAnnotation(const Json& pod, const char* name) {
  return Find(pod, {"metadata", "annotations", name}) != nullptr;
}

Json Condition(const char* type, const char* status, const char* reason = "",
               const std::string& message = "") {
  Json out = {{"type", type}, {"status", status}, {"lastProbeTime", nullptr}};
  if (reason[0] != '\0') out["reason"] = reason;
  if (!message.empty()) out["message"] = message;
  return out;
}

bool NodeFits(const Json& node, const Json& pod) {
  if (Flag(node, {"spec", "unschedulable"})) return false;
  const Json& labels = Members(node, {"metadata", "labels"});
  for (const auto& [key, value] : Members(pod, {"spec", "nodeSelector"}).items()) {
    const auto it = labels.find(key);
    if (it == labels.end() || *it != value) return false;
  }
  return true;
}

// Resources a pod asks for that no node has at all, e.g. a GPU.
std::string MissingResource(const Json& node, const Json& pod) {
  for (const auto& [name, amount] : PodAmounts(pod, "requests")) {
    const Json* there = Find(node, {"status", "allocatable", name.c_str()});
    if (there == nullptr || Quantity::FromJson(*there) < amount) return name;
  }
  return "";
}

void Schedule(const Work& work, const Json& pod) {
  work.cluster.mu.AssertHeld();
  const std::string now = work.cluster.NowText();
  const Store::Objects& nodes = work.cluster.store.All("/nodes");
  std::vector<ObjectPtr> fitting;
  std::map<std::string, int> why;
  const bool refused = Annotation(pod, "test/unschedulable") == "true";
  for (const auto& [key, node] : nodes) {
    if (refused || !NodeFits(*node, pod)) {
      ++why["node(s) didn't match Pod's node affinity/selector"];
    } else if (const std::string name = MissingResource(*node, pod); !name.empty()) {
      ++why[absl::StrCat("Insufficient ", name)];
    } else {
      fitting.push_back(node);
    }
  }
  if (fitting.empty()) {
    std::string message = absl::StrCat("0/", nodes.size(), " nodes are available: ");
    bool first = true;
    for (const auto& [reason, count] : why) {
      absl::StrAppend(&message, first ? "" : ", ", count, " ", reason);
      first = false;
    }
    absl::StrAppend(&message, ". preemption: 0/", nodes.size(),
                    " nodes are available: ", nodes.size(),
                    " Preemption is not helpful for scheduling.");
    Json status = Members(pod, {"status"});
    SetCondition(status["conditions"], Condition("PodScheduled", "False", "Unschedulable", message),
                 now, false);
    status["phase"] = "Pending";
    work.SetStatus(pod, std::move(status));
    work.Event(pod, "Warning", "FailedScheduling", message, "default-scheduler");
    return;
  }
  const Json& node = *fitting[work.cluster.random() % fitting.size()];
  const std::string name = Text(node, {"metadata", "name"});
  Json bound = pod;
  bound["spec"]["nodeName"] = name;
  for (const char* label : {"topology.kubernetes.io/region", "topology.kubernetes.io/zone"}) {
    const std::string value = Text(node, {"metadata", "labels", label});
    if (!value.empty()) Ensure(bound, {"metadata", "labels"})[label] = value;
  }
  SetCondition(Ensure(bound, {"status"})["conditions"], Condition("PodScheduled", "True"), now,
               false);
  // Bound by the scheduler, which is not recorded as an owner of fields.
  const ResourcePtr pods = work.ResourceOf(pod);
  bound = *work.cluster.store.Put(pods->storage_key(), std::move(bound));
  work.Event(pod, "Normal", "Scheduled",
             absl::StrCat("Successfully assigned ", Text(pod, {"metadata", "namespace"}), "/",
                          Text(pod, {"metadata", "name"}), " to ", name),
             "default-scheduler");
}

Json ContainerStatus(const Json& container, bool ready, Json state) {
  return {{"name", Text(container, {"name"})},
          {"image", Text(container, {"image"})},
          {"imageID", ready ? Text(container, {"image"}) : ""},
          {"ready", ready},
          {"started", ready},
          {"restartCount", 0},
          {"state", std::move(state)},
          {"lastState", Json::object()}};
}

struct Appearance {
  const char* phase;
  bool ready;
  const char* reason;  // Of the Ready condition.
  const char* message;
};

// A status of the pod in which every container looks alike.
Json StatusLike(const Work& work, const Json& pod, const Appearance& how,
                const std::function<Json(const Json&)>& container_status) {
  work.cluster.mu.AssertHeld();
  const std::string now = work.cluster.NowText();
  Json status = Members(pod, {"status"});
  status["phase"] = how.phase;
  if (!status.contains("startTime")) status["startTime"] = now;
  const ObjectPtr node = work.Get("/nodes", "", Text(pod, {"spec", "nodeName"}));
  if (node != nullptr && !status.contains("hostIP")) {
    for (const Json& address : Items(*node, {"status", "addresses"})) {
      if (Text(address, {"type"}) != "InternalIP") continue;
      status["hostIP"] = Text(address, {"address"});
      status["hostIPs"] = Json::array({{{"ip", Text(address, {"address"})}}});
    }
  }
  if (std::string_view(how.phase) != "Pending" && !status.contains("podIP")) {
    const int n = work.cluster.next_ip++;
    const std::string ip = Flag(pod, {"spec", "hostNetwork"})
                               ? Text(status, {"hostIP"})
                               : absl::StrCat("10.244.", n / 250 % 250, ".", n % 250 + 2);
    status["podIP"] = ip;
    status["podIPs"] = Json::array({{{"ip", ip}}});
  }
  Json& conditions = status["conditions"];
  const char* ready = how.ready ? "True" : "False";
  if (how.ready)
    SetCondition(conditions, Condition("PodReadyToStartContainers", "True"), now, false);
  SetCondition(conditions, Condition("Initialized", "True"), now, false);
  for (const char* type : {"Ready", "ContainersReady"}) {
    SetCondition(conditions, Condition(type, ready, how.reason, how.message), now, false);
  }
  // A kubelet appends what the scheduler wrote.
  std::stable_partition(conditions.begin(), conditions.end(), [](const Json& condition) {
    return Text(condition, {"type"}) != "PodScheduled";
  });
  Json containers = Json::array();
  for (const Json& container : Items(pod, {"spec", "containers"})) {
    containers.push_back(container_status(container));
  }
  status["containerStatuses"] = std::move(containers);
  Json init = Json::array();
  for (const Json& container : Items(pod, {"spec", "initContainers"})) {
    const bool sidecar = Text(container, {"restartPolicy"}) == "Always";
    Json state = sidecar ? Json{{"running", {{"startedAt", now}}}}
                         : Json{{"terminated",
                                 {{"exitCode", 0},
                                  {"reason", "Completed"},
                                  {"startedAt", now},
                                  {"finishedAt", now}}}};
    if (!how.ready) continue;
    Json one = ContainerStatus(container, true, std::move(state));
    one["started"] = sidecar;
    init.push_back(std::move(one));
  }
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  return status;
}

bool WaitsWith(const Json& pod, const char* reason) {
  for (const Json& status : Items(pod, {"status", "containerStatuses"})) {
    if (Text(status, {"state", "waiting", "reason"}) == reason) return true;
  }
  return false;
}

void Crash(const Work& work, const Json& pod) {
  work.cluster.mu.AssertHeld();
  const std::string now = work.cluster.NowText();
  const Json exited = {
      {"exitCode", 1}, {"reason", "Error"}, {"startedAt", now}, {"finishedAt", now}};
  if (Text(pod, {"spec", "restartPolicy"}) == "Never") {
    work.SetStatus(
        pod, StatusLike(work, pod, {"Failed", false, "PodFailed", ""}, [&](const Json& container) {
          Json status = ContainerStatus(container, false, {{"terminated", exited}});
          status["imageID"] = Text(container, {"image"});
          return status;
        }));
    return;
  }
  if (WaitsWith(pod, "CrashLoopBackOff")) return;
  work.SetStatus(
      pod, StatusLike(work, pod,
                      {"Running", false, "ContainersNotReady", "containers with unready status"},
                      [&](const Json& container) {
                        Json status = ContainerStatus(
                            container, false,
                            {{"waiting",
                              {{"reason", "CrashLoopBackOff"},
                               {"message", "waiting 2m40s before the next restart"}}}});
                        status["restartCount"] = 5;
                        status["imageID"] = Text(container, {"image"});
                        status["lastState"] = {{"terminated", exited}};
                        return status;
                      }));
  work.Event(pod, "Warning", "BackOff", "Back-off restarting failed container", "kubelet");
}

void FailToPull(const Work& work, const Json& pod) {
  if (WaitsWith(pod, "ImagePullBackOff")) return;
  work.SetStatus(
      pod, StatusLike(work, pod,
                      {"Pending", false, "ContainersNotReady", "containers with unready status"},
                      [](const Json& container) {
                        return ContainerStatus(
                            container, false,
                            {{"waiting",
                              {{"reason", "ImagePullBackOff"},
                               {"message", absl::StrCat("Back-off pulling image \"",
                                                        Text(container, {"image"}), "\"")}}}});
                      }));
  work.Event(pod, "Warning", "Failed", "Error: ImagePullBackOff", "kubelet");
}

void StartSlowly(const Work& work, const Json& pod) {
  if (WaitsWith(pod, "ContainerCreating")) return;
  work.SetStatus(
      pod, StatusLike(work, pod,
                      {"Pending", false, "ContainersNotReady", "containers are being created"},
                      [](const Json& container) {
                        return ContainerStatus(container, false,
                                               {{"waiting", {{"reason", "ContainerCreating"}}}});
                      }));
}

void Complete(const Work& work, const Json& pod) {
  work.cluster.mu.AssertHeld();
  const std::string now = work.cluster.NowText();
  const std::string started = Text(pod, {"status", "startTime"}, now);
  work.SetStatus(pod, StatusLike(work, pod, {"Succeeded", false, "PodCompleted", ""},
                                 [&](const Json& container) {
                                   Json status = ContainerStatus(container, false,
                                                                 {{"terminated",
                                                                   {{"exitCode", 0},
                                                                    {"reason", "Completed"},
                                                                    {"startedAt", started},
                                                                    {"finishedAt", now}}}});
                                   status["imageID"] = Text(container, {"image"});
                                   return status;
                                 }));
}

}  // namespace

void ReconcilePod(const Work& work, const Json& pod) {
  work.cluster.mu.AssertHeld();
  const ItemKey key = KeyOf("/pods", pod);
  const absl::Time now = work.cluster.Now();
  if (IsDeleted(pod)) {
    const absl::Duration delay = AnnotatedDelay(pod, "test/terminate-after");
    const absl::Time due = ParseTimeText(Text(pod, {"metadata", "deletionTimestamp"})) -
                           absl::Seconds(Integer(pod, {"metadata", "deletionGracePeriodSeconds"})) +
                           delay;
    if (delay > absl::ZeroDuration() && now < due) {
      work.revisit(key, due);
      return;
    }
    if (!Items(pod, {"metadata", "finalizers"}).empty()) {
      // The containers have ended; only the finalizers keep the object.
      if (Integer(pod, {"metadata", "deletionGracePeriodSeconds"}) > 0) {
        Json copy = pod;
        copy["metadata"]["deletionGracePeriodSeconds"] = 0;
        work.cluster.store.Put("/pods", std::move(copy));
      }
      return;
    }
    work.objects.Erase(*work.ResourceOf(pod), pod);
    return;
  }
  if (IsFinished(pod)) return;
  if (Text(pod, {"spec", "nodeName"}).empty()) {
    if (Annotation(pod, "test/unschedulable") == "true") {
      for (const Json& condition : Items(pod, {"status", "conditions"})) {
        if (Text(condition, {"reason"}) == "Unschedulable") return;
      }
    }
    Schedule(work, pod);
    return;
  }
  if (Annotation(pod, "test/crash-loop") == "true") return Crash(work, pod);
  if (Annotation(pod, "test/image-pull-error") == "true") return FailToPull(work, pod);
  if (HasAnnotation(pod, "test/never-ready")) return StartSlowly(work, pod);
  if (!IsReady(pod)) {
    const absl::Duration delay = AnnotatedDelay(pod, "test/ready-after");
    // Timestamps have no fractions of a second, so the moment is remembered beside the object.
    const auto due_entry =
        work.cluster.pod_due.try_emplace(Text(pod, {"metadata", "uid"}), now + delay).first;
    const absl::Time due = due_entry->second;
    if (delay == absl::ZeroDuration() || now >= due) {
      work.cluster.pod_due.erase(due_entry);
    } else {
      StartSlowly(work, pod);
      work.revisit(key, due);
      return;
    }
    const std::string text = work.cluster.NowText();
    work.SetStatus(pod,
                   StatusLike(work, pod, {"Running", true, "", ""}, [&](const Json& container) {
                     return ContainerStatus(container, true, {{"running", {{"startedAt", text}}}});
                   }));
    return;
  }
  const Json* owner = ControllerOf(pod);
  if (owner != nullptr && Text(*owner, {"kind"}) == "Job") {
    const absl::Duration delay = AnnotatedDelay(pod, "test/complete-after");
    const absl::Time due = ParseTimeText(Text(pod, {"status", "startTime"})) + delay;
    if (delay > absl::ZeroDuration() && now < due) {
      work.revisit(key, due);
      return;
    }
    Complete(work, pod);
  }
}

}  // namespace charon::sandbox
