#include "objects.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "admission.h"
#include "codec.h"
#include "custom_schema.h"
#include "defaults.h"
#include "field_ownership.h"
#include "patch.h"
#include "status.h"
#include "strategy.h"
#include "validation.h"

namespace charon::sandbox {
namespace {

constexpr char kModified[] =
    "the object has been modified; please apply your changes to the latest version and try again";

FieldWriter WriterOf(const Call& call, absl::Time now) {
  const Resource& resource = *call.resource;
  FieldWriter writer;
  writer.manager = call.manager;
  writer.api_version = resource.api_version();
  writer.subresource = call.subresource;
  writer.type = resource.type;
  writer.empty = resource.empty;
  writer.ignored = IgnoredFields(resource, call.subresource);
  writer.now = now;
  writer.keep_time = call.subresource == "scale";
  return writer;
}

// Equal but for the times in managedFields: such a write is none.
bool SameButTimes(const Json& live, const Json& object) {
  if (live == object) return true;
  Json a = live;
  Json b = object;
  for (Json* side : {&a, &b}) {
    Json* list = FindMutable(*side, {"metadata", "managedFields"});
    if (list == nullptr || !list->is_array()) continue;
    for (Json& entry : *list) {
      if (entry.is_object()) entry.erase("time");
    }
    // Entries are sorted by time, so their order may differ too.
    std::sort(list->begin(), list->end(),
              [](const Json& x, const Json& y) { return x.dump() < y.dump(); });
  }
  return a == b;
}

// What strict validation says about a body, in the order of the body.
std::vector<std::string> Complaints(const ParsedDocument& sent,
                                    const std::vector<std::string>& unknown, bool in_order) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string& path : sent.duplicates) {
    found.emplace_back(path, absl::StrCat("duplicate field ", Quote(path)));
  }
  for (const std::string& path : unknown) {
    found.emplace_back(path, absl::StrCat("unknown field ", Quote(path)));
  }
  if (found.size() > 1 && !sent.source.empty() && in_order) {
    const std::vector<std::string> order = KeyPaths(sent.source);
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
      return std::find(order.begin(), order.end(), a.first) <
             std::find(order.begin(), order.end(), b.first);
    });
  }
  std::vector<std::string> out;
  for (auto& [path, text] : found) out.push_back(std::move(text));
  return out;
}

absl::Status WrongKind(const Resource& resource, const std::string& version,
                       const std::string& kind, bool known) {
  const auto slash = version.find('/');
  const std::string short_version =
      slash == std::string::npos ? version : version.substr(slash + 1);
  const std::string head = absl::StrCat(kind, " in version ", Quote(short_version),
                                        " cannot be handled as a ", resource.kind, ": ");
  if (!known) {
    return BadRequest(absl::StrCat(head, "no kind ", Quote(kind), " is registered for version ",
                                   Quote(version), " in scheme \"pkg/runtime/scheme.go:111\""));
  }
  if (kind == resource.kind) {
    return BadRequest(absl::StrCat("the API version in the data (", version,
                                   ") does not match the expected API version (",
                                   resource.api_version(), ")"));
  }
  const std::string group =
      resource.group.empty() ? "core" : resource.group.substr(0, resource.group.find('.'));
  return BadRequest(absl::StrCat(head, "converting (", short_version, ".", kind, ") to (", group,
                                 ".", resource.kind, "): unknown conversion"));
}

// What the server itself writes in metadata, taken from `live`.
void KeepServerMetadata(const Json& live, Json& object) {
  Json& metadata = Ensure(object, {"metadata"});
  if (Text(metadata, {"uid"}).empty()) metadata["uid"] = Text(live, {"metadata", "uid"});
  for (const char* name : {"creationTimestamp", "selfLink", "generation", "deletionTimestamp",
                           "deletionGracePeriodSeconds", "generateName"}) {
    const Json* value = Find(live, {"metadata", name});
    if (value == nullptr) {
      if (std::string_view(name) != "generateName") metadata.erase(name);
    } else {
      metadata[name] = *value;
    }
  }
}

}  // namespace

ObjectPtr InVersion(const Resource& resource, ObjectPtr object) {
  if (object == nullptr || Text(*object, {"apiVersion"}) == resource.api_version()) return object;
  Json copy = *object;
  copy["apiVersion"] = resource.api_version();
  return std::make_shared<const Json>(std::move(copy));
}

