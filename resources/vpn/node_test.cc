#include "resources/vpn/node.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/sdk/registry.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_provider.h"
#include "resources/vpn/common.h"
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
using Routes = std::set<std::string>;

Value Texts(const std::vector<std::string>& texts) {
  Value::Sequence values;
  for (const std::string& text : texts) values.push_back(Value::String(text));
  return Value::Set(std::move(values));
}

class VpnNode : public testing::TestWithParam<int> {
 protected:
  VpnNode() : vpn_(GetParam()) {
    node_.call.clock = &vpn_.clock;
    user_ = vpn_.server.AddUser("ops").id;
  }
  FakeHeadscale& server() { return vpn_.server; }
  // The next terraform command: the provider starts anew and reads.
  void NextRun() {
    vpn_.NextRun();
    node_.Refresh();
  }
  std::string Id(int index) {
    return absl::StrCat(server().nodes[static_cast<std::size_t>(index)].id);
  }

  Vpn vpn_;
  int user_ = 0;
  ResourceHarness node_{std::make_unique<NodeResource>(vpn_.services)};
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnNode, testing::Values(23, 26, 28, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnNode, IsAdoptedNamedTaggedAndRouted) {
  server().AddNode("fw-router", user_).available = {"10.1.0.0/24", "10.2.0.0/24", "10.9.0.0/24",
                                                    "0.0.0.0/0", "::/0"};
  EXPECT_EQ(node_.Apply(R"({"hostname": "fw-router", "given_name": "router", "tags": ["tag:infra"],
                            "routes": ["10.1.0.0/24", "10.2.0.0/24"], "exit_node": true})"),
            core::Action::kCreate);
  EXPECT_EQ(node_["id"], Value::String(Id(0)));
  EXPECT_EQ(node_["ipv4"], Value::String("100.64.0." + Id(0)));
  EXPECT_EQ(node_["ipv6"], Value::String("fd7a:115c:a1e0::" + Id(0)));
  EXPECT_EQ(node_["fqdn"], Value::String("router.mesh.example.org"));
  EXPECT_EQ(node_["enrolled"], Value::Bool(true));
  const auto& node = server().nodes[0];
  EXPECT_EQ(node.given_name, "router");
  EXPECT_THAT(node.tags, ElementsAre("tag:infra"));
  EXPECT_EQ(node.approved, (Routes{"10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0", "::/0"}));
  // Nothing is left to do, and what is asked is one list (two with routes of their own).
  vpn_.NextRun();
  const int reads = server().reads();
  node_.Refresh();
  EXPECT_LE(server().reads() - reads, GetParam() < 26 ? 4 : 3);
  // An update of several attributes at once.
  EXPECT_EQ(
      node_.Apply(
          R"({"hostname": "fw-router", "given_name": "gate", "tags": ["tag:infra", "tag:gate"], "routes": ["10.1.0.0/24"], "exit_node": false})"),
      core::Action::kUpdate);
  EXPECT_EQ(node.approved, (Routes{"10.1.0.0/24"}));
  EXPECT_THAT(node.tags, testing::UnorderedElementsAre("tag:infra", "tag:gate"));
  EXPECT_EQ(node_["fqdn"], Value::String("gate.mesh.example.org"));
  // What is taken out stays as it is.
  EXPECT_EQ(node_.Apply(R"({"hostname": "fw-router"})"), core::Action::kUpdate);
  EXPECT_EQ(node.given_name, "gate");
  EXPECT_EQ(node.approved, (Routes{"10.1.0.0/24"}));
}

TEST_P(VpnNode, TwoResourcesForOneNodeAreNoticed) {
  server().AddNode("three", user_);
  node_.Apply(R"({"hostname": "three", "given_name": "aa"})");
  ResourceHarness other(std::make_unique<NodeResource>(vpn_.services));
  other.call.clock = &vpn_.clock;
  const std::string twice =
      absl::StrCat(R"({"hostname": "THREE", "node_id": ")", Id(0), R"(", "given_name": "bb"})");
  // In one run, before anything is changed.
  EXPECT_THAT(other.ApplyToFail(twice),
              ElementsAre(AllOf(StartsWith("hostname: "), HasSubstr("nother resource"))));
  EXPECT_EQ(server().nodes[0].given_name, "aa");
  // The plan says it too, of what an earlier run made.
  vpn_.NextRun();
  node_.Apply(R"({"hostname": "three", "given_name": "aa"})");
  EXPECT_EQ(other.Apply(twice), core::Action::kCreate);
  EXPECT_THAT(other.warnings(), Contains(HasSubstr("nother resource")));
  // What one resource adopts in a run another does not remove in it.
  EXPECT_EQ(node_.Destroy(), core::Action::kDelete);
  EXPECT_EQ(server().nodes.size(), 1u);
  vpn_.NextRun();
  EXPECT_EQ(other.Destroy(), core::Action::kDelete);
  EXPECT_THAT(server().nodes, IsEmpty());
}

