#include "provider/clients/kubernetes/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

extern char** environ;

namespace charon::kubernetes {
namespace {

constexpr std::size_t kMostOutput = 1 << 20;
constexpr std::size_t kKeptErrors = 4 << 10;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }

  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

absl::Status Failure(absl::string_view what, int error) {
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == ENOEXEC) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

// A pipe whose reading end does not block.
absl::Status MakePipe(Fd& reader, Fd& writer) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Failure("pipe", errno);
  reader = Fd(ends[0]);
  writer = Fd(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return absl::OkStatus();
}

// Appends what there is to `text`. False at the end of the file.
bool Drain(Fd& fd, std::string& text) {
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
    if (size > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
      if (text.size() > kMostOutput) return true;  // the caller looks at the size
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    return size < 0 && errno == EAGAIN;
  }
}

// This process's variables with `added` over them.
std::vector<std::string> EnvironmentWith(const std::map<std::string, std::string>& added) {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view text(*entry);
    if (added.count(std::string(text.substr(0, text.find('=')))) == 0) out.emplace_back(text);
  }
  for (const auto& [name, value] : added) out.push_back(absl::StrCat(name, "=", value));
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// posix_spawn, because fork in a process with threads may only be followed by exec, and copies the
// page tables for it.
absl::StatusOr<pid_t> Spawn(const Command& command, const Fd& out, const Fd& err) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.get(), STDERR_FILENO);
  // Sockets of libraries that forgot close-on-exec.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);  // a provider ignores SIGINT
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> argv = {command.program};
  argv.insert(argv.end(), command.args.begin(), command.args.end());
  std::vector<std::string> env = EnvironmentWith(command.env);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, command.program.c_str(), &actions, &attributes,
                                 Pointers(argv).data(), Pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Failure(command.program, error);
  return pid;
}

int PollTimeout(absl::Duration remaining) {
  if (remaining > absl::Hours(1)) return 3'600'000;
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(remaining, absl::Milliseconds(1))));
}

int Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    // ECHILD: SIGCHLD is ignored here, so the kernel has reaped it; how it ended is lost.
    if (errno != EINTR) return 0;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<ProcessResult> RunProcess(const Call& call, const Command& command,
                                         absl::Duration limit) {
  if (absl::Status alive = call.Alive(); !alive.ok()) return alive;
  Fd out_reader, out_writer, err_reader, err_writer;
  if (absl::Status made = MakePipe(out_reader, out_writer); !made.ok()) return made;
  if (absl::Status made = MakePipe(err_reader, err_writer); !made.ok()) return made;
  Fd stop_event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

  absl::StatusOr<pid_t> pid = Spawn(command, out_writer, err_writer);
  if (!pid.ok()) return pid.status();
  out_writer.Close();
  err_writer.Close();
  // Readable when the child has ended, even if a grandchild keeps the pipes open. Missing before
  // Linux 5.3: then only the pipes tell.
  Fd ended(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  const std::stop_callback on_stop(call.stop, [&] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_event.get(), &one, sizeof(one));
  });

  const absl::Time deadline = std::min(absl::Now() + limit, absl::Now() + call.Remaining());
  ProcessResult result;
  absl::Status failure;
  bool is_over = false;
  while (!is_over && failure.ok()) {
    // A negative descriptor is skipped by poll.
    std::array<pollfd, 4> polled = {{{out_reader.get(), POLLIN, 0},
                                     {err_reader.get(), POLLIN, 0},
                                     {ended.get(), POLLIN, 0},
                                     {stop_event.get(), POLLIN, 0}}};
    const absl::Duration remaining = deadline - absl::Now();
    const int ready = remaining <= absl::ZeroDuration()
                          ? 0
                          : poll(polled.data(), polled.size(), PollTimeout(remaining));
    if (ready < 0 && errno == EINTR) continue;
    if (call.stop.stop_requested()) {
      failure = absl::CancelledError("stopped by the user");
    } else if (absl::Now() >= deadline) {
      failure = absl::DeadlineExceededError(
          absl::StrCat(command.program, " did not end in time and was killed"));
    }
    if (out_reader.get() >= 0 && !Drain(out_reader, result.out)) out_reader.Close();
    if (err_reader.get() >= 0 && !Drain(err_reader, result.err)) err_reader.Close();
    if (result.out.size() > kMostOutput) {
      failure = absl::ResourceExhaustedError(
          absl::StrCat(command.program, " writes more than ", kMostOutput, " bytes"));
    }
    if (result.err.size() > kKeptErrors) {
      result.err.erase(0, result.err.size() - kKeptErrors);
    }
    is_over =
        ended.get() >= 0 ? polled[2].revents != 0 : out_reader.get() < 0 && err_reader.get() < 0;
  }
  if (!failure.ok()) kill(-*pid, SIGKILL);
  result.exit_code = Reap(*pid);
  if (!failure.ok()) return failure;
  return result;
}

}  // namespace charon::kubernetes
