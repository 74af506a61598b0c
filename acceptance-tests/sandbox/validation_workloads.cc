#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "names.h"
#include "quantity.h"
#include "selector.h"
#include "validation_parts.h"

namespace charon::sandbox {

void CheckNonNegative(const Json& parent, const char* field, const std::string& path,
                      FieldErrors& errors) {
  const Json* value = Find(parent, {field});
  if (value != nullptr && value->is_number() && *value < 0) {
    errors.Invalid(absl::StrCat(path, ".", field), *value, "must be greater than or equal to 0");
  }
}

void CheckOneOf(const Json& parent, const char* field, const std::string& path,
                const std::vector<std::string>& allowed, FieldErrors& errors) {
  const Json* value = Find(parent, {field});
  if (value == nullptr || !value->is_string()) return;
  if (std::find(allowed.begin(), allowed.end(), value->get<std::string>()) == allowed.end()) {
    errors.NotSupported(path.empty() ? std::string(field) : absl::StrCat(path, ".", field), *value,
                        allowed);
  }
}

void CheckSubdomain(const Json& parent, const char* field, const std::string& path,
                    FieldErrors& errors) {
  const std::string value = Text(parent, {field});
  if (value.empty()) return;
  if (const std::string wrong = DnsSubdomainError(value); !wrong.empty()) {
    errors.Invalid(path.empty() ? std::string(field) : absl::StrCat(path, ".", field), value,
                   wrong);
  }
}

void CheckLabels(const Json& labels, const std::string& path, FieldErrors& errors) {
  for (const auto& [key, value] : labels.items()) {
    if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
      errors.Invalid(path, key, wrong);
    }
    if (const std::string wrong = LabelValueError(GoValue(value)); !wrong.empty()) {
      errors.Invalid(path, GoValue(value), wrong);
    }
  }
}

