#include "provider/http/logging.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/base/redact.h"
#include "provider/http/url.h"

namespace charon::http {
namespace {

constexpr std::size_t kMostBytes = 16 << 10;

// Parts of path segments. "preauthkey" and "apikey" are Headscale's and others', "userdata" may
// carry anything.
constexpr std::array<absl::string_view, 10> kSecretSegments = {
    "secret", "token",  "credential", "login",    "password",
    "key",    "ticket", "session",    "userdata", "user-data"};

std::string Shorten(absl::string_view body) {
  // Redacted before it is cut, or half a secret would no longer be recognised.
  std::string clean = Redact(body);
  if (clean.size() <= kMostBytes) return clean;
  const std::size_t size = clean.size();
  clean.resize(kMostBytes);
  return absl::StrCat(clean, "... (", size, " bytes)");
}

class LoggingTransport final : public Transport {
 public:
  explicit LoggingTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}

  absl::StatusOr<Response> Send(const Call& call, const Request& request) override {
    if (!call.log->Enabled(LogLevel::kDebug)) return inner_->Send(call, request);
    const absl::Time begin = call.clock->Now();
    absl::StatusOr<Response> result = inner_->Send(call, request);
    const std::string duration =
        absl::FormatDuration(absl::Trunc(call.clock->Now() - begin, absl::Microseconds(10)));
    const std::string url = UrlForLog(request.url);
    if (!result.ok()) {
      call.log->Debug("HTTP request failed", {{"http_method", request.method},
                                              {"http_url", url},
                                              {"http_duration", duration},
                                              {"error", std::string(result.status().message())}});
      return result;
    }
    call.log->Debug("HTTP request", {{"http_method", request.method},
                                     {"http_url", url},
                                     {"http_status", absl::StrCat(result->status)},
                                     {"http_bytes", absl::StrCat(result->body.size())},
                                     {"http_duration", duration}});
    if (call.log->Enabled(LogLevel::kTrace)) {
      const auto shown = [&](const std::string& body) {
        return MayHoldSecrets(request.url, body) ? std::string(kRedacted) : Shorten(body);
      };
      call.log->Trace("HTTP bodies", {{"http_method", request.method},
                                      {"http_url", url},
                                      {"http_request_body", shown(request.body)},
                                      {"http_response_body", shown(result->body)}});
    }
    return result;
  }

 private:
  const std::unique_ptr<Transport> inner_;
};

}  // namespace

bool MayHoldSecrets(absl::string_view url, absl::string_view body) {
  const std::string path = absl::AsciiStrToLower(url.substr(0, url.find('?')));
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    for (absl::string_view part : kSecretSegments) {
      if (absl::StrContains(segment, part)) return true;
    }
  }
  // Headscale's nodes carry the pre-auth key that they joined with, whole until 0.27.
  return absl::StrContains(body, kSecretsInside) || absl::StrContains(body, "\"Secret\"") ||
         absl::StrContains(body, "kind: Secret") || absl::StrContains(body, "\"preAuthKey\":{") ||
         absl::StrContains(body, "\"preAuthKey\": {");
}

std::unique_ptr<Transport> NewLoggingTransport(std::unique_ptr<Transport> inner) {
  return std::make_unique<LoggingTransport>(std::move(inner));
}

}  // namespace charon::http
