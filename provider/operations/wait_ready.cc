#include "provider/operations/wait_ready.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/operations/diagnosis.h"
#include "provider/operations/pod_volumes.h"
#include "provider/operations/readiness.h"

namespace charon::operations {
namespace {

using kubernetes::Cluster;
using kubernetes::Field;
using kubernetes::Json;
using kubernetes::Missing;
using kubernetes::MissingOf;
using kubernetes::ObjectRef;
using kubernetes::Text;
using kubernetes::WatchEvent;

constexpr absl::Duration kIdle = absl::Seconds(2);
// Looking at pods and events costs a handful of requests: not before a healthy rollout would be
// through, and not at every event.
constexpr absl::Duration kFirstLook = absl::Seconds(3);
constexpr absl::Duration kLookInterval = absl::Seconds(5);
// An object of a kind that nobody may ever set a status on counts as ready after this.
constexpr absl::Duration kNoStatusTime = absl::Seconds(10);
constexpr int kLogLines = 20;
// How often a server that errs is asked whether an object is gone.
constexpr int kLooks = 4;
constexpr absl::Duration kLookPause = absl::Milliseconds(500);
constexpr std::size_t kMostBlockers = 10;

// What the wait itself may take of the call's time, so that there is some left to find out why it
// failed.
Call WithoutTheReport(const Call& call) {
  const absl::Duration remaining = call.Remaining();
  const absl::Duration report =
      std::clamp(remaining / 10, absl::Milliseconds(200), absl::Seconds(10));
  return call.Within(remaining - report);
}

std::string Lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, "\n- ", line);
  return text;
}

class Waiter {
 public:
  Waiter(const Call& call, Cluster& cluster, const ObjectRef& ref, const WaitFor& wait)
      : call_(call), cluster_(cluster), ref_(ref), wait_(wait), started_(call.clock->Now()) {}

  absl::Status Run() {
    // A wrong expression is found before anything is asked for.
    CHARON_RETURN_IF_ERROR(Judge(Json::object(), wait_).status());
    const Call watch = WithoutTheReport(call_);
    const absl::Status status = cluster_.Watch(
        watch, ref_, [this](const WatchEvent& event) { return OnEvent(event); }, kIdle);
    if (result_) return *std::move(result_);
    if (absl::IsDeadlineExceeded(status) && last_.is_object()) return Report(status.code(), why_);
    return status;
  }

 private:
  // Returns true when the wait has come to an end: result_ then says which.
  bool OnEvent(const WatchEvent& event) {
    if (event.object == nullptr || event.type == "DELETED") {
      result_ = absl::NotFoundError(
          last_.is_object() ? absl::StrCat(ref_.ToString(), " was deleted while we waited for it")
                            : absl::StrCat(ref_.ToString(), " does not exist"));
      return true;
    }
    last_ = *event.object;
    absl::StatusOr<Verdict> verdict = Judge(last_, wait_);
    if (!verdict.ok()) {
      result_ = verdict.status();
      return true;
    }
    const absl::Duration waited = call_.clock->Now() - started_;
    if (const absl::Status renewed = GiveVolumes(); !renewed.ok()) {
      result_ = renewed;
      return true;
    }
    if (pods_lack_volumes_ && verdict->state == Verdict::kReady)
      *verdict = {Verdict::kWaiting, "a pod lacks a volume of a new claim"};
    if (verdict->state == Verdict::kReady ||
        (verdict->state == Verdict::kNoStatus && waited >= kNoStatusTime) || BindsLater()) {
      result_ = absl::OkStatus();
      return true;
    }
    if (verdict->why != why_) {
      why_ = verdict->why;
      call_.log->Info("waiting",
                      {{"object", ref_.ToString()},
                       {"for", why_},
                       {"waited", absl::FormatDuration(absl::Trunc(waited, absl::Seconds(1)))}});
    }
    if (verdict->state == Verdict::kHopeless) {
      result_ = Report(absl::StatusCode::kFailedPrecondition, why_);
      return true;
    }
    return LookForTrouble(waited);
  }

