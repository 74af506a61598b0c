#include "provider/clients/kubernetes/watch.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/http/parse_json.h"

namespace charon::kubernetes {
namespace {

// A watch is renewed this often, so that a connection that died without a word costs no more than
// that.
constexpr absl::Duration kStreamTime = absl::Minutes(2);
// What a silent connection gets on top before we hang up ourselves.
constexpr absl::Duration kStreamGrace = absl::Seconds(10);
constexpr absl::Duration kPause = absl::Seconds(1);
constexpr absl::Duration kPollInterval = absl::Seconds(2);
// An API server that restarts is away for seconds; a wait of minutes survives that.
constexpr absl::Duration kMostOutage = absl::Minutes(2);

// The pieces of a stream, cut into lines by the thread that receives them.
class Lines {
 public:
  // Returns false once nobody reads any more.
  bool Append(absl::string_view piece) {
    absl::MutexLock lock(&mutex_);
    rest_.append(piece.data(), piece.size());
    std::size_t start = 0;
    for (std::size_t end; (end = rest_.find('\n', start)) != std::string::npos; start = end + 1) {
      if (end > start) lines_.push_back(rest_.substr(start, end - start));
    }
    rest_.erase(0, start);
    changed_.Signal();
    return !abandoned_;
  }

  void End(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    end_ = std::move(status);
    changed_.Signal();
  }

  void Abandon() {
    absl::MutexLock lock(&mutex_);
    abandoned_ = true;
  }

  struct Next {
    std::optional<std::string> line;
    std::optional<absl::Status> end;  // of the stream, after its last line
  };
  // Waits for a short while: neither is set if nothing came.
  Next Take() {
    absl::MutexLock lock(&mutex_);
    if (lines_.empty() && !end_) changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(100));
    Next next;
    if (!lines_.empty()) {
      next.line = std::move(lines_.front());
      lines_.pop_front();
    } else {
      next.end = end_;
    }
    return next;
  }

 private:
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::string rest_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

bool MustPoll(const absl::Status& status) {
  return status.code() == absl::StatusCode::kPermissionDenied ||
         status.code() == absl::StatusCode::kUnimplemented;
}

bool Temporary(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded;  // of one request, not of the call
}

class Follower {
 public:
  Follower(const Call& call, WatchSource& source,
           const std::function<bool(const WatchEvent&)>& on_event, absl::Duration idle)
      : call_(call), source_(source), on_event_(on_event), idle_(idle), heard_(call.clock->Now()) {}

  absl::Status Run() {
    for (;;) {
      absl::StatusOr<ObjectNow> now = source_.ListNow(call_);
      if (MustPoll(now.status())) return Poll();
      if (!now.ok()) {
        CHARON_RETURN_IF_ERROR(Survive(now.status()));
        if (done_) return absl::OkStatus();
        continue;
      }
      outage_.reset();
      if (See(std::move(now->object))) return absl::OkStatus();
      version_ = now->resource_version;
      const absl::Status end = StreamUntilStale();
      if (done_) return absl::OkStatus();
      if (MustPoll(end)) return Poll();
      CHARON_RETURN_IF_ERROR(end);
    }
  }

 private:
  // Streams, resuming where the last one ended. OK if a new list is needed (or done_).
  absl::Status StreamUntilStale() {
    for (;;) {
      const absl::Time start = call_.clock->Now();
      const absl::Status end = StreamOnce();
      if (done_ || end.code() == absl::StatusCode::kOutOfRange) return absl::OkStatus();
      CHARON_RETURN_IF_ERROR(call_.Alive());
      if (!end.ok()) {
        if (MustPoll(end)) return end;
        CHARON_RETURN_IF_ERROR(Survive(end));
        if (done_) return absl::OkStatus();
        continue;
      }
      outage_.reset();
      // A server, or a proxy, that hangs up at once is not to be asked in a tight loop.
      if (call_.clock->Now() - start < kPause) CHARON_RETURN_IF_ERROR(call_.Wait(kPause));
      if (Idle()) return absl::OkStatus();
    }
  }

  absl::Status StreamOnce() {
    // Events are handled on our own thread, where they may take their time and ask the server for
    // more; the transport's thread only delivers.
    Lines lines;
    Call stream = call_.Within(kStreamTime + kStreamGrace);
    std::stop_source stop;
    stream.stop = stop.get_token();
    std::jthread receiver([&, from = version_] {
      lines.End(source_.Stream(stream, from, kStreamTime,
                               [&](absl::string_view piece) { return lines.Append(piece); }));
    });
    const auto hang_up = [&] {
      lines.Abandon();
      stop.request_stop();
    };
    for (;;) {
      Lines::Next next = lines.Take();
      if (next.end) {
        // Our own time for one stream is no failure.
        if (next.end->code() == absl::StatusCode::kDeadlineExceeded) return absl::OkStatus();
        return *next.end;
      }
      if (next.line) {
        const absl::Status status = Handle(*next.line);
        if (done_ || !status.ok()) {
          hang_up();
          return status;
        }
      }
      if (Idle()) {
        hang_up();
        return absl::OkStatus();
      }
      if (const absl::Status alive = call_.Alive(); !alive.ok()) {
        hang_up();
        return alive;
      }
    }
  }