TEST_P(VpnNode, AMissingKeyIsToldByThePlanOnce) {
  Services services(Vpn::NoCluster,
                    [](const headscale::ConnectionSettings&)
                        -> absl::StatusOr<std::unique_ptr<headscale::Client>> {
                      return WithRemedy(absl::FailedPreconditionError("there is no API key"),
                                        "Set HEADSCALE_API_KEY.");
                    });
  Settings settings;
  settings.configured = true;
  services.Configure(settings);
  ResourceHarness one(std::make_unique<NodeResource>(services));
  ResourceHarness other(std::make_unique<NodeResource>(services));
  one.ApplyToFail(R"({"hostname": "web"})");
  other.ApplyToFail(R"({"hostname": "db"})");
  EXPECT_THAT(one.warnings(),
              ElementsAre(AllOf(HasSubstr("there is no API key.\n\nSet HEADSCALE_API_KEY"),
                                HasSubstr("the apply will fail"))));
  EXPECT_THAT(other.warnings(), IsEmpty());
  // What is not known yet may come.
  settings.unknown = {"headscale.api_key"};
  services.Configure(settings);
  one.ApplyToFail(R"({"hostname": "web"})");
  EXPECT_THAT(one.warnings(), IsEmpty());
}

TEST_P(VpnNode, ExclusiveRoutesAreExactlyWhatIsWritten) {
  auto& node = server().AddNode("web", user_);
  node.available = node.approved = {"10.1.0.0/24", "0.0.0.0/0", "::/0"};
  // Whose exit routes they are is said by exit_node, if anything.
  node_.Apply(R"({"hostname": "web", "routes": ["10.1.0.0/24"]})");
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24", "0.0.0.0/0", "::/0"}));
  const char* exclusive =
      R"({"hostname": "web", "routes": ["10.1.0.0/24"], "exclusive": ["routes"]})";
  EXPECT_EQ(node_.Apply(exclusive), core::Action::kUpdate);
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24"}));
  server().nodes[0].approved = {"10.1.0.0/24", "0.0.0.0/0", "::/0"};
  NextRun();
  EXPECT_EQ(node_["routes"], Texts({"0.0.0.0/0", "10.1.0.0/24", "::/0"}));
  EXPECT_EQ(node_.Apply(exclusive), core::Action::kUpdate);
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24"}));
  EXPECT_EQ(node_.Apply(R"({"hostname": "web", "routes": ["10.1.0.0/24"],
                            "exclusive": ["routes"], "exit_node": true})"),
            core::Action::kUpdate);
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24", "0.0.0.0/0", "::/0"}));
}

TEST_P(VpnNode, WrongElementsOfASetAreToldByWhatTheyAre) {
  EXPECT_THAT(
      node_.ApplyToFail(
          R"({"hostname": "web", "routes": ["10.2.0.0/16", "10.0.0.300/8", "10.0.0.1"]})"),
      testing::UnorderedElementsAre(AllOf(StartsWith("routes: "), HasSubstr("\"10.0.0.300/8\"")),
                                    AllOf(StartsWith("routes: "), HasSubstr("\"10.0.0.1\""))));
}

TEST_P(VpnNode, AnExpiryInThePastLogsNobodyOut) {
  server().AddNode("web", user_);
  const auto past =
      AllOf(StartsWith("expiry: "), HasSubstr("in the past"), HasSubstr("charon_vpn_node_expire"));
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "expiry": "2001-01-01T00:00:00Z"})"),
              ElementsAre(past));
  node_.Apply(R"({"hostname": "web"})");
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "expiry": "2001-01-01T00:00:00Z"})"),
              ElementsAre(past));
  EXPECT_FALSE(server().nodes[0].expiry.has_value());
}

