#include "provider/dns_services.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/route53/client.h"
#include "provider/http/logging.h"
#include "provider/http/retry.h"

namespace charon {
namespace {

// What gives out credentials is not logged: the answers are secrets.
enum class Logged { kYes, kNo };

absl::StatusOr<std::unique_ptr<http::Transport>> NewTransport(Logged logged = Logged::kYes) {
  http::TransportOptions options;
  options.user_agent = "terraform-provider-charon/" CHARON_VERSION;
  CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> curl,
                          http::NewCurlTransport(std::move(options)));
  if (logged == Logged::kNo) return http::NewRetryTransport(std::move(curl));
  return http::NewRetryTransport(http::NewLoggingTransport(std::move(curl)));
}

absl::Status NotConfigured(absl::string_view message, absl::string_view remedy) {
  return WithRemedy(absl::FailedPreconditionError(message), remedy);
}

absl::StatusOr<std::unique_ptr<dns::Backend>> Connect(const std::string& backend,
                                                      const DnsSettings& settings) {
  if (backend == "cloudflare") {
    if (settings.cloudflare.api_token.empty()) {
      return NotConfigured(
          "there is no API token for Cloudflare",
          "Set `cloudflare = { api_token = ... }` in the provider block, or CLOUDFLARE_API_TOKEN.");
    }
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> transport, NewTransport());
    return cloudflare::NewClient(settings.cloudflare, std::move(transport));
  }
  if (backend == "route53") {
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> transport, NewTransport());
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> for_credentials,
                            NewTransport(Logged::kNo));
    auto chain = std::make_shared<route53::CredentialChain>(settings.aws, route53::Machine::Real(),
                                                            std::move(for_credentials));
    return route53::NewClient(settings.aws.endpoint, std::move(chain), std::move(transport));
  }
  if (backend == "rfc2136") {
    if (settings.rfc2136.server.empty()) {
      return NotConfigured(
          "it is not said which server takes the updates",
          "Set `rfc2136 = { server = ... }` in the provider block, or DNS_UPDATE_SERVER.");
    }
    CHARON_ASSIGN_OR_RETURN(rfc2136::ServerAddress server,
                            rfc2136::ParseServer(settings.rfc2136.server));
    return rfc2136::NewClient(settings.rfc2136.server, settings.rfc2136.key,
                              rfc2136::NewTcpChannel(std::move(server)));
  }
  if (backend == "powerdns") {
    if (settings.powerdns.endpoint.empty() || settings.powerdns.api_key.empty()) {
      return NotConfigured(
          absl::StrCat("there is no ", settings.powerdns.endpoint.empty() ? "endpoint" : "API key",
                       " for PowerDNS"),
          "Set `powerdns = { endpoint = ..., api_key = ... }` in the provider block, or "
          "PDNS_SERVER_URL and PDNS_API_KEY.");
    }
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> transport, NewTransport());
    return powerdns::NewClient(settings.powerdns, std::move(transport));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", backend, "\" is none of ", absl::StrJoin(DnsBackends(), ", ")));
}

}  // namespace

const std::vector<std::string>& DnsBackends() {
  static const auto& backends =
      *new std::vector<std::string>{"cloudflare", "powerdns", "rfc2136", "route53"};
  return backends;
}

DnsServices::DnsServices() : DnsServices(Connect) {}

void DnsServices::UseForTest(Factory make) {
  absl::MutexLock lock(&mutex_);
  make_ = std::move(make);
  directories_.clear();
}

void DnsServices::Configure(DnsSettings settings) {
  absl::MutexLock lock(&mutex_);
  settings_ = std::move(settings);
  directories_.clear();
}

absl::StatusOr<std::string> DnsServices::Implied() const {
  absl::MutexLock lock(&mutex_);
  // What the block names counts for more than what happens to be in the environment.
  const std::set<std::string>& among =
      settings_.blocks.empty() ? settings_.configured : settings_.blocks;
  if (among.size() == 1) return *among.begin();
  if (among.empty()) {
    return WithRemedy(
        absl::InvalidArgumentError("no DNS service is configured"),
        absl::StrCat("Add one of ", absl::StrJoin(DnsBackends(), ", "),
                     " (for route53: `aws`) to the provider block, or set `backend`."));
  }
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                        "several DNS services are configured (", absl::StrJoin(among, ", "),
                        "), so it is not clear which one is meant")),
                    "Set `backend`.");
}

absl::StatusOr<std::shared_ptr<dns::Directory>> DnsServices::Get(const std::string& backend) const {
  // Under the lock: parallel first uses must end up with one directory. Building one contacts
  // nothing.
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<dns::Directory>& directory = directories_[backend];
  if (directory == nullptr) {
    CHARON_ASSIGN_OR_RETURN(std::unique_ptr<dns::Backend> made, make_(backend, settings_));
    directory = std::make_shared<dns::Directory>(std::move(made));
  }
  return directory;
}

}  // namespace charon
