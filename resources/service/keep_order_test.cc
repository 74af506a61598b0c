#include "resources/service/keep_order.h"

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::service {
namespace {

using Json = nlohmann::json;

Json Kept(const char* live, const char* workload) {
  Json kept = Json::parse(workload);
  KeepOrder(Json::parse(live), kept);
  return kept;
}

TEST(KeepOrder, ListsWhoseOrderSaysNothingStandAsOnTheServer) {
  EXPECT_EQ(
      Kept(
          R"({"spec": {"volumes": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "web", "image": "1", "volumeMounts": [{"mountPath": "/b"}, {"mountPath": "/a"}],
                     "ports": [{"containerPort": 9, "protocol": "TCP"}, {"containerPort": 8, "protocol": "UDP"}, {"containerPort": 8, "protocol": "TCP"}]}],
                     "securityContext": {"capabilities": {"add": ["Z", "A"]}, "supplementalGroups": [7, 5]}}})",
          R"({"spec": {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "c"}], "containers": [{"name": "web", "image": "2", "volumeMounts": [{"mountPath": "/a"}, {"mountPath": "/b"}],
                     "ports": [{"containerPort": 8, "protocol": "TCP"}, {"containerPort": 8, "protocol": "UDP"}, {"containerPort": 9, "protocol": "TCP"}]}],
                     "securityContext": {"capabilities": {"add": ["A", "Z"]}, "supplementalGroups": [5, 7]}}})"),
      Json::parse(
          R"({"spec": {"volumes": [{"name": "c"}, {"name": "a", "emptyDir": {}}], "containers": [{"name": "web", "image": "2", "volumeMounts": [{"mountPath": "/b"}, {"mountPath": "/a"}],
                     "ports": [{"containerPort": 9, "protocol": "TCP"}, {"containerPort": 8, "protocol": "UDP"}, {"containerPort": 8, "protocol": "TCP"}]}],
                     "securityContext": {"capabilities": {"add": ["Z", "A"]}, "supplementalGroups": [7, 5]}}})"));
}

TEST(KeepOrder, WhatIsNewStandsWhereItWasRendered) {
  EXPECT_EQ(
      Kept(R"({"volumes": [{"name": "gone"}, {"name": "d"}, {"name": "b"}]})",
           R"({"volumes": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]})"),
      Json::parse(R"({"volumes": [{"name": "a"}, {"name": "d"}, {"name": "c"}, {"name": "b"}]})"));
}

TEST(KeepOrder, VariablesStillComeAfterThoseTheyReferTo) {
  EXPECT_EQ(
      Kept(
          R"({"env": [{"name": "URL"}, {"name": "Z"}, {"name": "HOST"}]})",
          R"js({"env": [{"name": "HOST", "value": "db"}, {"name": "URL", "value": "http://$(HOST)/"}, {"name": "Z", "value": "1"}]})js"),
      Json::parse(
          R"js({"env": [{"name": "HOST", "value": "db"}, {"name": "URL", "value": "http://$(HOST)/"}, {"name": "Z", "value": "1"}]})js"));
}

// Commands, tolerations, init containers, and what overrides what.
TEST(KeepOrder, AnOrderThatSaysSomethingIsTheConfigurations) {
  for (const char* unchanged :
       {R"({"command": ["a", "b"]})", R"({"initContainers": [{"name": "a"}, {"name": "b"}]})",
        R"({"tolerations": [{"key": "a"}, {"key": "b"}]})",
        R"({"envFrom": [{"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]})"}) {
    Json reversed = Json::parse(unchanged);
    for (Json& list : reversed) std::reverse(list.begin(), list.end());
    EXPECT_EQ(Kept(reversed.dump().c_str(), unchanged), Json::parse(unchanged));
  }
  EXPECT_EQ(Kept(R"({"envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "m"}}]})",
                 R"({"envFrom": [{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}]})"),
            Json::parse(
                R"({"envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "m"}}]})"));
  EXPECT_EQ(
      Kept(
          R"({"initContainers": [{"name": "b"}, {"name": "a", "env": [{"name": "Y"}, {"name": "X"}]}]})",
          R"({"initContainers": [{"name": "a", "env": [{"name": "X"}, {"name": "Y"}]}, {"name": "b"}]})"),
      Json::parse(
          R"({"initContainers": [{"name": "a", "env": [{"name": "Y"}, {"name": "X"}]}, {"name": "b"}]})"));
}

TEST(KeepOrder, TakesAnythingThatIsNotThere) {
  for (const char* live : {"{}", R"({"volumes": null})", R"({"volumes": "x"})",
                           R"({"volumes": [1, "x", null, {}]})"}) {
    EXPECT_EQ(Kept(live, R"({"volumes": [{"name": "a"}]})"),
              Json::parse(R"({"volumes": [{"name": "a"}]})"))
        << live;
  }
  // What a patch of the user's may bring.
  EXPECT_EQ(Kept(R"({"env": [1, {"name": "a"}]})", R"({"env": [{"name": "a"}, 2, {"name": 3}]})"),
            Json::parse(R"({"env": [{"name": "a"}, 2, {"name": 3}]})"));
}

// The server refuses another spelling of them as it refuses other ones.
TEST(KeepClaimTemplates, WhatMeansTheSameIsWrittenAsOnTheServer) {
  const Json wanted = Json::parse(R"({"spec": {"volumeClaimTemplates": [
      {"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
      {"metadata": {"name": "b"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}]}})");
  const auto kept = [&wanted](const char* a_metadata, const char* a_spec) {
    Json live = Json::parse(R"({"spec": {"volumeClaimTemplates": [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "b", "creationTimestamp": null}, "status": {"phase": "Pending"},
         "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}, "volumeMode": "Filesystem"}},
        {"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}]}})");
    Json& a = live["spec"]["volumeClaimTemplates"][1];
    a["metadata"].update(Json::parse(a_metadata));
    a["spec"].update(Json::parse(a_spec));
    Json workload = wanted;
    KeepClaimTemplates(live, workload);
    EXPECT_TRUE(workload == live || workload == wanted);
    return workload == live;
  };
  EXPECT_TRUE(kept("{}", "{}"));
  EXPECT_TRUE(kept(R"({"namespace": "default"})", R"({"volumeMode": "Filesystem"})"));
  EXPECT_FALSE(kept(R"({"labels": {"app": "a"}})", "{}"));
  EXPECT_FALSE(kept("{}", R"({"volumeMode": "Block"})"));
  EXPECT_FALSE(kept("{}", R"({"storageClassName": "fast"})"));
  EXPECT_FALSE(kept("{}", R"({"resources": {"requests": {"storage": "3Gi"}}})"));
  EXPECT_FALSE(kept(R"({"name": "c"})", "{}"));
}

}  // namespace
}  // namespace charon::service
