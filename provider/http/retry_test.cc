#include "provider/http/retry.h"

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() {
    call_.clock = &clock_;
    call_.deadline = clock_.Now() + absl::Hours(1);
  }

  absl::StatusOr<Response> Send(const Request& request) {
    const auto retry = NewRetryTransport(Borrow(fake_), {.random = [this] { return random_; }});
    return retry->Send(call_, request);
  }

  static Request Get() { return {.method = "GET", .url = "https://h/x"}; }
  static Request Post() { return {.method = "POST", .url = "https://h/x"}; }

  FakeTransport fake_;
  FakeClock clock_;
  Call call_;
  double random_ = 1.0;
};

TEST_F(RetryTest, FirstAnswerIsEnough) {
  fake_.Answer(200, "ok");
  const auto response = Send(Get());
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(response->attempts, 1);
  EXPECT_THAT(clock_.sleeps(), IsEmpty());
}

TEST_F(RetryTest, PassingStatusesAreTriedAgainIfRepeatable) {
  for (const int status : {408, 502, 503, 504}) {
    fake_.Answer(status).Answer(200);
    const auto response = Send(Get());
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->status, 200) << status;
    EXPECT_EQ(response->attempts, 2) << status;
  }
}

TEST_F(RetryTest, OtherStatusesAreAnswers) {
  for (const int status : {400, 401, 403, 404, 409, 422, 500, 501}) {
    fake_.Answer(status);
    EXPECT_EQ(Send(Get())->status, status);
  }
  EXPECT_THAT(clock_.sleeps(), IsEmpty());
}

TEST_F(RetryTest, ServerErrorWithRetryAfterIsTriedAgainIfRepeatable) {
  fake_.Answer(500, "", {{"retry-after", "1"}}).Answer(200);
  EXPECT_EQ(Send(Get())->status, 200);
  fake_.Answer(500, "", {{"retry-after", "1"}});
  EXPECT_EQ(Send(Post())->status, 500);
}

TEST_F(RetryTest, PostIsOnlyRepeatedIfTheServerDidNotSeeIt) {
  fake_.Answer(503);
  EXPECT_EQ(Send(Post())->status, 503);
  fake_.Fail(absl::UnavailableError("broke"));
  EXPECT_THAT(Send(Post()), StatusIs(absl::StatusCode::kUnavailable, "broke"));
  EXPECT_EQ(fake_.count(), 2U);

  fake_.Fail(MarkUnsent(absl::UnavailableError("refused"))).Answer(201);
  EXPECT_EQ(Send(Post())->status, 201);
  fake_.Answer(429).Answer(201);
  EXPECT_EQ(Send(Post())->status, 201);
}

TEST_F(RetryTest, RepeatOverridesTheMethod) {
  Request patch{.method = "PATCH", .url = "https://h/x"};
  fake_.Answer(503);
  EXPECT_EQ(Send(patch)->status, 503);
  patch.repeat = Repeat::kSafe;
  fake_.Answer(503).Answer(200);
  EXPECT_EQ(Send(patch)->status, 200);
  Request put{.method = "PUT", .url = "https://h/x", .repeat = Repeat::kOnlyIfUnsent};
  fake_.Answer(503);
  EXPECT_EQ(Send(put)->status, 503);
}

TEST_F(RetryTest, BackoffDoublesUpToTheLongestDelay) {
  for (int i = 0; i < 8; ++i) fake_.Answer(503);
  const auto retry =
      NewRetryTransport(Borrow(fake_), {.max_tries = 8, .random = [] { return 1.0; }});
  const auto response = retry->Send(call_, Get());
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->attempts, 8);
  EXPECT_THAT(clock_.sleeps(),
              ElementsAre(absl::Milliseconds(250), absl::Milliseconds(500), absl::Seconds(1),
                          absl::Seconds(2), absl::Seconds(4), absl::Seconds(8), absl::Seconds(10)));
}

