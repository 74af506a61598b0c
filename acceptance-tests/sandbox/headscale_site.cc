#include "headscale_site.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "status.h"

namespace charon::sandbox {
namespace {

using headscale::Dialect;
using headscale::PreAuthKey;
using headscale::State;
using headscale::User;

// As grpc-gateway maps the codes that Headscale uses.
int HttpCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

HttpResponse Answer(const Json& body, int code = 200) {
  HttpResponse out;
  out.status = code;
  out.body = Dump(body);
  return out;
}

HttpResponse Error(const absl::Status& status) {
  return Answer({{"code", static_cast<int>(status.code())},
                 {"message", status.message()},
                 {"details", Json::array()}},
                HttpCode(status.code()));
}

HttpResponse Plain(int code, std::string text, std::string type = "text/plain; charset=utf-8") {
  HttpResponse out;
  out.status = code;
  out.content_type = std::move(type);
  out.body = std::move(text);
  return out;
}

// --- Arguments ----------------------------------------------------------------------------------

std::string NotANumber(absl::string_view text) {
  return absl::StrCat("strconv.ParseUint: parsing ", Quote(text), ": invalid syntax");
}

// Parts of the path, the query and the body; the first thing that is wrong is kept.
class Arguments {
 public:
  Arguments(Dialect dialect, const HttpRequest& request, std::map<std::string, std::string> path)
      : old_(dialect == Dialect::k023), request_(request), path_(std::move(path)) {}

  const absl::Status& status() const { return status_; }

  std::string Path(const std::string& name) const { return path_.at(name); }
  std::uint64_t PathId(const std::string& name, absl::string_view proto_name) {
    std::uint64_t id = 0;
    if (!absl::SimpleAtoi(path_.at(name), &id)) {
      Fail(absl::StrCat("type mismatch, parameter: ", proto_name,
                        ", error: ", NotANumber(path_.at(name))));
    }
    return id;
  }
  std::string Query(absl::string_view name) const { return request_.Query(name); }
  std::uint64_t QueryId(absl::string_view name) {
    const std::string text = request_.Query(name);
    std::uint64_t id = 0;
    if (!text.empty() && !absl::SimpleAtoi(text, &id)) {
      Fail(absl::StrCat("parsing field ", Quote(name), ": ", NotANumber(text)));
    }
    return id;
  }

  void ReadBody() {
    if (request_.body.empty()) return;
    const absl::StatusOr<ParsedDocument> parsed = ParseJson(request_.body);
    if (!parsed.ok()) {
      Fail(ParserError());
      return;
    }
    body_ = parsed->value;
  }
  std::string BodyText(const char* name) {
    const Json* value = Find(body_, {name});
    if (value == nullptr || value->is_null()) return "";
    if (!value->is_string()) {
      Mismatch(name, "string", *value);
      return "";
    }
    return value->get<std::string>();
  }
  std::vector<std::string> BodyTexts(const char* name) {
    std::vector<std::string> out;
    for (const Json& one : Items(body_, {name})) {
      if (one.is_string()) out.push_back(one.get<std::string>());
    }
    return out;
  }
  bool BodyFlag(const char* name) { return Flag(body_, {name}); }
  std::uint64_t BodyId(const char* name) {
    const Json* value = Find(body_, {name});
    if (value == nullptr || value->is_null()) return 0;
    std::uint64_t id = 0;
    if (value->is_number_integer() && *value >= 0) return value->get<std::uint64_t>();
    if (!value->is_string() || !absl::SimpleAtoi(value->get<std::string>(), &id))
      Mismatch(name, "uint64", *value);
    return id;
  }
  // Year 1 where it is not given.
  absl::Time BodyTime(const char* name) {
    const Json* value = Find(body_, {name});
    if (value == nullptr || value->is_null()) return headscale::ZeroTime();
    return ParseTime(value->is_string() ? value->get<std::string>() : "", Column(name));
  }
  absl::Time ParseTime(const std::string& text, std::size_t column) {
    absl::Time time;
    std::string error;
    if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
    Fail(absl::StrCat("proto: (line 1:", column, "): invalid google.protobuf.Timestamp value ",
                      Quote(text)));
    return headscale::ZeroTime();
  }

