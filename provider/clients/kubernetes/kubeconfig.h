// How to reach a cluster: every way in that kubectl has, resolved to one connection.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/base/call.h"
#include "provider/http/transport.h"

namespace charon::kubernetes {

// A credential plugin, as users[].user.exec of a kubeconfig describes it (Kubernetes documentation,
// "client-go credential plugins").
struct ExecConfig {
  std::string api_version = {};  // client.authentication.k8s.io/v1 or /v1beta1
  std::string command = {};
  std::vector<std::string> args = {};
  std::map<std::string, std::string> env = {};
  bool provide_cluster_info = false;
  std::string cluster_config =
      {};  // JSON: the cluster's extension for plugins, sent with the cluster info
  std::string install_hint = {};  // shown if the command does not exist
};

// What the provider block says; nothing set means "from the environment". Names are the provider's
// arguments.
struct ConnectionSettings {
  std::optional<std::string> config_path = {};
  std::vector<std::string> config_paths = {};
  std::optional<std::string> config_context = {};
  std::optional<std::string> host = {};
  std::optional<std::string> token = {};
  std::optional<std::string> token_file = {};
  std::optional<std::string> client_certificate = {};      // PEM
  std::optional<std::string> client_key = {};              // PEM
  std::optional<std::string> cluster_ca_certificate = {};  // PEM
  std::optional<ExecConfig> exec = {};
  std::optional<std::string> proxy_url = {};
  std::optional<std::string> tls_server_name = {};
  std::optional<bool> insecure = {};
  std::optional<bool> in_cluster = {};
};

// Reads variables and files; tests pass their own.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  static Environment Real();
};

// On whose behalf requests are made (as, as-uid, as-groups, as-user-extra).
struct Impersonation {
  std::string user = {};
  std::string uid = {};
  std::vector<std::string> groups = {};
  std::map<std::string, std::vector<std::string>> extra = {};
};

// A cluster's address and how to authenticate.
struct Connection {
  std::string server = {};  // "https://host:6443", no trailing slash
  http::TlsOptions tls = {};
  std::string proxy_url = {};
  std::string default_namespace = {};
  std::string token = {};       // static
  std::string token_file = {};  // re-read on rotation, wins over token
  std::string username = {};
  std::string password = {};
  std::optional<ExecConfig> exec = {};
  Impersonation impersonation = {};
  // For messages: "context \"prod\", user \"ci\" of /root/.kube/config", "host of the provider
  // block".
  std::string description = {};
};

// The connection, from the first of these that names a server:
//   1. the provider block's in_cluster = true, config_path(s) or host (host also overrides the
//   server
//      of a config_path beside it),
//   2. KUBE_HOST (with KUBE_CONFIG_PATH(S) for what it leaves open), KUBE_CONFIG_PATH(S),
//   KUBECONFIG,
//   3. the service account of the pod this runs in, unless in_cluster = false.
// A kubeconfig of a later place is not looked at: it is another cluster's. What remains open is
// filled from KUBE_TOKEN, KUBE_CLIENT_CERT_DATA with KUBE_CLIENT_KEY_DATA,
// KUBE_CLUSTER_CA_CERT_DATA, KUBE_INSECURE, KUBE_TLS_SERVER_NAME and KUBE_PROXY_URL; the provider
// block's own arguments win over everything. Credentials are taken from one place, never mixed.
// Empty texts count as not set.
//
// Several kubeconfigs merge as kubectl merges them: the first definition of a name wins, files that
// do not exist are skipped if at least one does. Relative paths in a file are relative to it; "~"
// is HOME. Nothing is run and nothing is contacted.
//   FailedPrecondition  no configuration at all, or a file does not exist: the message names every
//                       place that was looked at and the provider argument and environment variable
//                       to set. Never NotFound, which would say that an object is gone.
//   InvalidArgument     a file is no kubeconfig (line), or the context / user / cluster it names is
//   missing
//                       (the message lists those there are), or arguments contradict each other
absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings,
                                   const Environment& environment);

// A transport that sends every request with this connection's credentials: token files are re-read
// when they change (or after 401), exec plugins run once and are kept until expiry or a 401, client
// certificates they return included. Below it are retries, the log and libcurl.
// Requests carry paths ("/api/v1/..."), not URLs.
//   Unauthenticated     on 401, naming context, user and file; a plugin that fails; from Connect
//   itself
//                       if the client certificate has expired
//   InvalidArgument     from Connect: a certificate or key that is none
absl::StatusOr<std::unique_ptr<http::Transport>> Connect(const Connection& connection,
                                                         std::string user_agent);

}  // namespace charon::kubernetes
