#include "provider/provider_block_dns.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"

namespace charon {
namespace {

Check HttpUrl(absl::string_view example) {
  return TextRule(absl::StrCat("is a URL such as `", example, "`"), [example = std::string(example)](absl::string_view text) {
    if (absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://")) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" must be a URL such as \"", example, "\""));
  });
}

// The argument, else the first of the variables that is set and not empty.
std::string FirstOf(const Attr<std::string>& argument, const Environment& environment,
                    std::initializer_list<const char*> variables) {
  if (argument.IsKnown() && !argument->empty()) return *argument;
  for (const char* name : variables) {
    if (const std::optional<std::string> value = environment(name); value && !value->empty()) return *value;
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
                "API token with the permissions Zone Read and DNS Write (Zone Edit to make zones). `CLOUDFLARE_API_TOKEN` if "
                "unset.")
              .Sensitive(),
          Field(&M::base_url, "base_url", Optional, "Where the API is, if not at Cloudflare. `CLOUDFLARE_BASE_URL` if unset.")
              .Check(HttpUrl(cloudflare::kDefaultBaseUrl)),
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
  settings.cloudflare.api_token = FirstOf(cloudflare.api_token, environment, {"CLOUDFLARE_API_TOKEN"});
  if (std::string url = FirstOf(cloudflare.base_url, environment, {"CLOUDFLARE_BASE_URL"}); !url.empty())
    settings.cloudflare.base_url = std::move(url);
  if (models.cloudflare.IsKnown()) settings.blocks.insert("cloudflare");
  if (models.cloudflare.IsKnown() || !settings.cloudflare.api_token.empty()) settings.configured.insert("cloudflare");
  return settings;
}

absl::Status CheckDnsModels(const DnsModels&) { return absl::OkStatus(); }

}  // namespace charon
