#include "provider/clients/kubernetes/connection_draft.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"

namespace charon::kubernetes {
namespace {

// Where a pod finds its service account (Kubernetes documentation, "Accessing the API from a Pod").
constexpr char kPodToken[] = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr char kPodCa[] = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
constexpr char kPodNamespace[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

// The text of `file`, or what `data` encodes, which wins. "" if both are empty.
absl::StatusOr<std::string> FileOrData(const std::string& file, const std::string& data,
                                       absl::string_view what, const std::string& kubeconfig,
                                       const Environment& environment) {
  if (!data.empty()) {
    std::string decoded;
    if (absl::Base64Unescape(data, &decoded)) return decoded;
    return absl::InvalidArgumentError(absl::StrCat(kubeconfig, ": ", what, "-data is no base64"));
  }
  if (file.empty()) return "";
  absl::StatusOr<std::string> text = environment.read_file(file);
  if (text.ok()) return text;
  return Annotate(text.status(), absl::StrCat(kubeconfig, ": ", what));
}

template <typename Map>
std::string NamesOf(const Map& map) {
  if (map.empty()) return "none";
  return absl::StrJoin(map, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, "\"", entry.first, "\"");
  });
}

bool HasCredentials(const KubeconfigUser& user) {
  return !user.client_certificate_file.empty() || !user.client_certificate_data.empty() ||
         !user.token.empty() || !user.token_file.empty() || !user.username.empty() ||
         user.exec.has_value();
}

absl::Status LegacyProvider(const std::string& name, const KubeconfigUser& user) {
  absl::string_view remedy = "Use an exec plugin, a token or a client certificate instead.";
  if (name == "gcp") {
    remedy = "Install gke-gcloud-auth-plugin and run: gcloud container clusters get-credentials.";
  } else if (name == "azure") {
    remedy = "Install kubelogin and run: kubelogin convert-kubeconfig.";
  } else if (name == "oidc") {
    remedy = "Use an exec plugin for OpenID Connect, such as kubelogin (kubectl oidc-login).";
  }
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                        user.file, ": it authenticates by the auth-provider \"", name,
                        "\", which is not supported (kubectl dropped gcp and azure with 1.26)")),
                    remedy);
}

absl::Status FillUser(const KubeconfigUser& user, const Environment& environment,
                      Connection& connection) {
  if (!user.auth_provider.empty() && !HasCredentials(user)) {
    return LegacyProvider(user.auth_provider, user);
  }
  CHARON_ASSIGN_OR_RETURN(connection.tls.client_cert_pem,
                          FileOrData(user.client_certificate_file, user.client_certificate_data,
                                     "client-certificate", user.file, environment));
  CHARON_ASSIGN_OR_RETURN(
      connection.tls.client_key_pem,
      FileOrData(user.client_key_file, user.client_key_data, "client-key", user.file, environment));
  if (connection.tls.client_cert_pem.empty() != connection.tls.client_key_pem.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(user.file, ": client-certificate and client-key go together, and ",
                     connection.tls.client_cert_pem.empty() ? "client-certificate" : "client-key",
                     " is missing"));
  }
  connection.token = user.token;
  connection.token_file = user.token_file;
  connection.username = user.username;
  connection.password = user.password;
  connection.exec = user.exec;
  connection.impersonation = user.impersonation;
  if (!user.username.empty() && (!user.token.empty() || !user.token_file.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat(user.file, ": it has both a token and a username; kubectl accepts one"));
  }
  if (user.exec.has_value()) {
    CHARON_RETURN_IF_ERROR(Annotate(CheckExec(*user.exec), user.file));
    if (user.interactive_mode == "Always") {
      return absl::InvalidArgumentError(
          absl::StrCat(user.file, ": the exec plugin ", user.exec->command,
                       " wants a terminal (interactiveMode: Always), which a provider has not"));
    }
  }
  return absl::OkStatus();
}

