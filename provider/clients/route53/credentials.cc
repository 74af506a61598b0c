#include "provider/clients/route53/credentials.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/route53/xml.h"
#include "provider/http/parse_json.h"
#include "provider/http/url.h"

namespace charon::route53 {
namespace {

constexpr absl::Duration kEarly = absl::Minutes(5);
// The metadata addresses are not there outside of AWS; nobody waits long for them.
constexpr absl::Duration kMetadataWait = absl::Seconds(2);
constexpr char kContainerHost[] = "http://169.254.170.2";
constexpr char kInstanceHost[] = "http://169.254.169.254";

// The sections of an INI file of AWS tools. Indented lines belong to nested settings (s3 = ...),
// which nobody here needs.
std::map<std::string, std::map<std::string, std::string>> ParseIni(absl::string_view text) {
  std::map<std::string, std::map<std::string, std::string>> sections;
  std::string section;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || absl::ascii_isspace(static_cast<unsigned char>(line[0]))) continue;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      const std::size_t end = line.find(']');
      section = std::string(absl::StripAsciiWhitespace(
          line.substr(1, end == absl::string_view::npos ? end : end - 1)));
      sections[section];
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == absl::string_view::npos) continue;
    absl::string_view value = line.substr(equals + 1);
    // A comment needs a blank in front of its sign: keys may contain it.
    for (const absl::string_view comment : {" #", " ;", "\t#", "\t;"})
      value = value.substr(0, value.find(comment));
    sections[section][absl::AsciiStrToLower(absl::StripAsciiWhitespace(line.substr(0, equals)))] =
        std::string(absl::StripAsciiWhitespace(value));
  }
  return sections;
}

absl::Time ParseExpiration(absl::string_view text) {
  absl::Time time;
  return absl::ParseTime(absl::RFC3339_full, text, &time, nullptr) ? time : absl::InfiniteFuture();
}

// What the container and the instance answer with.
absl::StatusOr<Credentials> FromJson(const http::Response& response, std::string source) {
  const nlohmann::json body = http::ParseJson(response.body);
  const auto text = [&](const char* key) {
    const auto found = body.is_object() ? body.find(key) : body.end();
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Credentials credentials{text("AccessKeyId"), text("SecretAccessKey"), text("Token"),
                          ParseExpiration(text("Expiration")), std::move(source)};
  if (credentials.access_key.empty() || credentials.secret_key.empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat(credentials.source, " answered ", response.status, " without credentials"));
  }
  return credentials;
}

absl::Status None(absl::string_view why) {
  return WithRemedy(absl::UnauthenticatedError(absl::StrCat("there are no AWS credentials: ", why)),
                    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile in "
                    "`aws.profile` of the provider block.");
}

}  // namespace

Machine Machine::Real() {
  Machine machine;
  machine.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  machine.file = [](const std::string& path) -> std::optional<std::string> {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return std::nullopt;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  };
  return machine;
}

std::string CredentialChain::ProfileName() const {
  if (!settings_.profile.empty()) return settings_.profile;
  const std::string named = Variable("AWS_PROFILE");
  return named.empty() ? "default" : named;
}

std::optional<CredentialChain::Profile> CredentialChain::ReadProfile(
    const std::string& name) const {
  const auto files = [&](const std::vector<std::string>& given, const char* variable,
                         const char* usual) {
    std::vector<std::string> paths = given;
    if (paths.empty() && !Variable(variable).empty()) paths = {Variable(variable)};
    if (paths.empty()) paths = {absl::StrCat("~/.aws/", usual)};
    for (std::string& path : paths) {
      if (absl::StartsWith(path, "~/")) path = absl::StrCat(Variable("HOME"), path.substr(1));
    }
    return paths;
  };
  std::optional<Profile> profile;
  const auto take = [&](const std::string& path, const std::string& section) {
    const std::optional<std::string> text = machine_.file(path);
    if (!text) return;
    auto sections = ParseIni(*text);
    const auto found = sections.find(section);
    if (found == sections.end()) return;
    if (!profile) profile.emplace();
    for (auto& [key, value] : found->second) (*profile)[key] = value;
  };
  for (const std::string& path :
       files(settings_.shared_config_files, "AWS_CONFIG_FILE", "config")) {
    if (name == "default") take(path, "default");
    take(path, "profile " + name);
  }
  // Keys of the credentials file win.
  for (const std::string& path :
       files(settings_.shared_credentials_files, "AWS_SHARED_CREDENTIALS_FILE", "credentials"))
    take(path, name);
  return profile;
}

