#include "provider/operations/diagnosis.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"

namespace charon::operations {
namespace {

using kubernetes::Cluster;
using kubernetes::Field;
using kubernetes::Items;
using kubernetes::Json;
using kubernetes::ListOptions;
using kubernetes::Number;
using kubernetes::Text;

constexpr std::size_t kMostPods = 3;
constexpr std::size_t kMostEvents = 5;
constexpr int kMostListed = 100;

// Reasons for which a container waits, and keeps waiting until somebody changes something (kubelet,
// pkg/kubelet/images/types.go and kuberuntime).
constexpr std::array<absl::string_view, 11> kHopelessWaits = {
    "CrashLoopBackOff",    "ImagePullBackOff",           "ErrImagePull",
    "InvalidImageName",    "ErrImageNeverPull",          "ImageInspectError",
    "RegistryUnavailable", "CreateContainerConfigError", "CreateContainerError",
    "RunContainerError",   "PostStartHookError"};

// Somebody is about to add a node for a pod that has none: cluster-autoscaler, Karpenter.
constexpr std::array<absl::string_view, 2> kHelpIsComing = {"TriggeredScaleUp", "Nominated"};

template <typename List>
bool Has(const List& list, absl::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string Shortened(std::string text, std::size_t most = 400) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  if (text.size() <= most) return text;
  text.resize(most);
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  return text + " ...";
}

std::string Exit(const Json& terminated) {
  std::string text = absl::StrCat("exit code ", Number(terminated, "exitCode"));
  if (const std::string reason = Text(terminated, "reason"); !reason.empty() && reason != "Error") {
    absl::StrAppend(&text, " (", reason, ")");
  }
  if (const std::string message = Text(terminated, "message"); !message.empty()) {
    absl::StrAppend(&text, ": ", Shortened(message));
  }
  return text;
}

struct ContainerTrouble {
  std::string text;  // empty: none
  bool hopeless = false;
  bool failed = false;    // it ran and ended badly: its log may say why
  bool previous = false;  // the log is that of the container before this one
};

ContainerTrouble TroubleOf(const Json& status, bool init, bool restarts) {
  ContainerTrouble trouble;
  const Json& waiting = Field(status, "state.waiting");
  const Json& terminated = Field(status, "state.terminated");
  const Json& last = Field(status, "lastState.terminated");
  const std::int64_t restarted = Number(status, "restartCount");
  const bool ended_badly = last.is_object() && Number(last, "exitCode") != 0;
  if (waiting.is_object()) {
    const std::string reason = Text(waiting, "reason");
    // An init container that has not ended yet is told of by itself.
    if (reason.empty() || reason == "PodInitializing") return trouble;
    trouble.text = reason;
    trouble.hopeless = Has(kHopelessWaits, reason);
    if (const std::string message = Text(waiting, "message");
        !message.empty() && reason != "CrashLoopBackOff") {
      absl::StrAppend(&trouble.text, ": ", Shortened(message));
    }
    trouble.failed = ended_badly;
    trouble.previous = true;
  } else if (terminated.is_object() && Number(terminated, "exitCode") != 0) {
    trouble.text = absl::StrCat("ended with ", Exit(terminated));
    trouble.hopeless = !restarts || restarted >= 2;
    trouble.failed = true;
  } else if (Field(status, "state.running").is_object() && Field(status, "ready") != true &&
             !init) {
    trouble.text = "runs, but is not ready (its readiness probe has not succeeded)";
    // Between two crashes: it looks alive for a moment.
    trouble.hopeless = ended_badly && restarted >= 3;
    trouble.failed = ended_badly;
    trouble.previous = ended_badly;
  } else {
    return trouble;
  }
  if (restarted > 0) {
    absl::StrAppend(&trouble.text, ", restarted ", restarted, restarted == 1 ? " time" : " times");
  }
  if (ended_badly && !terminated.is_object()) {
    absl::StrAppend(&trouble.text, ", ended before with ", Exit(last));
  }
  return trouble;
}

struct FailedContainer {
  std::string pod, container;
  bool previous = false;
};

Diagnosis DiagnosePodWith(const Json& pod, std::vector<FailedContainer>* failed) {
  Diagnosis diagnosis;
  const std::string name = Text(pod, "metadata.name");
  const std::string phase = Text(pod, "status.phase");
  if (phase == "Succeeded") return diagnosis;
  const auto add = [&](std::string line, bool hopeless) {
    if (hopeless && diagnosis.hopeless.empty()) diagnosis.hopeless = line;
    diagnosis.lines.push_back(std::move(line));
  };
  if (phase == "Failed" && !Text(pod, "status.reason").empty()) {
    add(absl::StrCat("pod ", name, " has failed: ", Text(pod, "status.reason"), " ",
                     Shortened(Text(pod, "status.message"))),
        false);  // whoever made it makes another
  }
  const bool restarts = Text(pod, "spec.restartPolicy") != "Never";
  // A Job tries again, and says itself when it has had enough: what ran and failed is no reason to
  // give up.
  bool is_tried_again = false;
  for (const Json& owner : Items(pod, "metadata.ownerReferences")) {
    if (Text(owner, "kind") == "Job") is_tried_again = true;
  }
  for (const bool init : {true, false}) {
    for (const Json& status :
         Items(pod, init ? "status.initContainerStatuses" : "status.containerStatuses")) {
      const ContainerTrouble trouble = TroubleOf(status, init, restarts);
      if (trouble.text.empty()) continue;
      const std::string container = Text(status, "name");
      add(absl::StrCat(init ? "init container " : "container ", container, " of pod ", name, ": ",
                       trouble.text),
          trouble.hopeless && !(is_tried_again && trouble.failed));
      if (trouble.failed && failed != nullptr)
        failed->push_back({name, container, trouble.previous});
    }
  }
  const bool scheduled = !Text(pod, "spec.nodeName").empty();
  if (phase == "Pending" && scheduled && Items(pod, "status.containerStatuses").empty()) {
    add(absl::StrCat("pod ", name, " waits for node ", Text(pod, "spec.nodeName"), " to start it"),
        false);
  }
  for (const Json& condition : Items(pod, "status.conditions")) {
    if (Text(condition, "type") != "PodScheduled" || Text(condition, "status") != "False") continue;
    const std::string reason = Text(condition, "reason");
    add(absl::StrCat("pod ", name, " has no node: ", reason, ": ",
                     Shortened(Text(condition, "message"))),
        reason == "Unschedulable");
  }
  return diagnosis;
}

bool OwnedBy(const Json& object, const std::string& uid) {
  for (const Json& owner : Items(object, "metadata.ownerReferences")) {
    if (Text(owner, "uid") == uid) return true;
  }
  return false;
}

// One look at the cluster. Everything it cannot read it does without.
class Examiner {
 public:
  Examiner(const Call& call, Cluster& cluster, const Json& object, const DiagnosisOptions& options)
      : call_(call),
        cluster_(cluster),
        object_(object),
        options_(options),
        kind_(Text(object, "kind")),
        name_space_(Text(object, "metadata.namespace")) {}

