#include "resources/service/manifests_function.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/sdk/function.h"
#include "provider/value/json.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

// The path in front of the message: a function's argument has no attributes that a diagnostic could point to.
absl::Status InWords(const absl::Status& status) {
  const std::optional<Path> path = PathOf(status);
  if (!path || path->empty()) return status;
  return absl::InvalidArgumentError(absl::StrCat(path->ToString(), ": ", status.message()));
}

}  // namespace

absl::StatusOr<Value> ServiceManifests(const Value& service, const Conventions& conventions) {
  const ObjectSchema& schema = ServiceModel::Describe().schema();
  absl::StatusOr<std::string> text = EncodeAnyJson(service);
  if (!text.ok()) return sdk::AtArgument(0, text.status());
  const absl::StatusOr<Value> config = DecodeJson(*text, schema.type());
  if (!config.ok()) return sdk::AtArgument(0, config.status());
  // A misspelt attribute would just be missing.
  if (service.kind() == Value::Kind::kDynamic && service.dynamic_value().IsKnown()) {
    for (const auto& [name, value] : service.dynamic_value().mapping()) {
      if (schema.Find(name) == nullptr) {
        return sdk::AtArgument(0, absl::InvalidArgumentError(absl::StrCat("a charon_service has no attribute \"", name, "\"")));
      }
    }
  }
  std::vector<absl::Status> warnings;
  for (const absl::Status& wrong : ValidateObject(schema, *config, /*write_only_allowed=*/true, &warnings)) {
    return sdk::AtArgument(0, InWords(wrong));
  }
  CHARON_ASSIGN_OR_RETURN(const ServiceModel model, ServiceModel::Describe().Decode(*config));
  for (const absl::Status& wrong : CheckService(model)) return sdk::AtArgument(0, InWords(wrong));
  const absl::StatusOr<std::vector<Rendered>> objects = RenderService(model, conventions);
  if (!objects.ok()) return sdk::AtArgument(0, InWords(objects.status()));
  Json all = Json::array();
  for (const Rendered& rendered : *objects) all.push_back(AsCreated(rendered));
  CHARON_ASSIGN_OR_RETURN(TypedValue typed, DecodeAnyJson(all.dump()));
  return Value::Dynamic(std::move(typed.type), std::move(typed.value));
}

}  // namespace charon::service
