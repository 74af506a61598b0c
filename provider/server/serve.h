// The plugin as a process: what it prints, how it is started and how it ends.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace charon::sdk {
class Registry;
}  // namespace charon::sdk

namespace charon::server {

struct PluginInfo {
  std::string name;     // "charon": the executable is terraform-provider-<name>
  std::string version;  // without "v"
  std::string address;  // the provider's source address with its host, for TF_REATTACH_PROVIDERS
};

// Called once, when the first call needs it or the handshake has been sent, whichever is first:
// nothing of what the provider offers has to exist before the host can connect.
using RegistryFactory = std::function<std::unique_ptr<sdk::Registry>()>;

// Does what `argv` says: without arguments serves the host that started the process until it says
// Shutdown, dies or sends SIGTERM; `-debug` serves any Terraform that is told where, until SIGINT
// or SIGTERM;
// `-version` and `-help` print. Does not return from serving: the process ends there, so that no
// destructor can hold it. Otherwise returns the exit status (1 if it was started by hand or could
// not listen).
int RunPlugin(int argc, const char* const* argv, const PluginInfo& info,
              const RegistryFactory& make_registry);

}  // namespace charon::server
