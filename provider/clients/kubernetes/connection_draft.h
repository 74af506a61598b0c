// One place that may say how to reach a cluster (a context of kubeconfigs, a pod's service
// account), read into the beginnings of a connection. Resolve (kubeconfig.h) chooses the place and
// fills in the rest.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "provider/clients/kubernetes/kubeconfig.h"
#include "provider/clients/kubernetes/kubeconfig_file.h"

namespace charon::kubernetes {

// What argument of the provider block or what variable a value came from, to lead the user there.
struct Source {
  std::string name;  // "config_path", "KUBE_CONFIG_PATH"
  bool is_argument = false;

  // At(argument), if it is one.
  absl::Status Blame(absl::Status status) const;
};
Source Argument(const char* name);
Source FromVariable(const char* name);

// The variable; nullopt also if it is empty.
std::optional<std::string> VariableOf(const Environment& environment, const char* name);

// `path` with a leading "~" replaced by HOME.
std::string ExpandHome(const std::string& path, const Environment& environment);

// InvalidArgument unless its API version is one we speak and it names a command.
absl::Status CheckExec(const ExecConfig& exec);

struct Draft {
  Connection connection;
  std::string place;  // for messages: "context \"prod\" of /root/.kube/config"
  std::string user;   // "user \"ci\" of /root/.kube/config"; empty: no credentials yet
  Source server_source;
  bool from_kubeconfig = false;
};

// Kubeconfigs merged, and what named them.
struct Loaded {
  Kubeconfig config;
  std::vector<std::string> files;  // those that exist
  Source source;
};

// Reads and merges `paths`, leaving out those that do not exist. NotFound if none of them does.
absl::StatusOr<Loaded> Load(const std::vector<std::string>& paths, const Source& source,
                            const Environment& environment);

// What the context `wanted`, else the current one, says. `needs_server` is false if the server is
// given elsewhere. InvalidArgument as Resolve.
absl::StatusOr<Draft> FromKubeconfig(const Loaded& loaded,
                                     const std::optional<std::pair<std::string, Source>>& wanted,
                                     bool needs_server, const Environment& environment);

// The service account of the pod that this runs in. NotFound, saying what is missing, if it is
// none.
absl::StatusOr<Draft> FromPod(const Environment& environment);

}  // namespace charon::kubernetes
