// The service tfplugin6.Provider: every call of protocol 6.0 to 6.11 but those of state stores,
// handed to what the registry holds.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "provider/server/exchange.h"

namespace charon::sdk {
class Registry;
}  // namespace charon::sdk

namespace charon::server {

// Thread-safe. Has to live longer than the server it is registered with.
class ProviderService {
 public:
  // `make_registry` is called once, on first use. `address` is the provider's source address, for
  // the log.
  ProviderService(std::string address,
                  std::function<std::unique_ptr<sdk::Registry>()> make_registry);
  ~ProviderService();

  Methods methods();

  // Makes the registry now, if no call did yet.
  void Prepare();

  // Asks every call under way to end soon, as StopProvider does. Later calls are served as before:
  // a process in debug mode outlives many Terraform commands, and ephemeral resources are closed
  // after a stop.
  void Stop();

  // Waits until no call is under way, at most `limit`. False if some still are.
  bool WaitUntilIdle(absl::Duration limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charon::server
