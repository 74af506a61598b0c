#include "provider/clients/headscale/wire.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/http/parse_json.h"

namespace charon::headscale {
namespace {

const Json& Member(const Json& json, const char* name) {
  static const Json& none = *new Json();
  if (!json.is_object()) return none;
  const auto found = json.find(name);
  return found == json.end() ? none : *found;
}

// 64-bit numbers are decimal strings (the JSON mapping of protobuf); plain numbers are taken as
// well.
std::string Text(const Json& json, const char* name) {
  const Json& value = Member(json, name);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return absl::StrCat(value.get<std::uint64_t>());
  return "";
}

bool Flag(const Json& json, const char* name) {
  const Json& value = Member(json, name);
  return value.is_boolean() && value.get<bool>();
}

std::vector<std::string> Texts(const Json& json, const char* name) {
  std::vector<std::string> texts;
  const Json& value = Member(json, name);
  if (!value.is_array()) return texts;
  for (const Json& item : value) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

// Null, "", and the year 1, which Go's zero time is sent as, are no time.
std::optional<absl::Time> Time(const Json& json, const char* name) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Text(json, name), &time, &error)) return std::nullopt;
  if (absl::ToCivilYear(time, absl::UTCTimeZone()).year() <= 1) return std::nullopt;
  return time;
}

std::vector<std::string> SortedRoutes(const Json& json, const char* name) {
  std::vector<std::string> routes = Texts(json, name);
  std::sort(routes.begin(), routes.end());
  routes.erase(std::unique(routes.begin(), routes.end()), routes.end());
  return routes;
}

// hscontrol/types/users.go (v0.28.0): the user that lists show for nodes that belong to their tags.
constexpr absl::string_view kTaggedDevices = "tagged-devices";

// What the server says, in which words, and where. Compared in lower case: it must be a part of the
// answer's text.
struct KnownError {
  absl::string_view text;
  absl::StatusCode code;
};

constexpr std::array<KnownError, 32> kKnownErrors = {{
    // hscontrol/db/users.go v0.23.0 to main; from 0.30 with 404.
    {"user not found", absl::StatusCode::kNotFound},
    // hscontrol/db/node.go v0.23.0, hscontrol/state/state.go v0.29.2.
    {"node not found", absl::StatusCode::kNotFound},
    {"node no longer exists in nodestore", absl::StatusCode::kNotFound},
    // hscontrol/db/preauth_keys.go: v0.23.0, v0.29.2.
    {"authkey not found", absl::StatusCode::kNotFound},
    {"auth-key not found", absl::StatusCode::kNotFound},
    // hscontrol/types/policy.go v0.23.0 to main.
    {"acl policy not found", absl::StatusCode::kNotFound},
    // gorm.ErrRecordNotFound, as nodes of v0.23.0 to v0.27.1, users of v0.24 and later, and routes
    // come out.
    {"record not found", absl::StatusCode::kNotFound},
    // hscontrol/db/users.go v0.23.0 and hscontrol/api/v1/users.go (main).
    {"user already exists", absl::StatusCode::kAlreadyExists},
    // The databases' own words: SQLite, PostgreSQL.
    {"unique constraint failed", absl::StatusCode::kAlreadyExists},
    {"duplicate key value violates unique constraint", absl::StatusCode::kAlreadyExists},
    // hscontrol/db/node.go v0.23.0 to v0.28.0; v0.29.2; hscontrol/state/node_store.go v0.29.2.
    {"name is not unique", absl::StatusCode::kAlreadyExists},
    {"given name already in use by another node", absl::StatusCode::kAlreadyExists},
    // hscontrol/db/users.go v0.23.0 to main.
    {"user not empty: node(s) found", absl::StatusCode::kFailedPrecondition},
    {"cannot edit oidc user", absl::StatusCode::kFailedPrecondition},
    // hscontrol/types/policy.go v0.23.0 to main.
    {"update is disabled for modes other than 'database'", absl::StatusCode::kFailedPrecondition},
    // hscontrol/db/preauth_keys.go v0.23.0: GetPreAuthKey refuses to find a key that is of no use
    // any more.
    {"authkey expired", absl::StatusCode::kFailedPrecondition},
    {"authkey has already been used", absl::StatusCode::kFailedPrecondition},
    // hscontrol/util/dns.go v0.23.0, v0.25.1 and later.
    {"invalid user name", absl::StatusCode::kInvalidArgument},
    {"username must", absl::StatusCode::kInvalidArgument},
    {"username cannot", absl::StatusCode::kInvalidArgument},
    {"username contains invalid character", absl::StatusCode::kInvalidArgument},
    {"name must be at least 2 characters long", absl::StatusCode::kInvalidArgument},
    {"hostname \"", absl::StatusCode::kInvalidArgument},
    {"is not a valid dns label", absl::StatusCode::kInvalidArgument},
    {"given name is not a valid dns label", absl::StatusCode::kInvalidArgument},
    // hscontrol/grpcv1.go v0.23.0 to v0.29.2, hscontrol/api/v1/tags.go (main).
    {"tag must start with the string 'tag:'", absl::StatusCode::kInvalidArgument},
    {"tag should be lowercase", absl::StatusCode::kInvalidArgument},
    {"must not contain spaces", absl::StatusCode::kInvalidArgument},
    {"are invalid or not permitted", absl::StatusCode::kInvalidArgument},
    {"cannot remove all tags from", absl::StatusCode::kInvalidArgument},
    // hscontrol/db/preauth_keys.go v0.28.0 and later.
    {"must be either tagged or owned by user", absl::StatusCode::kInvalidArgument},
    // hscontrol/grpcv1.go v0.26.1 and later.
    {"parsing route", absl::StatusCode::kInvalidArgument},
}};

