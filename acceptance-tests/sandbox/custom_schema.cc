#include "custom_schema.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <regex>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "codec.h"
#include "names.h"

namespace charon::sandbox {
namespace {

constexpr char kPreserve[] = "x-kubernetes-preserve-unknown-fields";
constexpr char kIntOrString[] = "x-kubernetes-int-or-string";
constexpr char kEmbedded[] = "x-kubernetes-embedded-resource";

const Type* Build(TypeSet& types, const Json& schema, int depth) {
  if (depth > 100 || !schema.is_object()) return AnyType();
  const std::string type = Text(schema, {"type"});
  if (Flag(schema, {kIntOrString})) return ScalarType(Type::Scalar::kIntOrString);
  if (type == "string") return ScalarType(Type::Scalar::kString);
  if (type == "boolean") return ScalarType(Type::Scalar::kBool);
  if (type == "integer") return ScalarType(Type::Scalar::kInt64);
  if (type == "number") return ScalarType(Type::Scalar::kNumber);
  if (type == "array") {
    Type* list = types.Make();
    list->shape = Type::Shape::kList;
    const Json* items = Find(schema, {"items"});
    list->element = items == nullptr ? AnyType() : Build(types, *items, depth + 1);
    const std::string list_type = Text(schema, {"x-kubernetes-list-type"});
    if (list_type == "set") list->list_kind = Type::ListKind::kSet;
    if (list_type == "map") {
      list->list_kind = Type::ListKind::kMap;
      for (const Json& key : Items(schema, {"x-kubernetes-list-map-keys"})) {
        const std::string name = GoValue(key);
        const Json* fallback =
            items == nullptr ? nullptr : Find(*items, {"properties", name.c_str(), "default"});
        list->keys.push_back({name, fallback == nullptr ? Json() : *fallback});
      }
    }
    return list;
  }
  if (type != "object") return AnyType();
  const bool preserve = Flag(schema, {kPreserve});
  Type* object = types.Make();
  object->atomic = Text(schema, {"x-kubernetes-map-type"}) == "atomic";
  const Json* additional = Find(schema, {"additionalProperties"});
  if (!schema.contains("properties") && additional != nullptr && additional->is_object()) {
    object->shape = Type::Shape::kMap;
    object->element = Build(types, *additional, depth + 1);
    return object;
  }
  if (!schema.contains("properties") && (preserve || additional != nullptr)) {
    object->shape = Type::Shape::kMap;
    object->element = AnyType();
    return object;
  }
  object->shape = Type::Shape::kStruct;
  object->preserve_unknown = preserve;
  for (const auto& [name, property] : Members(schema, {"properties"}).items()) {
    Field field;
    field.type = Build(types, property, depth + 1);
    field.presence = Presence::kKeepZero;
    object->fields[name] = std::move(field);
  }
  if (Flag(schema, {kEmbedded})) {
    for (const char* name : {"apiVersion", "kind"}) {
      object->fields[name].type = ScalarType(Type::Scalar::kString);
    }
    object->fields["metadata"].type = TypeSet::BuiltIn().Find("ObjectMeta");
  }
  return object;
}

void Prune(const Json& schema, Json& value, const std::string& path, bool root,
           std::vector<std::string>& out) {
  if (value.is_array()) {
    const Json* items = Find(schema, {"items"});
    if (items == nullptr) return;
    for (std::size_t i = 0; i < value.size(); ++i) {
      Prune(*items, value[i], absl::StrCat(path, "[", i, "]"), false, out);
    }
    return;
  }
  if (!value.is_object()) return;
  const Json& properties = Members(schema, {"properties"});
  const Json* additional = Find(schema, {"additionalProperties"});
  const bool preserve = Flag(schema, {kPreserve});
  const bool embedded = root || Flag(schema, {kEmbedded});
  for (auto it = value.begin(); it != value.end();) {
    const std::string at = path.empty() ? it.key() : absl::StrCat(path, ".", it.key());
    if (embedded && (it.key() == "apiVersion" || it.key() == "kind" || it.key() == "metadata")) {
      ++it;
    } else if (const auto property = properties.find(it.key()); property != properties.end()) {
      Prune(*property, *it, at, false, out);
      ++it;
    } else if (additional != nullptr) {
      if (additional->is_object()) Prune(*additional, *it, at, false, out);
      ++it;
    } else if (preserve) {
      ++it;
    } else {
      out.push_back(at);
      it = value.erase(it);
    }
  }
}

void FillDefaults(const Json& schema, Json& value) {
  if (value.is_array()) {
    if (const Json* items = Find(schema, {"items"})) {
      for (Json& item : value) FillDefaults(*items, item);
    }
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, property] : Members(schema, {"properties"}).items()) {
    const Json* fallback = Find(property, {"default"});
    const auto it = value.find(name);
    if (it != value.end() && it->is_null() && !Flag(property, {"nullable"})) {
      // A null where none is allowed counts as absent if there is a default.
      if (fallback != nullptr) *it = *fallback;
    } else if (it == value.end() && fallback != nullptr) {
      value[name] = *fallback;
    }
    if (value.contains(name)) FillDefaults(property, value[name]);
  }
  const Json* additional = Find(schema, {"additionalProperties"});
  if (additional == nullptr || !additional->is_object()) return;
  for (auto& [name, member] : value.items()) {
    if (!Members(schema, {"properties"}).contains(name)) FillDefaults(*additional, member);
  }
}

const char* JsonTypeName(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_null()) return "null";
  if (value.is_number_integer()) return "integer";
  return "number";
}

