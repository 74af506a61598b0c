#include "resources/service/object_patch.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/yaml.h"
#include "resources/service/check_service.h"
#include "resources/service/strategic_merge.h"

namespace charon::service {
namespace {

using kubernetes::Field;
using kubernetes::Text;

constexpr char kAttribute[] = "extra_manifest_patch";
constexpr char kMark[] = "charon.internal/";

absl::Status Refused(absl::string_view message, absl::string_view remedy) {
  return WithRemedy(absl::InvalidArgumentError(message), remedy);
}

// "Service/web"; with the namespace, where that is not the service's.
std::string NameOf(const ServiceModel& model, const Json& object) {
  const std::string place = Text(object, "metadata.namespace");
  const bool elsewhere = !place.empty() && place != *model.name_space;
  return absl::StrCat(Text(object, "kind"), "/", elsewhere ? place + "/" : "",
                      Text(object, "metadata.name"));
}

bool IsWorkloads(const ServiceModel& model, const Json& document) {
  return !document.contains("kind") || document["kind"] == WorkloadKind(model);
}

// What the document says, the object has.
bool Fits(const Json& document, const Json& object, const char* field) {
  const Json& said = Field(document, field);
  return said.is_null() || said == Field(object, field);
}

bool Means(const ServiceModel& model, const Json& document, const Rendered& rendered) {
  if (!document.contains("kind")) return rendered.stage == Stage::kWorkload;
  // Of the one workload that there is, another name is a change of it.
  if (rendered.stage == Stage::kWorkload) return IsWorkloads(model, document);
  for (const char* field : {"kind", "metadata.name", "metadata.namespace"}) {
    if (!Fits(document, rendered.object, field)) return false;
  }
  return true;
}

std::string Listed(const ServiceModel& model, const std::vector<const Rendered*>& objects) {
  return absl::StrJoin(objects, ", ", [&model](std::string* out, const Rendered* rendered) {
    absl::StrAppend(out, NameOf(model, rendered->object));
  });
}

// The object that a document is about.
absl::StatusOr<Rendered*> TargetOf(const ServiceModel& model, const Json& document,
                                   std::vector<Rendered>& objects) {
  std::vector<const Rendered*> all, meant;
  Rendered* target = nullptr;
  for (Rendered& rendered : objects) {
    all.push_back(&rendered);
    if (!Means(model, document, rendered)) continue;
    target = &rendered;
    meant.push_back(&rendered);
  }
  if (meant.size() == 1) return target;
  const std::string kind = Text(document, "kind"), name = Text(document, "metadata.name");
  if (meant.empty()) {
    return Refused(absl::StrCat("the service has no ", kind,
                                name.empty() ? "" : absl::StrCat(" \"", name, "\""),
                                " to patch; it has ", Listed(model, all)),
                   "Take kind and metadata.name from these; a patch without a kind is one of the "
                   "workload.");
  }
  return Refused(
      absl::StrCat("which ", kind, " is to be patched? There are ", Listed(model, meant)),
      "Name it: metadata = { name = \"...\" }; of Roles in several namespaces also its namespace.");
}

// --- What is no patch's to change

// What other objects and the state know the object by. Of `spec.selector` the workload's.
absl::Status CheckIdentity(const ServiceModel& model, const Rendered& rendered,
                           const Json& before) {
  const bool workload = rendered.stage == Stage::kWorkload;
  const std::pair<const char*, const char*> fixed[] = {
      {"apiVersion", "kind"},
      {"kind", "kind"},
      {"metadata.name", "name"},
      {"metadata.namespace", "namespace"},
      {workload ? "spec.selector" : "roleRef", workload ? "selector" : ""}};
  for (const auto& [field, attribute] : fixed) {
    if (Field(before, field) == Field(rendered.object, field)) continue;
    const std::string way_out =
        workload ? absl::StrCat(" The attribute \"", attribute, "\" says it.")
        : absl::string_view(field) == "roleRef"
            ? " A binding to another role is an object of its own "
              "(charon_kubernetes_manifest)."
            : absl::StrCat(" The patch is one of ", NameOf(model, before), ".");
    return Refused(absl::StrCat(field, " is not a patch's to change"),
                   absl::StrCat("Leave it out.", way_out));
  }
  return absl::OkStatus();
}

// Entries of a map of metadata that are not a patch's: those that `is_ours` says, by key.
absl::Status CheckEntries(const char* map, const Json& before, const Json& after,
                          const std::function<bool(const std::string&)>& is_ours,
                          absl::string_view way_out) {
  const std::string at = absl::StrCat("metadata.", map);
  Json all = Field(before, at).is_object() ? Field(before, at) : Json::object();
  if (Field(after, at).is_object()) all.update(Field(after, at));
  const auto value = [&](const Json& object, const std::string& key) {
    const Json& entries = Field(object, at);
    return entries.is_object() ? entries.value(key, Json()) : Json();
  };
  for (const auto& [key, unused] : all.items()) {
    if (!is_ours(key) || value(before, key) == value(after, key)) continue;
    return Refused(absl::StrCat(at, "[\"", key, "\"] is not a patch's to change"),
                   absl::StrCat("Leave it out.", way_out));
  }
  return absl::OkStatus();
}

// Labels and marks by which an object is found, and what an entry of `expose` has said of the way
// in: other annotations would be a way around the login that nobody sees. The workload's labels are
// left to the patch that people have written already.
absl::Status CheckMetadata(const Rendered& rendered, const Json& before) {
  if (rendered.stage == Stage::kWorkload) return absl::OkStatus();
  const auto has = [&before](const char* map) {
    return [&before, map](const std::string& key) {
      const Json& entries = Field(before, absl::StrCat("metadata.", map));
      return absl::StartsWith(key, kMark) || (entries.is_object() && entries.contains(key));
    };
  };
  CHARON_RETURN_IF_ERROR(CheckEntries("labels", before, rendered.object, has("labels"),
                                      " The attribute \"labels\" gives labels to all objects."));
  if (before["kind"] == "Ingress") {
    return CheckEntries("annotations", before, rendered.object, has("annotations"),
                        absl::StrCat(" ", rendered.attribute.ToString(),
                                     " and the provider's conventions say it."));
  }
  const auto is_mark = [](const std::string& key) { return absl::StartsWith(key, kMark); };
  return CheckEntries("annotations", before, rendered.object, is_mark, "");
}

// The path of a field that `initial` sets, and `after` now has, too; "" if there is none.
std::string FirstOfBoth(const Json& initial, const Json& after, const std::string& where) {
  for (const auto& [name, value] : initial.items()) {
    if (!after.is_object() || !after.contains(name)) continue;
    const std::string path = where.empty() ? name : absl::StrCat(where, ".", name);
    const std::string found = value.is_object() ? FirstOfBoth(value, after[name], path) : path;
    if (!found.empty()) return found;
  }
  return "";
}

// What is somebody else's once it has been created. The workload's have attributes that say so.
absl::Status CheckInitial(const Rendered& rendered) {
  if (rendered.stage == Stage::kWorkload || !rendered.initial.is_object()) return absl::OkStatus();
  const std::string field = FirstOfBoth(rendered.initial, rendered.object, "");
  if (field.empty()) return absl::OkStatus();
  return Refused(absl::StrCat("the patch sets ", field,
                              ", which is given at creation and left to others then"),
                 absl::StrCat("Leave it out; ", rendered.attribute.ToString(), " says it."));
}

// --- Merging

// One whose lists the published schema gives no merge keys.
bool IsCustom(absl::string_view api_version) {
  const absl::string_view group = api_version.substr(0, api_version.find('/'));
  return absl::StrContains(group, '.') && !absl::EndsWith(group, ".k8s.io");
}

bool HasDirective(const Json& value) {
  if (!value.is_structured()) return false;
  return (value.is_object() && value.contains("$patch")) ||
         std::any_of(value.begin(), value.end(), HasDirective);
}

absl::Status MergeOver(const Json& document, Json& object) {
  if (!IsCustom(Text(object, "apiVersion"))) return StrategicMerge(object, document);
  if (HasDirective(document)) {
    return Refused(absl::StrCat("a ", Text(object, "kind"),
                                " is a custom resource, of which "
                                "Kubernetes knows no lists to merge: there is no $patch"),
                   "Write the whole list that it is to have, or null for a field that goes.");
  }
  object.merge_patch(document);
  return absl::OkStatus();
}

absl::Status PatchObject(const ServiceModel& model, const Json& document, Rendered& rendered) {
  if (rendered.unpatched.is_null()) rendered.unpatched = rendered.object;
  CHARON_RETURN_IF_ERROR(MergeOver(document, rendered.object));
  CHARON_RETURN_IF_ERROR(CheckIdentity(model, rendered, rendered.unpatched));
  CHARON_RETURN_IF_ERROR(CheckMetadata(rendered, rendered.unpatched));
  return CheckInitial(rendered);
}

// --- Ports by name

Json PortsOf(const Json& service) {
  const Json& ports = Field(service, "spec.ports");
  return ports.is_array() ? ports : Json::array();
}

bool IsSamePort(const Json& a, const Json& b) {
  return a.value("port", Json()) == b.value("port", Json()) &&
         a.value("protocol", "TCP") == b.value("protocol", "TCP");
}

// What ports of a patched Service are called now, by what they were called: a name, or the number
// of one that has none.
std::map<std::string, Json> Renamed(const Rendered& service) {
  std::map<std::string, Json> renamed;
  for (const Json& before : PortsOf(service.unpatched)) {
    for (const Json& after : PortsOf(service.object)) {
      if (!IsSamePort(before, after) || Text(before, "name") == Text(after, "name")) continue;
      renamed[Text(before, "name")] =
          after.contains("name") ? after["name"] : after.value("port", Json());
    }
  }
  return renamed;
}

// The port references of an Ingress: {"name": Service, "port": {"name" or "number"}}.
std::vector<Json*> BackendsOf(Json& ingress) {
  std::vector<Json*> backends;
  const auto add = [&backends](Json& backend) {
    if (backend.is_object() && backend.contains("service")) backends.push_back(&backend["service"]);
  };
  Json& spec = ingress["spec"];
  if (spec.contains("defaultBackend")) add(spec["defaultBackend"]);
  if (!Field(ingress, "spec.rules").is_array()) return backends;
  for (Json& rule : spec["rules"]) {
    if (!Field(rule, "http.paths").is_array()) continue;
    for (Json& path : rule["http"]["paths"]) {
      if (path.is_object() && path.contains("backend")) add(path["backend"]);
    }
  }
  return backends;
}

// Whether the ServiceMonitor finds the Service.
bool IsWatched(const Json& monitor, const Json& service) {
  const Json& wanted = Field(monitor, "spec.selector.matchLabels");
  const Json& labels = Field(service, "metadata.labels");
  if (!wanted.is_object() || wanted.empty() || !labels.is_object()) return false;
  Json both = labels;
  both.update(wanted);
  return both == labels;
}

std::vector<Json*> EndpointsOf(Json& monitor) {
  std::vector<Json*> endpoints;
  if (!Field(monitor, "spec.endpoints").is_array()) return endpoints;
  for (Json& endpoint : monitor["spec"]["endpoints"]) {
    if (endpoint.is_object() && endpoint.contains("port")) endpoints.push_back(&endpoint);
  }
  return endpoints;
}

// What is rendered to lead to a port by its name, by the name that it has now.
void FollowNames(const Rendered& service, std::vector<Rendered>& objects) {
  const std::map<std::string, Json> renamed = Renamed(service);
  for (Rendered& rendered : objects) {
    if (renamed.empty()) return;
    if (rendered.object["kind"] == "Ingress") {
      for (Json* backend : BackendsOf(rendered.object)) {
        const auto found = renamed.find(Text(*backend, "port.name"));
        if (Text(*backend, "name") != Text(service.object, "metadata.name") ||
            found == renamed.end())
          continue;
        (*backend)["port"] = {{found->second.is_string() ? "name" : "number", found->second}};
      }
    } else if (rendered.object["kind"] == "ServiceMonitor" &&
               IsWatched(rendered.object, service.object)) {
      for (Json* endpoint : EndpointsOf(rendered.object)) {
        const auto found = renamed.find(Text(*endpoint, "port"));
        if (found != renamed.end() && found->second.is_string())
          (*endpoint)["port"] = found->second;
      }
    }
  }
}

bool HasPort(const Json& service, const char* field, const Json& value) {
  const Json ports = PortsOf(service);
  return std::any_of(ports.begin(), ports.end(), [&](const Json& port) {
    return port.is_object() && port.value(field, Json()) == value;
  });
}

// That nothing of the service leads to a port that its Service has not.
absl::Status CheckWays(const ServiceModel& model, std::vector<Rendered>& objects) {
  const auto gone = [&](const Json& from, const Json& port, const Json& service) {
    return Refused(absl::StrCat(NameOf(model, from), " leads to port ", port.dump(), " of ",
                                NameOf(model, service), ", which that has not as it is patched"),
                   "Leave the port in, or patch both.");
  };
  for (const Rendered& service : objects) {
    if (service.object["kind"] != "Service") continue;
    for (Rendered& rendered : objects) {
      if (rendered.object["kind"] == "Ingress") {
        for (const Json* backend : BackendsOf(rendered.object)) {
          const Json& name = Field(*backend, "port.name");
          const Json& number = Field(*backend, "port.number");
          if (Text(*backend, "name") != Text(service.object, "metadata.name")) continue;
          if (!name.is_null() && !HasPort(service.object, "name", name))
            return gone(rendered.object, name, service.object);
          if (!number.is_null() && !HasPort(service.object, "port", number))
            return gone(rendered.object, number, service.object);
        }
      } else if (rendered.object["kind"] == "ServiceMonitor" &&
                 IsWatched(rendered.object, service.object)) {
        for (const Json* endpoint : EndpointsOf(rendered.object)) {
          if (!HasPort(service.object, "name", (*endpoint)["port"]))
            return gone(rendered.object, (*endpoint)["port"], service.object);
        }
      }
    }
  }
  return absl::OkStatus();
}

// What is wrong in a document whatever it is merged over.
std::vector<absl::Status> CheckDocument(const ServiceModel& model, const Json& document) {
  if (IsWorkloads(model, document)) return CheckPatchOwners(model, document);
  const std::string kind = Text(document, "kind");
  if (ApiVersionOf(kind).empty()) {
    return {Refused(absl::StrCat("services have no objects of kind ", document["kind"].dump()),
                    "Leave the kind out for the workload; other objects are those that "
                    "\"objects\" lists, and provider::charon::service_manifests shows.")};
  }
  if (kind == "Secret" && (document.contains("data") || document.contains("stringData"))) {
    return {Refused("the values of a Secret are not a patch's: they would be in the state",
                    "Give variables by env_wo, or make a Secret with charon_secret and name it in "
                    "env_secret or volumes.")};
  }
  return {};
}

// Which of several it is.
absl::Status OfDocument(std::size_t i, const std::vector<Json>& documents, absl::Status status) {
  return documents.size() == 1 ? status
                               : Annotate(std::move(status), absl::StrCat("document ", i + 1));
}

absl::Status PatchAll(const ServiceModel& model, const std::vector<Json>& documents,
                      std::vector<Rendered>& objects) {
  for (absl::Status& wrong : CheckPatches(model, documents)) return std::move(wrong);
  std::vector<Rendered*> targets;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const absl::StatusOr<Rendered*> target = TargetOf(model, documents[i], objects);
    if (!target.ok()) return OfDocument(i, documents, target.status());
    targets.push_back(*target);
  }
  // Services first: what leads to their ports is patched as it then is.
  bool leads = false;
  for (const bool services : {true, false}) {
    for (std::size_t i = 0; i < documents.size(); ++i) {
      const std::string kind = Text(targets[i]->object, "kind");
      if ((kind == "Service") != services) continue;
      leads = leads || kind == "Service" || kind == "Ingress" || kind == "ServiceMonitor";
      CHARON_RETURN_IF_ERROR(
          OfDocument(i, documents, PatchObject(model, documents[i], *targets[i])));
    }
    for (const Rendered& rendered : objects) {
      if (services && rendered.object["kind"] == "Service" && !rendered.unpatched.is_null())
        FollowNames(rendered, objects);
    }
  }
  return leads ? CheckWays(model, objects) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Json>> PatchDocuments(const ServiceModel& model) {
  std::vector<Json> documents;
  if (!model.extra_manifest_patch.IsKnown()) return documents;
  CHARON_ASSIGN_OR_RETURN(documents, kubernetes::ParseYamlDocuments(*model.extra_manifest_patch));
  if (documents.empty()) return kubernetes::ParseYaml(*model.extra_manifest_patch).status();
  for (const Json& document : documents) {
    if (!document.is_object()) return absl::InvalidArgumentError("must be a map of fields");
  }
  return documents;
}

std::vector<Json> WorkloadPatches(const ServiceModel& model) {
  std::vector<Json> documents = PatchDocuments(model).value_or(std::vector<Json>());
  std::erase_if(documents, [&](const Json& document) { return !IsWorkloads(model, document); });
  return documents;
}

std::vector<absl::Status> CheckPatches(const ServiceModel& model,
                                       const std::vector<Json>& documents) {
  std::vector<absl::Status> wrong;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    for (absl::Status& status : CheckDocument(model, documents[i]))
      wrong.push_back(OfDocument(i, documents, std::move(status)));
  }
  return wrong;
}

absl::Status PatchObjects(const ServiceModel& model, std::vector<Rendered>& objects) {
  if (!model.extra_manifest_patch.IsKnown()) return absl::OkStatus();
  const absl::StatusOr<std::vector<Json>> documents = PatchDocuments(model);
  return At(kAttribute, documents.ok() ? PatchAll(model, *documents, objects) : documents.status());
}

}  // namespace charon::service
