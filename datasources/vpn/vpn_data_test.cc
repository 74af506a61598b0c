#include "datasources/vpn/nodes.h"
#include "datasources/vpn/server.h"
#include "gtest/gtest.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn_data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

class VpnData : public testing::TestWithParam<int> {
 protected:
  VpnData() : vpn_(GetParam()) {
    context_.call.clock = &vpn_.clock;
    const int ops = vpn_.server.AddUser("ops").id;
    auto& web = vpn_.server.AddNode("Web", ops);
    web.available = {"10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0", "::/0"};
    web.approved = {"10.1.0.0/24", "0.0.0.0/0", "::/0"};
    auto& db = vpn_.server.AddNode("db", ops);
    db.tags = {"tag:infra"};
    db.online = false;
    db.expiry = vpn_.clock.Now() - absl::Hours(1);
  }
  vpn::Vpn vpn_;
  sdk::Context context_;
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnData, testing::Values(23, 26, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnData, ANodeIsFoundByAnyOfItsNames) {
  NodeSource source(vpn_.services);
  NodeInfo config;
  EXPECT_THAT(source.Validate(context_, config), StatusIsAt("id"));
  config.hostname = "web";
  const auto outcome = source.Read(context_, config);
  ASSERT_THAT(outcome.status(), IsOk());
  const NodeInfo& web = *outcome.state();
  EXPECT_EQ(web.fqdn, Attr<std::string>("web.mesh.example.org"));
  EXPECT_EQ(web.online, Attr<bool>(true));
  EXPECT_EQ(web.expired, Attr<bool>(false));
  EXPECT_EQ(web.exit_node, Attr<bool>(true));
  EXPECT_EQ(web.user, Attr<std::string>("ops"));
  EXPECT_THAT(*web.served_routes, ElementsAre("0.0.0.0/0", "10.1.0.0/24", "::/0"));
  EXPECT_THAT(*web.available_routes, testing::SizeIs(4));
  NodeInfo by_id;
  by_id.id = web.id;
  EXPECT_EQ(source.Read(context_, by_id).state()->hostname, Attr<std::string>("Web"));
  NodeInfo none;
  none.given_name = "nobody";
  EXPECT_THAT(source.Read(context_, none).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no node")));
  vpn_.server.AddNode("web", 0);
  vpn_.NextRun();
  EXPECT_THAT(source.Read(context_, config).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("several nodes")));
}

TEST_P(VpnData, NodesAreFilteredAndAskedForOnce) {
  NodesSource source(vpn_.services);
  const auto names = [&](NodesModel config) {
    const auto outcome = source.Read(context_, config);
    EXPECT_THAT(outcome.status(), IsOk());
    return *outcome.state()->nodes;
  };
  EXPECT_THAT(names({}), ElementsAre(Key("db"), Key("web")));
  const int reads = vpn_.server.reads();
  NodesModel config;
  config.tag = "tag:infra";
  const auto tagged = names(config);
  EXPECT_THAT(tagged, ElementsAre(Key("db")));
  EXPECT_EQ(tagged.at("db").expired, Attr<bool>(true));
  EXPECT_EQ(tagged.at("db").user.IsNull(), GetParam() >= 28);
  config = {};
  config.online = true;
  EXPECT_THAT(names(config), ElementsAre(Key("web")));
  config = {};
  config.user = "nobody";
  EXPECT_THAT(names(config), IsEmpty());
  EXPECT_EQ(vpn_.server.reads(), reads);
}

TEST_P(VpnData, UsersAreListedWithTheirNodes) {
  vpn_.server.AddUser("dev").email = "dev@example.com";
  UsersSource source(vpn_.services);
  const auto outcome = source.Read(context_, {});
  ASSERT_THAT(outcome.status(), IsOk());
  EXPECT_THAT(*outcome.state()->users, ElementsAre(Key("dev"), Key("ops")));
  EXPECT_THAT(*outcome.state()->users->at("ops").nodes, testing::SizeIs(GetParam() < 28 ? 2 : 1));
  if (GetParam() >= 24) {
    auto& twin = vpn_.server.AddUser("dev");
    twin.provider = "oidc";
    twin.email = "dev@example.org";
    vpn_.NextRun();
    EXPECT_THAT(*source.Read(context_, {}).state()->users,
                ElementsAre(Key("dev"), Key("dev@example.org"), Key("ops")));
    return;
  }
  UsersModel config;
  config.name = "dev";
  EXPECT_THAT(*source.Read(context_, config).state()->users, ElementsAre(Key("dev")));
}

TEST_P(VpnData, TheServerSaysWhatItIsAndWhatComes) {
  ServerSource source(vpn_.services);
  const auto outcome = source.Read(context_, {});
  ASSERT_THAT(outcome.status(), IsOk());
  const ServerModel& server = *outcome.state();
  EXPECT_EQ(server.dialect, Attr<std::string>(absl::StrCat("0.", GetParam())));
  EXPECT_EQ(server.version.IsNull(), GetParam() < 27);
  EXPECT_EQ(server.features->at("tag_only_keys"), GetParam() >= 28);
  EXPECT_EQ(server.next_version.IsNull(), GetParam() == 30);
  EXPECT_EQ(server.next_changes->empty(), GetParam() == 30);
}

}  // namespace
}  // namespace charon::vpn_data
