// The process around the server: signals, the parent's death, crashes.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace charon::server {

enum class ProcessEvent : char {
  kShutdown = 'S',    // the host called GRPCController.Shutdown
  kTerminate = 'T',   // SIGTERM
  kInterrupt = 'I',   // SIGINT
  kParentGone = 'P',  // the process that started us has died without saying so
};

// Collects what may end the process. One a process, because signal handlers are.
class ProcessEvents {
 public:
  // Takes over SIGTERM and SIGINT and makes SIGPIPE harmless. Ctrl-C reaches a plugin as well as
  // its host, since they share a process group, and must not end it; child processes get the
  // default actions back.
  static ProcessEvents& Install();

  // Async-signal-safe.
  void Notify(ProcessEvent event);

  // Waits for the next event. With `watch_parent` looks once a second whether the parent has
  // changed. (The kernel's own signal for that goes with the parent's thread, and Go ends threads
  // as it likes.)
  ProcessEvent Wait(bool watch_parent);

 private:
  ProcessEvents();

  int read_ = -1, write_ = -1;
  int parent_ = 0;
};

// From now on a fatal signal or an uncaught exception writes "panic: ...", which Terraform shows
// its user as a crash of this plugin, and a stack trace to standard error before the process dies
// of it. `program` names it.
void InstallCrashHandler(absl::string_view program);

// Points standard output at standard error: after the handshake nothing may be printed there, and a
// library that does all the same shall not do harm.
void RedirectStandardOutput();

// Opens /dev/null where standard input, output or error is closed: what is opened next would become
// one of them, and be written to or replaced as such. To be called before anything is opened.
void OpenStandardStreams();

}  // namespace charon::server
