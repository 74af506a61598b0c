#include <httplib.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/http/transport.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/test_certificates.h"
#include "provider/testing/test_server.h"

namespace charon::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CaBundleTest : public ::testing::Test {
 protected:
  ~CaBundleTest() override {
    unsetenv("SSL_CERT_FILE");
    unlink(path_.c_str());
  }

  const std::string path_ = absl::StrCat(testing::TempDir(), "/charon-ca-", getpid(), ".pem");
};

TEST_F(CaBundleTest, SslCertFileComesFirst) {
  std::ofstream(path_) << "x";
  setenv("SSL_CERT_FILE", path_.c_str(), 1);
  EXPECT_THAT(SystemCaBundle(), IsOkAndHolds(path_));
}

TEST_F(CaBundleTest, AWrongSslCertFileIsNotPassedOver) {
  setenv("SSL_CERT_FILE", "/nonexistent/ca.pem", 1);
  EXPECT_THAT(SystemCaBundle(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("/nonexistent/ca.pem"), HasSubstr("SSL_CERT_FILE"))));
}

TEST_F(CaBundleTest, IsLookedForWhereDebianAlpineAndRhelHaveIt) {
  std::set<std::string> there;
  const auto find = [&there] {
    return SystemCaBundle([&there](const std::string& path) { return there.count(path) != 0; });
  };
  EXPECT_THAT(find(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("/etc/ssl/certs/ca-certificates.crt"),
                                     HasSubstr("/etc/ssl/cert.pem"))));
  EXPECT_THAT(RemedyOf(find().status()).value_or(""), HasSubstr("SSL_CERT_FILE"));
  for (const char* place :
       {"/etc/ssl/cert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"}) {
    there.insert(place);  // each goes before those that are there already
    EXPECT_THAT(find(), IsOkAndHolds(place));
  }
}

TEST_F(CaBundleTest, IsWhatServersAreCheckedAgainst) {
  const TestCa ca;
  const TestServer server({.identity = ca.Issue({})},
                          [](const httplib::Request&, httplib::Response&) {});
  const auto send = [&] {
    return (*NewCurlTransport(TransportOptions{}))->Send({}, {.url = server.Url()});
  };
  std::ofstream(path_) << TestCa("Another CA").pem();
  setenv("SSL_CERT_FILE", path_.c_str(), 1);
  EXPECT_THAT(send(), StatusIs(absl::StatusCode::kUnauthenticated,
                               HasSubstr(absl::StrCat("not the CA in ", path_))));
  std::ofstream(path_) << ca.pem();
  EXPECT_THAT(send(), IsOk());
  std::ofstream(path_) << "no certificate";
  EXPECT_THAT(send(), StatusIs(absl::StatusCode::kUnauthenticated,
                               AllOf(HasSubstr("holds no usable CA"), HasSubstr(path_))));
  setenv("SSL_CERT_FILE", "/nonexistent/ca.pem", 1);
  const auto missing = send();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kUnauthenticated,
                                AllOf(HasSubstr("cannot be checked"), HasSubstr("SSL_CERT_FILE"))));
  EXPECT_TRUE(RemedyOf(missing.status()).has_value());
}

}  // namespace
}  // namespace charon::http