absl::StatusOr<ObjectPtr> Objects::Get(const Call& call) const {
  ObjectPtr object = cluster_.store.Get(call.resource->storage_key(), call.ns, call.name);
  if (object == nullptr) return NotFound(call.resource->group_resource(), call.name);
  object = InVersion(*call.resource, object);
  if (call.subresource == "scale") {
    return std::make_shared<const Json>(ScaleOf(*call.resource, *object));
  }
  return object;
}

absl::StatusOr<Json> Objects::Decode(Call& call, const Json& body, const ParsedDocument& sent,
                                     const PatchFormat* patch) const {
  const Resource& resource = *call.resource;
  if (!body.is_object()) {
    return BadRequest(
        absl::StrCat("the object provided is unrecognized (must be of type ", resource.kind,
                     "): couldn't get version/kind; json parse error: json: cannot unmarshal ",
                     body.is_array() ? "array" : "value",
                     " into Go value of type struct { APIVersion string "
                     "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
                     "\"json:\\\"kind,omitempty\\\"\" } (",
                     absl::BytesToHexString(sent.source.substr(0, 512)), ")"));
  }
  Json input = body;
  const std::string version = Text(body, {"apiVersion"}, resource.api_version());
  const std::string kind = Text(body, {"kind"}, resource.kind);
  if (kind != resource.kind || version != resource.api_version()) {
    return WrongKind(resource, version, kind, cluster_.kinds.FindKind(version, kind) != nullptr);
  }
  input["apiVersion"] = version;
  input["kind"] = kind;

  const auto unreadable = [&](absl::string_view message) -> absl::Status {
    if (patch == nullptr) {
      return BadRequest(absl::StrCat(resource.kind, " in version ", Quote(resource.version),
                                     " cannot be handled as a ", resource.kind, ": ", message));
    }
    FieldErrors errors;
    errors.Invalid("patch", *patch == PatchFormat::kStrategic ? GoPlain(sent.value) : Dump(body),
                   message);
    return Invalid({}, "", errors);
  };
  std::vector<std::string> unknown;
  Json object;
  if (resource.is_custom()) {
    const Type& metadata_type = *TypeSet::BuiltIn().Find("ObjectMeta");
    const Json* metadata = Find(input, {"metadata"});
    absl::StatusOr<Decoded> decoded =
        DecodeAs(metadata == nullptr ? Json::object() : *metadata, metadata_type);
    if (!decoded.ok()) return unreadable(decoded.status().message());
    object = input;
    object["metadata"] = std::move(decoded->object);
    for (const std::string& path : decoded->unknown_fields) unknown.push_back("metadata." + path);
    for (std::string& path : PruneCustom(*resource.custom, object)) unknown.push_back(path);
  } else {
    absl::StatusOr<Decoded> decoded = DecodeAs(input, *resource.type);
    if (!decoded.ok()) return unreadable(decoded.status().message());
    unknown = std::move(decoded->unknown_fields);
    object = std::move(decoded->object);
  }
  const std::vector<std::string> complaints = Complaints(sent, unknown, !resource.is_custom());
  if (!complaints.empty() && call.field_validation == FieldValidation::kStrict) {
    return unreadable(absl::StrCat("strict decoding error: ", absl::StrJoin(complaints, ", ")));
  }
  if (call.field_validation == FieldValidation::kWarn) {
    call.warnings.insert(call.warnings.end(), complaints.begin(), complaints.end());
  }
  return object;
}

