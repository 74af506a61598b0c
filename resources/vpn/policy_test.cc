#include "resources/vpn/policy.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/value/json.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kOpen[] =
    "{\n  // everybody\n  \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": "
    "[\"*:*\"]}],\n}\n";

// A policy in which group:dev reaches the ports of tag:web.
std::string Dev(absl::string_view ports, absl::string_view more = "") {
  return absl::StrCat(
      R"({"groups": {"group:dev": ["ann@x.org", "bob@x.org"]}, "tagOwners": {"tag:web": [], "tag:db": []},
  "acls": [{"action": "accept", "src": ["group:dev"], "dst": ["tag:web:)",
      ports, "\"]}", more, "]}");
}

std::string Config(absl::string_view policy, const std::string& more = "{}") {
  nlohmann::json config = nlohmann::json::parse(more);
  config["policy"] = std::string(policy);
  return config.dump();
}

class VpnPolicy : public testing::TestWithParam<int> {
 protected:
  VpnPolicy() : vpn_(GetParam()) { policy_.call.clock = &vpn_.clock; }

  // Each command is a run of its own.
  core::Action Apply(const std::string& config) {
    vpn_.NextRun();
    return policy_.Apply(config);
  }
  std::vector<std::string> ApplyToFail(const std::string& config) {
    vpn_.NextRun();
    return policy_.ApplyToFail(config);
  }

  Vpn vpn_;
  std::vector<std::string> local_addresses_;
  ResourceHarness policy_{
      std::make_unique<PolicyResource>(vpn_.services, [this] { return local_addresses_; })};
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnPolicy, testing::Values(23, 26, 27, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnPolicy, IsSetChangedImportedAndForgotten) {
  EXPECT_EQ(Apply(Config(kOpen)), core::Action::kCreate);
  EXPECT_EQ(vpn_.server.policy, kOpen);  // with its comment
  EXPECT_EQ(policy_["id"], Value::String("policy"));
  EXPECT_EQ(Apply(Config(Dev("443"))), core::Action::kUpdate);
  EXPECT_EQ(vpn_.server.policy, Dev("443") + "\n");  // servers want the end of the last line
  EXPECT_EQ(policy_["policy"], Value::String(Dev("443")));
  policy_.Import("policy");
  EXPECT_EQ(policy_["policy"], Value::String(Dev("443") + "\n"));
  EXPECT_EQ(Apply(Config(Dev("443"))), core::Action::kNoOp);
  vpn_.server.policy = "";
  policy_.Refresh();
  EXPECT_TRUE(policy_.state().IsNull());
}

TEST_P(VpnPolicy, FormIsNoChangeAndMeaningIsDrift) {
  Apply(Config(kOpen));
  EXPECT_EQ(Apply(Config(R"({"acls":[{"dst":["*:*"],"src":["*"],"action":"accept"}]})")),
            core::Action::kNoOp);
  vpn_.server.policy =
      R"({"acls": [ {"action": "accept", "dst": ["*:*"], "src": ["*"]} ] /* same */})";
  policy_.Refresh();
  EXPECT_EQ(policy_["policy"], Value::String(kOpen));
  EXPECT_EQ(vpn_.server.policy,
            R"({"acls": [ {"action": "accept", "dst": ["*:*"], "src": ["*"]} ] /* same */})");
  vpn_.server.policy = Dev("22");
  policy_.Refresh();
  EXPECT_EQ(policy_["policy"], Value::String(Dev("22")));
  EXPECT_EQ(Apply(Config(kOpen)), core::Action::kUpdate);
  EXPECT_EQ(vpn_.server.policy, kOpen);
}

TEST_P(VpnPolicy, AnObjectIsAsGoodAsText) {
  const std::string object =
      R"({"object": {"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}})";
  EXPECT_EQ(Apply(object), core::Action::kCreate);
  EXPECT_THAT(vpn_.server.policy, StartsWith("{\n  \"acls\": ["));
  policy_.Refresh();
  EXPECT_EQ(Apply(object), core::Action::kNoOp);
  vpn_.server.policy = kOpen;
  policy_.Refresh();
  EXPECT_EQ(Apply(object), core::Action::kNoOp);
  vpn_.server.policy = Dev("22");
  policy_.Refresh();
  EXPECT_EQ(Apply(object), core::Action::kUpdate);
  EXPECT_THAT(
      ApplyToFail(R"({"object": {"acls": [{"action": "drop", "src": ["*"], "dst": ["*:*"]}]}})"),
      ElementsAre(AllOf(StartsWith("object: "), HasSubstr("acls[0].action: the action \"drop\""),
                        Not(HasSubstr("line 1")))));
}

TEST_P(VpnPolicy, WhatIsWrongIsToldBeforeAnythingIsSent) {
  EXPECT_THAT(ApplyToFail(Config("{\n  \"acls\": [\n    {\"action\" \"accept\"}\n]}")),
              ElementsAre(AllOf(StartsWith("policy: "),
                                HasSubstr("ine 3, column 15: a colon is expected"))));
  EXPECT_THAT(ApplyToFail(Config(
                  R"({"acls": [{"action": "accept", "src": ["group:none"], "dst": ["*:*"]}]})")),
              ElementsAre(AllOf(HasSubstr("there is no group \"group:none\""),
                                HasSubstr("Add it to \"groups\""))));
  EXPECT_EQ(vpn_.server.transport().count(), 0u);
  EXPECT_THAT(ApplyToFail("{}"), ElementsAre(HasSubstr("policy")));
  // What depends on the generation needs the server.
  const std::string plain =
      R"({"hosts": {"h": "10.0.0.1/32"}, "acls": [{"action": "accept", "src": ["ann"], "dst": ["h:1"]}]})";
  if (GetParam() < 26) {
    Apply(Config(plain));
  } else {
    EXPECT_THAT(ApplyToFail(Config(plain)),
                ElementsAre(AllOf(HasSubstr("\"ann\" is neither a host"), HasSubstr("\"ann@\""))));
    EXPECT_THAT(vpn_.server.writes(), IsEmpty());
  }
}

TEST_P(VpnPolicy, ATagThatNobodyOwnsNeedsANodeThatCarriesIt) {
  const std::string unowned =
      R"({"hosts": {"h": "10.0.0.1/32"}, "acls": [{"action": "accept", "src": ["tag:web"], "dst": ["h:1"]}]})";
  if (GetParam() >= 26) {
    EXPECT_THAT(ApplyToFail(Config(unowned)),
                ElementsAre(HasSubstr("there is no tag \"tag:web\"")));
    return;
  }
  Apply(Config(unowned));  // the server of this test takes it
  EXPECT_THAT(policy_.warnings(), Contains(AllOf(HasSubstr("The server will refuse"),
                                                 HasSubstr("no node carries it"))));
  policy_.Destroy();
  vpn_.server.policy.clear();
  vpn_.server.AddNode("web").tags = {"tag:web"};
  Apply(Config(unowned));
  EXPECT_THAT(policy_.warnings(),
              Contains(AllOf(HasSubstr("may not do what it says"), HasSubstr("there is no tag"))));
}

TEST_P(VpnPolicy, TheServersOwnVerdictIsTold) {
  // The server of this test refuses whatever has "bad" in it; from 0.29 on at the plan, too.
  EXPECT_THAT(ApplyToFail(Config(R"({"groups": {"group:bad": []}, "acls": []})")),
              ElementsAre(AllOf(StartsWith("policy: "), HasSubstr("parsing policy: bad"))));
  EXPECT_EQ(vpn_.server.writes().size(), 1u);
  EXPECT_EQ(vpn_.server.writes()[0],
            GetParam() >= 29 ? "POST /api/v1/policy/check" : "PUT /api/v1/policy");
}

TEST_P(VpnPolicy, AnotherPolicyIsTakenOverOnlyIfAsked) {
  vpn_.server.policy = Dev("22");
  EXPECT_THAT(ApplyToFail(Config(kOpen)), ElementsAre(AllOf(HasSubstr("has a policy already"),
                                                            HasSubstr("on_conflict = \"adopt\""))));
  EXPECT_EQ(vpn_.server.policy, Dev("22"));
  // The same in other words is no conflict.
  EXPECT_EQ(Apply(Config(Dev("22") + " // mine")), core::Action::kCreate);
  EXPECT_EQ(vpn_.server.policy, Dev("22"));
  policy_.Destroy();
  EXPECT_EQ(Apply(Config(kOpen, R"({"on_conflict": "adopt"})")), core::Action::kCreate);
  EXPECT_THAT(policy_.warnings(), testing::Contains(HasSubstr("It will be adopted")));
  EXPECT_EQ(vpn_.server.policy, kOpen);
}

TEST_P(VpnPolicy, DestroyKeepsItOrPutsBackWhatWasThere) {
  Apply(Config(kOpen));
  policy_.Destroy();
  EXPECT_THAT(policy_.warnings(), ElementsAre(HasSubstr("stays in force")));
  EXPECT_EQ(vpn_.server.policy, kOpen);

  vpn_.server.policy = Dev("22");
  Apply(Config(kOpen, R"({"on_conflict": "adopt", "on_destroy": "restore"})"));
  policy_.Destroy();
  EXPECT_THAT(policy_.warnings(), ElementsAre(HasSubstr("comes back")));
  EXPECT_EQ(vpn_.server.policy, Dev("22"));

  vpn_.server.policy = "";
  Apply(Config(Dev("22"), R"({"on_destroy": "restore"})"));
  policy_.Destroy();
  EXPECT_THAT(vpn_.server.policy, HasSubstr("\"*:*\""));

  // Somebody else's is left alone.
  vpn_.server.policy = "";
  Apply(Config(Dev("22"), R"({"on_destroy": "restore"})"));
  vpn_.server.policy = Dev("23");
  policy_.Destroy();
  EXPECT_EQ(vpn_.server.policy, Dev("23"));

  // Imported: nobody knows what was there.
  policy_.Import("policy");
  Apply(Config(Dev("23"), R"({"on_destroy": "restore"})"));
  policy_.Destroy();
  EXPECT_THAT(policy_.warnings(), ElementsAre(HasSubstr("not known what the server had")));
  EXPECT_EQ(vpn_.server.policy, Dev("23"));
}

TEST_P(VpnPolicy, ThePlanTellsWhoGainsAndWhoLoses) {
  Apply(Config(Dev("22,443")));
  // Without a policy everything was allowed.
  EXPECT_THAT(policy_.warnings(),
              ElementsAre(AllOf(StartsWith("policy: VPN policy changes who reaches whom"),
                                HasSubstr("\n  loses  "), Not(HasSubstr("gains")))));
  Apply(Config(Dev(
      "443",
      R"(, {"action": "accept", "proto": "tcp", "src": ["tag:web"], "dst": ["tag:db:5432"]})")));
  ASSERT_EQ(policy_.warnings().size(), 1u);
  EXPECT_THAT(
      policy_.warnings()[0],
      HasSubstr("\n  gains  tag:web -> tag:db: tcp 5432\n  loses  group:dev -> tag:web: 22"));
  // Another way to say it changes nobody's reach: no warning.
  EXPECT_EQ(
      Apply(Config(
          Dev("443",
              R"(, {"action": "accept", "proto": "tcp", "src": ["tag:web"], "dst": ["tag:db:5432"]},
    {"action": "accept", "src": ["ann@x.org"], "dst": ["tag:web:443"]})"))),
      core::Action::kUpdate);
  EXPECT_THAT(policy_.warnings(), IsEmpty());
  EXPECT_THAT(ApplyToFail(Config("{")), Not(IsEmpty()));
}

TEST_P(VpnPolicy, WhatTheServerSilentlyIgnoresIsNoted) {
  Apply(Config(
      R"({"hosts": {"lan": "10.1.0.1/16"}, "acls": [{"action": "accept", "src": ["*"], "dst": ["lan:*"]}]})"));
  EXPECT_THAT(policy_.warnings(),
              testing::Contains(AllOf(HasSubstr("may not do what it says"),
                                      HasSubstr("(hosts.lan): \"10.1.0.1/16\" has host bits"))));
}

TEST_P(VpnPolicy, ProtectedReachCannotBeTaken) {
  const std::string protect = R"({"protect": [{"src": "group:dev", "dst": "tag:web:22"}]})";
  Apply(Config(Dev("22,443"), protect));
  EXPECT_THAT(ApplyToFail(Config(Dev("443"), protect)),
              ElementsAre(AllOf(
                  StartsWith("protect[0]: "), HasSubstr("group:dev does not reach tag:web:22"),
                  HasSubstr("ann@x.org -> tag:web: tcp 22"),
                  HasSubstr("now it does by acls[0] (line 2): group:dev -> tag:web:22,443"))));
  EXPECT_EQ(vpn_.server.policy, Dev("22,443") + "\n");
  EXPECT_EQ(Apply(Config(Dev("443"), R"({"protect": []})")), core::Action::kUpdate);
  EXPECT_THAT(
      ApplyToFail(
          Config(Dev("443"), R"({"protect": [{"src": "group:ops", "dst": "tag:web:22"}]})")),
      ElementsAre(AllOf(StartsWith("protect[0].src: "), HasSubstr("no group \"group:ops\""))));
}

TEST_P(VpnPolicy, ThisMachineKeepsTheNodesThatItReaches) {
  const int ann = vpn_.server.AddUser("ann@x.org").id;
  vpn_.server.AddNode("laptop", ann);
  const int web = vpn_.server.AddNode("web", ann).id;
  vpn_.server.NodeOf(web).tags = {"tag:web"};
  const int db = vpn_.server.AddNode("db", ann).id;
  vpn_.server.NodeOf(db).tags = {"tag:db"};
  const std::string laptop = absl::StrCat("100.64.0.", vpn_.server.nodes[0].id);
  Apply(Config(
      Dev("22",
          R"(, {"action": "accept", "src": ["ann@x.org"], "dst": ["tag:db:5432"]})")));  // not on a
                                                                                         // node:
                                                                                         // nothing
                                                                                         // to lose
  local_addresses_ = {"192.168.1.2", laptop};
  EXPECT_THAT(ApplyToFail(Config(Dev("22"))),
              ElementsAre(AllOf(StartsWith("policy: "), HasSubstr("his machine (node \"laptop\""),
                                HasSubstr("would no longer reach db (tag:db), now by acls[1]"),
                                HasSubstr("set protect"))));
  // Fewer ports are told, not refused.
  EXPECT_EQ(
      Apply(Config(Dev("443", R"(, {"action": "accept", "src": ["*"], "dst": ["tag:db:5432"]})"))),
      core::Action::kUpdate);
  EXPECT_EQ(Apply(Config(Dev("22"), R"({"protect": []})")), core::Action::kUpdate);
}

TEST_P(VpnPolicy, AServerWithAFileSaysSo) {
  vpn_.server.policy = Dev("22");
  vpn_.server.policy_in_file = true;
  EXPECT_THAT(ApplyToFail(Config(kOpen)),
              ElementsAre(AllOf(HasSubstr("policy.mode"), HasSubstr("\"database\""))));
  EXPECT_THAT(vpn_.server.writes(), IsEmpty());
}

TEST_P(VpnPolicy, TwoResourcesForOneServerAreToldApart) {
  ResourceHarness other{
      std::make_unique<PolicyResource>(vpn_.services, [] { return std::vector<std::string>(); })};
  other.call.clock = &vpn_.clock;
  Apply(Config(kOpen));
  EXPECT_THAT(other.ApplyToFail(Config(Dev("22"), R"({"on_conflict": "adopt"})")),
              ElementsAre(AllOf(StartsWith("policy: "), HasSubstr("declared twice"))));
  EXPECT_EQ(vpn_.server.policy, kOpen);
}

TEST_P(VpnPolicy, AnAnswerThatGotLostIsNoConflictInTheNextRun) {
  const std::string config = Config(Dev("22"), R"({"on_destroy": "restore"})");
  bool lost = false;
  FakeHeadscale fresh(GetParam(), vpn_.clock);
  vpn_.server.transport().Handle(
      [&](const Call& call, const http::Request& request) -> absl::StatusOr<http::Response> {
        absl::StatusOr<http::Response> answer = fresh.transport().Send(call, request);
        if (request.method == "PUT" && !std::exchange(lost, true))
          return absl::UnavailableError("connection reset by peer");
        return answer;
      });
  EXPECT_THAT(ApplyToFail(config), ElementsAre(HasSubstr("connection reset")));
  EXPECT_EQ(fresh.policy, Dev("22") + "\n");
  EXPECT_EQ(Apply(config), core::Action::kCreate);
}

TEST_P(VpnPolicy, PlansWithoutTheServer) {
  vpn_.server.transport().FailNth(1, absl::UnavailableError("no route to host"));
  EXPECT_EQ(Apply(Config(kOpen)), core::Action::kCreate);
  EXPECT_THAT(policy_.warnings(), ElementsAre(HasSubstr("no route to host")));
  EXPECT_EQ(vpn_.server.policy, kOpen);
}

TEST_P(VpnPolicy, AnUnchangedPolicyCostsOneRequest) {
  Apply(Config(kOpen));
  vpn_.NextRun();
  const int before = vpn_.server.reads();
  policy_.Refresh();
  EXPECT_EQ(Apply(Config(kOpen)), core::Action::kNoOp);
  EXPECT_LE(vpn_.server.reads() - before, 1);
}

TEST(VpnPolicyImport, TakesItsOneId) {
  Vpn vpn(29);
  PolicyResource resource(vpn.services);
  EXPECT_THAT(resource.Import({}, "7").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("its id is \"policy\"")));
}

}  // namespace
}  // namespace charon::vpn