  // A claim whose class waits for a pod is not bound before that pod is made, which may depend on
  // us.
  bool BindsLater() {
    if (!wait_.rollout || ref_.kind != kubernetes::ObjectKind{"v1", "PersistentVolumeClaim"} ||
        Text(last_, "status.phase") != "Pending") {
      return false;
    }
    const std::string name = Text(last_, "spec.storageClassName");
    if (name.empty()) return false;
    const auto storage_class =
        cluster_.Read(call_, {{"storage.k8s.io/v1", "StorageClass"}, "", name});
    return storage_class.ok() &&
           Text(**storage_class, "volumeBindingMode") == "WaitForFirstConsumer";
  }

  // Replaces pods that lack a volume, one at a time. The volumes of a set stay as they are, and so
  // it is enough to look once if none does.
  absl::Status GiveVolumes() {
    if (!wait_.replace_stuck || !pods_lack_volumes_ ||
        !Field(last_, "spec.volumeClaimTemplates").is_array() ||
        Text(last_, "spec.updateStrategy.type") == "OnDelete") {
      pods_lack_volumes_ = false;
      return absl::OkStatus();
    }
    const auto pods = cluster_.List(
        call_, {"v1", "Pod"},
        {.name_space = ref_.name_space, .label_selector = PodSelector(last_), .limit = 0});
    if (!pods.ok()) {
      // Whoever may not see pods waits for what the set says.
      if (absl::IsPermissionDenied(pods.status())) pods_lack_volumes_ = false;
      return absl::OkStatus();
    }
    const PodsWithoutVolumes found = FindPodsWithoutVolumes(last_, *pods, call_.clock->Now());
    pods_lack_volumes_ = found.any;
    if (found.next == nullptr) return absl::OkStatus();
    const ObjectRef pod{{"v1", "Pod"}, ref_.name_space, Text(*found.next, "metadata.name")};
    call_.log->Info("deleting a pod that lacks a volume of its set", {{"pod", pod.ToString()}});
    const absl::Status deleted =
        cluster_.Delete(call_, pod, {.uid = Text(*found.next, "metadata.uid")});
    if (!absl::IsPermissionDenied(deleted)) return absl::OkStatus();  // else at the next event
    return WithRemedy(
        Annotate(deleted, absl::StrCat(pod.ToString(),
                                       " lacks a volume of a new claim, which no "
                                       "pod gets while it runs. Deleting it")),
        absl::StrCat("Let the provider's account delete pods, or delete them one by one, each when "
                     "the one before is ready: kubectl delete pod ",
                     pod.name, " -n ", pod.name_space));
  }

  bool LookForTrouble(absl::Duration waited) {
    const absl::Time now = call_.clock->Now();
    if (waited < kFirstLook || now - looked_ < kLookInterval) return false;
    looked_ = now;
    const Diagnosis found = Diagnose(call_, cluster_, last_, {.since = started_});
    if (found.hopeless.empty() || (wait_.replace_stuck && ReplaceStuck(found))) {
      hopeless_since_.reset();
      return false;
    }
    if (!hopeless_since_) {
      hopeless_since_ = now;
      call_.log->Warn("this does not look good",
                      {{"object", ref_.ToString()}, {"trouble", found.hopeless}});
    }
    if (now - *hopeless_since_ < wait_.grace) return false;
    result_ = Report(absl::StatusCode::kFailedPrecondition, why_);
    return true;
  }

  // Whether there were any, and they go.
  bool ReplaceStuck(const Diagnosis& found) {
    bool replaced = false;
    for (const Json& pod : found.stuck) {
      const ObjectRef ref{
          {"v1", "Pod"}, Text(pod, "metadata.namespace"), Text(pod, "metadata.name")};
      call_.log->Warn("deleting a pod of the former template, which would never be replaced",
                      {{"pod", ref.ToString()}});
      replaced |= cluster_.Delete(call_, ref, {.uid = Text(pod, "metadata.uid")}).ok();
    }
    return replaced;
  }