TEST_F(RetryTest, JitterTakesAnyShareOfTheDelay) {
  random_ = 0.5;
  fake_.Answer(503).Answer(503).Answer(200);
  EXPECT_THAT(Send(Get()), IsOk());
  EXPECT_THAT(clock_.sleeps(), ElementsAre(absl::Milliseconds(125), absl::Milliseconds(250)));
}

TEST_F(RetryTest, GivesUpAfterFiveTriesAndSaysSo) {
  for (int i = 0; i < 5; ++i) fake_.Fail(WithRemedy(absl::UnavailableError("no route"), "fix it"));
  const auto response = Send(Get());
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnavailable, "no route (tried 5 times in 3.75s)"));
  EXPECT_EQ(RemedyOf(response.status()), "fix it");
  EXPECT_EQ(fake_.count(), 5U);
}

TEST_F(RetryTest, RetryAfterWins) {
  fake_.Answer(429, "", {{"retry-after", "7"}}).Answer(200);
  EXPECT_THAT(Send(Get()), IsOk());
  const std::string date = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                            clock_.Now() + absl::Seconds(30), absl::UTCTimeZone());
  fake_.Answer(503, "", {{"retry-after", date}}).Answer(200);
  EXPECT_THAT(Send(Get()), IsOk());
  EXPECT_THAT(clock_.sleeps(), ElementsAre(absl::Seconds(7), absl::Seconds(30)));
}

TEST_F(RetryTest, DoesNotWaitWhenTheDeadlineLeavesNoRoom) {
  call_.deadline = clock_.Now() + absl::Seconds(5);
  fake_.Answer(429, "", {{"retry-after", "7"}});
  EXPECT_EQ(Send(Get())->status, 429);
  EXPECT_THAT(clock_.sleeps(), IsEmpty());
}

TEST_F(RetryTest, ErrorsThatDoNotPassAreNotRepeated) {
  for (const absl::Status& status :
       {absl::UnauthenticatedError("certificate"), absl::CancelledError("stopped"),
        absl::DeadlineExceededError("late"), absl::ResourceExhaustedError("large"),
        absl::InvalidArgumentError("url")}) {
    fake_.Fail(status);
    EXPECT_EQ(Send(Get()).status(), status);
  }
  EXPECT_EQ(fake_.count(), 5U);
}

TEST_F(RetryTest, StopEndsTheWait) {
  std::stop_source source;
  call_.stop = source.get_token();
  call_.clock = &Clock::Real();
  call_.deadline = absl::InfiniteFuture();
  std::jthread stopper;
  fake_.Handle([&](const Call&, const Request&) {
    stopper = std::jthread([&] { source.request_stop(); });
    return Response{.status = 429, .headers = {{"retry-after", "3600"}}};
  });
  EXPECT_THAT(Send(Get()), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(fake_.count(), 1U);
}

TEST_F(RetryTest, AStreamThatHasBegunIsNotRepeated) {
  std::string seen;
  Request watch = Get();
  watch.on_body = [&](absl::string_view piece) {
    seen.append(piece.data(), piece.size());
    return true;
  };
  fake_.Handle([&](const Call&, const Request& request) -> absl::StatusOr<Response> {
    if (fake_.count() == 1) return absl::UnavailableError("before the first byte");
    request.on_body("one");
    return absl::UnavailableError("in the middle");
  });
  EXPECT_THAT(Send(watch),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("in the middle (tried 2 times")));
  EXPECT_EQ(seen, "one");
}

TEST(ParseRetryAfter, ReadsSecondsAndTheThreeDateForms) {
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(1994, 11, 6, 8, 49, 30), absl::UTCTimeZone());
  EXPECT_EQ(ParseRetryAfter(" 120 ", now), absl::Seconds(120));
  EXPECT_EQ(ParseRetryAfter("0", now), absl::ZeroDuration());
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now), absl::Seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", now), absl::Seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:49:37 1994", now), absl::Seconds(7));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:00 GMT", now), absl::ZeroDuration());
  for (const char* bad : {"", "-1", "soon", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(ParseRetryAfter(bad, now), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace charon::http
