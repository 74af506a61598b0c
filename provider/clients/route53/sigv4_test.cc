#include "provider/clients/route53/sigv4.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon::route53 {
namespace {

using ::testing::HasSubstr;

std::string SignatureOf(const http::Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "Authorization") return value;
  }
  return "";
}

// The vectors of the "AWS Signature Version 4 Test Suite", as published with the documentation of
// SigV4.
TEST(SigV4, SignsThePublishedVectors) {
  const Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  absl::Time now;
  ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, "2015-08-30T12:36:00Z", &now, nullptr));
  struct Case {
    const char *name, *method, *target, *signature;
    std::vector<std::pair<std::string, std::string>> headers;
    const char* body;
  };
  for (const Case& c : {
           Case{"get-vanilla",
                "GET",
                "/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
                {},
                ""},
           Case{"get-vanilla-empty-query-key",
                "GET",
                "/?Param1=value1",
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
                {},
                ""},
           Case{"get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
                {},
                ""},
           Case{"get-utf8",
                "GET",
                "/\u1234",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
                {},
                ""},
           Case{"post-vanilla",
                "POST",
                "/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
                {},
                ""},
           Case{"post-vanilla-query",
                "POST",
                "/?Param1=value1",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
                {},
                ""},
           Case{"post-x-www-form-urlencoded",
                "POST",
                "/",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
                {{"Content-Type", "application/x-www-form-urlencoded"}},
                "Param1=value1"},
       }) {
    http::Request request{.method = c.method,
                          .url = std::string("https://example.amazonaws.com") + c.target,
                          .headers = c.headers,
                          .body = c.body};
    Sign(request, credentials, "us-east-1", "service", now);
    EXPECT_THAT(SignatureOf(request), HasSubstr(std::string("Signature=") + c.signature)) << c.name;
    EXPECT_THAT(SignatureOf(request),
                HasSubstr("Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"))
        << c.name;
  }
}

TEST(SigV4, ASessionTokenIsSignedToo) {
  http::Request request{.url = "http://127.0.0.1:5000/2013-04-01/hostedzone"};
  Sign(request, {"AKIDEXAMPLE", "secret", "token"}, "us-east-1", "route53",
       absl::FromUnixSeconds(1'700'000'000));
  EXPECT_THAT(SignatureOf(request),
              HasSubstr("SignedHeaders=host;x-amz-date;x-amz-security-token"));
}

}  // namespace
}  // namespace charon::route53