TEST_P(VpnNode, OwnsOnlyWhatIsWritten) {
  auto& node = server().AddNode("web", user_);
  node.available = {"10.1.0.0/24", "10.2.0.0/24"};
  node.approved = {"10.2.0.0/24"};  // by an auto-approver
  node.tags = {"tag:other"};
  node_.Apply(R"({"hostname": "web", "tags": ["tag:infra"], "routes": ["10.1.0.0/24"]})");
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24", "10.2.0.0/24"}));
  EXPECT_THAT(server().nodes[0].tags, testing::UnorderedElementsAre("tag:infra", "tag:other"));
  EXPECT_EQ(node_["tags"], Texts({"tag:infra"}));
  EXPECT_EQ(node_["routes"], Texts({"10.1.0.0/24"}));
  // One of ours goes, theirs stay.
  node_.Apply(R"({"hostname": "web", "tags": ["tag:infra"], "routes": []})");
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.2.0.0/24"}));
  // Exclusive lists are exactly what is written.
  node_.Apply(
      R"({"hostname": "web", "tags": ["tag:infra"], "routes": ["10.1.0.0/24"], "exclusive": ["tags", "routes"]})");
  EXPECT_EQ(server().nodes[0].approved, (Routes{"10.1.0.0/24"}));
  EXPECT_THAT(server().nodes[0].tags, ElementsAre("tag:infra"));
  server().nodes[0].tags.push_back("tag:admin");
  NextRun();
  EXPECT_EQ(node_["tags"], Texts({"tag:admin", "tag:infra"}));
  EXPECT_EQ(
      node_.Apply(
          R"({"hostname": "web", "tags": ["tag:infra"], "routes": ["10.1.0.0/24"], "exclusive": ["tags", "routes"]})"),
      core::Action::kUpdate);
  EXPECT_THAT(server().nodes[0].tags, ElementsAre("tag:infra"));
}

TEST_P(VpnNode, AChangeOutsideIsDriftOnThatAttribute) {
  server().AddNode("web", user_).available = {"10.1.0.0/24", "0.0.0.0/0", "::/0"};
  const char* config =
      R"({"hostname": "web", "given_name": "front", "tags": ["tag:infra"], "routes": ["10.1.0.0/24"], "exit_node": true})";
  node_.Apply(config);
  const Value before = node_.state();
  const auto differs = [&] {
    std::vector<std::string> names;
    for (const auto& [name, value] : node_.state().mapping()) {
      if (!(value == before[name])) names.push_back(name);
    }
    return names;
  };
  auto& node = server().nodes[0];
  node.given_name = "other";
  NextRun();
  EXPECT_THAT(differs(), testing::UnorderedElementsAre("given_name", "fqdn"));
  EXPECT_EQ(node_.Apply(config), core::Action::kUpdate);
  EXPECT_EQ(node.given_name, "front");
  node.approved = {"0.0.0.0/0", "::/0"};
  NextRun();
  EXPECT_THAT(differs(), ElementsAre("routes"));
  EXPECT_EQ(node_.Apply(config), core::Action::kUpdate);
  node.approved = {"10.1.0.0/24"};
  NextRun();
  EXPECT_THAT(differs(), ElementsAre("exit_node"));
  EXPECT_EQ(node_.Apply(config), core::Action::kUpdate);
  EXPECT_EQ(node.approved, (Routes{"10.1.0.0/24", "0.0.0.0/0", "::/0"}));
  node.tags = {"tag:else"};
  NextRun();
  EXPECT_THAT(differs(), ElementsAre("tags"));
  EXPECT_EQ(node_.Apply(config), core::Action::kUpdate);
  EXPECT_THAT(node.tags, testing::UnorderedElementsAre("tag:else", "tag:infra"));
}

TEST_P(VpnNode, IsWaitedFor) {
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 2) server().AddNode("other", user_);
    if (lists == 5) server().AddNode("web", user_);
  };
  EXPECT_EQ(node_.Apply(R"({"hostname": "web"})"), core::Action::kCreate);
  EXPECT_EQ(node_["id"], Value::String(Id(1)));
  // Found within a second of its registration.
  for (const absl::Duration sleep : vpn_.clock.sleeps()) EXPECT_LE(sleep, absl::Seconds(1));
}