// A pattern that this machine's regular expressions cannot read is not checked.
bool MatchesPattern(const std::string& pattern, const std::string& text) {
  if (text.size() > 10'000) return true;
  // std::regex reports bad patterns by throwing.
  try {
    return std::regex_search(text, std::regex(pattern, std::regex::ECMAScript));
  } catch (const std::regex_error&) {
    return true;
  }
}

std::string Number(const Json& value) { return Dump(value); }

void ValidateValue(const Json& schema, const Json& value, const std::string& path, bool root,
                   FieldErrors& errors);

void ValidateText(const Json& schema, const Json& value, const std::string& path,
                  FieldErrors& errors) {
  const std::string& text = value.get_ref<const std::string&>();
  const auto length = static_cast<std::int64_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  if (const Json* limit = Find(schema, {"maxLength"});
      limit != nullptr && length > limit->get<std::int64_t>()) {
    errors.TooLong(path, static_cast<int>(limit->get<std::int64_t>()));
    return;  // One complaint a text, as the server does it.
  }
  if (const Json* limit = Find(schema, {"minLength"});
      limit != nullptr && length < limit->get<std::int64_t>()) {
    errors.Invalid(
        path, value,
        absl::StrCat(path, " in body should be at least ", Number(*limit), " chars long"));
    return;
  }
  const std::string pattern = Text(schema, {"pattern"});
  if (!pattern.empty() && !MatchesPattern(pattern, text)) {
    errors.Invalid(path, value, absl::StrCat(path, " in body should match '", pattern, "'"));
  }
}

void ValidateNumber(const Json& schema, const Json& value, const std::string& path,
                    FieldErrors& errors) {
  const double number = value.get<double>();
  if (const Json* limit = Find(schema, {"minimum"}); limit != nullptr && limit->is_number()) {
    const bool exclusive = Flag(schema, {"exclusiveMinimum"});
    if (number < limit->get<double>() || (exclusive && number == limit->get<double>())) {
      errors.Invalid(path, value,
                     absl::StrCat(path, " in body should be greater than ",
                                  exclusive ? "" : "or equal to ", Number(*limit)));
    }
  }
  if (const Json* limit = Find(schema, {"maximum"}); limit != nullptr && limit->is_number()) {
    const bool exclusive = Flag(schema, {"exclusiveMaximum"});
    if (number > limit->get<double>() || (exclusive && number == limit->get<double>())) {
      errors.Invalid(path, value,
                     absl::StrCat(path, " in body should be less than ",
                                  exclusive ? "" : "or equal to ", Number(*limit)));
    }
  }
}

void ValidateList(const Json& schema, const Json& value, const std::string& path,
                  FieldErrors& errors) {
  const auto size = static_cast<std::int64_t>(value.size());
  if (const Json* limit = Find(schema, {"maxItems"});
      limit != nullptr && size > limit->get<std::int64_t>()) {
    errors.TooMany(path, static_cast<int>(size), static_cast<int>(limit->get<std::int64_t>()));
  }
  if (const Json* limit = Find(schema, {"minItems"});
      limit != nullptr && size < limit->get<std::int64_t>()) {
    errors.Invalid(path, size,
                   absl::StrCat(path, " in body should have at least ", Number(*limit), " items"));
  }
  const std::string list_type = Text(schema, {"x-kubernetes-list-type"});
  std::set<std::string> seen;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string at = absl::StrCat(path, "[", i, "]");
    if (const Json* items = Find(schema, {"items"})) {
      ValidateValue(*items, value[i], at, false, errors);
    }
    Json identity = value[i];
    if (list_type == "map") {
      identity = Json::object();
      for (const Json& key : Items(schema, {"x-kubernetes-list-map-keys"})) {
        const std::string name = GoValue(key);
        if (const Json* part = Find(value[i], {name.c_str()})) identity[name] = *part;
      }
    }
    if ((list_type == "map" || list_type == "set") && !seen.insert(Dump(identity)).second) {
      errors.Duplicate(at, identity);
    }
  }
}

