#include "provider/clients/kubernetes/credentials.h"

#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kV1[] = "client.authentication.k8s.io/v1";

class TempFolder {
 public:
  TempFolder() {
    std::string name = absl::StrCat(testing::TempDir(), "/charon-XXXXXX");
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() {
    for (const std::string& file : files_) unlink(file.c_str());
    rmdir(path_.c_str());
  }
  std::string File(const std::string& name) {
    files_.push_back(absl::StrCat(path_, "/", name));
    return files_.back();
  }
  // Replaces the file at once, as those that rotate tokens do.
  static void Write(const std::string& path, const std::string& text) {
    const std::string next = path + ".next";
    std::ofstream(next) << text;
    rename(next.c_str(), path.c_str());
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

// Fixed credentials.

TEST(Credentials, ATokenIsABearerWithoutItsNewline) {
  const auto source = NewCredentialSource({.token = "abc\n"});
  EXPECT_EQ(source->Get({})->authorization, "Bearer abc");
  EXPECT_FALSE(source->Refuse(*source->Get({})));
}

TEST(Credentials, UsernameAndPasswordAreBasic) {
  const auto source = NewCredentialSource({.username = "me", .password = "pw:x"});
  EXPECT_EQ(source->Get({})->authorization, absl::StrCat("Basic ", absl::Base64Escape("me:pw:x")));
}

TEST(Credentials, TheCertificateComesAlong) {
  const auto source =
      NewCredentialSource({.tls = {.client_cert_pem = "C", .client_key_pem = "K"}, .token = "abc"});
  const auto credentials = source->Get({});
  EXPECT_EQ(credentials->client_cert_pem, "C");
  EXPECT_EQ(credentials->client_key_pem, "K");
}

TEST(Credentials, WithoutAnyTheRemedySaysWhatToSet) {
  EXPECT_THAT(NewCredentialSource({})->Remedy(), HasSubstr("No credentials are configured"));
}

// Token files.

class TokenFileTest : public ::testing::Test {
 protected:
  TokenFileTest() { call_.clock = &clock_; }

  std::string Token() {
    const auto credentials = source_->Get(call_);
    return credentials.ok() ? credentials->authorization : credentials.status().ToString();
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("token");
  FakeClock clock_;
  Call call_;
  std::unique_ptr<CredentialSource> source_ = NewCredentialSource({.token_file = path_});
};

TEST_F(TokenFileTest, IsReadAgainWhenItChangesAtMostOnceASecond) {
  TempFolder::Write(path_, "first-token\n");
  EXPECT_EQ(Token(), "Bearer first-token");
  TempFolder::Write(path_, "second-token\n");
  EXPECT_EQ(Token(), "Bearer first-token");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Token(), "Bearer second-token");
  EXPECT_EQ(Redact("second-token"), "(redacted)");
}

TEST_F(TokenFileTest, ARefusalReadsAtOnce) {
  TempFolder::Write(path_, "first-token");
  const auto credentials = source_->Get(call_);
  EXPECT_FALSE(source_->Refuse(*credentials));  // nothing newer
  TempFolder::Write(path_, "second-token");
  EXPECT_TRUE(source_->Refuse(*credentials));
  EXPECT_EQ(Token(), "Bearer second-token");
  // Another thread was refused with the old one: there is a new one already.
  EXPECT_TRUE(source_->Refuse(*credentials));
}

TEST_F(TokenFileTest, TheOldTokenServesWhileTheFileIsAway) {
  TempFolder::Write(path_, "first-token");
  EXPECT_EQ(Token(), "Bearer first-token");
  unlink(path_.c_str());
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Token(), "Bearer first-token");
}

TEST_F(TokenFileTest, AMissingOrEmptyFileIsSaidToBe) {
  EXPECT_THAT(source_->Get(call_), StatusIs(absl::StatusCode::kUnauthenticated,
                                            AllOf(HasSubstr(path_), HasSubstr("No such file"))));
  TempFolder::Write(path_, "\n");
  EXPECT_THAT(source_->Get(call_),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is empty")));
}

// Exec plugins.

std::string Answer(const std::string& status) {
  return absl::StrCat(R"({"kind":"ExecCredential","apiVersion":")", kV1, R"(","status":)", status,
                      "}");
}

class ExecTest : public ::testing::Test {
 protected:
  ExecTest() { call_.clock = &clock_; }

  // A plugin that writes a line to runs_ each time and then does as the script says.
  std::unique_ptr<CredentialSource> Plugin(const std::string& script) {
    return NewCredentialSource(
        {.server = "https://k",
         .exec = ExecConfig{.api_version = kV1,
                            .command = "sh",
                            .args = {"-c", absl::StrCat("echo x >> ", runs_, "\n", script)}}});
  }
  std::unique_ptr<CredentialSource> PluginSaying(const std::string& out) {
    TempFolder::Write(out_, out);
    return Plugin(absl::StrCat("cat ", out_));
  }
  std::size_t Runs() const { return TempFolder::Read(runs_).size() / 2; }

  TempFolder folder_;
  const std::string runs_ = folder_.File("runs");
  const std::string out_ = folder_.File("out");
  FakeClock clock_;
  Call call_;
};

TEST_F(ExecTest, ATokenIsKeptAndTheSourceRunsOnce) {
  const auto source = PluginSaying(Answer(R"({"token":"exec-token-1"})"));
  EXPECT_EQ(source->Get(call_)->authorization, "Bearer exec-token-1");
  clock_.Advance(absl::Hours(1000));
  EXPECT_EQ(source->Get(call_)->authorization, "Bearer exec-token-1");
  EXPECT_EQ(Runs(), 1U);
  EXPECT_EQ(Redact("exec-token-1"), "(redacted)");
}

TEST_F(ExecTest, ItRunsAgainShortlyBeforeTheExpiry) {
  const std::string expiry =
      absl::FormatTime(absl::RFC3339_sec, clock_.Now() + absl::Minutes(10), absl::UTCTimeZone());
  const auto source = PluginSaying(
      Answer(absl::StrCat(R"({"token":"t-one","expirationTimestamp":")", expiry, "\"}")));
  EXPECT_THAT(source->Get(call_), IsOk());
  clock_.Advance(absl::Minutes(10) - absl::Seconds(6));
  EXPECT_THAT(source->Get(call_), IsOk());
  EXPECT_EQ(Runs(), 1U);
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(source->Get(call_), IsOk());
  EXPECT_EQ(Runs(), 2U);
}

TEST_F(ExecTest, ItRunsAgainAfterARefusalButNotForAnOldOne) {
  const auto source = PluginSaying(Answer(R"({"token":"t-one"})"));
  const auto first = source->Get(call_);
  TempFolder::Write(out_, Answer(R"({"token":"t-two"})"));
  EXPECT_TRUE(source->Refuse(*first));
  EXPECT_EQ(source->Get(call_)->authorization, "Bearer t-two");
  EXPECT_TRUE(source->Refuse(*first));
  EXPECT_EQ(source->Get(call_)->authorization, "Bearer t-two");
  EXPECT_EQ(Runs(), 2U);
}

TEST_F(ExecTest, ACertificateReplacesTheConnections) {
  const auto source =
      PluginSaying(Answer(R"({"clientCertificateData":"CERT","clientKeyData":"KEY-KEY"})"));
  const auto credentials = source->Get(call_);
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->authorization, "");
  EXPECT_EQ(credentials->client_cert_pem, "CERT");
  EXPECT_EQ(credentials->client_key_pem, "KEY-KEY");
}

TEST_F(ExecTest, ManyRequestsShareOneRun) {
  const auto source = PluginSaying(Answer(R"({"token":"t-one"})"));
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] { good += source->Get(call_).ok(); });
  }
  threads.clear();
  EXPECT_EQ(good, 10);
  EXPECT_EQ(Runs(), 1U);
}

