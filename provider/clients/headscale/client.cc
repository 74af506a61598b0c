#include "provider/clients/headscale/client.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/once.h"
#include "provider/clients/headscale/wire.h"
#include "provider/http/logging.h"
#include "provider/http/parse_json.h"
#include "provider/http/retry.h"
#include "provider/http/url.h"

namespace charon::headscale {
namespace {

constexpr int kBusyTries = 6;

// What SQLite says (sqlite3 result code 5), passed on by the server in an error of no code.
bool IsBusy(const http::Response& response) {
  return response.status == 500 && absl::StrContains(response.body, "database is locked");
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Requests with the key, answers as JSON or as a Status.
class Wire {
 public:
  Wire(std::unique_ptr<http::Transport> transport, const Connection& connection)
      : transport_(std::move(transport)),
        endpoint_(connection.endpoint),
        authorization_(absl::StrCat("Bearer ", connection.api_key)) {}

  const std::string& endpoint() const { return endpoint_; }

  // Without the key.
  absl::StatusOr<http::Response> GetPublic(const Call& call, absl::string_view path) const {
    http::Request request;
    request.url = absl::StrCat(endpoint_, path);
    request.headers = {{"Accept", "application/json"}};
    absl::StatusOr<http::Response> response = transport_->Send(call, request);
    if (!response.ok()) return Annotate(response.status(), Server());
    return response;
  }

  // `doing` is what is tried, for messages. An answer that is not JSON is none of Headscale.
  absl::StatusOr<Json> Send(const Call& call, absl::string_view doing, absl::string_view method,
                            absl::string_view path, const Json* body = nullptr,
                            http::Repeat repeat = http::Repeat::kByMethod) const {
    http::Request request;
    request.method = std::string(method);
    request.url = absl::StrCat(endpoint_, path);
    request.repeat = repeat;
    request.headers = {{"Accept", "application/json"}, {"Authorization", authorization_}};
    if (body != nullptr) {
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = Dump(*body);
    }
    absl::StatusOr<http::Response> response = transport_->Send(call, request);
    // SQLite under parallel writes: the transaction was rolled back, so nothing was done.
    for (int tries = 1; tries < kBusyTries && response.ok() && IsBusy(*response); ++tries) {
      CHARON_RETURN_IF_ERROR(call.Wait(absl::Milliseconds(100) * tries));
      response = transport_->Send(call, request);
    }
    if (!response.ok())
      return Annotate(response.status(), absl::StrCat(Server(), ": cannot ", doing));
    absl::Status status = ToStatus(response->status, response->body, doing);
    if (absl::IsUnauthenticated(status)) return WrongKey(response->status);
    if (absl::IsUnimplemented(status)) {
      return WithRemedy(
          absl::UnimplementedError(absl::StrCat(Server(), " has no ", method, " ",
                                                path.substr(0, path.find('?')), " (HTTP ",
                                                response->status, "), so it cannot ", doing)),
          "Check that headscale.endpoint is the Headscale server itself, that a proxy before it "
          "lets /api/v1 "
          "through, and, if headscale.dialect is set, that it is the server's generation.");
    }
    if (!status.ok()) return status;
    Json json = http::ParseJson(response->body);
    if (!json.is_object())
      return NotHeadscale(absl::StrCat("its answer to ", method, " ",
                                       path.substr(0, path.find('?')), " is not JSON"));
    return json;
  }

  // A GET of what always exists: what a failure says about something missing is about no object.
  absl::StatusOr<Json> List(const Call& call, absl::string_view doing,
                            absl::string_view path) const {
    absl::StatusOr<Json> json = Send(call, doing, "GET", path);
    if (!json.ok()) return NotAboutTheObject(std::move(json).status());
    return json;
  }

  std::string Server() const { return absl::StrCat("the Headscale server at ", endpoint_); }

  absl::Status WrongKey(int http_status) const {
    return WithRemedy(absl::UnauthenticatedError(
                          absl::StrCat(Server(), " refused the API key (HTTP ", http_status, ")")),
                      "Make a key on the server with \"headscale apikeys create\" and give it as "
                      "api_key in the provider's "
                      "headscale block, or as HEADSCALE_API_KEY. Keys expire after 90 days unless "
                      "told otherwise.");
  }

  absl::Status NotHeadscale(absl::string_view why) const {
    return WithRemedy(absl::FailedPreconditionError(absl::StrCat(
                          "what answers at ", endpoint_, " is not a Headscale server: ", why)),
                      "Set headscale.endpoint (or HEADSCALE_ENDPOINT) to the URL that clients log "
                      "in to, without a path: "
                      "\"https://vpn.example.org\".");
  }

 private:
  const std::unique_ptr<http::Transport> transport_;
  const std::string endpoint_;
  const std::string authorization_;
};

class Server final : public ServerApi {
 public:
  Server(const Wire& wire, std::optional<Dialect> given)
      : wire_(wire),
        given_(std::move(given)),
        dialect_([this](const Call& call) { return Find(call); }) {}

  absl::StatusOr<Dialect> GetDialect(const Call& call) override {
    if (given_) return *given_;
    CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<const Dialect> dialect, dialect_.Get(call));
    return *dialect;
  }

  absl::Status Check(const Call& call) override {
    CHARON_RETURN_IF_ERROR(GetDialect(call).status());
    return wire_.Send(call, "list the API keys", "GET", "/api/v1/apikey").status();
  }

  const std::string& Endpoint() const override { return wire_.endpoint(); }

 private:
  absl::StatusOr<Dialect> Find(const Call& call) {
    // hscontrol/handlers.go VersionHandler, from 0.27. Builds of a development branch say "dev".
    CHARON_ASSIGN_OR_RETURN(const http::Response version, wire_.GetPublic(call, "/version"));
    if (version.status == 200) {
      const Json json = http::ParseJson(version.body);
      if (json.is_object() && json.contains("version") && json["version"].is_string()) {
        absl::StatusOr<Dialect> dialect = ParseVersion(json["version"].get<std::string>());
        if (dialect.ok()) return dialect;
      }
    }
    // hscontrol/app.go createRouter: the description of the API, until 0.29 and from 0.30.
    for (const char* path : {"/swagger/v1/openapiv2.json", "/api/v1/openapi.yaml"}) {
      CHARON_ASSIGN_OR_RETURN(const http::Response spec, wire_.GetPublic(call, path));
      if (spec.status != 200) continue;
      if (const std::optional<Dialect> dialect = DialectOfSpec(spec.body)) return *dialect;
    }
    const absl::StatusOr<Json> users = wire_.Send(call, "list the users", "GET", "/api/v1/user");
    if (absl::IsUnauthenticated(users.status())) return users.status();
    if (!users.ok() || !users->contains("users")) {
      return wire_.NotHeadscale(
          "it has neither /version nor a description of Headscale's API, nor users");
    }
    return WithRemedy(
        absl::FailedPreconditionError(absl::StrCat(
            wire_.Server(), " does not tell its version: a proxy hides /version and /swagger")),
        "Set headscale.dialect to the server's minor version, such as \"0.26\".");
  }

  const Wire& wire_;
  const std::optional<Dialect> given_;
  Once<Dialect> dialect_;
};

template <typename T, typename Parse>
std::vector<T> ParseAll(const Json& json, const char* name, const Parse& parse) {
  std::vector<T> items;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return items;
  items.reserve(found->size());
  for (const Json& item : *found) items.push_back(parse(item));
  return items;
}

template <typename T>
void Replace(std::vector<T>& items, const T& item) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const T& other) { return other.id == item.id; });
  if (found == items.end()) {
    items.push_back(item);
  } else {
    *found = item;
  }
}

