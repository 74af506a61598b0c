// Sends again what failed for a moment.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/http/transport.h"

namespace charon::http {

struct RetryOptions {
  int max_tries = 5;
  absl::Duration first_delay = absl::Milliseconds(250);
  absl::Duration longest_delay = absl::Seconds(10);
  // In [0, 1). Empty: random.
  std::function<double()> random;
};

// A transport that repeats
//   - what got no connection, and 408, 502, 503, 504, if the request is repeatable (IsRepeatable,
//   or
//     the server certainly did not see it), likewise any other 5xx that carries Retry-After,
//   - 429 whatever the method: the server refused before it acted.
// Between tries it waits as long as Retry-After says, else a random time (full jitter) below
// first_delay * 2^n, at most longest_delay. A wait that the call's deadline does not leave room for
// is not begun: the last answer or error is returned at once. A stop request ends a wait with
// Cancelled. A stream that has delivered a piece is not repeated.
//
// Response::attempts counts the tries; an error's message ends with "(tried n times in t)".
std::unique_ptr<Transport> NewRetryTransport(std::unique_ptr<Transport> inner,
                                             RetryOptions options = {});

// What a Retry-After header asks for, from `now`: seconds or an HTTP date (RFC 9110 section
// 10.2.3), never negative. nullopt if it is neither.
std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now);

}  // namespace charon::http
