#include "provider/clients/kubernetes/run_claims.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::HasSubstr;

const ObjectRef kClaimed{{"v1", "ConfigMap"}, "x", "a"};

TEST(RunClaims, BelongToTheObjectInAnyVersion) {
  RunClaims claims;
  claims.Claim({{"autoscaling/v1", "HorizontalPodAutoscaler"}, "x", "a"});
  EXPECT_TRUE(claims.IsClaimed({{"autoscaling/v2", "HorizontalPodAutoscaler"}, "x", "a"}));
  EXPECT_FALSE(claims.IsClaimed({{"autoscaling/v2", "HorizontalPodAutoscaler"}, "x", "b"}));
  claims.Forget({{"autoscaling/v2", "HorizontalPodAutoscaler"}, "x", "a"});
  EXPECT_FALSE(claims.IsClaimed({{"autoscaling/v1", "HorizontalPodAutoscaler"}, "x", "a"}));
}

TEST(RunClaims, TheSecondWaitsForItsTurnAndSaysForWhat) {
  RunClaims claims;
  FakeClock clock;
  Call call;
  call.clock = &clock;
  call.deadline = clock.Now() + absl::Seconds(1);
  {
    const auto turn = claims.Take(call, kClaimed);
    ASSERT_THAT(turn, IsOk());
    const auto second = claims.Take(call, kClaimed);
    EXPECT_TRUE(absl::IsDeadlineExceeded(second.status())) << second.status();
    EXPECT_THAT(std::string(second.status().message()),
                HasSubstr("another resource of this run works on " + kClaimed.ToString()));
  }
  call.deadline = clock.Now() + absl::Seconds(1);
  EXPECT_THAT(claims.Take(call, kClaimed), IsOk());
}

TEST(RunClaims, OneThreadAtATimeHasTheTurn) {
  RunClaims claims;
  FakeClock clock;
  Call call;
  call.clock = &clock;
  int count = 0;  // guarded by the turn alone
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j) {
        const auto turn = claims.Take(call, kClaimed);
        claims.Claim(kClaimed);
        if (turn.ok() && claims.IsClaimed(kClaimed)) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 400);
}

}  // namespace
}  // namespace charon::kubernetes
