#include "resources/service/manifests_function.h"

#include <utility>
#include <vector>

#include "provider/base/status.h"
#include "provider/sdk/function.h"
#include "provider/value/json.h"
#include "resources/service/check_service.h"
#include "resources/service/render.h"

namespace charon::service {
absl::StatusOr<Value> ServiceManifests(const Value& service, const Conventions& conventions) {
  CHARON_ASSIGN_OR_RETURN(const ServiceModel model, sdk::ObjectArgument<ServiceModel>(0, service));
  for (const absl::Status& wrong : CheckService(model)) return sdk::AtArgument(0, wrong);
  const absl::StatusOr<std::vector<Rendered>> objects = RenderService(model, conventions);
  if (!objects.ok()) return sdk::AtArgument(0, objects.status());
  Json all = Json::array();
  for (const Rendered& rendered : *objects) all.push_back(AsCreated(rendered));
  CHARON_ASSIGN_OR_RETURN(TypedValue typed, DecodeAnyJson(all.dump()));
  return Value::Dynamic(std::move(typed.type), std::move(typed.value));
}

}  // namespace charon::service
