#include "resources/service/import_workload.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/value/json.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ServiceModel Stub() {
  ServiceModel model;
  model.name_space = "shop";
  model.name = "web";
  return model;
}

Json Workload(const std::string& pod_spec) {
  return Json{{"spec", {{"template", {{"spec", Json::parse(pod_spec)}}}}}};
}

// What was filled in, as JSON, without what is not set.
Json Found(const ServiceModel& model) {
  const absl::StatusOr<std::string> text = EncodeJson(ServiceModel::Describe().Encode(model), ServiceModel::Describe().schema().type());
  Json found = Json::parse(text.value_or("{}"));
  const std::function<void(Json&)> strip = [&strip](Json& value) {
    for (auto entry = value.begin(); entry != value.end();) {
      if (entry->is_null()) {
        entry = value.erase(entry);
      } else {
        if (entry->is_object()) strip(*entry);
        ++entry;
      }
    }
  };
  strip(found);
  for (const char* given : {"namespace", "name"}) found.erase(given);
  return found;
}

TEST(ImportWorkload, SmallestHasItsImage) {
  ServiceModel model = Stub();
  EXPECT_THAT(FillInFromWorkload(Workload(R"({"containers": [{"name": "app", "image": "a:1", "resources": {}}], "serviceAccountName": "default"})"), model),
              IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({"image": "a:1"})"));
}

TEST(ImportWorkload, TakesWhatHasOneMeaning) {
  ServiceModel model = Stub();
  EXPECT_THAT(FillInFromWorkload(Workload(R"({
    "serviceAccountName": "robot", "serviceAccount": "robot", "automountServiceAccountToken": false,
    "containers": [
      {"name": "helper", "image": "h:1"},
      {"name": "web", "image": "w:1", "command": ["serve"], "args": ["--fast"], "workingDir": "/srv", "imagePullPolicy": "Always",
       "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}, {"containerPort": 9999},
                 {"name": "dns", "containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"},
                 {"name": "wg", "containerPort": 51820, "protocol": "UDP"},
                 {"name": "a", "containerPort": 7, "protocol": "TCP"}, {"name": "b", "containerPort": 7, "protocol": "UDP"}],
       "env": [{"name": "MODE", "value": "x"}, {"name": "EMPTY"},
               {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url", "optional": true}}},
               {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
               {"name": "MEM", "valueFrom": {"resourceFieldRef": {"containerName": "web", "resource": "limits.memory", "divisor": "0"}}},
               {"name": "OTHER", "valueFrom": {"resourceFieldRef": {"containerName": "helper", "resource": "limits.memory"}}},
               {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}],
       "envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "m", "optional": true}}, {"prefix": "P_", "secretRef": {"name": "p"}}],
       "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi", "nvidia.com/gpu": "1"}}}]})"),
                                 model),
              IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({
    "image": "w:1", "command": ["serve"], "args": ["--fast"], "process": {"working_dir": "/srv"},
    "ports": {"http": "80", "dns": "53/TCP,UDP", "wg": "51820/UDP"},
    "env": {"MODE": "x", "EMPTY": ""}, "env_secret": {"DB": "db/url?"},
    "env_from": {"secrets": ["s"], "config_maps": ["m?"], "fields": {"IP": "status.podIP", "MEM": "limits.memory"}},
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi", "nvidia.com/gpu": "1"}},
    "identity": {"service_account": {"name": "robot", "automount": false}}})"));
}

TEST(ImportWorkload, LeavesOutWhatLooksSecret) {
  ServiceModel model = Stub();
  EXPECT_THAT(FillInFromWorkload(Workload(R"({"containers": [{"name": "web", "image": "w:1", "env": [
      {"name": "DB_PASSWORD", "value": "x"}, {"name": "api_token", "value": "x"}, {"name": "SECRET_KEY", "value": "x"},
      {"name": "TOKEN_FILE_EMPTY", "value": ""}, {"name": "URL", "value": "postgres://app:pw@db/app"},
      {"name": "ROOT", "value": "https://example.org:8443/@me"}, {"name": "KEYBOARD", "value": "us"}]}]})"),
                                 model),
              ElementsAre("DB_PASSWORD", "api_token", "SECRET_KEY", "URL"));
  EXPECT_EQ(Found(model)["env"], Json::parse(R"({"TOKEN_FILE_EMPTY": "", "ROOT": "https://example.org:8443/@me", "KEYBOARD": "us"})"));
}

// What a service renders is found as what it was rendered from.
TEST(ImportWorkload, IsTheReverseOfRendering) {
  const std::string config = R"js({"image": "w:1", "command": ["serve"], "ports": {"http": "8080", "rtsp": "8554/TCP,UDP"}, "replicas": 3,
    "env": {"A": "$(B)", "B": "b"}, "env_secret": {"C": "given/c"}, "env_from": {"secrets": ["given?"], "fields": {"IP": "status.podIP"}},
    "resources": {"requests": {"cpu": "10m"}}, "process": {"working_dir": "/srv", "tty": true}, "identity": {"service_account": {"name": "robot"}}})js";
  const absl::StatusOr<Value> value = DecodeJson(config, ServiceModel::Describe().schema().type());
  ASSERT_TRUE(value.ok()) << value.status();
  ServiceModel made = *ServiceModel::Describe().Decode(*value);
  made.name_space = "shop";
  made.name = "web";
  const absl::StatusOr<std::vector<Rendered>> objects = RenderService(made, {});
  ASSERT_TRUE(objects.ok()) << objects.status();
  ServiceModel model = Stub();
  for (const Rendered& rendered : *objects) {
    if (rendered.stage != Stage::kWorkload) continue;
    EXPECT_THAT(FillInFromWorkload(rendered.object, model), IsEmpty());
  }
  EXPECT_EQ(Found(model), Json::parse(config));
}

}  // namespace
}  // namespace charon::service
