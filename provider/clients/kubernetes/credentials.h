// Where a connection's credentials come from, and when they are fetched anew.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/kubeconfig.h"

namespace charon::kubernetes {

// What a request proves who it is with. Empty texts: not that way.
struct Credentials {
  std::string authorization;  // the header's value: "Bearer ...", "Basic ..."
  std::string client_cert_pem;
  std::string client_key_pem;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// Safe for concurrent use.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  // The credentials to use now. Unauthenticated, saying why, if there are none to be had.
  virtual absl::StatusOr<Credentials> Get(const Call& call) = 0;

  // The server answered 401 to `refused`. True if Get may now have better ones.
  virtual bool Refuse(const Credentials& refused) = 0;

  // What the user can do when the server keeps refusing.
  virtual std::string Remedy() const = 0;
};

// The source for a connection: token_file before exec before token before username and password.
// The client certificate is the connection's, unless a plugin returns one.
std::unique_ptr<CredentialSource> NewCredentialSource(const Connection& connection);

// What an exec plugin's standard output says: an ExecCredential of `api_version`, with `expiration`
// InfiniteFuture if it names none. Unauthenticated if it is anything else; the text is never
// quoted.
struct ExecCredential {
  std::string token;
  std::string client_cert_pem;
  std::string client_key_pem;
  absl::Time expiration = absl::InfiniteFuture();
};
absl::StatusOr<ExecCredential> ParseExecCredential(absl::string_view text,
                                                   absl::string_view api_version);

// The value of KUBERNETES_EXEC_INFO for the connection's plugin.
std::string ExecInfo(const Connection& connection);

}  // namespace charon::kubernetes