std::string CredentialChain::Region() const {
  if (!settings_.region.empty()) return settings_.region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (const std::string region = Variable(name); !region.empty()) return region;
  }
  if (const auto profile = ReadProfile(ProfileName())) {
    if (const auto region = profile->find("region"); region != profile->end())
      return region->second;
  }
  return "us-east-1";
}

absl::StatusOr<Credentials> CredentialChain::Get(const Call& call) {
  absl::MutexLock lock(&mutex_);
  if (found_ && found_->expires - call.clock->Now() > kEarly) return *found_;
  absl::StatusOr<Credentials> found = Find(call);
  if (!found.ok()) return found.status();
  RegisterSecret(found->secret_key);
  RegisterSecret(found->session_token);
  found_ = *found;
  return found;
}

absl::StatusOr<Credentials> CredentialChain::Find(const Call& call) {
  if (!settings_.access_key.empty() || !settings_.secret_key.empty()) {
    if (settings_.access_key.empty() || settings_.secret_key.empty())
      return None("one of `aws.access_key` and `aws.secret_key` is missing");
    return Credentials{settings_.access_key, settings_.secret_key, settings_.session_token,
                       absl::InfiniteFuture(), "the provider block"};
  }
  if (!settings_.profile.empty()) return FromProfile(call, settings_.profile, 0);
  if (const std::string key = Variable("AWS_ACCESS_KEY_ID"),
      secret = Variable("AWS_SECRET_ACCESS_KEY");
      !key.empty() && !secret.empty()) {
    return Credentials{key, secret, Variable("AWS_SESSION_TOKEN"), absl::InfiniteFuture(),
                       "the environment"};
  }
  if (const std::string file = Variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
      role = Variable("AWS_ROLE_ARN");
      !file.empty() && !role.empty()) {
    return FromWebIdentity(call, file, role, Variable("AWS_ROLE_SESSION_NAME"));
  }
  const std::string named = Variable("AWS_PROFILE");
  if (!named.empty() || ReadProfile("default")) {
    absl::StatusOr<Credentials> credentials =
        FromProfile(call, named.empty() ? "default" : named, 0);
    // A default profile that only names a region leaves the question open.
    if (credentials.ok() || !named.empty() || !absl::IsNotFound(credentials.status()))
      return credentials;
  }
  if (!Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
      !Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty())
    return FromContainer(call);
  if (!absl::EqualsIgnoreCase(Variable("AWS_EC2_METADATA_DISABLED"), "true")) {
    absl::StatusOr<Credentials> credentials = FromInstance(call.Within(kMetadataWait));
    if (credentials.ok()) return credentials;
    CHARON_RETURN_IF_ERROR(call.Alive());
  }
  return None(
      "neither in the provider block nor in the environment, the shared files, a web identity, a "
      "container's endpoint or an "
      "instance's metadata");
}

