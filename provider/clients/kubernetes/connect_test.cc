#include "provider/clients/kubernetes/connect.h"

#include <httplib.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/test_certificates.h"
#include "provider/testing/test_server.h"

namespace charon::kubernetes {
namespace {

using http::FakeTransport;
using http::KeyPair;
using http::TestCa;
using http::TestServer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr char kUnauthorized[] =
    R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","code":401})";

const TestCa& Ca() {
  static const auto& ca = *new TestCa;
  return ca;
}

class ConnectThroughTest : public ::testing::Test {
 protected:
  std::unique_ptr<http::Transport> Open(const Connection& connection) {
    auto transport = ConnectThrough(
        connection,
        [this](const http::TlsOptions& tls) -> absl::StatusOr<std::unique_ptr<http::Transport>> {
          made_.push_back(tls);
          return http::Borrow(fake_);
        });
    EXPECT_THAT(transport, IsOk());
    return *std::move(transport);
  }

  // An exec plugin that answers with these statuses one after the other.
  static Connection WithPlugin(const std::vector<std::string>& statuses) {
    std::string script = absl::StrCat("f=", testing::TempDir(), "/charon-plugin-$PPID-",
                                      testing::UnitTest::GetInstance()->current_test_info()->name(),
                                      "\necho x >> $f\ncase $(wc -l < $f) in\n");
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      const nlohmann::json answer = {{"kind", "ExecCredential"},
                                     {"apiVersion", "client.authentication.k8s.io/v1"},
                                     {"status", nlohmann::json::parse(statuses[i])}};
      const bool is_last = i + 1 == statuses.size();
      absl::StrAppend(&script, i + 1, ") printf %s '", answer.dump(), "'", is_last ? "; rm $f" : "",
                      ";;\n");
    }
    absl::StrAppend(&script, "esac");
    return {.server = "https://k:6443",
            .exec = ExecConfig{.api_version = "client.authentication.k8s.io/v1",
                               .command = "sh",
                               .args = {"-c", script}},
            .description = "context \"c\", user \"u\" of /k"};
  }

  FakeTransport fake_;
  std::vector<http::TlsOptions> made_;
};

TEST_F(ConnectThroughTest, PathsGoToTheServerWithItsCredentials) {
  fake_.Answer(200, "ok");
  const auto transport = Open({.server = "https://rancher/k8s/clusters/c-1", .token = "abc"});
  const auto response = transport->Send(
      {}, {.method = "PATCH", .url = "/api/v1/x?y=z", .headers = {{"Accept", "a"}}, .body = "b"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "ok");
  const auto request = fake_.requests().at(0);
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.url, "https://rancher/k8s/clusters/c-1/api/v1/x?y=z");
  EXPECT_EQ(request.body, "b");
  EXPECT_THAT(request.headers,
              ElementsAre(Pair("Accept", "a"), Pair("Authorization", "Bearer abc")));
}

TEST_F(ConnectThroughTest, ImpersonationGoesWithEveryRequest) {
  fake_.Answer(200);
  const auto transport = Open({.server = "https://k",
                               .impersonation = {.user = "jane",
                                                 .uid = "7",
                                                 .groups = {"a", "b"},
                                                 .extra = {{"acme.com/Scope", {"x", "y"}}}}});
  EXPECT_THAT(transport->Send({}, {.url = "/version"}), IsOk());
  EXPECT_THAT(fake_.requests().at(0).headers,
              ElementsAre(Pair("Impersonate-User", "jane"), Pair("Impersonate-Uid", "7"),
                          Pair("Impersonate-Group", "a"), Pair("Impersonate-Group", "b"),
                          Pair("Impersonate-Extra-acme.com%2FScope", "x"),
                          Pair("Impersonate-Extra-acme.com%2FScope", "y")));
}

TEST_F(ConnectThroughTest, AUrlIsOurBug) {
  const auto transport = Open({.server = "https://k"});
  EXPECT_THAT(transport->Send({}, {.url = "https://elsewhere/x"}),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(fake_.count(), 0U);
}

TEST_F(ConnectThroughTest, ARefusalNamesContextUserFileAndWhatToDo) {
  fake_.Answer(401, kUnauthorized);
  const auto transport =
      Open({.server = "https://k:6443",
            .token = "abc",
            .description = "context \"prod\", user \"ci\" of /root/.kube/config"});
  const auto response = transport->Send({}, {.url = "/version"});
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnauthenticated,
                       "the cluster at https://k:6443 refused the credentials of context \"prod\", "
                       "user \"ci\" of /root/.kube/config (401: Unauthorized)"));
  EXPECT_THAT(*RemedyOf(response.status()), HasSubstr("expired"));
  EXPECT_EQ(fake_.count(), 1U);  // a fixed token does not get better
}

