#include "provider/clients/kubernetes/ownership_fixtures.h"

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/yaml.h"

namespace charon::kubernetes {

Json Y(const std::string& text) {
  const absl::StatusOr<Json> value = ParseYaml(text);
  EXPECT_TRUE(value.ok()) << text << value.status();
  return value.value_or(Json());
}

FieldPath At(const std::string& text) {
  const absl::StatusOr<FieldPath> path = ParseFieldPath(text);
  EXPECT_TRUE(path.ok()) << path.status();
  return path.value_or(FieldPath());
}

Json Shop() { return Json::parse(kShopDeployment); }

}  // namespace charon::kubernetes
