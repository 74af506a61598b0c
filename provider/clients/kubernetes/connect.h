// The transport behind Connect (kubeconfig.h), with its connections made by a function, so that
// tests can look between the credentials and the wire.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/kubeconfig.h"
#include "provider/http/transport.h"

namespace charon::kubernetes {

// Makes what sends requests over connections with these TLS options. Called once, and again when an
// exec plugin returns a new client certificate.
using TransportFactory =
    std::function<absl::StatusOr<std::unique_ptr<http::Transport>>(const http::TlsOptions& tls)>;

// As Connect.
absl::StatusOr<std::unique_ptr<http::Transport>> ConnectThrough(const Connection& connection,
                                                                TransportFactory factory);

}  // namespace charon::kubernetes
