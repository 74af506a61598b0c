#include "provider/operations/readiness.h"

#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/path.h"
#include "provider/base/status.h"
#include "re2/re2.h"

namespace charon::operations {
namespace {

using kubernetes::Field;
using kubernetes::Json;
using kubernetes::Number;
using kubernetes::Text;

Verdict Ready() { return {Verdict::kReady, {}}; }
Verdict Waiting(std::string why) { return {Verdict::kWaiting, std::move(why)}; }
Verdict Hopeless(std::string why) { return {Verdict::kHopeless, std::move(why)}; }

const Json* Condition(const Json& object, absl::string_view type) {
  const Json& conditions = Field(object, "status.conditions");
  if (!conditions.is_array()) return nullptr;
  for (const Json& condition : conditions) {
    if (Text(condition, "type") == type) return &condition;
  }
  return nullptr;
}

std::string Describe(const Json& condition) {
  std::string text = absl::StrCat(Text(condition, "type"), " is ", Text(condition, "status"));
  if (const std::string reason = Text(condition, "reason"); !reason.empty()) {
    absl::StrAppend(&text, " (", reason, ")");
  }
  if (const std::string message = Text(condition, "message"); !message.empty()) {
    absl::StrAppend(&text, ": ", message);
  }
  return text;
}

bool Observed(const Json& object) {
  const std::int64_t observed = Number(object, "status.observedGeneration", -1);
  return observed < 0 || observed >= Number(object, "metadata.generation");
}

Verdict NotObserved() { return Waiting("its controller has not seen the change yet"); }

// k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go, v0.36.3; likewise the next two.
Verdict Deployment(const Json& object) {
  if (Number(object, "status.observedGeneration") < Number(object, "metadata.generation")) {
    return NotObserved();
  }
  const Json* progressing = Condition(object, "Progressing");
  if (progressing != nullptr && Text(*progressing, "reason") == "ProgressDeadlineExceeded") {
    return Hopeless(absl::StrCat("it exceeded its progress deadline of ",
                                 Number(object, "spec.progressDeadlineSeconds", 600), " s"));
  }
  const std::int64_t wanted = Number(object, "spec.replicas", 1);
  const std::int64_t updated = Number(object, "status.updatedReplicas");
  const std::int64_t total = Number(object, "status.replicas");
  const std::int64_t available = Number(object, "status.availableReplicas");
  const auto waiting = [&](const std::string& why) {
    if (Field(object, "spec.paused") != true) return Waiting(why);
    // Its controller makes no pod until somebody resumes it.
    return Hopeless(absl::StrCat(why,
                                 "; the rollout is paused (spec.paused), and goes on after "
                                 "`kubectl rollout resume deployment/",
                                 Text(object, "metadata.name"), " -n ",
                                 Text(object, "metadata.namespace"), "`"));
  };
  if (updated < wanted) {
    return waiting(absl::StrCat(updated, " of ", wanted, " new replicas have been made"));
  }
  if (total > updated)
    return waiting(absl::StrCat(total - updated, " old replicas are still there"));
  if (available < updated) {
    return Waiting(absl::StrCat(available, " of ", updated, " updated replicas are available"));
  }
  return Ready();
}

Verdict DaemonSet(const Json& object) {
  if (Number(object, "status.observedGeneration") < Number(object, "metadata.generation")) {
    return NotObserved();
  }
  const std::int64_t wanted = Number(object, "status.desiredNumberScheduled");
  const std::int64_t updated = Number(object, "status.updatedNumberScheduled");
  const std::int64_t available = Number(object, "status.numberAvailable");
  // With OnDelete, pods are updated when somebody deletes them.
  const bool on_delete = Text(object, "spec.updateStrategy.type") == "OnDelete";
  if (updated < wanted && !on_delete) {
    return Waiting(absl::StrCat(updated, " of ", wanted, " pods have been updated"));
  }
  if (available < wanted) {
    return Waiting(absl::StrCat(available, " of ", wanted, " pods are available"));
  }
  return Ready();
}

Verdict StatefulSet(const Json& object) {
  if (Number(object, "status.observedGeneration") < Number(object, "metadata.generation")) {
    return NotObserved();
  }
  const std::int64_t wanted = Number(object, "spec.replicas", 1);
  const std::int64_t ready = Number(object, "status.readyReplicas");
  const std::int64_t updated = Number(object, "status.updatedReplicas");
  if (ready < wanted) return Waiting(absl::StrCat(ready, " of ", wanted, " pods are ready"));
  if (Text(object, "spec.updateStrategy.type") == "OnDelete") return Ready();
  const std::int64_t partition = Number(object, "spec.updateStrategy.rollingUpdate.partition");
  if (partition > 0) {
    if (updated >= wanted - partition) return Ready();
    return Waiting(absl::StrCat(updated, " of ", wanted - partition, " pods above partition ",
                                partition, " have been updated"));
  }
  if (Text(object, "status.updateRevision") != Text(object, "status.currentRevision")) {
    return Waiting(absl::StrCat(updated, " of ", wanted, " pods have been updated"));
  }
  // A set that was made anew has one revision, and the pods that it found may be of another one
  // (which kubectl does not look at).
  if (updated < wanted && !Text(object, "status.updateRevision").empty())
    return Waiting(absl::StrCat(updated, " of ", wanted, " pods have been updated"));
  return Ready();
}

Verdict Replicas(const Json& object) {
  if (!Observed(object)) return NotObserved();
  const std::int64_t wanted = Number(object, "spec.replicas", 1);
  const std::int64_t available = Number(object, "status.availableReplicas");
  if (available >= wanted) return Ready();
  return Waiting(absl::StrCat(available, " of ", wanted, " replicas are available"));
}

Verdict Job(const Json& object) {
  for (const char* type : {"Complete", "SuccessCriteriaMet"}) {
    if (JudgeCondition(object, type, "True").state == Verdict::kReady) return Ready();
  }
  for (const char* type : {"Failed", "FailureTarget"}) {
    const Json* failed = Condition(object, type);
    if (failed != nullptr && Text(*failed, "status") == "True") {
      return Hopeless(absl::StrCat("the job has failed: ", Describe(*failed)));
    }
  }
  if (Field(object, "spec.suspend") == true)
    return Ready();  // as with no replicas: nothing is to run
  return Waiting(absl::StrCat(Number(object, "status.succeeded"), " of ",
                              Number(object, "spec.completions", 1), " pods have succeeded, ",
                              Number(object, "status.active"), " run, ",
                              Number(object, "status.failed"), " have failed"));
}

Verdict Pod(const Json& object) {
  const std::string phase = Text(object, "status.phase");
  if (phase == "Succeeded") return Ready();
  if (phase == "Failed") {
    return Hopeless(absl::StrCat("the pod has failed: ", Text(object, "status.reason"), " ",
                                 Text(object, "status.message")));
  }
  if (JudgeCondition(object, "Ready", "True").state == Verdict::kReady) return Ready();
  return Waiting(absl::StrCat("the pod is ", phase.empty() ? "new" : phase, " and not ready"));
}

Verdict VolumeClaim(const Json& object) {
  const std::string phase = Text(object, "status.phase");
  if (phase == "Bound") return Ready();
  if (phase == "Lost") return Hopeless("the volume of the claim is lost");
  return Waiting(absl::StrCat("the claim is ", phase.empty() ? "new" : phase, ", not Bound"));
}

Verdict Address(const Json& object) {
  const Json& addresses = Field(object, "status.loadBalancer.ingress");
  if (addresses.is_array() && !addresses.empty()) return Ready();
  return Waiting("it has no address yet (status.loadBalancer.ingress)");
}

Verdict Phase(const Json& object, absl::string_view wanted) {
  const std::string phase = Text(object, "status.phase");
  if (phase == wanted) return Ready();
  return Waiting(absl::StrCat("its phase is \"", phase, "\", not \"", wanted, "\""));
}

Verdict Definition(const Json& object) {
  const Verdict established = JudgeCondition(object, "Established", "True");
  if (established.state == Verdict::kReady) return established;
  const Json* names = Condition(object, "NamesAccepted");
  if (names != nullptr && Text(*names, "status") == "False") return Waiting(Describe(*names));
  return established;
}

// What no built-in rule covers: custom resources, mostly.
Verdict Custom(const Json& object) {
  if (!Observed(object)) return NotObserved();
  if (Condition(object, "Ready") != nullptr) return JudgeCondition(object, "Ready", "True");
  if (Condition(object, "Available") != nullptr) return JudgeCondition(object, "Available", "True");
  if (!object.contains("status")) {
    return {Verdict::kNoStatus, "its controller has not said anything about it yet (no status)"};
  }
  return Ready();
}

// The values at `path`: names, list indices, and names in brackets for those with dots
// (metadata.annotations["a.b/c"]). A list without an index stands for all its items.
void Collect(const Json& value, absl::string_view path, std::vector<const Json*>& found) {
  if (path.empty()) {
    found.push_back(&value);
    return;
  }
  std::string name;
  if (absl::ConsumePrefix(&path, "[")) {
    const std::size_t close = path.find(']');
    if (close == absl::string_view::npos) return;
    absl::string_view inner = path.substr(0, close);
    if (inner.size() >= 2 && (inner.front() == '"' || inner.front() == '\'') &&
        inner.back() == inner.front()) {
      inner = inner.substr(1, inner.size() - 2);
    }
    name = std::string(inner);
    path.remove_prefix(close + 1);
  } else {
    const std::size_t end = path.find_first_of(".[");
    name = std::string(path.substr(0, end));
    path = end == absl::string_view::npos ? "" : path.substr(end);
  }
  absl::ConsumePrefix(&path, ".");
  if (value.is_object()) {
    if (const auto member = value.find(name); member != value.end()) Collect(*member, path, found);
    return;
  }
  if (!value.is_array()) return;
  std::size_t index = 0;
  if (absl::SimpleAtoi(name, &index)) {
    if (index < value.size()) Collect(value[index], path, found);
    return;
  }
  for (const Json& item : value) {
    if (!item.is_object()) continue;
    if (const auto member = item.find(name); member != item.end()) Collect(*member, path, found);
  }
}

// What a message has room for. Fields may hold whole files.
std::string Shortened(absl::string_view text) {
  constexpr std::size_t kMost = 200;
  if (text.size() <= kMost) return std::string(text);
  std::size_t end = kMost;
  // Not within a character (RFC 3629: bytes that go on are 10xxxxxx).
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

}  // namespace

Verdict JudgeCondition(const Json& object, absl::string_view type, absl::string_view status) {
  const Json* condition = Condition(object, type);
  if (condition == nullptr) return Waiting(absl::StrCat("it has no condition ", type, " yet"));
  const std::int64_t observed = Number(*condition, "observedGeneration", -1);
  if (observed >= 0 && observed < Number(object, "metadata.generation")) {
    return Waiting(absl::StrCat("condition ", type, " is about an earlier change"));
  }
  if (Text(*condition, "status") == status) return Ready();
  return Waiting(absl::StrCat("condition ", Describe(*condition)));
}

absl::Status CheckFieldPath(absl::string_view path) {
  const auto refused = [path](absl::string_view what) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("\"", path, "\" is no path of a field: ", what)),
        "Write names with dots between them, such as status.phase; a list index as a name or in "
        "brackets, such as status.addresses[0].ip; a name with dots as "
        "metadata.annotations['example.com/a'].");
  };
  if (path.empty()) return refused("it is empty");
  if (path.front() == '{') return refused("it has the braces of kubectl's JSONPath");
  if (path.front() == '.') return refused("it begins with a dot");
  for (absl::string_view rest = path; !rest.empty();) {
    if (absl::ConsumePrefix(&rest, "[")) {
      const std::size_t close = rest.find(']');
      if (close == absl::string_view::npos) return refused("a bracket is not closed");
      if (close == 0) return refused("a bracket is empty");
      rest.remove_prefix(close + 1);
      if (rest.empty() || rest.front() == '[') continue;
    } else {
      const std::size_t end = rest.find_first_of(".[");
      if (end == 0) return refused("it has two dots in a row");
      rest = end == absl::string_view::npos ? "" : rest.substr(end);
      if (rest.empty() || rest.front() == '[') continue;
    }
    if (!absl::ConsumePrefix(&rest, ".")) return refused("after a bracket comes a dot");
    if (rest.empty()) return refused("it ends with a dot");
  }
  return absl::OkStatus();
}