TEST_P(VpnNode, WaitingEndsAndSaysWhatCame) {
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 3) server().AddNode("web-db", user_);
  };
  const auto errors = node_.ApplyToFail(R"({"hostname": "web", "timeouts": {"create": "30s"}})");
  EXPECT_THAT(errors,
              ElementsAre(AllOf(HasSubstr("hostname: "),
                                HasSubstr("No node with the host name \"web\" registered within "),
                                HasSubstr("meanwhile came web-db (id "),
                                HasSubstr("tailscale up --login-server=https://vpn.example.org"))));
  EXPECT_TRUE(node_.state().IsNull());
  EXPECT_THAT(server().writes(), IsEmpty());
  EXPECT_THAT(
      node_.ApplyToFail(R"({"hostname": "web", "wait": false})"),
      ElementsAre(AllOf(HasSubstr("hostname: "), HasSubstr("No node has the host name \"web\""),
                        HasSubstr("tailscale up"))));
}

TEST_P(VpnNode, OneOfSeveralIsNotGuessed) {
  server().AddNode("web", user_);
  server().AddNode("web", user_);
  EXPECT_THAT(
      node_.ApplyToFail(R"({"hostname": "web"})"),
      ElementsAre(AllOf(HasSubstr("Several nodes have the host name \"web\": web (id " + Id(0)),
                        HasSubstr("node_id or machine_key"))));
  node_.Apply(absl::StrCat(R"({"node_id": ")", Id(1), R"("})"));
  EXPECT_EQ(node_["id"], Value::String(Id(1)));
  EXPECT_EQ(node_["hostname"], Value::String("web"));
  // A selector that means the same node changes nothing on the server; one of another node replaces
  // it.
  EXPECT_EQ(node_.Apply(absl::StrCat(R"({"node_id": ")", Id(1), R"(", "machine_key": ")",
                                     server().nodes[1].machine_key, R"("})")),
            core::Action::kUpdate);
  EXPECT_EQ(server().nodes.size(), 2u);
}

// Core refuses a replacement that shows only at apply.
TEST_P(VpnNode, ASelectorThatIsNotKnownYetIsAReplacement) {
  server().AddNode("web", user_);
  node_.Apply(R"({"hostname": "web"})");
  sdk::Registry registry(std::make_unique<FakeProvider>());
  registry.Add(std::make_unique<NodeResource>(vpn_.services));
  sdk::AnyResource& resource = *registry.resources().at("charon_vpn_node");
  for (const char* selector : {"hostname", "node_id", "machine_key"}) {
    sdk::PlanRequest request;
    request.prior = node_.state();
    request.config = node_.Object(absl::StrCat(R"({")", selector, R"(": "<unknown>"})"));
    request.proposed = core::ProposedNewState(resource.schema(), request.prior, request.config);
    EXPECT_THAT(resource.Plan(node_.call, request).requires_replace,
                ::testing::Contains(Path(selector)));
  }
}

TEST_P(VpnNode, PrefersTheOneThatIsOnlineAndWaitsForItIfAsked) {
  server().AddNode("web", user_).online = false;
  node_.Apply(R"({"hostname": "web"})");  // a laptop that is off
  EXPECT_EQ(node_["id"], Value::String(Id(0)));
  ResourceHarness second(std::make_unique<NodeResource>(vpn_.services));
  second.call.clock = &vpn_.clock;
  vpn_.NextRun();
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 4) server().AddNode("web", user_);
  };
  second.Apply(R"({"hostname": "web", "wait_online": true})");
  EXPECT_EQ(second["id"], Value::String(Id(1)));
}

