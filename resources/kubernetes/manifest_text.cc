#include "resources/kubernetes/manifest_text.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/operations/apply_object.h"
#include "provider/operations/hidden_values.h"
#include "provider/value/json.h"
#include "resources/kubernetes/manifest_edit.h"

namespace charon::kubernetes_resources {
namespace {

using operations::kLastApplied;

// Fields of metadata that only the server writes.
constexpr const char* kServerFields[] = {"uid",
                                         "resourceVersion",
                                         "generation",
                                         "creationTimestamp",
                                         "deletionTimestamp",
                                         "deletionGracePeriodSeconds",
                                         "managedFields",
                                         "selfLink"};

// Managers that are part of the cluster: what they write is no user's wish.
bool IsController(absl::string_view manager) {
  return absl::StartsWith(manager, "kube-") || absl::StartsWith(manager, "k3s") ||
         manager == "kubelet" || absl::EndsWith(manager, "-controller") ||
         absl::EndsWith(manager, "-controller-manager") || absl::EndsWith(manager, "-operator");
}

bool IsSecret(const kubernetes::ObjectKind& kind) {
  return kind.api_version == "v1" && kind.kind == "Secret";
}

struct ImmutableField {
  const char* kind;
  const char* path;
};

// Fields that the API server refuses to change, by kind (Kubernetes API validation, v1.36: apps,
// batch, core, rbac, scheduling, storage). StatefulSets list what they do allow, so the rest is
// handled in code.
constexpr ImmutableField kImmutable[] = {
    {"Deployment", "spec.selector"},
    {"ReplicaSet", "spec.selector"},
    {"DaemonSet", "spec.selector"},
    {"Job", "spec.selector"},
    {"Job", "spec.template"},
    {"Job", "spec.completionMode"},
    {"Job", "spec.podFailurePolicy"},
    {"RoleBinding", "roleRef"},
    {"ClusterRoleBinding", "roleRef"},
    {"PriorityClass", "value"},
    {"PriorityClass", "preemptionPolicy"},
    {"StorageClass", "provisioner"},
    {"StorageClass", "parameters"},
    {"StorageClass", "reclaimPolicy"},
    {"StorageClass", "volumeBindingMode"},
    {"Secret", "type"},
    {"Service", "spec.clusterIP"},
    {"PersistentVolumeClaim", "spec.accessModes"},
    {"PersistentVolumeClaim", "spec.selector"},
    {"PersistentVolumeClaim", "spec.storageClassName"},
    {"PersistentVolumeClaim", "spec.volumeMode"},
    {"PersistentVolumeClaim", "spec.volumeName"},
    {"PersistentVolumeClaim", "spec.dataSource"},
    {"IngressClass", "spec.controller"},
    {"CustomResourceDefinition", "spec.scope"},
    {"CustomResourceDefinition", "spec.names.kind"},
    {"CustomResourceDefinition", "spec.group"},
    {"EndpointSlice", "addressType"},
};

// What a StatefulSet may change after its creation (v1.36).
const char* const kStatefulSetMutable[] = {"replicas",
                                           "ordinals",
                                           "template",
                                           "updateStrategy",
                                           "revisionHistoryLimit",
                                           "persistentVolumeClaimRetentionPolicy",
                                           "minReadySeconds"};

// Removes `protocol: TCP` from the list items of `value` where it only fills in the key of an item
// that was written without it: then no manager owns the field. `owned` is the part of a field set
// that belongs to `value`.
void DropFilledInProtocols(Json& value, const kubernetes::FieldSet& owned) {
  using Kind = kubernetes::FieldStep::Kind;
  for (const auto& [step, below] : owned.children()) {
    if (step.kind == Kind::kField && value.is_object() && value.contains(step.text)) {
      DropFilledInProtocols(value[step.text], below);
    }
    if (step.kind != Kind::kKey || !value.is_array()) continue;
    const Json keys = Json::parse(step.text, nullptr, /*allow_exceptions=*/false);
    for (Json& item : value) {
      const bool matches =
          keys.is_object() && item.is_object() &&
          std::all_of(keys.items().begin(), keys.items().end(), [&](const auto& key) {
            const auto found = item.find(key.key());
            return found != item.end() && *found == key.value();
          });
      if (!matches) continue;
      if (keys.value("protocol", "") == "TCP" && !below.Contains({{Kind::kField, "protocol"}}))
        item.erase("protocol");
      DropFilledInProtocols(item, below);
      break;
    }
  }
}

// What `kubectl apply` (client-side) was last given, with the values that are there now: the user's
// own words, while kubectl's entry in managedFields also has what the server filled in. Null if
// kubectl does not manage the object.
Json LastAppliedByKubectl(const Json& live) {
  const std::vector<kubernetes::ManagerEntry> managers = kubernetes::Managers(live);
  const bool managed =
      std::any_of(managers.begin(), managers.end(), [](const kubernetes::ManagerEntry& entry) {
        return entry.manager == "kubectl-client-side-apply" && entry.subresource.empty();
      });
  if (!managed) return Json();
  const Json applied = Json::parse(kubernetes::Annotation(live, kLastApplied), nullptr,
                                   /*allow_exceptions=*/false);
  if (!applied.is_object()) return Json();
  const absl::StatusOr<kubernetes::ObjectRef> then = kubernetes::RefOf(applied),
                                              now = kubernetes::RefOf(live);
  if (!then.ok() || !now.ok() || *then != *now) return Json();
  return kubernetes::Overlay(applied, live);
}

}  // namespace

absl::Status CheckManifest(const Json& object) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        "must be one Kubernetes object: a map with apiVersion, kind and metadata");
  }
  CHARON_ASSIGN_OR_RETURN(const kubernetes::ObjectRef ref, kubernetes::RefOf(object));
  if (absl::EndsWith(ref.kind.kind, "List") && object.contains("items")) {
    return WithRemedy(absl::InvalidArgumentError(
                          absl::StrCat("is a ", ref.kind.kind, ", which holds several objects")),
                      "Use one resource for each, with for_each over manifest_decode_multi.");
  }
  std::vector<std::string> server;
  for (const char* field : kServerFields) {
    if (object["metadata"].contains(field)) server.push_back(absl::StrCat("metadata.", field));
  }
  if (object.contains("status")) server.push_back("status");
  if (!server.empty()) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                          "has fields that only the server writes: ", absl::StrJoin(server, ", "))),
                      "Remove them from the manifest.");
  }
  const Json& annotations = kubernetes::Field(object, "metadata.annotations");
  if (annotations.is_object() && annotations.contains(operations::kOwnerAnnotation)) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("has the annotation ", operations::kOwnerAnnotation,
                                                ", which the provider writes itself")),
        "Remove it from the manifest. Which stack an object belongs to is set by "
        "conventions.owner.");
  }
  return CheckNoSecret(ref.kind, object);
}

