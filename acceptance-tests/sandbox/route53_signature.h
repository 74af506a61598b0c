// Checks of AWS Signature Version 4, as the services do them.
//
// From "Signature Version 4 for API requests" (AWS IAM user guide); the test has its published
// example.

#ifndef ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SIGNATURE_H_
#define ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SIGNATURE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "http_request.h"

namespace charon::sandbox::aws {

struct Credentials {
  std::string access_key, secret_key;
};

struct Refusal {
  std::string code, message;  // Empty: nothing is wrong.
};

// Whether `request` is signed for a service in a region by these credentials, not more than a
// quarter of an hour ago.
Refusal CheckSignature(const HttpRequest& request, const Credentials& credentials,
                       absl::string_view service, absl::string_view region, absl::Time now);

}  // namespace charon::sandbox::aws

#endif  // ACCEPTANCE_TESTS_SANDBOX_ROUTE53_SIGNATURE_H_
