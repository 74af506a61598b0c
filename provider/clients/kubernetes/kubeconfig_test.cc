#include "provider/clients/kubernetes/kubeconfig.h"

#include <map>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kPem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
constexpr char kPod[] = "/var/run/secrets/kubernetes.io/serviceaccount/";

// Two clusters, and users of several kinds.
std::string TwoClusters() {
  return absl::StrCat(R"(apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod-cluster
  cluster:
    server: https://prod.example:6443/
    certificate-authority-data: )",
                      absl::Base64Escape(kPem), R"(
- name: lab-cluster
  cluster:
    server: https://10.0.0.1:6443
    insecure-skip-tls-verify: true
    tls-server-name: kubernetes
    proxy-url: http://proxy:3128
users:
- name: ci
  user:
    token: prod-token-1
- name: robot
  user:
    tokenFile: tokens/robot
- name: empty
  user: {}
contexts:
- name: prod
  context: {cluster: prod-cluster, user: ci, namespace: web}
- name: lab
  context: {cluster: lab-cluster, user: robot}
- name: bare
  context: {cluster: lab-cluster, user: empty}
- name: nobody
  context: {cluster: lab-cluster}
- name: broken-user
  context: {cluster: lab-cluster, user: gone}
- name: broken-cluster
  context: {cluster: gone, user: ci}
)");
}

class ResolveTest : public ::testing::Test {
 protected:
  absl::StatusOr<Connection> Run() {
    return Resolve(
        settings_,
        {.variable =
             [this](const std::string& name) {
               const auto found = variables_.find(name);
               return found == variables_.end() ? std::nullopt : std::optional(found->second);
             },
         .read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
           const auto found = files_.find(path);
           if (found == files_.end()) {
             return absl::NotFoundError(absl::StrCat(path, ": No such file or directory"));
           }
           return found->second;
         }});
  }

  // A kubeconfig of one context whose user has these lines.
  static std::string WithUser(absl::string_view user) {
    return absl::StrCat(R"(current-context: c
clusters: [{name: k, cluster: {server: "https://k:6443"}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
users:
- name: u
  user:
)",
                        user);
  }

  void InPod() {
    variables_["KUBERNETES_SERVICE_HOST"] = "10.96.0.1";
    variables_["KUBERNETES_SERVICE_PORT"] = "443";
    files_[absl::StrCat(kPod, "token")] = "pod-token";
    files_[absl::StrCat(kPod, "ca.crt")] = kPem;
    files_[absl::StrCat(kPod, "namespace")] = "team-a\n";
  }

  ConnectionSettings settings_;
  std::map<std::string, std::string> variables_ = {{"HOME", "/home/me"}};
  std::map<std::string, std::string> files_;
};

TEST_F(ResolveTest, CurrentContextOfConfigPath) {
  files_["/k/config"] = TwoClusters();
  settings_.config_path = "/k/config";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://prod.example:6443");
  EXPECT_EQ(connection->tls.ca_pem, kPem);
  EXPECT_EQ(connection->tls.ca_source,
            "certificate-authority-data of cluster \"prod-cluster\" in /k/config");
  EXPECT_FALSE(connection->tls.insecure);
  EXPECT_EQ(connection->token, "prod-token-1");
  EXPECT_EQ(connection->default_namespace, "web");
  EXPECT_EQ(connection->description, "context \"prod\", user \"ci\" of /k/config");
}

TEST_F(ResolveTest, ConfigContextChoosesAnotherOne) {
  files_["/k/config"] = TwoClusters();
  settings_.config_path = "/k/config";
  settings_.config_context = "lab";
  variables_["KUBE_CTX"] = "prod";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://10.0.0.1:6443");
  EXPECT_TRUE(connection->tls.insecure);
  EXPECT_EQ(connection->tls.server_name, "kubernetes");
  EXPECT_EQ(connection->proxy_url, "http://proxy:3128");
  EXPECT_EQ(connection->token_file, "/k/tokens/robot");
  EXPECT_EQ(connection->default_namespace, "default");
}

