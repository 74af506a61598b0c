// The REST side of a Headscale: paths, bodies and errors as grpc-gateway has them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_SITE_H_
#define ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_SITE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "headscale_state.h"
#include "site.h"

namespace charon::sandbox {

// Safe for concurrent use.
class HeadscaleSite final : public Site {
 public:
  HeadscaleSite(headscale::Dialect dialect, std::uint64_t seed, std::function<absl::Time()> now);

  std::string api() const override;
  // "0.23" or "0.29"; "0.23.0" or "0.29.2".
  std::string dialect() const;
  std::string version() const;
  std::string api_key() const;

  std::optional<HttpResponse> Admit(const HttpRequest& request, std::string* user) override;
  HttpResponse Handle(const HttpRequest& request, const std::string& user) override;
  HttpResponse FaultAnswer(const HttpRequest& request, const Fault& fault) override;

  // What machines and administrators do: {"do": "register", ...}; see README.md.
  absl::StatusOr<Json> Act(const Json& body);
  Json Dump() const;
  void Reset();

 private:
  absl::StatusOr<Json> ActLocked(const Json& body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const headscale::Dialect dialect_;
  const std::function<absl::Time()> now_;
  mutable absl::Mutex mu_;
  headscale::State state_ ABSL_GUARDED_BY(mu_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_SITE_H_
