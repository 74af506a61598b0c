#include "kubernetes_site.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "request_info.h"
#include "status.h"

namespace charon::sandbox {

std::optional<HttpResponse> KubernetesSite::Admit(const HttpRequest& request, std::string* user) {
  const absl::StatusOr<std::string> who = api_.Authenticate(request);
  if (!who.ok()) return StatusResponse(who.status());
  *user = *who;
  if (!absl::StartsWith(request.path, "/_sandbox/")) return std::nullopt;
  if (*who != "admin") return StatusResponse(Forbidden({}, "", "the control API is for admin"));
  return control_.Handle(request);
}

HttpResponse KubernetesSite::Handle(const HttpRequest& request, const std::string& user) {
  return api_.Handle(request, user);
}

void KubernetesSite::Describe(const HttpRequest& request, Json& entry) {
  const RequestInfo info = ReadRequestInfo(request);
  entry["dry_run"] = request.Query("dryRun") == "All";
  if (!info.is_resource) return;
  entry["verb"] = info.verb;
  entry["resource"] = info.group.empty() ? info.plural : absl::StrCat(info.plural, ".", info.group);
  entry["namespace"] = info.ns;
  entry["name"] = info.name;
  entry["subresource"] = info.subresource;
}

void KubernetesSite::Stop() {
  absl::MutexLock lock(&api_.cluster().mu);
  api_.cluster().stopping = true;
}

HttpResponse KubernetesSite::FaultAnswer(const HttpRequest&, const Fault& fault) {
  std::string message = fault.message;
  std::string reason;
  switch (fault.code) {
    case 429:
      reason = "TooManyRequests";
      if (message.empty()) message = "Too many requests, please try again later.";
      break;
    case 503:
      reason = "ServiceUnavailable";
      if (message.empty()) message = "the server is currently unable to handle the request";
      break;
    case 504:
      reason = "Timeout";
      if (message.empty())
        message = "the server was unable to return a response in the time allotted";
      break;
    case 401:
      reason = "Unauthorized";
      if (message.empty()) message = "Unauthorized";
      break;
    case 403:
      reason = "Forbidden";
      break;
    default:
      reason = fault.code >= 500 ? "InternalError" : "";
  }
  if (message.empty()) message = absl::StrCat("scripted fault ", fault.id);
  Json details;
  if (fault.retry_after >= 0) details = {{"retryAfterSeconds", fault.retry_after}};
  HttpResponse response =
      JsonResponse(StatusBody(ApiStatus(fault.code, reason, message, details)), fault.code);
  if (fault.retry_after >= 0) {
    response.headers.emplace_back("Retry-After", absl::StrCat(fault.retry_after));
  }
  return response;
}

}  // namespace charon::sandbox
