// Where AWS credentials come from, as every AWS tool looks for them
// (docs.aws.amazon.com/sdkref/latest/guide/ standardized-credentials.html).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "provider/clients/route53/sigv4.h"
#include "provider/http/transport.h"

namespace charon::route53 {

struct Settings {
  std::string region = {};  // decides the partition; Route 53 itself has one endpoint
  std::string access_key = {}, secret_key = {}, session_token = {};
  std::string profile = {};
  std::vector<std::string> shared_config_files = {}, shared_credentials_files = {};
  std::string endpoint = {};
};

// The machine, as the search sees it; tests have their own.
struct Machine {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<std::optional<std::string>(const std::string& path)> file;
  static Machine Real();
};

// In this order: the arguments; the argument `profile`; AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY; AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN; the profile of AWS_PROFILE,
// else "default", from the shared files (keys, role_arn with source_profile or credential_source,
// web_identity_token_file); the container's endpoint; the instance's metadata service, version 2.
// Temporary ones are asked for again five minutes before they end. Safe for concurrent use.
class CredentialChain {
 public:
  CredentialChain(Settings settings, Machine machine, std::unique_ptr<http::Transport> transport)
      : settings_(std::move(settings)),
        machine_(std::move(machine)),
        transport_(std::move(transport)) {}

  // Unauthenticated, saying where was looked, if there are none.
  absl::StatusOr<Credentials> Get(const Call& call);

  // The region of the arguments, AWS_REGION, AWS_DEFAULT_REGION or the profile; "us-east-1" if none
  // says.
  std::string Region() const;

 private:
  using Profile = std::map<std::string, std::string>;

  absl::StatusOr<Credentials> Find(const Call& call);
  std::string Variable(const std::string& name) const {
    return machine_.variable(name).value_or("");
  }
  std::string ProfileName() const;
  std::optional<Profile> ReadProfile(const std::string& name) const;
  absl::StatusOr<Credentials> FromProfile(const Call& call, const std::string& name, int depth);
  absl::StatusOr<Credentials> FromWebIdentity(const Call& call, const std::string& token_file,
                                              const std::string& role, const std::string& session);
  absl::StatusOr<Credentials> AssumeRole(const Call& call, const Credentials& as,
                                         const Profile& profile);
  absl::StatusOr<Credentials> AskSts(const Call& call, http::Request request,
                                     const std::string& what);
  absl::StatusOr<Credentials> FromContainer(const Call& call);
  absl::StatusOr<Credentials> FromInstance(const Call& call);
  std::string StsEndpoint() const;

  const Settings settings_;
  const Machine machine_;
  const std::unique_ptr<http::Transport> transport_;
  absl::Mutex mutex_;
  std::optional<Credentials> found_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon::route53