absl::StatusOr<Credentials> CredentialChain::FromProfile(const Call& call, const std::string& name,
                                                         int depth) {
  const std::optional<Profile> profile = ReadProfile(name);
  if (!profile) return None(absl::StrCat("there is no profile \"", name, "\" in the shared files"));
  const auto get = [&](const char* key) {
    const auto found = profile->find(key);
    return found == profile->end() ? std::string() : found->second;
  };
  const std::string where = absl::StrCat("profile \"", name, "\"");
  if (const std::string role = get("role_arn"); !role.empty()) {
    if (const std::string file = get("web_identity_token_file"); !file.empty())
      return FromWebIdentity(call, file, role, get("role_session_name"));
    absl::StatusOr<Credentials> as = None(
        absl::StrCat(where, " has a role_arn, but neither source_profile nor credential_source"));
    const std::string source = get("source_profile");
    if (source == name && !get("aws_access_key_id").empty()) {
      as = Credentials{get("aws_access_key_id"), get("aws_secret_access_key"),
                       get("aws_session_token"), absl::InfiniteFuture(), where};
    } else if (!source.empty()) {
      if (depth > 5 || source == name)
        return None(absl::StrCat(where, " names itself as its source_profile"));
      as = FromProfile(call, source, depth + 1);
    } else if (const std::string kind = get("credential_source"); kind == "Environment") {
      as = Credentials{Variable("AWS_ACCESS_KEY_ID"), Variable("AWS_SECRET_ACCESS_KEY"),
                       Variable("AWS_SESSION_TOKEN"), absl::InfiniteFuture(), "the environment"};
    } else if (kind == "EcsContainer") {
      as = FromContainer(call);
    } else if (kind == "Ec2InstanceMetadata") {
      as = FromInstance(call);
    }
    if (!as.ok()) return as.status();
    return AssumeRole(call, *as, *profile);
  }
  if (!get("aws_access_key_id").empty() && !get("aws_secret_access_key").empty()) {
    return Credentials{get("aws_access_key_id"), get("aws_secret_access_key"),
                       get("aws_session_token"), absl::InfiniteFuture(), where};
  }
  for (const char* key : {"credential_process", "sso_session", "sso_start_url"}) {
    if (get(key).empty()) continue;
    return WithRemedy(absl::UnauthenticatedError(absl::StrCat(where, " gets its credentials by ",
                                                              key, ", which is not offered here")),
                      absl::StrCat("Run: eval \"$(aws configure export-credentials --profile ",
                                   name, " --format env)\""));
  }
  return absl::NotFoundError(absl::StrCat(where, " has no credentials"));
}

std::string CredentialChain::StsEndpoint() const {
  for (const char* name : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) {
    if (const std::string url = Variable(name); !url.empty())
      return std::string(absl::StripSuffix(url, "/"));
  }
  const std::string region = Region();
  return absl::StrCat("https://sts.", region, ".amazonaws.com",
                      absl::StartsWith(region, "cn-") ? ".cn" : "");
}

absl::StatusOr<Credentials> CredentialChain::FromWebIdentity(const Call& call,
                                                             const std::string& token_file,
                                                             const std::string& role,
                                                             const std::string& session) {
  const std::optional<std::string> token = machine_.file(token_file);
  if (!token)
    return None(absl::StrCat("the web identity's token file ", token_file, " cannot be read"));
  RegisterSecret(absl::StripAsciiWhitespace(*token));
  http::Request request{.method = "POST",
                        .url = StsEndpoint() + "/",
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}};
  request.body = absl::StrCat(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", http::UrlEscape(role),
      "&RoleSessionName=", http::UrlEscape(session.empty() ? "terraform-provider-charon" : session),
      "&WebIdentityToken=", http::UrlEscape(absl::StripAsciiWhitespace(*token)));
  request.repeat = http::Repeat::kSafe;
  return AskSts(call, std::move(request),
                absl::StrCat("taking the role ", role, " by the web identity in ", token_file));
}

absl::StatusOr<Credentials> CredentialChain::AssumeRole(const Call& call, const Credentials& as,
                                                        const Profile& profile) {
  const auto get = [&](const char* key) {
    const auto found = profile.find(key);
    return found == profile.end() ? std::string() : found->second;
  };
  const std::string session = get("role_session_name");
  http::Request request{.method = "POST",
                        .url = StsEndpoint() + "/",
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}};
  request.body = absl::StrCat(
      "Action=AssumeRole&Version=2011-06-15&RoleArn=", http::UrlEscape(get("role_arn")),
      "&RoleSessionName=",
      http::UrlEscape(session.empty() ? "terraform-provider-charon" : session));
  if (const std::string external = get("external_id"); !external.empty())
    absl::StrAppend(&request.body, "&ExternalId=", http::UrlEscape(external));
  request.repeat = http::Repeat::kSafe;
  Sign(request, as, Region(), "sts", call.clock->Now());
  return AskSts(call, std::move(request),
                absl::StrCat("taking the role ", get("role_arn"), " with ", as.source));
}