absl::Status Objects::CheckMetadata(const Call& call, Json& object) const {
  Json& metadata = Ensure(object, {"metadata"});
  const std::string ns = Text(metadata, {"namespace"});
  if (call.resource->namespaced) {
    if (!ns.empty() && ns != call.ns) {
      return BadRequest(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
    metadata["namespace"] = call.ns;
  } else if (!ns.empty()) {
    return BadRequest("namespace may not be set on a cluster-scoped object");
  }
  return absl::OkStatus();
}

absl::Status Objects::CheckName(const Call& call, Json& object) const {
  const std::string name = Text(object, {"metadata", "name"});
  if (name.empty()) object["metadata"]["name"] = call.name;
  if (name.empty() || name == call.name) return absl::OkStatus();
  return BadRequest(absl::StrCat("the name of the object (", name,
                                 ") does not match the name on the URL (", call.name, ")"));
}

absl::StatusOr<Written> Objects::Create(Call& call, const ParsedDocument& body) {
  SANDBOX_ASSIGN_OR_RETURN(Json object, Decode(call, body.value, body));
  SANDBOX_RETURN_IF_ERROR(CheckMetadata(call, object));
  ApplyDefaults(*call.resource, object);
  object = TrackUpdate(Json(), std::move(object), WriterOf(call, cluster_.Now()));
  return FinishCreate(call, std::move(object));
}

absl::StatusOr<Written> Objects::FinishCreate(Call& call, Json object) {
  const Resource& resource = *call.resource;
  // Names are made before admission sees the object.
  const std::string generate = Text(object, {"metadata", "generateName"});
  if (Text(object, {"metadata", "name"}).empty() && !generate.empty()) {
    object["metadata"]["name"] = absl::StrCat(generate.substr(0, 58), cluster_.NameSuffix());
  }
  call.name = Text(object, {"metadata", "name"});
  SANDBOX_RETURN_IF_ERROR(Mutate(cluster_, call, Json(), object));
  // Admission may have replaced the whole object, so its parts are looked up only now.
  Json& metadata = Ensure(object, {"metadata"});
  if (!Text(metadata, {"resourceVersion"}).empty()) {
    return PlainError("resourceVersion should not be set on objects to be created");
  }
  for (const char* name : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}) {
    metadata.erase(name);
  }
  metadata["uid"] = cluster_.NewUid();
  metadata["creationTimestamp"] = cluster_.NowText();
  metadata.erase("generation");
  if (HasGeneration(resource)) metadata["generation"] = 1;
  PrepareForCreate(cluster_, resource, object);
  object = CanonicalObject(object, resource);
  if (resource.is_custom()) DefaultCustom(*resource.custom, object);
  const FieldErrors errors = ValidateCreate(resource, object);
  if (!errors.empty()) {
    return Invalid(resource.group_kind(), Text(object, {"metadata", "name"}), errors);
  }
  SANDBOX_RETURN_IF_ERROR(Admit(cluster_, call, Json(), object));
  if (cluster_.store.Get(resource.storage_key(), call.ns, call.name) != nullptr) {
    return AlreadyExists(resource.group_resource(), call.name);
  }
  if (call.dry_run) return Written{std::make_shared<const Json>(std::move(object)), true};
  ++cluster_.wake_count;
  const ObjectPtr stored = cluster_.store.Put(resource.storage_key(), object);
  if (resource.storage_key() == "/namespaces") FillNamespace(call.name);
  return Written{InVersion(resource, stored), true};
}

// What every namespace holds from the first moment.
void Objects::FillNamespace(const std::string& ns) {
  CreateInternal("v1", "ServiceAccount", {{"metadata", {{"name", "default"}, {"namespace", ns}}}},
                 "kube-controller-manager");
  CreateInternal("v1", "ConfigMap",
                 {{"metadata",
                   {{"name", "kube-root-ca.crt"},
                    {"namespace", ns},
                    {"annotations",
                     {{"kubernetes.io/description",
                       "The certificate authority of this server's internal endpoints."}}}}},
                  {"data", {{"ca.crt", cluster_.ca_pem}}}},
                 "kube-controller-manager");
}

absl::StatusOr<Written> Objects::Update(Call& call, const ParsedDocument& body) {
  if (call.subresource == "scale") {
    const ObjectPtr current = cluster_.store.Get(call.resource->storage_key(), call.ns, call.name);
    if (current == nullptr) return NotFound(call.resource->group_resource(), call.name);
    return UpdateScale(call, *InVersion(*call.resource, current), body.value);
  }
  SANDBOX_ASSIGN_OR_RETURN(Json object, Decode(call, body.value, body));
  SANDBOX_RETURN_IF_ERROR(CheckMetadata(call, object));
  SANDBOX_RETURN_IF_ERROR(CheckName(call, object));
  const ObjectPtr current = cluster_.store.Get(call.resource->storage_key(), call.ns, call.name);
  if (current == nullptr) return NotFound(call.resource->group_resource(), call.name);
  const Json live = *InVersion(*call.resource, current);
  const std::string version = Text(object, {"metadata", "resourceVersion"});
  if (version.empty() && !AllowsUnconditionalUpdate(*call.resource)) {
    FieldErrors errors;
    errors.Invalid("metadata.resourceVersion", 0, "must be specified for an update");
    return Invalid(call.resource->group_resource(), call.name, errors);
  }
  const std::string uid = Text(object, {"metadata", "uid"});
  const std::string live_uid = Text(live, {"metadata", "uid"});
  if (!uid.empty() && uid != live_uid) {
    return Conflict(call.resource->group_resource(), call.name,
                    absl::StrCat("Precondition failed: UID in precondition: ", uid,
                                 ", UID in object meta: ", live_uid));
  }
  if (!version.empty() && version != Text(live, {"metadata", "resourceVersion"})) {
    return Conflict(call.resource->group_resource(), call.name, kModified);
  }
  ApplyDefaults(*call.resource, object);
  return FinishUpdate(call, live, std::move(object));
}

// `object` is what the client wants, in canonical form but without what the server keeps.
absl::StatusOr<Written> Objects::FinishUpdate(Call& call, const Json& live, Json object) {
  object["metadata"]["resourceVersion"] = Text(live, {"metadata", "resourceVersion"});
  KeepServerMetadata(live, object);
  object = TrackUpdate(live, std::move(object), WriterOf(call, cluster_.Now()));
  return StoreUpdate(call, live, std::move(object));
}

absl::StatusOr<Written> Objects::StoreUpdate(Call& call, const Json& live, Json object) {
  const Resource& resource = *call.resource;
  SANDBOX_RETURN_IF_ERROR(Mutate(cluster_, call, live, object));
  PrepareForUpdate(cluster_, resource, call.subresource, live, object);
  object = CanonicalObject(object, resource);
  if (resource.is_custom()) DefaultCustom(*resource.custom, object);
  const FieldErrors errors = ValidateUpdate(resource, object, live);
  if (!errors.empty()) return Invalid(resource.group_kind(), call.name, errors);
  SANDBOX_RETURN_IF_ERROR(Admit(cluster_, call, live, object));
  if (SameButTimes(live, object)) return Written{std::make_shared<const Json>(live), false};
  if (call.dry_run) return Written{std::make_shared<const Json>(std::move(object)), false};
  if (FinishDeletion(resource, object)) {
    return Written{InVersion(resource, std::make_shared<const Json>(std::move(object))), false};
  }
  ++cluster_.wake_count;
  const ObjectPtr stored = cluster_.store.Put(resource.storage_key(), std::move(object));
  return Written{InVersion(resource, stored), false};
}

absl::StatusOr<Written> Objects::Patch(Call& call, PatchFormat format, const ParsedDocument& body) {
  const Resource& resource = *call.resource;
  if (format == PatchFormat::kApply) return ApplyPatch(call, body);
  if (call.subresource == "scale") return PatchScale(call, format, body);
  const ObjectPtr current = cluster_.store.Get(resource.storage_key(), call.ns, call.name);
  if (current == nullptr) return NotFound(resource.group_resource(), call.name);
  const Json live = *InVersion(resource, current);
  Json patched;
  if (format == PatchFormat::kJson) {
    SANDBOX_ASSIGN_OR_RETURN(patched, JsonPatch(live, body.value));
  } else if (!body.value.is_object()) {
    return BadRequest(absl::StrCat("error decoding patch: json: cannot unmarshal ",
                                   body.value.is_array() ? "array" : "string",
                                   " into Go value of type map[string]interface {}"));
  } else if (format == PatchFormat::kMerge) {
    patched = MergePatch(live, body.value);
  } else {
    SANDBOX_ASSIGN_OR_RETURN(patched, StrategicMergePatch(live, body.value, *resource.type));
  }
  SANDBOX_ASSIGN_OR_RETURN(Json object, Decode(call, patched, body, &format));
  SANDBOX_RETURN_IF_ERROR(CheckMetadata(call, object));
  const std::string name = Text(object, {"metadata", "name"});
  if (name != call.name) {
    return BadRequest(absl::StrCat("the name of the object (", name,
                                   ") does not match the name on the URL (", call.name, ")"));
  }
  const std::string version = Text(object, {"metadata", "resourceVersion"});
  if (!version.empty() && version != Text(live, {"metadata", "resourceVersion"})) {
    return Conflict(resource.group_resource(), call.name, kModified);
  }
  ApplyDefaults(resource, object);
  return FinishUpdate(call, live, std::move(object));
}

absl::StatusOr<Written> Objects::ApplyPatch(Call& call, const ParsedDocument& body) {
  const Resource& resource = *call.resource;
  if (!body.value.is_object()) {
    return BadRequest(
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
        "value into Go value of type map[string]interface {}");
  }
  if (call.subresource == "scale") return PatchScale(call, PatchFormat::kMerge, body);
  const Json& patch = body.value;
  const ObjectPtr current = cluster_.store.Get(resource.storage_key(), call.ns, call.name);
  const Json live = current == nullptr ? Json() : *InVersion(resource, current);
  if (current == nullptr && !call.subresource.empty()) {
    return NotFound(resource.group_resource(), call.name);
  }
  const std::string version = Text(patch, {"apiVersion"});
  const std::string kind = Text(patch, {"kind"});
  if (version != resource.api_version() || kind != resource.kind) {
    return BadRequest(
        absl::StrCat("invalid object type: ", absl::StrContains(version, "/") ? "" : "/", version,
                     ", Kind=", kind));
  }
  SANDBOX_ASSIGN_OR_RETURN(Applied applied,
                           Apply(live, patch, call.force, WriterOf(call, cluster_.Now())));
  if (call.field_validation == FieldValidation::kStrict && !body.duplicates.empty()) {
    std::vector<std::string> lines;
    for (const std::string& path : body.duplicates) {
      lines.push_back(
          absl::StrCat("  key ", Quote(path.substr(path.rfind('.') + 1)), " already set in map"));
    }
    return BadRequest(
        absl::StrCat("error strict decoding YAML: error converting YAML to JSON: "
                     "yaml: unmarshal errors:\n",
                     absl::StrJoin(lines, "\n")));
  }
  Json object = std::move(applied.object);
  SANDBOX_RETURN_IF_ERROR(CheckMetadata(call, object));
  SANDBOX_RETURN_IF_ERROR(CheckName(call, object));
  const std::string sent_version = Text(patch, {"metadata", "resourceVersion"});
  if (current != nullptr && !sent_version.empty() &&
      sent_version != Text(live, {"metadata", "resourceVersion"})) {
    return Conflict(resource.group_resource(), call.name, kModified);
  }
  // What the merge kept in the client's spelling becomes canonical here.
  if (resource.is_custom()) {
    std::vector<std::string> unknown = PruneCustom(*resource.custom, object);
    if (!unknown.empty() && call.field_validation == FieldValidation::kStrict) {
      return BadRequest(absl::StrCat("failed to decode: strict decoding error: ",
                                     absl::StrJoin(Complaints(body, unknown, false), ", ")));
    }
  } else {
    const absl::StatusOr<Decoded> decoded = DecodeAs(object, *resource.type);
    if (!decoded.ok()) {
      return PlainError(absl::StrCat("failed to convert new object (", call.ns, "/", call.name,
                                     "; ", resource.group.empty() ? "/" : "",
                                     resource.api_version(), ", Kind=", resource.kind,
                                     ") to proper version: ", decoded.status().message()));
    }
  }
  object = CanonicalObject(object, resource);
  ApplyDefaults(resource, object);
  if (current == nullptr) {
    if (const std::string uid = Text(patch, {"metadata", "uid"}); !uid.empty()) {
      FieldErrors errors;
      errors.Invalid("metadata.uid", uid, "field is immutable");
      errors.Invalid("metadata.uid", uid, "field is immutable");
      return Invalid(resource.group_kind(), call.name, errors);
    }
    sandbox::Erase(object, {"metadata", "resourceVersion"});
    return FinishCreate(call, std::move(object));
  }
  KeepServerMetadata(live, object);
  return StoreUpdate(call, live, std::move(object));
}

void Objects::Replace(const Resource& resource, Json object, absl::string_view manager,
                      absl::string_view subresource) {
  Call call;
  call.resource = cluster_.kinds.FindAnyVersion(resource.group, resource.plural);
  call.ns = Text(object, {"metadata", "namespace"});
  call.name = Text(object, {"metadata", "name"});
  call.subresource = std::string(subresource);
  call.manager = std::string(manager);
  call.internal = true;
  const ObjectPtr live = cluster_.store.Get(resource.storage_key(), call.ns, call.name);
  if (live == nullptr || call.resource == nullptr) return;
  object = CanonicalObject(object, resource);
  // A controller's write is never refused for being late: it was computed under the same lock.
  (void)FinishUpdate(call, *live, std::move(object));
}

bool Objects::CreateInternal(const char* api_version, const char* kind, Json object,
                             absl::string_view manager) {
  Call call;
  call.resource = cluster_.kinds.FindKind(api_version, kind);
  if (call.resource == nullptr) return false;
  call.ns = Text(object, {"metadata", "namespace"});
  call.manager = std::string(manager);
  call.internal = true;
  return Create(call, ParsedDocument{std::move(object), {}, ""}).ok();
}

}  // namespace charon::sandbox
