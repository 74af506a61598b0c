// A clock that tests turn: sleeping takes no time and is written down.
#pragma once

#include <mutex>
#include <stop_token>
#include <vector>

#include "absl/time/time.h"
#include "provider/base/call.h"

namespace charon {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() override {
    const std::scoped_lock lock(mutex_);
    return now_;
  }

  // Moves on by `duration` at once, unless stopped already.
  bool Sleep(absl::Duration duration, std::stop_token stop) override {
    const std::scoped_lock lock(mutex_);
    if (stop.stop_requested()) return false;
    now_ += duration;
    sleeps_.push_back(duration);
    return true;
  }

  void Advance(absl::Duration duration) {
    const std::scoped_lock lock(mutex_);
    now_ += duration;
  }

  std::vector<absl::Duration> sleeps() const {
    const std::scoped_lock lock(mutex_);
    return sleeps_;
  }

 private:
  // Not absl::Mutex: the packaged abseil is not built for the thread sanitizer, which then reports
  // races that are none.
  mutable std::mutex mutex_;
  absl::Time now_;
  std::vector<absl::Duration> sleeps_;
};

}  // namespace charon
