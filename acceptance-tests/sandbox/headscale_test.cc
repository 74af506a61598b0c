// Unit tests of the Headscale part: what decides names, policies and keys. How the whole answers is
// compared with real servers in Python.

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "headscale_names.h"
#include "headscale_policy.h"
#include "headscale_state.h"
#include "status.h"

namespace charon::sandbox::headscale {
namespace {

TEST(HeadscaleNames, HostnamesBecomeNames) {
  EXPECT_EQ(SanitiseHostname("My_Host.local"), "my-host");
  EXPECT_EQ(SanitiseHostname("a.b c"), "a-b-c");
  EXPECT_EQ(SanitiseHostname("--__"), "");
  EXPECT_EQ(NormaliseHostname("My Host's.Box"), "my-hosts.box");
}

TEST(HeadscaleNames, PrefixesKeepHostBitsAndSortByFamily) {
  EXPECT_EQ(ParsePrefix("10.0.0.1/8")->ToString(), "10.0.0.1/8");
  EXPECT_EQ(ParsePrefix("10.0.0.1").status().message(), "netip.ParsePrefix(\"10.0.0.1\"): no '/'");
  EXPECT_LT(*ParsePrefix("192.0.2.0/24"), *ParsePrefix("::/0"));
  EXPECT_TRUE(ParsePrefix("10.0.0.0/8")->Contains(*ParsePrefix("10.9.0.0/16")));
  EXPECT_FALSE(ParsePrefix("10.0.0.0/8")->Contains(*ParsePrefix("11.0.0.0/16")));
}

TEST(HeadscalePolicy, CommentsAndTrailingCommasGo) {
  EXPECT_EQ(Json::parse(*Standardise("{\n// a\n\"a\": [1, /* b */ 2,],}")),
            Json::parse(R"({"a": [1, 2]})"));
  EXPECT_EQ(Standardise("{\n  \"a\" 1}").status().message(),
            "hujson: line 2, column 7: invalid character '1' after object name");
}

struct Refused {
  std::string policy, message;
};

class RefusedPolicy : public testing::TestWithParam<Refused> {};

TEST_P(RefusedPolicy, SaysWhy) {
  EXPECT_EQ(ReadPolicy029(GetParam().policy).status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedPolicy,
    testing::Values(Refused{R"({"aclz": []})", "unknown field: \"aclz\""},
                    Refused{R"({"acls": [{"action": "accept", "src": ["tag:x"], "dst": ["*:*"]}]})",
                            "src=tag not found: \"tag:x\""},
                    Refused{R"({"acls": [{"action": "accept", "src": ["bob"], "dst": ["*:*"]}]})",
                            "host not defined in policy: \"bob\""},
                    Refused{R"({"groups": {"group:g": ["bob"]}})",
                            "parsing policy from bytes: json: cannot unmarshal JSON object into Go "
                            "v2.Groups within \"/groups\": "
                            "username must contain @, got: \"bob\""}));

class HeadscaleState : public testing::Test {
 protected:
  Json Ok(const absl::StatusOr<Json>& answer) {
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : Json();
  }
  // A reusable key of user 1, who is made.
  std::string Key(State& state, bool ephemeral = false) {
    User user;
    user.name = "ann";
    Ok(state.CreateUser(user));
    PreAuthKey key;
    key.user = 1;
    key.reusable = true;
    key.ephemeral = ephemeral;
    key.expiration = now_ + absl::Hours(1);
    return Text(Ok(state.CreateKey(key, true)), {"preAuthKey", "key"});
  }
  std::string Register(State& state, const std::string& key, const std::string& machine,
                       std::vector<Prefix> routes = {}) {
    return Text(Ok(state.Register({key, machine, machine + "n", "web", std::move(routes), {}})),
                {"node", "id"});
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  State old_{Dialect::k023, 1, [this] { return now_; }};
  State new_{Dialect::k029, 1, [this] { return now_; }};
};

TEST_F(HeadscaleState, ASecondNodeOfAHostGetsAnotherName) {
  const std::string key = Key(new_);
  Register(new_, key, "mkey:1");
  Register(new_, key, "mkey:2");
  EXPECT_EQ(Ok(new_.GetNode(2))["node"]["givenName"], "web-1");
  const std::string old_key = Key(old_);
  Register(old_, old_key, "mkey:1");
  Register(old_, old_key, "mkey:2");
  EXPECT_EQ(Text(Ok(old_.GetNode(2)), {"node", "givenName"}).size(),
            std::string("web-12345678").size());
}

TEST_F(HeadscaleState, TheSameMachineStaysTheSameNode) {
  const std::string key = Key(new_);
  EXPECT_EQ(Register(new_, key, "mkey:1"), "1");
  EXPECT_EQ(Register(new_, key, "mkey:1"), "1");
}

TEST_F(HeadscaleState, ASingleUseKeyIsUsedOnce) {
  Key(new_);
  PreAuthKey single;
  single.user = 1;
  single.expiration = now_ + absl::Hours(1);
  const std::string key = Text(Ok(new_.CreateKey(single, true)), {"preAuthKey", "key"});
  Register(new_, key, "mkey:1");
  EXPECT_EQ(new_.Register({key, "mkey:2", "n", "x", {}, {}}).status().message(),
            "authkey already used");
  EXPECT_EQ(Ok(new_.ListKeys(std::nullopt))["preAuthKeys"][1]["used"], true);
  EXPECT_TRUE(
      absl::EndsWith(Text(Ok(new_.ListKeys(std::nullopt))["preAuthKeys"][1], {"key"}), "-***"));
}

TEST_F(HeadscaleState, AnExpiredKeyLetsNobodyIn) {
  const std::string key = Key(new_);
  now_ += absl::Hours(2);
  EXPECT_EQ(new_.Register({key, "mkey:2", "n", "x", {}, {}}).status().message(), "authkey expired");
}

TEST_F(HeadscaleState, EphemeralNodesGoWhenTheyWereAway) {
  Register(new_, Key(new_, true), "mkey:1");
  ASSERT_TRUE(new_.SetOnline(1, false).ok());
  now_ += absl::Minutes(29);
  new_.Tick();
  EXPECT_TRUE(new_.GetNode(1).ok());
  now_ += absl::Minutes(2);
  new_.Tick();
  EXPECT_EQ(new_.GetNode(1).status().message(), "node not found");
}

TEST_F(HeadscaleState, RoutesFailOverToWhoIsOnline) {
  const std::string key = Key(new_);
  const Prefix prefix = *ParsePrefix("10.0.0.0/8");
  for (const char* machine : {"mkey:1", "mkey:2"}) Register(new_, key, machine, {prefix});
  for (const std::uint64_t id : {1, 2}) Ok(new_.ApproveRoutes(id, {"10.0.0.0/8"}));
  const auto served = [&](int index) {
    return Ok(new_.ListNodes(""))["nodes"][index]["subnetRoutes"].size();
  };
  EXPECT_EQ(served(0), 1U);
  EXPECT_EQ(served(1), 0U);
  ASSERT_TRUE(new_.SetOnline(1, false).ok());
  EXPECT_EQ(served(0), 0U);
  EXPECT_EQ(served(1), 1U);
}

TEST_F(HeadscaleState, AnExitNodeHasBothFamilies) {
  Register(new_, Key(new_), "mkey:1");
  EXPECT_EQ(Ok(new_.ApproveRoutes(1, {"0.0.0.0/0"}))["node"]["approvedRoutes"],
            Json({"0.0.0.0/0", "::/0"}));
}

TEST_F(HeadscaleState, TagsTakeTheOwner) {
  Register(new_, Key(new_), "mkey:1");
  EXPECT_EQ(new_.SetTags(1, {"tag:a"}).status().message(),
            "requested tags [tag:a] are invalid or not permitted");
  Ok(new_.SetPolicy(R"({"tagOwners": {"tag:a": ["ann@"]}})"));
  EXPECT_TRUE(Ok(new_.SetTags(1, {"tag:a"}))["node"]["user"].is_null());
  EXPECT_EQ(Ok(new_.ListNodes(""))["nodes"][0]["user"]["name"], "tagged-devices");
}

TEST_F(HeadscaleState, RoutesOfTheOldGenerationAreEnabledOneByOne) {
  Register(old_, Key(old_), "mkey:1",
           {*ParsePrefix("10.0.0.0/8"), *ParsePrefix("0.0.0.0/0"), *ParsePrefix("::/0")});
  ASSERT_TRUE(old_.EnableRoute(1).ok());
  ASSERT_TRUE(old_.EnableRoute(2).ok());
  const Json routes = Ok(old_.NodeRoutes(1))["routes"];
  EXPECT_EQ(routes[0]["isPrimary"], true);
  EXPECT_EQ(routes[2]["enabled"], true);  // The twin of the exit route.
  EXPECT_EQ(routes[2]["isPrimary"], false);
}

TEST_F(HeadscaleState, ApproversApproveWhatLiesWithin) {
  Ok(new_.SetPolicy(
      R"({"groups": {"group:n": ["ann@"]}, "autoApprovers": {"routes": {"10.0.0.0/8": ["group:n"]}}})"));
  Register(new_, Key(new_), "mkey:1", {*ParsePrefix("10.1.0.0/16"), *ParsePrefix("192.0.2.0/24")});
  EXPECT_EQ(Ok(new_.GetNode(1))["node"]["approvedRoutes"], Json({"10.1.0.0/16"}));
}

}  // namespace
}  // namespace charon::sandbox::headscale
