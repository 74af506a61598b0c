#include "provider/testing/fake_headscale.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/clients/headscale/wire.h"

namespace charon {
namespace {

using Json = nlohmann::json;

std::string Unescape(absl::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

http::Response Ok(const Json& json) {
  return {200, {{"content-type", "application/json"}}, json.dump()};
}

int Id(const std::string& text) {
  int id = 0;
  return absl::SimpleAtoi(text, &id) ? id : -1;
}

Json Paths(int minor) {
  Json paths = {{"/api/v1/node", Json::object()},
                {"/api/v1/preauthkey", Json::object()},
                {"/api/v1/policy", Json::object()},
                {minor < 24 ? "/api/v1/user/{name}" : "/api/v1/user/{id}", Json::object()}};
  if (minor >= 26) paths["/api/v1/node/{nodeId}/approve_routes"] = Json::object();
  if (minor >= 27) paths["/api/v1/health"] = Json::object();
  if (minor >= 28)
    paths["/api/v1/preauthkey"]["delete"] = {{"operationId", "HeadscaleService_DeletePreAuthKey"}};
  if (minor >= 29) paths["/api/v1/policy/check"] = Json::object();
  return paths;
}

const char* TagError(const std::string& tag) {
  if (!absl::StartsWith(tag, "tag:")) return "tag must start with the string 'tag:'";
  return nullptr;
}

}  // namespace

FakeHeadscale::FakeHeadscale(int minor_version, FakeClock& clock)
    : minor(minor_version), clock_(clock) {
  transport_.Handle(
      [this](const Call&, const http::Request& request) -> absl::StatusOr<http::Response> {
        return Answer(request);
      });
}

std::shared_ptr<headscale::Client> FakeHeadscale::Client() {
  headscale::Connection connection;
  connection.endpoint = "https://vpn.example.org";
  connection.api_key = "hskey-api-test-0123456789";
  return headscale::NewClient(http::Borrow(transport_), connection);
}

FakeHeadscale::User& FakeHeadscale::AddUser(const std::string& name) {
  User user;
  user.id = next_id_++;
  user.name = name;
  user.created_at = clock_.Now();
  return users.emplace_back(user);
}

FakeHeadscale::Node& FakeHeadscale::AddNode(const std::string& hostname, int user) {
  Node node;
  node.id = next_id_++;
  node.hostname = hostname;
  node.user = user;
  node.machine_key = absl::StrCat("mkey:", absl::Hex(node.id, absl::kZeroPad16));
  node.last_seen = node.created_at = clock_.Now();
  headscale::Dialect dialect;
  dialect.minor = minor;
  const std::string clean = headscale::GivenNameOf(dialect, hostname);
  node.given_name = clean;
  const auto taken = [&] {
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](const Node& other) { return other.given_name == node.given_name; });
  };
  for (int i = 1; taken(); ++i) {
    node.given_name =
        minor >= 29 ? absl::StrCat(clean, "-", i)
                    : absl::StrCat(clean, "-", absl::Hex(node.id * 7919 + i, absl::kZeroPad8));
  }
  return nodes.emplace_back(node);
}

FakeHeadscale::Node& FakeHeadscale::NodeOf(int id) {
  return *std::find_if(nodes.begin(), nodes.end(),
                       [id](const Node& node) { return node.id == id; });
}

std::vector<std::string> FakeHeadscale::writes() const {
  std::vector<std::string> lines;
  for (const http::Request& request : transport_.requests()) {
    if (request.method == "GET") continue;
    lines.push_back(absl::StrCat(request.method, " ",
                                 absl::StripPrefix(request.url, "https://vpn.example.org")));
  }
  return lines;
}

int FakeHeadscale::reads() const {
  const auto requests = transport_.requests();
  return static_cast<int>(std::count_if(requests.begin(), requests.end(),
                                        [](const http::Request& r) { return r.method == "GET"; }));
}

