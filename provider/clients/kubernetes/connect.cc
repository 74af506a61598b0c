#include "provider/clients/kubernetes/connect.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/credentials.h"
#include "provider/http/certificates.h"
#include "provider/http/logging.h"
#include "provider/http/parse_json.h"
#include "provider/http/retry.h"
#include "provider/http/url.h"

namespace charon::kubernetes {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Kubernetes API reference, "User impersonation". Keys of extras are percent-encoded, as header
// names allow few characters.
Headers ImpersonationHeaders(const Impersonation& whom) {
  Headers headers;
  if (!whom.user.empty()) headers.emplace_back("Impersonate-User", whom.user);
  if (!whom.uid.empty()) headers.emplace_back("Impersonate-Uid", whom.uid);
  for (const std::string& group : whom.groups) headers.emplace_back("Impersonate-Group", group);
  for (const auto& [key, values] : whom.extra) {
    for (const std::string& value : values) {
      headers.emplace_back(absl::StrCat("Impersonate-Extra-", http::UrlEscape(key)), value);
    }
  }
  return headers;
}

// The message of a v1.Status body; "" if it is none.
std::string ServerMessage(const std::string& body) {
  const auto status = http::ParseJson(body);
  if (!status.is_object()) return "";
  const auto message = status.find("message");
  return message != status.end() && message->is_string() ? Redact(message->get<std::string>()) : "";
}

absl::Status CheckNotExpired(const std::string& certificate_pem, const std::string& description) {
  const auto certificates = http::ReadCertificates(certificate_pem);
  // What is no certificate is reported by the transport.
  if (!certificates.ok()) return absl::OkStatus();
  const http::Certificate& own = certificates->front();
  if (absl::Now() < own.not_after) return absl::OkStatus();
  return WithRemedy(
      absl::UnauthenticatedError(absl::StrCat(
          "the client certificate \"", own.subject, "\" of ", description, " expired on ",
          absl::FormatTime("%Y-%m-%d %H:%M UTC", own.not_after, absl::UTCTimeZone()))),
      "Have the kubeconfig or the certificate issued anew.");
}

class AuthenticatedTransport final : public http::Transport {
 public:
  AuthenticatedTransport(const Connection& connection, TransportFactory factory)
      : server_(connection.server),
        tls_(connection.tls),
        description_(connection.description),
        impersonation_(ImpersonationHeaders(connection.impersonation)),
        source_(NewCredentialSource(connection)),
        factory_(std::move(factory)) {}

  // Makes the connections for a certificate that is known from the start, so that a bad one is told
  // before the first request.
  absl::Status Prepare() {
    const Credentials fixed{.authorization = "",
                            .client_cert_pem = tls_.client_cert_pem,
                            .client_key_pem = tls_.client_key_pem};
    return TransportFor(fixed).status();
  }

  absl::StatusOr<http::Response> Send(const Call& call, const http::Request& request) override {
    if (!absl::StartsWith(request.url, "/")) {
      return absl::InternalError(absl::StrCat("\"", http::UrlForLog(request.url),
                                              "\" is no path below the cluster's server; please "
                                              "report this"));
    }
    http::Request full = request;
    full.url = absl::StrCat(server_, request.url);
    bool is_second = false;
    while (true) {
      absl::StatusOr<Credentials> credentials = source_->Get(call);
      if (!credentials.ok()) return Annotate(credentials.status(), description_);
      CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<http::Transport> transport,
                              TransportFor(*credentials));
      full.headers = request.headers;
      if (!credentials->authorization.empty()) {
        full.headers.emplace_back("Authorization", credentials->authorization);
      }
      full.headers.insert(full.headers.end(), impersonation_.begin(), impersonation_.end());
      absl::StatusOr<http::Response> response = transport->Send(call, full);
      if (!response.ok()) return Annotate(response.status(), description_);
      if (response->status != 401) return response;
      // The server refused before it acted, so any method may be sent again.
      if (is_second || !source_->Refuse(*credentials)) return Refused(*response);
      is_second = true;
    }
  }

 private:
  // The transport of these credentials' certificate. The last one is kept; requests still on their
  // way over an older one keep that alive.
  absl::StatusOr<std::shared_ptr<http::Transport>> TransportFor(const Credentials& credentials) {
    const std::scoped_lock lock(mutex_);
    if (transport_ != nullptr && certificate_ == credentials.client_cert_pem) return transport_;
    if (!credentials.client_cert_pem.empty()) {
      CHARON_RETURN_IF_ERROR(CheckNotExpired(credentials.client_cert_pem, description_));
    }
    http::TlsOptions tls = tls_;
    tls.client_cert_pem = credentials.client_cert_pem;
    tls.client_key_pem = credentials.client_key_pem;
    absl::StatusOr<std::unique_ptr<http::Transport>> made = factory_(tls);
    if (!made.ok()) return Annotate(made.status(), description_);
    transport_ = *std::move(made);
    certificate_ = credentials.client_cert_pem;
    return transport_;
  }

  absl::Status Refused(const http::Response& response) const {
    const std::string message = ServerMessage(response.body);
    return WithRemedy(absl::UnauthenticatedError(absl::StrCat(
                          "the cluster at ", server_, " refused the credentials of ", description_,
                          " (401", message.empty() ? "" : ": ", message, ")")),
                      source_->Remedy());
  }

  const std::string server_;
  const http::TlsOptions tls_;
  const std::string description_;
  const Headers impersonation_;
  const std::unique_ptr<CredentialSource> source_;
  const TransportFactory factory_;

  std::mutex mutex_;
  std::shared_ptr<http::Transport> transport_;  // guarded by mutex_
  std::string certificate_;                     // of transport_
};

}  // namespace

absl::StatusOr<std::unique_ptr<http::Transport>> ConnectThrough(const Connection& connection,
                                                                TransportFactory factory) {
  auto transport = std::make_unique<AuthenticatedTransport>(connection, std::move(factory));
  CHARON_RETURN_IF_ERROR(transport->Prepare());
  return transport;
}

absl::StatusOr<std::unique_ptr<http::Transport>> Connect(const Connection& connection,
                                                         std::string user_agent) {
  const std::string proxy_url = connection.proxy_url;
  const auto make =
      [proxy_url, user_agent = std::move(user_agent)](
          const http::TlsOptions& tls) -> absl::StatusOr<std::unique_ptr<http::Transport>> {
    http::TransportOptions options;
    options.tls = tls;
    options.proxy_url = proxy_url;
    options.user_agent = user_agent;
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> curl,
                            http::NewCurlTransport(std::move(options)));
    return http::NewRetryTransport(http::NewLoggingTransport(std::move(curl)));
  };
  return ConnectThrough(connection, make);
}

}  // namespace charon::kubernetes
