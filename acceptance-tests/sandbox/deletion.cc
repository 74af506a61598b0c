// Deleting objects: grace, finalizers, propagation. And the scale subresource, which is small.

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "admission.h"
#include "codec.h"
#include "field_ownership.h"
#include "objects.h"
#include "patch.h"
#include "selector.h"
#include "status.h"
#include "strategy.h"
#include "validation.h"

namespace charon::sandbox {
namespace {

void SetFinalizer(Json& object, absl::string_view finalizer, bool present) {
  Json list = Items(object, {"metadata", "finalizers"});
  const auto it = std::find(list.begin(), list.end(), Json(std::string(finalizer)));
  if (present && it == list.end()) list.push_back(std::string(finalizer));
  if (!present && it != list.end()) list.erase(it);
  if (list.empty()) {
    Erase(object, {"metadata", "finalizers"});
  } else {
    Ensure(object, {"metadata"})["finalizers"] = std::move(list);
  }
}

bool Held(const Json& object) {
  return !Items(object, {"metadata", "finalizers"}).empty() ||
         !Items(object, {"spec", "finalizers"}).empty();
}

std::int64_t DefaultGrace(const Resource& resource, const Json& object) {
  if (resource.storage_key() != "/pods" || Text(object, {"spec", "nodeName"}).empty()) return 0;
  const std::string phase = Text(object, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return 0;
  return Integer(object, {"spec", "terminationGracePeriodSeconds"}, 30);
}

// "spec.replicas" or ".spec.replicas" of a custom resource.
Json* AtDottedPath(Json& object, absl::string_view path, bool create) {
  Json* at = &object;
  for (const absl::string_view step : absl::StrSplit(path, '.', absl::SkipEmpty())) {
    if (!at->is_object()) {
      if (!create) return nullptr;
      *at = Json::object();
    }
    const std::string key(step);
    if (!create && !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at;
}

}  // namespace

void Objects::MarkDeleted(const Call& call, const DeleteOptions& options, Json& object) const {
  const std::int64_t grace =
      options.grace_seconds >= 0 ? options.grace_seconds : DefaultGrace(*call.resource, object);
  Json& metadata = object["metadata"];
  if (!metadata.contains("deletionTimestamp")) {
    metadata["deletionTimestamp"] = TimeText(cluster_.Now() + absl::Seconds(grace));
    const bool definition =
        call.resource->storage_key() == "apiextensions.k8s.io/customresourcedefinitions";
    if (call.resource->storage_key() != "/namespaces" && !definition) {
      metadata["deletionGracePeriodSeconds"] = grace;
    }
    if (metadata.contains("generation") && !definition) {
      metadata["generation"] = Integer(metadata, {"generation"}) + 1;
    }
  } else if (options.grace_seconds >= 0 &&
             grace < Integer(metadata, {"deletionGracePeriodSeconds"})) {
    metadata["deletionGracePeriodSeconds"] = grace;
    metadata["deletionTimestamp"] = TimeText(cluster_.Now() + absl::Seconds(grace));
  }
  if (call.resource->storage_key() == "/namespaces") {
    Ensure(object, {"status"})["phase"] = "Terminating";
  }
}

absl::StatusOr<Objects::Deleted> Objects::Delete(Call& call, const DeleteOptions& options) {
  const Resource& resource = *call.resource;
  const ObjectPtr current = cluster_.store.Get(resource.storage_key(), call.ns, call.name);
  if (current == nullptr) return NotFound(resource.group_resource(), call.name);
  const std::string uid = Text(*current, {"metadata", "uid"});
  const std::string version = Text(*current, {"metadata", "resourceVersion"});
  if (!options.uid.empty() && options.uid != uid) {
    return Conflict(resource.group_kind(), call.name,
                    absl::StrCat("the UID in the precondition (", options.uid,
                                 ") does not match the UID in record (", uid,
                                 "). The object might have been deleted and then recreated"));
  }
  if (!options.resource_version.empty() && options.resource_version != version) {
    return Conflict(
        resource.group_kind(), call.name,
        absl::StrCat("the ResourceVersion in the precondition (", options.resource_version,
                     ") does not match the ResourceVersion in record (", version,
                     "). The object might have been modified"));
  }
  if (resource.storage_key() == "/namespaces" && !call.internal &&
      (call.name == "default" || call.name == "kube-system" || call.name == "kube-public")) {
    return Forbidden(resource.group_resource(), call.name, "this namespace may not be deleted");
  }
  Json object = *current;
  if (options.propagation == "Foreground") {
    SetFinalizer(object, "foregroundDeletion", true);
    SetFinalizer(object, "orphan", false);
  } else if (options.propagation == "Orphan") {
    SetFinalizer(object, "orphan", true);
    SetFinalizer(object, "foregroundDeletion", false);
  } else if (options.propagation == "Background") {
    SetFinalizer(object, "orphan", false);
    SetFinalizer(object, "foregroundDeletion", false);
  }
  const bool definition =
      resource.storage_key() == "apiextensions.k8s.io/customresourcedefinitions";
  // A definition waits for its objects to go.
  if (definition && Find(object, {"metadata", "deletionTimestamp"}) == nullptr) {
    SetFinalizer(object, "customresourcecleanup.apiextensions.k8s.io", true);
  }
  const bool graceful = options.grace_seconds < 0
                            ? DefaultGrace(resource, object) > 0
                            : options.grace_seconds > 0 && DefaultGrace(resource, object) > 0;
  if (!Held(object) && !graceful) {
    if (!call.dry_run) Erase(resource, object);
    return Deleted{InVersion(resource, current), true};
  }
  MarkDeleted(call, options, object);
  if (call.dry_run || object == *current) {
    return Deleted{InVersion(resource, std::make_shared<const Json>(std::move(object))), false};
  }
  ++cluster_.wake_count;
  return Deleted{InVersion(resource, cluster_.store.Put(resource.storage_key(), object)), false};
}

void Objects::Erase(const Resource& resource, const Json& object) {
  ++cluster_.wake_count;
  cluster_.store.Remove(resource.storage_key(), Text(object, {"metadata", "namespace"}),
                        Text(object, {"metadata", "name"}));
}

bool Objects::FinishDeletion(const Resource& resource, const Json& object) {
  if (Find(object, {"metadata", "deletionTimestamp"}) == nullptr || Held(object)) return false;
  if (Integer(object, {"metadata", "deletionGracePeriodSeconds"}) > 0) return false;
  Erase(resource, object);
  return true;
}

Json ScaleOf(const Resource& resource, const Json& object) {
  Json scale = {{"apiVersion", "autoscaling/v1"},
                {"kind", "Scale"},
                {"metadata", Json::object()},
                {"spec", Json::object()},
                {"status", {{"replicas", 0}}}};
  for (const char* name : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const Json* value = Find(object, {"metadata", name})) scale["metadata"][name] = *value;
  }
  Json copy = object;
  const std::string spec_path = resource.is_custom() ? resource.scale_spec_path : "spec.replicas";
  const std::string status_path =
      resource.is_custom() ? resource.scale_status_path : "status.replicas";
  if (const Json* at = AtDottedPath(copy, spec_path, false);
      at != nullptr && at->is_number() && *at != 0) {
    scale["spec"]["replicas"] = *at;
  }
  if (const Json* at = AtDottedPath(copy, status_path, false); at != nullptr && at->is_number()) {
    scale["status"]["replicas"] = *at;
  }
  if (resource.is_custom()) {
    if (const Json* at = AtDottedPath(copy, resource.scale_selector_path, false);
        at != nullptr && at->is_string()) {
      scale["status"]["selector"] = *at;
    }
  } else if (const Json* selector = Find(object, {"spec", "selector"})) {
    scale["status"]["selector"] = LabelSelector::FromJson(selector).ToString();
  }
  return scale;
}

absl::StatusOr<Written> Objects::PatchScale(Call& call, PatchFormat format,
                                            const ParsedDocument& body) {
  const ObjectPtr current = cluster_.store.Get(call.resource->storage_key(), call.ns, call.name);
  if (current == nullptr) return NotFound(call.resource->group_resource(), call.name);
  const Json live = *InVersion(*call.resource, current);
  Json scale = ScaleOf(*call.resource, live);
  if (format == PatchFormat::kJson) {
    SANDBOX_ASSIGN_OR_RETURN(scale, JsonPatch(scale, body.value));
  } else {
    scale = MergePatch(std::move(scale), body.value);
  }
  return UpdateScale(call, live, scale);
}

absl::StatusOr<Written> Objects::UpdateScale(Call& call, const Json& live, const Json& scale) {
  const Resource& resource = *call.resource;
  const std::string version = Text(scale, {"metadata", "resourceVersion"});
  if (!version.empty() && version != Text(live, {"metadata", "resourceVersion"})) {
    return Conflict(resource.group_resource(), call.name,
                    "the object has been modified; please apply your changes to the latest "
                    "version and try again");
  }
  const std::int64_t replicas = Integer(scale, {"spec", "replicas"});
  if (replicas < 0) {
    FieldErrors errors;
    errors.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
    return Invalid({"autoscaling", "Scale"}, call.name, errors);
  }
  Json object = live;
  *AtDottedPath(object, resource.is_custom() ? resource.scale_spec_path : "spec.replicas", true) =
      replicas;
  // The scale endpoint owns the count in the parent's words and only if it changed it.
  SANDBOX_ASSIGN_OR_RETURN(Written written, FinishUpdate(call, live, std::move(object)));
  return Written{std::make_shared<const Json>(ScaleOf(resource, *written.object)), false};
}

}  // namespace charon::sandbox
