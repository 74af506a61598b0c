#include "provider/clients/headscale/wire.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/testing/status_matchers.h"

namespace charon::headscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Grpc(int code, const std::string& message) {
  return Json{{"code", code}, {"message", message}, {"details", Json::array()}}.dump();
}

std::string Problem(int status, const std::string& detail, const std::string& inner = "") {
  Json json = {{"title", "Error"}, {"status", status}, {"detail", detail}};
  if (!inner.empty()) json["errors"] = {{{"message", inner}}};
  return json.dump();
}

// Every shape in which the generations say that something went wrong.
TEST(ToStatus, ReadsEveryErrorOfEveryGeneration) {
  using enum absl::StatusCode;
  struct Case {
    int status;
    std::string body;
    absl::StatusCode code;
    const char* said;
  };
  const Case cases[] = {
      {200, "{}", kOk, ""},
      // Up to 0.29: most of what is wrong is HTTP 500.
      {500, Grpc(2, "user not found"), kNotFound, "user not found"},
      {500, Grpc(2, "record not found"), kNotFound, "record not found"},
      {404, Grpc(5, "node not found"), kNotFound, "node not found"},
      {500, Grpc(2, "node no longer exists in NodeStore: 7"), kNotFound, "NodeStore: 7"},
      {500, Grpc(2, "AuthKey not found"), kNotFound, "AuthKey"},
      {500, Grpc(2, "auth-key not found: record not found"), kNotFound, "auth-key"},
      {500, Grpc(2, "acl policy not found"), kNotFound, "policy"},
      {500, Grpc(2, "loading ACL from database: acl policy not found"), kNotFound, "policy"},
      {500, Grpc(2, "user already exists"), kAlreadyExists, "exists"},
      {500,
       Grpc(13, "creating user: constraint failed: UNIQUE constraint failed: users.name (2067)"),
       kAlreadyExists, "UNIQUE"},
      {500, Grpc(2, "ERROR: duplicate key value violates unique constraint \"idx\""),
       kAlreadyExists, "duplicate"},
      {500, Grpc(2, "name is not unique: web"), kAlreadyExists, "web"},
      {500, Grpc(2, "node name is not unique: web"), kAlreadyExists, "web"},
      {500, Grpc(2, "user not empty: node(s) found"), kFailedPrecondition, "not empty"},
      {500, Grpc(2, "cannot edit OIDC user"), kFailedPrecondition, "OIDC"},
      {500, Grpc(2, "update is disabled for modes other than 'database'"), kFailedPrecondition,
       "database"},
      {500, Grpc(2, "AuthKey expired"), kFailedPrecondition, "expired"},
      {500, Grpc(2, "AuthKey has already been used"), kFailedPrecondition, "used"},
      {500, Grpc(2, "DNS segment should not be empty: invalid user name"), kInvalidArgument,
       "invalid user name"},
      {500, Grpc(13, "creating user: username must start with a letter"), kInvalidArgument,
       "letter"},
      {500, Grpc(2, "tag must start with the string 'tag:'"), kInvalidArgument, "tag:"},
      {400, Grpc(3, "requested tags [tag:x] are invalid or not permitted"), kInvalidArgument,
       "tag:x"},
      {400, Grpc(3, "cannot remove all tags from a node - tagged nodes must have at least one tag"),
       kInvalidArgument, "all tags"},
      {500, Grpc(2, "auth-key must be either tagged or owned by user"), kInvalidArgument, "owned"},
      {500, Grpc(2, "parsing route: netip.ParsePrefix(\"x\"): no '/'"), kInvalidArgument,
       "ParsePrefix"},
      {400, Grpc(3, "type mismatch, parameter: node_id"), kInvalidArgument, "node_id"},
      {500, Grpc(2, "database is locked"), kUnknown, "database is locked"},
      {404, Grpc(5, "Not Found"), kUnimplemented, ""},
      {501, Grpc(12, "Method Not Allowed"), kUnimplemented, ""},
      {401, "Unauthorized", kUnauthenticated, "Unauthorized"},
      {500, "Unauthorized", kUnauthenticated, "Unauthorized"},
      // From 0.30.
      {401, Problem(401, "Unauthorized"), kUnauthenticated, ""},
      {404, Problem(404, "renaming user", "user not found"), kNotFound,
       "renaming user: user not found"},
      {404, Problem(404, "node not found"), kNotFound, ""},
      {404, Problem(404, "expiring pre-auth key", "auth-key not found: record not found"),
       kNotFound, "auth-key"},
      {409, Problem(409, "user already exists"), kAlreadyExists, ""},
      {400, Problem(400, "deleting user", "user not empty: node(s) found"), kFailedPrecondition,
       "not empty"},
      {400, Problem(400, "renaming node", "given name already in use by another node"),
       kAlreadyExists, "in use"},
      {400, Problem(400, "setting policy", "line 3, column 4: invalid character"), kInvalidArgument,
       "line 3, column 4"},
      {422, Problem(422, "validation failed", "unexpected property"), kInvalidArgument,
       "unexpected property"},
      {500, Problem(500, "loading ACL from database", "acl policy not found"), kNotFound, "policy"},
      {404, "404 page not found\n", kUnimplemented, ""},
      {404, R"({"message":"no Route matched with those values"})", kUnimplemented, "no Route"},
      // Of what stands before it.
      {502, "<html>Bad Gateway</html>", kUnavailable, "no reason given"},
      {503, "", kUnavailable, "no reason given"},
      {429, "slow down", kUnavailable, "slow down"},
      {403, "forbidden by policy", kPermissionDenied, "forbidden"},
      {405, "", kUnimplemented, ""},
      {418, "teapot", kUnknown, "teapot (HTTP 418)"},
  };
  for (const Case& c : cases) {
    const absl::Status status = ToStatus(c.status, c.body, "do it");
    EXPECT_EQ(status.code(), c.code) << c.status << " " << c.body << " " << status;
    if (status.ok()) continue;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr("cannot do it: "), HasSubstr(c.said)));
  }
}