absl::Status CheckExpression(absl::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 pattern(re2::StringPiece(expression.data(), expression.size()), options);
  if (pattern.ok()) return absl::OkStatus();
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                        "\"", expression, "\" is no regular expression: ", pattern.error())),
                    "Write an expression as RE2 takes it; \\\\ before a character that stands for "
                    "itself.");
}

absl::StatusOr<Verdict> JudgeField(const Json& object, absl::string_view path,
                                   absl::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 pattern(re2::StringPiece(expression.data(), expression.size()), options);
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", expression, "\" is no regular expression: ", pattern.error()));
  }
  std::vector<const Json*> values;
  Collect(object, path, values);
  std::vector<std::string> texts;
  for (const Json* value : values) {
    std::string text = value->is_string()
                           ? value->get<std::string>()
                           : value->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (RE2::FullMatch(text, pattern)) return Ready();
    texts.push_back(absl::StrCat("\"", Shortened(text), "\""));
  }
  if (!texts.empty() && Text(object, "kind") == "Secret") {
    return Waiting(absl::StrCat(path, " (sensitive) does not match ", expression));
  }
  if (texts.empty()) return Waiting(absl::StrCat("it has no ", path, " yet"));
  return Waiting(
      absl::StrCat(path, " is ", absl::StrJoin(texts, ", "), " and does not match ", expression));
}

