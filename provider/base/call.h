// What varies from one call to the next: how long it may take, who may stop it, where it logs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

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

// Tells resources of one state apart that have had the same objects, one after the other: a
// replacement that came first and what it replaces, a new address and the former one. For one
// operation.
class Tenure {
 public:
  using Note = std::function<absl::Status(const std::string& number)>;
  virtual ~Tenure() = default;
  // Whether what has that number noted is this resource's, or may be.
  virtual bool IsOwn(absl::string_view number) const = 0;
  // Of an object that is its stack's already and has that number ("": none). `note` writes this
  // resource's there, once its create has done all else; an update takes the number as its own.
  virtual void Find(absl::string_view number, Note note) = 0;
};

// Passed by const reference to everything that may take long. Cheap to copy.
struct Call {
  absl::Time deadline = absl::InfiniteFuture();
  std::stop_token stop;
  Logger* log = &Logger::Null();
  Clock* clock = &Clock::Real();
  Listener* listener = nullptr;  // of the operation; for its own thread
  Tenure* tenure = nullptr;      // of a resource; for the same thread

  absl::Duration Remaining() const { return deadline - clock->Now(); }

  // Cancelled after a stop request, DeadlineExceeded past the deadline, else OK.
  absl::Status Alive() const;

  // Waits, but not beyond the deadline. As Alive() afterwards.
  absl::Status Wait(absl::Duration duration) const;

  // The same call with an earlier deadline, if `limit` from now is earlier.
  Call Within(absl::Duration limit) const;
};

}  // namespace charon
