#include "provider/clients/kubernetes/credentials.h"

#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/child_process.h"
#include "provider/http/parse_json.h"

namespace charon::kubernetes {
namespace {

using nlohmann::json;

// How often a token file is looked at, at most.
constexpr absl::Duration kLookInterval = absl::Seconds(1);
// Plugins may have to ask an identity provider, or a person in a browser.
constexpr absl::Duration kPluginLimit = absl::Minutes(2);
// A token is not used in the last seconds of its life: the request takes time too.
constexpr absl::Duration kExpirySlack = absl::Seconds(5);

std::string Bearer(absl::string_view token) {
  return token.empty() ? "" : absl::StrCat("Bearer ", absl::StripAsciiWhitespace(token));
}

// Variables and flags of plugins: AWS_SECRET_ACCESS_KEY, --oidc-client-secret, --password.
bool NamesASecret(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (absl::string_view part : {"secret", "token", "passw", "credential"}) {
    if (absl::StrContains(lower, part)) return true;
  }
  return false;
}

class FixedSource final : public CredentialSource {
 public:
  FixedSource(Credentials credentials, std::string remedy)
      : credentials_(std::move(credentials)), remedy_(std::move(remedy)) {}

  absl::StatusOr<Credentials> Get(const Call&) override { return credentials_; }
  bool Refuse(const Credentials&) override { return false; }
  std::string Remedy() const override { return remedy_; }

 private:
  const Credentials credentials_;
  const std::string remedy_;
};

// A token in a file that somebody else renews: a pod's projected token, Vault's agent, ...
class TokenFileSource final : public CredentialSource {
 public:
  TokenFileSource(Credentials base, std::string path)
      : base_(std::move(base)), path_(std::move(path)) {}

  absl::StatusOr<Credentials> Get(const Call& call) override {
    const std::scoped_lock lock(mutex_);
    const absl::Time now = call.clock->Now();
    if (token_.empty() || now - looked_ >= kLookInterval || now < looked_) {
      looked_ = now;
      const absl::Status status = ReadIfChanged();
      // A file that is being replaced may be missing for a moment; the old token still serves.
      if (!status.ok() && token_.empty()) return status;
    }
    Credentials credentials = base_;
    credentials.authorization = Bearer(token_);
    return credentials;
  }

  bool Refuse(const Credentials& refused) override {
    const std::scoped_lock lock(mutex_);
    if (Bearer(token_) != refused.authorization) return true;
    const std::string before = token_;
    identity_.reset();
    return ReadIfChanged().ok() && token_ != before;
  }

  std::string Remedy() const override {
    return absl::StrCat("Check the token in ", path_,
                        ": it may have expired, or belong to another cluster.");
  }

 private:
  // What changes when a file is written or replaced.
  using Identity = std::tuple<dev_t, ino_t, off_t, time_t, long>;

  // REQUIRES: mutex_ held.
  absl::Status ReadIfChanged() {
    struct stat info {};
    if (stat(path_.c_str(), &info) != 0) {
      return absl::UnauthenticatedError(
          absl::StrCat("the token file ", path_, " cannot be read: ", std::strerror(errno)));
    }
    const Identity identity(info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                            info.st_mtim.tv_nsec);
    if (identity_ == identity) return absl::OkStatus();
    absl::StatusOr<std::string> text = Environment::Real().read_file(path_);
    if (!text.ok()) {
      return absl::UnauthenticatedError(
          absl::StrCat("the token file cannot be read: ", text.status().message()));
    }
    const std::string token(absl::StripAsciiWhitespace(*text));
    if (token.empty()) {
      return absl::UnauthenticatedError(absl::StrCat("the token file ", path_, " is empty"));
    }
    RegisterSecret(token);
    token_ = token;
    identity_ = identity;
    return absl::OkStatus();
  }

  const Credentials base_;
  const std::string path_;
  std::mutex mutex_;
  std::string token_;
  std::optional<Identity> identity_;
  absl::Time looked_ = absl::InfinitePast();
};

// A plugin's answer, kept until it expires or is refused. However many requests need it, the plugin
// runs once at a time.
class ExecSource final : public CredentialSource {
 public:
  ExecSource(Credentials base, const Connection& connection)
      : base_(std::move(base)), exec_(*connection.exec), info_(ExecInfo(connection)) {
    // What the plugin is given to log in with may turn up in what it says when it fails.
    for (const auto& [name, value] : exec_.env) {
      if (NamesASecret(name)) RegisterSecret(value);
    }
    bool is_value = false;
    for (const std::string& argument : exec_.args) {
      const std::size_t equals = argument.find('=');
      const bool is_flag = absl::StartsWith(argument, "-") &&
                           NamesASecret(absl::string_view(argument).substr(0, equals));
      if (is_value) RegisterSecret(argument);
      if (is_flag && equals != std::string::npos) RegisterSecret(argument.substr(equals + 1));
      is_value = is_flag && equals == std::string::npos;
    }
  }