template <typename T>
void Erase(std::vector<T>& items, absl::string_view id) {
  items.erase(
      std::remove_if(items.begin(), items.end(), [&](const T& item) { return item.id == id; }),
      items.end());
}

template <typename T>
absl::StatusOr<T> FindById(const std::vector<T>& items, absl::string_view id,
                           absl::string_view noun) {
  for (const T& item : items) {
    if (item.id == id) return item;
  }
  return absl::NotFoundError(absl::StrCat("there is no ", noun, " with id ", id));
}

class Users final : public UsersApi {
 public:
  Users(const Wire& wire, Server& server)
      : wire_(wire),
        server_(server),
        users_([this](const Call& call) -> absl::StatusOr<std::vector<User>> {
          CHARON_ASSIGN_OR_RETURN(const Json json,
                                  wire_.List(call, "list the users", "/api/v1/user"));
          if (!json.contains("users"))
            return wire_.NotHeadscale("GET /api/v1/user answers without users");
          return ParseAll<User>(json, "users", ToUser);
        }) {}

  absl::StatusOr<std::shared_ptr<const std::vector<User>>> List(const Call& call) override {
    return users_.Get(call);
  }

  absl::StatusOr<User> FindByName(const Call& call, absl::string_view name) override {
    CHARON_ASSIGN_OR_RETURN(const auto users, users_.Get(call));
    return ByName(*users, name);
  }

