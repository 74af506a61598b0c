// The requests to 0.30, held against the description that this version publishes
// (/api/v1/openapi.yaml, as the main branch of 2026-07-21 makes it): its operations, their query
// parameters, and the properties of their bodies, of which it allows no others. Answers are made of
// exactly the properties that it promises.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/headscale/client.h"
#include "provider/clients/headscale/wire.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::headscale {
namespace {

using Type = Json::value_t;

struct Operation {
  std::string method, path;                // {x} stands for one segment
  std::set<std::string> query;             // parameters there are
  std::map<std::string, Type> properties;  // of the body; none: it takes no body
  const char* answer;
};

constexpr char kUser[] =
    R"({"id":"2","name":"ops","createdAt":"2026-01-02T03:04:05.123Z","displayName":"","email":"","providerId":"","provider":"","profilePicUrl":""})";

std::string NodeJson() {
  return absl::StrCat(
      R"({"id":"7","machineKey":"mkey:1","nodeKey":"nodekey:1","discoKey":"discokey:1","ipAddresses":["100.64.0.7","fd7a::7"],)",
      R"("name":"web","user":)", kUser,
      R"(,"lastSeen":null,"expiry":null,"preAuthKey":{"user":null,"id":"3","key":"hskey-auth-abc-***",)",
      R"("reusable":false,"ephemeral":true,"used":true,"expiration":null,"createdAt":null,"aclTags":[]},"createdAt":"2026-01-02T03:04:05Z",)",
      R"("registerMethod":"REGISTER_METHOD_AUTH_KEY","givenName":"web","online":true,"approvedRoutes":["10.1.0.0/24"],)",
      R"("availableRoutes":["10.1.0.0/24"],"subnetRoutes":[],"tags":[]})");
}

const std::vector<Operation>& Operations() {
  static const std::string& node = *new std::string(absl::StrCat("{\"node\":", NodeJson(), "}"));
  static const std::string& nodes =
      *new std::string(absl::StrCat("{\"nodes\":[", NodeJson(), "]}"));
  static const std::string& user = *new std::string(absl::StrCat("{\"user\":", kUser, "}"));
  static const std::string& users = *new std::string(absl::StrCat("{\"users\":[", kUser, "]}"));
  static const std::string& key = *new std::string(absl::StrCat(
      R"("user":)", kUser,
      R"(,"id":"3","key":"hskey-auth-abcdefghijkl-0123456789","reusable":false,"ephemeral":false,"used":false,)",
      R"("expiration":"2026-01-02T03:04:05Z","createdAt":"2026-01-02T03:04:05Z","aclTags":["tag:a"])"));
  static const std::string& made_key =
      *new std::string(absl::StrCat("{\"preAuthKey\":{", key, "}}"));
  static const std::string& keys =
      *new std::string(absl::StrCat("{\"preAuthKeys\":[{", key, "}]}"));
  static constexpr char kPolicy[] = R"({"policy":"{}","updatedAt":"2026-01-02T03:04:05Z"})";
  static const auto& operations = *new std::vector<Operation>{
      {"GET", "/api/v1/apikey", {}, {}, R"({"apiKeys":[]})"},
      {"GET", "/api/v1/node", {"user"}, {}, nodes.c_str()},
      {"DELETE", "/api/v1/node/{nodeId}", {}, {}, "{}"},
      {"POST", "/api/v1/node/{nodeId}/approve_routes", {}, {{"routes", Type::array}}, node.c_str()},
      {"POST",
       "/api/v1/node/{nodeId}/expire",
       {},
       {{"disableExpiry", Type::boolean}, {"expiry", Type::string}},
       node.c_str()},
      {"POST", "/api/v1/node/{nodeId}/rename/{newName}", {}, {}, node.c_str()},
      {"POST", "/api/v1/node/{nodeId}/tags", {}, {{"tags", Type::array}}, node.c_str()},
      {"GET", "/api/v1/policy", {}, {}, kPolicy},
      {"PUT", "/api/v1/policy", {}, {{"policy", Type::string}}, kPolicy},
      {"POST", "/api/v1/policy/check", {}, {{"policy", Type::string}}, "{}"},
      {"DELETE", "/api/v1/preauthkey", {"id"}, {}, "{}"},
      {"GET", "/api/v1/preauthkey", {}, {}, keys.c_str()},
      {"POST",
       "/api/v1/preauthkey",
       {},
       {{"aclTags", Type::array},
        {"ephemeral", Type::boolean},
        {"expiration", Type::string},
        {"reusable", Type::boolean},
        {"user", Type::string}},
       made_key.c_str()},
      {"POST", "/api/v1/preauthkey/expire", {}, {{"id", Type::string}}, "{}"},
      {"GET", "/api/v1/user", {"id", "name", "email"}, {}, users.c_str()},
      {"POST",
       "/api/v1/user",
       {},
       {{"displayName", Type::string},
        {"email", Type::string},
        {"name", Type::string},
        {"pictureUrl", Type::string}},
       user.c_str()},
      {"DELETE", "/api/v1/user/{id}", {}, {}, "{}"},
      {"POST", "/api/v1/user/{oldId}/rename/{newName}", {}, {}, user.c_str()},
  };
  return operations;
}

bool Fits(absl::string_view path, absl::string_view pattern) {
  const std::vector<absl::string_view> segments = absl::StrSplit(path, '/'),
                                       wanted = absl::StrSplit(pattern, '/');
  if (segments.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (wanted[i] != segments[i] && (wanted[i].empty() || wanted[i].front() != '{')) return false;
  }
  return true;
}

class DescribedServer {
 public:
  DescribedServer() {
    transport_.Handle(
        [this](const Call&, const http::Request& request) -> absl::StatusOr<http::Response> {
          return Answer(request);
        });
  }
  std::unique_ptr<Client> NewClient() {
    Connection connection;
    connection.endpoint = "https://vpn.example.org";
    connection.api_key = "hskey-api-0123456789";
    return headscale::NewClient(http::Borrow(transport_), connection);
  }
  std::set<std::string> asked;  // "POST /api/v1/user"