TEST_P(VpnNode, AHostThatRegistersAnewIsFollowedAndItsTwinPurged) {
  server().AddNode("web", user_).available = {"10.1.0.0/24"};
  server().AddNode("web-1", user_);  // a machine of its own, of a similar name
  server().AddNode("webserver", user_);
  const char* config =
      R"({"hostname": "web", "given_name": "front", "tags": ["tag:infra"], "purge_stale_after": "10m"})";
  node_.Apply(config);
  const std::string old = Id(0);
  // Its state is lost: it comes back as another node.
  server().nodes[0].online = false;
  vpn_.clock.Advance(absl::Hours(1));
  server().nodes[1].online = false;
  server().nodes[2].online = false;
  const int fresh = server().AddNode("web", user_).id;
  NextRun();
  EXPECT_EQ(node_["id"], Value::String(absl::StrCat(fresh)));
  EXPECT_EQ(node_["ipv4"], Value::String(absl::StrCat("100.64.0.", fresh)));
  EXPECT_EQ(node_["stale_twins"], Texts({old}));
  EXPECT_EQ(node_.Apply(config), core::Action::kUpdate);
  ASSERT_EQ(server().nodes.size(), 3u);
  EXPECT_EQ(server().NodeOf(fresh).given_name, "front");
  EXPECT_THAT(server().NodeOf(fresh).tags, ElementsAre("tag:infra"));
  EXPECT_EQ(node_["stale_twins"], Texts({}));
  EXPECT_THAT(server().writes(), Contains("DELETE /api/v1/node/" + old));
}

TEST_P(VpnNode, OnlyStaleTwinsArePurged) {
  const auto twin = [&](absl::Duration ago, bool online, const char* name) {
    auto& node = server().AddNode("web", user_);
    node.online = online;
    node.last_seen = node.created_at = vpn_.clock.Now() - ago;
    if (*name != 0) node.given_name = name;
    return node.id;
  };
  vpn_.clock.Advance(absl::Hours(24 * 365 * 10));
  const int stale = twin(absl::Hours(2), false, "");
  const int recent = twin(absl::Minutes(5), false, "");
  const int named = twin(absl::Hours(2), false, "lab");
  auto& other = server().AddNode("web", server().AddUser("dev").id);
  other.online = false;
  other.last_seen = other.created_at = vpn_.clock.Now() - absl::Hours(2);
  const int of_dev = other.id;
  const int live = twin(absl::ZeroDuration(), true, "");
  node_.Apply(R"({"hostname": "web", "purge_stale_after": "10m"})");
  EXPECT_EQ(node_["id"], Value::String(absl::StrCat(live)));
  std::set<int> left;
  for (const auto& node : server().nodes) left.insert(node.id);
  EXPECT_EQ(left, (std::set<int>{recent, named, of_dev, live}));
  EXPECT_EQ(left.count(stale), 0u);
}

TEST_P(VpnNode, TwoMachinesOfOneNameAreTwo) {
  // Both were there at the same time, so neither is what the other left behind.
  server().AddNode("raspberrypi", user_);
  vpn_.clock.Advance(absl::Hours(1));
  const std::string first = Id(0);
  const char* config = R"({"hostname": "raspberrypi", "purge_stale_after": "1m"})";
  node_.Apply(config);
  vpn_.clock.Advance(absl::Hours(1));
  server().AddNode("raspberrypi", user_);
  vpn_.clock.Advance(absl::Hours(1));
  server().nodes[0].online = false;
  server().nodes[0].last_seen = vpn_.clock.Now();
  vpn_.clock.Advance(absl::Hours(1));
  NextRun();
  EXPECT_EQ(node_["id"], Value::String(first));
  EXPECT_EQ(node_.Apply(config), core::Action::kNoOp);
  EXPECT_EQ(server().nodes.size(), 2u);
}

TEST_P(VpnNode, AStopRequestEndsTheWait) {
  std::stop_source stop;
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 3) stop.request_stop();
  };
  node_.call.stop = stop.get_token();
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web"})"),
              ElementsAre(HasSubstr("Unable to create VPN node")));
  EXPECT_EQ(lists, 3);
  EXPECT_TRUE(node_.state().IsNull());
}

TEST_P(VpnNode, WithoutPurgeATakenNameIsExplained) {
  server().AddNode("web", user_).online = false;
  server().nodes[0].given_name = "front";
  server().AddNode("web", user_);
  const auto errors = node_.ApplyToFail(R"({"hostname": "web", "given_name": "front"})");
  EXPECT_THAT(errors,
              ElementsAre(AllOf(HasSubstr("given_name: "), HasSubstr("purge_stale_after"))));
  // It was adopted all the same: the next apply goes on from there.
  EXPECT_EQ(node_["id"], Value::String(Id(1)));
}

