// The kubeconfig format (client-go, tools/clientcmd/api/v1), read from text and merged.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/kubeconfig.h"

namespace charon::kubernetes {

// Every entry knows its file, for messages. Data fields are as in the file: base64 of PEM. Paths
// are absolute, or relative to the working directory if the file's own path is.
struct KubeconfigCluster {
  std::string file;
  std::string server;
  std::string ca_file;
  std::string ca_data;
  std::string tls_server_name;
  std::string proxy_url;
  bool insecure = false;
  std::string exec_config;  // JSON of extension client.authentication.k8s.io/exec
};

struct KubeconfigUser {
  std::string file;
  std::string client_certificate_file, client_certificate_data;
  std::string client_key_file, client_key_data;
  std::string token, token_file;
  std::string username, password;
  std::optional<ExecConfig> exec;
  std::string interactive_mode;  // of exec
  std::string auth_provider;     // its name
  Impersonation impersonation;
};

struct KubeconfigContext {
  std::string file;
  std::string cluster;
  std::string user;
  std::string name_space;
};

struct Kubeconfig {
  std::map<std::string, KubeconfigCluster> clusters;
  std::map<std::string, KubeconfigUser> users;
  std::map<std::string, KubeconfigContext> contexts;
  std::string current_context;

  // Adds what `other` has and this one has not.
  void MergeFrom(Kubeconfig other);
};

// Reads YAML or JSON. `path` is for messages and for relative paths. Fields that are not known are
// skipped. InvalidArgument, with line and field, if it is no kubeconfig.
absl::StatusOr<Kubeconfig> ParseKubeconfig(absl::string_view text, const std::string& path);

}  // namespace charon::kubernetes
