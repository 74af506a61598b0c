// The wire forms of the objects, and what the server's answers mean. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/headscale/dialect.h"
#include "provider/clients/headscale/types.h"

namespace charon::headscale {

using Json = nlohmann::json;

User ToUser(const Json& json);
// Registers the key as a secret if it is one.
PreauthKey ToPreauthKey(const Json& json);
Node ToNode(const Json& json);
Policy ToPolicy(const Json& json);

// A route of its own, up to 0.25.
struct Route {
  std::string id, node_id, prefix;
  bool advertised = false, enabled = false, is_primary = false;
};
Route ToRoute(const Json& json);

// Puts the routes of up to 0.25 into their nodes.
void AddRoutes(const std::vector<Route>& routes, std::vector<Node>& nodes);

// RFC 3339, UTC.
std::string TimeText(absl::Time time);

// The error that an answer with this status stands for; OK for 2xx. `doing` is what was tried:
// "rename user 7". The message has the server's own words, secrets left out.
//   NotFound            no such user, node, key; no policy yet
//   AlreadyExists       the name is taken
//   InvalidArgument     refused: bad tag, name, route or policy
//   FailedPrecondition  not now: nodes left, an OIDC user, the policy is in a file
//   Unauthenticated     the key is wrong
//   Unimplemented       the server has no such endpoint
//   Unavailable         408, 429, 502, 503, 504
//   Unknown             anything else
absl::Status ToStatus(int http_status, absl::string_view body, absl::string_view doing);

}  // namespace charon::headscale