TEST_F(ConnectThroughTest, OtherErrorsNameTheConnectionToo) {
  fake_.Fail(WithRemedy(absl::UnavailableError("cannot connect to k:6443"), "look"));
  const auto transport = Open({.server = "https://k:6443", .description = "KUBE_HOST"});
  const auto response = transport->Send({}, {.url = "/version"});
  EXPECT_THAT(response,
              StatusIs(absl::StatusCode::kUnavailable, "KUBE_HOST: cannot connect to k:6443"));
  EXPECT_EQ(RemedyOf(response.status()), "look");
}

TEST_F(ConnectThroughTest, ForbiddenIsAnAnswer) {
  fake_.Answer(403, "no");
  EXPECT_EQ(Open({.server = "https://k"})->Send({}, {.url = "/x"})->status, 403);
}

TEST_F(ConnectThroughTest, APluginRunsAgainAfterARefusalWhateverTheMethod) {
  fake_.Answer(401).Answer(201);
  const auto transport = Open(WithPlugin({R"({"token":"one"})", R"({"token":"two"})"}));
  const auto response = transport->Send({}, {.method = "POST", .url = "/x", .body = "b"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 201);
  ASSERT_EQ(fake_.count(), 2U);
  EXPECT_THAT(fake_.requests().at(0).headers, ElementsAre(Pair("Authorization", "Bearer one")));
  EXPECT_THAT(fake_.requests().at(1).headers, ElementsAre(Pair("Authorization", "Bearer two")));
  EXPECT_EQ(fake_.requests().at(1).body, "b");
}

TEST_F(ConnectThroughTest, APluginsTokenThatIsRefusedTwiceIsAnError) {
  fake_.Answer(401).Answer(401, kUnauthorized);
  const auto transport = Open(WithPlugin({R"({"token":"one"})", R"({"token":"two"})"}));
  EXPECT_THAT(transport->Send({}, {.url = "/x"}),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("user \"u\" of /k")));
  EXPECT_EQ(fake_.count(), 2U);
}

TEST_F(ConnectThroughTest, APluginsNewCertificateMakesNewConnections) {
  const KeyPair one = Ca().Issue({.common_name = "one"});
  const KeyPair two = Ca().Issue({.common_name = "two"});
  const auto status = [](const KeyPair& pair) {
    return nlohmann::json(
               {{"clientCertificateData", pair.certificate_pem}, {"clientKeyData", pair.key_pem}})
        .dump();
  };
  fake_.Answer(200).Answer(200).Answer(401).Answer(200);
  Connection connection = WithPlugin({status(one), status(two)});
  connection.tls.server_name = "kept";
  const auto transport = Open(connection);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(transport->Send({}, {.url = "/x"}), IsOk());
  // The first one is made before the plugin has run.
  ASSERT_EQ(made_.size(), 3U);
  EXPECT_EQ(made_[1].client_cert_pem, one.certificate_pem);
  EXPECT_EQ(made_[2].client_cert_pem, two.certificate_pem);
  EXPECT_EQ(made_[2].client_key_pem, two.key_pem);
  EXPECT_EQ(made_[2].server_name, "kept");
}