  Diagnosis Run() {
    subjects_.insert(Text(object_, "metadata.uid"));
    if (kind_ == "Pod") {
      AddPod(object_);
    } else if (const std::string selector = PodSelector(object_); HasPods() && !selector.empty()) {
      LookAtPods(selector);
    }
    LookAtReplicaFailure(object_);
    LookAtEvents();
    if (options_.log_lines > 0) LookAtLogs();
    for (std::string& line : diagnosis_.lines) line = Redact(line);
    diagnosis_.hopeless = Redact(diagnosis_.hopeless);
    return std::move(diagnosis_);
  }

 private:
  bool HasPods() const {
    return Has(std::array<absl::string_view, 6>{"Deployment", "StatefulSet", "DaemonSet",
                                                "ReplicaSet", "ReplicationController", "Job"},
               kind_);
  }

  std::vector<Json> List(const char* api_version, const char* kind, ListOptions options) {
    // Events of what has no namespace are kept in "default" (client-go, tools/record).
    options.name_space = name_space_.empty() ? "default" : name_space_;
    options.limit = kMostListed;
    auto objects = cluster_.List(call_, {api_version, kind}, options);
    return objects.ok() ? *std::move(objects) : std::vector<Json>();
  }

  void LookAtPods(const std::string& selector) {
    std::string owner = Text(object_, "metadata.uid");
    if (kind_ == "Deployment") {
      // Old pods may be in trouble too; the ones that count belong to the newest ReplicaSet.
      const auto revision = [](const Json& object) {
        return kubernetes::Annotation(object, "deployment.kubernetes.io/revision");
      };
      for (const Json& set : List("apps/v1", "ReplicaSet", {.label_selector = selector})) {
        if (!OwnedBy(set, owner) || revision(set) != revision(object_)) continue;
        subjects_.insert(Text(set, "metadata.uid"));
        LookAtReplicaFailure(set);
        owner = Text(set, "metadata.uid");
        break;
      }
    }
    for (const Json& pod : List("v1", "Pod", {.label_selector = selector})) {
      if (!OwnedBy(pod, owner) || Field(pod, "metadata.deletionTimestamp").is_string()) continue;
      AddPod(pod);
    }
  }