TEST_F(ResolveTest, KubeCtxChoosesIfTheBlockDoesNot) {
  files_["/k/config"] = TwoClusters();
  settings_.config_path = "/k/config";
  variables_["KUBE_CTX"] = "lab";
  EXPECT_EQ(Run()->server, "https://10.0.0.1:6443");
}

TEST_F(ResolveTest, TildeIsHome) {
  files_["/home/me/.kube/config"] = TwoClusters();
  settings_.config_path = "~/.kube/config";
  EXPECT_EQ(Run()->token, "prod-token-1");
  settings_ = {};
  settings_.host = "https://h";
  settings_.token_file = "~/token";
  EXPECT_EQ(Run()->token_file, "/home/me/token");
}

TEST_F(ResolveTest, VariablesInTheirOrder) {
  files_["/a"] = TwoClusters();
  files_["/b"] = absl::StrReplaceAll(TwoClusters(), {{"prod.example", "b.example"}});
  files_["/c"] = absl::StrReplaceAll(TwoClusters(), {{"prod.example", "c.example"}});
  InPod();
  EXPECT_EQ(Run()->server, "https://10.96.0.1:443");
  variables_["KUBECONFIG"] = "/missing:/c";
  EXPECT_EQ(Run()->server, "https://c.example:6443");
  variables_["KUBE_CONFIG_PATHS"] = "/b:/c";
  EXPECT_EQ(Run()->server, "https://b.example:6443");
  variables_["KUBE_CONFIG_PATH"] = "/a";
  EXPECT_EQ(Run()->server, "https://prod.example:6443");
  variables_["KUBE_HOST"] = "https://env.example";
  EXPECT_EQ(Run()->server, "https://env.example");
  settings_.config_path = "/c";
  EXPECT_EQ(Run()->server, "https://c.example:6443");
  settings_.host = "https://block.example";
  EXPECT_EQ(Run()->server, "https://block.example");
}

TEST_F(ResolveTest, EmptyTextsCountAsNotSet) {
  files_["/a"] = TwoClusters();
  variables_["KUBE_CONFIG_PATH"] = "/a";
  variables_["KUBE_HOST"] = "";
  settings_ = {.config_path = "",
               .config_paths = {""},
               .config_context = "",
               .host = "",
               .token = "",
               .client_certificate = "",
               .client_key = ""};
  EXPECT_EQ(Run()->token, "prod-token-1");
}

TEST_F(ResolveTest, FirstDefinitionWinsWhenFilesMerge) {
  files_["/one"] = R"(
current-context: ""
clusters: [{name: k, cluster: {server: "https://one"}}]
users: [{name: a, user: {token: token-of-one}}]
)";
  files_["/two/two"] = R"(
current-context: c
clusters: [{name: k, cluster: {server: "https://two"}}, {name: l, cluster: {server: "https://l"}}]
contexts:
- {name: c, context: {cluster: k, user: a}}
- {name: d, context: {cluster: l, user: b}}
users: [{name: a, user: {token: token-of-two}}, {name: b, user: {tokenFile: ../t}}]
)";
  settings_.config_paths = {"/missing", "/one", "/two/two"};
  auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://one");
  EXPECT_EQ(connection->token, "token-of-one");
  EXPECT_EQ(connection->description, "context \"c\" of /two/two, user \"a\" of /one");
  settings_.config_context = "d";
  connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://l");
  EXPECT_EQ(connection->token_file, "/t");
}

TEST_F(ResolveTest, AMissingFileNamesPathArgumentAndVariable) {
  settings_.config_path = "~/nope";
  const auto connection = Run();
  EXPECT_THAT(connection, StatusIs(absl::StatusCode::kFailedPrecondition,
                                   AllOf(HasSubstr("/home/me/nope does not exist"),
                                         HasSubstr("config_path of the provider block"))));
  EXPECT_THAT(connection, StatusIsAt("config_path"));
  EXPECT_THAT(*RemedyOf(connection.status()),
              AllOf(HasSubstr("config_path"), HasSubstr("KUBE_CONFIG_PATH")));

  settings_ = {};
  variables_["KUBE_CONFIG_PATHS"] = "/x:/y";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kFailedPrecondition,
                              HasSubstr("/x, /y does not exist (named by KUBE_CONFIG_PATHS)")));
}