  absl::Status Handle(const std::string& line) {
    Json event = http::ParseJson(line);
    if (!event.is_object() || !event.contains("object")) {
      return absl::UnavailableError("the watch sent something that is no event");
    }
    const std::string type = Text(event, "type");
    Json& object = event["object"];
    if (type == "ERROR") {
      const Json& code = Field(object, "code");
      return StatusFromResponse(code.is_number_integer() ? code.get<int>() : 500, object.dump());
    }
    if (std::string version = Text(object, "metadata.resourceVersion"); !version.empty()) {
      version_ = std::move(version);
    }
    if (type == "BOOKMARK") return absl::OkStatus();
    if (type == "DELETED") {
      last_.reset();
      Tell({"DELETED", &object});
      return absl::OkStatus();
    }
    See(std::make_unique<Json>(std::move(object)));
    return absl::OkStatus();
  }

  absl::Status Poll() {
    call_.log->Debug("watching is not allowed or not offered, polling instead");
    for (;;) {
      absl::StatusOr<Json> now = source_.GetNow(call_);
      if (now.ok()) {
        outage_.reset();
        if (See(std::make_unique<Json>(*std::move(now)))) return absl::OkStatus();
      } else if (now.status().code() == absl::StatusCode::kNotFound &&
                 MissingOf(now.status()) == Missing::kObject) {
        outage_.reset();
        if (See(nullptr)) return absl::OkStatus();
      } else {
        CHARON_RETURN_IF_ERROR(Survive(now.status()));
        if (done_) return absl::OkStatus();
      }
      CHARON_RETURN_IF_ERROR(call_.Wait(kPollInterval));
      if (Idle()) return absl::OkStatus();
    }
  }

  // Tells what is new in the state of the object. Returns true if that was all the caller wanted.
  bool See(std::unique_ptr<Json> object) {
    const bool first = !std::exchange(seen_, true);
    if (!object) {
      if (!first && !last_) return false;
      last_.reset();
      return Tell({"DELETED", nullptr});
    }
    const bool existed = last_ != nullptr;
    if (existed && Text(*last_, "metadata.uid") != Text(*object, "metadata.uid")) {
      // It went and came again while we did not look.
      last_.reset();
      if (Tell({"DELETED", nullptr})) return true;
    } else if (existed && Text(*last_, "metadata.resourceVersion") ==
                              Text(*object, "metadata.resourceVersion")) {
      return false;
    }
    const char* type = last_ ? "MODIFIED" : "ADDED";
    last_ = std::move(object);
    return Tell({type, last_.get()});
  }

  bool Tell(const WatchEvent& event) {
    done_ = on_event_(event);
    heard_ = call_.clock->Now();
    return done_;
  }

  // Tells the caller that nothing happened, if it is time. Returns done_.
  bool Idle() {
    if (call_.clock->Now() - heard_ < idle_) return false;
    return Tell({"IDLE", last_.get()});
  }

  // Waits if `status` may go away by itself; returns it otherwise.
  absl::Status Survive(const absl::Status& status) {
    CHARON_RETURN_IF_ERROR(call_.Alive());
    const absl::Time now = call_.clock->Now();
    // Before a server that was restarted knows its roles and accounts, it refuses everybody.
    const bool refused = absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
    if (!seen_ || (!Temporary(status) && !refused)) return status;
    if (!outage_) outage_ = now;
    if (now - *outage_ > kMostOutage) return status;
    call_.log->Debug("the watch broke, trying again", {{"reason", std::string(status.message())}});
    CHARON_RETURN_IF_ERROR(call_.Wait(kPause));
    Idle();
    return absl::OkStatus();
  }

  const Call& call_;
  WatchSource& source_;
  const std::function<bool(const WatchEvent&)>& on_event_;
  const absl::Duration idle_;
  absl::Time heard_;
  std::string version_;
  std::unique_ptr<Json> last_;  // null: there is none
  bool seen_ = false;
  bool done_ = false;
  std::optional<absl::Time> outage_;
};

}  // namespace

absl::Status WatchObject(const Call& call, WatchSource& source,
                         const std::function<bool(const WatchEvent&)>& on_event,
                         absl::Duration idle) {
  return Follower(call, source, on_event, idle).Run();
}

}  // namespace charon::kubernetes