struct ServerError {
  std::string text;  // everything the server says
  bool is_json = false;
  bool is_problem = false;  // application/problem+json (RFC 9457)
};

// {"code", "message", "details"} up to 0.29; application/problem+json from 0.30; text otherwise.
ServerError ParseError(absl::string_view body) {
  ServerError error;
  const Json json = http::ParseJson(body);
  if (!json.is_object()) {
    const absl::string_view text = absl::StripAsciiWhitespace(body);
    // A page of a proxy is no message.
    if (!absl::StartsWith(text, "<") && text.size() <= 300) error.text = std::string(text);
    return error;
  }
  error.is_json = true;
  std::vector<std::string> parts;
  const auto add = [&](std::string part) {
    if (!part.empty() && std::find(parts.begin(), parts.end(), part) == parts.end())
      parts.push_back(std::move(part));
  };
  error.is_problem = !Text(json, "title").empty() || !Text(json, "detail").empty();
  add(Text(json, "message"));
  add(Text(json, "detail"));
  for (const Json& item : Member(json, "errors")) add(Text(item, "message"));
  if (parts.empty()) add(Text(json, "title"));
  error.text = absl::StrJoin(parts, ": ");
  return error;
}

absl::StatusCode CodeOf(int http_status, const ServerError& error) {
  const std::string lower = absl::AsciiStrToLower(error.text);
  for (const KnownError& known : kKnownErrors) {
    if (absl::StrContains(lower, known.text)) return known.code;
  }
  switch (http_status) {
    case 400:
    case 422:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    // google.golang.org/grpc/status Unimplemented, as the gateway of up to 0.29 answers on a path
    // or a method that it has not; servers of other kinds answer 404 and 405 with text, gateways
    // before it with JSON of their own.
    case 404:
      return error.is_problem ? absl::StatusCode::kNotFound : absl::StatusCode::kUnimplemented;
    case 405:
    case 501:
      return absl::StatusCode::kUnimplemented;
    case 409:
      return absl::StatusCode::kAlreadyExists;
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kUnknown;
  }
}

}  // namespace

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

User ToUser(const Json& json) {
  User user;
  user.id = Text(json, "id");
  user.name = Text(json, "name");
  user.display_name = Text(json, "displayName");
  user.email = Text(json, "email");
  user.picture_url = Text(json, "profilePicUrl");
  user.provider = Text(json, "provider");
  user.created_at = Time(json, "createdAt").value_or(absl::InfinitePast());
  return user;
}

PreauthKey ToPreauthKey(const Json& json) {
  PreauthKey key;
  key.id = Text(json, "id");
  key.key = Text(json, "key");
  if (!absl::EndsWith(key.key, "-***")) RegisterSecret(key.key);
  // A name up to 0.25, an object from 0.26, null for keys with tags only from 0.28.
  const Json& user = Member(json, "user");
  if (user.is_string()) key.user = user.get<std::string>();
  if (user.is_object()) {
    key.user = Text(user, "name");
    key.user_id = Text(user, "id");
  }
  key.reusable = Flag(json, "reusable");
  key.ephemeral = Flag(json, "ephemeral");
  key.used = Flag(json, "used");
  key.tags = Texts(json, "aclTags");
  std::sort(key.tags.begin(), key.tags.end());
  key.expiration = Time(json, "expiration");
  key.created_at = Time(json, "createdAt").value_or(absl::InfinitePast());
  return key;
}