  void AddPod(const Json& pod) {
    const Diagnosis found = DiagnosePodWith(pod, &failed_);
    const bool unschedulable = absl::StrContains(found.hopeless, " has no node: ");
    if (unschedulable) unschedulable_.insert(Text(pod, "metadata.uid"));
    if (!found.hopeless.empty() && !unschedulable && diagnosis_.hopeless.empty()) {
      diagnosis_.hopeless = found.hopeless;
    }
    if (unschedulable && waiting_for_node_.empty()) waiting_for_node_ = found.hopeless;
    if (found.lines.empty()) return;
    if (IsOfFormerTemplate(pod)) {
      if (!found.hopeless.empty()) diagnosis_.stuck.push_back(pod);
      const std::string name = Text(pod, "metadata.name");
      diagnosis_.lines.push_back(
          absl::StrCat("pod ", name,
                       " is still of the former template: a StatefulSet replaces no "
                       "pod that is not ready. Delete it: kubectl delete pod ",
                       name, " -n ", name_space_));
    }
    if (++pods_shown_ > kMostPods) return;
    subjects_.insert(Text(pod, "metadata.uid"));
    diagnosis_.lines.insert(diagnosis_.lines.end(), found.lines.begin(), found.lines.end());
  }

  // Label and fields: Kubernetes API, StatefulSet (ControllerRevisionHashLabelKey).
  bool IsOfFormerTemplate(const Json& pod) const {
    const std::string wanted = Text(object_, "status.updateRevision");
    if (kind_ != "StatefulSet" || wanted.empty() ||
        Number(object_, "status.observedGeneration") < Number(object_, "metadata.generation") ||
        Text(object_, "spec.updateStrategy.type") == "OnDelete" ||
        Number(object_, "spec.updateStrategy.rollingUpdate.partition") > 0)
      return false;
    const Json& labels = Field(pod, "metadata.labels");
    return labels.is_object() && labels.value("controller-revision-hash", wanted) != wanted;
  }

  // Deployment and ReplicaSet say themselves that pods cannot be made: quota, admission.
  void LookAtReplicaFailure(const Json& object) {
    for (const Json& condition : Items(object, "status.conditions")) {
      if (Text(condition, "type") != "ReplicaFailure" || Text(condition, "status") != "True")
        continue;
      AddHopeless(absl::StrCat("pods cannot be made: ", Text(condition, "reason"), ": ",
                               Shortened(Text(condition, "message"))));
    }
  }

  void AddHopeless(std::string line) {
    if (Has(diagnosis_.lines, line)) return;
    if (diagnosis_.hopeless.empty()) diagnosis_.hopeless = line;
    diagnosis_.lines.push_back(std::move(line));
  }

