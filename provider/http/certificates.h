// Certificates and keys: checked before they are used, and explained when one is refused.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace charon::http {

struct Certificate {
  std::string subject;  // "CN=kubernetes,O=..."
  std::string issuer;
  absl::Time not_before;
  absl::Time not_after;
  std::vector<std::string> names;  // DNS names and addresses it is valid for
};

// The certificates of a PEM text, at least one. InvalidArgument otherwise.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(absl::string_view pem);

// InvalidArgument if `key_pem` is no unencrypted private key, or not that of the first certificate
// of `certificate_pem`.
absl::Status CheckKeyPair(absl::string_view certificate_pem, absl::string_view key_pem);

// What OpenSSL found wrong with a server's certificate.
struct Verification {
  long error = 0;                  // X509_V_ERR_*; 0: nothing, or it was not asked
  int depth = 0;                   // 0: the server's own certificate, above: a CA of its chain
  Certificate certificate;         // the one at fault
  std::vector<std::string> names;  // of the server's own certificate
};

// Makes every handshake of this SSL_CTX (as libcurl hands it to CURLOPT_SSL_CTX_FUNCTION) write
// what it finds into `verification`. The verdict stays OpenSSL's.
void RecordVerification(void* ssl_ctx, std::shared_ptr<Verification> verification);

// Why the certificate of `server` ("host:6443") was refused, as a sentence for the user.
// `ca_source` names the CA it was checked against, `host` the name it should have had; `detail` is
// libcurl's text, used when OpenSSL has no fault to tell.
std::string ExplainRefusal(const Verification& verification, absl::string_view server,
                           absl::string_view host, absl::string_view ca_source,
                           absl::string_view detail);

// What can be done about it.
absl::string_view RemedyOfRefusal(const Verification& verification);

}  // namespace charon::http