 private:
  void Fail(const std::string& message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(message);
  }
  void Mismatch(const char* name, const char* type, const Json& value) {
    Fail(absl::StrCat("proto: (line 1:", Column(name), "): invalid value for ", type,
                      old_ ? " type" : absl::StrCat(" field ", name), ": ", Dump(value)));
  }
  // Where the value of a member begins, counted from 1.
  std::size_t Column(const char* name) const {
    auto at = request_.body.find(absl::StrCat("\"", name, "\""));
    if (at == std::string::npos) return 1;
    at = request_.body.find(':', at) + 1;
    while (at < request_.body.size() &&
           absl::ascii_isspace(static_cast<unsigned char>(request_.body[at])))
      ++at;
    return at + 1;
  }
  // What Go's decoder says of a body that is no JSON.
  std::string ParserError() const {
    const absl::string_view text = absl::StripLeadingAsciiWhitespace(request_.body);
    for (const absl::string_view literal : {"null", "true", "false"}) {
      if (text.empty() || text[0] != literal[0]) continue;
      for (std::size_t i = 1; i < literal.size() && i < text.size(); ++i) {
        if (text[i] == literal[i]) continue;
        return absl::StrFormat("invalid character '%c' in literal %s (expecting '%c')", text[i],
                               literal, literal[i]);
      }
    }
    if (!text.empty() && !absl::StrContains("{[\"-0123456789", text[0])) {
      return absl::StrFormat("invalid character '%c' looking for beginning of value", text[0]);
    }
    return "unexpected EOF";
  }

