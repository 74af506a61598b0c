// PowerDNS Authoritative Server's API, v1 (doc.powerdns.com/authoritative/http-api).
#pragma once

#include <memory>
#include <string>

#include "provider/clients/dns/backend.h"
#include "provider/http/transport.h"

namespace charon::powerdns {

struct Settings {
  std::string endpoint = {};  // "http://127.0.0.1:8081"
  std::string api_key = {};
  std::string server_id = "localhost";
};

// A PATCH of a zone is all or nothing.
std::unique_ptr<dns::Backend> NewClient(Settings settings,
                                        std::unique_ptr<http::Transport> transport);

}  // namespace charon::powerdns
