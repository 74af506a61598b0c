// The methods beside the provider's own that a go-plugin host expects: GRPCController (the host
// ends the plugin with it), GRPCStdio and GRPCBroker (opened once a connection, never used), and
// gRPC's health check.
#pragma once

#include <functional>

#include "provider/server/exchange.h"

namespace charon::server {

// `on_shutdown` is called when the host says that it wants the process to end. It must only signal:
// the call it comes from has to be answered before the server can shut down.
Methods HostMethods(std::function<void()> on_shutdown);

}  // namespace charon::server