TEST(ToStatus, SaysWhatHelps) {
  EXPECT_THAT(RemedyOf(ToStatus(500, Grpc(2, "update is disabled for modes other than 'database'"),
                                "set the policy"))
                  .value_or(""),
              HasSubstr("policy.mode"));
  EXPECT_THAT(RemedyOf(ToStatus(400, Grpc(3, "requested tags [tag:x] are invalid or not permitted"),
                                "set tags"))
                  .value_or(""),
              HasSubstr("tagOwners"));
}

TEST(ToNode, ReadsEachGeneration) {
  const Node old = ToNode(Json::parse(
      R"({"id":"7","machineKey":"mkey:1","name":"Web","givenName":"web","ipAddresses":["100.64.0.7","fd7a::7"],
      "user":{"id":"2","name":"ops"},"forcedTags":["tag:b","tag:a"],"validTags":["tag:c"],"expiry":"0001-01-01T00:00:00Z",
      "lastSeen":"2026-01-02T03:04:05.123456789Z","online":true,"registerMethod":"REGISTER_METHOD_AUTH_KEY",
      "preAuthKey":{"key":"super-secret-key","ephemeral":true}})"));
  EXPECT_EQ(old.user, "ops");
  EXPECT_THAT(old.tags, ElementsAre("tag:a", "tag:b"));
  EXPECT_THAT(old.asked_tags, ElementsAre("tag:c"));
  EXPECT_EQ(old.expiry, std::nullopt);
  EXPECT_EQ(old.Ipv4(), "100.64.0.7");
  EXPECT_EQ(old.Ipv6(), "fd7a::7");
  EXPECT_EQ(old.register_method, "auth_key");
  EXPECT_TRUE(old.ephemeral);
  EXPECT_EQ(Redact("super-secret-key"), kRedacted);

  const Node tagged = ToNode(Json::parse(
      R"({"id":"7","name":"web","user":{"id":"2147455555","name":"tagged-devices"},"tags":["tag:a"],
      "expiry":null,"approvedRoutes":["10.2.0.0/24","10.1.0.0/24"],"availableRoutes":[],"subnetRoutes":[]})"));
  EXPECT_EQ(tagged.user, "");
  EXPECT_THAT(tagged.approved_routes, ElementsAre("10.1.0.0/24", "10.2.0.0/24"));
  // A single node shows who tagged it: it belongs to its tags all the same.
  EXPECT_EQ(
      ToNode(Json::parse(R"({"id":"7","user":{"id":"2","name":"ops"},"tags":["tag:a"]})")).user,
      "");
  EXPECT_EQ(ToNode(Json::parse(R"({"id":"7","user":{"id":"2","name":"ops"},"tags":[]})")).user,
            "ops");
  // Nothing where something is expected is nothing.
  EXPECT_EQ(ToNode(Json::parse(R"({"id":7,"tags":null,"user":null,"expiry":""})")).id, "7");
}

TEST(ToPreauthKey, ReadsEachGeneration) {
  EXPECT_EQ(ToPreauthKey(Json::parse(R"({"id":"3","user":"ops","key":"abcdefgh"})")).user, "ops");
  const PreauthKey owned = ToPreauthKey(Json::parse(
      R"({"id":"3","user":{"id":"2","name":"ops"},"key":"hskey-auth-abc-***","used":true})"));
  EXPECT_EQ(owned.user_id, "2");
  EXPECT_TRUE(owned.used);
  EXPECT_EQ(ToPreauthKey(Json::parse(R"({"id":"3","user":null,"aclTags":["tag:a"]})")).user, "");
  EXPECT_NE(Redact("hskey-auth-abc-***"), kRedacted);
}

TEST(AddRoutes, PutsRoutesOfOldServersIntoTheirNodes) {
  std::vector<Node> nodes(2);
  nodes[0].id = "1";
  nodes[1].id = "2";
  AddRoutes({{"9", "2", "10.2.0.0/24", true, true, true},
             {"8", "2", "10.1.0.0/24", true, false, false},
             {"7", "2", "0.0.0.0/0", true, true, false},
             {"6", "3", "10.9.0.0/24", true, true, true}},
            nodes);
  EXPECT_TRUE(nodes[0].available_routes.empty());
  EXPECT_THAT(nodes[1].available_routes, ElementsAre("0.0.0.0/0", "10.1.0.0/24", "10.2.0.0/24"));
  EXPECT_THAT(nodes[1].approved_routes, ElementsAre("0.0.0.0/0", "10.2.0.0/24"));
  EXPECT_THAT(nodes[1].served_routes, ElementsAre("0.0.0.0/0", "10.2.0.0/24"));
}

TEST(TimeText, IsRfc3339) {
  EXPECT_EQ(TimeText(absl::FromUnixSeconds(1'700'000'000)), "2023-11-14T22:13:20Z");
  EXPECT_EQ(TimeText(absl::FromUnixMillis(1'700'000'000'250)), "2023-11-14T22:13:20.25Z");
}

}  // namespace
}  // namespace charon::headscale