TEST_F(ResolveTest, NoConfigurationNamesEveryPlace) {
  const auto connection = Run();
  EXPECT_THAT(connection,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("config_path"), HasSubstr("host"), HasSubstr("KUBE_HOST"),
                             HasSubstr("KUBE_CONFIG_PATHS"), HasSubstr("KUBECONFIG is not set"),
                             HasSubstr("KUBERNETES_SERVICE_HOST"))));
  EXPECT_THAT(*RemedyOf(connection.status()), HasSubstr("KUBE_CONFIG_PATH"));
  EXPECT_THAT(connection.status().message(), Not(HasSubstr("localhost")));

  files_["/home/me/.kube/config"] = TwoClusters();
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(*RemedyOf(Run().status()), HasSubstr("config_path = \"~/.kube/config\""));

  variables_["KUBECONFIG"] = "/gone";
  EXPECT_THAT(Run().status().message(), HasSubstr("KUBECONFIG (/gone) names no file"));
}

TEST_F(ResolveTest, AnUnknownContextListsThoseThereAre) {
  files_["/k"] = TwoClusters();
  settings_.config_path = "/k";
  settings_.config_context = "prd";
  auto connection = Run();
  EXPECT_THAT(connection,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("/k has no context \"prd\" (named by config_context)"),
                             HasSubstr("\"lab\", \"nobody\", \"prod\""))));
  EXPECT_THAT(connection, StatusIsAt("config_context"));

  settings_.config_context.reset();
  variables_["KUBE_CTX"] = "x";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("named by KUBE_CTX")));

  variables_.erase("KUBE_CTX");
  files_["/k"] = absl::StrReplaceAll(TwoClusters(), {{"current-context: prod", ""}});
  connection = Run();
  EXPECT_THAT(connection, StatusIs(absl::StatusCode::kInvalidArgument,
                                   AllOf(HasSubstr("no current-context"), HasSubstr("\"prod\""))));
  EXPECT_THAT(connection, StatusIsAt("config_path"));
}

TEST_F(ResolveTest, AContextThatPointsNowhereListsWhatThereIs) {
  files_["/k"] = TwoClusters();
  settings_.config_path = "/k";
  settings_.config_context = "broken-user";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument,
                              AllOf(HasSubstr("user \"gone\""), HasSubstr("\"ci\", \"empty\""))));
  settings_.config_context = "broken-cluster";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument,
                              AllOf(HasSubstr("cluster \"gone\""), HasSubstr("\"lab-cluster\""))));
}

TEST_F(ResolveTest, WhatIsNoKubeconfigIsSaidWithItsLine) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"just text", "/k:1: this is no kubeconfig"},
      {"- a\n- b\n", "/k:1: this is no kubeconfig"},
      {"kind: Deployment\nclusters: []\n", "its kind is Deployment, not Config"},
      {"foo: bar\n", "has no clusters, users or contexts"},
      {"clusters:\n  a: b\n", "/k:2: \"clusters\" must be a list"},
      {"clusters: []\ncontexts:\n- name: [x]\n", "/k:3: \"name\" must be text"},
      {"clusters:\n- cluster: {server: x}\n", "/k:2: an entry of \"clusters\" has no name"},
      {"clusters:\n- name: a\n  cluster:\n    insecure-skip-tls-verify: maybe\n",
       "/k:4: \"insecure-skip-tls-verify\" must be true or false"},
      {"clusters: [\n", "/k:2:1: this is no YAML"},
      {"a: b: c\n", "this is no YAML"},
      {"users:\n- name: a\n  user:\n    exec: {apiVersion: x}\n",
       "/k:4: \"exec\" has no \"command\""},
  };
  settings_.config_path = "/k";
  for (const Case& c : cases) {
    files_["/k"] = c.text;
    EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)))
        << c.text;
  }
}

TEST_F(ResolveTest, AnEmptyFileHasNoContexts) {
  files_["/k"] = "# nothing yet\n";
  settings_.config_path = "/k";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("contexts: none")));
}