  const bool old_;
  const HttpRequest& request_;
  const std::map<std::string, std::string> path_;
  Json body_ = Json::object();
  absl::Status status_;
};

// --- Operations ---------------------------------------------------------------------------------

// Checks what was read before acting on it.
#define CHECKED(arguments) SANDBOX_RETURN_IF_ERROR((arguments).status())

absl::StatusOr<Json> Empty(const absl::Status& status) {
  if (!status.ok()) return status;
  return Json::object();
}

absl::StatusOr<Json> CreateUser(State& state, Arguments& in) {
  User user;
  user.name = in.BodyText("name");
  if (state.dialect() == Dialect::k029) {
    user.display_name = in.BodyText("displayName");
    user.email = in.BodyText("email");
    user.picture = in.BodyText("pictureUrl");
  }
  CHECKED(in);
  return state.CreateUser(std::move(user));
}

absl::StatusOr<Json> CreateKey(State& state, Arguments& in) {
  PreAuthKey key;
  bool has_user = true;
  std::string name;
  if (state.dialect() == Dialect::k023) {
    name = in.BodyText("user");
  } else {
    key.user = in.BodyId("user");
    has_user = key.user != 0;
  }
  key.reusable = in.BodyFlag("reusable");
  key.ephemeral = in.BodyFlag("ephemeral");
  key.tags = in.BodyTexts("aclTags");
  key.expiration = in.BodyTime("expiration");
  CHECKED(in);
  if (state.dialect() == Dialect::k023) {
    const auto user = state.UserNamed(name);
    key.user = user.ok() ? (*user)->id : 0;
  }
  return state.CreateKey(std::move(key), has_user);
}

absl::StatusOr<Json> ExpireNode(State& state, Arguments& in, absl::Time now) {
  const std::uint64_t id = in.PathId("nodeId", "node_id");
  std::optional<absl::Time> expiry = now;
  if (state.dialect() == Dialect::k029) {
    const bool never = in.Query("disableExpiry") == "true";
    if (const std::string text = in.Query("expiry"); !text.empty()) {
      if (never) return absl::InvalidArgumentError("cannot set both disable_expiry and expiry");
      absl::Time wanted;
      std::string error;
      if (!absl::ParseTime(absl::RFC3339_full, text, &wanted, &error)) {
        return absl::InvalidArgumentError(absl::StrCat("parsing field \"expiry\": ", text));
      }
      expiry = wanted;
    }
    if (never) expiry.reset();
  }
  CHECKED(in);
  return state.SetExpiry(id, expiry);
}

absl::StatusOr<Json> DebugNode(State& state, Arguments& in) {
  const std::string user = in.BodyText("user"), key = in.BodyText("key"),
                    name = in.BodyText("name");
  const std::vector<std::string> routes = in.BodyTexts("routes");
  CHECKED(in);
  return state.DebugNode(user, key, name, routes);
}

struct Operation {
  const char* method;
  const char* path;  // {names} as the published description has them.
  const char* id;
  std::vector<std::pair<const char*, const char*>>
      parameters;  // Name and place, those of the path left out.
  bool in_023, in_029;
  std::function<absl::StatusOr<Json>(State&, Arguments&, absl::Time)> run;
};

const std::vector<Operation>& Operations() {
  using A = Arguments&;
  using T = absl::Time;
  using S = State&;
  static const auto&
      all =
          *new std::vector<Operation>{
              {"GET",
               "/api/v1/user",
               "ListUsers",
               {{"id", "query"}, {"name", "query"}, {"email", "query"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = state.dialect() == Dialect::k029 ? in.QueryId("id") : 0;
                 CHECKED(in);
                 return state.ListUsers(in.Query("name"), in.Query("email"), id);
               }},
              {"POST",
               "/api/v1/user",
               "CreateUser",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) { return CreateUser(state, in); }},
              {"GET",
               "/api/v1/user/{name}",
               "GetUser",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 SANDBOX_ASSIGN_OR_RETURN(const User* user, state.UserNamed(in.Path("name")));
                 return Json{{"user", state.Show(*user)}};
               }},
              {"DELETE",
               "/api/v1/user/{name}",
               "DeleteUser",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 SANDBOX_ASSIGN_OR_RETURN(const User* user, state.UserNamed(in.Path("name")));
                 return Empty(state.DeleteUser(*user));
               }},
              {"DELETE",
               "/api/v1/user/{id}",
               "DeleteUser",
               {},
               false,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("id", "id");
                 CHECKED(in);
                 SANDBOX_ASSIGN_OR_RETURN(const User* user, state.UserById(id));
                 return Empty(state.DeleteUser(*user));
               }},
              {"POST",
               "/api/v1/user/{oldName}/rename/{newName}",
               "RenameUser",
               {},
               true,
               false,
               [](S state, A in, T) {
                 return state.RenameUser(in.Path("oldName"), in.Path("newName"));
               }},
              {"POST",
               "/api/v1/user/{oldId}/rename/{newName}",
               "RenameUser",
               {},
               false,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("oldId", "old_id");
                 CHECKED(in);
                 return state.RenameUser(id, in.Path("newName"));
               }},
              {"GET",
               "/api/v1/preauthkey",
               "ListPreAuthKeys",
               {{"user", "query"}},
               true,
               false,
               [](S state, A in, T) { return state.ListKeys(in.Query("user")); }},
              {"GET",
               "/api/v1/preauthkey",
               "ListPreAuthKeys",
               {},
               false,
               true,
               [](S state, A, T) { return state.ListKeys(std::nullopt); }},
              {"POST",
               "/api/v1/preauthkey",
               "CreatePreAuthKey",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) { return CreateKey(state, in); }},
              {"POST",
               "/api/v1/preauthkey/expire",
               "ExpirePreAuthKey",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 if (state.dialect() == Dialect::k029) {
                   const std::uint64_t id = in.BodyId("id");
                   CHECKED(in);
                   state.ExpireKey(id);
                   return Json::object();
                 }
                 const std::string user = in.BodyText("user"), key = in.BodyText("key");
                 CHECKED(in);
                 return Empty(state.ExpireKey(user, key));
               }},
              {"DELETE",
               "/api/v1/preauthkey",
               "DeletePreAuthKey",
               {{"id", "query"}},
               false,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.QueryId("id");
                 CHECKED(in);
                 state.DeleteKey(id);
                 return Json::object();
               }},
              {"GET",
               "/api/v1/node",
               "ListNodes",
               {{"user", "query"}},
               true,
               true,
               [](S state, A in, T) { return state.ListNodes(in.Query("user")); }},
              {"POST",
               "/api/v1/node/register",
               "RegisterNode",
               {{"user", "query"}, {"key", "query"}},
               true,
               true,
               [](S state, A in, T) {
                 return state.RegisterCached(in.Query("user"), in.Query("key"));
               }},
              {"POST",
               "/api/v1/node/backfillips",
               "BackfillNodeIPs",
               {{"confirmed", "query"}},
               true,
               true,
               [](S, A in, T) -> absl::StatusOr<Json> {
                 if (in.Query("confirmed") != "true")
                   return absl::UnknownError("not confirmed, aborting");
                 return Json{{"changes", Json::array()}};
               }},
              {"GET",
               "/api/v1/node/{nodeId}",
               "GetNode",
               {},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 CHECKED(in);
                 return state.GetNode(id);
               }},
              {"DELETE",
               "/api/v1/node/{nodeId}",
               "DeleteNode",
               {},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 CHECKED(in);
                 return Empty(state.DeleteNode(id));
               }},
              {"POST",
               "/api/v1/node/{nodeId}/expire",
               "ExpireNode",
               {},
               true,
               false,
               [](S state, A in, T now) { return ExpireNode(state, in, now); }},
              {"POST",
               "/api/v1/node/{nodeId}/expire",
               "ExpireNode",
               {{"expiry", "query"}, {"disableExpiry", "query"}},
               false,
               true,
               [](S state, A in, T now) { return ExpireNode(state, in, now); }},
              {"POST",
               "/api/v1/node/{nodeId}/rename/{newName}",
               "RenameNode",
               {},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 CHECKED(in);
                 return state.RenameNode(id, in.Path("newName"));
               }},
              {"POST",
               "/api/v1/node/{nodeId}/tags",
               "SetTags",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 const std::vector<std::string> tags = in.BodyTexts("tags");
                 CHECKED(in);
                 return state.SetTags(id, tags);
               }},
              {"POST",
               "/api/v1/node/{nodeId}/user",
               "MoveNode",
               {{"user", "query"}},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 CHECKED(in);
                 return state.MoveNode(id, in.Query("user"));
               }},
              {"POST",
               "/api/v1/node/{nodeId}/approve_routes",
               "SetApprovedRoutes",
               {{"body", "body"}},
               false,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 const std::vector<std::string> routes = in.BodyTexts("routes");
                 CHECKED(in);
                 return state.ApproveRoutes(id, routes);
               }},
              {"GET",
               "/api/v1/node/{nodeId}/routes",
               "GetNodeRoutes",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("nodeId", "node_id");
                 CHECKED(in);
                 return state.NodeRoutes(id);
               }},
              {"GET",
               "/api/v1/routes",
               "GetRoutes",
               {},
               true,
               false,
               [](S state, A, T) -> absl::StatusOr<Json> { return state.ListRoutes(); }},
              {"POST",
               "/api/v1/routes/{routeId}/enable",
               "EnableRoute",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("routeId", "route_id");
                 CHECKED(in);
                 return Empty(state.EnableRoute(id));
               }},
              {"POST",
               "/api/v1/routes/{routeId}/disable",
               "DisableRoute",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("routeId", "route_id");
                 CHECKED(in);
                 return Empty(state.DisableRoute(id));
               }},
              {"DELETE",
               "/api/v1/routes/{routeId}",
               "DeleteRoute",
               {},
               true,
               false,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::uint64_t id = in.PathId("routeId", "route_id");
                 CHECKED(in);
                 return Empty(state.DeleteRoute(id));
               }},
              {"GET",
               "/api/v1/policy",
               "GetPolicy",
               {},
               true,
               true,
               [](S state, A, T) { return state.GetPolicy(); }},
              {"PUT",
               "/api/v1/policy",
               "SetPolicy",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::string policy = in.BodyText("policy");
                 CHECKED(in);
                 return state.SetPolicy(policy);
               }},
              {"POST",
               "/api/v1/policy/check",
               "CheckPolicy",
               {{"body", "body"}},
               false,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::string policy = in.BodyText("policy");
                 CHECKED(in);
                 return Empty(state.CheckPolicy(policy));
               }},
              {"GET",
               "/api/v1/apikey",
               "ListApiKeys",
               {},
               true,
               true,
               [](S state, A, T) -> absl::StatusOr<Json> { return state.ListApiKeys(); }},
              {"POST",
               "/api/v1/apikey",
               "CreateApiKey",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const absl::Time expiration = in.BodyTime("expiration");
                 CHECKED(in);
                 return Json{{"apiKey", state.CreateApiKey(expiration)}};
               }},
              {"POST",
               "/api/v1/apikey/expire",
               "ExpireApiKey",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) -> absl::StatusOr<Json> {
                 const std::string prefix = in.BodyText("prefix");
                 const std::uint64_t id = in.BodyId("id");
                 CHECKED(in);
                 return Empty(state.ExpireApiKey(prefix, id));
               }},
              {"DELETE",
               "/api/v1/apikey/{prefix}",
               "DeleteApiKey",
               {},
               true,
               false,
               [](S state, A in, T) { return Empty(state.DeleteApiKey(in.Path("prefix"), 0)); }},
              {"DELETE",
               "/api/v1/apikey/{prefix}",
               "DeleteApiKey",
               {{"id", "query"}},
               false,
               true,
               [](S state, A in, T) {
                 return Empty(state.DeleteApiKey(in.Path("prefix"), in.QueryId("id")));
               }},
              {"POST",
               "/api/v1/debug/node",
               "DebugCreateNode",
               {{"body", "body"}},
               true,
               true,
               [](S state, A in, T) { return DebugNode(state, in); }},
              {"GET",
               "/api/v1/health",
               "Health",
               {},
               false,
               true,
               [](S, A, T) -> absl::StatusOr<Json> {
                 return Json{{"databaseConnectivity", true}};
               }},
          };
  return all;
}