  absl::StatusOr<Credentials> Get(const Call& call) override {
    std::unique_lock lock(mutex_);
    while (true) {
      if (kept_.has_value() && call.clock->Now() + kExpirySlack < expiration_) return *kept_;
      if (!running_) break;
      const std::uint64_t run = run_;
      // The deadline first: a wait for an infinite time overflows the clock.
      const absl::Duration limit = std::min(call.Remaining(), kPluginLimit + absl::Minutes(1));
      changed_.wait_for(lock, call.stop, absl::ToChronoNanoseconds(limit),
                        [&] { return run_ != run; });
      CHARON_RETURN_IF_ERROR(call.Alive());
      // What made the plugin fail for others would make it fail for us.
      if (run_ != run && !failure_.ok()) return failure_;
    }
    running_ = true;
    lock.unlock();
    absl::StatusOr<ExecCredential> answer = Run(call);
    lock.lock();
    running_ = false;
    ++run_;
    failure_ = absl::OkStatus();
    changed_.notify_all();
    if (!answer.ok()) {
      kept_.reset();
      // The end of our call is no reason for others to give up.
      if (call.Alive().ok()) failure_ = answer.status();
      return answer.status();
    }
    Credentials credentials = base_;
    credentials.authorization = Bearer(answer->token);
    if (!answer->client_cert_pem.empty()) {
      credentials.client_cert_pem = answer->client_cert_pem;
      credentials.client_key_pem = answer->client_key_pem;
    }
    kept_ = credentials;
    expiration_ = answer->expiration;
    // One that is already about to expire serves this request; the next one asks again.
    return credentials;
  }

  bool Refuse(const Credentials& refused) override {
    const std::scoped_lock lock(mutex_);
    if (kept_ == refused) kept_.reset();
    return true;
  }

  std::string Remedy() const override {
    return absl::StrCat("Run the plugin by hand to see what it says: ", CommandLine(), ".");
  }

 private:
  std::string CommandLine() const {
    return Redact(
        absl::StrCat(exec_.command, exec_.args.empty() ? "" : " ", absl::StrJoin(exec_.args, " ")));
  }

  absl::StatusOr<ExecCredential> Run(const Call& call) {
    Command command{.program = exec_.command, .args = exec_.args, .env = exec_.env};
    command.env["KUBERNETES_EXEC_INFO"] = info_;
    const absl::Time begin = call.clock->Now();
    absl::StatusOr<ProcessResult> result = RunProcess(call, command, kPluginLimit);
    call.log->Debug("exec plugin",
                    {{"command", exec_.command},
                     {"duration", absl::FormatDuration(call.clock->Now() - begin)},
                     {"result", result.ok() ? absl::StrCat("exit code ", result->exit_code)
                                            : std::string(result.status().message())}});
    if (!result.ok()) return StartFailure(call, result.status());
    if (result->exit_code != 0) {
      const std::string said = Redact(absl::StripAsciiWhitespace(result->err));
      return absl::UnauthenticatedError(absl::StrCat("the exec plugin ", exec_.command,
                                                     " failed with exit code ", result->exit_code,
                                                     said.empty() ? "" : ": ", said));
    }
    absl::StatusOr<ExecCredential> credential = ParseExecCredential(result->out, exec_.api_version);
    if (!credential.ok()) {
      return Annotate(credential.status(), absl::StrCat("the exec plugin ", exec_.command));
    }
    RegisterSecret(credential->token);
    RegisterSecret(credential->client_key_pem);
    return credential;
  }

  absl::Status StartFailure(const Call& call, const absl::Status& status) const {
    CHARON_RETURN_IF_ERROR(call.Alive());
    absl::Status failure = absl::UnauthenticatedError(
        absl::IsNotFound(status)
            ? absl::StrCat("the exec plugin ", exec_.command, " was not found",
                           absl::StrContains(exec_.command, '/') ? "" : " in PATH")
            : absl::StrCat("the exec plugin ", exec_.command, ": ", status.message()));
    if (absl::IsNotFound(status)) {
      failure = WithRemedy(std::move(failure), exec_.install_hint.empty()
                                                   ? absl::StrCat("Install ", exec_.command, ".")
                                                   : exec_.install_hint);
    }
    return failure;
  }