TEST_F(ExecTest, ManyRequestsShareOneFailure) {
  // Ends only when all the others wait for it, or at least had the time to.
  const auto source = Plugin("sleep 0.2; echo no login >&2; exit 1");
  std::vector<std::jthread> threads;
  std::atomic<int> failed = 0;
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] { failed += absl::IsUnauthenticated(source->Get(call_).status()); });
  }
  threads.clear();
  EXPECT_EQ(failed, 10);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
  EXPECT_LT(Runs(), 10U);
}

TEST_F(ExecTest, AStoppedRunIsNoFailureOfTheOthers) {
  const std::string go = folder_.File("go");
  TempFolder::Write(out_, Answer(R"({"token":"t-one"})"));
  const auto source =
      Plugin(absl::StrCat("while test ! -e ", go, "; do sleep 0.01; done; cat ", out_));
  std::stop_source stop;
  Call first = call_;
  first.stop = stop.get_token();
  std::jthread leader(
      [&] { EXPECT_THAT(source->Get(first), StatusIs(absl::StatusCode::kCancelled)); });
  while (Runs() == 0) std::this_thread::yield();
  std::jthread follower([&] { EXPECT_THAT(source->Get(call_), IsOk()); });
  stop.request_stop();
  leader.join();
  TempFolder::Write(go, "");
  follower.join();
  EXPECT_EQ(Runs(), 2U);
}

TEST_F(ExecTest, AFailureShowsExitCodeAndErrorsRedacted) {
  RegisterSecret("plugin-secret");
  const auto source = Plugin("echo 'login plugin-secret expired' >&2; exit 7");
  EXPECT_THAT(source->Get(call_),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       "the exec plugin sh failed with exit code 7: login (redacted) expired"));
  EXPECT_THAT(source->Remedy(), HasSubstr("sh -c"));
}

