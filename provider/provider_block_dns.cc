#include "provider/provider_block_dns.h"

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"

namespace charon {
namespace {

Check HttpUrl(absl::string_view example) {
  return TextRule(absl::StrCat("is a URL such as `", example, "`"),
                  [example = std::string(example)](absl::string_view text) {
                    if (absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://"))
                      return absl::OkStatus();
                    return absl::InvalidArgumentError(
                        absl::StrCat("\"", text, "\" must be a URL such as \"", example, "\""));
                  });
}

// The argument, else the first of the variables that is set and not empty.
std::string FirstOf(const Attr<std::string>& argument, const Environment& environment,
                    std::initializer_list<const char*> variables) {
  if (argument.IsKnown() && !argument->empty()) return *argument;
  for (const char* name : variables) {
    if (const std::optional<std::string> value = environment(name); value && !value->empty())
      return *value;
  }
  return "";
}

}  // namespace

const ObjectSpec<CloudflareModel>& CloudflareModel::Describe() {
  using M = CloudflareModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How to reach Cloudflare.",
      {
          Field(&M::api_token, "api_token", Optional,
                "API token with the permissions Zone Read and DNS Write (Zone Edit to make zones). "
                "`CLOUDFLARE_API_TOKEN` if "
                "unset.")
              .Sensitive(),
          Field(&M::base_url, "base_url", Optional,
                "Where the API is, if not at Cloudflare. `CLOUDFLARE_BASE_URL` if unset.")
              .Check(HttpUrl(cloudflare::kDefaultBaseUrl)),
      });
  return spec;
}

const ObjectSpec<AwsModel>& AwsModel::Describe() {
  using M = AwsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How to reach AWS. What is not set is found as every AWS tool finds it: environment, web "
      "identity, shared files, "
      "container, instance.",
      {
          Field(&M::region, "region", Optional,
                "Region, which decides the partition. `AWS_REGION`, `AWS_DEFAULT_REGION` or the "
                "profile's if unset."),
          Field(&M::access_key, "access_key", Optional,
                "Access key id. `AWS_ACCESS_KEY_ID` if unset."),
          Field(&M::secret_key, "secret_key", Optional,
                "Secret access key. `AWS_SECRET_ACCESS_KEY` if unset.")
              .Sensitive(),
          Field(&M::session_token, "session_token", Optional,
                "Token of temporary keys. `AWS_SESSION_TOKEN` if unset.")
              .Sensitive(),
          Field(&M::profile, "profile", Optional,
                "Profile of the shared files; wins over keys of the environment. `AWS_PROFILE` if "
                "unset."),
          Field(&M::shared_config_files, "shared_config_files", Optional,
                "Instead of `AWS_CONFIG_FILE` or `~/.aws/config`."),
          Field(&M::shared_credentials_files, "shared_credentials_files", Optional,
                "Instead of `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`."),
          Field(&M::endpoint, "endpoint", Optional,
                "Where Route 53's API is, if not at AWS. `AWS_ENDPOINT_URL_ROUTE_53` or "
                "`AWS_ENDPOINT_URL` if unset.")
              .Check(HttpUrl("https://route53.amazonaws.com")),
      },
      {RequiredTogether({"access_key", "secret_key"})});
  return spec;
}

const ObjectSpec<Rfc2136Model>& Rfc2136Model::Describe() {
  using M = Rfc2136Model;
  static const auto& spec = *new ObjectSpec<M>(
      "A name server that takes dynamic updates (RFC 2136): BIND, Knot, PowerDNS, Technitium, "
      "FreeIPA.",
      {
          Field(&M::server, "server", Optional,
                "The zone's primary: `192.0.2.53`, `ns1.example.org:5353`. `DNS_UPDATE_SERVER` "
                "(and `DNS_UPDATE_PORT`) if unset.")
              .Check(TextRule(
                  "is a server such as `192.0.2.53` or `ns1.example.org:5353`",
                  [](absl::string_view text) { return rfc2136::ParseServer(text).status(); })),
          Field(&M::tsig_name, "tsig_name", Optional,
                "Name of the TSIG key. `DNS_UPDATE_KEYNAME` if unset."),
          Field(&M::tsig_secret, "tsig_secret", Optional,
                "Secret of the key, base64. `DNS_UPDATE_KEYSECRET` if unset.")
              .Sensitive(),
          Field(
              &M::tsig_algorithm, "tsig_algorithm", Optional,
              "Algorithm of the key, `hmac-sha256` by default. `DNS_UPDATE_KEYALGORITHM` if unset.")
              .Check(OneOf({"hmac-sha1", "hmac-sha256", "hmac-sha512"})),
      });
  return spec;
}

