#include "discovery.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace charon::sandbox {
namespace {

Json Words(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push_back(word);
  return out;
}

std::string GroupVersion(absl::string_view group, absl::string_view version) {
  return group.empty() ? std::string(version) : absl::StrCat(group, "/", version);
}

// Clients cache discovery by this value.
std::string StorageHash(const Resource& resource) {
  return absl::StrCat(absl::Hex(std::hash<std::string>()(resource.storage_key() + resource.kind),
                                absl::kZeroPad16));
}

struct Subresource {
  const char* name;
  const char* group;
  const char* version;
  const char* kind;
  std::vector<std::string> verbs;
};

std::vector<Subresource> SubresourcesOf(const Resource& resource) {
  std::vector<Subresource> out;
  if (resource.has_scale) {
    out.push_back({"scale", "autoscaling", "v1", "Scale", {"get", "patch", "update"}});
  }
  if (resource.has_status) {
    out.push_back({"status", "", "", "", {"get", "patch", "update"}});
  }
  const std::string key = resource.storage_key();
  if (key == "/pods") {
    out.push_back({"log", "", "v1", "Pod", {"get"}});
    out.push_back({"eviction", "policy", "v1", "Eviction", {"create"}});
  }
  if (key == "/namespaces") {
    out.push_back({"finalize", "", "v1", "Namespace", {"update"}});
  }
  if (key == "/serviceaccounts") {
    out.push_back({"token", "authentication.k8s.io", "v1", "TokenRequest", {"create"}});
  }
  return out;
}

}  // namespace

Json VersionInfo() {
  return {{"major", "1"},
          {"minor", "36"},
          {"emulationMajor", "1"},
          {"emulationMinor", "36"},
          {"minCompatibilityMajor", "1"},
          {"minCompatibilityMinor", "35"},
          {"gitVersion", absl::StrCat(kKubernetesVersion, "+charon-sandbox")},
          {"gitCommit", "charon-sandbox"},
          {"gitTreeState", "clean"},
          {"buildDate", "2026-01-01T00:00:00Z"},
          {"goVersion", "none"},
          {"compiler", "gc"},
          {"platform", "linux/amd64"}};
}

Json ApiVersions() {
  return {{"kind", "APIVersions"},
          {"versions", Json::array({"v1"})},
          {"serverAddressByClientCIDRs",
           Json::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", "127.0.0.1"}}})}};
}

std::optional<Json> GroupInfo(const KindTable& kinds, absl::string_view group) {
  Json versions = Json::array();
  for (const std::string& version : kinds.Versions(group)) {
    versions.push_back({{"groupVersion", GroupVersion(group, version)}, {"version", version}});
  }
  if (versions.empty() || group.empty()) return std::nullopt;
  Json preferred = versions[0];
  return Json{{"kind", "APIGroup"},
              {"apiVersion", "v1"},
              {"name", std::string(group)},
              {"versions", std::move(versions)},
              {"preferredVersion", std::move(preferred)}};
}

Json GroupList(const KindTable& kinds) {
  Json groups = Json::array();
  for (const std::string& name : kinds.Groups()) {
    Json group = *GroupInfo(kinds, name);
    group.erase("kind");
    group.erase("apiVersion");
    groups.push_back(std::move(group));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

std::optional<Json> ResourceList(const KindTable& kinds, absl::string_view group,
                                 absl::string_view version) {
  Json resources = Json::array();
  for (const ResourcePtr& one : kinds.all()) {
    if (one->group != group || one->version != version) continue;
    Json entry = {{"name", one->plural},
                  {"singularName", one->singular},
                  {"namespaced", one->namespaced},
                  {"kind", one->kind},
                  {"verbs", Words(VerbsOf(*one))}};
    if (!one->short_names.empty()) entry["shortNames"] = Words(one->short_names);
    if (!one->categories.empty()) entry["categories"] = Words(one->categories);
    if (!one->review) entry["storageVersionHash"] = StorageHash(*one);
    resources.push_back(std::move(entry));
    for (const Subresource& sub : SubresourcesOf(*one)) {
      Json below = {{"name", absl::StrCat(one->plural, "/", sub.name)},
                    {"singularName", ""},
                    {"namespaced", one->namespaced},
                    {"kind", sub.kind[0] == '\0' ? one->kind : sub.kind},
                    {"verbs", Words(sub.verbs)}};
      if (sub.group[0] != '\0') {
        below["group"] = sub.group;
        below["version"] = sub.version;
      }
      resources.push_back(std::move(below));
    }
  }
  if (resources.empty()) return std::nullopt;
  return Json{{"kind", "APIResourceList"},
              {"apiVersion", "v1"},
              {"groupVersion", GroupVersion(group, version)},
              {"resources", std::move(resources)}};
}

Json AggregatedDiscovery(const KindTable& kinds, bool core, absl::string_view version) {
  Json items = Json::array();
  const std::vector<std::string> groups = core ? std::vector<std::string>{""} : kinds.Groups();
  for (const std::string& group : groups) {
    Json versions = Json::array();
    for (const std::string& group_version : kinds.Versions(group)) {
      Json resources = Json::array();
      for (const ResourcePtr& one : kinds.all()) {
        if (one->group != group || one->version != group_version) continue;
        const auto kind = [&](const std::string& g, const std::string& v, const std::string& k) {
          return Json{{"group", g}, {"version", v}, {"kind", k}};
        };
        Json entry = {{"resource", one->plural},
                      {"responseKind", kind(one->group, one->version, one->kind)},
                      {"scope", one->namespaced ? "Namespaced" : "Cluster"},
                      {"singularResource", one->singular},
                      {"verbs", Words(VerbsOf(*one))}};
        if (!one->short_names.empty()) entry["shortNames"] = Words(one->short_names);
        if (!one->categories.empty()) entry["categories"] = Words(one->categories);
        Json subs = Json::array();
        for (const Subresource& sub : SubresourcesOf(*one)) {
          subs.push_back(
              {{"subresource", sub.name},
               {"responseKind", sub.kind[0] == '\0' ? kind(one->group, one->version, one->kind)
                                                    : kind(sub.group, sub.version, sub.kind)},
               {"verbs", Words(sub.verbs)}});
        }
        if (!subs.empty()) entry["subresources"] = std::move(subs);
        resources.push_back(std::move(entry));
      }
      versions.push_back({{"version", group_version},
                          {"freshness", "Current"},
                          {"resources", std::move(resources)}});
    }
    Json metadata = Json::object();
    if (!group.empty()) metadata["name"] = group;
    items.push_back({{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", absl::StrCat("apidiscovery.k8s.io/", version)},
          {"metadata", Json::object()},
          {"items", std::move(items)}};
}

}  // namespace charon::sandbox
