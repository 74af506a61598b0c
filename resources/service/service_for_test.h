// Services of the tests, from what a user writes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/path.h"
#include "provider/base/status.h"
#include "provider/value/json.h"
#include "resources/service/check_service.h"
#include "resources/service/service.h"

namespace charon::service {

// The test fails, and gets an empty service, if `config` does not have the types of the table.
inline ServiceModel ServiceFrom(const nlohmann::json& config) {
  const absl::StatusOr<Value> value =
      DecodeJson(config.dump(), ServiceModel::Describe().schema().type());
  EXPECT_TRUE(value.ok()) << value.status();
  if (!value.ok()) return {};
  absl::StatusOr<ServiceModel> model = ServiceModel::Describe().Decode(*value);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : ServiceModel();
}

// The smallest one, with what `config` has besides: namespace, name and image are given.
inline ServiceModel SmallServiceWith(nlohmann::json config) {
  const nlohmann::json smallest = {
      {"namespace", "shop"}, {"name", "web"}, {"image", "registry.example/web:1"}};
  for (const auto& [key, value] : smallest.items()) {
    if (!config.contains(key)) config[key] = value;
  }
  return ServiceFrom(config);
}

// What CheckService has against it, a line each: "path: message".
inline std::vector<std::string> MessagesOn(const nlohmann::json& config) {
  std::vector<std::string> messages;
  for (const absl::Status& status : CheckService(SmallServiceWith(config))) {
    messages.push_back(PathOf(status).value_or(Path()).ToString() + ": " +
                       std::string(status.message()));
  }
  return messages;
}

}  // namespace charon::service
