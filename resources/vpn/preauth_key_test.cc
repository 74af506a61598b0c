#include "resources/vpn/preauth_key.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "resources/vpn/vpn_for_test.h"

namespace charon::vpn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class VpnPreauthKey : public testing::TestWithParam<int> {
 protected:
  VpnPreauthKey() : vpn_(GetParam()), harness_(NewHarness()) {
    vpn_.server.AddUser("ops");
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::path(testing::TempDir()) / absl::StrReplaceAll(name, {{"/", "_"}});
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~VpnPreauthKey() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ResourceHarness> NewHarness() {
    auto harness =
        std::make_unique<ResourceHarness>(std::make_unique<PreauthKeyResource>(vpn_.services));
    harness->call.clock = &vpn_.clock;
    return harness;
  }
  // The next terraform command: provider and clients start anew, and the state is read.
  void NextRun() {
    vpn_.NextRun();
    harness_->Refresh();
  }
  // The same after a kill: nothing reached the state.
  void NextRunWithoutState() {
    vpn_.NextRun();
    harness_ = NewHarness();
  }
  ResourceHarness& key() { return *harness_; }
  FakeHeadscale& server() { return vpn_.server; }
  std::string File() const { return folder_ / "ts.key"; }
  std::string Config(const std::string& more = "") const {
    return absl::StrCat(R"({"user": "ops", "deliver_to": {"file": ")", File(), R"("})", more, "}");
  }
  static std::string Text(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  // Keys that would still let somebody in.
  int Open() const {
    int open = 0;
    for (const auto& each : vpn_.server.keys) open += !each.used && each.expiration > clock().Now();
    return open;
  }
  FakeClock& clock() const { return vpn_.clock; }

  mutable Vpn vpn_;
  std::unique_ptr<ResourceHarness> harness_;
  std::filesystem::path folder_;
};

INSTANTIATE_TEST_SUITE_P(Versions, VpnPreauthKey, testing::Values(23, 26, 28, 29, 30),
                         [](const auto& param) { return absl::StrCat("v0_", param.param); });

TEST_P(VpnPreauthKey, GoesToItsFileAndNotToTheState) {
  EXPECT_EQ(
      key().Apply(Config(R"(, "tags": ["tag:infra"], "reusable": true, "expires_in": "24h")")),
      core::Action::kCreate);
  const std::string secret = server().keys[0].key;
  EXPECT_EQ(Text(File()), secret);
  struct stat info {};
  ASSERT_EQ(stat(File().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(Text(File() + ".intent"), Not(HasSubstr(secret)));
  EXPECT_TRUE(key()["key"].IsNull());
  for (const auto& [name, value] : key().state().mapping()) {
    if (value.kind() != Value::Kind::kString) continue;
    EXPECT_THAT(value.string(), Not(HasSubstr(secret))) << name;
  }
  EXPECT_EQ(key()["used"], Value::Bool(false));
  EXPECT_TRUE(server().keys[0].reusable);
  EXPECT_THAT(server().keys[0].tags, ElementsAre("tag:infra"));
  NextRun();
  EXPECT_EQ(
      key().Apply(Config(R"(, "tags": ["tag:infra"], "reusable": true, "expires_in": "24h")")),
      core::Action::kNoOp);
  EXPECT_EQ(key().Destroy(), core::Action::kDelete);
  EXPECT_EQ(Open(), 0);
  EXPECT_FALSE(std::filesystem::exists(File()));
  EXPECT_FALSE(std::filesystem::exists(File() + ".intent"));
}

TEST_P(VpnPreauthKey, IsInTheStateOnlyIfAsked) {
  key().Apply(R"({"user": "ops", "expose_key": true})");
  EXPECT_EQ(key()["key"], Value::String(server().keys[0].key));
  NextRun();
  EXPECT_EQ(key()["key"], Value::String(server().keys[0].key));
}

TEST_P(VpnPreauthKey, AUsedSingleUseKeyIsFinished) {
  key().Apply(Config());
  server().keys[0].used = true;
  vpn_.clock.Advance(absl::Hours(100));  // and it has expired
  NextRun();
  EXPECT_EQ(key()["used"], Value::Bool(true));
  EXPECT_EQ(key().Apply(Config()), core::Action::kNoOp);
  std::filesystem::remove(File());
  NextRun();
  EXPECT_EQ(key().Apply(Config()), core::Action::kNoOp);
  server().keys.clear();  // the server forgot it
  NextRun();
  EXPECT_FALSE(key().state().IsNull());
  EXPECT_EQ(key().Apply(Config(R"(, "expires_in": "2h", "renew_before": "10m")")),
            core::Action::kUpdate);
  EXPECT_THAT(server().keys, IsEmpty());
  // Unless another one is asked for.
  EXPECT_EQ(key().Apply(Config(R"(, "rotation_trigger": "2")")), core::Action::kReplace);
  EXPECT_EQ(server().keys.size(), 1u);
}

TEST_P(VpnPreauthKey, AUsedKeyIsNotTakenFromItsNode) {
  key().Apply(Config());
  server().keys[0].used = true;
  NextRun();
  const std::size_t writes = server().writes().size();
  key().Destroy();
  EXPECT_EQ(server().writes().size(), writes);
  EXPECT_FALSE(std::filesystem::exists(File()));
}

TEST_P(VpnPreauthKey, IsMadeAnewWhenItExpiresOrSoon) {
  const std::string config = Config(R"(, "expires_in": "1h", "renew_before": "20m")");
  key().Apply(config);
  const Value first = key()["id"];
  vpn_.clock.Advance(absl::Minutes(30));
  NextRun();
  EXPECT_EQ(key().Apply(config), core::Action::kNoOp);
  vpn_.clock.Advance(absl::Minutes(15));
  NextRun();
  EXPECT_EQ(key().Apply(config), core::Action::kReplace);
  EXPECT_NE(key()["id"], first);
  EXPECT_EQ(Open(), 1);
  EXPECT_EQ(Text(File()), server().keys.back().key);
  // Expired by somebody else.
  server().keys.back().expiration = vpn_.clock.Now() - absl::Seconds(1);
  NextRun();
  EXPECT_EQ(key().Apply(config), core::Action::kReplace);
  EXPECT_EQ(key().Apply(Config(R"(, "expires_in": "3h", "renew_before": "20m")")),
            core::Action::kReplace);
  EXPECT_EQ(Open(), 1);
}

TEST_P(VpnPreauthKey, DeletedOutsideItIsMadeAgain) {
  key().Apply(Config());
  server().keys.clear();
  NextRun();
  EXPECT_TRUE(key().state().IsNull());
  EXPECT_EQ(key().Apply(Config()), core::Action::kCreate);
  EXPECT_EQ(Text(File()), server().keys[0].key);
}

TEST_P(VpnPreauthKey, WithoutItsFileItIsMadeAnew) {
  key().Apply(Config());
  std::filesystem::remove(File());
  NextRun();
  EXPECT_EQ(key()["delivered"], Value::Bool(false));
  EXPECT_EQ(key().Apply(Config()), core::Action::kReplace);
  EXPECT_EQ(Open(), 1);
  EXPECT_EQ(Text(File()), server().keys.back().key);
}

TEST_P(VpnPreauthKey, KilledBetweenMintingAndDeliveryLeavesNoOpenKey) {
  key().Apply(Config());
  // As a kill leaves it: the intent is written, the key is on the server, and nowhere else.
  const auto intent = IntentFromJson(
      Text(File() + ".intent"), vpn_.services.Ownership("charon_vpn_preauth_key", File()).owner);
  ASSERT_TRUE(intent.has_value());
  KeyIntent announced = *intent;
  announced.id.clear();
  std::ofstream(File() + ".intent")
      << IntentToJson(announced, vpn_.services.Ownership("charon_vpn_preauth_key", File()).owner);
  std::filesystem::remove(File());
  // A key of somebody else with the same flags is none of our business.
  FakeHeadscale::Key other = server().keys[0];
  other.id = 4711;
  other.key = "hskey-auth-other0000000-" + std::string(64, 'o');
  other.expiration += absl::Milliseconds(1);
  server().keys.push_back(other);
  NextRunWithoutState();
  EXPECT_EQ(key().Apply(Config()), core::Action::kCreate);
  EXPECT_EQ(Open(), 2);  // ours and the other's
  EXPECT_EQ(Text(File()), server().keys.back().key);
  EXPECT_GT(server().keys.back().id, 0);
  bool other_is_open = false;
  for (const auto& each : server().keys)
    other_is_open |= each.id == 4711 && each.expiration > vpn_.clock.Now();
  EXPECT_TRUE(other_is_open);
}

TEST_P(VpnPreauthKey, KilledAfterDeliveryTakesWhatIsThere) {
  key().Apply(Config());
  const Value id = key()["id"];
  const std::size_t made = server().keys.size();
  NextRunWithoutState();
  EXPECT_EQ(key().Apply(Config()), core::Action::kCreate);
  EXPECT_EQ(key()["id"], id);
  EXPECT_EQ(server().keys.size(), made);
  // Other flags are another key: the former one is made useless.
  NextRunWithoutState();
  EXPECT_EQ(key().Apply(Config(R"(, "reusable": true)")), core::Action::kCreate);
  EXPECT_NE(key()["id"], id);
  EXPECT_EQ(Open(), 1);
}

TEST_P(VpnPreauthKey, AnAnswerThatGotLostLeavesNoOpenKey) {
  bool lost = false;
  FakeHeadscale fresh(GetParam(), vpn_.clock);
  fresh.AddUser("ops");
  server().transport().Handle(
      [&](const Call& call, const http::Request& request) -> absl::StatusOr<http::Response> {
        absl::StatusOr<http::Response> answer = fresh.transport().Send(call, request);
        if (request.method == "POST" && !std::exchange(lost, true))
          return absl::UnavailableError("connection reset by peer");
        return answer;
      });
  key().Apply(Config());
  int open = 0;
  for (const auto& each : fresh.keys) open += each.expiration > vpn_.clock.Now();
  EXPECT_EQ(open, 1);
  EXPECT_EQ(Text(File()), fresh.keys.back().key);
}

TEST_P(VpnPreauthKey, WhatCannotBeDeliveredIsNotLeft) {
  const std::string config = absl::StrCat(R"({"user": "ops", "deliver_to": {"file": ")",
                                          (folder_ / "none" / "ts.key").string(), R"("}})");
  EXPECT_THAT(key().ApplyToFail(config),
              ElementsAre(AllOf(HasSubstr("deliver_to: "), HasSubstr("The directory must exist"))));
  EXPECT_THAT(server().keys, IsEmpty());
  std::ofstream(File()) << "precious";
  NextRunWithoutState();
  EXPECT_THAT(key().ApplyToFail(Config()),
              ElementsAre(AllOf(HasSubstr("deliver_to: "), HasSubstr("There is a file"),
                                HasSubstr("on_conflict = \"adopt\""))));
  EXPECT_EQ(Text(File()), "precious");
  EXPECT_THAT(server().keys, IsEmpty());
  NextRunWithoutState();
  key().Apply(Config(R"(, "on_conflict": "adopt")"));
  EXPECT_EQ(Text(File()), server().keys[0].key);
}

TEST_P(VpnPreauthKey, TwoKeysInOnePlaceAreRefused) {
  key().Apply(Config());
  // The same resource class serves all instances of a run.
  PreauthKeyResource resource(vpn_.services);
  sdk::Context context;
  context.call.clock = &vpn_.clock;
  PreauthKeyModel plan;
  plan.user = "ops";
  plan.expires_in = "1h";
  DeliverToModel to;
  to.file = (folder_ / "two.key").string();
  plan.deliver_to = to;
  EXPECT_TRUE(resource.Create(context, plan).ok());
  EXPECT_THAT(resource.Create(context, plan).status(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("two keys go to file ")));
}

TEST_P(VpnPreauthKey, KeysWithTagsAloneNeedAVersionThatHasThem) {
  const char* config = R"({"tags": ["tag:infra"], "expose_key": true})";
  if (GetParam() < 28) {
    EXPECT_THAT(key().ApplyToFail(config),
                ElementsAre(AllOf(HasSubstr("user: "), HasSubstr("Headscale 0.28 and later can"))));
    EXPECT_THAT(server().writes(), IsEmpty());
  } else {
    key().Apply(config);
    EXPECT_EQ(server().keys[0].user, 0);
  }
}

TEST_P(VpnPreauthKey, IsImportedByItsId) {
  key().Apply(R"({"user": "ops", "reusable": true, "tags": ["tag:infra"], "expose_key": true})");
  const std::string id = absl::StrCat(server().keys[0].id);
  vpn_.NextRun();
  key().Import(id);
  EXPECT_EQ(key()["user"], Value::String("ops"));
  EXPECT_EQ(key()["reusable"], Value::Bool(true));
  EXPECT_TRUE(key()["key"].IsNull());
}

// As `import` blocks are planned, with the configuration that Terraform generates: nobody has the
// key's text, so that nothing can be made of it.
TEST_P(VpnPreauthKey, AnImportedKeyIsWatchedAndRemoved) {
  key().Apply(R"({"user": "ops", "reusable": true, "tags": ["tag:infra"], "expose_key": true})");
  const std::string id = absl::StrCat(server().keys[0].id);
  NextRunWithoutState();
  key().Import(id);
  const std::size_t writes = server().writes().size();
  const auto config = [](const std::string& more) {
    return absl::StrCat(R"({"user": "ops", "reusable": true, "tags": ["tag:infra"])", more, "}");
  };
  EXPECT_EQ(key().Apply(config("")), core::Action::kNoOp);
  EXPECT_EQ(key().Apply(config(R"(, "expose_key": false)")), core::Action::kUpdate);
  NextRun();
  EXPECT_TRUE(key()["delivered"].IsNull());
  EXPECT_EQ(key().Apply(config("")), core::Action::kUpdate);
  EXPECT_EQ(key().Apply(config(R"(, "expires_in": "1h", "renew_before": "5m")")),
            core::Action::kUpdate);
  vpn_.clock.Advance(absl::Hours(100));
  NextRun();
  EXPECT_EQ(key().Apply(config(R"(, "expires_in": "1h")")), core::Action::kUpdate);
  EXPECT_THAT(key().ApplyToFail(config(R"(, "rotation_trigger": "2")")),
              ElementsAre(AllOf(HasSubstr("deliver_to: "), HasSubstr("would be lost"))));
  EXPECT_EQ(server().writes().size(), writes);
  EXPECT_EQ(key().Destroy(), core::Action::kDelete);
  EXPECT_GT(server().writes().size(), writes);
  EXPECT_EQ(Open(), 0);
}

TEST_P(VpnPreauthKey, BadInputIsRefused) {
  struct Case {
    std::string config;
    const char* said;
  };
  for (const Case& c :
       {Case{R"({"expose_key": true})", "Set user, or tags"},
        Case{R"({"user": "ops"})", "deliver_to"},
        Case{R"({"user": "ops", "expose_key": true, "tags": ["infra"]})", "Write \"tag:infra\""},
        Case{R"({"user": "ops", "expose_key": true, "expires_in": "1 day"})", "expires_in"},
        Case{R"({"user": "ops", "expose_key": true, "expires_in": "1h", "renew_before": "2h"})",
             "shorter than expires_in"},
        Case{R"({"user": "ops", "deliver_to": {}})", "deliver_to"}}) {
    EXPECT_THAT(key().ApplyToFail(c.config), ElementsAre(HasSubstr(c.said))) << c.config;
  }
  EXPECT_EQ(server().transport().count(), 0u);
  EXPECT_THAT(key().ApplyToFail(R"({"user": "nobody", "expose_key": true})"),
              ElementsAre(AllOf(HasSubstr("user: "), HasSubstr("There is no user \"nobody\""),
                                HasSubstr("charon_vpn_user"))));
}

}  // namespace
}  // namespace charon::vpn
