// A list that is asked for once and shared.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/call.h"
#include "provider/base/status.h"

namespace charon::headscale {

// Safe for concurrent use.
template <typename T>
class Once {
 public:
  using Load = std::function<absl::StatusOr<T>(const Call&)>;

  explicit Once(Load load) : load_(std::move(load)) {}

  // What was loaded at `since` or later; loads if there is nothing. Callers who come while it is
  // being loaded wait, and share value or error, unless it began before their `since`.
  absl::StatusOr<std::shared_ptr<const T>> Get(const Call& call,
                                               absl::Time since = absl::InfinitePast()) {
    absl::MutexLock lock(&mutex_);
    while (true) {
      if (value_ != nullptr && begun_ >= since) return value_;
      if (!loading_) break;
      const long seen = loads_;
      const absl::Time begun = loading_since_;
      while (loading_ && loads_ == seen) {
        CHARON_RETURN_IF_ERROR(call.Alive());
        // A stop or a deadline of our own must end the wait, too.
        mutex_.AwaitWithTimeout(absl::Condition(
                                    +[](bool* loading) { return !*loading; }, &loading_),
                                absl::Milliseconds(50));
      }
      // The loader's own end is no answer for others.
      if (begun >= since && loads_ == seen + 1 && !error_.ok() && !absl::IsCancelled(error_) &&
          !absl::IsDeadlineExceeded(error_)) {
        return error_;
      }
    }
    loading_ = true;
    loading_since_ = call.clock->Now();
    const long changes = changes_;
    mutex_.Unlock();
    absl::StatusOr<T> loaded = load_(call);
    mutex_.Lock();
    loading_ = false;
    ++loads_;
    error_ = loaded.status();
    if (!loaded.ok()) return loaded.status();
    auto value = std::make_shared<const T>(*std::move(loaded));
    // A write of ours that happened meanwhile may be missing in it: good for this caller, not to be
    // kept.
    if (changes == changes_) {
      value_ = value;
      begun_ = loading_since_;
    } else {
      value_ = nullptr;
    }
    return value;
  }

  // Applies a write of ours to what is kept, if anything is.
  void Change(const std::function<void(T&)>& change) {
    absl::MutexLock lock(&mutex_);
    ++changes_;
    if (value_ == nullptr) return;
    auto copy = std::make_shared<T>(*value_);
    change(*copy);
    value_ = std::move(copy);
  }

  void Forget() {
    absl::MutexLock lock(&mutex_);
    ++changes_;
    value_ = nullptr;
  }

 private:
  const Load load_;
  absl::Mutex mutex_;
  std::shared_ptr<const T> value_ ABSL_GUARDED_BY(mutex_);
  absl::Time begun_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time loading_since_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  bool loading_ ABSL_GUARDED_BY(mutex_) = false;
  long loads_ ABSL_GUARDED_BY(mutex_) = 0;
  long changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace charon::headscale