absl::Status CheckNoSecret(const kubernetes::ObjectKind& kind, const Json& fields) {
  if (!IsSecret(kind)) return absl::OkStatus();
  for (const char* field : {"data", "stringData"}) {
    const auto values = fields.find(field);
    if (values == fields.end() || values->empty()) continue;
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("has the values of a Secret (", field,
                                                              "), which would be stored in "
                                                              "Terraform's state in plain text")),
                      "Give them as manifest_wo = jsonencode({ stringData = { ... } }) with a "
                      "manifest_wo_version, or use charon_secret.");
  }
  if (!kubernetes::Annotation(fields, kLastApplied).empty()) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat(
            "has the annotation ", kLastApplied,
            ", in which kubectl apply puts the whole Secret: its values would be stored in "
            "Terraform's state in plain text")),
        "Remove it from the manifest: server-side apply has no use for it.");
  }
  return absl::OkStatus();
}

void EncodeSecret(Json& object) {
  const absl::StatusOr<kubernetes::ObjectRef> ref = kubernetes::RefOf(object);
  if (!ref.ok() || !IsSecret(ref->kind)) return;
  if (const auto plain = object.find("stringData"); plain != object.end() && plain->is_object()) {
    for (auto entry = plain->begin(); entry != plain->end();) {
      if (!entry->is_string()) {  // the server says what is wrong with it
        ++entry;
        continue;
      }
      object["data"][entry.key()] = absl::Base64Escape(entry->get_ref<const std::string&>());
      entry = plain->erase(entry);
    }
    if (plain->empty()) object.erase("stringData");
  }
  std::string value;
  for (const Json& entry : object.value("data", Json::object())) {
    if (entry.is_string() && absl::Base64Unescape(entry.get_ref<const std::string&>(), &value))
      RegisterSecret(value);
  }
}

