// Kubernetes objects as JSON, and the words to name them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace charon::kubernetes {

using Json = nlohmann::json;

// `apiVersion` is "v1" for the core group, else "group/version".
struct ObjectKind {
  std::string api_version;
  std::string kind;

  std::string group() const;    // "" for core
  std::string version() const;  // "v1"
  std::string ToString() const { return api_version + "/" + kind; }
  friend auto operator<=>(const ObjectKind&, const ObjectKind&) = default;
};

// Whether the API server itself has the group (Kubernetes 1.36), or a part of every cluster such as
// metrics.k8s.io: of all others, gateway.networking.k8s.io among them, a CustomResourceDefinition
// or an extension server decides what their objects look like. Groups without a dot are all built
// in.
bool IsBuiltInGroup(absl::string_view group);

// True if both name the same object although the group differs: kinds that moved between groups.
bool SameKindMoved(const ObjectKind& a, const ObjectKind& b);

// InvalidArgument for a name or namespace that is no part of a path, as the API server judges it
// (apimachinery v0.36, pkg/api/validation/path): it would be the path of something else. `what`
// says which it is.
absl::Status CheckPathSegment(absl::string_view what, absl::string_view text);

// Names one object. `name_space` is empty for cluster-scoped kinds.
struct ObjectRef {
  ObjectKind kind;
  std::string name_space;
  std::string name;

  // The import id: `apps/v1/Deployment/ns/name`, `v1/Namespace/name`.
  std::string ToString() const;
  // InvalidArgument, showing both forms, for anything else. Cluster-scoped kinds have one part
  // less: whether a kind is namespaced is taken from the number of parts.
  static absl::StatusOr<ObjectRef> Parse(absl::string_view id);
  friend auto operator<=>(const ObjectRef&, const ObjectRef&) = default;
};

// From apiVersion, kind, metadata.namespace and metadata.name. InvalidArgument, naming the field,
// if one is missing, no string or no part of a path; a generateName is refused with the reason,
// except in what the server has stored (it has a uid).
absl::StatusOr<ObjectRef> RefOf(const Json& object);

// The value at a dotted path of map keys ("metadata.labels"); a null if there is none.
const Json& Field(const Json& object, absl::string_view dotted_path);
// The list there; an empty one if there is none.
const Json& Items(const Json& object, absl::string_view dotted_path);
// Its text; "" if there is none or it is no string.
std::string Text(const Json& object, absl::string_view dotted_path);
// An annotation, whose name may have dots; "" if there is none.
std::string Annotation(const Json& object, absl::string_view name);
// Its integer; the fallback if there is none or it is no integer.
std::int64_t Number(const Json& object, absl::string_view dotted_path, std::int64_t fallback = 0);

// What the API server refused, read from a v1.Status body.
struct ApiError {
  int code = 0;
  std::string reason;  // "NotFound", "AlreadyExists", "Conflict", "Invalid", "Forbidden", ...
  std::string message;
  // The object, where the server names one. A NotFound without a name is about the kind or the
  // path.
  std::string kind;  // mostly the plural ("deployments"), as the server words it
  std::string group;
  std::string name;
  int retry_after_seconds = 0;  // 0: not said
  struct Cause {
    std::string reason;  // "FieldManagerConflict", "FieldValueInvalid", ...
    std::string field;   // ".spec.replicas" or "spec.replicas", as the server words it
    std::string message;
  };
  std::vector<Cause> causes;
};

// What an apply's schema errors say in text only (HTTP 500, "failed to create typed patch object
// ...") is read into causes, reason FieldValueInvalid. The status for an error answer: the code
// from reason and HTTP status, the server's own message, and the ApiError as payload. OK for 2xx.
// Bodies that are no v1.Status (a proxy's page) give one line of their text, shortened.
//   404 NotFound · 409 AlreadyExists reason: AlreadyExists · 409 Conflict: Aborted · 422, 413 and
//   400: InvalidArgument, so are an apply's schema errors · 401 Unauthenticated · 403
//   PermissionDenied (quota: ResourceExhausted; the namespace is being deleted: FailedPrecondition)
//   · a webhook that does not answer: FailedPrecondition · 405, 406, 415: Unimplemented · 410
//   OutOfRange · 412 FailedPrecondition · 429 and 5xx: Unavailable (408, 504 and reason Timeout:
//   DeadlineExceeded)
absl::Status StatusFromResponse(int http_status, absl::string_view body);

// The ApiError that a status carries; code 0 if none.
ApiError ApiErrorOf(const absl::Status& status);

// `status` with these causes in its ApiError, in the same words.
absl::Status WithCauses(absl::Status status, std::vector<ApiError::Cause> causes);

// True if an admission webhook could not be called: the request was neither allowed nor refused.
bool IsAdmissionDown(const absl::Status& status);

}  // namespace charon::kubernetes
