#include "provider/server/handshake.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"

namespace charon::server {
namespace {

// hashicorp/terraform internal/plugin6/serve.go. Not a secret: it tells a host from a person.
constexpr absl::string_view kCookie =
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

int PortOr0(const std::string& text) {
  int port = 0;
  return absl::SimpleAtoi(text, &port) && port > 0 && port < 65536 ? port : 0;
}

}  // namespace

std::string ProcessEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

HostSettings HostSettings::Read(const Environment& environment) {
  HostSettings host;
  host.started_by_terraform = environment("TF_PLUGIN_MAGIC_COOKIE") == kCookie;
  for (const absl::string_view part :
       absl::StrSplit(environment("PLUGIN_PROTOCOL_VERSIONS"), ',')) {
    int version = 0;
    if (absl::SimpleAtoi(part, &version)) host.protocol_versions.push_back(version);
  }
  host.client_certificate = environment("PLUGIN_CLIENT_CERT");
  host.socket_folder = environment("PLUGIN_UNIX_SOCKET_DIR");
  host.socket_group = environment("PLUGIN_UNIX_SOCKET_GROUP");
  host.temporary_folder = environment("TMPDIR");
  host.min_port = PortOr0(environment("PLUGIN_MIN_PORT"));
  host.max_port = PortOr0(environment("PLUGIN_MAX_PORT"));
  if (host.min_port == 0 || host.max_port < host.min_port) host.min_port = host.max_port = 0;
  host.wants_multiplexing_field = !environment("PLUGIN_MULTIPLEX_GRPC").empty();
  return host;
}

bool HostSettings::OffersOurVersion() const {
  return std::find(protocol_versions.begin(), protocol_versions.end(), kProtocolVersion) !=
         protocol_versions.end();
}

std::string HandshakeLine(const HostSettings& host, const Address& address,
                          absl::string_view certificate) {
  constexpr int kCoreProtocol = 1;  // of go-plugin itself
  return absl::StrCat(kCoreProtocol, "|", kProtocolVersion, "|", address.network_name(), "|",
                      address.text, "|grpc|", certificate,
                      host.wants_multiplexing_field ? "|false" : "", "\n");
}

std::string ReattachJson(absl::string_view provider_address, const Address& address, int pid) {
  // Test: the host neither sends Shutdown nor kills the process.
  const nlohmann::ordered_json entry = {
      {"Protocol", "grpc"},
      {"ProtocolVersion", kProtocolVersion},
      {"Pid", pid},
      {"Test", true},
      {"Addr", {{"Network", std::string(address.network_name())}, {"String", address.text}}}};
  nlohmann::ordered_json json;
  json[std::string(provider_address)] = entry;
  // OpenTofu takes an address without a host for one of its own registry. Others pass over that
  // key.
  absl::string_view source = provider_address;
  if (absl::ConsumePrefix(&source, "registry.terraform.io/"))
    json[absl::StrCat("registry.opentofu.org/", source)] = entry;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace charon::server
