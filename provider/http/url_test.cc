#include "provider/http/url.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/redact.h"
#include "provider/http/proxy.h"
#include "provider/testing/status_matchers.h"

namespace charon::http {
namespace {

using ::testing::HasSubstr;

TEST(Url, EscapesSegmentsAndQueries) {
  EXPECT_EQ(Url("/api/v1/namespaces")
                .Segment("a/b c")
                .Segment("pods")
                .Query("labelSelector", "app in (a,b)")
                .QueryIfSet("continue", "")
                .QueryIfSet("limit", "5")
                .ToString(),
            "/api/v1/namespaces/a%2Fb%20c/pods?labelSelector=app%20in%20%28a%2Cb%29&limit=5");
}

TEST(Url, KeepsUnreservedAndEncodesBytesOfUtf8) {
  EXPECT_EQ(UrlEscape("aZ9-._~ü"), "aZ9-._~%C3%BC");
}

TEST(Url, DoesNotDoubleASlash) { EXPECT_EQ(Url("/x/").Segment("y").ToString(), "/x/y"); }

TEST(SplitUrl, ReadsEveryPart) {
  const auto parts = SplitUrl("HTTPS://me:pw@Host.Example:6443/k8s/c-1?x=1#f");
  ASSERT_THAT(parts, IsOk());
  EXPECT_EQ(parts->scheme, "https");
  EXPECT_EQ(parts->userinfo, "me:pw");
  EXPECT_EQ(parts->host, "host.example");
  EXPECT_EQ(parts->port, 6443);
  EXPECT_EQ(parts->target, "/k8s/c-1?x=1");
  EXPECT_EQ(parts->Origin(), "https://host.example:6443");
}

TEST(SplitUrl, FillsInPortsAndPath) {
  EXPECT_EQ(SplitUrl("https://h")->HostPort(), "h:443");
  EXPECT_EQ(SplitUrl("http://h?a")->HostPort(), "h:80");
  EXPECT_EQ(SplitUrl("http://h?a")->target, "/?a");
  EXPECT_EQ(SplitUrl("https://[FD00::1]")->HostPort(), "[fd00::1]:443");
  EXPECT_EQ(SplitUrl("https://[fd00::1]:6443/x")->host, "fd00::1");
}

TEST(SplitUrl, RefusesWhatIsNone) {
  for (const char* bad : {"host:6443", "ftp://h", "https://", "https://:6443", "https://h:0",
                          "https://h:65536", "https://h:x", "https://fd00::1:6443", "https://[::1",
                          "https://[::1]x", "https://h/a b", "https://h/a\r\nX: y"}) {
    EXPECT_THAT(SplitUrl(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no URL")))
        << bad;
  }
}

TEST(SplitUrl, DoesNotShowAPasswordInItsError) {
  EXPECT_THAT(SplitUrl("https://me:hunter2@h:x").status().message(),
              ::testing::Not(HasSubstr("hunter2")));
}

TEST(UrlForLog, HidesWhatGivesAccess) {
  EXPECT_EQ(UrlForLog("https://me:pw@h/p?limit=5&access_token=abc&X-Amz-Signature=def&key=1&k=v"),
            "https://h/p?limit=5&access_token=(redacted)&X-Amz-Signature=(redacted)"
            "&key=(redacted)&k=v");
  RegisterSecret("tok-from-elsewhere");
  EXPECT_EQ(UrlForLog("/login/tok-from-elsewhere"), "/login/(redacted)");
}

class ProxyTest : public ::testing::Test {
 protected:
  std::string For(const std::string& url) {
    return ProxyFromEnvironment(*SplitUrl(url), [this](const std::string& name) {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    });
  }
  std::map<std::string, std::string> variables_;
};

TEST_F(ProxyTest, GoesByScheme) {
  variables_ = {{"HTTPS_PROXY", "http://secure:1"}, {"http_proxy", "plain:2"}};
  EXPECT_EQ(For("https://h"), "http://secure:1");
  EXPECT_EQ(For("http://h"), "http://plain:2");
  variables_ = {{"ALL_PROXY", "http://all:1"}};
  EXPECT_EQ(For("https://h"), "");
}

TEST_F(ProxyTest, LoopbackNeverUsesOne) {
  variables_ = {{"HTTPS_PROXY", "http://p:1"}};
  EXPECT_EQ(For("https://localhost:6443"), "");
  EXPECT_EQ(For("https://127.0.0.5"), "");
  EXPECT_EQ(For("https://[::1]"), "");
  EXPECT_EQ(For("https://128.0.0.1"), "http://p:1");
  EXPECT_EQ(For("https://[::2]"), "http://p:1");
}

TEST_F(ProxyTest, NoProxyExempts) {
  struct Case {
    const char* exempt;
    const char* url;
    bool uses_proxy;
  };
  const Case cases[] = {
      {"*", "https://any", false},
      {"example.com", "https://example.com", false},
      {"example.com", "https://API.example.com", false},
      {"example.com", "https://notexample.com", true},
      {".example.com", "https://api.example.com", false},
      {".example.com", "https://example.com", true},
      {"*.example.com", "https://api.example.com", false},
      {"a, Example.com ,b", "https://example.com", false},
      {"example.com:6443", "https://example.com:6443", false},
      {"example.com:6443", "https://example.com", true},
      {"10.0.0.0/8", "https://10.96.0.1", false},
      {"10.0.0.0/8", "https://11.0.0.1", true},
      {"10.0.0.0/8", "https://ten.example", true},
      {"10.128.0.0/9", "https://10.127.0.1", true},
      {"10.0.0.1", "https://10.0.0.1:6443", false},
      {"10.0.0.1:443", "https://10.0.0.1:6443", true},
      {"fd00::/8", "https://[fd12::1]:6443", false},
      {"[fd12::1]:6443", "https://[fd12::1]:6443", false},
      {"", "https://h", true},
      {",", "https://h", true},
  };
  for (const Case& c : cases) {
    variables_ = {{"HTTPS_PROXY", "http://p:1"}, {"no_proxy", c.exempt}};
    EXPECT_EQ(For(c.url) != "", c.uses_proxy) << c.exempt << " " << c.url;
  }
}

TEST(NormalizeProxy, AddsSchemeAndLetsSocksResolve) {
  EXPECT_EQ(NormalizeProxy(""), "");
  EXPECT_EQ(NormalizeProxy("p:3128"), "http://p:3128");
  EXPECT_EQ(NormalizeProxy("socks5://p:1080"), "socks5h://p:1080");
  EXPECT_EQ(NormalizeProxy("https://p"), "https://p");
}

}  // namespace
}  // namespace charon::http