  absl::StatusOr<User> Get(const Call& call, absl::string_view id) override {
    CHARON_ASSIGN_OR_RETURN(const auto users, users_.Get(call));
    return FindById(*users, id, "user");
  }

  absl::StatusOr<User> Create(const Call& call, const NewUser& user) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    if (user.HasDetails()) CHARON_RETURN_IF_ERROR(dialect.Require(Feature::kUserDetails));
    Json body = {{"name", user.name}};
    if (!user.display_name.empty()) body["displayName"] = user.display_name;
    if (!user.email.empty()) body["email"] = user.email;
    if (!user.picture_url.empty()) body["pictureUrl"] = user.picture_url;
    const std::string doing = absl::StrCat("make user \"", user.name, "\"");
    const absl::StatusOr<Json> json = wire_.Send(call, doing, "POST", "/api/v1/user", &body);
    absl::StatusOr<User> made = json.ok() ? Parse(*json, doing) : json.status();
    if (absl::IsUnavailable(made.status())) {
      // The server may have made it: the name tells. Who asks to create looked for the name before.
      users_.Forget();
      absl::StatusOr<User> found = FindByName(call, user.name);
      if (!found.ok()) return made.status();
      made = std::move(found);
    }
    if (!made.ok()) return made.status();
    users_.Change([&](std::vector<User>& users) { Replace(users, *made); });
    return made;
  }

  absl::StatusOr<User> Rename(const Call& call, const User& user,
                              absl::string_view new_name) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    const std::string doing = absl::StrCat("rename user \"", user.name, "\" to \"", new_name, "\"");
    const absl::StatusOr<Json> json = wire_.Send(call, doing, "POST",
                                                 http::Url("/api/v1/user")
                                                     .Segment(Ref(dialect, user))
                                                     .Segment("rename")
                                                     .Segment(new_name)
                                                     .ToString());
    absl::StatusOr<User> renamed = json.ok() ? Parse(*json, doing) : json.status();
    if (absl::IsUnavailable(renamed.status())) {
      users_.Forget();
      const absl::StatusOr<User> now = Get(call, user.id);
      if (now.ok() && now->name == new_name) renamed = now;
    }
    if (!renamed.ok()) return renamed.status();
    users_.Change([&](std::vector<User>& users) { Replace(users, *renamed); });
    return renamed;
  }

  absl::Status Delete(const Call& call, const User& user) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    CHARON_RETURN_IF_ERROR(
        wire_
            .Send(call, absl::StrCat("delete user \"", user.name, "\""), "DELETE",
                  http::Url("/api/v1/user").Segment(Ref(dialect, user)).ToString())
            .status());
    users_.Change([&](std::vector<User>& users) { Erase(users, user.id); });
    return absl::OkStatus();
  }

 private:
  // By name until 0.23, by id from 0.24.
  static const std::string& Ref(const Dialect& dialect, const User& user) {
    return dialect.minor < 24 ? user.name : user.id;
  }

  static absl::StatusOr<User> ByName(const std::vector<User>& users, absl::string_view name) {
    // Names are unique among users that were made on the server (hscontrol/db/db.go v0.25.1,
    // idx_name_no_provider_identifier); the identity provider's may repeat them.
    for (const bool oidc : {false, true}) {
      for (const User& user : users) {
        if (user.IsFromOidc() == oidc && user.name == name) return user;
      }
    }
    for (const User& user : users) {
      if (user.IsFromOidc() && user.email == name) return user;
    }
    return absl::NotFoundError(absl::StrCat("there is no user \"", name, "\""));
  }

  absl::StatusOr<User> Parse(const Json& json, absl::string_view doing) const {
    const auto user = json.find("user");
    if (user == json.end() || !user->is_object())
      return wire_.NotHeadscale(absl::StrCat("asked to ", doing, " it answers without a user"));
    return ToUser(*user);
  }

  const Wire& wire_;
  Server& server_;
  Once<std::vector<User>> users_;
};

