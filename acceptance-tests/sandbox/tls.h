// A certificate authority and a server certificate, made at start and kept in memory.

#ifndef ACCEPTANCE_TESTS_SANDBOX_TLS_H_
#define ACCEPTANCE_TESTS_SANDBOX_TLS_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace charon::sandbox {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

struct ServerIdentity {
  std::string ca_pem;
  std::unique_ptr<X509, FreeX509> certificate;  // For 127.0.0.1, ::1 and localhost.
  std::unique_ptr<EVP_PKEY, FreeKey> key;
};

absl::StatusOr<ServerIdentity> MakeServerIdentity();

// `bytes` random bytes as lower-case hexadecimal.
std::string RandomHex(int bytes);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_TLS_H_
