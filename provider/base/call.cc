#include "provider/base/call.h"

#include <algorithm>

namespace charon {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }

  bool Sleep(absl::Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, absl::ToChronoNanoseconds(duration), [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& Clock::Real() {
  static auto& clock = *new RealClock;
  return clock;
}

absl::Status Call::Alive() const {
  if (stop.stop_requested()) return absl::CancelledError("stopped by the user");
  if (clock->Now() >= deadline) return absl::DeadlineExceededError("the time-out was reached");
  return absl::OkStatus();
}

absl::Status Call::Wait(absl::Duration duration) const {
  clock->Sleep(std::min(duration, Remaining()), stop);
  return Alive();
}

Call Call::Within(absl::Duration limit) const {
  Call shorter = *this;
  shorter.deadline = std::min(deadline, clock->Now() + limit);
  return shorter;
}

}  // namespace charon
