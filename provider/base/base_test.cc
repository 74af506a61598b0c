#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/call.h"
#include "provider/base/log.h"
#include "provider/base/path.h"
#include "provider/base/redact.h"
#include "provider/base/several.h"
#include "provider/base/status.h"

namespace charon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Path, ReadsAsHcl) {
  EXPECT_EQ(Path("wait").Attribute("fields").Key("status.phase").ToString(),
            "wait.fields[\"status.phase\"]");
  EXPECT_EQ(Path("rules").Index(0).Attribute("name").ToString(), "rules[0].name");
}

TEST(Status, OuterPathComesFirst) {
  const absl::Status status =
      At("wait", At(Path("fields").Key("a:b"), absl::InvalidArgumentError("bad")));
  ASSERT_TRUE(PathOf(status).has_value());
  EXPECT_EQ(PathOf(status)->ToString(), "wait.fields[\"a:b\"]");
}

TEST(Status, AnnotateKeepsCodePathAndRemedy) {
  const absl::Status status = Annotate(
      WithRemedy(At("name", absl::NotFoundError("no user 7")), "create it"), "reading user 7");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "reading user 7: no user 7");
  EXPECT_EQ(PathOf(status)->ToString(), "name");
  EXPECT_EQ(RemedyOf(status), "create it");
}

TEST(Status, FirstRemedyWins) {
  const absl::Status status = WithRemedy(WithRemedy(absl::NotFoundError("x"), "inner"), "outer");
  EXPECT_EQ(RemedyOf(status), "inner");
}

TEST(Status, SeveralAreOneEach) {
  const absl::Status several = At(
      "outer", WithRemedy(Annotate(Several({At("a", WithRemedy(absl::NotFoundError("x: 1"), "r")),
                                            absl::AbortedError("y\n2")}),
                                   "doing it"),
                          "s"));
  EXPECT_EQ(several.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(several.message(), "doing it: x: 1\ndoing it: y\n2");
  EXPECT_EQ(PathOf(several)->ToString(), "outer.a");
  EXPECT_EQ(RemedyOf(several), "r");
  const std::vector<absl::Status> each = EachOf(several);
  ASSERT_EQ(each.size(), 2U);
  EXPECT_EQ(each[0], At("outer", At("a", WithRemedy(absl::NotFoundError("doing it: x: 1"), "r"))));
  EXPECT_EQ(each[1], At("outer", WithRemedy(absl::AbortedError("doing it: y\n2"), "s")));
  // One is itself.
  EXPECT_EQ(Several({each[1]}), each[1]);
  ASSERT_EQ(EachOf(each[1]).size(), 1U);
  EXPECT_EQ(EachOf(each[1])[0], each[1]);
}

TEST(Redact, HidesRegisteredSecretsInEveryForm) {
  RegisterSecret("s3cr3t/token");
  const std::string clean = Redact("a s3cr3t/token b czNjcjN0L3Rva2Vu c s3cr3t%2Ftoken");
  EXPECT_EQ(clean, "a (redacted) b (redacted) c (redacted)");
}

TEST(Redact, HidesBearerTokensAndPrivateKeys) {
  EXPECT_EQ(Redact("Authorization: Bearer abc\nHost: x"), "Authorization: (redacted)\nHost: x");
  const std::string key =
      Redact("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----");
  EXPECT_THAT(key, Not(HasSubstr("MHcC")));
}

TEST(Logger, WritesWhatTerraformParses) {
  std::string line;
  Logger logger(LogLevel::kDebug, [&](const std::string& text) { line = text; });
  logger.With({{"tf_rpc", "ReadResource"}}).Info("read", {{"count", "5"}});
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["@level"], "info");
  EXPECT_EQ(json["tf_rpc"], "ReadResource");
  EXPECT_EQ(json["count"], "5");
  EXPECT_THAT(json["@timestamp"].get<std::string>(),
              ::testing::MatchesRegex("....-..-..T..:..:.........Z"));
  line.clear();
  logger.Trace("below the level");
  EXPECT_EQ(line, "");
}

TEST(Call, StopEndsAWait) {
  std::stop_source source;
  Call call;
  call.stop = source.get_token();
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_EQ(call.Wait(absl::Minutes(5)).code(), absl::StatusCode::kCancelled);
}

TEST(Call, WithinNeverExtends) {
  Call call;
  call.deadline = absl::Now() + absl::Seconds(1);
  EXPECT_EQ(call.Within(absl::Hours(1)).deadline, call.deadline);
  EXPECT_LT(call.Within(absl::Milliseconds(1)).deadline, call.deadline);
}

}  // namespace
}  // namespace charon
