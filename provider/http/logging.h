// Requests and answers in the log, without secrets.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "provider/http/transport.h"

namespace charon::http {

// A transport that writes one line a request to the call's logger: at debug method, URL
// (UrlForLog), status or error, size and duration; at trace the bodies as well, redacted and cut
// off at 16 KiB, unless the path or the body is one of secrets (MayHoldSecrets). Headers are never
// written.
std::unique_ptr<Transport> NewLoggingTransport(std::unique_ptr<Transport> inner);

// True if what is sent to or comes from this path is likely a secret: paths with a segment of
// secrets, tokens, credentials, keys or logins, and any body that contains an object of kind
// Secret or one that is marked (kSecretsInside).
bool MayHoldSecrets(absl::string_view url, absl::string_view body);

}  // namespace charon::http