bool Has(const Operation& operation, Dialect dialect) {
  return dialect == Dialect::k023 ? operation.in_023 : operation.in_029;
}

// The named parts, where the path is one of this pattern.
std::optional<std::map<std::string, std::string>> Match(absl::string_view pattern,
                                                        absl::string_view path) {
  const std::vector<std::string> wanted = absl::StrSplit(pattern, '/'),
                                 given = absl::StrSplit(path, '/');
  if (wanted.size() != given.size()) return std::nullopt;
  std::map<std::string, std::string> out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (absl::StartsWith(wanted[i], "{")) {
      out[wanted[i].substr(1, wanted[i].size() - 2)] = given[i];
    } else if (wanted[i] != given[i]) {
      return std::nullopt;
    }
  }
  return out;
}

// The published description: from it clients tell the generations apart.
Json Description(Dialect dialect) {
  Json paths = Json::object();
  for (const Operation& operation : Operations()) {
    if (!Has(operation, dialect)) continue;
    Json parameters = Json::array();
    for (const absl::string_view part : absl::StrSplit(operation.path, '/')) {
      if (absl::StartsWith(part, "{")) {
        parameters.push_back({{"name", part.substr(1, part.size() - 2)},
                              {"in", "path"},
                              {"required", true},
                              {"type", "string"}});
      }
    }
    for (const auto& [name, place] : operation.parameters) {
      if (dialect == Dialect::k023 && std::string(operation.id) == "ListUsers") continue;
      parameters.push_back(
          {{"name", name}, {"in", place}, {"required", std::string(place) == "body"}});
    }
    Json& entry = paths[operation.path][absl::AsciiStrToLower(operation.method)];
    entry = {{"operationId", absl::StrCat("HeadscaleService_", operation.id)},
             {"tags", {"HeadscaleService"}}};
    if (!parameters.empty()) entry["parameters"] = parameters;
  }
  return {{"swagger", "2.0"},
          {"info", {{"title", "headscale/v1/headscale.proto"}, {"version", "version not set"}}},
          {"tags", Json::array({{{"name", "HeadscaleService"}}})},
          {"consumes", {"application/json"}},
          {"produces", {"application/json"}},
          {"paths", paths}};
}

}  // namespace