void CheckSelector(const Json& selector, const std::string& path, FieldErrors& errors) {
  CheckLabels(Members(selector, {"matchLabels"}), path + ".matchLabels", errors);
  const Json& expressions = Items(selector, {"matchExpressions"});
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const std::string at = absl::StrCat(path, ".matchExpressions[", i, "]");
    const std::string op = Text(expressions[i], {"operator"});
    const bool values = !Items(expressions[i], {"values"}).empty();
    if (op == "In" || op == "NotIn") {
      if (!values) {
        errors.Required(at + ".values", "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (values) {
        errors.Forbidden(at + ".values",
                         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      errors.Invalid(at + ".operator", op, "not a valid selector operator");
    }
    const std::string key = Text(expressions[i], {"key"});
    if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
      errors.Invalid(at + ".key", key, wrong);
    }
  }
}

void CheckIntOrPercent(const Json& parent, const char* field, const std::string& path,
                       FieldErrors& errors) {
  const Json* value = Find(parent, {field});
  if (value == nullptr) return;
  const std::string at = absl::StrCat(path, ".", field);
  if (value->is_number()) {
    if (*value < 0) errors.Invalid(at, *value, "must be greater than or equal to 0");
    return;
  }
  absl::string_view text = value->get_ref<const std::string&>();
  int percent = 0;
  if (!absl::EndsWith(text, "%") || !absl::SimpleAtoi(text.substr(0, text.size() - 1), &percent) ||
      percent < 0) {
    errors.Invalid(at, *value,
                   "a valid percent string must be a numeric string followed by an ending '%' "
                   "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
  } else if (percent > 100 && std::string(field) != "maxSurge") {
    errors.Invalid(at, *value, "must not be greater than 100%");
  }
}

std::string InGo(const Json* value, absl::string_view shape) {
  if (value == nullptr || value->is_null()) return "null";
  if (shape.empty()) return Dump(*value);
  std::string out;
  if (value->is_array()) {
    for (const Json& one : *value) absl::StrAppend(&out, out.empty() ? "" : ",", InGo(&one, shape));
    return absl::StrCat("[", out, "]");
  }
  while (!shape.empty()) {
    const std::size_t end = std::min(shape.find_first_of(" ("), shape.size());
    const std::string name(shape.substr(0, end));
    shape.remove_prefix(end);
    absl::string_view inner;
    if (absl::ConsumePrefix(&shape, "(")) {
      std::size_t size = 0;
      for (int depth = 1; depth > 0; ++size) {
        depth += shape[size] == '(' ? 1 : shape[size] == ')' ? -1 : 0;
      }
      inner = shape.substr(0, size - 1);
      shape.remove_prefix(size);
    }
    absl::ConsumePrefix(&shape, " ");
    std::string key = name;
    key[0] = absl::ascii_tolower(static_cast<unsigned char>(key[0]));
    absl::StrAppend(&out, out.empty() ? "" : ",", Quote(name), ":",
                    InGo(Find(*value, {key.c_str()}), inner));
  }
  return absl::StrCat("{", out, "}");
}

void CheckPort(const Json& port, const std::string& path, FieldErrors& errors) {
  if (port.is_number()) {
    if (port < 1 || port > 65535) {
      errors.Invalid(path, port, "must be between 1 and 65535, inclusive");
    }
  } else if (port.is_string()) {
    const std::string name = port.get<std::string>();
    if (const std::string wrong = PortNameError(name); !wrong.empty()) {
      errors.Invalid(path, name, wrong);
    }
  }
}

namespace {

bool IsZero(const Json* value) {
  return value == nullptr || *value == 0 || *value == "0" || *value == "0%";
}

// What a change of this server's own struct prints as: Go's names, not the API's.
std::string StrategyInGo(const Json& strategy) {
  const Json* rolling = Find(strategy, {"rollingUpdate"});
  return absl::StrCat("{\"Type\":", Quote(Text(strategy, {"type"})),
                      ",\"RollingUpdate\":", rolling == nullptr ? "null" : Dump(*rolling), "}");
}

void ValidateTemplate(const Json& spec, const std::string& path, FieldErrors& errors) {
  const Json& pod = Members(spec, {"template"});
  CheckLabels(Members(pod, {"metadata", "labels"}), path + ".metadata.labels", errors);
  ValidatePodSpec(Members(pod, {"spec"}), path + ".spec", errors);
}

void ValidateSelector(const Json& spec, const std::string& kind, bool required,
                      FieldErrors& errors) {
  const Json* selector = Find(spec, {"selector"});
  if (selector == nullptr) {
    if (required) errors.Required("spec.selector");
    return;
  }
  const std::size_t before = errors.errors().size();
  CheckSelector(*selector, "spec.selector", errors);
  if (errors.errors().size() > before) {
    bool bad_operator = false;
    for (std::size_t i = before; i < errors.errors().size(); ++i) {
      bad_operator = bad_operator || absl::StrContains(errors.errors()[i].field, "operator") ||
                     absl::StrContains(errors.errors()[i].field, "values");
    }
    if (bad_operator) errors.Invalid("spec.selector", *selector, "invalid label selector");
  } else if (selector->empty()) {
    errors.Invalid("spec.selector", *selector,
                   absl::StrCat("empty selector is invalid for ", kind));
  }
}

void CheckSelectorMatches(const Json& spec, FieldErrors& errors) {
  const Json* selector = Find(spec, {"selector"});
  for (const FieldError& error : errors.errors()) {
    if (absl::StartsWith(error.field, "spec.selector") && selector != nullptr) return;
  }
  if (selector != nullptr && selector->empty()) return;
  const Json* labels = Find(spec, {"template", "metadata", "labels"});
  const Json& values = labels == nullptr ? Json::object() : *labels;
  if (selector == nullptr || !LabelSelector::FromJson(selector).Matches(values)) {
    errors.Invalid("spec.template.metadata.labels", labels == nullptr ? Json() : *labels,
                   "`selector` does not match template `labels`");
  }
}

void CheckRestartAlways(const Json& spec, FieldErrors& errors) {
  const std::string policy = Text(spec, {"template", "spec", "restartPolicy"}, "Always");
  if (policy != "Always") {
    errors.NotSupported("spec.template.spec.restartPolicy", policy, {"Always"});
  }
  if (Find(spec, {"template", "spec", "activeDeadlineSeconds"}) != nullptr) {
    errors.Forbidden("spec.template.spec.activeDeadlineSeconds",
                     "activeDeadlineSeconds in ReplicaSet is not Supported");
  }
}

void ValidateDeployment(const Json& spec, FieldErrors& errors) {
  CheckNonNegative(spec, "replicas", "spec", errors);
  ValidateSelector(spec, "deployment", true, errors);
  CheckSelectorMatches(spec, errors);
  ValidateTemplate(spec, "spec.template", errors);
  CheckRestartAlways(spec, errors);
  const Json& strategy = Members(spec, {"strategy"});
  const std::string type = Text(strategy, {"type"});
  const Json* rolling = Find(strategy, {"rollingUpdate"});
  if (type == "Recreate") {
    if (rolling != nullptr) {
      errors.Forbidden("spec.strategy.rollingUpdate",
                       "may not be specified when strategy `type` is 'Recreate'");
    }
  } else if (type == "RollingUpdate") {
    if (rolling != nullptr) {
      CheckIntOrPercent(*rolling, "maxSurge", "spec.strategy.rollingUpdate", errors);
      CheckIntOrPercent(*rolling, "maxUnavailable", "spec.strategy.rollingUpdate", errors);
      if (IsZero(Find(*rolling, {"maxSurge"})) && IsZero(Find(*rolling, {"maxUnavailable"}))) {
        const Json* value = Find(*rolling, {"maxUnavailable"});
        errors.Invalid("spec.strategy.rollingUpdate.maxUnavailable",
                       value == nullptr ? Json(0) : *value, "may not be 0 when `maxSurge` is 0");
      }
    }
  } else {
    errors.NotSupportedStruct("spec.strategy", StrategyInGo(strategy),
                              {"Recreate", "RollingUpdate"});
  }
  CheckNonNegative(spec, "minReadySeconds", "spec", errors);
  CheckNonNegative(spec, "revisionHistoryLimit", "spec", errors);
  if (const Json* deadline = Find(spec, {"progressDeadlineSeconds"})) {
    CheckNonNegative(spec, "progressDeadlineSeconds", "spec", errors);
    if (*deadline <= Integer(spec, {"minReadySeconds"})) {
      errors.Invalid("spec.progressDeadlineSeconds", *deadline,
                     "must be greater than minReadySeconds");
    }
  }
}

void ValidateStatefulSet(const Json& spec, FieldErrors& errors) {
  const std::string management = Text(spec, {"podManagementPolicy"});
  if (management != "OrderedReady" && management != "Parallel") {
    errors.Invalid("spec.podManagementPolicy", management, "must be 'OrderedReady' or 'Parallel'");
  }
  const Json& strategy = Members(spec, {"updateStrategy"});
  const std::string type = Text(strategy, {"type"});
  if (type != "RollingUpdate" && type != "OnDelete") {
    errors.InvalidStruct("spec.updateStrategy", StrategyInGo(strategy),
                         "must be 'RollingUpdate' or 'OnDelete'");
  }
  CheckNonNegative(spec, "replicas", "spec", errors);
  CheckNonNegative(spec, "minReadySeconds", "spec", errors);
  ValidateSelector(spec, "statefulset", true, errors);
  CheckSelectorMatches(spec, errors);
  // A mount may name a claim template as well as a volume.
  Json with_claims = spec;
  for (const Json& claim : Items(spec, {"volumeClaimTemplates"})) {
    with_claims["template"]["spec"]["volumes"].push_back(
        {{"name", Text(claim, {"metadata", "name"})}, {"emptyDir", Json::object()}});
  }
  ValidateTemplate(with_claims, "spec.template", errors);
  CheckRestartAlways(spec, errors);
}

void ValidateDaemonSet(const Json& spec, FieldErrors& errors) {
  ValidateSelector(spec, "daemonset", false, errors);
  CheckSelectorMatches(spec, errors);
  ValidateTemplate(spec, "spec.template", errors);
  CheckRestartAlways(spec, errors);
  const Json& strategy = Members(spec, {"updateStrategy"});
  const std::string type = Text(strategy, {"type"});
  if (type != "RollingUpdate" && type != "OnDelete") {
    errors.NotSupportedStruct("spec.updateStrategy", StrategyInGo(strategy),
                              {"RollingUpdate", "OnDelete"});
  }
}

constexpr char kFailurePolicy[] =
    "Rules(Action OnExitCodes(ContainerName Operator Values) OnPodConditions(Type Status))";
constexpr char kSuccessPolicy[] = "Rules(SucceededIndexes SucceededCount)";

void ValidateJobSpec(const Json& spec, const std::string& path, bool in_template,
                     FieldErrors& errors) {
  for (const char* field : {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
                            "ttlSecondsAfterFinished"}) {
    CheckNonNegative(spec, field, path, errors);
  }
  CheckOneOf(spec, "completionMode", path, {"NonIndexed", "Indexed"}, errors);
  if (Text(spec, {"completionMode"}) == "Indexed") {
    if (Find(spec, {"completions"}) == nullptr) {
      errors.Required(path + ".completions", "when completion mode is Indexed");
    }
  } else {
    const char* wrong = "requires indexed completion mode";
    if (const Json* limit = Find(spec, {"backoffLimitPerIndex"})) {
      errors.Invalid(path + ".backoffLimitPerIndex", *limit, wrong);
    }
    if (const Json* policy = Find(spec, {"successPolicy"})) {
      errors.InvalidStruct(path + ".successPolicy", InGo(policy, kSuccessPolicy), wrong);
    }
  }
  if (const std::string replacement = Text(spec, {"podReplacementPolicy"});
      Find(spec, {"podFailurePolicy"}) != nullptr && !replacement.empty() &&
      replacement != "Failed") {
    errors.NotSupported(path + ".podReplacementPolicy", replacement, {"Failed"});
  }
  if (!in_template) {
    const Json* selector = Find(spec, {"selector"});
    if (selector == nullptr) errors.Required(path + ".selector");
    const Json& labels = Members(spec, {"template", "metadata", "labels"});
    // Without a selector, none matches.
    if (selector == nullptr || !LabelSelector::FromJson(selector).Matches(labels)) {
      errors.Invalid(path + ".template.metadata.labels", labels.empty() ? Json() : labels,
                     "`selector` does not match template `labels`");
    }
  }
  ValidateTemplate(spec, path + ".template", errors);
  const std::string policy = Text(spec, {"template", "spec", "restartPolicy"}, "Always");
  const std::string at = path + ".template.spec.restartPolicy";
  if (policy == "Always" || policy.empty()) {
    errors.Required(at, "valid values: \"OnFailure\", \"Never\"");
  } else if (policy != "OnFailure" && policy != "Never") {
    errors.NotSupported(at, policy, {"OnFailure", "Never"});
  }
}

void ValidateJob(const Json& spec, FieldErrors& errors) {
  const Json* selector = Find(spec, {"selector"});
  const Json& chosen = Members(spec, {"selector", "matchLabels"});
  if (selector != nullptr && !Flag(spec, {"manualSelector"}) &&
      (chosen.size() != 1 || !chosen.contains("batch.kubernetes.io/controller-uid"))) {
    errors.Invalid("spec.selector", *selector, "`selector` not auto-generated");
  }
  ValidateJobSpec(spec, "spec", false, errors);
}

// Five fields of a cron line, each made of digits, names, * , - and /.
std::string ScheduleError(const std::string& schedule) {
  if (absl::StartsWith(schedule, "@")) return "";
  const std::vector<std::string> fields = absl::StrSplit(schedule, ' ', absl::SkipEmpty());
  if (fields.size() != 5) {
    return absl::StrCat("expected exactly 5 fields, found ", fields.size(), ": [",
                        absl::StrJoin(fields, " "), "]");
  }
  for (const std::string& field : fields) {
    for (const char c : field) {
      if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
          !absl::StrContains("*,-/?", absl::string_view(&c, 1))) {
        return absl::StrCat("failed to parse int from ", field, ": strconv.Atoi: parsing ",
                            Quote(field), ": invalid syntax");
      }
    }
  }
  return "";
}

void ValidateCronJob(const Json& object, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  const std::string name = Text(object, {"metadata", "name"});
  const std::string schedule = Text(spec, {"schedule"});
  if (schedule.empty()) {
    errors.Required("spec.schedule");
  } else if (const std::string wrong = ScheduleError(schedule); !wrong.empty()) {
    errors.Invalid("spec.schedule", schedule, wrong);
  }
  CheckNonNegative(spec, "startingDeadlineSeconds", "spec", errors);
  const std::string zone = Text(spec, {"timeZone"});
  absl::TimeZone loaded;
  if (!zone.empty() && !absl::LoadTimeZone(zone, &loaded)) {
    errors.Invalid("spec.timeZone", zone, absl::StrCat("unknown time zone ", zone));
  }
  CheckOneOf(spec, "concurrencyPolicy", "spec", {"Allow", "Forbid", "Replace"}, errors);
  ValidateJobSpec(Members(spec, {"jobTemplate", "spec"}), "spec.jobTemplate.spec", true, errors);
  CheckNonNegative(spec, "successfulJobsHistoryLimit", "spec", errors);
  CheckNonNegative(spec, "failedJobsHistoryLimit", "spec", errors);
  if (name.size() > 52) {
    errors.Invalid("metadata.name", name, "must be no more than 52 characters");
  }
}

bool Differs(const Json& object, const Json& live, JsonPath path) {
  const Json* a = Find(object, path);
  const Json* b = Find(live, path);
  return (a == nullptr) != (b == nullptr) || (a != nullptr && *a != *b);
}

void Immutable(const Json& object, const Json& live, JsonPath path, const std::string& name,
               FieldErrors& errors) {
  if (!Differs(object, live, path)) return;
  const Json* value = Find(object, path);
  errors.Invalid(name, value == nullptr ? Json() : *value, "field is immutable");
}

// Whether a Job has no pods and its controller knows that it is suspended.
bool IsAtRest(const Json& job) {
  if (!Flag(job, {"spec", "suspend"}) || Integer(job, {"status", "active"}) > 0) return false;
  if (Find(job, {"status", "startTime"}) == nullptr) return true;
  for (const Json& condition : Items(job, {"status", "conditions"})) {
    if (Text(condition, {"type"}) == "Suspended" && Text(condition, {"status"}) == "True") {
      return true;
    }
  }
  return false;
}

// What is fixed about the pods of a Job at rest: all but where they run and how much they get.
Json FixedPodSpec(const Json& job) {
  Json spec = Members(job, {"spec", "template", "spec"});
  for (const char* field : {"nodeSelector", "tolerations", "schedulingGates"}) spec.erase(field);
  Erase(spec, {"affinity", "nodeAffinity"});
  if (Members(spec, {"affinity"}).empty()) spec.erase("affinity");
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list)) continue;
    for (Json& container : spec[list]) container.erase("resources");
  }
  return spec;
}