class NodesClient final : public NodesApi {
 public:
  NodesClient(const Wire& wire, Server& server)
      : wire_(wire), server_(server), nodes_([this](const Call& call) { return Load(call); }) {}

  absl::StatusOr<Nodes> List(const Call& call) override { return nodes_.Get(call); }
  absl::StatusOr<Nodes> ListSince(const Call& call, absl::Time since) override {
    return nodes_.Get(call, since);
  }

  absl::StatusOr<Node> Get(const Call& call, absl::string_view id) override {
    CHARON_ASSIGN_OR_RETURN(const Nodes nodes, nodes_.Get(call));
    return FindById(*nodes, id, "node");
  }

  absl::StatusOr<Node> Rename(const Call& call, const Node& node,
                              absl::string_view given_name) override {
    absl::StatusOr<Node> renamed =
        Post(call, node, absl::StrCat("rename ", Title(node), " to \"", given_name, "\""),
             At(node).Segment("rename").Segment(given_name).ToString());
    if (!absl::IsAlreadyExists(renamed.status())) return renamed;
    // Sent again after a lost answer: old servers find the name taken by the node itself
    // (isUnqiueName, hscontrol/db/node.go v0.23.0 to v0.26.1).
    nodes_.Forget();
    absl::StatusOr<Node> found = Get(call, node.id);
    return found.ok() && found->given_name == given_name ? found : renamed;
  }

