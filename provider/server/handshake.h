// What a go-plugin host says to a plugin through the environment, and the one line that the plugin
// answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace charon::server {

// The major protocol version that this plugin speaks.
inline constexpr int kProtocolVersion = 6;

// An environment variable's value; empty if it is not set. Injected so that tests need no real one.
using Environment = std::function<std::string(const char* name)>;
std::string ProcessEnvironment(const char* name);

struct HostSettings {
  bool started_by_terraform = false;   // the magic cookie is right
  std::vector<int> protocol_versions;  // what the host offers; empty: it did not say
  std::string client_certificate;      // PEM; empty: no TLS
  std::string socket_folder;           // where the host wants the socket; empty: anywhere
  std::string socket_group;            // name or number of the group that may connect
  std::string temporary_folder;        // TMPDIR
  int min_port = 0, max_port = 0;      // for TCP; 0: any
  bool wants_multiplexing_field = false;

  static HostSettings Read(const Environment& environment);

  // Whether the host offers kProtocolVersion. A host that does not say is too old to speak it, but
  // is answered all the same: its own message about the version is better than ours.
  bool OffersOurVersion() const;
};

// Where the server listens.
struct Address {
  enum class Network { kUnix, kTcp };
  Network network = Network::kUnix;
  std::string text;  // a path without '|' and line breaks, or host:port

  absl::string_view network_name() const { return network == Network::kUnix ? "unix" : "tcp"; }
  // As gRPC takes it.
  std::string grpc_target() const { return network == Network::kUnix ? "unix:" + text : text; }
};

// `1|6|unix|/path|grpc|CERT` and a line feed. `certificate` is unpadded base64 of the DER, empty
// without TLS. The seventh field (we multiplex no connections) only for hosts that ask: others
// would take it for a part of the certificate.
std::string HandshakeLine(const HostSettings& host, const Address& address,
                          absl::string_view certificate);

// The value of TF_REATTACH_PROVIDERS with which Terraform finds a server in debug mode.
std::string ReattachJson(absl::string_view provider_address, const Address& address, int pid);

}  // namespace charon::server