HeadscaleSite::HeadscaleSite(Dialect dialect, std::uint64_t seed, std::function<absl::Time()> now)
    : dialect_(dialect), now_(now), state_(dialect, seed, std::move(now)), random_(seed + 1) {}

std::string HeadscaleSite::api() const {
  return dialect_ == Dialect::k023 ? "headscale-0.23" : "headscale";
}

std::string HeadscaleSite::dialect() const { return dialect_ == Dialect::k023 ? "0.23" : "0.29"; }

std::string HeadscaleSite::version() const {
  return dialect_ == Dialect::k023 ? "0.23.0" : "0.29.2";
}

std::string HeadscaleSite::api_key() const {
  absl::MutexLock lock(&mu_);
  return state_.first_api_key();
}

std::optional<HttpResponse> HeadscaleSite::Admit(const HttpRequest& request, std::string* user) {
  if (!absl::StartsWith(request.path, "/api/")) {
    *user = "anonymous";
    return std::nullopt;
  }
  absl::string_view token = request.authorization;
  int code = 401;
  if (absl::ConsumePrefix(&token, "Bearer ")) {
    absl::MutexLock lock(&mu_);
    code = state_.Authenticate(std::string(token));
  }
  if (code != 200) return Plain(code, "Unauthorized");
  *user = "api-key";
  return std::nullopt;
}

