#include "validation.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "custom_schema.h"
#include "names.h"

namespace charon::sandbox {
namespace {

std::string NameError(const Resource& resource, const std::string& name) {
  const std::string key = resource.storage_key();
  if (key == "/namespaces") return DnsLabelError(name);
  if (key == "/services") return DnsLabelError(name);
  if (resource.group == "rbac.authorization.k8s.io") return PathSegmentError(name);
  return DnsSubdomainError(name);
}

void ValidateMetadata(const Resource& resource, const Json& object, FieldErrors& errors) {
  const Json& metadata = Members(object, {"metadata"});
  const std::string generate = Text(metadata, {"generateName"});
  const std::string name = Text(metadata, {"name"});
  if (name.empty()) {
    errors.Required("metadata.name", "name or generateName is required");
  } else if (const std::string wrong = NameError(resource, name); !wrong.empty()) {
    errors.Invalid("metadata.name", name, wrong);
  }
  for (const auto& [key, value] : Members(metadata, {"labels"}).items()) {
    if (const std::string wrong = QualifiedNameError(key); !wrong.empty()) {
      errors.Invalid("metadata.labels", key, wrong);
    }
    if (const std::string wrong = LabelValueError(GoValue(value)); !wrong.empty()) {
      errors.Invalid("metadata.labels", GoValue(value), wrong);
    }
  }
  for (const auto& [key, value] : Members(metadata, {"annotations"}).items()) {
    std::string lower = key;
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (const std::string wrong = QualifiedNameError(lower); !wrong.empty()) {
      errors.Invalid("metadata.annotations", key, wrong);
    }
  }
}

}  // namespace

FieldErrors ValidateCreate(const Resource& resource, const Json& object) {
  FieldErrors errors;
  ValidateMetadata(resource, object, errors);
  if (resource.is_custom()) ValidateCustom(*resource.custom, object, errors);
  if (resource.storage_key() == "apiextensions.k8s.io/customresourcedefinitions") {
    ValidateDefinition(object, errors);
  }
  return errors;
}

FieldErrors ValidateUpdate(const Resource& resource, const Json& object, const Json& live) {
  FieldErrors errors;
  ValidateMetadata(resource, object, errors);
  if (resource.is_custom()) ValidateCustom(*resource.custom, object, errors);
  (void)live;
  return errors;
}

}  // namespace charon::sandbox