void ValidateObject(const Json& schema, const Json& value, const std::string& path, bool root,
                    FieldErrors& errors) {
  for (const Json& name : Items(schema, {"required"})) {
    if (!value.contains(GoValue(name))) {
      errors.Required(path.empty() ? GoValue(name) : absl::StrCat(path, ".", GoValue(name)));
    }
  }
  const Json& properties = Members(schema, {"properties"});
  const Json* additional = Find(schema, {"additionalProperties"});
  for (const auto& [name, member] : value.items()) {
    if (root && (name == "apiVersion" || name == "kind" || name == "metadata")) continue;
    const std::string at = path.empty() ? name : absl::StrCat(path, ".", name);
    if (const auto property = properties.find(name); property != properties.end()) {
      ValidateValue(*property, member, at, false, errors);
    } else if (additional != nullptr && additional->is_object()) {
      ValidateValue(*additional, member, at, false, errors);
    }
  }
  const auto size = static_cast<std::int64_t>(value.size());
  if (const Json* limit = Find(schema, {"maxProperties"});
      limit != nullptr && size > limit->get<std::int64_t>()) {
    errors.TooMany(path, static_cast<int>(size), static_cast<int>(limit->get<std::int64_t>()));
  }
}

void ValidateValue(const Json& schema, const Json& value, const std::string& path, bool root,
                   FieldErrors& errors) {
  if (!schema.is_object()) return;
  if (value.is_null()) {
    if (!Flag(schema, {"nullable"}) && !Text(schema, {"type"}).empty()) {
      errors.TypeInvalid(
          path, "null",
          absl::StrCat(path, " in body must be of type ", Text(schema, {"type"}), ": \"null\""));
    }
    return;
  }
  const std::string type = Text(schema, {"type"});
  const std::string actual = JsonTypeName(value);
  const bool whole = value.is_number() && std::trunc(value.get<double>()) == value.get<double>();
  const bool fits = type.empty() || type == actual || (type == "number" && value.is_number()) ||
                    (type == "integer" && whole);
  if (Flag(schema, {kIntOrString})) {
    if (!value.is_string() && !value.is_number_integer()) {
      errors.TypeInvalid(
          path, actual,
          absl::StrCat(path, " in body must be of type integer,string: ", Quote(actual)));
    }
  } else if (!fits) {
    errors.TypeInvalid(path, actual,
                       absl::StrCat(path.empty() ? "body" : path, " in body must be of type ", type,
                                    ": ", Quote(actual)));
    return;
  }
  if (const Json* allowed = Find(schema, {"enum"}); allowed != nullptr && allowed->is_array()) {
    if (std::find(allowed->begin(), allowed->end(), value) == allowed->end()) {
      std::vector<std::string> names;
      for (const Json& one : *allowed) names.push_back(GoValue(one));
      errors.NotSupported(path, value, names);
    }
  }
  if (value.is_string()) ValidateText(schema, value, path, errors);
  if (value.is_number()) ValidateNumber(schema, value, path, errors);
  if (value.is_array()) ValidateList(schema, value, path, errors);
  if (value.is_object()) {
    ValidateObject(schema, value, path, root || Flag(schema, {kEmbedded}), errors);
  }
}

std::vector<std::string> Words(const Json& list) {
  std::vector<std::string> out;
  for (const Json& one : list) out.push_back(GoValue(one));
  return out;
}

}  // namespace