  absl::StatusOr<Node> SetTags(const Call& call, const Node& node,
                               const std::vector<std::string>& tags) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    if (tags.empty()) CHARON_RETURN_IF_ERROR(dialect.Require(Feature::kClearTags));
    const Json body = {{"tags", tags}};
    return Post(call, node, absl::StrCat("set the tags of ", Title(node)),
                At(node).Segment("tags").ToString(), &body);
  }

  absl::StatusOr<Node> SetRoutes(const Call& call, const Node& node,
                                 const std::vector<std::string>& routes) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    const std::string doing = absl::StrCat("approve routes of ", Title(node));
    if (dialect.minor < 26) return SetRoutesOneByOne(call, node, routes, doing);
    const Json body = {{"routes", routes}};
    return Post(call, node, doing, At(node).Segment("approve_routes").ToString(), &body);
  }

  absl::StatusOr<Node> Move(const Call& call, const Node& node, const User& user) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    CHARON_RETURN_IF_ERROR(dialect.Require(Feature::kMoveNode));
    const std::string doing = absl::StrCat("move ", Title(node), " to user \"", user.name, "\"");
    http::Url url = At(node).Segment("user");
    // A query in 0.23; in the body by name in 0.24 and 0.25, by id in 0.26 and 0.27.
    if (dialect.minor < 24)
      return Post(call, node, doing, std::move(url).Query("user", user.name).ToString());
    const Json body = {{"user", dialect.minor < 26 ? user.name : user.id}};
    return Post(call, node, doing, std::move(url).ToString(), &body);
  }

  absl::StatusOr<Node> SetExpiry(const Call& call, const Node& node,
                                 std::optional<absl::Time> expiry) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    CHARON_RETURN_IF_ERROR(dialect.Require(expiry ? Feature::kNodeExpiry : Feature::kNeverExpires));
    const std::string doing = absl::StrCat("set the expiry of ", Title(node));
    http::Url url = At(node).Segment("expire");
    if (dialect.minor >= 30) {
      const Json body =
          expiry ? Json{{"expiry", TimeText(*expiry)}} : Json{{"disableExpiry", true}};
      return Post(call, node, doing, std::move(url).ToString(), &body);
    }
    return Post(call, node, doing,
                (expiry ? std::move(url).Query("expiry", TimeText(*expiry))
                        : std::move(url).Query("disableExpiry", "true"))
                    .ToString());
  }

  absl::StatusOr<Node> Expire(const Call& call, const Node& node) override {
    return Post(call, node, absl::StrCat("expire ", Title(node)),
                At(node).Segment("expire").ToString());
  }

  absl::Status Delete(const Call& call, const Node& node) override {
    const absl::Status deleted =
        wire_.Send(call, absl::StrCat("delete ", Title(node)), "DELETE", At(node).ToString())
            .status();
    if (deleted.ok() || absl::IsNotFound(deleted)) {
      nodes_.Change([&](std::vector<Node>& nodes) { Erase(nodes, node.id); });
    }
    return deleted;
  }

 private:
  static http::Url At(const Node& node) { return http::Url("/api/v1/node").Segment(node.id); }
  static std::string Title(const Node& node) {
    return absl::StrCat("node ", node.given_name, " (id ", node.id, ")");
  }

  absl::StatusOr<std::vector<Node>> Load(const Call& call) {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    CHARON_ASSIGN_OR_RETURN(const Json json, wire_.List(call, "list the nodes", "/api/v1/node"));
    if (!json.contains("nodes"))
      return wire_.NotHeadscale("GET /api/v1/node answers without nodes");
    std::vector<Node> nodes = ParseAll<Node>(json, "nodes", ToNode);
    if (dialect.minor < 26) {
      CHARON_ASSIGN_OR_RETURN(const std::vector<Route> routes, Routes(call, "/api/v1/routes"));
      AddRoutes(routes, nodes);
    }
    return nodes;
  }

  absl::StatusOr<std::vector<Route>> Routes(const Call& call, absl::string_view path) const {
    CHARON_ASSIGN_OR_RETURN(const Json json, wire_.List(call, "list the routes", path));
    return ParseAll<Route>(json, "routes", ToRoute);
  }

  // All of these may be sent twice: they set a state.
  absl::StatusOr<Node> Post(const Call& call, const Node& node, absl::string_view doing,
                            absl::string_view path, const Json* body = nullptr) {
    const absl::StatusOr<Json> json =
        wire_.Send(call, doing, "POST", path, body, http::Repeat::kSafe);
    if (!json.ok()) {
      if (absl::IsNotFound(json.status()))
        nodes_.Change([&](std::vector<Node>& nodes) { Erase(nodes, node.id); });
      return json.status();
    }
    const auto found = json->find("node");
    if (found == json->end() || !found->is_object())
      return wire_.NotHeadscale(absl::StrCat("asked to ", doing, " it answers without a node"));
    return Keep(ToNode(*found), node);
  }

  // Answers of writes lack what lists have: routes up to 0.25, served routes, whether the node is
  // online.
  Node Keep(Node now, const Node& before) {
    const bool knows_routes = !now.available_routes.empty() || !now.approved_routes.empty() ||
                              before.available_routes.empty();
    if (!knows_routes) {
      now.available_routes = before.available_routes;
      now.approved_routes = before.approved_routes;
    }
    if (now.served_routes.empty()) {
      for (const std::string& route : before.served_routes) {
        if (std::binary_search(now.approved_routes.begin(), now.approved_routes.end(), route))
          now.served_routes.push_back(route);
      }
    }
    now.online = now.online || before.online;
    nodes_.Change([&](std::vector<Node>& nodes) { Replace(nodes, now); });
    return now;
  }

  // Up to 0.25 each route is an object, made when the node offers it.
  absl::StatusOr<Node> SetRoutesOneByOne(const Call& call, const Node& node,
                                         const std::vector<std::string>& wanted,
                                         const std::string& doing) {
    CHARON_ASSIGN_OR_RETURN(std::vector<Route> routes,
                            Routes(call, At(node).Segment("routes").ToString()));
    std::vector<std::string> missing;
    for (const std::string& prefix : wanted) {
      const bool exists = std::any_of(routes.begin(), routes.end(),
                                      [&](const Route& route) { return route.prefix == prefix; });
      if (!exists) missing.push_back(prefix);
    }
    if (!missing.empty()) {
      std::vector<std::string> offered;
      for (const Route& route : routes) {
        if (route.advertised) offered.push_back(route.prefix);
      }
      return WithRemedy(
          absl::FailedPreconditionError(absl::StrCat(
              "cannot ", doing, ": the node does not offer ", absl::StrJoin(missing, ", "),
              " (it offers ", offered.empty() ? "nothing" : absl::StrJoin(offered, ", "),
              "); Headscale 0.26 and later can approve a "
              "route before the node offers it")),
          absl::StrCat("Run \"tailscale set --advertise-routes=", absl::StrJoin(wanted, ","),
                       "\" on the node."));
    }
    for (Route& route : routes) {
      const bool enabled = std::find(wanted.begin(), wanted.end(), route.prefix) != wanted.end();
      if (enabled == route.enabled) continue;
      CHARON_RETURN_IF_ERROR(wire_
                                 .Send(call, doing, "POST",
                                       http::Url("/api/v1/routes")
                                           .Segment(route.id)
                                           .Segment(enabled ? "enable" : "disable")
                                           .ToString(),
                                       nullptr, http::Repeat::kSafe)
                                 .status());
      route.enabled = enabled;
    }
    std::vector<Node> one = {node};
    for (Route& route : routes) route.node_id = node.id;
    AddRoutes(routes, one);
    nodes_.Change([&](std::vector<Node>& nodes) { Replace(nodes, one.front()); });
    return one.front();
  }

  const Wire& wire_;
  Server& server_;
  Once<std::vector<Node>> nodes_;
};

