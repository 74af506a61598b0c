#include "resources/vpn/user.h"

#include "gtest/gtest.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VpnUser : public testing::TestWithParam<int> {
 protected:
  VpnUser() : vpn_(GetParam()) { user_.call.clock = &vpn_.clock; }

  // Terraform keeps the state and starts the provider anew.
  void NextRun() { vpn_.NextRun(); }

  Vpn vpn_;
  ResourceHarness user_{std::make_unique<UserResource>(vpn_.services)};
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnUser, testing::Values(23, 26, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnUser, IsMadeRenamedImportedAndForgotten) {
  EXPECT_EQ(user_.Apply(R"({"name": "ci"})"), core::Action::kCreate);
  const Value id = user_["id"];
  EXPECT_EQ(user_.Apply(R"({"name": "ci-runner", "timeouts": {"create": "1m"}})"),
            core::Action::kUpdate);
  EXPECT_EQ(user_["id"], id);
  EXPECT_EQ(vpn_.server.users[0].name, "ci-runner");
  EXPECT_EQ(user_["oidc"], Value::Bool(false));
  user_.Import("ci-runner");
  EXPECT_EQ(user_["id"], id);
  user_.Import(absl::StrCat(vpn_.server.users[0].id));
  EXPECT_EQ(user_["name"], Value::String("ci-runner"));
  vpn_.server.users.clear();
  NextRun();
  user_.Refresh();
  EXPECT_TRUE(user_.state().IsNull());
}

TEST_P(VpnUser, AnotherNameOutsideIsDriftAndRenamedBack) {
  user_.Apply(R"({"name": "ci"})");
  vpn_.server.users[0].name = "other";
  NextRun();
  user_.Refresh();
  EXPECT_EQ(user_["name"], Value::String("other"));
  EXPECT_EQ(user_.Apply(R"({"name": "ci"})"), core::Action::kUpdate);
  EXPECT_EQ(vpn_.server.users[0].name, "ci");
}

TEST_P(VpnUser, DetailsNeedAVersionThatHasThem) {
  const char* config =
      R"({"name": "ci", "display_name": "Runner", "email": "ci@example.com", "picture_url": "https://example.com/p.png"})";
  if (GetParam() < 24) {
    EXPECT_THAT(
        user_.ApplyToFail(config),
        ElementsAre(AllOf(HasSubstr("display_name"), HasSubstr("Headscale 0.24 and later can"))));
    EXPECT_THAT(vpn_.server.writes(), IsEmpty());
    return;
  }
  user_.Apply(config);
  EXPECT_EQ(vpn_.server.users[0].email, "ci@example.com");
  EXPECT_EQ(user_.Apply(R"({"name": "ci", "display_name": "Robot"})"), core::Action::kReplace);
  EXPECT_EQ(vpn_.server.users[0].display_name, "Robot");
  EXPECT_EQ(vpn_.server.users.size(), 1u);
  // What is not written is not looked at.
  vpn_.server.users[0].email = "set@elsewhere.org";
  NextRun();
  user_.Refresh();
  EXPECT_TRUE(user_["email"].IsNull());
}

TEST_P(VpnUser, AnExistingUserIsTakenOnlyIfAsked) {
  vpn_.server.AddUser("ci").created_at -= absl::Hours(2);
  EXPECT_THAT(user_.ApplyToFail(R"({"name": "ci"})"),
              ElementsAre(AllOf(HasSubstr("name: "), HasSubstr("exists already"),
                                HasSubstr("on_conflict = \"adopt\""))));
  EXPECT_THAT(user_.warnings(),
              ElementsAre(AllOf(HasSubstr("name: "), HasSubstr("will be unable to create"),
                                HasSubstr("exists already"))));
  EXPECT_THAT(vpn_.server.writes(), IsEmpty());
  EXPECT_EQ(user_.Apply(R"({"name": "ci", "on_conflict": "adopt"})"), core::Action::kCreate);
  EXPECT_THAT(vpn_.server.writes(), IsEmpty());
  EXPECT_EQ(vpn_.server.users.size(), 1u);
}

