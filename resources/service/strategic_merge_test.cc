#include "resources/service/strategic_merge.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::service {
namespace {

using ::testing::HasSubstr;

using Json = nlohmann::json;

// Merged, or the error.
std::string Merged(const char* base, const char* patch) {
  Json merged = Json::parse(base);
  const absl::Status status = StrategicMerge(merged, Json::parse(patch));
  return status.ok() ? merged.dump() : std::string(status.message());
}

// Whole workloads are compared with kubectl in service_validation_test.py.
TEST(StrategicMerge, FollowsKubectl) {
  // Maps by key, lists without a merge key replaced, nulls take away.
  EXPECT_EQ(Merged(R"({"a": {"x": 1, "y": 2}, "plain": [1, 2]})",
                   R"({"a": {"x": null, "z": 3}, "plain": [3]})"),
            R"({"a":{"y":2,"z":3},"plain":[3]})");
  EXPECT_EQ(Merged(R"({"tolerations": [{"key": "a"}]})", R"({"tolerations": [{"key": "b"}]})"),
            R"({"tolerations":[{"key":"b"}]})");
  EXPECT_EQ(Merged("{}", R"({"a": {"x": null, "y": 1}, "b": {}})"), R"({"a":{"y":1},"b":{}})");
  // Lists with one: a volume may have two mounts, a container several ports.
  EXPECT_EQ(Merged(R"({"env": [{"name": "p", "value": "1"}, {"name": "q", "value": "2"}]})",
                   R"({"env": [{"name": "q", "value": "5"}, {"name": "p", "$patch": "delete"},
                               {"name": "r"}]})"),
            R"({"env":[{"name":"q","value":"5"},{"name":"r"}]})");
  EXPECT_EQ(Merged(R"({"volumeMounts": [{"name": "data", "mountPath": "/d"}]})",
                   R"({"volumeMounts": [{"name": "data", "mountPath": "/logs"}]})"),
            R"({"volumeMounts":[{"mountPath":"/d","name":"data"},)"
            R"({"mountPath":"/logs","name":"data"}]})");
  EXPECT_EQ(Merged(R"({"ports": [{"name": "http", "containerPort": 80}]})",
                   R"({"ports": [{"containerPort": 80, "hostPort": 8080}]})"),
            R"({"ports":[{"containerPort":80,"hostPort":8080,"name":"http"}]})");
  EXPECT_EQ(Merged(R"({"finalizers": ["a", "b"]})", R"({"finalizers": ["b", "c"]})"),
            R"({"finalizers":["a","b","c"]})");
  // Directives, also where the base has nothing.
  EXPECT_EQ(Merged(R"({"s": {"type": "RollingUpdate", "rollingUpdate": {}}})",
                   R"({"s": {"$retainKeys": ["type"], "type": "Recreate"}})"),
            R"({"s":{"type":"Recreate"}})");
  EXPECT_EQ(Merged(R"({"s": {"a": 1}, "t": {"a": 1}})",
                   R"({"s": {"$patch": "replace", "b": 2}, "t": {"$patch": "delete"}})"),
            R"({"s":{"b":2}})");
  EXPECT_EQ(
      Merged(R"({"env": [{"name": "p"}]})", R"({"env": [{"$patch": "replace"}, {"name": "q"}]})"),
      R"({"env":[{"name":"q"}]})");
  EXPECT_EQ(Merged("{}", R"({"volumes": [{"name": "a", "$patch": "delete"}, {"name": "b"}]})"),
            R"({"volumes":[{"name":"b"}]})");
}

TEST(StrategicMerge, SaysWhatIsNoPatch) {
  EXPECT_THAT(Merged("{}", R"({"s": {"$patch": "remove"}})"),
              HasSubstr("s: $patch must be delete or replace, not \"remove\""));
  EXPECT_THAT(Merged("{}", R"({"$setElementOrder/env": []})"),
              HasSubstr("the directive $setElementOrder/env is not for patches that people write"));
  EXPECT_THAT(Merged("{}", R"({"s": {"$retainKeys": "type"}})"),
              HasSubstr("s: $retainKeys must be a list of fields"));
  EXPECT_THAT(Merged("{}", R"({"env": [{"value": "x"}]})"), HasSubstr("env: an item has no"));
  EXPECT_THAT(Merged("{}", R"({"env": [{"name": "x", "$patch": "replace"}]})"),
              HasSubstr("env: an item with $patch: replace replaces the list"));
}

}  // namespace
}  // namespace charon::service