Node ToNode(const Json& json) {
  Node node;
  node.id = Text(json, "id");
  node.machine_key = Text(json, "machineKey");
  node.node_key = Text(json, "nodeKey");
  node.hostname = Text(json, "name");
  node.given_name = Text(json, "givenName");
  node.addresses = Texts(json, "ipAddresses");
  const bool has_one_list = json.is_object() && json.contains("tags");  // from 0.28
  node.tags = Texts(json, has_one_list ? "tags" : "forcedTags");
  if (!has_one_list) node.asked_tags = Texts(json, "validTags");
  std::sort(node.tags.begin(), node.tags.end());
  std::sort(node.asked_tags.begin(), node.asked_tags.end());
  const Json& user = Member(json, "user");
  node.user = Text(user, "name");
  node.user_id = Text(user, "id");
  // From 0.28 tags replace the user: lists then say "tagged-devices", single nodes who made them.
  if (node.user == kTaggedDevices || (has_one_list && !node.tags.empty()))
    node.user = node.user_id = "";
  node.approved_routes = SortedRoutes(json, "approvedRoutes");
  node.available_routes = SortedRoutes(json, "availableRoutes");
  node.served_routes = SortedRoutes(json, "subnetRoutes");
  node.expiry = Time(json, "expiry");
  node.last_seen = Time(json, "lastSeen");
  node.created_at = Time(json, "createdAt").value_or(absl::InfinitePast());
  node.online = Flag(json, "online");
  if (const Json& key = Member(json, "preAuthKey"); key.is_object()) {
    node.ephemeral = Flag(key, "ephemeral");
    // Up to 0.27 the whole key, which may be of use yet.
    if (const std::string text = Text(key, "key"); !absl::EndsWith(text, "-***"))
      RegisterSecret(text);
  }
  constexpr absl::string_view kMethod = "REGISTER_METHOD_";
  if (const std::string method = Text(json, "registerMethod");
      absl::StartsWith(method, kMethod) && method != "REGISTER_METHOD_UNSPECIFIED") {
    node.register_method = absl::AsciiStrToLower(method.substr(kMethod.size()));
  }
  return node;
}

Policy ToPolicy(const Json& json) { return {Text(json, "policy"), Time(json, "updatedAt")}; }

Route ToRoute(const Json& json) {
  return {Text(json, "id"),      Text(Member(json, "node"), "id"),
          Text(json, "prefix"),  Flag(json, "advertised"),
          Flag(json, "enabled"), Flag(json, "isPrimary")};
}

void AddRoutes(const std::vector<Route>& routes, std::vector<Node>& nodes) {
  std::map<absl::string_view, Node*> by_id;
  for (Node& node : nodes) {
    by_id[node.id] = &node;
    for (auto* list : {&node.approved_routes, &node.available_routes, &node.served_routes})
      list->clear();
  }
  for (const Route& route : routes) {
    const auto found = by_id.find(route.node_id);
    if (found == by_id.end()) continue;
    if (route.enabled) found->second->approved_routes.push_back(route.prefix);
    if (route.advertised) found->second->available_routes.push_back(route.prefix);
    // Exit routes have no primary: each node that offers them serves them.
    const bool is_exit = route.prefix == "0.0.0.0/0" || route.prefix == "::/0";
    if (route.enabled && route.advertised && (route.is_primary || is_exit))
      found->second->served_routes.push_back(route.prefix);
  }
  for (Node& node : nodes) {
    for (auto* list : {&node.approved_routes, &node.available_routes, &node.served_routes})
      std::sort(list->begin(), list->end());
  }
}

absl::Status ToStatus(int http_status, absl::string_view body, absl::string_view doing) {
  if (http_status >= 200 && http_status < 300) return absl::OkStatus();
  ServerError error = ParseError(body);
  absl::StatusCode code = CodeOf(http_status, error);
  // hscontrol/app.go httpAuthenticationMiddleware, up to 0.26: a key that cannot be looked up is
  // HTTP 500 with this text.
  if (http_status == 401 || (!error.is_json && error.text == "Unauthorized"))
    code = absl::StatusCode::kUnauthenticated;
  const std::string said = Redact(error.text);
  const absl::Status status(
      code, absl::StrCat("cannot ", doing, ": ", said.empty() ? "no reason given" : said, " (HTTP ",
                         http_status, ")"));
  if (absl::StrContains(said, "modes other than 'database'")) {
    return WithRemedy(status,
                      "The server reads its policy from a file. Set policy.mode to \"database\" in "
                      "its configuration and "
                      "restart it, or leave the policy to that file.");
  }
  if (absl::StrContains(said, "are invalid or not permitted")) {
    return WithRemedy(
        status, "Name the tag under tagOwners in the server's policy first (charon_vpn_policy).");
  }
  return status;
}

}  // namespace charon::headscale