TEST_P(VpnUser, WhatAnInterruptedApplyLeftIsTakenAndNothingElse) {
  struct Case {
    const char* what;
    bool taken;
    std::function<void(FakeHeadscale&, FakeHeadscale::User&)> change;
    const char* config = R"({"name": "ci"})";
    int since = 0;
  };
  const auto key = [](bool used, bool reusable, absl::Duration left) {
    return [=](FakeHeadscale& server, FakeHeadscale::User& user) {
      const absl::Time made = user.created_at;
      server.keys.push_back({.id = 7,
                             .key = "k",
                             .user = user.id,
                             .reusable = reusable,
                             .used = used,
                             .tags = {},
                             .expiration = made + left,
                             .created_at = made});
    };
  };
  const std::vector<Case> cases = {
      {"as declared", true, [](auto&, auto&) {}},
      {"too old", false, [](auto&, auto& user) { user.created_at -= absl::Minutes(61); }},
      {"not asked for", false, [](auto&, auto&) {}, R"({"name": "ci", "on_conflict": "fail"})"},
      {"with a node", false, [](auto& server, auto& user) { server.AddNode("web", user.id); }},
      {"another's node", true,
       [](auto& server, auto&) { server.AddNode("web", server.AddUser("other").id); }},
      {"with a key", false, key(false, false, absl::Hours(1))},
      {"with a key for many, used", false, key(true, true, absl::Hours(1))},
      {"with a key that is used up", true, key(true, false, absl::Hours(1))},
      {"with a key that has expired", true, key(false, false, -absl::Hours(1))},
      {"of another display name", false, [](auto&, auto& user) { user.display_name = "Else"; },
       R"({"name": "ci", "display_name": "CI"})", 24},
      {"with more than declared", false, [](auto&, auto& user) { user.email = "a@example.com"; },
       R"({"name": "ci"})", 24},
      {"with all that is declared", true, [](auto&, auto& user) { user.email = "a@example.com"; },
       R"({"name": "ci", "email": "a@example.com"})", 24},
      {"from the identity provider", false, [](auto&, auto& user) { user.provider = "oidc"; },
       R"({"name": "ci"})", 24},
  };
  for (const Case& one : cases) {
    if (GetParam() < one.since) continue;
    Vpn vpn(GetParam());
    ResourceHarness user(std::make_unique<UserResource>(vpn.services));
    user.call.clock = &vpn.clock;
    vpn.server.AddUser("ci");
    one.change(vpn.server, vpn.server.users.front());
    const std::size_t users = vpn.server.users.size();
    if (one.taken) {
      EXPECT_EQ(user.Apply(one.config), core::Action::kCreate) << one.what;
      EXPECT_THAT(user.warnings(),
                  ElementsAre(AllOf(HasSubstr("interrupted apply"), HasSubstr("on_conflict"))))
          << one.what;
    } else {
      EXPECT_THAT(user.ApplyToFail(one.config), ElementsAre(HasSubstr("exists already")))
          << one.what;
    }
    EXPECT_EQ(vpn.server.users.size(), users) << one.what;
    EXPECT_THAT(vpn.server.writes(), IsEmpty()) << one.what;
  }
}