const ObjectSpec<PowerDnsModel>& PowerDnsModel::Describe() {
  using M = PowerDnsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How to reach the API of a PowerDNS Authoritative Server.",
      {
          Field(&M::endpoint, "endpoint", Optional, "Where the API is. `PDNS_SERVER_URL` if unset.")
              .Check(HttpUrl("http://127.0.0.1:8081")),
          Field(&M::api_key, "api_key", Optional,
                "The server's `api-key`. `PDNS_API_KEY` if unset.")
              .Sensitive(),
          Field(&M::server_id, "server_id", Optional,
                "The server behind the API, `localhost` by default."),
      });
  return spec;
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

DnsSettings ToDnsSettings(const DnsModels& models, const Environment& environment) {
  DnsSettings settings;
  const CloudflareModel cloudflare = models.cloudflare.value_or({});
  settings.cloudflare.api_token =
      FirstOf(cloudflare.api_token, environment, {"CLOUDFLARE_API_TOKEN"});
  if (std::string url = FirstOf(cloudflare.base_url, environment, {"CLOUDFLARE_BASE_URL"});
      !url.empty())
    settings.cloudflare.base_url = std::move(url);
  if (models.cloudflare.IsKnown()) settings.blocks.insert("cloudflare");
  if (models.cloudflare.IsKnown() || !settings.cloudflare.api_token.empty())
    settings.configured.insert("cloudflare");
  const AwsModel aws = models.aws.value_or({});
  // Keys, profile and region of the environment are the credential chain's business, which knows
  // their order.
  settings.aws.region = aws.region.value_or("");
  settings.aws.access_key = aws.access_key.value_or("");
  settings.aws.secret_key = aws.secret_key.value_or("");
  settings.aws.session_token = aws.session_token.value_or("");
  settings.aws.profile = aws.profile.value_or("");
  settings.aws.shared_config_files = aws.shared_config_files.value_or({});
  settings.aws.shared_credentials_files = aws.shared_credentials_files.value_or({});
  settings.aws.endpoint =
      FirstOf(aws.endpoint, environment, {"AWS_ENDPOINT_URL_ROUTE_53", "AWS_ENDPOINT_URL"});
  if (models.aws.IsKnown()) settings.blocks.insert("route53");
  const bool credentials =
      !FirstOf({}, environment,
               {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
           .empty();
  if (models.aws.IsKnown() || credentials) settings.configured.insert("route53");
  const Rfc2136Model rfc2136 = models.rfc2136.value_or({});
  settings.rfc2136.server = FirstOf(rfc2136.server, environment, {"DNS_UPDATE_SERVER"});
  const std::string port =
      rfc2136.server.IsNull() ? FirstOf({}, environment, {"DNS_UPDATE_PORT"}) : "";
  if (!port.empty() && !settings.rfc2136.server.empty())
    absl::StrAppend(&settings.rfc2136.server, ":", port);
  settings.rfc2136.key.name = std::string(
      absl::StripSuffix(FirstOf(rfc2136.tsig_name, environment, {"DNS_UPDATE_KEYNAME"}), "."));
  settings.rfc2136.key.secret = FirstOf(rfc2136.tsig_secret, environment, {"DNS_UPDATE_KEYSECRET"});
  settings.rfc2136.key.algorithm =
      FirstOf(rfc2136.tsig_algorithm, environment, {"DNS_UPDATE_KEYALGORITHM"});
  if (settings.rfc2136.key.algorithm.empty()) settings.rfc2136.key.algorithm = "hmac-sha256";
  if (models.rfc2136.IsKnown()) settings.blocks.insert("rfc2136");
  if (models.rfc2136.IsKnown() || !settings.rfc2136.server.empty())
    settings.configured.insert("rfc2136");
  const PowerDnsModel powerdns = models.powerdns.value_or({});
  settings.powerdns.endpoint = FirstOf(powerdns.endpoint, environment, {"PDNS_SERVER_URL"});
  settings.powerdns.api_key = FirstOf(powerdns.api_key, environment, {"PDNS_API_KEY"});
  settings.powerdns.server_id = powerdns.server_id.value_or("localhost");
  if (models.powerdns.IsKnown()) settings.blocks.insert("powerdns");
  if (models.powerdns.IsKnown() || !settings.powerdns.endpoint.empty())
    settings.configured.insert("powerdns");
  return settings;
}

absl::Status CheckDnsModels(const DnsModels& models) {
  if (!models.rfc2136.IsKnown()) return absl::OkStatus();
  const Rfc2136Model& rfc2136 = *models.rfc2136;
  const Path at("rfc2136");
  std::string secret;
  if (rfc2136.tsig_secret.IsKnown() && !absl::Base64Unescape(*rfc2136.tsig_secret, &secret)) {
    return At(at.Attribute("tsig_secret"),
              absl::InvalidArgumentError("must be base64, as tsig-keygen and keymgr print it"));
  }
  if (rfc2136.tsig_name.IsNull() && !rfc2136.tsig_secret.IsNull() &&
      !ProcessEnvironment()("DNS_UPDATE_KEYNAME")) {
    return At(at.Attribute("tsig_name"),
              absl::InvalidArgumentError("is missing: a TSIG secret belongs to a key with a name"));
  }
  return absl::OkStatus();
}

}  // namespace charon