void ValidateJobUpdate(const Json& object, const Json& live, FieldErrors& errors) {
  const Json& spec = Members(object, {"spec"});
  ValidateJobSpec(spec, "spec", false, errors);  // Checked twice by the server.
  if (Text(spec, {"completionMode"}) != "Indexed") {
    Immutable(object, live, {"spec", "completions"}, "spec.completions", errors);
  } else if (const Json* completions = Find(spec, {"completions"});
             completions != nullptr && Differs(object, live, {"spec", "completions"}) &&
             *completions != Integer(spec, {"parallelism"})) {
    errors.Invalid("spec.completions", *completions,
                   "can only be modified in tandem with spec.parallelism");
  }
  Immutable(object, live, {"spec", "selector"}, "spec.selector", errors);
  if (!IsAtRest(live)) {
    Immutable(object, live, {"spec", "template"}, "spec.template", errors);
  } else if (FixedPodSpec(object) != FixedPodSpec(live)) {
    errors.Invalid("spec.template.spec", Members(spec, {"template", "spec"}), "field is immutable");
  }
  for (const char* field : {"completionMode", "backoffLimitPerIndex", "managedBy"}) {
    Immutable(object, live, {"spec", field}, absl::StrCat("spec.", field), errors);
  }
  const std::pair<const char*, const char*> policies[] = {{"podFailurePolicy", kFailurePolicy},
                                                          {"successPolicy", kSuccessPolicy}};
  for (const auto& [field, shape] : policies) {
    if (Differs(object, live, {"spec", field})) {
      errors.InvalidStruct(absl::StrCat("spec.", field), InGo(Find(spec, {field}), shape),
                           "field is immutable");
    }
  }
}

}  // namespace