http::Response FakeHeadscale::Answer(const http::Request& request) {
  const std::scoped_lock lock(mutex_);
  const absl::string_view target =
      absl::StripPrefix(absl::string_view(request.url), "https://vpn.example.org");
  const std::vector<std::string> halves = absl::StrSplit(target, absl::MaxSplits('?', 1));
  std::map<std::string, std::string> query;
  if (halves.size() == 2) {
    for (const absl::string_view pair : absl::StrSplit(halves[1], '&')) {
      const std::vector<std::string> kv = absl::StrSplit(pair, absl::MaxSplits('=', 1));
      query[kv[0]] = kv.size() == 2 ? Unescape(kv[1]) : "";
    }
  }
  if (halves[0] == "/version" && minor >= 27)
    return Ok({{"version", absl::StrCat("v0.", minor, ".1")}, {"dirty", false}});
  if (halves[0] == "/swagger/v1/openapiv2.json" && minor < 30)
    return Ok({{"swagger", "2.0"}, {"paths", Paths(minor)}});
  if (halves[0] == "/api/v1/openapi.yaml" && minor >= 30) {
    return {200, {}, "openapi: 3.1.0\npaths:\n  /api/v1/node:\n  /api/v1/preauthkey:\n"};
  }
  if (!absl::StartsWith(halves[0], "/api/v1/")) return {404, {}, "404 page not found\n"};
  const auto authorized = std::find(
      request.headers.begin(), request.headers.end(),
      std::pair<std::string, std::string>("Authorization", "Bearer hskey-api-test-0123456789"));
  if (authorized == request.headers.end()) {
    if (minor < 30) return {401, {}, "Unauthorized"};
    return {401,
            {{"content-type", "application/problem+json"}},
            R"({"title":"Unauthorized","status":401,"detail":"Unauthorized"})"};
  }
  Json body = request.body.empty() ? Json::object() : Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return Error(400, 3, "invalid body");
  std::vector<std::string> path;
  for (const absl::string_view part : absl::StrSplit(halves[0].substr(8), '/'))
    path.push_back(Unescape(part));
  return Route(request.method, path, query, body);
}

http::Response FakeHeadscale::Error(int status, int grpc, const std::string& message) const {
  if (minor >= 30) {
    return {status,
            {{"content-type", "application/problem+json"}},
            Json{{"title", "Error"}, {"status", status}, {"detail", message}}.dump()};
  }
  static const auto& http_of =
      *new std::map<int, int>{{2, 500}, {3, 400}, {5, 404}, {12, 501}, {13, 500}};
  return {http_of.at(grpc),
          {},
          Json{{"code", grpc}, {"message", message}, {"details", Json::array()}}.dump()};
}

http::Response FakeHeadscale::Route(const std::string& method, const std::vector<std::string>& path,
                                    const std::map<std::string, std::string>& query,
                                    const Json& body) {
  if (path[0] == "user") return Users(method, path, body);
  if (path[0] == "node") return Nodes(method, path, query, body);
  if (path[0] == "preauthkey") return Keys(method, path, query, body);
  if (path[0] == "policy") return Policy(method, path, body);
  if (path[0] == "routes" && minor < 26) return Routes(method, path);
  if (path[0] == "apikey" && method == "GET") return Ok({{"apiKeys", Json::array()}});
  return minor >= 30 ? http::Response{404, {}, "404 page not found\n"} : Error(404, 5, "Not Found");
}

Json FakeHeadscale::Show(const User& user) const {
  Json json = {{"id", absl::StrCat(user.id)},
               {"name", user.name},
               {"createdAt", headscale::TimeText(user.created_at)}};
  if (minor >= 24) {
    json.update({{"displayName", user.display_name},
                 {"email", user.email},
                 {"providerId", ""},
                 {"provider", user.provider},
                 {"profilePicUrl", user.picture_url}});
  }
  return json;
}

FakeHeadscale::User* FakeHeadscale::FindUser(const std::string& ref, bool by_name) {
  for (User& user : users) {
    if (by_name ? user.name == ref : absl::StrCat(user.id) == ref) return &user;
  }
  return nullptr;
}

http::Response FakeHeadscale::Users(const std::string& method, const std::vector<std::string>& path,
                                    const Json& body) {
  if (path.size() == 1 && method == "GET") {
    Json list = Json::array();
    for (const User& user : users) list.push_back(Show(user));
    return Ok({{"users", list}});
  }
  if (path.size() == 1 && method == "POST") {
    const std::string name = body.value("name", "");
    if (minor < 24 && body.size() > 1) return Error(400, 3, "proto: unknown field");
    if (name.size() < 2)
      return Error(500, minor >= 29 ? 13 : 2,
                   "creating user: username must be at least 2 characters long");
    if (FindUser(name, true) != nullptr) {
      if (minor >= 30) return Error(409, 0, "user already exists");
      return Error(500, minor >= 29 ? 13 : 2,
                   minor < 24 ? "user already exists"
                              : "creating user: UNIQUE constraint failed: users.name");
    }
    User& user = AddUser(name);
    user.display_name = body.value("displayName", "");
    user.email = body.value("email", "");
    user.picture_url = body.value("pictureUrl", "");
    return Ok({{"user", Show(user)}});
  }
  User* user = path.size() >= 2 ? FindUser(path[1], minor < 24) : nullptr;
  if (user == nullptr) return Error(404, 2, "user not found");
  if (method == "DELETE") {
    const bool used = std::any_of(nodes.begin(), nodes.end(),
                                  [&](const Node& node) { return node.user == user->id; });
    if (used) return Error(400, 2, "user not empty: node(s) found");
    keys.erase(std::remove_if(keys.begin(), keys.end(),
                              [&](const Key& key) { return key.user == user->id; }),
               keys.end());
    users.erase(users.begin() + (user - users.data()));
    return Ok(Json::object());
  }
  if (path.size() == 4 && path[2] == "rename" && method == "POST") {
    if (user->provider == "oidc") return Error(400, 2, "cannot edit OIDC user");
    if (FindUser(path[3], true) != nullptr)
      return Error(500, 2, "UNIQUE constraint failed: users.name");
    user->name = path[3];
    return Ok({{"user", Show(*user)}});
  }
  return Error(404, 5, "Not Found");
}