HttpResponse HeadscaleSite::Handle(const HttpRequest& request, const std::string&) {
  const bool old = dialect_ == Dialect::k023;
  if (!absl::StartsWith(request.path, "/api/")) {
    if (request.path == "/health")
      return Plain(200, R"({"status":"pass"})", "application/health+json; charset=utf-8");
    if (request.path == "/swagger/v1/openapiv2.json") return Answer(Description(dialect_));
    if (request.path == "/version" && !old) {
      return Answer({{"version", absl::StrCat("v", version())},
                     {"commit", "unknown"},
                     {"buildTime", "unknown"},
                     {"go", {{"version", "go1.26"}, {"os", "linux"}, {"arch", "amd64"}}},
                     {"dirty", false}});
    }
    return old ? Plain(404, "", "") : Plain(404, "404 page not found\n");
  }
  absl::MutexLock lock(&mu_);
  state_.Tick();
  bool known_path = false;
  for (const Operation& operation : Operations()) {
    if (!Has(operation, dialect_)) continue;
    const auto parts = Match(operation.path, request.path);
    if (!parts.has_value()) continue;
    known_path = true;
    if (request.method != operation.method) continue;
    Arguments arguments(dialect_, request, *parts);
    const bool has_body =
        std::any_of(operation.parameters.begin(), operation.parameters.end(),
                    [](const auto& one) { return std::string(one.second) == "body"; });
    if (has_body) arguments.ReadBody();
    if (!arguments.status().ok()) return Error(arguments.status());
    const absl::StatusOr<Json> answer = operation.run(state_, arguments, now_());
    return answer.ok() ? Answer(*answer) : Error(answer.status());
  }
  return Error(known_path ? absl::UnimplementedError("Method Not Allowed")
                          : absl::NotFoundError("Not Found"));
}