TEST_F(ResolveTest, JsonIsAKubeconfigToo) {
  files_["/k"] =
      R"({"current-context":"c","clusters":[{"name":"k","cluster":{"server":"https://j"}}],
    "contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
    "users":[{"name":"u","user":{"username":"me","password":"geheimnis"}}]})";
  settings_.config_path = "/k";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->username, "me");
  EXPECT_EQ(Redact("x geheimnis"), "x (redacted)");
}

TEST_F(ResolveTest, CertificatesByFileAndByData) {
  files_["/k/config"] =
      WithUser("    client-certificate: pki/me.crt\n    client-key: /abs/me.key\n");
  files_["/k/pki/me.crt"] = "CERT";
  files_["/abs/me.key"] = "KEY";
  settings_.config_path = "/k/config";
  auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->tls.client_cert_pem, "CERT");
  EXPECT_EQ(connection->tls.client_key_pem, "KEY");

  // Data wins over the file.
  files_["/k/config"] = WithUser(
      "    client-certificate: pki/me.crt\n    client-certificate-data: REFUQQ==\n"
      "    client-key-data: S0RBVEE=\n");
  connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->tls.client_cert_pem, "DATA");
  EXPECT_EQ(connection->tls.client_key_pem, "KDATA");
}

TEST_F(ResolveTest, BadCertificateFieldsNameFileUserAndField) {
  settings_.config_path = "/k/config";
  files_["/k/config"] = WithUser("    client-certificate: pki/gone.crt\n    client-key: x\n");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kFailedPrecondition,
                              AllOf(HasSubstr("user \"u\""), HasSubstr("/k/config"),
                                    HasSubstr("client-certificate: /k/pki/gone.crt"))));
  files_["/k/config"] = WithUser("    client-key-data: \"!!!\"\n");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument,
                              HasSubstr("/k/config: client-key-data is no base64")));
  files_["/k/config"] = WithUser("    client-key-data: S0RBVEE=\n");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument,
                              HasSubstr("client-certificate is missing")));
}

TEST_F(ResolveTest, ExecPluginsWithTheirClusterInfo) {
  files_["/k/config"] = R"(
current-context: c
clusters:
- name: k
  cluster:
    server: https://k
    extensions:
    - name: other
      extension: {a: b}
    - name: client.authentication.k8s.io/exec
      extension: {audience: "7", depth: 7, on: true, list: [1.5, null, x]}
contexts: [{name: c, context: {cluster: k, user: u}}]
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/plugin
      args: [get-token, --id, "0012"]
      env: [{name: PROFILE, value: prod}]
      provideClusterInfo: true
      interactiveMode: IfAvailable
      installHint: Get it there.
)";
  settings_.config_path = "/k/config";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  ASSERT_TRUE(connection->exec.has_value());
  EXPECT_EQ(connection->exec->command, "/k/bin/plugin");
  EXPECT_THAT(connection->exec->args, ElementsAre("get-token", "--id", "0012"));
  EXPECT_THAT(connection->exec->env, ElementsAre(Pair("PROFILE", "prod")));
  EXPECT_TRUE(connection->exec->provide_cluster_info);
  EXPECT_EQ(connection->exec->install_hint, "Get it there.");
  EXPECT_EQ(nlohmann::json::parse(connection->exec->cluster_config),
            nlohmann::json::parse(R"({"audience":"7","depth":7,"on":true,"list":[1.5,null,"x"]})"));
}

TEST_F(ResolveTest, AliasesCannotFillTheMemory) {
  std::string extension = "{a0: &a0 [x, x]";
  for (int i = 1; i < 60; ++i) {
    absl::StrAppend(&extension, ", a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]");
  }
  files_["/k"] = absl::StrCat(
      "clusters: [{name: k, cluster: {server: 'https://k', extensions: [{name: "
      "client.authentication.k8s.io/exec, extension: ",
      extension, "}}]}}]\n");
  settings_.config_path = "/k";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too large")));
}

TEST_F(ResolveTest, ExecPluginsThatCannotWorkAreRefused) {
  settings_.config_path = "/k/config";
  files_["/k/config"] =
      WithUser("    exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: aws}\n");
  const auto old = Run();
  EXPECT_THAT(old, StatusIs(absl::StatusCode::kInvalidArgument,
                            AllOf(HasSubstr("v1alpha1"), HasSubstr("user \"u\""))));
  EXPECT_THAT(*RemedyOf(old.status()), HasSubstr("update-kubeconfig"));
  files_["/k/config"] = WithUser(
      "    exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
      "interactiveMode: Always}\n");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("wants a terminal")));
}

