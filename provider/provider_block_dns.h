// The DNS services' parts of the provider block.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "provider/dns_services.h"
#include "provider/schema/field.h"

namespace charon {

struct CloudflareModel {
  Attr<std::string> api_token, base_url;
  static const ObjectSpec<CloudflareModel>& Describe();
};

struct AwsModel {
  Attr<std::string> region, access_key, secret_key, session_token, profile, endpoint;
  Attr<std::vector<std::string>> shared_config_files, shared_credentials_files;
  static const ObjectSpec<AwsModel>& Describe();
};

struct Rfc2136Model {
  Attr<std::string> server, tsig_name, tsig_secret, tsig_algorithm;
  static const ObjectSpec<Rfc2136Model>& Describe();
};

struct PowerDnsModel {
  Attr<std::string> endpoint, api_key, server_id;
  static const ObjectSpec<PowerDnsModel>& Describe();
};

struct DnsModels {
  Attr<CloudflareModel> cloudflare;
  Attr<AwsModel> aws;
  Attr<Rfc2136Model> rfc2136;
  Attr<PowerDnsModel> powerdns;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// Arguments, then the environment.
DnsSettings ToDnsSettings(const DnsModels& models, const Environment& environment);

// What goes beyond one argument.
absl::Status CheckDnsModels(const DnsModels& models);

}  // namespace charon