  const Credentials base_;
  const ExecConfig exec_;
  const std::string info_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool running_ = false;
  std::uint64_t run_ = 0;  // how many runs have ended
  absl::Status failure_;   // of the last run, unless its call had ended
  std::optional<Credentials> kept_;
  absl::Time expiration_;
};

absl::StatusOr<std::string> OptionalText(const json& status, const char* key) {
  const auto found = status.find(key);
  if (found == status.end() || found->is_null()) return "";
  if (!found->is_string()) {
    return absl::UnauthenticatedError(
        absl::StrCat("its answer has a status.", key, " that is no text"));
  }
  return found->get<std::string>();
}

}  // namespace

absl::StatusOr<ExecCredential> ParseExecCredential(absl::string_view text,
                                                   absl::string_view api_version) {
  const json answer = http::ParseJson(text);
  if (!answer.is_object()) {
    return absl::UnauthenticatedError("its standard output is not the JSON of an ExecCredential");
  }
  const std::string kind = answer.value("kind", json()).is_string() ? answer["kind"] : "";
  const std::string version =
      answer.value("apiVersion", json()).is_string() ? answer["apiVersion"] : "";
  if (kind != "ExecCredential" || version != api_version) {
    return absl::UnauthenticatedError(absl::StrCat("its answer is a ", version, " ", kind,
                                                   ", not a ", api_version, " ExecCredential"));
  }
  const auto status = answer.find("status");
  if (status == answer.end() || !status->is_object()) {
    return absl::UnauthenticatedError("its answer has no status");
  }
  ExecCredential credential;
  CHARON_ASSIGN_OR_RETURN(credential.token, OptionalText(*status, "token"));
  CHARON_ASSIGN_OR_RETURN(credential.client_cert_pem,
                          OptionalText(*status, "clientCertificateData"));
  CHARON_ASSIGN_OR_RETURN(credential.client_key_pem, OptionalText(*status, "clientKeyData"));
  CHARON_ASSIGN_OR_RETURN(const std::string expiration,
                          OptionalText(*status, "expirationTimestamp"));
  if (credential.client_cert_pem.empty() != credential.client_key_pem.empty()) {
    return absl::UnauthenticatedError(
        "its answer has one of status.clientCertificateData and clientKeyData, not both");
  }
  if (credential.token.empty() && credential.client_cert_pem.empty()) {
    return absl::UnauthenticatedError(
        "its answer has neither status.token nor status.clientCertificateData");
  }
  if (!expiration.empty()) {
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, expiration, &credential.expiration, &error)) {
      return absl::UnauthenticatedError(
          "its answer has a status.expirationTimestamp that is no RFC 3339 time");
    }
  }
  return credential;
}

std::string ExecInfo(const Connection& connection) {
  json spec = {{"interactive", false}};
  if (connection.exec->provide_cluster_info) {
    json cluster = {{"server", connection.server}};
    if (!connection.tls.server_name.empty()) {
      cluster["tls-server-name"] = connection.tls.server_name;
    }
    if (connection.tls.insecure) cluster["insecure-skip-tls-verify"] = true;
    if (!connection.tls.ca_pem.empty()) {
      cluster["certificate-authority-data"] = absl::Base64Escape(connection.tls.ca_pem);
    }
    if (!connection.proxy_url.empty()) cluster["proxy-url"] = connection.proxy_url;
    const std::string& config = connection.exec->cluster_config;
    json parsed = json::parse(config, nullptr, /*allow_exceptions=*/false);
    cluster["config"] = parsed.is_discarded() ? json(nullptr) : std::move(parsed);
    spec["cluster"] = std::move(cluster);
  }
  const json info = {{"kind", "ExecCredential"},
                     {"apiVersion", connection.exec->api_version},
                     {"spec", std::move(spec)}};
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::unique_ptr<CredentialSource> NewCredentialSource(const Connection& connection) {
  Credentials credentials{.authorization = "",
                          .client_cert_pem = connection.tls.client_cert_pem,
                          .client_key_pem = connection.tls.client_key_pem};
  if (!connection.token_file.empty()) {
    return std::make_unique<TokenFileSource>(std::move(credentials), connection.token_file);
  }
  if (connection.exec.has_value() && connection.token.empty()) {
    return std::make_unique<ExecSource>(std::move(credentials), connection);
  }
  if (!connection.token.empty()) {
    credentials.authorization = Bearer(connection.token);
    return std::make_unique<FixedSource>(
        std::move(credentials),
        "The token may have expired or been revoked, or belong to another cluster.");
  }
  if (!connection.username.empty()) {
    credentials.authorization = absl::StrCat(
        "Basic ", absl::Base64Escape(absl::StrCat(connection.username, ":", connection.password)));
    RegisterSecret(credentials.authorization);
    return std::make_unique<FixedSource>(
        std::move(credentials),
        "Check the user name and password. Kubernetes itself accepts none since 1.19; only a proxy "
        "in front of it can.");
  }
  const bool has_certificate = !credentials.client_cert_pem.empty();
  return std::make_unique<FixedSource>(
      std::move(credentials),
      has_certificate
          ? "The cluster does not know the client certificate's CA, or the server in front of it "
            "does not pass certificates on."
          : "No credentials are configured: set token, token_file, client_certificate with "
            "client_key, or exec, in the provider's kubernetes block.");
}

}  // namespace charon::kubernetes