class PreauthKeys final : public PreauthKeysApi {
 public:
  PreauthKeys(const Wire& wire, Server& server, Users& users)
      : wire_(wire), server_(server), users_(users) {}

  absl::StatusOr<std::vector<PreauthKey>> List(const Call& call, absl::string_view user) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    std::string path = "/api/v1/preauthkey";
    if (dialect.minor < 28) {
      // By name until 0.25, by id in 0.26 and 0.27.
      CHARON_ASSIGN_OR_RETURN(const std::string ref, Ref(call, dialect, user));
      path = http::Url(path).Query("user", ref).ToString();
    }
    CHARON_ASSIGN_OR_RETURN(const Json json,
                            wire_.Send(call, "list the pre-auth keys", "GET", path));
    if (!json.contains("preAuthKeys"))
      return wire_.NotHeadscale("GET /api/v1/preauthkey answers without keys");
    return ParseAll<PreauthKey>(json, "preAuthKeys", ToPreauthKey);
  }

  absl::StatusOr<std::shared_ptr<const std::vector<PreauthKey>>> ListOnce(
      const Call& call, absl::string_view user) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    return OnceOf(dialect.minor < 28 ? user : "").Get(call);
  }

  absl::StatusOr<PreauthKey> Create(const Call& call, const NewPreauthKey& key) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    Json body = {{"reusable", key.reusable},
                 {"ephemeral", key.ephemeral},
                 {"expiration", TimeText(key.expiration)}};
    if (!key.tags.empty()) body["aclTags"] = key.tags;
    if (key.user.empty()) {
      CHARON_RETURN_IF_ERROR(dialect.Require(Feature::kTagOnlyKeys));
    } else {
      CHARON_ASSIGN_OR_RETURN(body["user"], Ref(call, dialect, key.user));
    }
    const absl::StatusOr<Json> json =
        wire_.Send(call, "make a pre-auth key", "POST", "/api/v1/preauthkey", &body);
    OnceOf(dialect.minor < 28 ? key.user : "").Forget();
    if (!json.ok()) return json.status();
    const auto found = json->find("preAuthKey");
    PreauthKey made = found == json->end() ? PreauthKey() : ToPreauthKey(*found);
    if (made.id.empty() || made.key.empty())
      return wire_.NotHeadscale("asked to make a pre-auth key it answers without one");
    if (made.user.empty()) made.user = key.user;
    return made;
  }

  absl::Status Expire(const Call& call, const PreauthKey& key) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    Json body;
    if (dialect.minor >= 28) {
      body = {{"id", key.id}};
    } else {
      CHARON_ASSIGN_OR_RETURN(const std::string ref, Ref(call, dialect, key.user));
      body = {{"user", ref}, {"key", key.key}};
    }
    absl::Status status = wire_
                              .Send(call, absl::StrCat("expire pre-auth key ", key.id), "POST",
                                    "/api/v1/preauthkey/expire", &body, http::Repeat::kSafe)
                              .status();
    OnceOf(dialect.minor < 28 ? key.user : "").Forget();
    // 0.23 refuses what is of no use any more.
    return absl::IsFailedPrecondition(status) && dialect.minor < 24 ? absl::OkStatus() : status;
  }

  absl::Status Remove(const Call& call, const PreauthKey& key) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    if (!dialect.Can(Feature::kDeleteKey)) return Expire(call, key);
    const absl::Status status =
        wire_
            .Send(call, absl::StrCat("delete pre-auth key ", key.id), "DELETE",
                  http::Url("/api/v1/preauthkey").Query("id", key.id).ToString())
            .status();
    OnceOf("").Forget();
    return status;
  }

 private:
  using Keys = Once<std::vector<PreauthKey>>;

  absl::StatusOr<std::string> Ref(const Call& call, const Dialect& dialect,
                                  absl::string_view user) {
    if (dialect.minor < 26) return std::string(user);
    CHARON_ASSIGN_OR_RETURN(const User found, users_.FindByName(call, user));
    return found.id;
  }

  Keys& OnceOf(absl::string_view user) {
    absl::MutexLock lock(&mutex_);
    std::unique_ptr<Keys>& keys = keys_[std::string(user)];
    if (keys == nullptr)
      keys = std::make_unique<Keys>(
          [this, user = std::string(user)](const Call& call) { return List(call, user); });
    return *keys;
  }

  const Wire& wire_;
  Server& server_;
  Users& users_;
  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Keys>> keys_ ABSL_GUARDED_BY(mutex_);  // by user until 0.27
};

