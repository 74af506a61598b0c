#include "provider/server/process.h"

#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace charon::server {
namespace {

// What signal handlers need; they can be handed nothing.
std::atomic<ProcessEvents*> installed = nullptr;
std::array<char, 64> program_name{};
std::atomic_flag crashing = ATOMIC_FLAG_INIT;

void WriteText(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void OnSignal(int signal) {
  const int saved = errno;
  if (ProcessEvents* events = installed.load()) {
    if (signal == SIGTERM) events->Notify(ProcessEvent::kTerminate);
    if (signal == SIGINT) events->Notify(ProcessEvent::kInterrupt);
  }
  errno = saved;
}

const char* NameOf(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV (invalid memory access)";
    case SIGBUS:
      return "SIGBUS (invalid memory access)";
    case SIGFPE:
      return "SIGFPE (arithmetic error)";
    case SIGILL:
      return "SIGILL (illegal instruction)";
    case SIGABRT:
      return "SIGABRT (aborted)";
    default:
      return "a fatal signal";
  }
}

void WritePanic(const char* reason) {
  WriteText("panic: ");
  WriteText(program_name.data());
  WriteText(": ");
  WriteText(reason);
  WriteText("\n\nThis is a defect of the provider; please report it with these lines.\n");
  // The first call sorts the unwinder's tables: 10 ms in a static executable, more than the rest of
  // a start, so it is not made ahead of time. Should it get stuck in a broken heap, the alarm ends
  // the process.
  ::alarm(2);
  std::array<void*, 64> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
}

void OnCrash(int signal) {
  if (!crashing.test_and_set()) WritePanic(NameOf(signal));
  // The handler was reset to the default action (SA_RESETHAND), so this ends the process.
  ::raise(signal);
}

[[noreturn]] void OnTerminate() {
  if (!crashing.test_and_set()) {
    std::array<char, 512> reason{};
    std::strncpy(reason.data(), "uncaught exception", reason.size() - 1);
    if (const std::exception_ptr exception = std::current_exception()) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& error) {
        std::strncpy(reason.data(), error.what(), reason.size() - 1);
      } catch (...) {  // not a std::exception: there is nothing to say about it
      }
    }
    WritePanic(reason.data());
  }
  std::abort();
}

void Handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

ProcessEvents::ProcessEvents() : parent_(::getppid()) {
  std::array<int, 2> ends{-1, -1};
  // Without a pipe (no descriptors left) only the parent's death is noticed; the server could not
  // start either.
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    read_ = ends[0];
    write_ = ends[1];
  }
}

ProcessEvents& ProcessEvents::Install() {
  static auto& events = *new ProcessEvents;
  installed.store(&events);
  // Handlers rather than SIG_IGN, which child processes (exec plugins) would inherit.
  Handle(SIGTERM, OnSignal, SA_RESTART);
  Handle(SIGINT, OnSignal, SA_RESTART);
  Handle(
      SIGPIPE, [](int) {}, SA_RESTART);
  return events;
}

void ProcessEvents::Notify(ProcessEvent event) {
  const char byte = static_cast<char>(event);
  [[maybe_unused]] const ssize_t written = ::write(write_, &byte, 1);
}

ProcessEvent ProcessEvents::Wait(bool watch_parent) {
  constexpr int kParentCheckMillis = 1000;
  for (;;) {
    struct pollfd descriptor = {.fd = read_, .events = POLLIN, .revents = 0};
    if (::poll(&descriptor, 1, watch_parent ? kParentCheckMillis : -1) > 0) {
      char byte = 0;
      if (::read(read_, &byte, 1) == 1) return static_cast<ProcessEvent>(byte);
    }
    if (watch_parent && ::getppid() != parent_) return ProcessEvent::kParentGone;
  }
}

void InstallCrashHandler(absl::string_view program) {
  program.copy(program_name.data(), program_name.size() - 1);
  // A stack overflow needs another stack to be reported on (of this thread; those of gRPC have
  // none).
  static std::array<char, 64 * 1024> stack;
  stack_t alternate{};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  ::sigaltstack(&alternate, nullptr);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    Handle(signal, OnCrash, static_cast<int>(SA_RESETHAND) | SA_ONSTACK | SA_NODEFER);
  }
  std::set_terminate(OnTerminate);
}

void OpenStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // The lowest number that is free: this one. It stays open.
    if (::open("/dev/null", O_RDWR) != stream) return;
  }
}

void RedirectStandardOutput() { ::dup2(STDERR_FILENO, STDOUT_FILENO); }

}  // namespace charon::server