Verdict JudgeRollout(const Json& object) {
  const kubernetes::ObjectKind kind{Text(object, "apiVersion"), Text(object, "kind")};
  const std::string group = kind.group();
  if (group == "apps" || group.empty()) {
    if (kind.kind == "Deployment") return Deployment(object);
    if (kind.kind == "DaemonSet") return DaemonSet(object);
    if (kind.kind == "StatefulSet") return StatefulSet(object);
    if (kind.kind == "ReplicaSet" || kind.kind == "ReplicationController") return Replicas(object);
  }
  if (group == "batch" && kind.kind == "Job") return Job(object);
  if (group.empty()) {
    if (kind.kind == "Pod") return Pod(object);
    if (kind.kind == "PersistentVolumeClaim") return VolumeClaim(object);
    if (kind.kind == "Namespace") return Phase(object, "Active");
    if (kind.kind == "Service") {
      return Text(object, "spec.type") == "LoadBalancer" ? Address(object) : Ready();
    }
    return Ready();
  }
  if (group == "networking.k8s.io" && kind.kind == "Ingress") return Address(object);
  if (group == "apiextensions.k8s.io") return Definition(object);
  if (group == "apiregistration.k8s.io") return JudgeCondition(object, "Available", "True");
  return kubernetes::IsBuiltInGroup(group) ? Ready() : Custom(object);
}