Json FakeHeadscale::Show(const Key& key) const {
  Json json = {{"id", absl::StrCat(key.id)},
               {"key", key.key},
               {"reusable", key.reusable},
               {"ephemeral", key.ephemeral},
               {"used", key.used},
               {"expiration", headscale::TimeText(key.expiration)},
               {"createdAt", headscale::TimeText(key.created_at)},
               {"aclTags", key.tags},
               {"user", nullptr}};
  for (const User& user : users) {
    if (user.id == key.user) json["user"] = minor < 26 ? Json(user.name) : Show(user);
  }
  return json;
}

http::Response FakeHeadscale::Keys(const std::string& method, const std::vector<std::string>& path,
                                   const std::map<std::string, std::string>& query,
                                   const Json& body) {
  const bool by_name = minor < 26;
  const auto masked = [&](const Key& key) {
    Json json = Show(key);
    if (minor >= 28) json["key"] = absl::StrCat(key.key.substr(0, 23), "-***");
    return json;
  };
  if (path.size() == 1 && method == "GET") {
    const auto user = query.find("user");
    const User* owner = nullptr;
    if (minor < 28) {
      owner = user == query.end() ? nullptr : FindUser(user->second, by_name);
      if (owner == nullptr) return Error(404, 2, "user not found");
    }
    Json list = Json::array();
    for (const Key& key : keys) {
      if (owner == nullptr || key.user == owner->id) list.push_back(masked(key));
    }
    return Ok({{"preAuthKeys", list}});
  }
  if (path.size() == 1 && method == "POST") {
    Key key;
    const std::string user = body.value("user", "");
    key.tags = body.value("aclTags", std::vector<std::string>());
    for (const std::string& tag : key.tags) {
      if (const char* error = TagError(tag)) return Error(400, 3, error);
    }
    if (!user.empty()) {
      const User* owner = FindUser(user, by_name);
      if (owner == nullptr) return Error(404, 2, "user not found");
      key.user = owner->id;
    } else if (minor < 28) {
      return Error(404, 2, "user not found");
    } else if (key.tags.empty()) {
      return Error(400, 2, "auth-key must be either tagged or owned by user");
    }
    key.id = next_id_++;
    key.reusable = body.value("reusable", false);
    key.ephemeral = body.value("ephemeral", false);
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, body.value("expiration", ""), &key.expiration, &error))
      return Error(400, 3, error);
    key.created_at = clock_.Now();
    key.key = minor >= 28 ? absl::StrCat("hskey-auth-", absl::Hex(key.id, absl::kZeroPad12), "-",
                                         std::string(64, 'k'))
                          : absl::StrCat("plain-key-", absl::Hex(key.id, absl::kZeroPad16));
    keys.push_back(key);
    return Ok({{"preAuthKey", Show(key)}});
  }
  if (path.size() == 2 && path[1] == "expire" && method == "POST") {
    for (Key& key : keys) {
      if (minor >= 28 ? absl::StrCat(key.id) != body.value("id", "")
                      : key.key != body.value("key", ""))
        continue;
      if (minor < 28) {
        const User* owner = FindUser(body.value("user", ""), by_name);
        if (owner == nullptr || owner->id != key.user)
          return Error(500, 2, "preauth key does not belong to user");
        if (minor < 24 && key.used && !key.reusable)
          return Error(500, 2, "AuthKey has already been used");
        if (minor < 24 && key.expiration <= clock_.Now()) return Error(500, 2, "AuthKey expired");
      }
      key.expiration = clock_.Now();
      return Ok(Json::object());
    }
    if (minor == 28 || minor == 29) return Ok(Json::object());
    return Error(404, 2, minor < 28 ? "AuthKey not found" : "auth-key not found: record not found");
  }
  if (path.size() == 1 && method == "DELETE" && minor >= 28) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) {
      return absl::StrCat(key.id) == query.at("id");
    });
    if (found == keys.end())
      return minor >= 30 ? Error(404, 5, "auth-key not found: record not found")
                         : Ok(Json::object());
    keys.erase(found);
    return Ok(Json::object());
  }
  return Error(405, 12, "Method Not Allowed");
}

