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

struct ExecConfig {
  std::string api_version;  // client.authentication.k8s.io/v1 or /v1beta1
  std::string command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
};

// What the provider block says; nothing set means "from the environment". Names are the provider's
// arguments.
struct ConnectionSettings {
  std::optional<std::string> config_path;
  std::vector<std::string> config_paths;
  std::optional<std::string> config_context;
  std::optional<std::string> host;
  std::optional<std::string> token;
  std::optional<std::string> token_file;
  std::optional<std::string> client_certificate;  // PEM
  std::optional<std::string> client_key;          // PEM
  std::optional<std::string> cluster_ca_certificate;  // PEM
  std::optional<ExecConfig> exec;
  std::optional<std::string> proxy_url;
  std::optional<std::string> tls_server_name;
  std::optional<bool> insecure;
  std::optional<bool> in_cluster;
};

// Reads variables and files; tests pass their own.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  static Environment Real();
};

// A cluster's address and how to authenticate.
struct Connection {
  std::string server;  // "https://host:6443", no trailing slash
  http::TlsOptions tls;
  std::string proxy_url;
  std::string default_namespace;
  std::string token;       // static
  std::string token_file;  // re-read on rotation, wins over token
  std::string username, password;
  std::optional<ExecConfig> exec;
  // For messages: "context \"prod\", user \"ci\" of /root/.kube/config", "host of the provider block".
  std::string description;
};

// The connection, by precedence: the provider block's own arguments (host ...), its config_path(s),
// then KUBE_HOST ..., KUBE_CONFIG_PATH(S), KUBECONFIG, in-cluster. Several kubeconfigs merge as kubectl
// merges them (first definition of a name wins). Relative paths in a file are relative to it.
//   NotFound            no configuration at all, or the file does not exist: the message names every place
//                       that was looked at and the provider argument and environment variable to set
//   InvalidArgument     a file is no kubeconfig (line), or the context / user / cluster it names is missing
//                       (the message lists those there are)
absl::StatusOr<Connection> Resolve(const ConnectionSettings& settings, const Environment& environment);

// The kubeconfig of the provider block's words, for `At(...)`: which provider argument to look at.

// A transport that sends every request with this connection's credentials: token files are re-read when
// they change (or after 401), exec plugins run once and are kept until expiry or a 401, client
// certificates they return included. 401 becomes Unauthenticated naming context, user and file.
// Requests carry paths ("/api/v1/..."), not URLs.
absl::StatusOr<std::unique_ptr<http::Transport>> Connect(const Connection& connection,
                                                          std::string user_agent);

}  // namespace charon::kubernetes