 private:
  http::Response Answer(const http::Request& request) {
    const std::vector<std::string> target = absl::StrSplit(
        absl::StripPrefix(request.url, "https://vpn.example.org"), absl::MaxSplits('?', 1));
    if (target[0] == "/version")
      return {
          200, {}, R"({"version":"v0.30.0","commit":"0","buildTime":"0","go":{},"dirty":false})"};
    for (const Operation& operation : Operations()) {
      if (operation.method != request.method || !Fits(target[0], operation.path)) continue;
      asked.insert(absl::StrCat(operation.method, " ", operation.path));
      if (target.size() == 2) {
        for (const absl::string_view pair : absl::StrSplit(target[1], '&')) {
          const std::string name(pair.substr(0, pair.find('=')));
          EXPECT_EQ(operation.query.count(name), 1u) << request.method << " " << request.url;
        }
      }
      if (!request.body.empty()) {
        const Json body = Json::parse(request.body, nullptr, false);
        EXPECT_TRUE(body.is_object()) << request.body;
        for (const auto& [name, value] : body.items()) {
          const auto property = operation.properties.find(name);
          if (property == operation.properties.end()) {
            ADD_FAILURE() << request.method << " " << request.url << " has no property " << name;
          } else {
            EXPECT_EQ(value.type(), property->second) << name;
          }
        }
      }
      return {200, {{"content-type", "application/json"}}, operation.answer};
    }
    ADD_FAILURE() << "not in the description: " << request.method << " " << request.url;
    return {404, {}, "404 page not found\n"};
  }

  http::FakeTransport transport_;
};

TEST(Description, EveryRequestIsAsItSays) {
  DescribedServer server;
  const auto client = server.NewClient();
  const Call call;
  EXPECT_THAT(client->server().Check(call), IsOk());
  const auto user =
      client->users().Create(call, {"ops", "Ops", "ops@example.com", "https://example.com/p.png"});
  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->id, "2");
  EXPECT_THAT(client->users().Rename(call, *user, "new name"), IsOk());
  const auto nodes = client->nodes().List(call);
  ASSERT_THAT(nodes, IsOk());
  const Node node = (*nodes)->front();
  EXPECT_EQ(node.user, "ops");
  EXPECT_TRUE(node.ephemeral);
  EXPECT_EQ(node.expiry, std::nullopt);
  EXPECT_THAT(client->nodes().Rename(call, node, "front"), IsOk());
  EXPECT_THAT(client->nodes().SetTags(call, node, {"tag:a"}), IsOk());
  EXPECT_THAT(client->nodes().SetRoutes(call, node, {}), IsOk());
  EXPECT_THAT(client->nodes().SetRoutes(call, node, {"10.1.0.0/24"}), IsOk());
  EXPECT_THAT(client->nodes().SetExpiry(call, node, absl::UnixEpoch()), IsOk());
  EXPECT_THAT(client->nodes().SetExpiry(call, node, std::nullopt), IsOk());
  EXPECT_THAT(client->nodes().Expire(call, node), IsOk());
  EXPECT_THAT(client->nodes().Move(call, node, *user), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(client->nodes().Delete(call, node), IsOk());
  NewPreauthKey wanted;
  wanted.user = "ops";
  wanted.tags = {"tag:a"};
  const auto key = client->preauth_keys().Create(call, wanted);
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->key, "hskey-auth-abcdefghijkl-0123456789");
  EXPECT_THAT(client->preauth_keys().List(call, "ops"), IsOk());
  EXPECT_THAT(client->preauth_keys().Expire(call, *key), IsOk());
  EXPECT_THAT(client->preauth_keys().Remove(call, *key), IsOk());
  EXPECT_THAT(client->policy().Get(call), IsOk());
  EXPECT_THAT(client->policy().Set(call, "{}"), IsOk());
  EXPECT_THAT(client->policy().Check(call, "{}"), IsOk());
  EXPECT_THAT(client->users().Delete(call, *user), IsOk());
  // Nothing of the table is there for nothing.
  for (const Operation& operation : Operations())
    EXPECT_EQ(server.asked.count(absl::StrCat(operation.method, " ", operation.path)), 1u)
        << operation.path;
}

}  // namespace
}  // namespace charon::headscale