TEST_F(ExecTest, SecretsAmongArgumentsAndVariablesAreRedacted) {
  const auto source = NewCredentialSource(
      {.exec = ExecConfig{.api_version = kV1,
                          .command = "sh",
                          .args = {"-c", "echo \"$0 $1 $2 $LOGIN_PASSWORD $PROFILE\" >&2; exit 1",
                                   "--client-secret=arg-secret-1", "--password", "arg-secret-2"},
                          .env = {{"LOGIN_PASSWORD", "env-secret-3"}, {"PROFILE", "profile-4"}}}});
  EXPECT_THAT(source->Get(call_).status().message(),
              HasSubstr("--client-secret=(redacted) --password (redacted) (redacted) profile-4"));
  EXPECT_THAT(source->Remedy(), AllOf(HasSubstr("--password (redacted)"), Not(HasSubstr("arg-s"))));
}

TEST_F(ExecTest, AMissingPluginShowsItsInstallHint) {
  const auto source =
      NewCredentialSource({.exec = ExecConfig{.api_version = kV1,
                                              .command = "charon-no-such-plugin",
                                              .install_hint = "Get it from the shop."}});
  const auto credentials = source->Get(call_);
  EXPECT_THAT(credentials, StatusIs(absl::StatusCode::kUnauthenticated,
                                    "the exec plugin charon-no-such-plugin was not found in PATH"));
  EXPECT_EQ(RemedyOf(credentials.status()), "Get it from the shop.");
}

TEST_F(ExecTest, ThePluginIsToldWhatItIsFor) {
  const std::string info = folder_.File("info");
  const auto source = Plugin(absl::StrCat("printf %s \"$KUBERNETES_EXEC_INFO\" > ", info));
  (void)source->Get(call_);
  const auto told = nlohmann::json::parse(TempFolder::Read(info));
  EXPECT_EQ(told["apiVersion"], kV1);
  EXPECT_EQ(told["kind"], "ExecCredential");
  EXPECT_EQ(told["spec"]["interactive"], false);
  EXPECT_FALSE(told["spec"].contains("cluster"));
}

TEST(ExecInfo, CarriesTheClusterIfAskedTo) {
  const Connection connection{.server = "https://k:6443",
                              .tls = {.ca_pem = "PEM", .server_name = "name", .insecure = true},
                              .proxy_url = "http://p",
                              .exec = ExecConfig{.api_version = kV1,
                                                 .command = "x",
                                                 .provide_cluster_info = true,
                                                 .cluster_config = R"({"audience":"a"})"}};
  const auto cluster = nlohmann::json::parse(ExecInfo(connection))["spec"]["cluster"];
  EXPECT_EQ(cluster, nlohmann::json::parse(R"({"server":"https://k:6443","tls-server-name":"name",
      "insecure-skip-tls-verify":true,"certificate-authority-data":"UEVN","proxy-url":"http://p",
      "config":{"audience":"a"}})"));
}

TEST(ParseExecCredential, ReadsTokenCertificateAndExpiry) {
  const auto credential =
      ParseExecCredential(Answer(R"({"token":"t","clientCertificateData":"c","clientKeyData":"k",
                 "expirationTimestamp":"2026-01-02T03:04:05Z"})"),
                          kV1);
  ASSERT_THAT(credential, IsOk());
  EXPECT_EQ(credential->token, "t");
  EXPECT_EQ(credential->client_cert_pem, "c");
  EXPECT_EQ(credential->client_key_pem, "k");
  EXPECT_EQ(credential->expiration,
            absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone()));
}

TEST(ParseExecCredential, RefusesEverythingElseWithoutQuotingIt) {
  struct Case {
    std::string text;
    const char* message;
  };
  const Case cases[] = {
      {"", "not the JSON"},
      {"s3cret-token", "not the JSON"},
      {"[]", "not the JSON"},
      {R"({"kind":"Token","apiVersion":"client.authentication.k8s.io/v1","status":{}})",
       "not a client.authentication.k8s.io/v1 ExecCredential"},
      {R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"})",
       "is a client.authentication.k8s.io/v1beta1 ExecCredential, not"},
      {R"({"kind":7,"apiVersion":[]})", "ExecCredential"},
      {Answer("null"), "no status"},
      {Answer("{}"), "neither status.token nor"},
      {Answer(R"({"token":""})"), "neither status.token nor"},
      {Answer(R"({"token":7})"), "status.token that is no text"},
      {Answer(R"({"clientCertificateData":"s3cret"})"), "not both"},
      {Answer(R"({"token":"s3cret","expirationTimestamp":"tomorrow"})"), "no RFC 3339 time"},
      {Answer(R"({"token":"s3cret"})") + "x", "not the JSON"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(ParseExecCredential(c.text, kV1),
                StatusIs(absl::StatusCode::kUnauthenticated,
                         AllOf(HasSubstr(c.message), Not(HasSubstr("s3cret")))))
        << c.text;
  }
}

}  // namespace
}  // namespace charon::kubernetes
