// The gRPC server of the plugin: where it listens, its mutual TLS, its services and its end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "provider/server/exchange.h"
#include "provider/server/handshake.h"

namespace charon::server {

// Serves from Start on. Thread-safe.
class PluginServer {
 public:
  // Serves `methods` and those of HostMethods on a Unix socket, or where none can be had
  // on TCP, loopback only. With `host.client_certificate` every client must prove that it holds it;
  // without one the server speaks plain text, as the host asked, but then on a Unix socket only,
  // because any local user could connect to TCP. `on_shutdown` must only signal. FailedPrecondition
  // or InvalidArgument, for the user to read, if no place to listen can be had.
  static absl::StatusOr<std::unique_ptr<PluginServer>> Start(const HostSettings& host,
                                                             Methods methods,
                                                             std::function<void()> on_shutdown);

  PluginServer(const PluginServer&) = delete;
  PluginServer& operator=(const PluginServer&) = delete;
  // Waits for handlers that Shutdown gave up on.
  ~PluginServer();

  const Address& address() const;
  // Unpadded base64 of the DER; empty without TLS.
  const std::string& certificate() const;

  // Accepts no new calls, waits up to `grace` for those under way, cancels the rest and removes the
  // socket. False if handlers still run a little later: the process may exit, but the server cannot
  // be destroyed before they end.
  bool Shutdown(absl::Duration grace);

 private:
  class Impl;
  explicit PluginServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace charon::server