absl::StatusOr<Json> ParseManifest(absl::string_view text) {
  CHARON_ASSIGN_OR_RETURN(Json object, kubernetes::ParseYaml(text));
  DropNulls(object);
  return object;
}

absl::StatusOr<std::shared_ptr<const Json>> ManifestCache::Read(const std::string& text) {
  if (std::shared_ptr<const Json> object = Find(text); object != nullptr) return object;
  CHARON_ASSIGN_OR_RETURN(Json parsed, ParseManifest(text));
  CHARON_RETURN_IF_ERROR(CheckManifest(parsed));
  auto object = std::make_shared<const Json>(std::move(parsed));
  if (text.size() > kLongestText) return object;
  const absl::MutexLock lock(&mutex_);
  entries_[next_] = {text, object};
  next_ = (next_ + 1) % kEntries;
  return object;
}

std::shared_ptr<const Json> ManifestCache::Find(const std::string& text) {
  const absl::MutexLock lock(&mutex_);
  for (const Entry& entry : entries_) {
    if (entry.object != nullptr && entry.text == text) return entry.object;
  }
  return nullptr;
}

void DropNulls(Json& value) {
  if (value.is_object()) {
    for (auto entry = value.begin(); entry != value.end();) {
      if (entry->is_null()) {
        entry = value.erase(entry);
      } else {
        DropNulls(*entry++);
      }
    }
  } else if (value.is_array()) {
    for (Json& element : value) DropNulls(element);
  }
}

absl::StatusOr<Json> ObjectFromValue(const Value& value, bool keep_nulls) {
  CHARON_RETURN_IF_ERROR(CheckNumbersOf64Bits(value));
  CHARON_ASSIGN_OR_RETURN(const std::string text, EncodeAnyJson(value));
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return absl::InternalError("an HCL value became invalid JSON");
  if (!keep_nulls) DropNulls(object);
  return object;
}

void MergeInto(Json& base, const Json& over) {
  if (!base.is_object() || !over.is_object()) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.items()) MergeInto(base[key], value);
}

std::string SharedList(const Json& base, const Json& over) {
  if (!base.is_object() || !over.is_object()) return "";
  for (const auto& [key, value] : over.items()) {
    const auto there = base.find(key);
    if (there == base.end()) continue;
    if (there->is_array() && value.is_array()) return key;
    if (const std::string inner = SharedList(*there, value); !inner.empty())
      return absl::StrCat(key, ".", inner);
  }
  return "";
}

std::string EmitLike(const Json& object, absl::string_view like) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(like);
  if (text.empty() || text[0] == '{') return object.dump();
  if (std::optional<std::string> edited = EditYaml(std::string(like), object)) return *edited;
  return kubernetes::EmitYaml(object);
}

absl::StatusOr<Value> ValueFromObject(const Json& object) {
  CHARON_ASSIGN_OR_RETURN(TypedValue typed, DecodeAnyJson(object.dump()));
  return Value::Dynamic(std::move(typed.type), std::move(typed.value));
}

void RegisterSecrets(const Json& secret) {
  if (secret.is_string()) {
    RegisterSecret(secret.get_ref<const std::string&>());
  } else if (secret.is_structured()) {
    for (const Json& inner : secret) RegisterSecrets(inner);
  }
}

