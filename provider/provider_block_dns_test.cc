#include "provider/provider_block_dns.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/provider_block.h"
#include "provider/testing/status_matchers.h"

namespace charon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Environment Variables(std::map<std::string, std::string> values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

TEST(DnsSettings, ComeFromTheBlockAndThenFromTheEnvironment) {
  DnsModels models;
  EXPECT_THAT(ToDnsSettings(models, Variables({})).configured, IsEmpty());
  const auto environment = Variables({{"CLOUDFLARE_API_TOKEN", "from-environment"},
                                      {"AWS_ACCESS_KEY_ID", "AKIA"},
                                      {"AWS_ENDPOINT_URL", "http://127.0.0.1:5000"},
                                      {"DNS_UPDATE_SERVER", "192.0.2.53"},
                                      {"DNS_UPDATE_PORT", "5353"},
                                      {"DNS_UPDATE_KEYNAME", "key."},
                                      {"PDNS_SERVER_URL", "http://127.0.0.1:8081"},
                                      {"PDNS_API_KEY", "pdns-key"}});
  DnsSettings settings = ToDnsSettings(models, environment);
  EXPECT_THAT(settings.configured, ElementsAre("cloudflare", "powerdns", "rfc2136", "route53"));
  EXPECT_THAT(settings.blocks, IsEmpty());
  EXPECT_EQ(settings.cloudflare.api_token, "from-environment");
  EXPECT_EQ(settings.aws.endpoint, "http://127.0.0.1:5000");
  EXPECT_EQ(settings.rfc2136.server, "192.0.2.53:5353");
  EXPECT_EQ(settings.rfc2136.key.name, "key");
  EXPECT_EQ(settings.rfc2136.key.algorithm, "hmac-sha256");
  EXPECT_EQ(settings.powerdns.server_id, "localhost");

  CloudflareModel cloudflare;
  cloudflare.api_token = "from-block";
  models.cloudflare = cloudflare;
  Rfc2136Model rfc2136;
  rfc2136.server = "ns1.example.org";
  models.rfc2136 = rfc2136;
  settings = ToDnsSettings(models, environment);
  EXPECT_EQ(settings.cloudflare.api_token, "from-block");
  // The port belongs to the server of the environment.
  EXPECT_EQ(settings.rfc2136.server, "ns1.example.org");
  EXPECT_THAT(settings.blocks, ElementsAre("cloudflare", "rfc2136"));
}

TEST(DnsServices, OneServiceIsImpliedAndSeveralAreNot) {
  DnsServices services;
  EXPECT_THAT(services.Implied(), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("no DNS service is configured")));
  DnsSettings settings;
  settings.configured = {"cloudflare", "route53"};
  services.Configure(settings);
  EXPECT_THAT(services.Implied(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cloudflare, route53")));
  settings.blocks = {"route53"};
  services.Configure(settings);
  EXPECT_THAT(services.Implied(), IsOkAndHolds("route53"));
}

TEST(DnsServices, SayWhatIsMissing) {
  DnsServices services;
  for (const auto& [backend, says] :
       std::map<std::string, std::string>{{"cloudflare", "CLOUDFLARE_API_TOKEN"},
                                          {"powerdns", "PDNS_SERVER_URL"},
                                          {"rfc2136", "DNS_UPDATE_SERVER"}}) {
    const absl::Status status = services.Get(backend).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition)) << backend;
    EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr(says));
  }
  EXPECT_THAT(services.Get("route53"),
              IsOk());  // its credentials are looked for when they are needed
}

TEST(DnsModels, AKeyNeedsItsNameAndIsBase64) {
  DnsModels models;
  Rfc2136Model rfc2136;
  rfc2136.server = "192.0.2.53";
  rfc2136.tsig_name = "key";
  rfc2136.tsig_secret = "not base64!";
  models.rfc2136 = rfc2136;
  EXPECT_THAT(CheckDnsModels(models), StatusIsAt("rfc2136.tsig_secret"));
  rfc2136.tsig_secret = "c2VjcmV0";
  rfc2136.tsig_name = {};
  models.rfc2136 = rfc2136;
  EXPECT_THAT(CheckDnsModels(models), StatusIsAt("rfc2136.tsig_name"));
}

}  // namespace
}  // namespace charon
