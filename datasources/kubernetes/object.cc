#include "datasources/kubernetes/object.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/hidden_values.h"
#include "provider/operations/query.h"
#include "provider/schema/checks.h"
#include "provider/value/json.h"
#include "resources/kubernetes/api_version.h"

namespace charon::kubernetes_data {
namespace {

using Json = nlohmann::json;

// Without what would make every read differ, and without what no state may have.
Json ForState(Json object) {
  if (object.contains("metadata")) object["metadata"].erase("managedFields");
  operations::DropHiddenValues(object, object);
  return object;
}

// A kind that may come with its definition: v1, apps and batch are the server's own, and have no
// others.
bool MayCome(const absl::Status& missing, const kubernetes::ObjectKind& kind) {
  return kubernetes::MissingOf(missing) != kubernetes::Missing::kKind ||
         absl::StrContains(kind.group(), ".");
}

}  // namespace

const ObjectSpec<ObjectModel>& ObjectModel::Describe() {
  using M = ObjectModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One object of the cluster, of any kind. The values of a Secret are left out: read them with "
      "the ephemeral resource "
      "`charon_kubernetes_secret`.",
      {
          Field(&M::api_version, "api_version", Required, "Version of the kind.")
              .Check(kubernetes_resources::ApiVersion()),
          Field(&M::kind, "kind", Required, "Kind of the object."),
          Field(&M::name_space, "namespace", Optional, "Its namespace, if the kind has one."),
          Field(&M::name, "name", Required, "Name of the object."),
          Field(&M::optional, "optional", Optional,
                "If there is no such object, answer null instead of an error."),
          Field(&M::object, "object", Computed, "The object, without `metadata.managedFields`."),
          Field(&M::json, "json", Computed, "The same as JSON text."),
          Field(&M::managers, "managers", Computed,
                "Fields of the object by field manager, without its status: who owns what. An "
                "object that holds values of a "
                "`manifest_wo` has no fields here."),
      });
  return spec;
}

const sdk::ResourceInfo& ObjectSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_kubernetes_object",
                                                   .noun = "Kubernetes object",
                                                   .subcategory = "Kubernetes",
                                                   .needs = needs::Kubernetes()};
  return info;
}

sdk::Outcome<ObjectModel> ObjectSource::Read(const sdk::Context& context,
                                             const ObjectModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  ObjectModel model = config;
  CHARON_RETURN_IF_ERROR(At("name", kubernetes::CheckPathSegment("the name", *config.name)));
  CHARON_RETURN_IF_ERROR(At(
      "namespace", kubernetes::CheckPathSegment("the namespace", config.name_space.value_or(""))));
  const kubernetes::ObjectRef ref{
      {*config.api_version, *config.kind}, config.name_space.value_or(""), *config.name};
  absl::StatusOr<Json> live = cluster->Get(context, ref);
  if (absl::IsNotFound(live.status()) && config.optional.value_or(false) &&
      MayCome(live.status(), ref.kind))
    return model;
  if (kubernetes::MissingOf(live.status()) == kubernetes::Missing::kObject) {
    return At(
        "name",
        WithRemedy(
            live.status(),
            "Where it may be missing, set optional = true, with which `object` is null then."));
  }
  if (!live.ok()) return operations::AtKindOrNamespace(live.status(), !ref.name_space.empty());
  auto managers = kubernetes::FieldsByManager(*live);
  if (!kubernetes::Annotation(*live, kSecretsInside).empty()) {
    // The path to an item of a set is its value.
    for (auto& [manager, fields] : managers) fields.clear();
  }
  model.managers = std::move(managers);
  const std::string text = ForState(*std::move(live)).dump();
  CHARON_ASSIGN_OR_RETURN(TypedValue typed, DecodeAnyJson(text));
  model.object = Value::Dynamic(std::move(typed.type), std::move(typed.value));
  model.json = text;
  return model;
}

const ObjectSpec<ObjectsModel>& ObjectsModel::Describe() {
  using M = ObjectsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Objects of one kind, by namespace and selectors. The values of Secrets are left out.",
      {
          Field(&M::api_version, "api_version", Required, "Version of the kind.")
              .Check(kubernetes_resources::ApiVersion()),
          Field(&M::kind, "kind", Required, "Kind of the object."),
          Field(&M::name_space, "namespace", Optional,
                "Only objects of this namespace; of all by default."),
          Field(&M::label_selector, "label_selector", Optional,
                "Only objects that match, as kubectl's `-l`."),
          Field(&M::field_selector, "field_selector", Optional,
                "Only objects that match, as kubectl's `--field-selector`."),
          Field(&M::limit, "limit", Optional,
                "At most so many; 500 by default. `truncated` tells if there are more.")
              .Check(Between(1, 100000)),
          Field(&M::names, "names", Computed,
                "`namespace/name`, or `name` where the kind has no namespace."),
          Field(&M::json, "json", Computed,
                "The objects as JSON text, for `jsondecode`; in the order of `names`."),
          Field(&M::truncated, "truncated", Computed,
                "True if there are more objects than `limit`."),
      });
  return spec;
}

const sdk::ResourceInfo& ObjectsSource::info() const {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_kubernetes_objects",
                                                   .noun = "Kubernetes objects",
                                                   .subcategory = "Kubernetes",
                                                   .needs = needs::Kubernetes()};
  return info;
}

sdk::Outcome<ObjectsModel> ObjectsSource::Read(const sdk::Context& context,
                                               const ObjectsModel& config) {
  CHARON_ASSIGN_OR_RETURN(const auto cluster, services_.Kubernetes());
  ObjectsModel model = config;
  CHARON_RETURN_IF_ERROR(At(
      "namespace", kubernetes::CheckPathSegment("the namespace", config.name_space.value_or(""))));
  const auto limit = static_cast<std::size_t>(config.limit.value_or(500));
  kubernetes::ListOptions options;
  options.name_space = config.name_space.value_or("");
  options.label_selector = config.label_selector.value_or("");
  options.field_selector = config.field_selector.value_or("");
  options.limit = static_cast<int>(limit) + 1;  // one more tells whether there are more
  absl::StatusOr<std::vector<Json>> listed =
      cluster->List(context, {*config.api_version, *config.kind}, options);
  if (!listed.ok())
    return operations::AtSelector(listed.status(), config.label_selector.IsKnown(),
                                  config.field_selector.IsKnown());
  std::vector<Json> objects = *std::move(listed);
  model.truncated = objects.size() > limit;
  if (objects.size() > limit) objects.resize(limit);
  std::vector<std::string> names, texts;
  for (Json& object : objects) {
    const std::string place = kubernetes::Text(object, "metadata.namespace");
    names.push_back(
        absl::StrCat(place, place.empty() ? "" : "/", kubernetes::Text(object, "metadata.name")));
    texts.push_back(ForState(std::move(object)).dump());
  }
  model.names = std::move(names);
  model.json = std::move(texts);
  return model;
}

}  // namespace charon::kubernetes_data
