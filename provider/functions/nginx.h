// provider::charon::nginx_tls_config: the nginx in front of a service that only a VPN may reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/schema/field.h"
#include "provider/value/value.h"

namespace charon::functions {

struct NginxTls {
  Attr<std::string> server_name, upstream_host, certificate, certificate_key;
  Attr<std::int64_t> upstream_port;
  Attr<std::vector<std::string>> allow;
  static const ObjectSpec<NginxTls>& Describe();
};

// The server blocks for an object of the shape of NginxTls; what is left out has its default.
// InvalidArgument for another shape.
absl::StatusOr<std::string> NginxTlsConfig(const Value& service);

}  // namespace charon::functions
