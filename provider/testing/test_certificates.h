// Certificates made on the spot, for servers and clients that live as long as a test.
#pragma once

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace charon::http {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name = "localhost";
  std::vector<std::string> dns_names = {"localhost"};
  std::vector<std::string> addresses = {"127.0.0.1", "::1"};
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(1);
};

// A certificate authority with a P-256 key of its own.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA");

  const std::string& pem() const { return self_.certificate_pem; }
  // Signed by this CA. Usable for servers and clients.
  KeyPair Issue(const CertificateRequest& request) const;

 private:
  KeyPair self_;
};

}  // namespace charon::http
