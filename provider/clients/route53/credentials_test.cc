#include "provider/clients/route53/credentials.h"

#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::route53 {
namespace {

using ::testing::HasSubstr;

constexpr char kSts[] =
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</"
    "AccessKeyId><SecretAccessKey>role-secret</"
    "SecretAccessKey>"
    "<SessionToken>role-token</SessionToken><Expiration>2023-11-14T23:13:20Z</Expiration></"
    "Credentials></AssumeRoleResult></"
    "AssumeRoleResponse>";
constexpr char kMetadata[] =
    R"({"Code": "Success", "AccessKeyId": "ASIAMETA", "SecretAccessKey": "meta-secret", "Token": "meta-token", "Expiration": "2023-11-14T23:13:20Z"})";

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    call_.clock = &clock_;
    variables_["HOME"] = "/home/ann";
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  CredentialChain& Chain(Settings settings = {}) {
    Machine machine{
        [this](const std::string& name) -> std::optional<std::string> {
          return variables_.count(name) == 0 ? std::nullopt
                                             : std::optional<std::string>(variables_[name]);
        },
        [this](const std::string& path) -> std::optional<std::string> {
          return files_.count(path) == 0 ? std::nullopt : std::optional<std::string>(files_[path]);
        }};
    chain_ = std::make_unique<CredentialChain>(std::move(settings), std::move(machine),
                                               http::Borrow(transport_));
    return *chain_;
  }
  std::string KeyOf(Settings settings = {}) {
    const auto found = Chain(std::move(settings)).Get(call_);
    return found.ok() ? found->access_key : found.status().ToString();
  }

  FakeClock clock_;
  Call call_;
  std::map<std::string, std::string> variables_, files_;
  http::FakeTransport transport_;
  std::unique_ptr<CredentialChain> chain_;
};

TEST_F(CredentialsTest, TheOrderIsThatOfEveryTool) {
  EXPECT_THAT(KeyOf(), HasSubstr("there are no AWS credentials"));
  files_["/home/ann/.aws/credentials"] =
      "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = secret # "
      "comment\n[work]\naws_access_key_id=AKIAWORK\naws_secret_access_key=s\n";
  EXPECT_EQ(KeyOf(), "AKIADEFAULT");
  EXPECT_EQ(Chain().Get(call_)->secret_key, "secret");
  variables_["AWS_PROFILE"] = "work";
  EXPECT_EQ(KeyOf(), "AKIAWORK");
  variables_["AWS_ACCESS_KEY_ID"] = "AKIAENV";
  variables_["AWS_SECRET_ACCESS_KEY"] = "env";
  EXPECT_EQ(KeyOf(), "AKIAENV");
  EXPECT_EQ(KeyOf({.profile = "work"}), "AKIAWORK");
  EXPECT_EQ(KeyOf({.access_key = "AKIAARG", .secret_key = "arg", .profile = "work"}), "AKIAARG");
  EXPECT_THAT(KeyOf({.access_key = "AKIAARG"}), HasSubstr("is missing"));
  EXPECT_THAT(KeyOf({.profile = "nobody"}), HasSubstr("no profile \"nobody\""));
}

TEST_F(CredentialsTest, SharedFilesHaveTheirPlacesAndRegions) {
  files_["/etc/aws.config"] =
      "[profile work]\nregion = eu-central-1\naws_access_key_id = "
      "AKIACONFIG\naws_secret_access_key = "
      "s\n[default]\nregion=eu-west-1\n";
  variables_["AWS_CONFIG_FILE"] = "/etc/aws.config";
  variables_["AWS_PROFILE"] = "work";
  EXPECT_EQ(KeyOf(), "AKIACONFIG");
  EXPECT_EQ(Chain().Region(), "eu-central-1");
  EXPECT_EQ(Chain({.profile = "default"}).Region(), "eu-west-1");
  variables_["AWS_REGION"] = "ap-south-1";
  EXPECT_EQ(Chain().Region(), "ap-south-1");
  EXPECT_EQ(Chain({.region = "us-west-2"}).Region(), "us-west-2");
  files_["/etc/keys"] = "[work]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = s\n";
  EXPECT_EQ(KeyOf({.shared_credentials_files = {"/etc/keys"}}), "AKIAKEYS");
  variables_.erase("AWS_PROFILE");
  variables_.erase("AWS_REGION");
  variables_.erase("AWS_CONFIG_FILE");
  EXPECT_EQ(Chain().Region(), "us-east-1");
}

