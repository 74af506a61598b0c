// One of the APIs this program plays, behind one port.

#ifndef ACCEPTANCE_TESTS_SANDBOX_SITE_H_
#define ACCEPTANCE_TESTS_SANDBOX_SITE_H_

#include <optional>
#include <string>

#include "faults.h"
#include "http_request.h"
#include "json.h"

namespace charon::sandbox {

// Safe for concurrent use.
class Site {
 public:
  virtual ~Site() = default;

  // Names the API in the request log and in faults: "kubernetes", "headscale-0.23", ...
  virtual std::string api() const = 0;
  // What is answered before any fault applies: refused credentials, the control API. Sets `user`,
  // for the log.
  virtual std::optional<HttpResponse> Admit(const HttpRequest& request, std::string* user) = 0;
  virtual HttpResponse Handle(const HttpRequest& request, const std::string& user) = 0;
  // What this API answers where a fault asks for a status.
  virtual HttpResponse FaultAnswer(const HttpRequest& request, const Fault& fault) = 0;
  // More for the request's line in the log.
  virtual void Describe(const HttpRequest& request, Json& entry) { (void)request, (void)entry; }
  // The program ends: what waits has to return.
  virtual void Stop() {}
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_SITE_H_
