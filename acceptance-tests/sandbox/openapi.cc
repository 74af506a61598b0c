// OpenAPI v3 documents made from the types: enough for kubectl's validation and explain, and for
// clients that read list semantics from them.

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "custom_schema.h"
#include "discovery.h"

namespace charon::sandbox {
namespace {

constexpr char kPrefix[] = "io.charon.sandbox.";

std::string PathOf(absl::string_view group, absl::string_view version) {
  return group.empty() ? absl::StrCat("api/", version) : absl::StrCat("apis/", group, "/", version);
}

class SchemaWriter {
 public:
  explicit SchemaWriter(Json& schemas) : schemas_(schemas) {}

  Json Of(const Type& type) {
    switch (type.shape) {
      case Type::Shape::kAny:
        return {{"x-kubernetes-preserve-unknown-fields", true}};
      case Type::Shape::kScalar:
        return Scalar(type.scalar);
      case Type::Shape::kMap: {
        Json out = {{"type", "object"}, {"additionalProperties", Of(*type.element)}};
        if (type.atomic) out["x-kubernetes-map-type"] = "atomic";
        return out;
      }
      case Type::Shape::kList: {
        Json out = {{"type", "array"}, {"items", Of(*type.element)}};
        out["x-kubernetes-list-type"] = type.list_kind == Type::ListKind::kAtomic ? "atomic"
                                        : type.list_kind == Type::ListKind::kSet  ? "set"
                                                                                  : "map";
        for (const ListKey& key : type.keys) {
          out["x-kubernetes-list-map-keys"].push_back(key.name);
        }
        return out;
      }
      case Type::Shape::kStruct:
        break;
    }
    const std::string name = kPrefix + type.name;
    if (seen_.insert(name).second) schemas_[name] = Struct(type);
    return {{"allOf", Json::array({{{"$ref", "#/components/schemas/" + name}}})}};
  }

  Json Struct(const Type& type) {
    Json properties = Json::object();
    for (const auto& [name, field] : type.fields) {
      Json property = Of(*field.type);
      if (field.patch_merge) {
        property["x-kubernetes-patch-strategy"] =
            field.patch_retain_keys ? "merge,retainKeys" : "merge";
        if (!field.patch_key.empty()) property["x-kubernetes-patch-merge-key"] = field.patch_key;
      } else if (field.patch_retain_keys) {
        property["x-kubernetes-patch-strategy"] = "retainKeys";
      }
      properties[name] = std::move(property);
    }
    Json out = {{"type", "object"}, {"properties", std::move(properties)}};
    if (type.atomic) out["x-kubernetes-map-type"] = "atomic";
    return out;
  }

 private:
  static Json Scalar(Type::Scalar scalar) {
    switch (scalar) {
      case Type::Scalar::kBool:
        return {{"type", "boolean"}};
      case Type::Scalar::kInt32:
        return {{"type", "integer"}, {"format", "int32"}};
      case Type::Scalar::kInt64:
        return {{"type", "integer"}, {"format", "int64"}};
      case Type::Scalar::kNumber:
        return {{"type", "number"}, {"format", "double"}};
      case Type::Scalar::kTime:
      case Type::Scalar::kMicroTime:
        return {{"type", "string"}, {"format", "date-time"}};
      case Type::Scalar::kBytes:
        return {{"type", "string"}, {"format", "byte"}};
      case Type::Scalar::kIntOrString:
        return {{"oneOf", Json::array({{{"type", "integer"}}, {{"type", "string"}}})},
                {"format", "int-or-string"}};
      case Type::Scalar::kQuantity:
        return {{"oneOf", Json::array({{{"type", "string"}}, {{"type", "number"}}})}};
      case Type::Scalar::kString:
        return {{"type", "string"}};
    }
    return {{"type", "string"}};
  }