TEST_P(VpnNode, ALoginThatEndedPlansAReenrolment) {
  server().AddNode("web", user_);
  node_.Apply(R"({"hostname": "web"})");
  server().nodes[0].expiry = vpn_.clock.Now() - absl::Hours(1);
  NextRun();
  EXPECT_EQ(node_["enrolled"], Value::Bool(false));
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 3) server().nodes[0].expiry.reset();  // tailscale up
  };
  EXPECT_EQ(node_.Apply(R"({"hostname": "web"})"), core::Action::kUpdate);
  EXPECT_EQ(node_["enrolled"], Value::Bool(true));
  EXPECT_THAT(server().writes(), IsEmpty());
  // Nobody logs in.
  server().nodes[0].expiry = vpn_.clock.Now() - absl::Hours(1);
  NextRun();
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "timeouts": {"update": "20s"}})"),
              ElementsAre(AllOf(HasSubstr("enrolled: "), HasSubstr("did not log in again within"),
                                HasSubstr("--force-reauth"))));
  // Or nobody needs to.
  EXPECT_EQ(node_.Apply(R"({"hostname": "web", "on_missing": "ignore"})"), core::Action::kUpdate);
  EXPECT_EQ(node_["enrolled"], Value::Bool(false));
}

TEST_P(VpnNode, ExpiryNeedsAVersionThatHasIt) {
  server().AddNode("web", user_);
  const char* timed = R"({"hostname": "web", "expiry": "2027-01-31T12:00:00+01:00"})";
  if (GetParam() < 27) {
    EXPECT_THAT(
        node_.ApplyToFail(timed),
        ElementsAre(AllOf(HasSubstr("expiry: "), HasSubstr("Headscale 0.27 and later can"))));
    // A node that never expires needs nothing.
    EXPECT_EQ(node_.Apply(R"({"hostname": "web", "expiry": "never"})"), core::Action::kCreate);
    return;
  }
  node_.Apply(timed);
  EXPECT_EQ(server().nodes[0].expiry, ParseTime("2027-01-31T11:00:00Z").value());
  EXPECT_EQ(node_["expiry"], Value::String("2027-01-31T12:00:00+01:00"));
  const char* never = R"({"hostname": "web", "expiry": "never"})";
  if (GetParam() < 29) {
    EXPECT_THAT(
        node_.ApplyToFail(never),
        ElementsAre(AllOf(HasSubstr("expiry: "), HasSubstr("Headscale 0.29 and later can"))));
    return;
  }
  node_.Apply(never);
  EXPECT_EQ(server().nodes[0].expiry, std::nullopt);
  server().nodes[0].expiry = vpn_.clock.Now() + absl::Hours(5);
  NextRun();
  EXPECT_NE(node_["expiry"], Value::String("never"));
  EXPECT_EQ(node_.Apply(never), core::Action::kUpdate);
  EXPECT_EQ(server().nodes[0].expiry, std::nullopt);
}

TEST_P(VpnNode, AUserIsGivenWhereTheServerCan) {
  server().AddUser("dev");
  server().AddNode("web", user_);
  node_.Apply(R"({"hostname": "web", "user": "ops"})");
  if (GetParam() < 28) {
    EXPECT_EQ(node_.Apply(R"({"hostname": "web", "user": "dev"})"), core::Action::kUpdate);
    EXPECT_EQ(server().nodes[0].user, server().users[1].id);
    EXPECT_EQ(node_.Apply(R"({"hostname": "web", "user": "dev", "tags": ["tag:infra"]})"),
              core::Action::kUpdate);
    EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "user": "nobody"})"),
                ElementsAre(AllOf(HasSubstr("user: "), HasSubstr("charon_vpn_user"))));
  } else {
    EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "user": "dev"})"),
                ElementsAre(AllOf(HasSubstr("user: "), HasSubstr("could until 0.27"))));
    EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "user": "ops", "tags": ["tag:infra"]})"),
                ElementsAre(AllOf(HasSubstr("tags: "), HasSubstr("keep both a user and tags"))));
    EXPECT_THAT(server().writes(), IsEmpty());
  }
}

TEST_P(VpnNode, TagsThatThePolicyDoesNotKnowAreExplained) {
  if (GetParam() < 28) return;  // Any tag will do.
  server().tag_owners = {"tag:known"};
  server().AddNode("web", user_);
  EXPECT_THAT(
      node_.ApplyToFail(R"({"hostname": "web", "given_name": "front", "tags": ["tag:unknown"]})"),
      ElementsAre(AllOf(HasSubstr("tags: "), HasSubstr("tagOwners"))));
  EXPECT_EQ(node_["given_name"], Value::String("front"));
}

