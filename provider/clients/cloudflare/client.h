// Cloudflare's DNS API, v4 (developers.cloudflare.com/api, resources dns and zones).
#pragma once

#include <memory>
#include <string>

#include "provider/clients/dns/backend.h"
#include "provider/http/transport.h"

namespace charon::cloudflare {

inline constexpr char kDefaultBaseUrl[] = "https://api.cloudflare.com/client/v4";

struct Settings {
  std::string base_url = kDefaultBaseUrl;
  std::string api_token;
};

// Records of one name and type are one set; each has an id of its own. A batch is one transaction.
std::unique_ptr<dns::Backend> NewClient(Settings settings,
                                        std::unique_ptr<http::Transport> transport);

}  // namespace charon::cloudflare
