#include "provider/ephemeral/vpn_preauth_key.h"

#include "gtest/gtest.h"
#include "provider/base/redact.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::ephemeral {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class EphemeralKey : public testing::TestWithParam<int> {
 protected:
  EphemeralKey() : vpn_(GetParam()) {
    vpn_.server.AddUser("ops");
    context_.call.clock = &vpn_.clock;
    context_.private_state = &private_;
  }
  int Open() const {
    int open = 0;
    for (const auto& key : vpn_.server.keys) open += key.expiration > vpn_.clock.Now();
    return open;
  }

  mutable vpn::Vpn vpn_;
  sdk::PrivateState private_;
  sdk::Context context_;
  VpnPreauthKey key_{vpn_.services};
};

INSTANTIATE_TEST_SUITE_P(Versions, EphemeralKey, testing::Values(23, 26, 28, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(EphemeralKey, LastsMinutesAndIsMadeUselessIfNobodyUsedIt) {
  VpnPreauthKeyModel config;
  config.user = "ops";
  const auto opened = key_.Open(context_, config);
  ASSERT_THAT(opened, IsOk());
  ASSERT_EQ(vpn_.server.keys.size(), 1u);
  const FakeHeadscale::Key& made = vpn_.server.keys[0];
  EXPECT_EQ(*opened->result.key, made.key);
  EXPECT_FALSE(made.reusable);
  EXPECT_LE(made.expiration - vpn_.clock.Now(), absl::Minutes(10) + absl::Seconds(1));
  EXPECT_GE(made.expiration - vpn_.clock.Now(), absl::Minutes(10));
  EXPECT_EQ(Redact(made.key), kRedacted);
  EXPECT_THAT(private_.ToBytes(), Not(HasSubstr(made.key)));
  ASSERT_THAT(key_.Close(context_), IsOk());
  EXPECT_EQ(Open(), 0);
  EXPECT_EQ(vpn_.server.keys.size(), GetParam() < 28 ? 1u : 0u);  // deleted where that can be
  EXPECT_THAT(key_.Close(context_), IsOk());
}

TEST_P(EphemeralKey, TheUserMayBeAnId) {
  VpnPreauthKeyModel config;
  config.user = absl::StrCat(vpn_.server.users[0].id);
  ASSERT_THAT(key_.Open(context_, config), IsOk());
  EXPECT_EQ(vpn_.server.keys[0].user, vpn_.server.users[0].id);
  config.user = "99";
  EXPECT_THAT(key_.Open(context_, config),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no user with id 99")));
}

TEST_P(EphemeralKey, AUsedKeyIsLeft) {
  VpnPreauthKeyModel config;
  config.user = "ops";
  ASSERT_THAT(key_.Open(context_, config), IsOk());
  vpn_.server.keys[0].used = true;
  ASSERT_THAT(key_.Close(context_), IsOk());
  EXPECT_EQ(Open(), 1);
}

TEST_P(EphemeralKey, IsKeptIfAsked) {
  VpnPreauthKeyModel config;
  config.user = "ops";
  config.on_close = "keep";
  ASSERT_THAT(key_.Open(context_, config), IsOk());
  ASSERT_THAT(key_.Close(context_), IsOk());
  EXPECT_EQ(Open(), 1);
}

TEST_P(EphemeralKey, AnAnswerThatGotLostLeavesNoOpenKey) {
  ASSERT_THAT(vpn_.services.Headscale().value()->users().FindByName(context_, "ops"), IsOk());
  ASSERT_THAT(vpn_.services.Headscale().value()->server().GetDialect(context_), IsOk());
  vpn_.server.transport().FailNth(1, absl::UnavailableError("connection reset"), /*after=*/true);
  VpnPreauthKeyModel config;
  config.user = "ops";
  EXPECT_THAT(key_.Open(context_, config), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(vpn_.server.keys.size(), GetParam() < 28 ? 1u : 0u);
  EXPECT_EQ(Open(), 0);
}

TEST_P(EphemeralKey, SaysWhoseKeyItIs) {
  VpnPreauthKeyModel config;
  EXPECT_THAT(key_.Validate(context_, config), StatusIsAt("user"));
  config.tags = std::set<std::string>{"tag:infra"};
  EXPECT_THAT(key_.Validate(context_, config), IsOk());
  const auto opened = key_.Open(context_, config);
  if (GetParam() < 28) {
    EXPECT_THAT(opened,
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("0.28 and later can")));
    EXPECT_THAT(vpn_.server.keys, IsEmpty());
  } else {
    EXPECT_THAT(opened, IsOk());
  }
  config.user = "nobody";
  EXPECT_THAT(key_.Open(context_, config),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no user \"nobody\"")));
}

}  // namespace
}  // namespace charon::ephemeral
