#include "datasources/vpn/policy.h"

#include "gtest/gtest.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn_data {
namespace {

using ::testing::HasSubstr;

class VpnPolicyData : public testing::TestWithParam<int> {
 protected:
  VpnPolicyData() : vpn_(GetParam()) { context_.call.clock = &vpn_.clock; }

  PolicyModel Read() {
    const sdk::Outcome<PolicyModel> outcome = PolicySource(vpn_.services).Read(context_, {});
    EXPECT_THAT(outcome.status(), IsOk());
    return outcome.state().value_or(PolicyModel());
  }

  vpn::Vpn vpn_;
  sdk::Context context_;
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnPolicyData, testing::Values(23, 26, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnPolicyData, IsShownAsStoredAndAsJson) {
  vpn_.server.policy = "{\"acls\": [], /* none */ \"tests\": [],}";
  const PolicyModel model = Read();
  EXPECT_EQ(*model.policy, vpn_.server.policy);
  EXPECT_EQ(*model.json, "{\n  \"acls\": [],\n  \"tests\": []\n}");
  EXPECT_EQ(*model.mode, "database");
  EXPECT_TRUE(model.updated_at.IsKnown());
  // Before 0.26 a policy without anything is refused; 0.27 and 0.28 refuse tests.
  EXPECT_EQ(model.refused_by->count("0.26"), 0u);
  EXPECT_EQ(model.refused_by->count("0.29"), 0u);
  EXPECT_THAT(model.refused_by->at("0.27"), HasSubstr("\"tests\" is not known to Headscale 0.27"));
  EXPECT_THAT(model.refused_by->at("0.23"), HasSubstr("without groups, hosts and acls"));
}

TEST_P(VpnPolicyData, NoPolicyIsNull) {
  const PolicyModel model = Read();
  EXPECT_TRUE(model.policy.IsNull());
  EXPECT_TRUE(model.json.IsNull());
  EXPECT_TRUE(model.mode.IsNull());
  EXPECT_TRUE(model.refused_by.IsNull());
}

TEST_P(VpnPolicyData, AFileAndATextThatIsNoPolicyAreShown) {
  vpn_.server.policy = "{ not HuJSON";
  vpn_.server.policy_in_file = true;
  const PolicyModel model = Read();
  EXPECT_EQ(*model.policy, "{ not HuJSON");
  EXPECT_TRUE(model.json.IsNull());
  EXPECT_EQ(*model.mode, "file");
  EXPECT_TRUE(model.updated_at.IsNull());
}

TEST_P(VpnPolicyData, AnErrorIsAnError) {
  vpn_.server.transport().FailNth(1, absl::PermissionDeniedError("no"));
  EXPECT_FALSE(PolicySource(vpn_.services).Read(context_, {}).ok());
}

}  // namespace
}  // namespace charon::vpn_data
