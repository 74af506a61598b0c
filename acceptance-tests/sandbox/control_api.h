// The control API under /_sandbox/: what tests and rehearsals use to script the server.

#ifndef ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_
#define ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_

#include <string>

#include "absl/status/statusor.h"
#include "api_server.h"
#include "cloudflare_site.h"
#include "faults.h"
#include "headscale_site.h"
#include "http_request.h"
#include "json.h"
#include "request_log.h"
#include "route53_site.h"

namespace charon::sandbox {

// The sites beside Kubernetes; null where there is none.
struct Others {
  HeadscaleSite* headscale = nullptr;
  HeadscaleSite* headscale_023 = nullptr;
  CloudflareSite* cloudflare = nullptr;
  Route53Site* route53 = nullptr;
};

// Safe for concurrent use.
class ControlApi {
 public:
  // Everything passed in must outlive the control API.
  ControlApi(ApiServer& api, FaultScript& faults, RequestLog& log, Others others)
      : api_(api), faults_(faults), log_(log), others_(others) {}

  HttpResponse Handle(const HttpRequest& request);

 private:
  absl::StatusOr<Json> Answer(const HttpRequest& request);
  absl::StatusOr<Json> Mutations(const HttpRequest& request, const Json& body);
  // "Apply this patch to that object as manager X, now."
  absl::StatusOr<Json> Act(const Json& body);
  absl::StatusOr<Json> ControlHeadscale(const HttpRequest& request, const Json& body);
  Json Dump(const HttpRequest& request);
  Json Reset();

  ApiServer& api_;
  FaultScript& faults_;
  RequestLog& log_;
  const Others others_;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_CONTROL_API_H_
