// A clock that tests turn: sleeping takes no time and is written down.
#pragma once

#include <stop_token>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/call.h"

namespace charon {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() override {
    const absl::MutexLock lock(&mutex_);
    return now_;
  }

  // Moves on by `duration` at once, unless stopped already.
  bool Sleep(absl::Duration duration, std::stop_token stop) override {
    const absl::MutexLock lock(&mutex_);
    if (stop.stop_requested()) return false;
    now_ += duration;
    sleeps_.push_back(duration);
    return true;
  }

  void Advance(absl::Duration duration) {
    const absl::MutexLock lock(&mutex_);
    now_ += duration;
  }

  std::vector<absl::Duration> sleeps() const {
    const absl::MutexLock lock(&mutex_);
    return sleeps_;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Duration> sleeps_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace charon
