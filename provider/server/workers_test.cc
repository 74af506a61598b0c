#include "provider/server/workers.h"

#include <atomic>
#include <functional>
#include <latch>
#include <optional>
#include <semaphore>
#include <utility>

#include "gtest/gtest.h"

namespace charon::server {
namespace {

TEST(Workers, RunTasksBesideEachOther) {
  Workers workers;
  std::latch both(2);
  std::atomic<int> ended = 0;
  for (int i = 0; i < 2; ++i) {
    workers.Run([&] {
      both.arrive_and_wait();
      ++ended;
    });
  }
  workers.Join();
  EXPECT_EQ(ended, 2);
}

// What the thread that has it does as it ends.
struct AtExit {
  std::function<void()> what;
  ~AtExit() {
    if (what) what();
  }
};
thread_local AtExit at_exit;

TEST(Workers, ATaskMayOutlastTheEndOfTheOthers) {
  std::binary_semaphore other_ended(0);
  bool ended = false;
  std::optional<Workers> workers(std::in_place);
  workers->Run([&] {
    other_ended.acquire();
    ended = true;
  });
  workers->Run([&] { at_exit.what = [&] { other_ended.release(); }; });
  workers->Join();
  EXPECT_TRUE(ended);
  workers.reset();  // joins once more, when none is left
}

}  // namespace
}  // namespace charon::server