Json ExportManifest(const Json& live, absl::string_view manager) {
  kubernetes::FieldSet owned = kubernetes::AppliedBy(live, manager);
  Json object = owned.empty() ? LastAppliedByKubectl(live) : Json();
  if (object.is_null()) {
    if (owned.empty()) {
      for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(live)) {
        if (entry.subresource.empty() && !IsController(entry.manager))
          owned = owned.Union(entry.fields);
      }
    }
    object = owned.empty() ? live : kubernetes::Project(live, owned);
    DropFilledInProtocols(object, owned);
  }
  object["apiVersion"] = live.value("apiVersion", "");
  object["kind"] = live.value("kind", "");
  Json& metadata = object["metadata"];
  const Json& live_metadata = kubernetes::Field(live, "metadata");
  for (const char* field : {"name", "namespace"}) {
    if (live_metadata.contains(field)) metadata[field] = live_metadata[field];
  }
  for (const char* field : kServerFields) metadata.erase(field);
  metadata.erase("generateName");  // The name came of it, and a manifest must not have both.
  if (metadata.contains("annotations")) {
    for (const char* note : {operations::kOwnerAnnotation, operations::kTenureAnnotation})
      metadata["annotations"].erase(note);
    metadata["annotations"].erase(kSecretsInside);
    metadata["annotations"].erase(kLastApplied);
    metadata["annotations"].erase("deployment.kubernetes.io/revision");
    if (metadata["annotations"].empty()) metadata.erase("annotations");
  }
  object.erase("status");
  operations::DropHiddenValues(live, object);
  return object;
}

std::string FrozenContent(const Json& object) {
  const absl::StatusOr<kubernetes::ObjectRef> ref = kubernetes::RefOf(object);
  if (!ref.ok() || !ref->kind.group().empty()) return "";
  const bool has_content = ref->kind.kind == "Secret" || ref->kind.kind == "ConfigMap";
  return has_content && kubernetes::Field(object, "immutable") == true ? "data" : "";
}

std::string ImmutableChange(const Json& before, const Json& after) {
  const absl::StatusOr<kubernetes::ObjectRef> ref = kubernetes::RefOf(after);
  if (!ref.ok() || !kubernetes::IsBuiltInGroup(ref->kind.group())) return "";
  const std::string& kind = ref->kind.kind;
  auto differs = [&](absl::string_view path) {
    const Json& was = kubernetes::Field(before, path);
    const Json& now = kubernetes::Field(after, path);
    // A field that only one side names may have that value by default.
    return !was.is_null() && !now.is_null() && was != now;
  };
  for (const ImmutableField& field : kImmutable) {
    if (kind == field.kind && differs(field.path)) return field.path;
  }
  // The server keeps it silently: a Service has an address or none for its whole life.
  if (kind == "Service" && kubernetes::Text(before, "spec.clusterIP") == "None" &&
      kubernetes::Text(after, "spec.clusterIP").empty() &&
      kubernetes::Text(after, "spec.type") != "ExternalName")
    return "spec.clusterIP";
  if (kind == "StatefulSet") {
    const Json& was = kubernetes::Field(before, "spec");
    const Json& now = kubernetes::Field(after, "spec");
    const std::set<std::string> may(std::begin(kStatefulSetMutable), std::end(kStatefulSetMutable));
    if (!was.is_object() || !now.is_object()) return "";
    for (const auto& [name, value] : now.items()) {
      if (may.count(name) == 0 && was.contains(name) && was[name] != value)
        return absl::StrCat("spec.", name);
    }
  }
  if (!FrozenContent(before).empty()) {
    for (const char* field : {"data", "binaryData", "immutable"}) {
      if (kubernetes::Field(before, field) != kubernetes::Field(after, field)) return field;
    }
  }
  return "";
}

}  // namespace charon::kubernetes_resources
