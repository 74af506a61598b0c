#include "provider/functions/nginx.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/sdk/function.h"
#include "provider/testing/status_matchers.h"
#include "provider/value/json.h"

namespace charon::functions {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<std::string> Config(const std::string& json) {
  absl::StatusOr<TypedValue> value = DecodeAnyJson(json);
  EXPECT_THAT(value, IsOk());
  return NginxTlsConfig(Value::Dynamic(std::move(value->type), std::move(value->value)));
}

TEST(NginxTlsConfig, DefaultsAreTheVpnAndTheSamePod) {
  EXPECT_THAT(Config(R"({"server_name": "ollama.example.org", "upstream_port": 11434})"),
              IsOkAndHolds(std::string(R"(server {
    listen 80;
    server_name ollama.example.org;
    return 301 https://ollama.example.org$request_uri;
}

server {
    listen 443 ssl;
    server_name ollama.example.org;

    ssl_certificate /etc/nginx/tls/tls.crt;
    ssl_certificate_key /etc/nginx/tls/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;

    allow 100.64.0.0/10;
    allow 127.0.0.1;
    deny all;

    client_max_body_size 0;

    location / {
        proxy_pass http://127.0.0.1:11434;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
    }
}
)")));
}

TEST(NginxTlsConfig, SaysWhatItIsTold) {
  const absl::StatusOr<std::string> config =
      Config(R"({"server_name": "a.b", "upstream_port": 80, "upstream_host": "app.core.svc",
      "allow": ["10.0.0.0/8", "fd7a:115c:a1e0::/48", "::1"], "certificate": "/tls/a.pem", "certificate_key": "/tls/a-key.pem"})");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(*config,
              AllOf(HasSubstr("    allow 10.0.0.0/8;\n    allow fd7a:115c:a1e0::/48;\n    allow "
                              "::1;\n    deny all;\n"),
                    HasSubstr("ssl_certificate /tls/a.pem;"),
                    HasSubstr("ssl_certificate_key /tls/a-key.pem;"),
                    HasSubstr("proxy_pass http://app.core.svc:80;"), Not(HasSubstr("100.64"))));
}

// Nobody is a list too: it must not become everybody.
TEST(NginxTlsConfig, AnEmptyAllowListDeniesAll) {
  const absl::StatusOr<std::string> config =
      Config(R"({"server_name": "a.b", "upstream_port": 80, "allow": []})");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(*config, AllOf(HasSubstr("\n    deny all;\n"), Not(HasSubstr("allow "))));
}

TEST(NginxTlsConfig, RefusesWhatIsNoSuchServiceOrWouldBeConfiguration) {
  const std::pair<const char*, const char*> bad[] = {
      {R"("ollama")", "object is required, but this is a string"},
      {R"({"upstream_port": 80})", "server_name: "},
      {R"({"server_name": "a.b"})", "upstream_port: "},
      {R"({"server_name": "a.b", "upstream_port": 0})",
       "upstream_port: must lie between 1 and 65535"},
      {R"({"server_name": "a.b; return 200", "upstream_port": 80})", "server_name: "},
      {R"({"server_name": "a.b", "upstream_port": 80, "allow": ["all"]})", "allow[0]: \"all\""},
      {R"({"server_name": "a.b", "upstream_port": 80, "allow": ["10.0.0.0/40"]})", "allow[0]: "},
      {R"({"server_name": "a.b", "upstream_port": 80, "allow": ["10.0.0.0/8; allow all"]})",
       "allow[0]: "},
      {R"({"server_name": "a.b", "upstream_port": 80, "allow": ["10.0.0.1\u0000; allow all"]})",
       "allow[0]: "},
      {R"({"server_name": "a.b", "upstream_port": 80, "certificate": "/tls/a b"})",
       "certificate: "},
      {R"({"server_name": "a.b", "upstream_port": 80, "port": 80})",
       "port: there is no \"port\" here"},
  };
  for (const auto& [json, message] : bad) {
    const absl::StatusOr<std::string> config = Config(json);
    EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument, testing::_)) << json;
    EXPECT_THAT(absl::StrCat(PathOf(config.status()).value_or(Path()).ToString(), ": ",
                             config.status().message()),
                HasSubstr(message))
        << json;
    EXPECT_EQ(sdk::ArgumentOf(config.status()), 0) << json;
  }
}

}  // namespace
}  // namespace charon::functions
