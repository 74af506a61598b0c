// The host's side of the protocol, as Terraform plays it: a P-521 client certificate, and channels
// that trust exactly the certificate of the handshake.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace charon::server {

struct HostIdentity {
  std::string private_key_pem;
  std::string certificate_pem;
};

// Self-signed, ECDSA P-521, as go-plugin makes one for each plugin process.
HostIdentity MakeHostIdentity();

// `certificate` is the sixth field of the handshake; plain text if it is empty. `identity` may be
// nullptr: a client without a certificate.
std::shared_ptr<grpc::Channel> Connect(const std::string& grpc_target,
                                       absl::string_view certificate, const HostIdentity* identity);

}  // namespace charon::server
