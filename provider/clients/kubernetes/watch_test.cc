#include "provider/clients/kubernetes/watch.h"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Lt;

Json Object(const std::string& version, const std::string& uid = "u1") {
  return {{"metadata", {{"name", "a"}, {"uid", uid}, {"resourceVersion", version}}}};
}

std::string Event(const std::string& type, const Json& object) {
  return Json({{"type", type}, {"object", object}}).dump() + "\n";
}

// Answers from scripts: what LIST and GET say, and what each stream sends before it ends.
class FakeWatchSource final : public WatchSource {
 public:
  struct StreamScript {
    std::vector<std::string> pieces;
    absl::Status end;
    bool hang = false;  // until it is stopped
  };

  absl::StatusOr<Json> GetNow(const Call&) override {
    ++gets;
    if (get_answers.empty()) return absl::InternalError("no more answers");
    auto answer = std::move(get_answers.front());
    get_answers.pop_front();
    return answer;
  }

  absl::StatusOr<ObjectNow> ListNow(const Call&) override {
    ++lists;
    if (list_answers.empty()) return absl::InternalError("no more answers");
    auto answer = std::move(list_answers.front());
    list_answers.pop_front();
    return answer;
  }

  absl::Status Stream(const Call& call, const std::string& version, absl::Duration,
                      const std::function<bool(absl::string_view)>& on_body) override {
    versions.push_back(version);
    if (streams.empty()) return absl::InternalError("no more streams");
    const StreamScript script = std::move(streams.front());
    streams.pop_front();
    for (const std::string& piece : script.pieces) {
      if (!on_body(piece)) return absl::OkStatus();
    }
    while (script.hang && !call.stop.stop_requested()) std::this_thread::yield();
    return script.hang ? absl::CancelledError("stopped") : script.end;
  }

  void ListSays(absl::StatusOr<Json> object, const std::string& version = "1") {
    if (!object.ok() && object.status().code() != absl::StatusCode::kNotFound) {
      list_answers.push_back(object.status());
      return;
    }
    ObjectNow now;
    now.resource_version = version;
    if (object.ok()) now.object = std::make_unique<Json>(*std::move(object));
    list_answers.push_back(std::move(now));
  }

  std::deque<absl::StatusOr<ObjectNow>> list_answers;
  std::deque<absl::StatusOr<Json>> get_answers;
  std::deque<StreamScript> streams;
  std::vector<std::string> versions;  // that streams were asked to start after
  int lists = 0, gets = 0;
};

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() {
    call_.clock = &clock_;
    call_.deadline = clock_.Now() + absl::Hours(1);
  }

  // Watches until the n-th event.
  absl::Status WatchUntil(std::size_t events, absl::Duration idle = absl::InfiniteDuration()) {
    return WatchObject(
        call_, source_,
        [&](const WatchEvent& event) {
          seen_.push_back(absl::StrCat(
              event.type, " ",
              event.object == nullptr ? "-" : Text(*event.object, "metadata.resourceVersion")));
          return seen_.size() == events;
        },
        idle);
  }

  FakeClock clock_;
  Call call_;
  FakeWatchSource source_;
  std::vector<std::string> seen_;
};