TEST_P(VpnUser, TheCreateHalfOfAReplacementDoesNotTakeWhatTheOtherDeletes) {
  vpn_.server.AddUser("ci");
  sdk::PrivateState kept;
  kept.Set("held", absl::StrCat(vpn_.server.users[0].id));
  sdk::Diagnostics diagnostics;
  sdk::Context context{.call = user_.call, .diagnostics = &diagnostics, .private_state = &kept};
  UserModel plan;
  plan.name = "ci";
  EXPECT_THAT(UserResource(vpn_.services).Create(context, plan).status(),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(VpnUser, ReplaceMakesItAnewUnlessNodesAreLeft) {
  const int old = vpn_.server.AddUser("ci").id;
  vpn_.server.AddNode("web", old);
  EXPECT_THAT(user_.ApplyToFail(R"({"name": "ci", "on_conflict": "replace"})"),
              ElementsAre(HasSubstr("still has the node web")));
  vpn_.server.nodes.clear();
  NextRun();
  user_.Apply(R"({"name": "ci", "on_conflict": "replace"})");
  EXPECT_EQ(vpn_.server.users.size(), 1u);
  EXPECT_NE(vpn_.server.users[0].id, old);
}

TEST_P(VpnUser, AdoptingCannotChangeDetails) {
  if (GetParam() < 24) return;  // no details
  vpn_.server.AddUser("ci").display_name = "Someone";
  EXPECT_THAT(
      user_.ApplyToFail(R"({"name": "ci", "on_conflict": "adopt", "display_name": "Other"})"),
      ElementsAre(AllOf(HasSubstr("display_name: "), HasSubstr("exists with \"Someone\""))));
}

TEST_P(VpnUser, NodesThatAreLeftAreNamedUnlessTheyShallGoToo) {
  user_.Apply(R"({"name": "ci"})");
  vpn_.server.AddNode("web", vpn_.server.users[0].id);
  vpn_.server.AddNode("db", vpn_.server.users[0].id);
  UserResource resource(vpn_.services);
  sdk::Context context;
  context.call.clock = &vpn_.clock;
  UserModel state;
  state.id = absl::StrCat(vpn_.server.users[0].id);
  const absl::Status refused = resource.Delete(context, state);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("the nodes web (id "), HasSubstr("db (id "))));
  EXPECT_THAT(RemedyOf(refused).value_or(""), HasSubstr("force_delete"));
  EXPECT_EQ(vpn_.server.users.size(), 1u);
  EXPECT_EQ(user_.Apply(R"({"name": "ci", "force_delete": true})"), core::Action::kUpdate);
  EXPECT_EQ(user_.Destroy(), core::Action::kDelete);
  EXPECT_THAT(vpn_.server.users, IsEmpty());
  EXPECT_THAT(vpn_.server.nodes, IsEmpty());
}

TEST_P(VpnUser, UsersOfTheIdentityProviderAreNeverRenamed) {
  if (GetParam() < 24) return;  // does not tell who comes from where
  auto& oidc = vpn_.server.AddUser("alice");
  oidc.provider = "oidc";
  oidc.email = "alice@example.com";
  user_.Apply(R"({"name": "alice", "on_conflict": "adopt"})");
  EXPECT_EQ(user_["oidc"], Value::Bool(true));
  EXPECT_THAT(user_.ApplyToFail(R"({"name": "bob"})"),
              ElementsAre(AllOf(HasSubstr("name: "), HasSubstr("identity provider"))));
  EXPECT_THAT(vpn_.server.writes(), IsEmpty());
}

TEST_P(VpnUser, AnAnswerThatGotLostMakesNoSecondUser) {
  vpn_.server.transport().Handle({});  // replaced below
  FakeHeadscale fresh(GetParam(), vpn_.clock);
  int posts = 0;
  vpn_.server.transport().Handle(
      [&](const Call& call, const http::Request& request) -> absl::StatusOr<http::Response> {
        absl::StatusOr<http::Response> answer = fresh.transport().Send(call, request);
        if (request.method == "POST" && ++posts == 1)
          return absl::UnavailableError("connection reset by peer");
        return answer;
      });
  user_.Apply(R"({"name": "ci"})");
  EXPECT_EQ(fresh.users.size(), 1u);
  EXPECT_EQ(posts, 1);
}

TEST_P(VpnUser, BadNamesAreRefusedBeforeAnythingIsAsked) {
  for (const char* config : {R"({"name": "a"})", R"({"name": "9lives"})",
                             R"({"name": "group:ops"})", R"({"name": "two words"})"}) {
    EXPECT_THAT(user_.ApplyToFail(config),
                ElementsAre(AllOf(HasSubstr("name: "), HasSubstr("starts with a letter"))))
        << config;
  }
  EXPECT_EQ(vpn_.server.transport().count(), 0u);
}

TEST_P(VpnUser, PlansWithoutTheServer) {
  vpn_.server.transport().FailNth(1, absl::UnavailableError("no route to host"));
  // The plan goes on; the apply, which needs the server, finds it again.
  EXPECT_EQ(user_.Apply(R"({"name": "ci"})"), core::Action::kCreate);
}

}  // namespace
}  // namespace charon::vpn
