// The control API under /_sandbox/: what tests and rehearsals use to script the server.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_
#define ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_

#include <string>

#include "absl/status/statusor.h"
#include "api_server.h"
#include "faults.h"
#include "http_request.h"
#include "json.h"
#include "request_log.h"

namespace charon::sandbox {

// Safe for concurrent use.
class ControlApi {
 public:
  ControlApi(ApiServer& api, FaultScript& faults, RequestLog& log)
      : api_(api), faults_(faults), log_(log) {}

  HttpResponse Handle(const HttpRequest& request);

 private:
  absl::StatusOr<Json> Answer(const HttpRequest& request);
  absl::StatusOr<Json> Mutations(const HttpRequest& request, const Json& body);
  // "Apply this patch to that object as manager X, now."
  absl::StatusOr<Json> Act(const Json& body);
  Json Dump(const HttpRequest& request);
  Json Reset();

  ApiServer& api_;
  FaultScript& faults_;
  RequestLog& log_;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_