absl::Status FillCluster(const std::string& name, const KubeconfigCluster& cluster,
                         const Environment& environment, Connection& connection) {
  connection.server = cluster.server;
  CHARON_ASSIGN_OR_RETURN(connection.tls.ca_pem,
                          FileOrData(cluster.ca_file, cluster.ca_data, "certificate-authority",
                                     cluster.file, environment));
  connection.tls.ca_source =
      cluster.ca_data.empty() && !cluster.ca_file.empty()
          ? cluster.ca_file
          : absl::StrCat("certificate-authority-data of cluster \"", name, "\" in ", cluster.file);
  connection.tls.server_name = cluster.tls_server_name;
  connection.tls.insecure = cluster.insecure;
  connection.proxy_url = cluster.proxy_url;
  if (cluster.insecure && !connection.tls.ca_pem.empty()) {
    // As kubectl: which of the two is meant cannot be known.
    return absl::InvalidArgumentError(
        absl::StrCat(cluster.file, ": cluster \"", name,
                     "\" has both a certificate-authority and insecure-skip-tls-verify"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Source::Blame(absl::Status status) const {
  return is_argument ? At(Path(name), std::move(status)) : status;
}

Source Argument(const char* name) { return {.name = name, .is_argument = true}; }

Source FromVariable(const char* name) { return {.name = name, .is_argument = false}; }

std::optional<std::string> VariableOf(const Environment& environment, const char* name) {
  std::optional<std::string> value = environment.variable(name);
  if (value.has_value() && value->empty()) value.reset();
  return value;
}

std::string ExpandHome(const std::string& path, const Environment& environment) {
  if (path != "~" && !absl::StartsWith(path, "~/")) return path;
  const std::optional<std::string> home = VariableOf(environment, "HOME");
  return home.has_value() ? absl::StrCat(*home, path.substr(1)) : path;
}

absl::Status CheckExec(const ExecConfig& exec) {
  constexpr absl::string_view kGroup = "client.authentication.k8s.io/";
  if (exec.api_version == absl::StrCat(kGroup, "v1") ||
      exec.api_version == absl::StrCat(kGroup, "v1beta1")) {
    return exec.command.empty() ? absl::InvalidArgumentError("exec names no command")
                                : absl::OkStatus();
  }
  return WithRemedy(
      absl::InvalidArgumentError(absl::StrCat("exec has the API version \"", exec.api_version,
                                              "\"; supported are ", kGroup, "v1 and ", kGroup,
                                              "v1beta1")),
      "v1alpha1 was dropped with Kubernetes 1.24: have the kubeconfig written anew by the tool "
      "that "
      "made it (aws eks update-kubeconfig, gcloud container clusters get-credentials, ...).");
}

absl::StatusOr<Loaded> Load(const std::vector<std::string>& paths, const Source& source,
                            const Environment& environment) {
  Loaded loaded{.config = {}, .files = {}, .source = source};
  std::vector<std::string> missing;
  for (const std::string& given : paths) {
    if (given.empty()) continue;
    const std::string path = ExpandHome(given, environment);
    absl::StatusOr<std::string> text = environment.read_file(path);
    if (absl::IsNotFound(text.status())) {
      missing.push_back(path);
      continue;
    }
    if (!text.ok()) return source.Blame(Annotate(text.status(), "reading the kubeconfig"));
    absl::StatusOr<Kubeconfig> config = ParseKubeconfig(*text, path);
    if (!config.ok()) return source.Blame(std::move(config).status());
    loaded.config.MergeFrom(*std::move(config));
    loaded.files.push_back(path);
  }
  if (!loaded.files.empty()) return loaded;
  return source.Blame(WithRemedy(
      absl::NotFoundError(absl::StrCat("the kubeconfig ", absl::StrJoin(missing, ", "),
                                       " does not exist (named by ", source.name,
                                       source.is_argument ? " of the provider block)" : ")")),
      "Create the file, or name another one: config_path in the provider's kubernetes block, or "
      "the "
      "environment variable KUBE_CONFIG_PATH."));
}

absl::StatusOr<Draft> FromKubeconfig(const Loaded& loaded,
                                     const std::optional<std::pair<std::string, Source>>& wanted,
                                     bool needs_server, const Environment& environment) {
  const std::string files = absl::StrJoin(loaded.files, ", ");
  const Kubeconfig& config = loaded.config;
  const std::string context_name = wanted.has_value() ? wanted->first : config.current_context;
  if (context_name.empty()) {
    return loaded.source.Blame(WithRemedy(
        absl::InvalidArgumentError(
            absl::StrCat("the kubeconfig ", files,
                         " has no current-context; its contexts: ", NamesOf(config.contexts))),
        "Set config_context in the provider's kubernetes block, or the environment variable "
        "KUBE_CTX."));
  }
  const auto context = config.contexts.find(context_name);
  if (context == config.contexts.end()) {
    const Source& source = wanted.has_value() ? wanted->second : loaded.source;
    const std::string who = wanted.has_value() ? source.name : std::string("current-context");
    return source.Blame(WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("the kubeconfig ", files, " has no context \"",
                                                context_name, "\" (named by ", who,
                                                "); its contexts: ", NamesOf(config.contexts))),
        "Correct config_context in the provider's kubernetes block, or the environment variable "
        "KUBE_CTX."));
  }
  const KubeconfigContext& chosen = context->second;
  Draft draft;
  draft.from_kubeconfig = true;
  draft.server_source = loaded.source;
  draft.place = absl::StrCat("context \"", context_name, "\"");
  draft.connection.default_namespace = chosen.name_space;

  const auto cluster = config.clusters.find(chosen.cluster);
  if (cluster != config.clusters.end()) {
    absl::Status filled =
        FillCluster(cluster->first, cluster->second, environment, draft.connection);
    if (!filled.ok()) return loaded.source.Blame(std::move(filled));
  }
  if (draft.connection.server.empty() && needs_server) {
    return loaded.source.Blame(absl::InvalidArgumentError(
        cluster == config.clusters.end()
            ? absl::StrCat(chosen.file, ": context \"", context_name, "\" names the cluster \"",
                           chosen.cluster,
                           "\", which is not there; its clusters: ", NamesOf(config.clusters))
            : absl::StrCat(cluster->second.file, ": cluster \"", chosen.cluster,
                           "\" has no server")));
  }
  std::string file = chosen.file;
  if (!chosen.user.empty()) {
    const auto user = config.users.find(chosen.user);
    if (user == config.users.end()) {
      return loaded.source.Blame(absl::InvalidArgumentError(
          absl::StrCat(chosen.file, ": context \"", context_name, "\" names the user \"",
                       chosen.user, "\", which is not there; its users: ", NamesOf(config.users))));
    }
    absl::Status filled = Annotate(FillUser(user->second, environment, draft.connection),
                                   absl::StrCat("user \"", chosen.user, "\""));
    if (!filled.ok()) return loaded.source.Blame(std::move(filled));
    if (draft.connection.exec.has_value() && cluster != config.clusters.end()) {
      draft.connection.exec->cluster_config = cluster->second.exec_config;
    }
    file = user->second.file;
    if (HasCredentials(user->second)) {
      draft.user = absl::StrCat("user \"", chosen.user, "\" of ", file);
    }
  }
  // Named once if both are in the same file, as they nearly always are.
  if (draft.user.empty() || file != chosen.file) absl::StrAppend(&draft.place, " of ", chosen.file);
  return draft;
}

absl::StatusOr<Draft> FromPod(const Environment& environment) {
  const std::optional<std::string> host = VariableOf(environment, "KUBERNETES_SERVICE_HOST");
  const std::optional<std::string> port = VariableOf(environment, "KUBERNETES_SERVICE_PORT");
  if (!host.has_value() || !port.has_value()) {
    return absl::NotFoundError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  }
  if (absl::StatusOr<std::string> token = environment.read_file(kPodToken); !token.ok()) {
    return absl::NotFoundError(absl::StrCat(kPodToken, " cannot be read"));
  }
  Draft draft;
  const bool is_ipv6 = absl::StrContains(*host, ':') && !absl::StartsWith(*host, "[");
  draft.connection.server =
      absl::StrCat("https://", is_ipv6 ? "[" : "", *host, is_ipv6 ? "]" : "", ":", *port);
  draft.connection.token_file = kPodToken;
  if (absl::StatusOr<std::string> ca = environment.read_file(kPodCa); ca.ok()) {
    draft.connection.tls.ca_pem = *std::move(ca);
    draft.connection.tls.ca_source = kPodCa;
  }
  if (absl::StatusOr<std::string> name = environment.read_file(kPodNamespace); name.ok()) {
    draft.connection.default_namespace = std::string(absl::StripAsciiWhitespace(*name));
  }
  draft.place = "the pod this runs in";
  draft.user = "its service account";
  draft.server_source = FromVariable("KUBERNETES_SERVICE_HOST");
  return draft;
}

}  // namespace charon::kubernetes
