#include "provider/clients/kubernetes/kubeconfig.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/connection_draft.h"
#include "provider/http/url.h"

namespace charon::kubernetes {
namespace {

constexpr char kDefaultNamespace[] = "default";

constexpr char kProviderBlock[] = "the provider block";

// Empty texts count as not set: modules pass "" for "none".
void DropEmpty(std::optional<std::string>& text) {
  if (text.has_value() && text->empty()) text.reset();
}

// A PEM text as users give it: PEM, or the base64 of it that a kubeconfig's *-data fields hold.
absl::StatusOr<std::string> PemText(const std::string& text, const Source& source) {
  if (absl::StrContains(text, "-----BEGIN")) return text;
  std::string decoded;
  if (absl::Base64Unescape(text, &decoded) && absl::StrContains(decoded, "-----BEGIN")) {
    return decoded;
  }
  return source.Blame(
      WithRemedy(absl::InvalidArgumentError(absl::StrCat(source.name, " holds no PEM text")),
                 absl::StrCat("Set ", source.name,
                              " to the text of a PEM file, which contains \"-----BEGIN\", "
                              "not to its path: ",
                              source.is_argument ? "file(\"...\") reads one."
                                                 : "\"$(cat file)\" reads one.")));
}

absl::Status NothingConfigured(const Environment& environment, absl::string_view pod_missing) {
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
      absl::FailedPreconditionError(absl::StrCat(
          "no Kubernetes cluster is configured. Looked at: config_path, config_paths and host in "
          "the "
          "provider's kubernetes block; the environment variables KUBE_HOST, KUBE_CONFIG_PATH and "
          "KUBE_CONFIG_PATHS, which are not set; ",
          kubeconfig, "; in-cluster: ", pod_missing)),
      remedy);
}

absl::Status CheckSettings(const ConnectionSettings& settings) {
  const bool has_files = settings.config_path.has_value() || !settings.config_paths.empty();
  if (settings.config_path.has_value() && !settings.config_paths.empty()) {
    return At("config_paths",
              absl::InvalidArgumentError("both config_path and config_paths are set; one says it"));
  }
  if (settings.in_cluster == true && (has_files || settings.host.has_value())) {
    return At("in_cluster",
              absl::InvalidArgumentError("with in_cluster = true there is no host, config_path or "
                                         "config_paths"));
  }
  if (settings.token.has_value() && settings.token_file.has_value()) {
    return At("token_file",
              absl::InvalidArgumentError("both token and token_file are set; one says it"));
  }
  if (settings.client_certificate.has_value() != settings.client_key.has_value()) {
    const char* missing = settings.client_key.has_value() ? "client_certificate" : "client_key";
    return At(
        settings.client_key.has_value() ? "client_key" : "client_certificate",
        absl::InvalidArgumentError(absl::StrCat(
            "of client_certificate and client_key, which go together, ", missing, " is not set")));
  }
  if (settings.insecure == true && settings.cluster_ca_certificate.has_value()) {
    return At("insecure",
              absl::InvalidArgumentError("with insecure = true nothing is checked against "
                                         "cluster_ca_certificate; set one of them"));
  }
  if (settings.exec.has_value()) {
    if (settings.token.has_value() || settings.token_file.has_value()) {
      return At("exec",
                absl::InvalidArgumentError(
                    "both exec and token or token_file are set; one is asked for credentials"));
    }
    CHARON_RETURN_IF_ERROR(At("exec", CheckExec(*settings.exec)));
  }
  return absl::OkStatus();
}

// As libcurl takes them (CURLOPT_PROXY): without a scheme it is an HTTP proxy.
absl::Status CheckProxyUrl(const std::string& url) {
  std::string of_http = url;
  for (const absl::string_view scheme : {"socks5h://", "socks5://", "socks4a://", "socks4://"}) {
    if (absl::StartsWithIgnoreCase(url, scheme))
      of_http = absl::StrCat("http://", url.substr(scheme.size()));
  }
  if (!absl::StrContains(of_http, "://")) of_http = absl::StrCat("http://", of_http);
  const absl::Status fits = http::SplitUrl(of_http).status();
  if (fits.ok()) return fits;
  return WithRemedy(absl::InvalidArgumentError(
                        absl::StrCat("\"", http::UrlForLog(url), "\" is no URL of a proxy")),
                    "Write it as http://proxy:3128 or socks5://proxy:1080.");
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
      CHARON_RETURN_IF_ERROR(At("proxy_url", CheckProxyUrl(connection.proxy_url)));
    } else if (!connection.proxy_url.empty()) {
      CHARON_RETURN_IF_ERROR(Annotate(CheckProxyUrl(connection.proxy_url),
                                      absl::StrCat("proxy-url of ", draft_.place)));
    } else {
      connection.proxy_url = VariableOf(environment_, "KUBE_PROXY_URL").value_or("");
      if (!connection.proxy_url.empty())
        CHARON_RETURN_IF_ERROR(Annotate(CheckProxyUrl(connection.proxy_url), "KUBE_PROXY_URL"));
    }
    if (connection.default_namespace.empty()) connection.default_namespace = kDefaultNamespace;
    for (const std::string& secret :
         {connection.token, connection.password, connection.tls.client_key_pem}) {
      RegisterSecret(secret);
    }
    connection.description = absl::StrCat(
        draft_.place, draft_.user.empty() ? ", without credentials" : ", ", draft_.user);
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
    if (settings_.in_cluster == true) {
      absl::StatusOr<Draft> pod = FromPod(environment_);
      if (pod.ok()) return pod;
      return At(
          "in_cluster",
          Annotate(pod.status(),
                   "in_cluster = true, but this does not run in a pod with a service account"));
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
      draft.place =
          draft.from_kubeconfig ? absl::StrCat("KUBE_HOST with ", draft.place) : "KUBE_HOST";
      return draft;
    }
    if (files.has_value()) return FromFiles(files->first, files->second, true);
    if (const auto list = VariableOf(environment_, "KUBECONFIG")) {
      absl::StatusOr<Draft> draft = FromFiles(SplitPaths(*list), FromVariable("KUBECONFIG"), true);
      // kubectl goes on to the pod's own account if no file exists.
      if (!absl::IsNotFound(draft.status())) return draft;
    }
    if (settings_.in_cluster == false) return NothingConfigured(environment_, "in_cluster = false");
    absl::StatusOr<Draft> pod = FromPod(environment_);
    if (pod.ok()) return pod;
    return NothingConfigured(environment_, pod.status().message());
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
        CHARON_RETURN_IF_ERROR(SetCertificate(*settings_.client_certificate,
                                              Argument("client_certificate"), *settings_.client_key,
                                              Argument("client_key")));
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

absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings,
                                   const Environment& environment) {
  absl::StatusOr<Connection> connection = Resolver(settings, environment).Run();
  // Files that do not exist say nothing about the objects in the cluster.
  if (!connection.ok()) return NotAboutTheObject(std::move(connection).status());
  return connection;
}

}  // namespace charon::kubernetes