Json FakeHeadscale::Show(const Node& node, bool in_list) const {
  const bool tagged = minor >= 28 && !node.tags.empty();
  Json json = {{"id", absl::StrCat(node.id)},
               {"machineKey", node.machine_key},
               {"nodeKey", "nodekey:00"},
               {"discoKey", "discokey:00"},
               {"ipAddresses",
                {absl::StrCat("100.64.0.", node.id), absl::StrCat("fd7a:115c:a1e0::", node.id)}},
               {"name", node.hostname},
               {"givenName", node.given_name},
               {"lastSeen", headscale::TimeText(node.last_seen)},
               {"expiry", node.expiry  ? Json(headscale::TimeText(*node.expiry))
                          : minor < 28 ? Json("0001-01-01T00:00:00Z")
                                       : Json()},
               {"createdAt", headscale::TimeText(node.created_at)},
               {"registerMethod", "REGISTER_METHOD_AUTH_KEY"},
               {"online", node.online},
               {"preAuthKey", nullptr},
               {"user", nullptr}};
  for (const User& user : users) {
    if (user.id == node.user) json["user"] = Show(user);
  }
  if (tagged && in_list) json["user"] = {{"id", "2147455555"}, {"name", "tagged-devices"}};
  for (const Key& key : keys) {
    if (key.id == node.key) json["preAuthKey"] = Show(key);
  }
  if (minor < 28) {
    json.update({{"forcedTags", node.tags},
                 {"validTags", node.asked_tags},
                 {"invalidTags", Json::array()}});
  } else {
    json["tags"] = node.tags;
  }
  if (minor >= 26) {
    std::vector<std::string> served;
    std::set_intersection(node.available.begin(), node.available.end(), node.approved.begin(),
                          node.approved.end(), std::back_inserter(served));
    json.update({{"availableRoutes", node.available},
                 {"approvedRoutes", node.approved},
                 {"subnetRoutes", in_list ? Json(served) : Json::array()}});
  }
  return json;
}

Json FakeHeadscale::RoutesOf(const Node& node) const {
  Json list = Json::array();
  int i = 0;
  for (const std::string& route : node.available) {
    list.push_back({{"id", absl::StrCat(node.id * 100 + i++)},
                    {"node", {{"id", absl::StrCat(node.id)}}},
                    {"prefix", route},
                    {"advertised", true},
                    {"enabled", node.approved.count(route) != 0},
                    {"isPrimary", node.approved.count(route) != 0}});
  }
  return list;
}

http::Response FakeHeadscale::Routes(const std::string& method,
                                     const std::vector<std::string>& path) {
  if (path.size() == 1 && method == "GET") {
    Json list = Json::array();
    for (const Node& node : nodes) {
      for (const Json& route : RoutesOf(node)) list.push_back(route);
    }
    return Ok({{"routes", list}});
  }
  if (path.size() == 3 && method == "POST") {
    for (Node& node : nodes) {
      for (const Json& route : RoutesOf(node)) {
        if (route["id"] != path[1]) continue;
        const std::string prefix = route["prefix"];
        // hscontrol/db/routes.go v0.23.0 EnableRoute: an exit route comes with its twin.
        const bool is_exit = prefix == "0.0.0.0/0" || prefix == "::/0";
        for (const std::string& each : is_exit ? std::vector<std::string>{"0.0.0.0/0", "::/0"}
                                               : std::vector<std::string>{prefix}) {
          if (path[2] == "enable") {
            node.approved.insert(each);
          } else {
            node.approved.erase(each);
          }
        }
        return Ok(Json::object());
      }
    }
  }
  return Error(404, 2, "record not found");
}