TEST_F(ConnectThroughTest, APluginsFailureNamesTheConnection) {
  Connection connection = WithPlugin({"{}"});
  EXPECT_THAT(Open(connection)->Send({}, {.url = "/x"}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       StartsWith("context \"c\", user \"u\" of /k: the exec plugin sh: its answer "
                                  "has neither")));
  EXPECT_EQ(fake_.count(), 0U);
}

TEST(Connect, AnExpiredClientCertificateIsToldBeforeAnyRequest) {
  const KeyPair old =
      Ca().Issue({.common_name = "ci",
                  .not_before = absl::FromCivil(absl::CivilDay(2020, 1, 1), absl::UTCTimeZone()),
                  .not_after = absl::FromCivil(absl::CivilDay(2021, 2, 3), absl::UTCTimeZone())});
  const auto transport =
      Connect({.server = "https://k:6443",
               .tls = {.client_cert_pem = old.certificate_pem, .client_key_pem = old.key_pem},
               .description = "context \"prod\", user \"ci\" of /k"},
              "charon");
  EXPECT_THAT(transport,
              StatusIs(absl::StatusCode::kUnauthenticated,
                       "the client certificate \"CN=ci\" of context \"prod\", user \"ci\" of /k "
                       "expired on 2021-02-03 00:00 UTC"));
}

TEST(Connect, AKeyThatDoesNotFitIsToldBeforeAnyRequest) {
  const KeyPair one = Ca().Issue({});
  const KeyPair two = Ca().Issue({});
  EXPECT_THAT(
      Connect({.server = "https://k:6443",
               .tls = {.client_cert_pem = one.certificate_pem, .client_key_pem = two.key_pem},
               .description = "KUBE_HOST, KUBE_CLIENT_CERT_DATA"},
              "charon"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("KUBE_CLIENT_CERT_DATA"), HasSubstr("not that of"))));
}

Call Patient() {
  Call call;
  call.deadline = absl::Now() + absl::Seconds(20);
  return call;
}

TEST(Connect, TheWholeChainReachesAServer) {
  std::vector<std::string> seen;
  const TestServer server(
      {.identity = Ca().Issue({}), .client_ca = Ca().pem()},
      [&](const httplib::Request& request, httplib::Response& response) {
        seen.push_back(absl::StrCat(request.get_header_value("Authorization"), " ",
                                    request.get_header_value("User-Agent")));
        if (seen.size() == 1) {
          response.status = 429;
          response.set_header("Retry-After", "0");
        } else {
          response.set_content("{}", "application/json");
        }
      });
  const KeyPair client = Ca().Issue({.common_name = "ci"});
  const auto transport = Connect({.server = server.Url(),
                                  .tls = {.ca_pem = Ca().pem(),
                                          .client_cert_pem = client.certificate_pem,
                                          .client_key_pem = client.key_pem},
                                  .token = "abc"},
                                 "charon/1");
  ASSERT_THAT(transport, IsOk());
  const auto response =
      (*transport)->Send(Patient(), {.method = "POST", .url = "/api", .body = "{}"});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->attempts, 2);
  EXPECT_THAT(seen, ElementsAre("Bearer abc charon/1", "Bearer abc charon/1"));
}

TEST(Connect, AWrongCaNamesWhereTheCaIsFrom) {
  const TestServer server({.identity = Ca().Issue({})},
                          [](const httplib::Request&, httplib::Response&) {});
  const auto transport =
      Connect({.server = server.Url(),
               .tls = {.ca_pem = TestCa("Other").pem(), .ca_source = "/etc/other.crt"},
               .description = "context \"c\" of /k"},
              "charon");
  ASSERT_THAT(transport, IsOk());
  EXPECT_THAT((*transport)->Send(Patient(), {.url = "/version"}),
              StatusIs(absl::StatusCode::kUnauthenticated,
                       AllOf(StartsWith("context \"c\" of /k: the certificate of 127.0.0.1:"),
                             HasSubstr("not the CA in /etc/other.crt"))));
}

}  // namespace
}  // namespace charon::kubernetes