class PolicyClient final : public PolicyApi {
 public:
  PolicyClient(const Wire& wire, Server& server) : wire_(wire), server_(server) {}

  absl::StatusOr<Policy> Get(const Call& call) override {
    CHARON_ASSIGN_OR_RETURN(const Json json,
                            wire_.Send(call, "read the policy", "GET", "/api/v1/policy"));
    if (!json.contains("policy"))
      return wire_.NotHeadscale("GET /api/v1/policy answers without a policy");
    return ToPolicy(json);
  }

  absl::StatusOr<Policy> Set(const Call& call, absl::string_view text) override {
    const Json body = {{"policy", std::string(text)}};
    const absl::StatusOr<Json> json =
        wire_.Send(call, "set the policy", "PUT", "/api/v1/policy", &body);
    if (!json.ok()) return Refused(json.status());
    return ToPolicy(*json);
  }

  absl::Status Check(const Call& call, absl::string_view text) override {
    CHARON_ASSIGN_OR_RETURN(const Dialect dialect, server_.GetDialect(call));
    CHARON_RETURN_IF_ERROR(dialect.Require(Feature::kPolicyCheck));
    const Json body = {{"policy", std::string(text)}};
    return Refused(wire_
                       .Send(call, "check the policy", "POST", "/api/v1/policy/check", &body,
                             http::Repeat::kSafe)
                       .status());
  }

 private:
  // Up to 0.29 whatever is wrong with the text is an error of no code (HTTP 500):
  // hscontrol/grpcv1.go SetPolicy.
  static absl::Status Refused(const absl::Status& status) {
    if (!absl::IsUnknown(status) && !absl::IsNotFound(status)) return status;
    return absl::InvalidArgumentError(status.message());
  }