void ValidateWorkload(const Resource& resource, const Json& object, FieldErrors& errors) {
  const std::string key = resource.storage_key();
  const Json& spec = Members(object, {"spec"});
  if (key == "/pods") {
    ValidatePodSpec(spec, "spec", errors);
  } else if (key == "apps/deployments") {
    ValidateDeployment(spec, errors);
  } else if (key == "apps/replicasets") {
    CheckNonNegative(spec, "replicas", "spec", errors);
    ValidateSelector(spec, "deployment", true, errors);
    CheckSelectorMatches(spec, errors);
    ValidateTemplate(spec, "spec.template", errors);
    CheckRestartAlways(spec, errors);
  } else if (key == "apps/statefulsets") {
    ValidateStatefulSet(spec, errors);
  } else if (key == "apps/daemonsets") {
    ValidateDaemonSet(spec, errors);
  } else if (key == "batch/jobs") {
    ValidateJob(spec, errors);
  } else if (key == "batch/cronjobs") {
    ValidateCronJob(object, errors);
  }
}

void ValidateWorkloadUpdate(const Resource& resource, const Json& object, const Json& live,
                            FieldErrors& errors) {
  const std::string key = resource.storage_key();
  if (key == "apps/deployments" || key == "apps/replicasets" || key == "apps/daemonsets") {
    Immutable(object, live, {"spec", "selector"}, "spec.selector", errors);
  } else if (key == "apps/statefulsets") {
    // All fields but a few are fixed.
    Json before = live;
    Json after = object;
    for (Json* side : {&before, &after}) {
      for (const char* field :
           {"replicas", "ordinals", "template", "updateStrategy",
            "persistentVolumeClaimRetentionPolicy", "minReadySeconds", "revisionHistoryLimit"}) {
        Erase(*side, {"spec", field});
      }
    }
    if (Members(before, {"spec"}) != Members(after, {"spec"})) {
      errors.Forbidden(
          "spec",
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
          "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
          "'minReadySeconds' are forbidden");
    }
  } else if (key == "batch/jobs") {
    ValidateJobUpdate(object, live, errors);
  } else if (key == "/pods") {
    // Images, deadlines and tolerations may change, and that is nearly all.
    Json before = Members(live, {"spec"});
    Json after = Members(object, {"spec"});
    for (Json* side : {&before, &after}) {
      for (const char* list : {"containers", "initContainers"}) {
        if (!side->contains(list)) continue;
        for (Json& container : (*side)[list]) {
          container.erase("image");
          container.erase("resources");
        }
      }
      for (const char* field :
           {"activeDeadlineSeconds", "tolerations", "schedulingGates",
            "terminationGracePeriodSeconds", "ephemeralContainers", "nodeName"}) {
        side->erase(field);
      }
    }
    if (before != after) {
      errors.Forbidden("spec",
                       "pod updates may not change fields other than "
                       "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec."
                       "activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                       "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 "
                       "if it was previously negative)");
    }
  }
}

}  // namespace charon::sandbox
