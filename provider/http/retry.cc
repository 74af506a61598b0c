#include "provider/http/retry.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"

namespace charon::http {
namespace {

double SystemRandom() {
  static std::mutex mutex;
  static auto& generator = *new std::mt19937_64(std::random_device{}());
  const std::scoped_lock lock(mutex);
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

bool IsPassing(int status, bool has_retry_after) {
  return status == 408 || status == 502 || status == 503 || status == 504 ||
         (status >= 500 && has_retry_after);
}

class RetryTransport final : public Transport {
 public:
  RetryTransport(std::unique_ptr<Transport> inner, RetryOptions options)
      : inner_(std::move(inner)), options_(std::move(options)) {
    if (!options_.random) options_.random = SystemRandom;
  }

  absl::StatusOr<Response> Send(const Call& call, const Request& request) override {
    if (request.on_body == nullptr) return SendRepeatedly(call, request, [] { return false; });
    bool delivered = false;
    Request stream = request;
    stream.on_body = [&](absl::string_view piece) {
      delivered = true;
      return request.on_body(piece);
    };
    return SendRepeatedly(call, stream, [&] { return delivered; });
  }

 private:
  template <typename Delivered>
  absl::StatusOr<Response> SendRepeatedly(const Call& call, const Request& request,
                                          const Delivered& delivered) {
    const absl::Time begin = call.clock->Now();
    for (int tries = 1;; ++tries) {
      absl::StatusOr<Response> result = inner_->Send(call, request);
      const auto finish = [&]() -> absl::StatusOr<Response> {
        if (result.ok()) {
          result->attempts = tries;
          return result;
        }
        return WithTries(result.status(), tries, call.clock->Now() - begin);
      };
      if (tries >= options_.max_tries || delivered()) return finish();
      const std::optional<absl::Duration> delay = DelayBefore(call, request, result, tries);
      if (!delay.has_value() || *delay >= call.Remaining()) return finish();
      call.log->Debug("HTTP request is tried again",
                      {{"http_method", request.method},
                       {"http_try", absl::StrCat(tries + 1)},
                       {"http_delay", absl::FormatDuration(*delay)},
                       {"http_cause", result.ok() ? absl::StrCat("status ", result->status)
                                                  : std::string(result.status().message())}});
      CHARON_RETURN_IF_ERROR(call.Wait(*delay));
    }
  }

  // How long to wait until the next try; nullopt if there must be none.
  std::optional<absl::Duration> DelayBefore(const Call& call, const Request& request,
                                            const absl::StatusOr<Response>& result, int tries) {
    if (!result.ok()) {
      const bool passing = absl::IsUnavailable(result.status()) &&
                           (IsRepeatable(request) || IsUnsent(result.status()));
      return passing ? std::optional(Backoff(tries)) : std::nullopt;
    }
    std::optional<absl::Duration> asked;
    if (const auto header = result->headers.find("retry-after"); header != result->headers.end()) {
      asked = ParseRetryAfter(header->second, call.clock->Now());
    }
    const bool again = result->status == 429 ||
                       (IsRepeatable(request) && IsPassing(result->status, asked.has_value()));
    if (!again) return std::nullopt;
    return asked.has_value() ? *asked : Backoff(tries);
  }

  absl::Duration Backoff(int tries) {
    // 2^20 * 250 ms is far beyond any longest delay.
    const absl::Duration ceiling =
        std::min(options_.longest_delay, options_.first_delay * (1 << std::min(tries - 1, 20)));
    return ceiling * options_.random();
  }

  static absl::Status WithTries(const absl::Status& status, int tries, absl::Duration spent) {
    if (tries == 1) return status;
    absl::Status longer(
        status.code(),
        absl::StrCat(status.message(), " (tried ", tries, " times in ",
                     absl::FormatDuration(absl::Trunc(spent, absl::Milliseconds(1))), ")"));
    status.ForEachPayload(
        [&](absl::string_view url, const absl::Cord& payload) { longer.SetPayload(url, payload); });
    return longer;
  }

  const std::unique_ptr<Transport> inner_;
  RetryOptions options_;
};

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now) {
  value = absl::StripAsciiWhitespace(value);
  if (unsigned seconds = 0; absl::SimpleAtoi(value, &seconds)) return absl::Seconds(seconds);
  // The three forms of RFC 9110 section 5.6.7.
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    absl::Time time;
    if (absl::ParseTime(format, value, &time, nullptr)) {
      return std::max(time - now, absl::ZeroDuration());
    }
  }
  return std::nullopt;
}

std::unique_ptr<Transport> NewRetryTransport(std::unique_ptr<Transport> inner,
                                             RetryOptions options) {
  return std::make_unique<RetryTransport>(std::move(inner), std::move(options));
}

}  // namespace charon::http