HttpResponse HeadscaleSite::FaultAnswer(const HttpRequest&, const Fault& fault) {
  const std::string message =
      fault.message.empty() ? absl::StrCat("scripted fault ", fault.id) : fault.message;
  HttpResponse out;
  if (fault.code == 401) {
    out = Plain(401, "Unauthorized");
  } else if (fault.code == 502 || fault.code == 503 || fault.code == 504 || fault.code == 429) {
    // A reverse proxy in front of it.
    out = Plain(fault.code, absl::StrCat("<html><body>", message, "</body></html>"), "text/html");
  } else {
    const int code = fault.code == 400 ? 3 : fault.code == 404 ? 5 : 2;
    out = Answer({{"code", code}, {"message", message}, {"details", Json::array()}}, fault.code);
  }
  if (fault.retry_after >= 0)
    out.headers.emplace_back("Retry-After", absl::StrCat(fault.retry_after));
  return out;
}

// --- What happens on machines -------------------------------------------------------------------

absl::StatusOr<Json> HeadscaleSite::Act(const Json& body) {
  absl::MutexLock lock(&mu_);
  state_.Tick();
  absl::StatusOr<Json> done = ActLocked(body);
  if (!done.ok()) return BadRequest(done.status().message());
  return done;
}

absl::StatusOr<Json> HeadscaleSite::ActLocked(const Json& body) {
  const std::string what = Text(body, {"do"});
  const auto prefixes = [&]() -> absl::StatusOr<std::vector<headscale::Prefix>> {
    std::vector<headscale::Prefix> out;
    for (const Json& route : Items(body, {"routes"})) {
      SANDBOX_ASSIGN_OR_RETURN(
          out.emplace_back(),
          headscale::ParsePrefix(route.is_string() ? route.get<std::string>() : ""));
    }
    return out;
  };
  std::uint64_t id = 0;
  (void)absl::SimpleAtoi(Text(body, {"id"}), &id);
  if (what == "register") {
    headscale::Registration registration;
    registration.key = Text(body, {"key"});
    registration.hostname = Text(body, {"hostname"});
    const auto random_key = [&](const char* kind) {
      std::string out = kind;
      for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&out, "%016x", random_());
      return out;
    };
    registration.machine_key = Text(body, {"machine_key"}, random_key("mkey:"));
    registration.node_key = Text(body, {"node_key"}, random_key("nodekey:"));
    SANDBOX_ASSIGN_OR_RETURN(registration.routes, prefixes());
    for (const Json& tag : Items(body, {"tags"})) {
      if (tag.is_string()) registration.tags.push_back(tag.get<std::string>());
    }
    return state_.Register(registration);
  }
  if (what == "oidc_user") {
    state_.MakeOidcUser(Text(body, {"name"}), Text(body, {"email"}),
                        Text(body, {"provider_id"}, "https://id.example.org/sub"));
    return Json::object();
  }
  if (what == "policy_file") {
    if (const Json* policy = Find(body, {"policy"}); policy != nullptr && policy->is_string()) {
      state_.policy_in_file = false;
      SANDBOX_RETURN_IF_ERROR(state_.SetPolicy(policy->get<std::string>()).status());
    }
    state_.policy_in_file = Flag(body, {"on"}, true);
    return Json::object();
  }
  if (what == "online" || what == "offline") {
    SANDBOX_RETURN_IF_ERROR(state_.SetOnline(id, what == "online"));
  } else if (what == "logout") {
    SANDBOX_RETURN_IF_ERROR(state_.Logout(id));
    return Json::object();
  } else if (what == "advertise") {
    SANDBOX_ASSIGN_OR_RETURN(const std::vector<headscale::Prefix> routes, prefixes());
    SANDBOX_RETURN_IF_ERROR(state_.Announce(id, routes));
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "do what? register, online, offline, logout, advertise, oidc_user or policy_file, not ",
        Quote(what)));
  }
  return state_.GetNode(id);
}

Json HeadscaleSite::Dump() const {
  absl::MutexLock lock(&mu_);
  return state_.Dump();
}

void HeadscaleSite::Reset() {
  absl::MutexLock lock(&mu_);
  state_.Reset();
}

}  // namespace charon::sandbox