TEST_P(VpnNode, WhatAFailedUpdateLeftIsTakenAwayByTheNext) {
  if (GetParam() < 28) return;  // Any tag will do.
  server().AddNode("web", user_);
  server().tag_owners = {"tag:infra"};
  node_.Apply(R"({"hostname": "web", "tags": ["tag:infra"]})");
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "tags": ["tag:more"]})"),
              ElementsAre(HasSubstr("tags: ")));
  server().tag_owners = {"tag:infra", "tag:more"};
  NextRun();
  EXPECT_EQ(node_.Apply(R"({"hostname": "web", "tags": ["tag:more"]})"), core::Action::kUpdate);
  EXPECT_THAT(server().nodes[0].tags, ElementsAre("tag:more"));
}

TEST_P(VpnNode, ARenameThatIsSentAgainIsDone) {
  FakeHeadscale fresh(GetParam(), vpn_.clock);
  fresh.AddNode("web", fresh.AddUser("ops").id);
  fresh.AddNode("db", fresh.users[0].id);
  vpn_.server.transport().Handle([&](const Call& call, const http::Request& request) {
    if (absl::StrContains(request.url, "/rename/"))
      fresh.transport().Send(call, request).status().IgnoreError();  // its answer got lost
    return fresh.transport().Send(call, request);
  });
  node_.Apply(R"({"hostname": "web", "given_name": "front"})");
  EXPECT_EQ(fresh.nodes[0].given_name, "front");
  EXPECT_THAT(node_.ApplyToFail(R"({"hostname": "web", "given_name": "db"})"),
              ElementsAre(HasSubstr("unique")));
}

TEST_P(VpnNode, DestroyingRemovesThisNodeOnly) {
  server().AddNode("web", user_);
  server().AddNode("web-1", user_);
  server().AddNode("db", user_);
  node_.Apply(R"({"hostname": "web"})");
  const std::string id = Id(0);
  vpn_.NextRun();
  EXPECT_EQ(node_.Destroy(), core::Action::kDelete);
  EXPECT_THAT(server().writes(),
              ElementsAre("POST /api/v1/node/" + id + "/expire", "DELETE /api/v1/node/" + id));
  EXPECT_EQ(server().nodes.size(), 2u);
}

TEST_P(VpnNode, GoneOutsideIsGoneAndWaitedFor) {
  server().AddNode("web", user_);
  node_.Apply(R"({"hostname": "web"})");
  server().nodes.clear();
  NextRun();
  EXPECT_TRUE(node_.state().IsNull());
}

TEST_P(VpnNode, GoneBetweenPlanAndApplyIsTold) {
  server().AddNode("web", user_);
  NodeResource resource(vpn_.services);
  sdk::Context context;
  context.call.clock = &vpn_.clock;
  NodeModel prior, plan;
  prior.id = plan.id = "99";
  prior.hostname = plan.hostname = "web";
  prior.given_name = "web";
  plan.given_name = "front";
  const auto outcome = resource.Update(context, prior, plan);
  EXPECT_THAT(outcome.status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("node web (id 99) is gone since the plan was made")));
  EXPECT_FALSE(outcome.state().has_value());
  // While it is being changed.
  prior.id = plan.id = Id(0);
  ASSERT_THAT(vpn_.services.Headscale().value()->nodes().List(context), IsOk());
  server().nodes.clear();
  EXPECT_THAT(resource.Update(context, prior, plan).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("went away")));
}

TEST_P(VpnNode, IsImportedWithEverythingByIdOrHostName) {
  auto& node = server().AddNode("web", user_);
  node.available = {"10.1.0.0/24", "0.0.0.0/0", "::/0"};
  node.approved = node.available;
  if (GetParam() < 28) node.tags = {"tag:infra"};
  for (const std::string& id : {Id(0), std::string("web")}) {
    node_.Import(id);
    EXPECT_EQ(node_["id"], Value::String(Id(0)));
    EXPECT_EQ(node_["hostname"], Value::String("web"));
    EXPECT_EQ(node_["user"], Value::String("ops"));
    EXPECT_EQ(node_["exit_node"], Value::Bool(true));
    EXPECT_EQ(node_["routes"], Texts({"10.1.0.0/24"}));
  }
  // What the configuration does not write is let go, and stays on the server.
  node_.Apply(R"({"hostname": "web"})");
  EXPECT_EQ(server().nodes[0].approved.size(), 3u);
  EXPECT_THAT(server().writes(), IsEmpty());
}