TEST_F(ResolveTest, LegacyAuthProvidersAreExplained) {
  settings_.config_path = "/k/config";
  files_["/k/config"] = WithUser("    auth-provider: {name: gcp, config: {}}\n");
  const auto connection = Run();
  EXPECT_THAT(connection, StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("the auth-provider \"gcp\", which is not supported")));
  EXPECT_THAT(*RemedyOf(connection.status()), HasSubstr("gke-gcloud-auth-plugin"));
}

TEST_F(ResolveTest, ImpersonationIsRead) {
  settings_.config_path = "/k/config";
  files_["/k/config"] = WithUser(
      "    token: abcdefgh\n    as: jane\n    as-uid: \"7\"\n    as-groups: [a, b]\n"
      "    as-user-extra: {scopes: [x, y]}\n");
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->impersonation.user, "jane");
  EXPECT_EQ(connection->impersonation.uid, "7");
  EXPECT_THAT(connection->impersonation.groups, ElementsAre("a", "b"));
  EXPECT_THAT(connection->impersonation.extra, ElementsAre(Pair("scopes", ElementsAre("x", "y"))));
}

TEST_F(ResolveTest, ATokenAndAUsernameExcludeEachOther) {
  settings_.config_path = "/k/config";
  files_["/k/config"] = WithUser("    token: abcdefgh\n    username: me\n    password: p\n");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("both a token and")));
}

TEST_F(ResolveTest, AClusterWithCaAndInsecureIsRefused) {
  files_["/k"] = absl::StrReplaceAll(
      TwoClusters(),
      {{"    insecure-skip-tls-verify: true\n",
        "    insecure-skip-tls-verify: true\n    certificate-authority-data: QQ==\n"}});
  settings_.config_path = "/k";
  settings_.config_context = "lab";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has both")));
}

// The provider block over a kubeconfig.

TEST_F(ResolveTest, ArgumentsWinOverTheKubeconfig) {
  files_["/k"] = TwoClusters();
  settings_ = {.config_path = "/k",
               .host = "tunnel.example:7443",
               .token = "block-token",
               .proxy_url = "http://other:1",
               .tls_server_name = "prod.example"};
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://tunnel.example:7443");
  EXPECT_EQ(connection->token, "block-token");
  EXPECT_EQ(connection->tls.ca_pem, kPem);  // still the kubeconfig's
  EXPECT_EQ(connection->tls.server_name, "prod.example");
  EXPECT_EQ(connection->proxy_url, "http://other:1");
  EXPECT_EQ(connection->description,
            "host of the provider block with context \"prod\", token of the provider block");
}

TEST_F(ResolveTest, CredentialsAreNotMixed) {
  files_["/k"] = WithUser(
      "    client-certificate-data: REFUQQ==\n    client-key-data: S0RBVEE=\n"
      "    as: jane\n");
  settings_.config_path = "/k";
  settings_.token = "block-token";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->token, "block-token");
  EXPECT_THAT(connection->tls.client_cert_pem, IsEmpty());
  EXPECT_THAT(connection->impersonation.user, IsEmpty());
}

TEST_F(ResolveTest, InsecureDropsTheKubeconfigsCa) {
  files_["/k"] = TwoClusters();
  settings_.config_path = "/k";
  settings_.insecure = true;
  auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_TRUE(connection->tls.insecure);
  EXPECT_THAT(connection->tls.ca_pem, IsEmpty());

  settings_.config_context = "lab";
  settings_.insecure = false;
  EXPECT_FALSE(Run()->tls.insecure);
}

