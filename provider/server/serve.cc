#include "provider/server/serve.h"

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/log.h"
#include "provider/base/status.h"
#include "provider/sdk/registry.h"
#include "provider/server/handshake.h"
#include "provider/server/plugin_server.h"
#include "provider/server/process.h"
#include "provider/server/provider_service.h"

namespace charon::server {
namespace {

// A host kills the process two seconds after Shutdown and reads no answer any more.
constexpr absl::Duration kShutdownGrace = absl::Milliseconds(200);
// After SIGTERM, and when the host died: what is under way may finish its step.
constexpr absl::Duration kTerminateGrace = absl::Seconds(10);

std::string ProgramName(const PluginInfo& info) {
  return absl::StrCat("terraform-provider-", info.name);
}

// False if not all of it could be written.
bool Print(int descriptor, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// As people write it in required_providers: each program puts the host of its own registry before
// it.
absl::string_view Source(absl::string_view address) {
  return address.substr(address.find('/') + 1);
}

std::string Usage(const PluginInfo& info) {
  return absl::StrCat(
      "usage: ", ProgramName(info), " [-debug | -version | -help]\n\n",
      "Without an argument it serves the Terraform or OpenTofu that started it.\n\n",
      "  -debug    serve any Terraform that is told where, by the TF_REATTACH_PROVIDERS that is\n"
      "            printed; for debuggers and for looking at the log. Ends on Ctrl-C.\n",
      "  -version  print the version\n", "  -help     print this\n");
}

std::string StartedByHand(const PluginInfo& info) {
  return absl::StrCat(ProgramName(info), " ", info.version,
                      " is a plugin: Terraform and OpenTofu start it, a person need not.\n\n",
                      "To use it, name it in a configuration and run `terraform init` there:\n\n",
                      "  terraform {\n    required_providers {\n      ", info.name,
                      " = { source = \"", Source(info.address), "\" }\n    }\n  }\n\n",
                      "To run it under a debugger, start it with -debug. See also -help.\n");
}

std::string Reattach(const PluginInfo& info, const PluginServer& server) {
  return absl::StrCat(
      ProgramName(info), " ", info.version, " is serving (process ", ::getpid(),
      "). Give this to Terraform in its environment:\n\n  export TF_REATTACH_PROVIDERS='",
      ReattachJson(info.address, server.address(), ::getpid()),
      "'\n\nIts log goes to this terminal, at the level of TF_LOG. Ctrl-C ends it.\n");
}

// `host` for a process that no host started.
HostSettings DebugSettings() {
  HostSettings host;
  host.temporary_folder = ProcessEnvironment("TMPDIR");
  host.socket_folder = ProcessEnvironment("PLUGIN_UNIX_SOCKET_DIR");
  return host;
}

absl::string_view Reason(ProcessEvent event) {
  switch (event) {
    case ProcessEvent::kShutdown:
      return "the host asked for it";
    case ProcessEvent::kTerminate:
      return "SIGTERM";
    case ProcessEvent::kInterrupt:
      return "SIGINT";
    case ProcessEvent::kParentGone:
      return "the process that started it is gone";
  }
  return "";
}

int Serve(const PluginInfo& info, const RegistryFactory& make_registry, const HostSettings& host,
          bool debug) {
  // Each of gRPC's threads would otherwise keep freed memory in an arena of its own.
  ::mallopt(M_ARENA_MAX, 2);
#ifndef CHARON_CHECK_ANSWERS
  // Debian's abseil looks for deadlocks at every lock, gRPC's too, under one lock for all threads.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  ProcessEvents& events = ProcessEvents::Install();
  InstallCrashHandler(ProgramName(info));

  ProviderService provider(info.address, make_registry);
  absl::StatusOr<std::unique_ptr<PluginServer>> started = PluginServer::Start(
      host, provider.methods(), [&events] { events.Notify(ProcessEvent::kShutdown); });
  if (!started.ok()) {
    Print(STDERR_FILENO,
          absl::StrCat("[ERROR] ", ProgramName(info), " cannot start: ", started.status().message(),
                       "\n", RemedyOf(started.status()).value_or(""), "\n"));
    return 1;
  }
  PluginServer& server = **started;

  if (debug) {
    Print(STDOUT_FILENO, Reattach(info, server));
  } else {
    if (!Print(STDOUT_FILENO, HandshakeLine(host, server.address(), server.certificate()))) {
      Print(STDERR_FILENO, absl::StrCat("[ERROR] ", ProgramName(info),
                                        " cannot write to its standard output, where Terraform "
                                        "reads its address: ",
                                        std::strerror(errno), "\n"));
      server.Shutdown(kShutdownGrace);
      ::_exit(1);
    }
    RedirectStandardOutput();
  }
  Logger& log = Logger::Standard();
  log.Debug("serving", {{"version", info.version},
                        {"network", std::string(server.address().network_name())},
                        {"address", server.address().text}});
  if (!debug && !host.OffersOurVersion()) {
    log.Warn("the host does not offer protocol version 6",
             {{"offered", ProcessEnvironment("PLUGIN_PROTOCOL_VERSIONS")}});
  }
  provider.Prepare();

  ProcessEvent event = events.Wait(/*watch_parent=*/!debug);
  // Ctrl-C in the terminal of Terraform; Terraform decides what it means and says StopProvider or
  // Shutdown.
  while (event == ProcessEvent::kInterrupt && !debug) event = events.Wait(/*watch_parent=*/true);
  log.Debug("ending", {{"reason", std::string(Reason(event))}});
  provider.Stop();
  if (event == ProcessEvent::kTerminate || event == ProcessEvent::kParentGone) {
    provider.WaitUntilIdle(kTerminateGrace);
  }
  server.Shutdown(kShutdownGrace);
  // No destructor runs: handlers that did not end in time may still use all of this.
  std::fflush(nullptr);
  ::_exit(0);
}

}  // namespace

int RunPlugin(int argc, const char* const* argv, const PluginInfo& info,
              const RegistryFactory& make_registry) {
  OpenStandardStreams();
  bool debug = false;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "-version" || argument == "--version" || argument == "version") {
      Print(STDOUT_FILENO,
            absl::StrCat(ProgramName(info), " ", info.version, " (plugin protocol 6.11)\n"));
      return 0;
    }
    if (argument == "-help" || argument == "--help" || argument == "-h") {
      Print(STDOUT_FILENO, Usage(info));
      return 0;
    }
    if (argument == "-debug" || argument == "--debug") {
      debug = true;
      continue;
    }
    Print(STDERR_FILENO, absl::StrCat("unknown argument ", argument, "\n\n", Usage(info)));
    return 1;
  }
  const HostSettings host = HostSettings::Read(ProcessEnvironment);
  if (!debug && !host.started_by_terraform) {
    Print(STDERR_FILENO, StartedByHand(info));
    return 1;
  }
  return Serve(info, make_registry, debug ? DebugSettings() : host, debug);
}

}  // namespace charon::server
