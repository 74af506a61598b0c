// What varies from one call to the next: how long it may take, who may stop it, where it logs.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "provider/base/log.h"

namespace charon {

// Time as the program sees it; tests replace it so that waiting takes none.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // Sleeps for `duration`, less if `stop` is requested. Returns false if it was stopped.
  virtual bool Sleep(absl::Duration duration, std::stop_token stop) = 0;

  static Clock& Real();
};

// Hears what a user should know although nothing failed.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void Warn(absl::string_view summary, absl::string_view detail) = 0;
};

// Passed by const reference to everything that may take long. Cheap to copy.
struct Call {
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  Logger* log = &Logger::Null();
  Clock* clock = &Clock::Real();
  Listener* listener = nullptr;  // of the operation; for its own thread

  absl::Duration Remaining() const { return deadline - clock->Now(); }

  // Cancelled after a stop request, DeadlineExceeded past the deadline, else OK.
  absl::Status Alive() const;

  // Waits, but not beyond the deadline. As Alive() afterwards.
  absl::Status Wait(absl::Duration duration) const;

  // The same call with an earlier deadline, if `limit` from now is earlier.
  Call Within(absl::Duration limit) const;
};

}  // namespace charon
