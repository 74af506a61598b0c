#include "provider/clients/headscale/client.h"

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/fake_headscale.h"
#include "provider/testing/status_matchers.h"

namespace charon::headscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kMinors[] = {23, 25, 26, 27, 28, 29, 30};

class HeadscaleClient : public testing::TestWithParam<int> {
 protected:
  HeadscaleClient() : server_(GetParam(), clock_), client_(server_.Client()) {
    call_.clock = &clock_;
  }

  nlohmann::json LastBody() const {
    return nlohmann::json::parse(server_.transport().requests().back().body);
  }

  FakeClock clock_;
  mutable FakeHeadscale server_;
  std::shared_ptr<Client> client_;
  Call call_;
};

INSTANTIATE_TEST_SUITE_P(Versions, HeadscaleClient, testing::ValuesIn(kMinors),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(HeadscaleClient, FindsTheGenerationOnce) {
  const auto dialect = client_->server().GetDialect(call_);
  ASSERT_THAT(dialect, IsOk());
  EXPECT_EQ(dialect->minor, GetParam());
  const std::size_t asked = server_.transport().count();
  ASSERT_THAT(client_->server().GetDialect(call_), IsOk());
  EXPECT_EQ(server_.transport().count(), asked);
  for (const http::Request& request : server_.transport().requests()) {
    for (const auto& [name, value] : request.headers)
      EXPECT_NE(name, "Authorization") << "the version needs no key";
  }
}

TEST_P(HeadscaleClient, UsersAreMadeRenamedAndDeletedWithoutAskingAgain) {
  auto made = client_->users().Create(call_, {"alice"});
  ASSERT_THAT(made, IsOk());
  ASSERT_THAT(client_->users().List(call_), IsOk());
  const int reads = server_.reads();
  auto renamed = client_->users().Rename(call_, *made, "bob@example.com");
  ASSERT_THAT(renamed, IsOk());
  EXPECT_EQ(renamed->id, made->id);
  EXPECT_EQ(client_->users().FindByName(call_, "bob@example.com")->id, made->id);
  EXPECT_THAT(client_->users().FindByName(call_, "alice"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client_->users().Delete(call_, *renamed), IsOk());
  EXPECT_THAT(client_->users().Get(call_, made->id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(server_.reads(), reads);
  const std::string ref = GetParam() < 24 ? "alice" : made->id;
  const std::string later = GetParam() < 24 ? "bob%40example.com" : made->id;
  EXPECT_THAT(
      server_.writes(),
      ElementsAre("POST /api/v1/user", "POST /api/v1/user/" + ref + "/rename/bob%40example.com",
                  "DELETE /api/v1/user/" + later));
}

TEST_P(HeadscaleClient, DetailsOfUsersNeedAVersionThatHasThem) {
  const auto made = client_->users().Create(
      call_, {"alice", "Alice A.", "alice@example.com", "https://example.com/a.png"});
  if (GetParam() < 24) {
    EXPECT_THAT(made, StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("Headscale 0.24 and later can")));
    EXPECT_THAT(server_.writes(), IsEmpty());
    return;
  }
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->display_name, "Alice A.");
  EXPECT_EQ(made->picture_url, "https://example.com/a.png");
  EXPECT_EQ(
      LastBody(),
      nlohmann::json::parse(
          R"({"name":"alice","displayName":"Alice A.","email":"alice@example.com","pictureUrl":"https://example.com/a.png"})"));
}

TEST_P(HeadscaleClient, AUserWhoseAnswerGotLostIsFoundAgain) {
  ASSERT_THAT(client_->users().List(call_), IsOk());
  ASSERT_THAT(client_->server().GetDialect(call_), IsOk());
  server_.transport().FailNth(1, absl::UnavailableError("connection reset"), /*after=*/true);
  const auto made = client_->users().Create(call_, {"alice"});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(server_.users.size(), 1u);
  EXPECT_EQ(made->id, absl::StrCat(server_.users[0].id));
}

TEST_P(HeadscaleClient, AUserOfTheServerComesBeforeOneOfTheIdentityProvider) {
  if (GetParam() < 24) return;  // does not tell who comes from where
  for (const char* provider : {"oidc", ""}) {
    auto& user = server_.AddUser("alice");
    user.provider = provider;
    user.email = "alice@example.com";
  }
  EXPECT_EQ(client_->users().FindByName(call_, "alice")->id, absl::StrCat(server_.users[1].id));
  EXPECT_EQ(client_->users().FindByName(call_, "alice@example.com")->id,
            absl::StrCat(server_.users[0].id));
}

TEST_P(HeadscaleClient, ErrorsOfUsersAreTold) {
  ASSERT_THAT(client_->users().Create(call_, {"alice"}), IsOk());
  EXPECT_THAT(client_->users().Create(call_, {"alice"}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("make user \"alice\"")));
  server_.AddNode("web", server_.users[0].id);
  EXPECT_THAT(client_->users().Delete(call_, *client_->users().FindByName(call_, "alice")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("node(s) found")));
  User ghost;
  ghost.id = "99";
  ghost.name = "ghost";
  EXPECT_THAT(client_->users().Delete(call_, ghost), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(HeadscaleClient, KeysAreMadeExpiredAndRemoved) {
  server_.AddUser("ops");
  NewPreauthKey wanted;
  wanted.user = "ops";
  wanted.reusable = true;
  wanted.tags = {"tag:infra"};
  wanted.expiration = clock_.Now() + absl::Hours(1);
  const auto made = client_->preauth_keys().Create(call_, wanted);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->key, server_.keys[0].key);
  EXPECT_EQ(made->user, "ops");
  EXPECT_EQ(LastBody(),
            (nlohmann::json{{"user", GetParam() < 26 ? "ops" : absl::StrCat(server_.users[0].id)},
                            {"reusable", true},
                            {"ephemeral", false},
                            {"aclTags", {"tag:infra"}},
                            {"expiration", "2023-11-14T23:13:20Z"}}));
  auto listed = client_->preauth_keys().List(call_, "ops");
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_THAT((*listed)[0].tags, ElementsAre("tag:infra"));
  ASSERT_THAT(client_->preauth_keys().Expire(call_, (*listed)[0]), IsOk());
  EXPECT_EQ(server_.keys[0].expiration, clock_.Now());
  // Once more does no harm.
  EXPECT_THAT(client_->preauth_keys().Expire(call_, (*listed)[0]), IsOk());
  EXPECT_THAT(client_->preauth_keys().Remove(call_, (*listed)[0]), IsOk());
  EXPECT_EQ(server_.keys.size(), GetParam() < 28 ? 1u : 0u);
}

TEST_P(HeadscaleClient, KeysWithoutAUserNeedAVersionThatHasThem) {
  NewPreauthKey wanted;
  wanted.tags = {"tag:infra"};
  wanted.expiration = clock_.Now() + absl::Hours(1);
  const auto made = client_->preauth_keys().Create(call_, wanted);
  if (GetParam() < 28) {
    EXPECT_THAT(made, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("0.28 and later can")));
    EXPECT_THAT(server_.writes(), IsEmpty());
  } else {
    ASSERT_THAT(made, IsOk());
    EXPECT_EQ(made->user, "");
  }
}

TEST_P(HeadscaleClient, KeysOfAnUnknownUserAreAnError) {
  NewPreauthKey wanted;
  wanted.user = "nobody";
  EXPECT_THAT(client_->preauth_keys().Create(call_, wanted), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(HeadscaleClient, OneListOfNodesServesAllReadsAndWritesKeepItUpToDate) {
  const int user = server_.AddUser("ops").id;
  server_.AddNode("web", user);
  server_.AddNode("db", user);
  server_.nodes[0].available = {"10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0", "::/0"};
  server_.nodes[0].online = true;
  const std::string id = absl::StrCat(server_.nodes[0].id);
  ASSERT_THAT(client_->nodes().List(call_), IsOk());
  const int reads = server_.reads();
  auto node = client_->nodes().Get(call_, id);
  ASSERT_THAT(node, IsOk());
  EXPECT_EQ(node->user, "ops");
  ASSERT_THAT(client_->nodes().Rename(call_, *node, "front"), IsOk());
  node = client_->nodes().SetRoutes(call_, *node, {"0.0.0.0/0", "10.1.0.0/24", "::/0"});
  ASSERT_THAT(node, IsOk());
  EXPECT_THAT(node->approved_routes, ElementsAre("0.0.0.0/0", "10.1.0.0/24", "::/0"));
  ASSERT_THAT(client_->nodes().SetTags(call_, *node, {"tag:infra"}), IsOk());
  node = client_->nodes().Get(call_, id);
  ASSERT_THAT(node, IsOk());
  EXPECT_EQ(node->given_name, "front");
  EXPECT_THAT(node->tags, ElementsAre("tag:infra"));
  EXPECT_EQ(node->user, GetParam() < 28 ? "ops" : "");
  EXPECT_TRUE(node->online);
  EXPECT_THAT(node->available_routes,
              ElementsAre("0.0.0.0/0", "10.1.0.0/24", "10.2.0.0/24", "::/0"));
  EXPECT_THAT(node->approved_routes, ElementsAre("0.0.0.0/0", "10.1.0.0/24", "::/0"));
  // Routes are objects until 0.25: they are looked up.
  EXPECT_EQ(server_.reads(), reads + (GetParam() < 26 ? 1 : 0));
  // What the server says now is the same.
  clock_.Advance(absl::Seconds(1));
  const auto fresh = client_->nodes().ListSince(call_, clock_.Now());
  ASSERT_THAT(fresh, IsOk());
  EXPECT_EQ((*fresh)->front().approved_routes, node->approved_routes);
  EXPECT_EQ((*fresh)->front().given_name, "front");
  ASSERT_THAT(client_->nodes().Delete(call_, *node), IsOk());
  EXPECT_THAT(client_->nodes().Get(call_, id), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client_->nodes().Delete(call_, *node), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client_->nodes().Rename(call_, *node, "x"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(HeadscaleClient, RoutesCanBeApprovedAheadFromAVersionOn) {
  server_.AddNode("web", server_.AddUser("ops").id);
  const auto nodes = client_->nodes().List(call_);
  ASSERT_THAT(nodes, IsOk());
  const auto set = client_->nodes().SetRoutes(call_, (*nodes)->front(), {"10.1.0.0/24"});
  if (GetParam() < 26) {
    EXPECT_THAT(set, StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("does not offer 10.1.0.0/24 (it offers nothing)")));
    EXPECT_THAT(server_.writes(), IsEmpty());
  } else {
    ASSERT_THAT(set, IsOk());
    EXPECT_THAT(set->approved_routes, ElementsAre("10.1.0.0/24"));
    EXPECT_THAT(set->served_routes, IsEmpty());
  }
}

TEST_P(HeadscaleClient, ExpiryIsSetInTheGenerationsOwnWay) {
  server_.AddNode("web", server_.AddUser("ops").id);
  const Node node = (*client_->nodes().List(call_))->front();
  const absl::Time at = clock_.Now() + absl::Hours(24);
  const auto set = client_->nodes().SetExpiry(call_, node, at);
  if (GetParam() < 27) {
    EXPECT_THAT(set, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("0.27")));
  } else {
    ASSERT_THAT(set, IsOk());
    EXPECT_EQ(set->expiry, at);
  }
  const auto never = client_->nodes().SetExpiry(call_, node, std::nullopt);
  if (GetParam() < 29) {
    EXPECT_THAT(never, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("0.29")));
  } else {
    ASSERT_THAT(never, IsOk());
    EXPECT_EQ(never->expiry, std::nullopt);
    const auto request = server_.transport().requests().back();
    if (GetParam() >= 30) {
      EXPECT_EQ(request.body, R"({"disableExpiry":true})");
    } else {
      EXPECT_THAT(request.url, testing::EndsWith("/expire?disableExpiry=true"));
      EXPECT_EQ(request.body, "");
    }
  }
  const auto now = client_->nodes().Expire(call_, node);
  ASSERT_THAT(now, IsOk());
  EXPECT_TRUE(now->IsExpired(clock_.Now()));
}

TEST_P(HeadscaleClient, NodesMoveWhereTheyCan) {
  server_.AddUser("ops");
  const int dev = server_.AddUser("dev").id;
  server_.AddNode("web", server_.users[0].id);
  const Node node = (*client_->nodes().List(call_))->front();
  const auto moved = client_->nodes().Move(call_, node, *client_->users().FindByName(call_, "dev"));
  if (GetParam() >= 28) {
    EXPECT_THAT(moved, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("could until 0.27")));
    return;
  }
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(moved->user, "dev");
  EXPECT_EQ(server_.nodes[0].user, dev);
}

TEST_P(HeadscaleClient, TagsCanBeClearedUntilAVersion) {
  server_.AddNode("web", server_.AddUser("ops").id).tags = {"tag:a"};
  const Node node = (*client_->nodes().List(call_))->front();
  const auto cleared = client_->nodes().SetTags(call_, node, {});
  if (GetParam() >= 28) {
    EXPECT_THAT(cleared, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("could until 0.27")));
  } else {
    ASSERT_THAT(cleared, IsOk());
    EXPECT_THAT(cleared->tags, IsEmpty());
  }
}

TEST_P(HeadscaleClient, PolicyIsReadSetAndChecked) {
  EXPECT_THAT(client_->policy().Get(call_), StatusIs(absl::StatusCode::kNotFound));
  const auto set = client_->policy().Set(call_, "{}");
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->text, "{}");
  EXPECT_TRUE(set->updated_at.has_value());
  EXPECT_EQ(client_->policy().Get(call_)->text, "{}");
  EXPECT_THAT(client_->policy().Set(call_, "bad"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("parsing policy")));
  const absl::Status checked = client_->policy().Check(call_, "bad");
  if (GetParam() < 29) {
    EXPECT_THAT(checked,
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("0.29 and later can")));
  } else {
    EXPECT_THAT(checked, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad")));
    EXPECT_THAT(client_->policy().Check(call_, "{}"), IsOk());
  }
  server_.policy_in_file = true;
  EXPECT_THAT(client_->policy().Set(call_, "{}"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("database")));
}

TEST_P(HeadscaleClient, AWrongKeyIsToldAsSuch) {
  Connection connection;
  connection.endpoint = "https://vpn.example.org";
  connection.api_key = "wrong-key-123";
  const auto client = NewClient(http::Borrow(server_.transport()), connection);
  const absl::Status status = client->users().List(call_).status();
  EXPECT_THAT(
      status,
      StatusIs(absl::StatusCode::kUnauthenticated,
               "the Headscale server at https://vpn.example.org refused the API key (HTTP 401)"));
  EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("headscale apikeys create"));
  EXPECT_THAT(client->server().Check(call_), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(client_->server().Check(call_), IsOk());
}

TEST_P(HeadscaleClient, ParallelReadsShareOneList) {
  server_.AddNode("web", server_.AddUser("ops").id);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_THAT(client_->nodes().List(call_), IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  int lists = 0;
  for (const http::Request& request : server_.transport().requests())
    lists += request.url == "https://vpn.example.org/api/v1/node";
  EXPECT_EQ(lists, 1);
}

TEST(HeadscaleServer, ABusyDatabaseIsAskedAgain) {
  FakeClock clock;
  FakeHeadscale server(29, clock);
  int busy = 3;
  http::FakeTransport front;
  front.Handle([&](const Call& call,
                   const http::Request& request) -> absl::StatusOr<http::Response> {
    if (request.method == "POST" && busy-- > 0) {
      return http::Response{
          500,
          {},
          R"j({"code":13,"message":"creating user: database is locked (5) (SQLITE_BUSY)","details":[]})j"};
    }
    return server.transport().Send(call, request);
  });
  Connection connection;
  connection.endpoint = "https://vpn.example.org";
  connection.api_key = "hskey-api-test-0123456789";
  Call call;
  call.clock = &clock;
  const auto client = NewClient(http::Borrow(front), connection);
  EXPECT_THAT(client->users().Create(call, {"alice"}), IsOk());
  EXPECT_EQ(clock.sleeps().size(), 3u);
  busy = 100;
  EXPECT_THAT(client->users().Create(call, {"bob"}),
              StatusIs(absl::StatusCode::kUnknown, HasSubstr("database is locked")));
}

// What is not Headscale, or hides that it is.
TEST(HeadscaleServer, WhatIsNotHeadscaleIsToldAsSuch) {
  Connection connection;
  connection.endpoint = "https://www.example.org";
  connection.api_key = "abcdefgh";
  struct Case {
    int status;
    const char* body;
    const char* said;
  };
  for (const Case& c :
       {Case{200, "<html>Welcome</html>", "not a Headscale server"},
        Case{404, "nothing here", "not a Headscale server"},
        Case{200, "{}", "not a Headscale server"}, Case{200, R"({"version":"1.29.0"})", ""}}) {
    http::FakeTransport transport;
    transport.Handle([&](const Call&, const http::Request&) {
      return http::Response{c.status, {}, c.body};
    });
    const auto client = NewClient(http::Borrow(transport), connection);
    const absl::Status status = client->users().List({}).status();
    EXPECT_FALSE(status.ok()) << c.body;
    EXPECT_THAT(client->nodes().List({}).status(), testing::Not(IsOk()));
    if (*c.said == 0) continue;
    EXPECT_THAT(client->server().GetDialect({}),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(c.said)));
  }
}

// What answers {} to everything has neither policy nor keys: that does not say that they are gone.
TEST(HeadscaleServer, AnAnswerWithoutWhatWasAskedForSaysNothing) {
  http::FakeTransport transport;
  transport.Handle([&](const Call&, const http::Request&) {
    return http::Response{200, {}, "{}"};
  });
  Connection connection;
  connection.endpoint = "https://www.example.org";
  connection.api_key = "abcdefgh";
  connection.dialect = *ParseVersion("0.28");
  const auto client = NewClient(http::Borrow(transport), connection);
  const auto is_error =
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not a Headscale server"));
  EXPECT_THAT(client->policy().Get({}), is_error);
  EXPECT_THAT(client->users().List({}), is_error);
  EXPECT_THAT(client->nodes().List({}), is_error);
  EXPECT_THAT(client->preauth_keys().List({}, "u"), is_error);
}

// Words of a database about something else, in answer to a list.
TEST(HeadscaleServer, AListIsNeverNotFound) {
  http::FakeTransport transport;
  transport.Handle([&](const Call&, const http::Request&) {
    return http::Response{500, {}, R"({"code": 2, "message": "record not found"})"};
  });
  Connection connection;
  connection.endpoint = "https://www.example.org";
  connection.api_key = "abcdefgh";
  connection.dialect = *ParseVersion("0.28");
  const auto client = NewClient(http::Borrow(transport), connection);
  EXPECT_THAT(client->users().List({}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(client->nodes().List({}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(HeadscaleServer, AProxyThatHidesTheVersionNeedsTheDialect) {
  FakeClock clock;
  FakeHeadscale server(26, clock);
  http::FakeTransport proxy;
  proxy.Handle([&](const Call& call,
                   const http::Request& request) -> absl::StatusOr<http::Response> {
    if (absl::StrContains(request.url, "/swagger") || absl::StrContains(request.url, "/version"))
      return http::Response{403, {}, "no"};
    return server.transport().Send(call, request);
  });
  Connection connection;
  connection.endpoint = "https://vpn.example.org";
  connection.api_key = "hskey-api-test-0123456789";
  const absl::Status status =
      NewClient(http::Borrow(proxy), connection)->server().GetDialect({}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("does not tell its version")));
  EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("headscale.dialect"));
  connection.dialect = *ParseVersion("0.26");
  EXPECT_THAT(NewClient(http::Borrow(proxy), connection)->nodes().List({}), IsOk());
}

TEST(HeadscaleServer, AnEndpointThatIsMissingIsNamed) {
  FakeClock clock;
  FakeHeadscale server(26, clock);
  Connection connection;
  connection.endpoint = "https://vpn.example.org";
  connection.api_key = "hskey-api-test-0123456789";
  connection.dialect = *ParseVersion("0.23");
  const auto client = NewClient(http::Borrow(server.transport()), connection);
  const absl::Status status = client->nodes().List({}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("has no GET /api/v1/routes (HTTP 404)")));
  EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("headscale.dialect"));
}

TEST(HeadscaleResolve, SaysWhatIsMissing) {
  const auto with = [](std::optional<std::string> endpoint, std::optional<std::string> key) {
    ConnectionSettings settings;
    settings.endpoint = std::move(endpoint);
    settings.api_key = std::move(key);
    return settings;
  };
  EXPECT_THAT(Resolve(with("", "")), StatusIs(absl::StatusCode::kFailedPrecondition,
                                              HasSubstr("URL of the Headscale server")));
  EXPECT_THAT(RemedyOf(Resolve(with("https://h", "")).status()).value_or(""),
              HasSubstr("HEADSCALE_API_KEY"));
  EXPECT_THAT(Resolve(with("h:443", "k")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("headscale.endpoint")));
  EXPECT_THAT(Resolve(with("https://u:p@h", "k")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("user or a password")));
  const auto bad = Resolve(with("https://h", "two\nlines-of-key"));
  EXPECT_THAT(bad, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(bad.status().message()), testing::Not(HasSubstr("lines-of-key")));
  const auto good = Resolve(with("https://h/api/v1/", " key-with-blanks-around\n"));
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->endpoint, "https://h");
  EXPECT_EQ(good->api_key, "key-with-blanks-around");
}

}  // namespace
}  // namespace charon::headscale
