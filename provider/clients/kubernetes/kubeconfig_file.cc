#include "provider/clients/kubernetes/kubeconfig_file.h"

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <exception>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"

namespace charon::kubernetes {
namespace {

constexpr char kExecExtension[] = "client.authentication.k8s.io/exec";
// An extension of a kubeconfig is a handful of settings. The limits are for aliases, of which a few
// lines can make billions of nodes.
constexpr int kDeepestExtension = 64;
constexpr int kMostNodes = 10'000;

// Reads fields of one file. The first failure is kept and the rest reads as empty, so that callers
// check once.
class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  const absl::Status& status() const { return status_; }

  void Fail(const YAML::Node& node, absl::string_view message) {
    if (!status_.ok()) return;
    const int line = node.Mark().line;
    status_ =
        absl::InvalidArgumentError(line >= 0 ? absl::StrCat(path_, ":", line + 1, ": ", message)
                                             : absl::StrCat(path_, ": ", message));
  }

  // The map at `key`; an undefined node if there is none.
  YAML::Node Map(const YAML::Node& parent, const char* key) {
    const YAML::Node node = Get(parent, key);
    if (IsAbsent(node)) return YAML::Node(YAML::NodeType::Undefined);
    if (!node.IsMap()) Fail(node, absl::StrCat("\"", key, "\" must be a map"));
    return node;
  }

  YAML::Node List(const YAML::Node& parent, const char* key) {
    const YAML::Node node = Get(parent, key);
    if (IsAbsent(node)) return YAML::Node(YAML::NodeType::Sequence);
    if (!node.IsSequence()) {
      Fail(node, absl::StrCat("\"", key, "\" must be a list"));
      return YAML::Node(YAML::NodeType::Sequence);
    }
    return node;
  }

  std::string Text(const YAML::Node& parent, const char* key) {
    const YAML::Node node = Get(parent, key);
    if (IsAbsent(node)) return "";
    return Scalar(node, key);
  }

  std::string Scalar(const YAML::Node& node, const char* what) {
    if (!node.IsScalar()) {
      Fail(node, absl::StrCat("\"", what, "\" must be text"));
      return "";
    }
    return node.Scalar();
  }

  bool Bool(const YAML::Node& parent, const char* key) {
    const std::string text = Text(parent, key);
    if (text.empty() || text == "false") return false;
    if (text != "true") Fail(Get(parent, key), absl::StrCat("\"", key, "\" must be true or false"));
    return true;
  }

  // A path, made absolute by the folder of the file.
  std::string FilePath(const YAML::Node& parent, const char* key) {
    const std::string text = Text(parent, key);
    return text.empty() ? "" : Absolute(text);
  }

  std::string Absolute(const std::string& text) const {
    const std::filesystem::path given(text);
    if (given.is_absolute()) return text;
    return (std::filesystem::path(path_).parent_path() / given).lexically_normal().string();
  }

 private:
  static YAML::Node Get(const YAML::Node& parent, const char* key) {
    // Asking a const node adds nothing to it; asking an undefined one throws.
    if (!parent.IsDefined() || !parent.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node found = parent[key];
    return found.IsDefined() ? found : YAML::Node(YAML::NodeType::Undefined);
  }

  static bool IsAbsent(const YAML::Node& node) { return !node.IsDefined() || node.IsNull(); }

  std::string path_;
  absl::Status status_;
};

// The scalars of an extension by YAML's core schema: what a plugin gets is JSON.
nlohmann::json ScalarToJson(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  // "!" is yaml-cpp's mark of a quoted scalar.
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "false") return text == "true";
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  if (std::int64_t number = 0; absl::SimpleAtoi(text, &number)) return number;
  if (double number = 0; absl::SimpleAtod(text, &number) && std::isfinite(number)) return number;
  return text;
}

nlohmann::json ToJson(Reader& reader, const YAML::Node& node, int depth, int& nodes) {
  if (depth > kDeepestExtension || ++nodes > kMostNodes) {
    reader.Fail(node, depth > kDeepestExtension ? "an extension is nested too deeply"
                                                : "an extension is too large");
    return nullptr;
  }
  if (node.IsScalar()) return ScalarToJson(node);
  if (node.IsSequence()) {
    nlohmann::json out = nlohmann::json::array();
    for (const YAML::Node& item : node) out.push_back(ToJson(reader, item, depth + 1, nodes));
    return out;
  }
  if (node.IsMap()) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& entry : node) {
      out[reader.Scalar(entry.first, "key")] = ToJson(reader, entry.second, depth + 1, nodes);
    }
    return out;
  }
  return nullptr;
}

