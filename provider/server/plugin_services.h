// The services beside the provider's own that a go-plugin host expects: GRPCController (the host
// ends the plugin with it), GRPCStdio and GRPCBroker (opened once a connection, never used), and
// gRPC's health check.
#pragma once

#include <functional>
#include <memory>

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace charon::server {

// Thread-safe. Order of life: Register, (the server starts), Start, EndStreams, (the server shuts
// down), Drain, (the server is destroyed), destructor.
class PluginServices {
 public:
  // `on_shutdown` is called when the host says that it wants the process to end. It must only
  // signal: the call it comes from has to be answered before the server can shut down.
  explicit PluginServices(std::function<void()> on_shutdown);
  ~PluginServices();

  void Register(grpc::ServerBuilder& builder);
  void Start();

  // Ends every stream that the host holds open, so that the server's shutdown need not wait for it.
  void EndStreams();

  // Takes back what waits for streams that never came; gRPC looks into the server for each.
  // REQUIRES: the server was shut down and not yet destroyed, or was never started.
  void Drain();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charon::server