TEST_P(VpnNode, BadInputIsRefusedBeforeAnythingIsAsked) {
  struct Case {
    const char* config;
    const char* said;
  };
  for (const Case& c :
       {Case{R"({"given_name": "web"})", "Set hostname, node_id or machine_key"},
        Case{R"({"hostname": "web", "tags": ["infra"]})", "Write \"tag:infra\""},
        Case{R"({"hostname": "web", "routes": ["10.1.0.7/24"]})", "Write \"10.1.0.0/24\""},
        Case{R"({"hostname": "web", "routes": ["10.1.0.0"]})", "no network prefix"},
        Case{R"({"hostname": "web", "routes": ["0.0.0.0/0"]})", "exit_node = true"},
        Case{R"({"hostname": "web", "expiry": "soon"})", "is no time such as"},
        Case{R"({"hostname": "web", "given_name": "Not A Label"})", "given_name"},
        Case{R"({"hostname": "web", "purge_stale_after": "7d"})", "purge_stale_after"},
        Case{R"({"hostname": "web", "exclusive": ["tags"]})", "tags is not set"}}) {
    EXPECT_THAT(node_.ApplyToFail(c.config), ElementsAre(HasSubstr(c.said))) << c.config;
  }
  EXPECT_EQ(server().transport().count(), 0u);
}

TEST_P(VpnNode, AServerThatRestartsMeanwhileIsWaitedFor) {
  int lists = 0;
  server().before_node_list = [&] {
    if (++lists == 6) server().AddNode("web", user_);
  };
  ASSERT_THAT(vpn_.services.Headscale().value()->server().GetDialect(node_.call), IsOk());
  for (int i = 3; i < 6; ++i)
    server().transport().FailNth(i * (GetParam() < 26 ? 2 : 1),
                                 absl::UnavailableError("connection refused"));
  EXPECT_EQ(node_.Apply(R"({"hostname": "web"})"), core::Action::kCreate);
}

TEST(VpnNodeList, HasWhatIsAskedFor) {
  Vpn vpn(29);
  const int ops = vpn.server.AddUser("ops").id;
  vpn.server.AddNode("web", ops);
  vpn.server.AddNode("db", ops).tags = {"tag:infra"};
  NodeList list(vpn.services);
  sdk::Context context;
  context.call.clock = &vpn.clock;
  const auto names = [&](NodeQuery query) {
    std::vector<std::string> all;
    EXPECT_THAT(list.List(context, query, true,
                          [&](const sdk::Listed<NodeModel, NodeIdentity>& item) {
                            EXPECT_EQ(item.resource->id, item.identity.id);
                            all.push_back(item.display_name);
                            return true;
                          }),
                IsOk());
    return all;
  };
  EXPECT_THAT(names({}), ElementsAre(StartsWith("web (id "), StartsWith("db (id ")));
  NodeQuery query;
  query.tag = "tag:infra";
  EXPECT_THAT(names(query), ElementsAre(StartsWith("db")));
  query.tag = {};
  query.user = "ops";
  EXPECT_THAT(names(query), ElementsAre(StartsWith("web")));
}

TEST(NormalRoute, TellsNetworksFromAddresses) {
  EXPECT_THAT(NormalRoute("10.1.0.0/24"), IsOkAndHolds("10.1.0.0/24"));
  EXPECT_THAT(NormalRoute("FD00:1:0::/64"), IsOkAndHolds("fd00:1::/64"));
  EXPECT_THAT(NormalRoute("10.1.0.7/32"), IsOkAndHolds("10.1.0.7/32"));
  for (const char* bad : {"10.1.0.7/24", "10.1.0.0/33", "10.1.0.0/024", "x/8", "10.1.0.0",
                          "fd00::1/64", "::/129", "/8"}) {
    EXPECT_THAT(NormalRoute(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
  EXPECT_THAT(RemedyOf(NormalRoute("fd00:1::9/64").status()).value_or(""),
              HasSubstr("fd00:1::/64"));
}

}  // namespace
}  // namespace charon::vpn
