// The transport that speaks to real servers. Made by NewCurlTransport (transport.h); this header is
// for those who want to look inside, which is the tests.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "provider/http/proxy.h"
#include "provider/http/transport.h"

namespace charon::http {

// What a curl transport takes from outside besides its options.
struct CurlEnvironment {
  Variable variable = {};  // for the proxy variables; empty: the process's own
  // How long a connection may take to be established, TLS included. Short enough that five tries at
  // a dead address end in about a minute.
  absl::Duration connect_timeout = absl::Seconds(10);
};

absl::StatusOr<std::unique_ptr<Transport>> NewCurlTransport(TransportOptions options,
                                                            CurlEnvironment environment);

}  // namespace charon::http