std::vector<ResourcePtr> ResourcesOf(const Json& definition) {
  std::vector<ResourcePtr> out;
  const Json& names = Members(definition, {"spec", "names"});
  for (const Json& version : Items(definition, {"spec", "versions"})) {
    if (!Flag(version, {"served"})) continue;
    auto resource = std::make_shared<Resource>();
    resource->group = Text(definition, {"spec", "group"});
    resource->version = Text(version, {"name"});
    resource->plural = Text(names, {"plural"});
    resource->singular = Text(names, {"singular"});
    resource->kind = Text(names, {"kind"});
    resource->namespaced = Text(definition, {"spec", "scope"}) == "Namespaced";
    resource->short_names = Words(Items(names, {"shortNames"}));
    resource->categories = Words(Items(names, {"categories"}));
    resource->storage = Flag(version, {"storage"});
    resource->has_status = Find(version, {"subresources", "status"}) != nullptr;
    if (const Json* scale = Find(version, {"subresources", "scale"})) {
      resource->has_scale = true;
      resource->scale_spec_path = Text(*scale, {"specReplicasPath"});
      resource->scale_status_path = Text(*scale, {"statusReplicasPath"});
      resource->scale_selector_path = Text(*scale, {"labelSelectorPath"});
    }
    for (const Json& column : Items(version, {"additionalPrinterColumns"})) {
      resource->columns.push_back({Text(column, {"name"}), Text(column, {"type"}),
                                   Text(column, {"format"}), Text(column, {"description"}),
                                   Text(column, {"jsonPath"}),
                                   static_cast<int>(Integer(column, {"priority"}))});
    }
    auto custom = std::make_shared<CustomSchema>();
    const Json* schema = Find(version, {"schema", "openAPIV3Schema"});
    custom->schema = schema == nullptr ? Json{{"type", "object"}, {kPreserve, true}} : *schema;
    custom->preserve_unknown = Flag(definition, {"spec", "preserveUnknownFields"});
    auto types = std::make_shared<TypeSet>();
    const Type* built = Build(*types, custom->schema, 0);
    Type* root = types->Make();
    *root = *built;
    root->shape = Type::Shape::kStruct;
    root->preserve_unknown = built->preserve_unknown || built->shape != Type::Shape::kStruct;
    root->element = nullptr;
    root->name = resource->kind;
    for (const char* name : {"apiVersion", "kind"}) {
      root->fields[name].type = ScalarType(Type::Scalar::kString);
    }
    root->fields["metadata"].type = TypeSet::BuiltIn().Find("ObjectMeta");
    resource->type = root;
    resource->types = std::move(types);
    resource->custom = std::move(custom);
    resource->empty = EmptyObject(*resource);
    out.push_back(std::move(resource));
  }
  return out;
}

std::vector<std::string> PruneCustom(const CustomSchema& schema, Json& object) {
  std::vector<std::string> out;
  if (!schema.preserve_unknown) Prune(schema.schema, object, "", true, out);
  return out;
}

void DefaultCustom(const CustomSchema& schema, Json& object) {
  FillDefaults(schema.schema, object);
}

void ValidateCustom(const CustomSchema& schema, const Json& object, FieldErrors& errors) {
  ValidateValue(schema.schema, object, "", true, errors);
}

void ValidateDefinition(const Json& definition, FieldErrors& errors) {
  const std::string group = Text(definition, {"spec", "group"});
  const std::string plural = Text(definition, {"spec", "names", "plural"});
  const std::string name = Text(definition, {"metadata", "name"});
  if (name != absl::StrCat(plural, ".", group)) {
    errors.Invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group");
  }
  if (group.empty()) {
    errors.Required("spec.group");
  } else if (!absl::StrContains(group, ".")) {
    errors.Invalid("spec.group", group, "should be a domain with at least one dot");
  }
  const std::string scope = Text(definition, {"spec", "scope"});
  if (scope.empty()) {
    errors.Required("spec.scope");
  } else if (scope != "Namespaced" && scope != "Cluster") {
    errors.NotSupported("spec.scope", scope, {"Cluster", "Namespaced"});
  }
  int stored = 0;
  const Json& versions = Items(definition, {"spec", "versions"});
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (Flag(versions[i], {"storage"})) ++stored;
    const std::string path = absl::StrCat("spec.versions[", i, "]");
    const Json* schema = Find(versions[i], {"schema", "openAPIV3Schema"});
    if (schema == nullptr) {
      errors.Required(path + ".schema.openAPIV3Schema", "schemas are required");
    } else if (Text(*schema, {"type"}) != "object") {
      errors.Invalid(path + ".schema.openAPIV3Schema.type", Text(*schema, {"type"}),
                     "must be object at the root");
    }
  }
  if (stored != 1) {
    errors.Invalid("spec.versions", versions.empty() ? Json() : versions,
                   "must have exactly one version marked as storage version");
  }
  for (const char* field : {"plural", "singular", "kind", "listKind"}) {
    const std::string value = Text(definition, {"spec", "names", field});
    if (value.empty()) errors.Required(absl::StrCat("spec.names.", field));
  }
  if (versions.empty()) {
    errors.Invalid("status.storedVersions", nullptr, "must have at least one stored version");
  }
}

}  // namespace charon::sandbox
