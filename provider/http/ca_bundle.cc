#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/http/transport.h"

namespace charon::http {
namespace {

// The first three as in Go's crypto/x509 (root_linux.go); Alpine's is a link to one of them, and
// its own place is the last.
constexpr std::array<const char*, 6> kPlaces = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/pki/tls/cacert.pem",                            // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 7 and later
    "/etc/ssl/cert.pem",                                  // Alpine, BSD
};

}  // namespace

absl::StatusOr<std::string> SystemCaBundle() {
  return SystemCaBundle([](const std::string& path) { return access(path.c_str(), R_OK) == 0; });
}

absl::StatusOr<std::string> SystemCaBundle(
    const std::function<bool(const std::string& path)>& is_readable) {
  constexpr absl::string_view kRemedy =
      "Install the ca-certificates package, or set SSL_CERT_FILE to the bundle's path.";
  if (const char* path = std::getenv("SSL_CERT_FILE"); path != nullptr && *path != '\0') {
    if (is_readable(path)) return std::string(path);
    return WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                          "the CA bundle ", path, " (from SSL_CERT_FILE) cannot be read")),
                      "Correct SSL_CERT_FILE, or unset it.");
  }
  for (const char* path : kPlaces) {
    if (is_readable(path)) return std::string(path);
  }
  return WithRemedy(
      absl::FailedPreconditionError(
          absl::StrCat("this machine has no CA bundle: looked for ", absl::StrJoin(kPlaces, ", "))),
      kRemedy);
}

}  // namespace charon::http