TEST_F(ResolveTest, VariablesFillWhatTheKubeconfigLeavesOpen) {
  files_["/k"] = WithUser("    {}\n");
  settings_.config_path = "/k";
  variables_["KUBE_TOKEN"] = "env-token";
  variables_["KUBE_CLUSTER_CA_CERT_DATA"] = kPem;
  variables_["KUBE_PROXY_URL"] = "http://env-proxy:1";
  variables_["KUBE_TLS_SERVER_NAME"] = "env-name";
  auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->token, "env-token");
  EXPECT_EQ(connection->tls.ca_pem, kPem);
  EXPECT_EQ(connection->tls.ca_source, "KUBE_CLUSTER_CA_CERT_DATA");
  EXPECT_EQ(connection->proxy_url, "http://env-proxy:1");
  EXPECT_EQ(connection->tls.server_name, "env-name");
  EXPECT_EQ(connection->description, "context \"c\" of /k, KUBE_TOKEN");

  // But they do not replace what it says: it is about one cluster, they may be about another.
  files_["/k"] = TwoClusters();
  variables_["KUBE_INSECURE"] = "true";
  connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->token, "prod-token-1");
  EXPECT_FALSE(connection->tls.insecure);
}

TEST_F(ResolveTest, HostAloneDoesNotReadForeignKubeconfigs) {
  files_["/k"] = TwoClusters();
  variables_["KUBECONFIG"] = "/k";
  variables_["KUBE_CONFIG_PATH"] = "/k";
  settings_.host = "https://h.example";
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_THAT(connection->token, IsEmpty());
  EXPECT_THAT(connection->tls.ca_pem, IsEmpty());
  EXPECT_EQ(connection->description, "host of the provider block, without credentials");
}

TEST_F(ResolveTest, KubeHostTakesTheRestFromKubeConfigPathButNotFromKubeconfig) {
  files_["/k"] = TwoClusters();
  variables_["KUBE_HOST"] = "https://h.example";
  variables_["KUBECONFIG"] = "/k";
  EXPECT_THAT(Run()->token, IsEmpty());
  variables_["KUBE_CONFIG_PATH"] = "/k";
  EXPECT_EQ(Run()->token, "prod-token-1");
  EXPECT_EQ(Run()->server, "https://h.example");
  EXPECT_EQ(Run()->description, "KUBE_HOST with context \"prod\", user \"ci\" of /k");
}

TEST_F(ResolveTest, KubeClientCertificateVariablesGoTogether) {
  settings_.host = "https://h";
  variables_["KUBE_CLIENT_CERT_DATA"] = kPem;
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument,
                              HasSubstr("KUBE_CLIENT_KEY_DATA is not set")));
  variables_["KUBE_CLIENT_KEY_DATA"] =
      "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";
  EXPECT_EQ(Run()->tls.client_cert_pem, kPem);
}

TEST_F(ResolveTest, PemMayComeAsBase64ButNotAsAPath) {
  settings_.host = "https://h";
  settings_.cluster_ca_certificate = absl::Base64Escape(kPem);
  EXPECT_EQ(Run()->tls.ca_pem, kPem);
  settings_.cluster_ca_certificate = "/etc/kubernetes/pki/ca.crt";
  const auto connection = Run();
  EXPECT_THAT(connection, StatusIs(absl::StatusCode::kInvalidArgument,
                                   "cluster_ca_certificate holds no PEM text"));
  EXPECT_THAT(connection, StatusIsAt("cluster_ca_certificate"));
  EXPECT_THAT(*RemedyOf(connection.status()), HasSubstr("file(\"...\")"));
}

