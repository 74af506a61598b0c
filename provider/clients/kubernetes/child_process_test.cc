#include "provider/clients/kubernetes/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(20);

absl::StatusOr<ProcessResult> Shell(const std::string& script, const Call& call = {},
                                    absl::Duration limit = kPatience) {
  return RunProcess(call, {.program = "sh", .args = {"-c", script}, .env = {{"ADDED", "yes"}}},
                    limit);
}

// True if the process runs; one that has ended and waits to be reaped does not.
bool IsRunning(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  const std::size_t state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] != 'Z';
}

bool EndsSoon(int pid) {
  const absl::Time begin = absl::Now();
  while (absl::Now() - begin < kPatience) {
    if (!IsRunning(pid)) return true;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return false;
}

TEST(RunProcess, ReturnsOutputErrorsAndExitCode) {
  const auto result = Shell("echo \"$ADDED $PATH\"; echo oops >&2; exit 3");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->out, absl::StrCat("yes ", getenv("PATH"), "\n"));
  EXPECT_EQ(result->err, "oops\n");
  EXPECT_EQ(result->exit_code, 3);
}

TEST(RunProcess, AddedVariablesReplaceInheritedOnes) {
  const auto result = RunProcess(
      {}, {.program = "/bin/sh", .args = {"-c", "echo $HOME"}, .env = {{"HOME", "/elsewhere"}}},
      kPatience);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->out, "/elsewhere\n");
}

TEST(RunProcess, ThereIsNoInput) {
  const auto result = Shell("cat; echo end");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->out, "end\n");
}

TEST(RunProcess, AMissingProgramIsNotFound) {
  EXPECT_THAT(RunProcess({}, {.program = "charon-no-such-program"}, kPatience),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("charon-no-such-program")));
  EXPECT_THAT(RunProcess({}, {.program = "/etc/passwd"}, kPatience),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(RunProcess, ASignalIsAnExitCodeAbove128) {
  const auto result = Shell("kill -KILL $$");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->exit_code, 128 + SIGKILL);
}

TEST(RunProcess, IgnoredSignalsAreNotInherited) {
  // As in a provider: terraform's Ctrl-C must not end it.
  const auto before = signal(SIGINT, SIG_IGN);
  const auto result = Shell("kill -INT $$; echo survived");
  signal(SIGINT, before);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->exit_code, 128 + SIGINT);
  EXPECT_EQ(result->out, "");
}

TEST(RunProcess, OpenFilesAreNotInherited) {
  const int fd = open("/dev/null", O_RDONLY);  // without close-on-exec
  const int high = fcntl(fd, F_DUPFD, 200);
  const auto result = Shell(absl::StrCat("test -e /proc/self/fd/", high));
  close(fd);
  close(high);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->exit_code, 1);
}

TEST(RunProcess, AStopKillsTheWholeGroupAtOnce) {
  const std::string file = absl::StrCat(testing::TempDir(), "/charon-pids-", getpid());
  std::stop_source source;
  Call call;
  call.stop = source.get_token();
  absl::Time stopped;
  int child = 0;
  int grandchild = 0;
  std::jthread stopper([&] {
    const absl::Time begin = absl::Now();
    while (absl::Now() - begin < kPatience && grandchild == 0) {
      std::ifstream pids(file);
      if (!(pids >> child >> grandchild)) grandchild = 0;
    }
    stopped = absl::Now();
    source.request_stop();
  });
  EXPECT_THAT(Shell(absl::StrCat("sleep 1000 & echo $$ $! > ", file, "; wait"), call),
              StatusIs(absl::StatusCode::kCancelled));
  const absl::Time ended = absl::Now();
  stopper.join();
  EXPECT_LT(ended - stopped, absl::Milliseconds(500));
  ASSERT_NE(grandchild, 0);
  EXPECT_FALSE(IsRunning(child));
  EXPECT_TRUE(EndsSoon(grandchild));
  unlink(file.c_str());
}

TEST(RunProcess, TheLimitAndTheDeadlineKill) {
  EXPECT_THAT(Shell("sleep 1000", {}, absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("sh did not end in time")));
  Call call;
  call.deadline = absl::Now() + absl::Milliseconds(50);
  EXPECT_THAT(Shell("sleep 1000", call), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(RunProcess, AStoppedCallStartsNothing) {
  std::stop_source source;
  source.request_stop();
  Call call;
  call.stop = source.get_token();
  const std::string file = absl::StrCat(testing::TempDir(), "/charon-started-", getpid());
  EXPECT_THAT(Shell(absl::StrCat("touch ", file), call), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_NE(access(file.c_str(), F_OK), 0);
}

TEST(RunProcess, TooMuchOutputIsRefused) {
  EXPECT_THAT(Shell("yes"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(RunProcess, TheEndOfTheErrorsIsKept) {
  const auto result = Shell("yes | head -c 100000 >&2; echo the end >&2");
  ASSERT_THAT(result, IsOk());
  EXPECT_LE(result->err.size(), 4096U);
  EXPECT_TRUE(absl::EndsWith(result->err, "the end\n"));
}

TEST(RunProcess, AGrandchildThatKeepsThePipesOpenIsNotWaitedFor) {
  const absl::Time begin = absl::Now();
  const auto result = Shell("sleep 1000 & echo $!");
  ASSERT_THAT(result, IsOk());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(absl::StripAsciiWhitespace(result->out), &pid));
  kill(pid, SIGKILL);
}

}  // namespace
}  // namespace charon::kubernetes
