// Whether an object is what it should be, judged from the object alone.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"
#include "provider/operations/wait_ready.h"

namespace charon::operations {

struct Verdict {
  enum State {
    kReady,
    kWaiting,
    kNoStatus,  // nobody has said anything about it yet; perhaps nobody ever will
    kHopeless,  // will not get better by itself
  };
  State state = kWaiting;
  std::string why;  // "2 of 3 updated replicas are available"; empty if kReady
};

// The rollout of `object`, by its kind (see WaitFor::rollout). As kubectl's polymorphichelpers
// judge Deployments, StatefulSets and DaemonSets, and where they give up (OnDelete) by what is
// running.
Verdict JudgeRollout(const kubernetes::Json& object);

// status.conditions[type].status, and not of an older generation.
Verdict JudgeCondition(const kubernetes::Json& object, absl::string_view type,
                       absl::string_view status);

// Whether the text of the field at `path` matches `expression` as a whole; several values (a path
// through a list without an index) are tried one by one. InvalidArgument if it is no regular
// expression (RE2).
absl::StatusOr<Verdict> JudgeField(const kubernetes::Json& object, absl::string_view path,
                                   absl::string_view expression);

// InvalidArgument if `path` is none that JudgeField can follow in any object, as with the braces of
// kubectl's JSONPath, or a dot at its begin or end.
absl::Status CheckFieldPath(absl::string_view path);

// InvalidArgument if `expression` is no regular expression (RE2).
absl::Status CheckExpression(absl::string_view expression);

// All of `wait`.
absl::StatusOr<Verdict> Judge(const kubernetes::Json& object, const WaitFor& wait);

// The conditions that tell of trouble, a line each: "condition Ready is False (IssuerNotFound):
// ...". Those that are not True, or True if their name says failure.
std::string DescribeConditions(const kubernetes::Json& object);

}  // namespace charon::operations