absl::StatusOr<Verdict> Judge(const Json& object, const WaitFor& wait) {
  Verdict all = Ready();
  const auto add = [&all](const Verdict& verdict) {
    if (verdict.state == Verdict::kReady) return;
    // The worst of them decides; a missing status is only forgiven if it is all that is missing.
    if (all.state == Verdict::kReady || verdict.state == Verdict::kHopeless) {
      all.state = verdict.state;
    } else if (all.state == Verdict::kNoStatus) {
      all.state = Verdict::kWaiting;
    }
    absl::StrAppend(&all.why, all.why.empty() ? "" : "; ", verdict.why);
  };
  if (wait.rollout) add(JudgeRollout(object));
  for (const auto& [type, status] : wait.conditions) add(JudgeCondition(object, type, status));
  for (const auto& [path, expression] : wait.fields) {
    absl::StatusOr<Verdict> verdict = JudgeField(object, path, expression);
    if (!verdict.ok()) return At(Path("fields").Key(path), verdict.status());
    add(*verdict);
  }
  return all;
}

std::string DescribeConditions(const Json& object) {
  const Json& conditions = Field(object, "status.conditions");
  if (!conditions.is_array()) return "";
  std::string lines;
  for (const Json& condition : conditions) {
    const std::string type = Text(condition, "type");
    if (type == "ReplicaFailure") continue;  // Diagnose tells of it
    // Conditions of which "True" is the bad news.
    const bool about_failure = absl::EndsWith(type, "Failure") || absl::EndsWith(type, "Failed") ||
                               absl::EndsWith(type, "Pressure") ||
                               absl::EndsWith(type, "Unavailable") || type == "Stalled" ||
                               type == "Degraded";
    const std::string status = Text(condition, "status");
    if ((status == "True") != about_failure) continue;
    absl::StrAppend(&lines, "condition ", Describe(condition), "\n");
  }
  return lines;
}

}  // namespace charon::operations