KubeconfigCluster ReadCluster(Reader& reader, const YAML::Node& node) {
  KubeconfigCluster cluster{
      .file = "",
      .server = reader.Text(node, "server"),
      .ca_file = reader.FilePath(node, "certificate-authority"),
      .ca_data = reader.Text(node, "certificate-authority-data"),
      .tls_server_name = reader.Text(node, "tls-server-name"),
      .proxy_url = reader.Text(node, "proxy-url"),
      .insecure = reader.Bool(node, "insecure-skip-tls-verify"),
      .exec_config = "",
  };
  for (const YAML::Node& extension : reader.List(node, "extensions")) {
    if (reader.Text(extension, "name") != kExecExtension) continue;
    if (const YAML::Node config = reader.Map(extension, "extension"); config.IsDefined()) {
      int nodes = 0;
      cluster.exec_config = ToJson(reader, config, 0, nodes)
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  return cluster;
}

ExecConfig ReadExec(Reader& reader, const YAML::Node& node) {
  ExecConfig exec{
      .api_version = reader.Text(node, "apiVersion"),
      .command = reader.Text(node, "command"),
      .args = {},
      .env = {},
      .provide_cluster_info = reader.Bool(node, "provideClusterInfo"),
      .cluster_config = "",
      .install_hint = reader.Text(node, "installHint"),
  };
  if (exec.command.empty()) reader.Fail(node, "\"exec\" has no \"command\"");
  // With a slash in it, a relative command is relative to the file, as other paths are.
  if (exec.command.find('/') != std::string::npos) exec.command = reader.Absolute(exec.command);
  for (const YAML::Node& argument : reader.List(node, "args")) {
    exec.args.push_back(reader.Scalar(argument, "args"));
  }
  for (const YAML::Node& entry : reader.List(node, "env")) {
    exec.env[reader.Text(entry, "name")] = reader.Text(entry, "value");
  }
  return exec;
}

KubeconfigUser ReadUser(Reader& reader, const YAML::Node& node) {
  KubeconfigUser user;
  user.client_certificate_file = reader.FilePath(node, "client-certificate");
  user.client_certificate_data = reader.Text(node, "client-certificate-data");
  user.client_key_file = reader.FilePath(node, "client-key");
  user.client_key_data = reader.Text(node, "client-key-data");
  user.token = reader.Text(node, "token");
  user.token_file = reader.FilePath(node, "tokenFile");
  user.username = reader.Text(node, "username");
  user.password = reader.Text(node, "password");
  if (const YAML::Node exec = reader.Map(node, "exec"); exec.IsDefined()) {
    user.exec = ReadExec(reader, exec);
    user.interactive_mode = reader.Text(exec, "interactiveMode");
  }
  if (const YAML::Node legacy = reader.Map(node, "auth-provider"); legacy.IsDefined()) {
    user.auth_provider = reader.Text(legacy, "name");
    if (user.auth_provider.empty()) user.auth_provider = "?";
  }
  user.impersonation.user = reader.Text(node, "as");
  user.impersonation.uid = reader.Text(node, "as-uid");
  for (const YAML::Node& group : reader.List(node, "as-groups")) {
    user.impersonation.groups.push_back(reader.Scalar(group, "as-groups"));
  }
  if (const YAML::Node extra = reader.Map(node, "as-user-extra"); extra.IsDefined()) {
    for (const auto& entry : extra) {
      const std::string key = reader.Scalar(entry.first, "as-user-extra");
      if (!entry.second.IsSequence()) reader.Fail(entry.second, "\"as-user-extra\" holds lists");
      for (const YAML::Node& value : entry.second) {
        user.impersonation.extra[key].push_back(reader.Scalar(value, "as-user-extra"));
      }
    }
  }
  return user;
}

// Reads `list_key`, whose items are a name and, under `item_key`, an entry.
template <typename Entry, typename Read>
void ReadNamed(Reader& reader, const YAML::Node& root, const std::string& path,
               const char* list_key, const char* item_key, const Read& read,
               std::map<std::string, Entry>& out) {
  for (const YAML::Node& item : reader.List(root, list_key)) {
    const std::string name = reader.Text(item, "name");
    if (name.empty()) reader.Fail(item, absl::StrCat("an entry of \"", list_key, "\" has no name"));
    const YAML::Node body = reader.Map(item, item_key);
    Entry entry = body.IsDefined() ? read(reader, body) : Entry();
    entry.file = path;
    out.emplace(name, std::move(entry));
  }
}

absl::StatusOr<Kubeconfig> Read(const YAML::Node& root, const std::string& path) {
  Reader reader(path);
  Kubeconfig config;
  // An empty file is an empty configuration, as it is to kubectl.
  if (!root.IsDefined() || root.IsNull()) return config;
  if (!root.IsMap()) {
    reader.Fail(root, "this is no kubeconfig: it must be a map with clusters, users and contexts");
    return reader.status();
  }
  if (const std::string kind = reader.Text(root, "kind"); !kind.empty() && kind != "Config") {
    reader.Fail(root, absl::StrCat("this is no kubeconfig: its kind is ", kind, ", not Config"));
    return reader.status();
  }
  if (!root["clusters"] && !root["contexts"] && !root["users"] && !root["current-context"]) {
    reader.Fail(root, "this is no kubeconfig: it has no clusters, users or contexts");
    return reader.status();
  }
  config.current_context = reader.Text(root, "current-context");
  ReadNamed(reader, root, path, "clusters", "cluster", ReadCluster, config.clusters);
  ReadNamed(reader, root, path, "users", "user", ReadUser, config.users);
  const auto read_context = [](Reader& from, const YAML::Node& node) {
    return KubeconfigContext{.file = "",
                             .cluster = from.Text(node, "cluster"),
                             .user = from.Text(node, "user"),
                             .name_space = from.Text(node, "namespace")};
  };
  ReadNamed(reader, root, path, "contexts", "context", read_context, config.contexts);
  CHARON_RETURN_IF_ERROR(reader.status());
  return config;
}

}  // namespace

void Kubeconfig::MergeFrom(Kubeconfig other) {
  clusters.merge(other.clusters);
  users.merge(other.users);
  contexts.merge(other.contexts);
  if (current_context.empty()) current_context = std::move(other.current_context);
}

absl::StatusOr<Kubeconfig> ParseKubeconfig(absl::string_view text, const std::string& path) {
  // yaml-cpp throws for what it cannot read.
  try {
    return Read(YAML::Load(std::string(text)), path);
  } catch (const YAML::Exception& error) {
    // Its message may quote the file, which holds secrets.
    return absl::InvalidArgumentError(
        error.mark.is_null()
            ? absl::StrCat(path, ": this is no YAML: ", Redact(error.msg))
            : absl::StrCat(path, ":", error.mark.line + 1, ":", error.mark.column + 1,
                           ": this is no YAML: ", Redact(error.msg)));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": this is no YAML: ", error.what()));
  }
}

}  // namespace charon::kubernetes
