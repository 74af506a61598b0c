#include "resources/vpn/actions.h"

#include "gtest/gtest.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class VpnActions : public testing::TestWithParam<int> {
 protected:
  VpnActions() : vpn_(GetParam()), user_(vpn_.server.AddUser("ops").id) {
    context_.call.clock = &vpn_.clock;
  }
  sdk::Progress Progress() {
    return [this](const std::string& line) { said_.push_back(line); };
  }
  Vpn vpn_;
  int user_;
  sdk::Context context_;
  std::vector<std::string> said_;
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnActions, testing::Values(23, 28, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnActions, ANodeIsLoggedOut) {
  vpn_.server.AddNode("web", user_);
  NodeExpireAction action(vpn_.services);
  NodeExpireModel config;
  config.node_id = absl::StrCat(vpn_.server.nodes[0].id);
  ASSERT_THAT(action.Invoke(context_, config, Progress()), IsOk());
  EXPECT_EQ(vpn_.server.nodes[0].expiry, vpn_.clock.Now());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("Node web (id ")));
  config.node_id = "99";
  EXPECT_THAT(action.Invoke(context_, config, Progress()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no node with id 99")));
}

TEST_P(VpnActions, OnlyWhatAHostLeftBehindIsPurged) {
  const auto add = [&](const char* host, bool online, const char* name) {
    auto& node = vpn_.server.AddNode(host, user_);
    node.online = online;
    if (*name != 0) node.given_name = name;
    return node.id;
  };
  const int left_behind = add("web", false, "");
  const int named = add("web", false, "lab");
  const int only = add("db", false, "");
  const int similar = add("web-1", false, "");
  vpn_.clock.Advance(absl::Hours(3));
  const int live = add("web", true, "");
  const int just_now = add("web", false, "");
  PurgeStaleAction action(vpn_.services);
  PurgeStaleModel config;
  config.older_than = "1h";
  config.hostname = "other";
  ASSERT_THAT(action.Invoke(context_, config, Progress()), IsOk());
  EXPECT_THAT(said_, ElementsAre("No node is stale"));
  said_.clear();
  config.hostname = {};
  ASSERT_THAT(action.Invoke(context_, config, Progress()), IsOk());
  std::set<int> left;
  for (const auto& node : vpn_.server.nodes) left.insert(node.id);
  EXPECT_EQ(left, (std::set<int>{named, only, similar, live, just_now}));
  EXPECT_THAT(said_, ElementsAre(HasSubstr(absl::StrCat("Removed web (id ", left_behind, ")")),
                                 "Removed 1 node"));
}

}  // namespace
}  // namespace charon::vpn