  Json& schemas_;
  std::set<std::string> seen_;
};

Json Parameter(const char* name, const char* type) {
  return {{"name", name}, {"in", "query"}, {"schema", {{"type", type}}}};
}

Json Operation(const Resource& resource, const char* action, bool writes) {
  Json parameters = Json::array();
  if (writes) {
    parameters = {Parameter("dryRun", "string"), Parameter("fieldManager", "string"),
                  Parameter("fieldValidation", "string")};
    if (std::string(action) == "patch") parameters.push_back(Parameter("force", "boolean"));
  }
  return {{"x-kubernetes-action", action},
          {"x-kubernetes-group-version-kind",
           {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}}},
          {"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}}};
}

}  // namespace

std::string OpenApiV2(bool protobuf) {
  constexpr absl::string_view kSwagger = "2.0";
  constexpr absl::string_view kTitle = "Kubernetes";
  if (!protobuf) {
    return Dump({{"swagger", kSwagger},
                 {"info", {{"title", kTitle}, {"version", kKubernetesVersion}}},
                 {"paths", Json::object()}});
  }
  // openapi.v2.Document: swagger = 1, info = 2; openapi.v2.Info: title = 1, version = 2.
  const auto field = [](int number, absl::string_view bytes) {
    return absl::StrCat(std::string(1, static_cast<char>(number << 3 | 2)),
                        std::string(1, static_cast<char>(bytes.size())), bytes);
  };
  return absl::StrCat(field(1, kSwagger),
                      field(2, absl::StrCat(field(1, kTitle), field(2, kKubernetesVersion))));
}

Json OpenApiIndex(const KindTable& kinds) {
  Json paths = Json::object();
  const auto add = [&](const std::string& group) {
    for (const std::string& version : kinds.Versions(group)) {
      const std::string path = PathOf(group, version);
      // The hash changes whenever the document does, as clients cache by it.
      const std::string text = Dump(*OpenApiDocument(kinds, group, version));
      paths[path] = {
          {"serverRelativeURL", absl::StrCat("/openapi/v3/", path,
                                             "?hash=", absl::Hex(std::hash<std::string>()(text)))}};
    }
  };
  add("");
  for (const std::string& group : kinds.Groups()) add(group);
  return {{"paths", std::move(paths)}};
}

std::optional<Json> OpenApiDocument(const KindTable& kinds, absl::string_view group,
                                    absl::string_view version) {
  Json paths = Json::object();
  Json schemas = Json::object();
  SchemaWriter writer(schemas);
  for (const ResourcePtr& one : kinds.all()) {
    if (one->group != group || one->version != version) continue;
    const std::string name = kPrefix + one->kind;
    Json root;
    if (one->is_custom()) {
      root = one->custom->schema;
      root["properties"]["apiVersion"] = {{"type", "string"}};
      root["properties"]["kind"] = {{"type", "string"}};
      root["properties"]["metadata"] = writer.Of(*TypeSet::BuiltIn().Find("ObjectMeta"));
    } else {
      root = writer.Struct(*one->type);
    }
    root["x-kubernetes-group-version-kind"] =
        Json::array({{{"group", one->group}, {"version", one->version}, {"kind", one->kind}}});
    schemas[name] = std::move(root);
    const std::string collection =
        absl::StrCat("/", PathOf(group, version),
                     one->namespaced ? "/namespaces/{namespace}/" : "/", one->plural);
    paths[collection] = {{"get", Operation(*one, "list", false)},
                         {"post", Operation(*one, "post", true)}};
    if (one->review) continue;
    paths[collection + "/{name}"] = {{"get", Operation(*one, "get", false)},
                                     {"put", Operation(*one, "put", true)},
                                     {"patch", Operation(*one, "patch", true)},
                                     {"delete", Operation(*one, "delete", false)}};
  }
  if (paths.empty()) return std::nullopt;
  return Json{{"openapi", "3.0.0"},
              {"info", {{"title", "Kubernetes"}, {"version", kKubernetesVersion}}},
              {"paths", std::move(paths)},
              {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace charon::sandbox
