// Every request that came in: what tests count. Kept in memory and appended to a file.

#ifndef ACCEPTANCE_TESTS_SANDBOX_REQUEST_LOG_H_
#define ACCEPTANCE_TESTS_SANDBOX_REQUEST_LOG_H_

#include <cstdint>
#include <deque>
#include <fstream>
#include <string>

#include "absl/synchronization/mutex.h"
#include "json.h"

namespace charon::sandbox {

// Safe for concurrent use.
class RequestLog {
 public:
  // Empty: no file.
  explicit RequestLog(const std::string& file);

  void Add(Json entry);
  // Entries after the `since`-th, oldest first.
  Json Entries(std::int64_t since = 0) const;
  // Forgets the entries in memory and empties the file.
  void Reset();

 private:
  mutable absl::Mutex mu_;
  std::string path_;
  std::ofstream file_ ABSL_GUARDED_BY(mu_);
  std::deque<Json> entries_ ABSL_GUARDED_BY(mu_);
  std::int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_REQUEST_LOG_H_
