// Answers that are not the object asked for: the API's Status, carried inside an absl::Status.
//
// Every failing function of the sandbox returns an absl::Status made here; the HTTP layer turns it
// back into the body and the code a real server sends.

#ifndef ACCEPTANCE_TESTS_SANDBOX_STATUS_H_
#define ACCEPTANCE_TESTS_SANDBOX_STATUS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "json.h"

#define SANDBOX_CONCAT_INNER(a, b) a##b
#define SANDBOX_CONCAT(a, b) SANDBOX_CONCAT_INNER(a, b)
#define SANDBOX_RETURN_IF_ERROR(expression)          \
  do {                                               \
    absl::Status sandbox_status = (expression);      \
    if (!sandbox_status.ok()) return sandbox_status; \
  } while (false)
#define SANDBOX_ASSIGN_OR_RETURN(target, expression) \
  SANDBOX_ASSIGN_OR_RETURN_INNER(SANDBOX_CONCAT(sandbox_or_, __LINE__), target, expression)
#define SANDBOX_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                      \
  if (!holder.ok()) return holder.status();                        \
  target = *std::move(holder)

namespace charon::sandbox {

// "deployments.apps" or, in the core group, "configmaps".
struct GroupResource {
  std::string group;
  std::string resource;

  std::string ToString() const;
};

// One complaint about one field, as validation collects them.
struct FieldError {
  std::string reason;  // FieldValueRequired, ...
  std::string field;   // spec.containers[0].image
  std::string body;    // "Required value", "Invalid value: \"x\": must ..."
};

class FieldErrors {
 public:
  void Required(absl::string_view field, absl::string_view detail = "");
  void Invalid(absl::string_view field, const Json& value, absl::string_view detail);
  void TypeInvalid(absl::string_view field, const Json& value, absl::string_view detail);
  void Duplicate(absl::string_view field, const Json& value);
  void NotFound(absl::string_view field, const Json& value);
  void Forbidden(absl::string_view field, absl::string_view detail);
  void TooLong(absl::string_view field, int limit);
  void TooMany(absl::string_view field, int actual, int limit);
  void NotSupported(absl::string_view field, const Json& value,
                    const std::vector<std::string>& supported);
  // Where the server prints one of its own structs: `printed` is that text.
  void InvalidStruct(absl::string_view field, absl::string_view printed, absl::string_view detail);
  void NotSupportedStruct(absl::string_view field, absl::string_view printed,
                          const std::vector<std::string>& supported);
  void DuplicateStruct(absl::string_view field, absl::string_view printed);

  bool empty() const { return errors_.empty(); }
  const std::vector<FieldError>& errors() const { return errors_; }

 private:
  void Add(absl::string_view reason, absl::string_view field, std::string body,
           absl::string_view detail);

  std::vector<FieldError> errors_;
};

// The general form; `details` may be null.
absl::Status ApiStatus(int code, absl::string_view reason, absl::string_view message,
                       Json details = nullptr);

absl::Status BadRequest(absl::string_view message);
absl::Status Unauthorized();
// `message` follows "is forbidden: ".
absl::Status Forbidden(const GroupResource& what, absl::string_view name,
                       absl::string_view message);
absl::Status NotFound(const GroupResource& what, absl::string_view name);
// A path that no resource answers to: the server's general 404.
absl::Status PathNotFound();
absl::Status AlreadyExists(const GroupResource& what, absl::string_view name);
absl::Status Conflict(const GroupResource& what, absl::string_view name, absl::string_view message);
absl::Status MethodNotAllowed();
absl::Status Gone(absl::string_view message);     // reason Gone
absl::Status Expired(absl::string_view message);  // reason Expired
absl::Status UnsupportedMediaType(absl::string_view message);
absl::Status Internal(absl::string_view message);
// A plain Go error that reached the client: code 500 without a reason.
absl::Status PlainError(absl::string_view message);
// `kind` is the group-qualified kind: {"apps", "Deployment"}.
absl::Status Invalid(const GroupResource& kind, absl::string_view name, const FieldErrors& errors);

// The Status object and the code behind a failed absl::Status, also one that was not made here.
Json StatusBody(const absl::Status& status);
int StatusCode(const absl::Status& status);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_STATUS_H_
