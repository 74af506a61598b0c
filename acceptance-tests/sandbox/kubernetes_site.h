// The Kubernetes API and, on the same port, the control API.

#ifndef ACCEPTANCE_TESTS_SANDBOX_KUBERNETES_SITE_H_
#define ACCEPTANCE_TESTS_SANDBOX_KUBERNETES_SITE_H_

#include <optional>
#include <string>

#include "api_server.h"
#include "control_api.h"
#include "site.h"

namespace charon::sandbox {

class KubernetesSite final : public Site {
 public:
  // Everything passed in must outlive the site.
  KubernetesSite(ApiServer& api, ControlApi& control) : api_(api), control_(control) {}

  std::string api() const override { return "kubernetes"; }
  std::optional<HttpResponse> Admit(const HttpRequest& request, std::string* user) override;
  HttpResponse Handle(const HttpRequest& request, const std::string& user) override;
  HttpResponse FaultAnswer(const HttpRequest& request, const Fault& fault) override;
  void Describe(const HttpRequest& request, Json& entry) override;
  void Stop() override;

 private:
  ApiServer& api_;
  ControlApi& control_;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_KUBERNETES_SITE_H_
