// Serves the calls of a gRPC server by a table of methods: one thread reads all connections and
// answers what can be answered at once, what may wait gets a thread of its own (decision 0007).
#pragma once

#include <memory>

#include "provider/server/exchange.h"

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace charon::server {

// Thread-safe. Order of life: Register, (the server starts), Start, End, (the server shuts down),
// destructor, (the server is destroyed).
class CallQueue {
 public:
  explicit CallQueue(Methods methods);
  // Takes back what waits for calls that never came; gRPC looks into the server for each. REQUIRES:
  // the server was shut down and not yet destroyed, or was never started.
  ~CallQueue();

  void Register(grpc::ServerBuilder& builder);
  void Start();

  // Ends every call that is held, so that the server's shutdown need not wait for the client, and
  // accepts no new ones.
  void End();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charon::server