TEST_F(CredentialsTest, AProfileMayTakeARole) {
  files_["/home/ann/.aws/config"] =
      "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/dns\nsource_profile = "
      "base\nexternal_id = x\n[profile "
      "base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n";
  transport_.Answer(200, kSts);
  CredentialChain& chain = Chain({.region = "eu-central-1", .profile = "ops"});
  EXPECT_EQ(chain.Get(call_)->access_key, "ASIAROLE");
  EXPECT_EQ(transport_.requests()[0].url, "https://sts.eu-central-1.amazonaws.com/");
  EXPECT_THAT(transport_.requests()[0].body,
              HasSubstr("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%"
                        "3A123456789012%3Arole%2Fdns"));
  EXPECT_THAT(transport_.requests()[0].body, HasSubstr("ExternalId=x"));
  EXPECT_THAT(transport_.requests()[0].headers.back().second,
              HasSubstr("Credential=AKIABASE/20231114/eu-central-1/sts/"));
  // Kept until five minutes before they end.
  clock_.Advance(absl::Minutes(54));
  EXPECT_EQ(chain.Get(call_)->access_key, "ASIAROLE");
  EXPECT_EQ(transport_.count(), 1u);
  clock_.Advance(absl::Minutes(2));
  transport_.Answer(403,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not "
                    "allowed</Message></Error></ErrorResponse>");
  EXPECT_THAT(chain.Get(call_),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("not allowed")));
  files_["/home/ann/.aws/config"] = "[profile ops]\nrole_arn = r\nsource_profile = ops\n";
  EXPECT_THAT(KeyOf({.profile = "ops"}), HasSubstr("names itself"));
}

TEST_F(CredentialsTest, AWebIdentityIsNotSigned) {
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/dns";
  EXPECT_THAT(KeyOf(), HasSubstr("cannot be read"));
  files_["/var/run/token"] = "jwt-of-the-pod\n";
  transport_.Answer(200, kSts);
  EXPECT_EQ(KeyOf(), "ASIAROLE");
  EXPECT_THAT(transport_.requests()[0].body, HasSubstr("Action=AssumeRoleWithWebIdentity"));
  EXPECT_THAT(transport_.requests()[0].body, HasSubstr("WebIdentityToken=jwt-of-the-pod"));
  EXPECT_EQ(transport_.requests()[0].headers.size(), 1u);
}

TEST_F(CredentialsTest, ContainersAndInstancesHaveEndpoints) {
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  transport_.Answer(200, kMetadata);
  EXPECT_EQ(KeyOf(), "ASIAMETA");
  EXPECT_EQ(transport_.requests()[0].url, "http://169.254.170.2/v2/credentials/x");
  variables_.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://evil.example/x";
  EXPECT_THAT(KeyOf(), HasSubstr("plain HTTP"));
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1/x";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
  files_["/token"] = "bearer-of-the-pod\n";
  transport_.Answer(200, kMetadata);
  EXPECT_EQ(KeyOf(), "ASIAMETA");
  EXPECT_EQ(transport_.requests()[1].headers[0].second, "bearer-of-the-pod");

  variables_.clear();
  transport_.Answer(200, "imds-session").Answer(200, "dns-role").Answer(200, kMetadata);
  EXPECT_EQ(KeyOf(), "ASIAMETA");
  EXPECT_EQ(transport_.requests()[2].method, "PUT");
  EXPECT_EQ(transport_.requests()[4].url,
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/dns-role");
  EXPECT_EQ(transport_.requests()[4].headers[0].second, "imds-session");
}

TEST_F(CredentialsTest, WhatIsNotOfferedIsSaid) {
  files_["/home/ann/.aws/config"] =
      "[profile sso]\nsso_session = corp\n[default]\nregion = eu-west-1\n";
  const absl::Status status = Chain({.profile = "sso"}).Get(call_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("sso_session")));
  EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("export-credentials"));
  // A default profile without keys is no answer.
  EXPECT_THAT(KeyOf(), HasSubstr("there are no AWS credentials"));
}

}  // namespace
}  // namespace charon::route53
