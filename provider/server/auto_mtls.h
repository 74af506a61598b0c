// The certificate with which the plugin proves itself to the one host that started it, and the
// check of the one that the host sends ("AutoMTLS" of go-plugin). One pair a process, never written
// to disk.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace charon::server {

struct ServerIdentity {
  std::string private_key_pem;  // PKCS #8
  std::string certificate_pem;
  std::string certificate_der;
};

// A fresh P-256 key and a self-signed certificate for `localhost`, for server and client use, valid
// from five minutes before `now` for 30 years (a plugin in debug mode lives long; nothing else
// trusts the certificate). Internal if OpenSSL fails.
absl::StatusOr<ServerIdentity> MakeServerIdentity(absl::Time now);

// OK if `pem` has at least one certificate. InvalidArgument, naming PLUGIN_CLIENT_CERT, if not.
absl::Status CheckClientCertificate(absl::string_view pem);

// Standard alphabet, without the padding that hosts refuse.
std::string UnpaddedBase64(absl::string_view bytes);

}  // namespace charon::server
