// Scripted trouble: requests that fail, hang or lose their answer.

#ifndef ACCEPTANCE_TESTS_SANDBOX_FAULTS_H_
#define ACCEPTANCE_TESTS_SANDBOX_FAULTS_H_

#include <cstdint>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "http_request.h"
#include "json.h"

namespace charon::sandbox {

struct Fault {
  enum class Action {
    kStatus,      // answers `code` without acting
    kHang,        // reads the request and never answers
    kDropBefore,  // closes the connection without acting
    kDropAfter,   // acts, then closes the connection without an answer
    kDelay,       // acts after `delay`
  };

  std::string id;
  Action action = Action::kStatus;
  int code = 500;
  int retry_after = -1;  // Seconds for a Retry-After header; negative: none.
  absl::Duration delay;
  std::string message;
};

// Safe for concurrent use.
class FaultScript {
 public:
  // From the control API; returns the id.
  absl::StatusOr<std::string> Add(const Json& description);
  bool Remove(const std::string& id);
  void Clear();
  Json Describe() const;

  // What happens to this request, if anything. Counts it for every rule it matches.
  std::optional<Fault> Next(const std::string& api, const HttpRequest& request);

 private:
  struct Rule {
    Fault fault;
    Json description;
    std::string api;  // Empty: any.
    std::string method;
    std::regex path;
    bool has_path = false;
    std::string query_contains;
    std::string user_agent_contains;
    std::int64_t nth = 0;     // Only the n-th match; 0: from `after` on.
    std::int64_t after = 0;   // Skips so many matches.
    std::int64_t times = -1;  // Then fires so often; negative: for ever.
    double percent = 100;
    bool watches = false;  // Watches are spared unless asked for.
    bool writes_only = false;
    std::int64_t seen = 0;
    std::int64_t fired = 0;
    std::mt19937_64 random;
  };

  mutable absl::Mutex mu_;
  std::vector<Rule> rules_ ABSL_GUARDED_BY(mu_);
  std::int64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_FAULTS_H_