  void LookAtEvents() {
    // Of one object by its uid; of several by looking through the namespace's warnings.
    std::string selector = "type=Warning";
    if (subjects_.size() == 1)
      absl::StrAppend(&selector, ",involvedObject.uid=", *subjects_.begin());
    std::vector<Json> events = List("v1", "Event", {.field_selector = selector});
    const auto time = [](const Json& event) {
      for (const char* path : {"series.lastObservedTime", "lastTimestamp", "eventTime",
                               "metadata.creationTimestamp"}) {
        if (std::string text = Text(event, path); !text.empty()) return text;
      }
      return std::string();
    };
    std::stable_sort(events.begin(), events.end(),
                     [&](const Json& a, const Json& b) { return time(a) > time(b); });
    std::set<std::string> told;
    for (const Json& event : events) {
      if (!subjects_.contains(Text(event, "involvedObject.uid"))) continue;
      absl::Time seen;
      if (absl::ParseTime(absl::RFC3339_full, time(event), &seen, nullptr) &&
          seen < options_.since - absl::Minutes(1)) {
        continue;
      }
      const std::string reason = Text(event, "reason");
      const std::string message = Shortened(Text(event, "message"));
      // The latest of each reason: older ones differ in a pod's name or a time.
      const std::string key = absl::StrCat(Text(event, "involvedObject.kind"), " ", reason);
      if (told.size() == kMostEvents || !told.insert(key).second) continue;
      const std::int64_t count = std::max(Number(event, "count"), Number(event, "series.count"));
      diagnosis_.lines.push_back(absl::StrCat(
          "event on ", Text(event, "involvedObject.kind"), " ", Text(event, "involvedObject.name"),
          ": ", reason, ": ", message, count > 1 ? absl::StrCat(" (", count, " times)") : ""));
      // Pods that cannot be made; a claim whose storage class does not exist.
      const bool hopeless = reason == "FailedCreate" || (reason == "ProvisioningFailed" &&
                                                         absl::EndsWith(message, "not found"));
      if (hopeless && diagnosis_.hopeless.empty()) diagnosis_.hopeless = diagnosis_.lines.back();
    }
    if (diagnosis_.hopeless.empty() && !waiting_for_node_.empty() && !HelpIsComing()) {
      diagnosis_.hopeless = waiting_for_node_;
    }
  }

  bool HelpIsComing() {
    const std::string selector = absl::StrCat("involvedObject.uid=", *unschedulable_.begin());
    for (const Json& event : List("v1", "Event", {.field_selector = selector})) {
      if (Has(kHelpIsComing, Text(event, "reason"))) return true;
    }
    return false;
  }

  void LookAtLogs() {
    std::size_t shown = 0;
    for (const FailedContainer& container : failed_) {
      if (shown == 2) return;
      const auto log =
          cluster_.GetRaw(call_, absl::StrCat("/api/v1/namespaces/", name_space_, "/pods/",
                                              container.pod, "/log?container=", container.container,
                                              "&tailLines=", options_.log_lines,
                                              container.previous ? "&previous=true" : ""));
      if (!log.ok() || log->empty()) continue;
      ++shown;
      diagnosis_.lines.push_back(absl::StrCat("last log lines of container ", container.container,
                                              " of pod ", container.pod, ":"));
      for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(*log, "\n"), '\n')) {
        diagnosis_.lines.push_back(absl::StrCat("  ", Shortened(std::string(line), 300)));
      }
    }
  }

  const Call& call_;
  Cluster& cluster_;
  const Json& object_;
  const DiagnosisOptions& options_;
  const std::string kind_;
  const std::string name_space_;
  Diagnosis diagnosis_;
  std::set<std::string> subjects_;       // uids whose events matter
  std::set<std::string> unschedulable_;  // uids of pods
  std::string waiting_for_node_;
  std::vector<FailedContainer> failed_;
  std::size_t pods_shown_ = 0;
};

}  // namespace

std::string PodSelector(const Json& object) {
  std::vector<std::string> terms;
  const Json& selector = Field(object, "spec.selector");
  if (!selector.is_object()) return "";
  // A ReplicationController has the map of labels itself.
  const bool plain = !selector.contains("matchLabels") && !selector.contains("matchExpressions");
  const Json& labels = plain ? selector : Field(selector, "matchLabels");
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) terms.push_back(absl::StrCat(key, "=", value.get<std::string>()));
    }
  }
  if (!plain) {
    for (const Json& expression : Items(selector, "matchExpressions")) {
      std::vector<std::string> values;
      for (const Json& value : Items(expression, "values")) {
        if (value.is_string()) values.push_back(value.get<std::string>());
      }
      const std::string key = Text(expression, "key"), op = Text(expression, "operator");
      if (op == "In" || op == "NotIn") {
        terms.push_back(
            absl::StrCat(key, op == "In" ? " in (" : " notin (", absl::StrJoin(values, ","), ")"));
      } else if (op == "Exists") {
        terms.push_back(key);
      } else if (op == "DoesNotExist") {
        terms.push_back(absl::StrCat("!", key));
      }
    }
  }
  return absl::StrJoin(terms, ",");
}

Diagnosis DiagnosePod(const Json& pod) { return DiagnosePodWith(pod, nullptr); }

Diagnosis Diagnose(const Call& call, Cluster& cluster, const Json& object,
                   const DiagnosisOptions& options) {
  return Examiner(call, cluster, object, options).Run();
}

}  // namespace charon::operations
