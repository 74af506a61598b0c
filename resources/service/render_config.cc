// ConfigMaps, Secrets and ExternalSecrets of a service.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/fingerprint.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// "etc-headscale" from "/etc/headscale": part of an object's name.
std::string NamePart(absl::string_view path) {
  std::string name;
  for (const char c : absl::AsciiStrToLower(absl::StripPrefix(path, "/"))) {
    const bool fits = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (fits) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

Json RemoteRef(const std::string& reference) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(reference, absl::MaxSplits('#', 1));
  Json ref = {{"key", parts.first}};
  if (!parts.second.empty()) ref["property"] = parts.second;
  return ref;
}

// external-secrets.io/v1, ExternalSecret (external-secrets 0.16, apis/externalsecrets/v1).
Json ExternalSecret(const ServiceModel& model, const Conventions& conventions,
                    const std::string& key, const StoreSecretModel& secret) {
  const std::string name = absl::StrCat(model.NameOrDefault(), "-", key);
  Json object = ObjectHead(model, conventions, "ExternalSecret", name);
  Json target = {{"name", name}};
  if (secret.deletion_policy.IsKnown()) target["deletionPolicy"] = *secret.deletion_policy;
  if (secret.render.IsKnown()) {
    target["template"] = {{"engineVersion", "v2"}, {"data", *secret.render}};
  }
  Json spec = {{"secretStoreRef",
                {{"name", *secret.store},
                 {"kind", secret.store_kind.value_or(conventions.secret_store_kind)}}},
               {"target", target}};
  if (secret.extract.IsKnown())
    spec["dataFrom"] = Json::array({{{"extract", {{"key", *secret.extract}}}}});
  if (secret.values.IsKnown()) {
    Json data = Json::array();
    for (const auto& [to, from] : *secret.values)
      data.push_back({{"secretKey", to}, {"remoteRef", RemoteRef(from)}});
    spec["data"] = std::move(data);
  }
  object["spec"] = std::move(spec);
  return object;
}

}  // namespace

std::string FilesName(const ServiceModel& model) { return model.NameOrDefault() + "-files"; }

std::string ConfigDirName(const ServiceModel& model, const std::string& directory) {
  return absl::StrCat(model.NameOrDefault(), "-", NamePart(directory));
}

std::string ConfigVolumeName(const std::string& directory) {
  // "<service>-etc-headscale" is the ConfigMap; the volume goes by the part that is its own.
  return absl::StrCat("config-", NamePart(directory));
}

std::string FileKey(const std::string& path) {
  std::string key;
  for (const char c : absl::StripPrefix(path, "/")) {
    const bool fits =
        absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
    key += fits ? c : '_';
  }
  return key;
}

std::string ConfigHash(const ServiceModel& model) {
  Json content = Json::object();
  for (const auto& [path, file] : model.files.value_or({})) {
    if (file.on_change.value_or("restart") != "restart") continue;
    content["files"][path] = file.content.IsKnown()
                                 ? *file.content
                                 : absl::StrCat("base64:", file.content_base64.value_or(""));
  }
  for (const auto& [path, dir] : model.config_dirs.value_or({})) {
    if (dir.on_change.value_or("restart") == "restart")
      content["dirs"][path] = dir.files.value_or({});
  }
  for (const auto& [name, secret] : model.generated_secrets.value_or({})) {
    if (secret.rotation_trigger.IsKnown()) content["rotations"][name] = *secret.rotation_trigger;
  }
  if (model.env_wo_version.IsKnown()) content["env_wo_version"] = *model.env_wo_version;
  return content.empty() ? "" : Fingerprint(content.dump());
}

void RenderConfig(const ServiceModel& model, const Conventions& conventions,
                  std::vector<Rendered>& out) {
  auto add = [&](Path attribute, Json object) -> Rendered& {
    out.push_back({.stage = Stage::kConfig,
                   .attribute = std::move(attribute),
                   .object = std::move(object),
                   .initial = {}});
    return out.back();
  };
  if (model.files.IsKnown() && !model.files->empty()) {
    Json object = ObjectHead(model, conventions, "ConfigMap", FilesName(model));
    for (const auto& [path, file] : *model.files) {
      const char* field = file.content.IsKnown() ? "data" : "binaryData";
      object[field][FileKey(path)] =
          file.content.IsKnown() ? *file.content : file.content_base64.value_or("");
    }
    add("files", std::move(object));
  }
  for (const auto& [path, dir] : model.config_dirs.value_or({})) {
    Json object = ObjectHead(model, conventions, "ConfigMap", ConfigDirName(model, path));
    object["data"] = dir.files.value_or({});
    add(Path("config_dirs").Key(path), std::move(object));
  }
  for (const auto& [key, secret] : model.secrets.value_or({})) {
    Rendered& rendered =
        add(Path("secrets").Key(key), ExternalSecret(model, conventions, key, secret));
    // The operator owns it (and rewrites it) once it has looked.
    if (secret.refresh.IsKnown())
      rendered.initial = {{"spec", {{"refreshInterval", *secret.refresh}}}};
  }
  if (model.generated_secrets.IsKnown() && !model.generated_secrets->empty()) {
    Json object = ObjectHead(model, conventions, "Secret", model.NameOrDefault() + "-generated");
    object["type"] = "Opaque";
    Rendered& rendered = add("generated_secrets", std::move(object));
    rendered.keeps_data = true;  // what they encrypt or log in to outlives the service
    rendered.has_values = true;
  }
  if (model.env_wo_version.IsKnown()) {
    Json object = ObjectHead(model, conventions, "Secret", model.NameOrDefault() + "-env");
    object["type"] = "Opaque";
    add("env_wo", std::move(object)).has_values = true;
  }
}

}  // namespace charon::service