TEST_F(WatchTest, StartsWithWhatIsThereAndFollows) {
  source_.ListSays(Object("5"), "9");
  // Pieces end anywhere.
  const std::string all = Event("MODIFIED", Object("10")) + Event("DELETED", Object("11"));
  source_.streams.push_back(
      {{all.substr(0, 20), all.substr(20, 60), all.substr(80)}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(3), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 10", "DELETED 11"));
  EXPECT_THAT(source_.versions, ElementsAre("9"));
}

TEST_F(WatchTest, SaysThatThereIsNothing) {
  source_.ListSays(absl::NotFoundError(""), "9");
  source_.streams.push_back({{Event("ADDED", Object("10"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(2), IsOk());
  EXPECT_THAT(seen_, ElementsAre("DELETED -", "ADDED 10"));
}

TEST_F(WatchTest, ResumesWhereTheStreamEnded) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back(
      {{Event("MODIFIED", Object("10")), Event("BOOKMARK", Object("30"))}, absl::OkStatus()});
  source_.streams.push_back({{}, absl::UnavailableError("connection lost")});
  source_.streams.push_back({{Event("MODIFIED", Object("31"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(3), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 10", "MODIFIED 31"));
  EXPECT_THAT(source_.versions, ElementsAre("9", "30", "30"));
  EXPECT_EQ(source_.lists, 1);
}

TEST_F(WatchTest, ListsAgainWhenItsVersionIsTooOld) {
  for (const bool as_event : {true, false}) {
    SCOPED_TRACE(as_event);
    source_ = {};
    seen_.clear();
    source_.ListSays(Object("5"), "9");
    const Json gone = {
        {"kind", "Status"}, {"code", 410}, {"reason", "Expired"}, {"message", "too old"}};
    if (as_event) {
      source_.streams.push_back({{Event("ERROR", gone)}, absl::OkStatus()});
    } else {
      source_.streams.push_back({{}, absl::OutOfRangeError("too old")});
    }
    source_.ListSays(Object("50"), "60");
    source_.streams.push_back({{Event("MODIFIED", Object("61"))}, absl::OkStatus()});
    EXPECT_THAT(WatchUntil(3), IsOk());
    EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 50", "MODIFIED 61"));
    EXPECT_THAT(source_.versions, ElementsAre("9", "60"));
  }
}

TEST_F(WatchTest, NoticesThatTheObjectWasReplacedMeanwhile) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{}, absl::OutOfRangeError("too old")});
  source_.ListSays(Object("50", "u2"), "60");
  EXPECT_THAT(WatchUntil(3), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "DELETED -", "ADDED 50"));
}

TEST_F(WatchTest, AListThatSaysNothingNewIsNoEvent) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{}, absl::OutOfRangeError("too old")});
  source_.ListSays(Object("5"), "60");
  source_.streams.push_back({{Event("MODIFIED", Object("61"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(2), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 61"));
}

TEST_F(WatchTest, PollsWhereListingIsForbidden) {
  source_.ListSays(absl::PermissionDeniedError("cannot list"));
  source_.get_answers = {Object("5"), Object("5"), Object("6"), absl::NotFoundError("")};
  EXPECT_THAT(WatchUntil(3), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 6", "DELETED -"));
  EXPECT_EQ(source_.gets, 4);
  EXPECT_THAT(clock_.sleeps(), ElementsAre(absl::Seconds(2), absl::Seconds(2), absl::Seconds(2)));
}

TEST_F(WatchTest, PollsWhereWatchingIsNotOffered) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{}, absl::UnimplementedError("405")});
  source_.get_answers = {Object("5"), Object("6")};
  EXPECT_THAT(WatchUntil(2), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 6"));
}

TEST_F(WatchTest, AServerThatIsAwayAtFirstIsAnError) {
  source_.ListSays(absl::UnavailableError("no connection"));
  EXPECT_THAT(WatchUntil(1), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(WatchTest, AServerThatRestartsIsWaitedForButNotForEver) {
  source_.ListSays(Object("5"), "9");
  for (int i = 0; i < 30; ++i) source_.streams.push_back({{}, absl::UnavailableError("refused")});
  source_.streams.push_back({{Event("MODIFIED", Object("10"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(2), IsOk());

  source_ = {};
  seen_.clear();
  source_.ListSays(Object("5"), "9");
  for (int i = 0; i < 1000; ++i) source_.streams.push_back({{}, absl::UnavailableError("refused")});
  EXPECT_THAT(WatchUntil(2), StatusIs(absl::StatusCode::kUnavailable, "refused"));
  EXPECT_THAT(source_.versions.size(), Lt(200u));
}

TEST_F(WatchTest, AServerThatRefusesEverybodyWhileItStartsIsWaitedFor) {
  const absl::Status refused = absl::PermissionDeniedError("cannot watch");
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{}, refused});
  source_.get_answers = {refused, absl::UnauthenticatedError("who?"), Object("6")};
  EXPECT_THAT(WatchUntil(2), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "MODIFIED 6"));

  source_ = {};
  seen_.clear();
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{}, refused});
  for (int i = 0; i < 200; ++i) source_.get_answers.push_back(refused);
  EXPECT_THAT(WatchUntil(2), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(WatchTest, AServerThatHangsUpAtOnceIsNotAskedInATightLoop) {
  source_.ListSays(Object("5"), "9");
  for (int i = 0; i < 5; ++i) source_.streams.push_back({});
  source_.streams.push_back({{Event("MODIFIED", Object("10"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(2), IsOk());
  EXPECT_THAT(clock_.sleeps().size(), Ge(5u));
}

TEST_F(WatchTest, TellsThatNothingHappens) {
  source_.ListSays(Object("5"), "9");
  for (int i = 0; i < 20; ++i) source_.streams.push_back({});  // each costs a pause of a second
  EXPECT_THAT(WatchUntil(3, absl::Seconds(4)), IsOk());
  EXPECT_THAT(seen_, ElementsAre("ADDED 5", "IDLE 5", "IDLE 5"));
}

TEST_F(WatchTest, EndsAtTheDeadline) {
  call_.deadline = clock_.Now() + absl::Seconds(10);
  source_.ListSays(Object("5"), "9");
  for (int i = 0; i < 20; ++i) source_.streams.push_back({});
  EXPECT_THAT(WatchUntil(2), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(WatchTest, AStopEndsAnOpenStream) {
  std::stop_source stop;
  call_.stop = stop.get_token();
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({.pieces = {}, .end = {}, .hang = true});
  const absl::Status status = WatchObject(call_, source_, [&](const WatchEvent&) {
    stop.request_stop();
    return false;
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(WatchTest, TheCallersYesEndsAnOpenStream) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({.pieces = {Event("MODIFIED", Object("10"))}, .end = {}, .hang = true});
  EXPECT_THAT(WatchUntil(2), IsOk());
}

TEST_F(WatchTest, WhatIsNoEventEndsTheStreamNotTheWatch) {
  source_.ListSays(Object("5"), "9");
  source_.streams.push_back({{"<html>\n"}, absl::OkStatus()});
  source_.streams.push_back({{Event("MODIFIED", Object("10"))}, absl::OkStatus()});
  EXPECT_THAT(WatchUntil(2), IsOk());
}

}  // namespace
}  // namespace charon::kubernetes