  const Wire& wire_;
  Server& server_;
};

class ClientImpl final : public Client {
 public:
  ClientImpl(std::unique_ptr<http::Transport> transport, const Connection& connection)
      : wire_(std::move(transport), connection),
        server_(wire_, connection.dialect),
        users_(wire_, server_),
        nodes_(wire_, server_),
        keys_(wire_, server_, users_),
        policy_(wire_, server_) {}

  ServerApi& server() override { return server_; }
  UsersApi& users() override { return users_; }
  NodesApi& nodes() override { return nodes_; }
  PreauthKeysApi& preauth_keys() override { return keys_; }
  PolicyApi& policy() override { return policy_; }

 private:
  const Wire wire_;
  Server server_;
  Users users_;
  NodesClient nodes_;
  PreauthKeys keys_;
  PolicyClient policy_;
};

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status Missing(absl::string_view argument, absl::string_view variable,
                     absl::string_view what) {
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat("the provider does not know ", what)),
      absl::StrCat("Set ", argument, " in the provider's headscale block, or ", variable, "."));
}

}  // namespace

absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings) {
  Connection connection;
  std::string endpoint =
      settings.endpoint ? *settings.endpoint : FromEnvironment("HEADSCALE_ENDPOINT");
  if (endpoint.empty())
    return Missing("endpoint", "HEADSCALE_ENDPOINT", "the URL of the Headscale server");
  const absl::StatusOr<http::UrlParts> parts = http::SplitUrl(endpoint);
  if (!parts.ok()) {
    return WithRemedy(Annotate(parts.status(), "headscale.endpoint"),
                      "It is a URL such as \"https://vpn.example.org\".");
  }
  if (!parts->userinfo.empty()) {
    return absl::InvalidArgumentError(
        "headscale.endpoint must not have a user or a password: the API key is api_key");
  }
  absl::string_view plain = endpoint;
  while (absl::ConsumeSuffix(&plain, "/")) continue;
  absl::ConsumeSuffix(&plain, "/api/v1");
  while (absl::ConsumeSuffix(&plain, "/")) continue;
  connection.endpoint = std::string(plain);
  connection.api_key = std::string(absl::StripAsciiWhitespace(
      settings.api_key ? *settings.api_key : FromEnvironment("HEADSCALE_API_KEY")));
  if (connection.api_key.empty())
    return Missing("api_key", "HEADSCALE_API_KEY", "the API key of the Headscale server");
  RegisterSecret(connection.api_key);
  if (std::any_of(connection.api_key.begin(), connection.api_key.end(),
                  [](char c) { return !absl::ascii_isgraph(c); })) {
    return WithRemedy(
        absl::InvalidArgumentError("headscale.api_key has blanks or control characters inside"),
        "It is the one line that \"headscale apikeys create\" prints.");
  }
  if (!settings.dialect.empty() && settings.dialect != "auto") {
    CHARON_ASSIGN_OR_RETURN(connection.dialect, ParseVersion(settings.dialect));
    // What was given is a generation, no version of the server.
    connection.dialect->version.clear();
  }
  connection.tls.ca_pem = settings.ca.value_or("");
  connection.tls.ca_source = "headscale.ca";
  connection.tls.insecure = settings.insecure;
  return connection;
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const Connection& connection,
                                                std::string user_agent) {
  http::TransportOptions options;
  options.tls = connection.tls;
  options.user_agent = std::move(user_agent);
  CHARON_ASSIGN_OR_RETURN(std::unique_ptr<http::Transport> curl,
                          http::NewCurlTransport(std::move(options)));
  return NewClient(http::NewRetryTransport(http::NewLoggingTransport(std::move(curl))), connection);
}

std::unique_ptr<Client> NewClient(std::unique_ptr<http::Transport> transport,
                                  const Connection& connection) {
  return std::make_unique<ClientImpl>(std::move(transport), connection);
}

}  // namespace charon::headscale