  absl::Status Report(absl::StatusCode code, absl::string_view why) {
    const absl::Duration waited = absl::Trunc(call_.clock->Now() - started_, absl::Seconds(1));
    std::string message = absl::StrCat(ref_.ToString(), " is not ready after ",
                                       absl::FormatDuration(waited), ": ", why);
    std::vector<std::string> lines;
    for (const absl::string_view line : absl::StrSplit(DescribeConditions(last_), '\n')) {
      if (!line.empty() && !absl::StrContains(why, absl::StripPrefix(line, "condition "))) {
        lines.emplace_back(line);
      }
    }
    // With what is left of the call's time.
    Diagnosis found = Diagnose(call_, cluster_, last_, {.log_lines = kLogLines, .since = started_});
    lines.insert(lines.end(), found.lines.begin(), found.lines.end());
    return absl::Status(code, absl::StrCat(message, Lines(lines)));
  }

  const Call& call_;
  Cluster& cluster_;
  const ObjectRef& ref_;
  const WaitFor& wait_;
  const absl::Time started_;
  absl::Time looked_ = absl::InfinitePast();
  std::optional<absl::Time> hopeless_since_;
  bool pods_lack_volumes_ = true;  // or so it may be
  Json last_;
  std::string why_ = "nothing was seen of it";
  std::optional<absl::Status> result_;
};

// "foos.example.org has 2 resource instances" in the message of a namespace's condition: the
// objects, with what holds them (apiserver,
// pkg/controller/namespace/deletion/status_condition_utils.go).
std::vector<std::string> Remaining(const Call& call, Cluster& cluster,
                                   const std::string& name_space, const std::string& message) {
  std::vector<std::string> lines;
  const auto kinds = cluster.Kinds(call);
  if (!kinds.ok()) return lines;
  for (const absl::string_view part : absl::StrSplit(message, absl::ByAnyChar(":,"))) {
    const std::vector<absl::string_view> words = absl::StrSplit(part, ' ', absl::SkipEmpty());
    if (words.size() < 2 || words[1] != "has") continue;
    for (const kubernetes::ResourceInfo& info : *kinds) {
      const std::string group = info.kind.group();
      const std::string resource =
          group.empty() ? info.plural : absl::StrCat(info.plural, ".", group);
      // The core group is written "pods." (GroupResource of an empty group).
      if (resource != absl::StripSuffix(words[0], ".")) continue;
      const auto objects = cluster.List(call, info.kind, {.name_space = name_space, .limit = 20});
      if (!objects.ok()) break;
      for (const Json& object : *objects) {
        if (lines.size() == kMostBlockers) return lines;
        std::vector<std::string> finalizers;
        const Json& held = Field(object, "metadata.finalizers");
        if (held.is_array()) {
          for (const Json& finalizer : held) {
            if (finalizer.is_string()) finalizers.push_back(finalizer.get<std::string>());
          }
        }
        lines.push_back(absl::StrCat(info.kind.ToString(), " ", Text(object, "metadata.name"),
                                     finalizers.empty() ? " remains" : " is held by its finalizer ",
                                     absl::StrJoin(finalizers, ", ")));
      }
      break;
    }
  }
  return lines;
}

