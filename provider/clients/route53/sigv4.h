// AWS Signature Version 4
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/http/transport.h"

namespace charon::route53 {

struct Credentials {
  std::string access_key, secret_key, session_token;
  absl::Time expires = absl::InfiniteFuture();
  std::string source = {};  // for messages: "the environment", "profile x of ~/.aws/credentials"
};

// Adds X-Amz-Date, X-Amz-Security-Token (if there is one) and Authorization. Signs host, the two,
// and every header that the request has already. REQUIRES: an absolute URL.
void Sign(http::Request& request, const Credentials& credentials, absl::string_view region,
          absl::string_view service, absl::Time now);

}  // namespace charon::route53