http::Response FakeHeadscale::Nodes(const std::string& method, const std::vector<std::string>& path,
                                    const std::map<std::string, std::string>& query,
                                    const Json& body) {
  if (path.size() == 1 && method == "GET") {
    if (before_node_list) before_node_list();
    Json list = Json::array();
    for (const Node& node : nodes) list.push_back(Show(node, true));
    return Ok({{"nodes", list}});
  }
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const Node& node) { return node.id == Id(path.at(1)); });
  if (found == nodes.end())
    return Error(404, minor < 28 ? 2 : 5, minor < 28 ? "record not found" : "node not found");
  Node& node = *found;
  const auto shown = [&] { return Ok({{"node", Show(node, false)}}); };
  if (path.size() == 2 && method == "GET") return shown();
  if (path.size() == 2 && method == "DELETE") {
    nodes.erase(found);
    return Ok(Json::object());
  }
  if (path.size() == 3 && path[2] == "routes" && method == "GET" && minor < 26)
    return Ok({{"routes", RoutesOf(node)}});
  if (method != "POST" || path.size() < 3) return Error(405, 12, "Method Not Allowed");
  if (path[2] == "rename" && path.size() == 4) {
    for (const Node& other : nodes) {
      if ((minor < 27 || other.id != node.id) && other.given_name == path[3])
        return Error(
            400, 2,
            minor < 29 ? "name is not unique: " + path[3] : "node name is not unique: " + path[3]);
    }
    node.given_name = path[3];
    return shown();
  }
  if (path[2] == "tags") {
    const auto tags = body.value("tags", std::vector<std::string>());
    if (tags.empty() && minor >= 28)
      return Error(400, 3,
                   "cannot remove all tags from a node - tagged nodes must have at least one tag");
    for (const std::string& tag : tags) {
      if (const char* error = TagError(tag)) return Error(400, 2, error);
      if (minor >= 28 && !tag_owners.empty() && tag_owners.count(tag) == 0) {
        return Error(400, 3,
                     absl::StrCat("requested tags [", tag, "] are invalid or not permitted"));
      }
    }
    node.tags = tags;
    if (minor >= 28)
      node.expiry.reset();  // hscontrol/state SetNodeTags: tagged nodes do not expire
    return shown();
  }
  if (path[2] == "approve_routes" && minor >= 26) {
    node.approved.clear();
    for (const std::string& route : body.value("routes", std::vector<std::string>())) {
      node.approved.insert(route);
      if (route == "0.0.0.0/0" || route == "::/0") node.approved.insert({"0.0.0.0/0", "::/0"});
    }
    return shown();
  }
  if (path[2] == "user" && minor < 28) {
    const std::string ref =
        minor < 24 ? (query.count("user") ? query.at("user") : "") : body.value("user", "");
    const User* user = FindUser(ref, minor < 26);
    if (user == nullptr) return Error(404, 2, "user not found");
    node.user = user->id;
    return shown();
  }
  if (path[2] == "expire") {
    const std::string expiry = minor >= 30                            ? body.value("expiry", "")
                               : query.count("expiry") && minor >= 27 ? query.at("expiry")
                                                                      : "";
    const bool never = minor >= 30 ? body.value("disableExpiry", false)
                                   : minor >= 29 && query.count("disableExpiry") != 0;
    absl::Time time = clock_.Now();
    std::string error;
    if (!expiry.empty() && !absl::ParseTime(absl::RFC3339_full, expiry, &time, &error))
      return Error(400, 3, error);
    node.expiry = never ? std::nullopt : std::optional(time);
    return shown();
  }
  return Error(404, 5, "Not Found");
}

http::Response FakeHeadscale::Policy(const std::string& method,
                                     const std::vector<std::string>& path, const Json& body) {
  if (path.size() == 2 && path[1] == "check" && method == "POST" && minor >= 29) {
    return absl::StrContains(body.value("policy", ""), "bad") ? Error(400, 3, "parsing policy: bad")
                                                              : Ok(Json::object());
  }
  if (path.size() == 1 && method == "GET") {
    if (policy.empty()) {
      return Error(
          500, 2,
          minor < 25 ? "acl policy not found" : "loading ACL from database: acl policy not found");
    }
    return Ok({{"policy", policy},
               {"updatedAt", policy_in_file ? Json() : Json(headscale::TimeText(clock_.Now()))}});
  }
  if (path.size() == 1 && method == "PUT") {
    if (policy_in_file) return Error(400, 2, "update is disabled for modes other than 'database'");
    if (absl::StrContains(body.value("policy", ""), "bad"))
      return Error(400, 2, "setting policy: parsing policy: bad");
    policy = body.value("policy", "");
    return Ok({{"policy", policy}, {"updatedAt", headscale::TimeText(clock_.Now())}});
  }
  return Error(404, 5, "Not Found");
}

}  // namespace charon
