#include "provider/operations/hidden_values.h"

#include <utility>

#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::operations {
namespace {

using Json = nlohmann::json;

Json Skeleton(const Json& part) {
  Json fields = Json::object();
  for (const auto& [key, value] : part.items()) {
    if (!value.is_object()) {
      fields[key] = Json::object();
    } else if (Json inner = Skeleton(value); !inner.empty()) {
      fields[key] = std::move(inner);
    }
  }
  return fields;
}

void Drop(const Json& fields, Json& object) {
  for (const auto& [key, inner] : fields.items()) {
    const auto field = object.find(key);
    if (field == object.end()) continue;
    if (inner.is_object() && !inner.empty() && field->is_object()) {
      Drop(inner, *field);
      if (!field->empty()) continue;
    }
    object.erase(key);
  }
}

bool IsMarked(const Json& live) { return !kubernetes::Annotation(live, kSecretsInside).empty(); }

// REQUIRES: IsMarked(live). No map if its mark does not say which.
Json MarkedFields(const Json& live) {
  return Json::parse(kubernetes::Annotation(live, kSecretsInside), nullptr,
                     /*allow_exceptions=*/false);
}

}  // namespace

std::string HiddenFields(const Json& part) {
  if (!part.is_object()) return "";
  const Json fields = Skeleton(part);
  return fields.empty() ? "" : fields.dump();
}

void DropHiddenValues(const Json& live, Json& object) {
  if (!object.is_object()) return;
  const bool is_marked = IsMarked(live);
  const bool is_secret = kubernetes::Text(live, "kind") == "Secret";
  if (!is_marked && !is_secret) return;
  if (is_marked) {
    if (const Json fields = MarkedFields(live); fields.is_object()) {
      Drop(fields, object);
    } else {
      Json rest = Json::object();
      for (const char* field : {"apiVersion", "kind", "metadata"}) {
        if (object.contains(field)) rest[field] = std::move(object[field]);
      }
      object = std::move(rest);
    }
  }
  if (is_secret) {
    for (const char* field : {"data", "stringData"}) object.erase(field);
  }
  if (const auto metadata = object.find("metadata");
      metadata != object.end() && metadata->is_object()) {
    const auto annotations = metadata->find("annotations");
    if (annotations != metadata->end() && annotations->is_object())
      annotations->erase(kLastApplied);
  }
}

std::optional<Json> WithoutHiddenFields(const Json& live) {
  if (!IsMarked(live)) return std::nullopt;
  const Json fields = MarkedFields(live);
  if (!fields.is_object()) return std::nullopt;
  Json shown = live;
  Drop(fields, shown);
  return shown;
}

}  // namespace charon::operations
