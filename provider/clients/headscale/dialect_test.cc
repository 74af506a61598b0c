#include "provider/clients/headscale/dialect.h"

#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::headscale {
namespace {

using ::testing::HasSubstr;

Dialect Minor(int minor) {
  Dialect dialect;
  dialect.minor = minor;
  return dialect;
}

TEST(ParseVersion, ReadsReleasesAndGenerations) {
  for (const auto& [text, minor] : {std::pair<const char*, int>{"0.23", 23},
                                    {"v0.26.1", 26},
                                    {"0.29.2", 29},
                                    {"0.30.0-beta.1", 30},
                                    {"v0.31.0", 30},
                                    {"1.0.0", 30}}) {
    const auto dialect = ParseVersion(text);
    ASSERT_THAT(dialect, IsOk()) << text;
    EXPECT_EQ(dialect->minor, minor) << text;
  }
  EXPECT_THAT(ParseVersion("dev"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no version")));
  EXPECT_THAT(ParseVersion("0"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseVersion("0.22.3"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("begins with 0.23")));
}

TEST(Dialect, SaysWhichVersionCan) {
  EXPECT_THAT(Minor(23).Require(Feature::kNeverExpires),
              StatusIs(absl::StatusCode::kUnimplemented,
                       "the server is Headscale 0.23, which cannot switch off the expiry of a "
                       "node; Headscale 0.29 and later can"));
  EXPECT_THAT(Minor(28).Require(Feature::kMoveNode),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("could until 0.27")));
  EXPECT_THAT(Minor(28).Require(Feature::kTagOnlyKeys), IsOk());
  EXPECT_THAT(Minor(27).Require(Feature::kTagOnlyKeys), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(Dialect, IsFoundInTheDescriptionOfTheApi) {
  const std::string base =
      R"({"paths":{"/api/v1/node":{},"/api/v1/preauthkey":{},"/api/v1/policy":{})";
  const auto minor = [&](const std::string& more) {
    const auto dialect = DialectOfSpec(base + more + "}}");
    return dialect ? dialect->minor : 0;
  };
  EXPECT_EQ(minor(R"(,"/api/v1/user/{name}":{})"), 23);
  EXPECT_EQ(minor(R"(,"/api/v1/user/{id}":{})"), 25);
  EXPECT_EQ(minor(R"(,"/api/v1/user/{id}":{},"/api/v1/node/{nodeId}/approve_routes":{})"), 26);
  EXPECT_EQ(minor(R"(,"/api/v1/health":{})"), 27);
  EXPECT_EQ(minor(R"(,"/api/v1/health":{},"x":"HeadscaleService_DeletePreAuthKey")"), 28);
  EXPECT_EQ(minor(R"(,"/api/v1/health":{},"/api/v1/policy/check":{})"), 29);
  EXPECT_EQ(
      DialectOfSpec("openapi: 3.1.0\npaths:\n  /api/v1/node:\n  /api/v1/preauthkey:\n")->minor, 30);
  EXPECT_EQ(DialectOfSpec("<html>"), std::nullopt);
  // 0.22 had machines.
  EXPECT_EQ(DialectOfSpec(R"({"paths":{"/api/v1/machine":{},"/api/v1/preauthkey":{}}})"),
            std::nullopt);
}

TEST(Dialect, TellsTwinsFromOtherHosts) {
  EXPECT_TRUE(IsNumberedTwin(Minor(29), "web", "web-1"));
  EXPECT_TRUE(IsNumberedTwin(Minor(30), "Web.lan", "web-12"));
  // Registered before the upgrade.
  EXPECT_TRUE(IsNumberedTwin(Minor(29), "web", "web-ab12cd34"));
  EXPECT_FALSE(IsNumberedTwin(Minor(28), "web", "web-1"));
  EXPECT_TRUE(IsNumberedTwin(Minor(28), "web", "web-ab12cd34"));
  EXPECT_FALSE(IsNumberedTwin(Minor(29), "web", "web"));
  EXPECT_FALSE(IsNumberedTwin(Minor(29), "web", "web-01"));
  EXPECT_FALSE(IsNumberedTwin(Minor(29), "web", "web-db"));
  EXPECT_FALSE(IsNumberedTwin(Minor(29), "web", "webx-1"));
  EXPECT_FALSE(IsNumberedTwin(Minor(28), "web", "web-AB12CD34"));
  EXPECT_TRUE(IsNumberedTwin(Minor(28), std::string(63, 'a'), std::string(53, 'a') + "-ab12cd34"));
}

TEST(Dialect, KnowsTheNameThatTheServerGives) {
  EXPECT_EQ(GivenNameOf(Minor(29), "Mail.Server_1"), "mail-server-1");
  EXPECT_EQ(GivenNameOf(Minor(29), "???"), "node");
  EXPECT_EQ(GivenNameOf(Minor(28), "Mail_Server"), "mailserver");
}

TEST(NextUpgrade, NamesWhatBreaks) {
  for (int minor = kOldestMinor; minor < kNewestMinor; ++minor) {
    const auto note = NextUpgrade(minor);
    ASSERT_TRUE(note.has_value()) << minor;
    EXPECT_EQ(note->version, "0." + std::to_string(minor + 1));
    EXPECT_FALSE(note->changes.empty());
  }
  EXPECT_EQ(NextUpgrade(kNewestMinor), std::nullopt);
}

TEST(CheckUserName, RefusesWhatPoliciesCannotName) {
  for (const char* good : {"alice", "ci-runner", "bob@example.com", "a.b_c9"})
    EXPECT_THAT(CheckUserName(good), IsOk()) << good;
  for (const char* bad :
       {"a", "9lives", "-x", "a b", "a@b@c", "group:ops", "tag:x", "jos\xC3\xA9"}) {
    const absl::Status status = CheckUserName(bad);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
    EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("starts with a letter"));
  }
}

TEST(CheckUserName, NamesTheWholeCharacter) {
  EXPECT_THAT(CheckUserName("caf\xC3\xA9s").message(), HasSubstr("character '\xC3\xA9'"));
  EXPECT_THAT(CheckUserName("a b").message(), HasSubstr("character ' '"));
}

TEST(CheckTag, SaysHowItIsWritten) {
  EXPECT_THAT(CheckTag("tag:infra"), IsOk());
  EXPECT_EQ(RemedyOf(CheckTag("Infra")), "Write \"tag:infra\".");
  for (const char* bad : {"tag:", "tag:In", "tag:a b", "tag:1"})
    EXPECT_THAT(CheckTag(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
}

}  // namespace
}  // namespace charon::headscale