TEST_F(ResolveTest, ContradictionsNameTheArgument) {
  struct Case {
    ConnectionSettings settings;
    const char* at;
  };
  const ExecConfig plugin{.api_version = "client.authentication.k8s.io/v1", .command = "x"};
  const Case cases[] = {
      {{.config_path = "/a", .config_paths = {"/b"}}, "config_paths"},
      {{.host = "https://h", .in_cluster = true}, "in_cluster"},
      {{.config_path = "/a", .in_cluster = true}, "in_cluster"},
      {{.host = "https://h", .token = "t", .token_file = "/t"}, "token_file"},
      {{.host = "https://h", .client_certificate = kPem}, "client_certificate"},
      {{.host = "https://h", .client_key = kPem}, "client_key"},
      {{.host = "https://h", .cluster_ca_certificate = kPem, .insecure = true}, "insecure"},
      {{.host = "https://h", .token = "t", .exec = plugin}, "exec"},
      {{.host = "https://h", .exec = ExecConfig{.api_version = "v1", .command = "x"}}, "exec"},
      {{.config_context = "prod", .host = "https://h"}, "config_context"},
      {{.host = "ftp://h"}, "host"},
      {{.host = "https://me:pw@h"}, "host"},
      {{.host = "https://h?x=1"}, "host"},
      {{.host = "https://h:port"}, "host"},
      {{.host = "https://h", .proxy_url = "not a url"}, "proxy_url"},
      {{.host = "https://h", .proxy_url = "ftp://proxy"}, "proxy_url"},
      {{.host = "https://h", .proxy_url = "socks5://"}, "proxy_url"},
  };
  for (const Case& c : cases) {
    settings_ = c.settings;
    const auto connection = Run();
    EXPECT_THAT(connection, StatusIs(absl::StatusCode::kInvalidArgument)) << c.at;
    EXPECT_THAT(connection, StatusIsAt(c.at));
  }
}

TEST_F(ResolveTest, ProxiesAreThoseOfCurl) {
  settings_.host = "https://h";
  for (const char* proxy : {"http://proxy:3128", "https://me:pw@proxy", "socks5://127.0.0.1:1080",
                            "socks5h://proxy", "proxy:3128"}) {
    settings_.proxy_url = proxy;
    EXPECT_EQ(Run()->proxy_url, proxy);
  }
  settings_.proxy_url.reset();
  variables_["KUBE_PROXY_URL"] = "a proxy";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("KUBE_PROXY_URL")));
}

TEST_F(ResolveTest, KubeInsecureIsABool) {
  settings_.host = "https://h";
  variables_["KUBE_INSECURE"] = "TRUE";
  EXPECT_TRUE(Run()->tls.insecure);
  variables_["KUBE_INSECURE"] = "0";
  EXPECT_FALSE(Run()->tls.insecure);
  variables_["KUBE_INSECURE"] = "yes please";
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("KUBE_INSECURE")));
}

// In a pod.

TEST_F(ResolveTest, InClusterReadsTheServiceAccount) {
  InPod();
  settings_.in_cluster = true;
  const auto connection = Run();
  ASSERT_THAT(connection, IsOk());
  EXPECT_EQ(connection->server, "https://10.96.0.1:443");
  EXPECT_EQ(connection->token_file, absl::StrCat(kPod, "token"));
  EXPECT_EQ(connection->tls.ca_pem, kPem);
  EXPECT_EQ(connection->default_namespace, "team-a");
  EXPECT_EQ(connection->description, "the pod this runs in, its service account");
}

TEST_F(ResolveTest, InClusterBracketsIpv6) {
  InPod();
  variables_["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(Run()->server, "https://[fd00::1]:443");
}

TEST_F(ResolveTest, InClusterOutsideAPodSaysWhatIsMissing) {
  settings_.in_cluster = true;
  EXPECT_THAT(
      Run(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("KUBERNETES_SERVICE_HOST")));
  EXPECT_THAT(Run(), StatusIsAt("in_cluster"));
  InPod();
  files_.erase(absl::StrCat(kPod, "token"));
  EXPECT_THAT(Run(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("serviceaccount/token")));
}

TEST_F(ResolveTest, InClusterFalseSwitchesTheFallbackOff) {
  InPod();
  settings_.in_cluster = false;
  EXPECT_THAT(Run(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in_cluster = false")));
}

TEST_F(ResolveTest, SecretsAreRedactedFromNowOn) {
  files_["/k"] = absl::StrReplaceAll(TwoClusters(), {{"prod-token-1", "prod-token-unique"}});
  settings_.config_path = "/k";
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(Redact("the prod-token-unique"), "the (redacted)");
}

TEST(EnvironmentTest, RealOneReadsFilesAndTellsMissingOnes) {
  const Environment environment = Environment::Real();
  EXPECT_THAT(environment.read_file("/nonexistent/file"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/file: No such file")));
  EXPECT_THAT(environment.read_file("/"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(environment.variable("CHARON_TEST_NOT_SET"), std::nullopt);
}

}  // namespace
}  // namespace charon::kubernetes
