#include "provider/http/logging.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LoggingTest : public ::testing::Test {
 protected:
  // The lines written while `request` is sent.
  std::vector<nlohmann::json> Lines(LogLevel level, const Request& request) {
    std::vector<nlohmann::json> lines;
    Logger logger(level, [&](const std::string& line) {
      lines.push_back(nlohmann::json::parse(line));
      all_ += line;
    });
    Call call;
    call.log = &logger;
    call.clock = &clock_;
    (void)NewLoggingTransport(Borrow(fake_))->Send(call, request);
    return lines;
  }

  FakeTransport fake_;
  FakeClock clock_;
  std::string all_;
};

TEST_F(LoggingTest, DebugTellsWhatHappenedWithoutBodies) {
  fake_.Handle([&](const Call&, const Request&) {
    clock_.Advance(absl::Milliseconds(12));
    return Response{.status = 201, .body = "the answer"};
  });
  const auto lines = Lines(LogLevel::kDebug, {.method = "POST",
                                              .url = "https://h/x?token=abc",
                                              .headers = {{"Authorization", "Bearer zzz"}},
                                              .body = "the question"});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["http_method"], "POST");
  EXPECT_EQ(lines[0]["http_url"], "https://h/x?token=(redacted)");
  EXPECT_EQ(lines[0]["http_status"], "201");
  EXPECT_EQ(lines[0]["http_duration"], "12ms");
  EXPECT_THAT(all_, Not(HasSubstr("the answer")));
  EXPECT_THAT(all_, Not(HasSubstr("the question")));
  EXPECT_THAT(all_, Not(HasSubstr("zzz")));
}

TEST_F(LoggingTest, FailuresAreLoggedWithTheirMessage) {
  fake_.Fail(absl::UnavailableError("no route to h"));
  const auto lines = Lines(LogLevel::kDebug, {.url = "https://h/x"});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["error"], "no route to h");
}

TEST_F(LoggingTest, NothingIsWrittenAboveDebug) {
  fake_.Answer(200);
  EXPECT_TRUE(Lines(LogLevel::kInfo, {.url = "https://h/x"}).empty());
}

TEST_F(LoggingTest, TraceShowsBodiesRedactedAndCut) {
  RegisterSecret("very-secret-value");
  fake_.Answer(200, "got very-secret-value" + std::string(100000, 'x'));
  const auto lines =
      Lines(LogLevel::kTrace, {.url = "https://h/api/v1/pods", .body = "the question"});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1]["http_request_body"], "the question");
  const std::string body = lines[1]["http_response_body"];
  EXPECT_THAT(body, HasSubstr("got (redacted)xxx"));
  EXPECT_LT(body.size(), 17000U);
}

TEST_F(LoggingTest, BodiesOfSecretsAreNeverShown) {
  fake_.Answer(200, R"({"data":{"p":"c3VwZXI="}})");
  Lines(LogLevel::kTrace, {.url = "https://h/api/v1/namespaces/a/secrets/b", .body = "plaintext"});
  fake_.Answer(200, R"({"items":[{"kind":"Secret","data":{"p":"c3VwZXI="}}]})");
  Lines(LogLevel::kTrace, {.url = "https://h/apis/x/v1/things"});
  EXPECT_THAT(all_, Not(HasSubstr("c3VwZXI=")));
  EXPECT_THAT(all_, Not(HasSubstr("plaintext")));
}

TEST(MayHoldSecrets, GoesByPathSegments) {
  EXPECT_TRUE(MayHoldSecrets("https://h/api/v1/namespaces/a/serviceaccounts/b/token", ""));
  EXPECT_TRUE(MayHoldSecrets("https://h/api/v1/preauthkey", ""));
  EXPECT_TRUE(MayHoldSecrets("https://h/v1/auth/userpass/login/me", ""));
  EXPECT_TRUE(MayHoldSecrets("https://h/api/v1/node", R"({"nodes":[{"preAuthKey":{"key":"k"}}]})"));
  EXPECT_FALSE(MayHoldSecrets("https://h/api/v1/node", R"({"nodes":[{"preAuthKey":null}]})"));
  EXPECT_FALSE(MayHoldSecrets("https://h/api/v1/pods?fieldSelector=token", "{}"));
  EXPECT_TRUE(MayHoldSecrets(
      "https://h/api/v1/namespaces/a/configmaps",
      R"({"items":[{"metadata":{"annotations":{"charon.internal/write-only":"true"}}}]})"));
}

}  // namespace
}  // namespace charon::http
