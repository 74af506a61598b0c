#include "validation.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "custom_schema.h"
#include "names.h"
#include "validation_parts.h"

namespace charon::sandbox {
namespace {

std::string NameError(const Resource& resource, const std::string& name) {
  const std::string key = resource.storage_key();
  std::string wrong;
  if (key == "/namespaces" || key == "/services") {
    wrong = DnsLabelError(name);
  } else if (resource.group == "rbac.authorization.k8s.io") {
    wrong = PathSegmentError(name);
  } else {
    wrong = DnsSubdomainError(name);
  }
  // Names are measured in characters, labels in bytes.
  if (absl::EndsWith(wrong, " bytes")) {
    wrong = absl::StrCat(wrong.substr(0, wrong.size() - 5), "characters");
  }
  return wrong;
}

void ValidateMetadata(const Resource& resource, const Json& object, FieldErrors& errors) {
  const Json& metadata = Members(object, {"metadata"});
  const std::string name = Text(metadata, {"name"});
  if (name.empty()) {
    errors.Required("metadata.name", "name or generateName is required");
  } else if (const std::string wrong = NameError(resource, name); !wrong.empty()) {
    errors.Invalid("metadata.name", name, wrong);
  }
  CheckLabels(Members(metadata, {"labels"}), "metadata.labels", errors);
  for (const auto& [key, value] : Members(metadata, {"annotations"}).items()) {
    if (const std::string wrong = QualifiedNameError(absl::AsciiStrToLower(key)); !wrong.empty()) {
      errors.Invalid("metadata.annotations", key, wrong);
    }
  }
  int controllers = 0;
  for (const Json& owner : Items(metadata, {"ownerReferences"})) {
    for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
      if (!Text(owner, {field}).empty()) continue;
      errors.Invalid(
          absl::StrCat("metadata.ownerReferences.", field), "",
          std::string(field) == "apiVersion" ? "version must not be empty" : "must not be empty");
    }
    if (Flag(owner, {"controller"})) ++controllers;
  }
  if (controllers > 1) {
    errors.Invalid("metadata.ownerReferences", Items(metadata, {"ownerReferences"}),
                   "Only one reference can have Controller set to true.");
  }
  const Json& finalizers = Items(metadata, {"finalizers"});
  for (std::size_t i = 0; i < finalizers.size(); ++i) {
    const std::string one = GoValue(finalizers[i]);
    const std::string path = absl::StrCat("metadata.finalizers[", i, "]");
    if (const std::string wrong = QualifiedNameError(one); !wrong.empty()) {
      errors.Invalid(path, one, wrong);
    }
    const bool standard = one == "orphan" || one == "foregroundDeletion" || one == "kubernetes";
    const bool free = resource.is_custom() || resource.group == "apiextensions.k8s.io";
    if (!absl::StrContains(one, '/') && !standard && !free) {
      errors.Invalid(path, one,
                     "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
}

void ValidateObject(const Resource& resource, const Json& object, FieldErrors& errors) {
  if (resource.is_custom()) {
    ValidateCustom(*resource.custom, object, errors);
    return;
  }
  ValidateWorkload(resource, object, errors);
  ValidatePlatform(resource, object, errors);
}

}  // namespace

FieldErrors ValidateCreate(const Resource& resource, const Json& object) {
  FieldErrors errors;
  ValidateMetadata(resource, object, errors);
  ValidateObject(resource, object, errors);
  return errors;
}

FieldErrors ValidateUpdate(const Resource& resource, const Json& object, const Json& live) {
  FieldErrors errors;
  ValidateMetadata(resource, object, errors);
  const std::string before = Text(live, {"metadata", "uid"});
  const std::string after = Text(object, {"metadata", "uid"});
  if (before != after) {
    // The server checks twice and says so.
    errors.Invalid("metadata.uid", after, "field is immutable");
    errors.Invalid("metadata.uid", after, "field is immutable");
  }
  // Finalizers may only go away once an object is being deleted.
  if (Find(live, {"metadata", "deletionTimestamp"}) != nullptr) {
    Json added = Json::array();
    const Json& old_list = Items(live, {"metadata", "finalizers"});
    for (const Json& one : Items(object, {"metadata", "finalizers"})) {
      if (std::find(old_list.begin(), old_list.end(), one) == old_list.end()) {
        added.push_back(one);
      }
    }
    if (!added.empty()) {
      std::string names;
      for (const Json& one : added) {
        absl::StrAppend(&names, names.empty() ? "" : ", ", Dump(one));
      }
      const std::string text = absl::StrCat(
          "no new finalizers can be added if the object is being deleted, found new "
          "finalizers []string{",
          names, "}");
      // Checked twice by the server.
      errors.Forbidden("metadata.finalizers", text);
      errors.Forbidden("metadata.finalizers", text);
    }
  }
  ValidateObject(resource, object, errors);
  if (!resource.is_custom()) {
    ValidateWorkloadUpdate(resource, object, live, errors);
    ValidatePlatformUpdate(resource, object, live, errors);
  }
  return errors;
}

}  // namespace charon::sandbox