absl::StatusOr<Credentials> CredentialChain::AskSts(const Call& call, http::Request request,
                                                    const std::string& what) {
  absl::StatusOr<http::Response> response = transport_->Send(call, request);
  if (!response.ok()) return Annotate(response.status(), what);
  const absl::StatusOr<XmlDocument> xml = ParseXml(response->body);
  if (response->status != 200 || !xml.ok()) {
    const ServiceError error = ErrorIn(response->body);
    return absl::UnauthenticatedError(
        Redact(absl::StrCat(what, ": ", StsEndpoint(), " answered ", response->status, " ",
                            error.code, " ", error.message)));
  }
  const pugi::xml_node found = Descendant((*xml)->document_element(), "Credentials");
  Credentials credentials{found.child_value("AccessKeyId"), found.child_value("SecretAccessKey"),
                          found.child_value("SessionToken"),
                          ParseExpiration(found.child_value("Expiration")), "a role"};
  if (credentials.access_key.empty())
    return absl::UnauthenticatedError(absl::StrCat(what, ": the answer has no credentials"));
  return credentials;
}

absl::StatusOr<Credentials> CredentialChain::FromContainer(const Call& call) {
  const std::string relative = Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string url = relative.empty() ? Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                           : absl::StrCat(kContainerHost, relative);
  CHARON_ASSIGN_OR_RETURN(const http::UrlParts parts, http::SplitUrl(url));
  // As in the SDKs: over plain HTTP only to this machine and to the addresses of ECS and EKS.
  const bool local = parts.host == "localhost" || absl::StartsWith(parts.host, "127.") ||
                     parts.host == "::1" || parts.host == "169.254.170.2" ||
                     parts.host == "169.254.170.23" || parts.host == "fd00:ec2::23";
  if (parts.scheme != "https" && !local)
    return None(
        absl::StrCat("AWS_CONTAINER_CREDENTIALS_FULL_URI names ", parts.host, " over plain HTTP"));
  http::Request request{.url = url};
  std::string token = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty())
    token = machine_.file(file).value_or("");
  token = std::string(absl::StripAsciiWhitespace(token));
  RegisterSecret(token);
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  absl::StatusOr<http::Response> response = transport_->Send(call, request);
  if (!response.ok())
    return Annotate(response.status(), "asking the container's endpoint for credentials");
  return FromJson(*response, "the container's endpoint");
}

absl::StatusOr<Credentials> CredentialChain::FromInstance(const Call& call) {
  const std::string named = Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const std::string host =
      named.empty() ? kInstanceHost : std::string(absl::StripSuffix(named, "/"));
  absl::StatusOr<http::Response> token =
      transport_->Send(call, {.method = "PUT",
                              .url = host + "/latest/api/token",
                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}});
  if (!token.ok()) return token.status();
  if (token->status != 200)
    return absl::UnauthenticatedError(
        absl::StrCat("the instance's metadata service answered ", token->status));
  RegisterSecret(token->body);
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  http::Request request{.url = host + path, .headers = {{"X-aws-ec2-metadata-token", token->body}}};
  absl::StatusOr<http::Response> role = transport_->Send(call, request);
  if (!role.ok()) return role.status();
  if (role->status != 200 || role->body.empty())
    return absl::UnauthenticatedError("the instance has no role");
  request.url = absl::StrCat(host, path, http::UrlEscape(absl::StripAsciiWhitespace(role->body)));
  absl::StatusOr<http::Response> response = transport_->Send(call, request);
  if (!response.ok()) return response.status();
  return FromJson(*response, "the instance's metadata");
}

}  // namespace charon::route53