// What keeps `object`, which is being deleted.
absl::Status Stuck(const Call& call, Cluster& cluster, const ObjectRef& ref, const Json& object,
                   absl::Duration waited) {
  std::vector<std::string> finalizers, lines;
  const Json& held = Field(object, "metadata.finalizers");
  if (held.is_array()) {
    for (const Json& finalizer : held) {
      if (finalizer.is_string()) finalizers.push_back(finalizer.get<std::string>());
    }
  }
  const bool deleting = Field(object, "metadata.deletionTimestamp").is_string();
  std::string message = absl::StrCat(ref.ToString(), " is still there after ",
                                     absl::FormatDuration(absl::Trunc(waited, absl::Seconds(1))));
  std::string remedy;
  if (!deleting) {
    absl::StrAppend(&message, ": nobody has deleted it");
  } else if (!finalizers.empty()) {
    absl::StrAppend(&message, ": held by its finalizer ", absl::StrJoin(finalizers, ", "));
    remedy =
        "See why the controller behind the finalizer does not remove it. If that controller is "
        "gone for good, "
        "remove the finalizer by hand.";
  }
  if (ref.kind == kubernetes::ObjectKind{"v1", "Namespace"}) {
    std::set<std::string> seen;
    const Json& conditions = Field(object, "status.conditions");
    for (const Json& condition : conditions.is_array() ? conditions : Json::array()) {
      if (Text(condition, "status") != "True") continue;
      const std::string type = Text(condition, "type"), text = Text(condition, "message");
      lines.push_back(absl::StrCat(type, ": ", text));
      if (type == "NamespaceDeletionDiscoveryFailure" ||
          type == "NamespaceDeletionGroupVersionParsingFailure") {
        remedy =
            "The server cannot tell which kinds there are to delete: an extension API server is "
            "down. Repair it, or "
            "delete its APIService.";
      }
      if (type != "NamespaceContentRemaining") continue;
      for (std::string& line : Remaining(call, cluster, ref.name, text)) {
        if (seen.insert(line).second) lines.push_back(std::move(line));
      }
    }
    if (remedy.empty() && !lines.empty()) {
      remedy = "Remove what remains, or see why the controllers behind the finalizers do not.";
    }
  }
  if (std::find(finalizers.begin(), finalizers.end(), "kubernetes.io/pvc-protection") !=
      finalizers.end()) {
    const auto pods = PodsUsing(call, cluster, ref);
    for (const Json& pod : pods.ok() ? *pods : std::vector<Json>())
      lines.push_back(absl::StrCat("pod ", Text(pod, "metadata.name"), " uses it"));
    remedy = "Delete the pods that use it first.";
  }
  absl::Status status = absl::DeadlineExceededError(absl::StrCat(message, Lines(lines)));
  return remedy.empty() ? status : WithRemedy(std::move(status), remedy);
}

}  // namespace

absl::Status WaitUntilReady(const Call& call, Cluster& cluster, const ObjectRef& ref,
                            const WaitFor& wait) {
  return Waiter(call, cluster, ref, wait).Run();
}

absl::Status WaitUntilGone(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const std::string& uid) {
  // The answer to our own deletion has mostly told already.
  if (absl::IsNotFound(cluster.Read(call, ref).status())) return absl::OkStatus();
  const absl::Time started = call.clock->Now();
  Json last;
  std::string told;
  const auto on_event = [&](const WatchEvent& event) {
    if (event.object == nullptr || event.type == "DELETED") return true;
    last = *event.object;
    if (!uid.empty() && Text(last, "metadata.uid") != uid) return true;
    const std::string finalizers = Field(last, "metadata.finalizers").dump();
    if (finalizers != told) {
      told = finalizers;
      call.log->Info("waiting until it is gone",
                     {{"object", ref.ToString()}, {"finalizers", finalizers}});
    }
    return false;
  };
  absl::Status status;
  for (int look = 1;; ++look) {
    status = cluster.Watch(WithoutTheReport(call), ref, on_event, absl::Seconds(10));
    // A watch survives trouble once it has seen the object. Before, it tells at once; but here the
    // deletion was accepted, and what remains is to look.
    if (!absl::IsUnavailable(status) || last.is_object() || look == kLooks) break;
    CHARON_RETURN_IF_ERROR(call.Wait(kLookPause));
  }
  // Its definition went with it.
  if (MissingOf(status) == Missing::kKind) return absl::OkStatus();
  if (!absl::IsDeadlineExceeded(status) || !last.is_object()) return status;
  return Stuck(call, cluster, ref, last, call.clock->Now() - started);
}

}  // namespace charon::operations
