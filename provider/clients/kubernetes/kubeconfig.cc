#include "provider/clients/kubernetes/kubeconfig.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/kubeconfig_file.h"
#include "provider/http/url.h"

namespace charon::kubernetes {
namespace {

// Where a pod finds its service account (Kubernetes documentation, "Accessing the API from a Pod").
constexpr char kPodToken[] = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr char kPodCa[] = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
constexpr char kPodNamespace[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

constexpr char kDefaultNamespace[] = "default";

constexpr char kProviderBlock[] = "the provider block";

// Empty texts count as not set: modules pass "" for "none".
void DropEmpty(std::optional<std::string>& text) {
  if (text.has_value() && text->empty()) text.reset();
}

std::optional<std::string> VariableOf(const Environment& environment, const char* name) {
  std::optional<std::string> value = environment.variable(name);
  DropEmpty(value);
  return value;
}

std::string ExpandHome(const std::string& path, const Environment& environment) {
  if (path != "~" && !absl::StartsWith(path, "~/")) return path;
  const std::optional<std::string> home = VariableOf(environment, "HOME");
  return home.has_value() ? absl::StrCat(*home, path.substr(1)) : path;
}

// What argument or variable a value came from, to lead the user there.
struct Source {
  std::string name;        // "config_path", "KUBE_CONFIG_PATH"
  bool is_argument = false;

  absl::Status Blame(absl::Status status) const {
    return is_argument ? At(Path(name), std::move(status)) : status;
  }
};

Source Argument(const char* name) { return {.name = name, .is_argument = true}; }
Source FromVariable(const char* name) { return {.name = name, .is_argument = false}; }

// A PEM text as users give it: PEM, or the base64 of it that a kubeconfig's *-data fields hold.
absl::StatusOr<std::string> PemText(const std::string& text, const Source& source) {
  if (absl::StrContains(text, "-----BEGIN")) return text;
  std::string decoded;
  if (absl::Base64Unescape(text, &decoded) && absl::StrContains(decoded, "-----BEGIN")) {
    return decoded;
  }
  return source.Blame(WithRemedy(
      absl::InvalidArgumentError(absl::StrCat(source.name, " holds no PEM text")),
      absl::StrCat("Set ", source.name, " to the text of a PEM file, which contains \"-----BEGIN\", "
                   "not to its path: ", source.is_argument ? "file(\"...\") reads one."
                                                            : "\"$(cat file)\" reads one.")));
}

// The text of `file`, or what `data` encodes, which wins. "" if both are empty.
absl::StatusOr<std::string> FileOrData(const std::string& file, const std::string& data,
                                       absl::string_view what, const std::string& kubeconfig,
                                       const Environment& environment) {
  if (!data.empty()) {
    std::string decoded;
    if (absl::Base64Unescape(data, &decoded)) return decoded;
    return absl::InvalidArgumentError(
        absl::StrCat(kubeconfig, ": ", what, "-data is no base64"));
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

// A kubeconfig, and what named it.
struct Loaded {
  Kubeconfig config;
  std::vector<std::string> files;  // those that exist
  Source source;
};

// Reads and merges `paths`. NotFound if none of them exists.
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
      "Create the file, or name another one: config_path in the provider's kubernetes block, or the "
      "environment variable KUBE_CONFIG_PATH."));
}

// The parts of a connection that come from one place each, before they are put together.
struct Draft {
  Connection connection;
  std::string place;        // "context \"prod\" of /root/.kube/config"
  std::string user;         // "user \"ci\""; empty: no credentials yet
  Source server_source;
  bool from_kubeconfig = false;
};

bool HasCredentials(const KubeconfigUser& user) {
  return !user.client_certificate_file.empty() || !user.client_certificate_data.empty() ||
         !user.token.empty() || !user.token_file.empty() || !user.username.empty() ||
         user.exec.has_value();
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
      "v1alpha1 was dropped with Kubernetes 1.24: have the kubeconfig written anew by the tool that "
      "made it (aws eks update-kubeconfig, gcloud container clusters get-credentials, ...).");
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
  CHARON_ASSIGN_OR_RETURN(
      connection.tls.client_cert_pem,
      FileOrData(user.client_certificate_file, user.client_certificate_data, "client-certificate",
                 user.file, environment));
  CHARON_ASSIGN_OR_RETURN(connection.tls.client_key_pem,
                          FileOrData(user.client_key_file, user.client_key_data, "client-key",
                                     user.file, environment));
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

// The draft of what `wanted` (else current-context) names. `needs_server` is false if the server is
// given elsewhere.
absl::StatusOr<Draft> FromKubeconfig(const Loaded& loaded,
                                     const std::optional<std::pair<std::string, Source>>& wanted,
                                     bool needs_server, const Environment& environment) {
  const std::string files = absl::StrJoin(loaded.files, ", ");
  const Kubeconfig& config = loaded.config;
  const std::string context_name = wanted.has_value() ? wanted->first : config.current_context;
  if (context_name.empty()) {
    return loaded.source.Blame(WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("the kubeconfig ", files,
                                                " has no current-context; its contexts: ",
                                                NamesOf(config.contexts))),
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
    absl::Status filled = FillCluster(cluster->first, cluster->second, environment,
                                      draft.connection);
    if (!filled.ok()) return loaded.source.Blame(std::move(filled));
  }
  if (draft.connection.server.empty() && needs_server) {
    return loaded.source.Blame(absl::InvalidArgumentError(
        cluster == config.clusters.end()
            ? absl::StrCat(chosen.file, ": context \"", context_name, "\" names the cluster \"",
                           chosen.cluster, "\", which is not there; its clusters: ",
                           NamesOf(config.clusters))
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

// The pod's own service account; nullopt if this is no pod.
absl::StatusOr<std::optional<Draft>> FromPod(const Environment& environment, std::string* missing) {
  const std::optional<std::string> host = VariableOf(environment, "KUBERNETES_SERVICE_HOST");
  const std::optional<std::string> port = VariableOf(environment, "KUBERNETES_SERVICE_PORT");
  if (!host.has_value() || !port.has_value()) {
    *missing = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set";
    return std::nullopt;
  }
  if (absl::StatusOr<std::string> token = environment.read_file(kPodToken); !token.ok()) {
    *missing = absl::StrCat(kPodToken, " cannot be read");
    return std::nullopt;
  }
  Draft draft;
  const bool is_ipv6 = absl::StrContains(*host, ':') && !absl::StartsWith(*host, "[");
  draft.connection.server = absl::StrCat("https://", is_ipv6 ? "[" : "", *host, is_ipv6 ? "]" : "",
                                         ":", *port);
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

absl::Status NothingConfigured(const Environment& environment, const std::string& pod_missing) {
  std::string remedy =
      "Set config_path (or host with token or a client certificate) in the provider's kubernetes "
      "block, or the environment variable KUBE_CONFIG_PATH.";
  // kubectl would have taken it; Terraform's providers do not, so that a plan does not depend on
  // what happens to lie in a home folder.
  const std::string usual = ExpandHome("~/.kube/config", environment);
  if (environment.read_file(usual).ok()) {
    remedy = absl::StrCat("There is a kubeconfig at ", usual,
                          ". To use it, set config_path = \"~/.kube/config\" in the provider's "
                          "kubernetes block, or the environment variable KUBE_CONFIG_PATH.");
  }
  std::string kubeconfig = "KUBECONFIG is not set";
  if (const auto value = VariableOf(environment, "KUBECONFIG")) {
    kubeconfig = absl::StrCat("KUBECONFIG (", *value, ") names no file that exists");
  }
  return WithRemedy(
      absl::NotFoundError(absl::StrCat(
          "no Kubernetes cluster is configured. Looked at: config_path, config_paths and host in the "
          "provider's kubernetes block; the environment variables KUBE_HOST, KUBE_CONFIG_PATH and "
          "KUBE_CONFIG_PATHS, which are not set; ",
          kubeconfig, "; in-cluster: ", pod_missing)),
      remedy);
}

absl::Status CheckSettings(const ConnectionSettings& settings) {
  const bool has_files = settings.config_path.has_value() || !settings.config_paths.empty();
  if (settings.config_path.has_value() && !settings.config_paths.empty()) {
    return At("config_paths",
              absl::InvalidArgumentError("config_path and config_paths exclude each other"));
  }
  if (settings.in_cluster == true && (has_files || settings.host.has_value())) {
    return At("in_cluster", absl::InvalidArgumentError(
                                "in_cluster = true and host, config_path or config_paths exclude "
                                "each other"));
  }
  if (settings.token.has_value() && settings.token_file.has_value()) {
    return At("token_file", absl::InvalidArgumentError("token and token_file exclude each other"));
  }
  if (settings.client_certificate.has_value() != settings.client_key.has_value()) {
    const char* missing = settings.client_key.has_value() ? "client_certificate" : "client_key";
    return At(settings.client_key.has_value() ? "client_key" : "client_certificate",
              absl::InvalidArgumentError(absl::StrCat(
                  "client_certificate and client_key go together, and ", missing, " is not set")));
  }
  if (settings.insecure == true && settings.cluster_ca_certificate.has_value()) {
    return At("insecure",
              absl::InvalidArgumentError(
                  "insecure = true switches off what cluster_ca_certificate is for; set one"));
  }
  if (settings.exec.has_value()) {
    if (settings.token.has_value() || settings.token_file.has_value()) {
      return At("exec", absl::InvalidArgumentError("exec and token or token_file exclude each other"));
    }
    CHARON_RETURN_IF_ERROR(At("exec", CheckExec(*settings.exec)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<bool>> BoolVariable(const Environment& environment, const char* name) {
  const std::optional<std::string> text = VariableOf(environment, name);
  if (!text.has_value()) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(*text);
  if (lower == "true" || lower == "1" || lower == "t") return true;
  if (lower == "false" || lower == "0" || lower == "f") return false;
  return absl::InvalidArgumentError(
      absl::StrCat("the environment variable ", name, " is \"", *text, "\", not true or false"));
}

std::vector<std::string> SplitPaths(const std::string& list) {
  return absl::StrSplit(list, ':', absl::SkipEmpty());
}

// Puts a connection together. One object a call of Resolve.
class Resolver {
 public:
  Resolver(ConnectionSettings settings, const Environment& environment)
      : settings_(std::move(settings)), environment_(environment) {
    for (std::optional<std::string>* text :
         {&settings_.config_path, &settings_.config_context, &settings_.host, &settings_.token,
          &settings_.token_file, &settings_.client_certificate, &settings_.client_key,
          &settings_.cluster_ca_certificate, &settings_.proxy_url, &settings_.tls_server_name}) {
      DropEmpty(*text);
    }
    std::erase(settings_.config_paths, "");
  }

  absl::StatusOr<Connection> Run() {
    CHARON_RETURN_IF_ERROR(CheckSettings(settings_));
    CHARON_ASSIGN_OR_RETURN(draft_, Base());
    if (settings_.config_context.has_value() && !draft_.from_kubeconfig) {
      return At("config_context",
                absl::InvalidArgumentError(absl::StrCat(
                    "config_context chooses a context of a kubeconfig, but the cluster is that of ",
                    draft_.place)));
    }
    CHARON_RETURN_IF_ERROR(SettleServer());
    CHARON_RETURN_IF_ERROR(SettleTls());
    CHARON_RETURN_IF_ERROR(SettleCredentials());
    Connection& connection = draft_.connection;
    if (settings_.proxy_url.has_value()) {
      connection.proxy_url = *settings_.proxy_url;
    } else if (connection.proxy_url.empty()) {
      connection.proxy_url = VariableOf(environment_, "KUBE_PROXY_URL").value_or("");
    }
    if (connection.default_namespace.empty()) connection.default_namespace = kDefaultNamespace;
    for (const std::string& secret :
         {connection.token, connection.password, connection.tls.client_key_pem}) {
      RegisterSecret(secret);
    }
    connection.description =
        absl::StrCat(draft_.place, draft_.user.empty() ? ", without credentials" : ", ",
                     draft_.user);
    return connection;
  }

 private:
  std::optional<std::pair<std::string, Source>> WantedContext() const {
    if (settings_.config_context.has_value()) {
      return std::pair(*settings_.config_context, Argument("config_context"));
    }
    if (const auto variable = VariableOf(environment_, "KUBE_CTX")) {
      return std::pair(*variable, FromVariable("KUBE_CTX"));
    }
    return std::nullopt;
  }

  absl::StatusOr<Draft> FromFiles(const std::vector<std::string>& paths, const Source& source,
                                  bool needs_server) {
    CHARON_ASSIGN_OR_RETURN(const Loaded loaded, Load(paths, source, environment_));
    return FromKubeconfig(loaded, WantedContext(), needs_server, environment_);
  }

  // The files that KUBE_CONFIG_PATH or KUBE_CONFIG_PATHS name, if one of them is set.
  std::optional<std::pair<std::vector<std::string>, Source>> VariableFiles() const {
    if (const auto path = VariableOf(environment_, "KUBE_CONFIG_PATH")) {
      return std::pair(std::vector{*path}, FromVariable("KUBE_CONFIG_PATH"));
    }
    if (const auto paths = VariableOf(environment_, "KUBE_CONFIG_PATHS")) {
      return std::pair(SplitPaths(*paths), FromVariable("KUBE_CONFIG_PATHS"));
    }
    return std::nullopt;
  }

  // The place that names the server, with everything it says.
  absl::StatusOr<Draft> Base() {
    std::string pod_missing;
    if (settings_.in_cluster == true) {
      CHARON_ASSIGN_OR_RETURN(std::optional<Draft> pod, FromPod(environment_, &pod_missing));
      if (pod.has_value()) return *std::move(pod);
      return At("in_cluster",
                absl::NotFoundError(absl::StrCat(
                    "in_cluster = true, but this does not run in a pod with a service account: ",
                    pod_missing)));
    }
    if (settings_.config_path.has_value()) {
      return FromFiles({*settings_.config_path}, Argument("config_path"),
                       !settings_.host.has_value());
    }
    if (!settings_.config_paths.empty()) {
      return FromFiles(settings_.config_paths, Argument("config_paths"),
                       !settings_.host.has_value());
    }
    if (settings_.host.has_value()) return Draft{};
    const auto files = VariableFiles();
    if (const auto host = VariableOf(environment_, "KUBE_HOST")) {
      Draft draft;
      if (files.has_value()) {
        CHARON_ASSIGN_OR_RETURN(draft, FromFiles(files->first, files->second, false));
      }
      draft.connection.server = *host;
      draft.server_source = FromVariable("KUBE_HOST");
      draft.place = draft.from_kubeconfig ? absl::StrCat("KUBE_HOST with ", draft.place)
                                          : "KUBE_HOST";
      return draft;
    }
    if (files.has_value()) return FromFiles(files->first, files->second, true);
    if (const auto list = VariableOf(environment_, "KUBECONFIG")) {
      absl::StatusOr<Draft> draft = FromFiles(SplitPaths(*list), FromVariable("KUBECONFIG"), true);
      // kubectl goes on to the pod's own account if no file exists.
      if (!absl::IsNotFound(draft.status())) return draft;
    }
    if (settings_.in_cluster == false) {
      pod_missing = "in_cluster = false";
    } else {
      CHARON_ASSIGN_OR_RETURN(std::optional<Draft> pod, FromPod(environment_, &pod_missing));
      if (pod.has_value()) return *std::move(pod);
    }
    return NothingConfigured(environment_, pod_missing);
  }

  absl::Status SettleServer() {
    Connection& connection = draft_.connection;
    if (settings_.host.has_value()) {
      connection.server = *settings_.host;
      draft_.server_source = Argument("host");
      draft_.place = draft_.from_kubeconfig
                         ? absl::StrCat("host of the provider block with ", draft_.place)
                         : "host of the provider block";
    }
    if (!absl::StrContains(connection.server, "://")) {
      connection.server = absl::StrCat("https://", connection.server);
    }
    while (absl::EndsWith(connection.server, "/")) connection.server.pop_back();
    absl::StatusOr<http::UrlParts> parts = http::SplitUrl(connection.server);
    absl::Status bad;
    if (!parts.ok()) {
      bad = parts.status();
    } else if (!parts->userinfo.empty() || absl::StrContains(connection.server, '?') ||
               absl::StrContains(connection.server, '#')) {
      bad = absl::InvalidArgumentError(
          absl::StrCat("\"", http::UrlForLog(connection.server),
                       "\" is no URL of a server: user, query and fragment have no place in it"));
    }
    return draft_.server_source.Blame(
        Annotate(bad, draft_.server_source.is_argument && draft_.server_source.name == "host"
                          ? "host"
                          : absl::string_view(draft_.place)));
  }

  absl::Status SettleTls() {
    http::TlsOptions& tls = draft_.connection.tls;
    // Whether the place of the server says by what to trust it.
    bool settled = tls.insecure || !tls.ca_pem.empty();
    if (settings_.insecure.has_value()) {
      tls.insecure = *settings_.insecure;
      if (tls.insecure) tls.ca_pem.clear();
      settled = settled || tls.insecure;
    }
    if (settings_.cluster_ca_certificate.has_value()) {
      const Source source = Argument("cluster_ca_certificate");
      CHARON_ASSIGN_OR_RETURN(tls.ca_pem, PemText(*settings_.cluster_ca_certificate, source));
      tls.ca_source = source.name;
      tls.insecure = false;
      settled = true;
    }
    if (!settled) {
      if (const auto text = VariableOf(environment_, "KUBE_CLUSTER_CA_CERT_DATA")) {
        const Source source = FromVariable("KUBE_CLUSTER_CA_CERT_DATA");
        CHARON_ASSIGN_OR_RETURN(tls.ca_pem, PemText(*text, source));
        tls.ca_source = source.name;
      }
      if (!settings_.insecure.has_value()) {
        CHARON_ASSIGN_OR_RETURN(const std::optional<bool> insecure,
                                BoolVariable(environment_, "KUBE_INSECURE"));
        tls.insecure = insecure.value_or(false);
        if (tls.insecure && !tls.ca_pem.empty()) {
          return absl::InvalidArgumentError(
              "KUBE_INSECURE switches off what KUBE_CLUSTER_CA_CERT_DATA is for; set one");
        }
      }
    }
    if (settings_.tls_server_name.has_value()) {
      tls.server_name = *settings_.tls_server_name;
    } else if (tls.server_name.empty()) {
      tls.server_name = VariableOf(environment_, "KUBE_TLS_SERVER_NAME").value_or("");
    }
    if (tls.ca_pem.empty()) tls.ca_source.clear();
    return absl::OkStatus();
  }

  // Forgets who we were.
  void ClearCredentials() {
    Connection& connection = draft_.connection;
    connection.tls.client_cert_pem.clear();
    connection.tls.client_key_pem.clear();
    connection.token.clear();
    connection.token_file.clear();
    connection.username.clear();
    connection.password.clear();
    connection.exec.reset();
    connection.impersonation = {};
    draft_.user.clear();
  }

  absl::Status SetCertificate(const std::string& certificate, const Source& certificate_source,
                              const std::string& key, const Source& key_source) {
    http::TlsOptions& tls = draft_.connection.tls;
    CHARON_ASSIGN_OR_RETURN(tls.client_cert_pem, PemText(certificate, certificate_source));
    RegisterSecret(key);
    CHARON_ASSIGN_OR_RETURN(tls.client_key_pem, PemText(key, key_source));
    return absl::OkStatus();
  }

  absl::Status SettleCredentials() {
    Connection& connection = draft_.connection;
    std::vector<std::string> names;
    if (settings_.token.has_value() || settings_.token_file.has_value() ||
        settings_.client_certificate.has_value() || settings_.exec.has_value()) {
      ClearCredentials();
      if (settings_.token.has_value()) {
        connection.token = *settings_.token;
        names.push_back("token");
      }
      if (settings_.token_file.has_value()) {
        connection.token_file = ExpandHome(*settings_.token_file, environment_);
        names.push_back(absl::StrCat("token_file ", connection.token_file));
      }
      if (settings_.client_certificate.has_value()) {
        CHARON_RETURN_IF_ERROR(
            SetCertificate(*settings_.client_certificate, Argument("client_certificate"),
                           *settings_.client_key, Argument("client_key")));
        names.push_back("client_certificate");
      }
      if (settings_.exec.has_value()) {
        connection.exec = settings_.exec;
        names.push_back(absl::StrCat("exec plugin ", connection.exec->command));
      }
      draft_.user = absl::StrCat(absl::StrJoin(names, " and "), " of ", kProviderBlock);
      return absl::OkStatus();
    }
    if (!draft_.user.empty()) return absl::OkStatus();
    if (const auto token = VariableOf(environment_, "KUBE_TOKEN")) {
      connection.token = *token;
      names.push_back("KUBE_TOKEN");
    }
    const auto certificate = VariableOf(environment_, "KUBE_CLIENT_CERT_DATA");
    const auto key = VariableOf(environment_, "KUBE_CLIENT_KEY_DATA");
    if (certificate.has_value() != key.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the environment variables KUBE_CLIENT_CERT_DATA and KUBE_CLIENT_KEY_DATA go together, "
          "and ",
          key.has_value() ? "KUBE_CLIENT_CERT_DATA" : "KUBE_CLIENT_KEY_DATA", " is not set"));
    }
    if (certificate.has_value()) {
      CHARON_RETURN_IF_ERROR(SetCertificate(*certificate, FromVariable("KUBE_CLIENT_CERT_DATA"),
                                            *key, FromVariable("KUBE_CLIENT_KEY_DATA")));
      names.push_back("KUBE_CLIENT_CERT_DATA");
    }
    draft_.user = absl::StrJoin(names, " and ");
    return absl::OkStatus();
  }

  ConnectionSettings settings_;
  const Environment& environment_;
  Draft draft_;
};

}  // namespace

Environment Environment::Real() {
  return {
      .variable = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
      },
      .read_file = [](const std::string& path) -> absl::StatusOr<std::string> {
        std::FILE* file = std::fopen(path.c_str(), "rbe");
        std::string text;
        int error = errno;
        if (file != nullptr) {
          char buffer[16384];
          std::size_t size = 0;
          while ((size = std::fread(buffer, 1, sizeof(buffer), file)) > 0) text.append(buffer, size);
          error = std::ferror(file) != 0 ? errno : 0;
          std::fclose(file);
          if (error == 0) return text;
        }
        const std::string message = absl::StrCat(path, ": ", std::strerror(error));
        if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
        if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
        return absl::InvalidArgumentError(message);
      },
  };
}

absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings,
                                   const Environment& environment) {
  return Resolver(settings, environment).Run();
}

}  // namespace charon::kubernetes
