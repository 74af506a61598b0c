#include "resources/service/adoption.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/testing/status_matchers.h"

namespace charon::service {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// As kubectl made it on Kubernetes 1.36 (shortened), with an annotation by hand.
Json LiveService() {
  return Json::parse(R"({"kind": "Service", "metadata": {"namespace": "shop", "name": "web",
    "labels": {"team": "a", "helm.sh/chart": "web-1"},
    "annotations": {"example.org/pool": "x", "example.org/hand": "y", "meta.helm.sh/release-name": "r"},
    "managedFields": [
      {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {
        "f:metadata": {"f:labels": {".": {}, "f:team": {}, "f:helm.sh/chart": {}},
                       "f:annotations": {".": {}, "f:example.org/pool": {}, "f:meta.helm.sh/release-name": {}}},
        "f:spec": {"f:type": {}, "f:selector": {}, "f:clusterIP": {}, "f:internalTrafficPolicy": {}, "f:sessionAffinity": {},
          "f:externalTrafficPolicy": {}, "f:publishNotReadyAddresses": {},
          "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:nodePort": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}},
                               "k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}}}}},
      {"manager": "kubectl-annotate", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {
        "f:metadata": {"f:annotations": {"f:example.org/hand": {}}}}}]},
    "spec": {"type": "NodePort", "selector": {"app": "web"}, "clusterIP": "192.0.2.3", "internalTrafficPolicy": "Cluster", "sessionAffinity": "ClientIP",
      "externalTrafficPolicy": "Local", "publishNotReadyAddresses": true,
      "ports": [{"name": "www", "port": 80, "protocol": "TCP", "nodePort": 30080, "targetPort": 8080}, {"name": "x", "port": 81, "protocol": "TCP"}]}})");
}

Json OwnService() {
  return Json::parse(
      R"({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop", "name": "web", "labels": {"team": "b"}},
    "spec": {"type": "ClusterIP", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]}})");
}

TEST(Adoption, WhatAServiceLosesIsNamed) {
  EXPECT_THAT(
      TakenAway(OwnService(), LiveService(), {.owner = "o"}),
      ElementsAre("metadata.annotations.example.org/pool", "metadata.labels.team",
                  "spec.externalTrafficPolicy", R"(spec.ports[port=80,protocol="TCP"].name)",
                  R"(spec.ports[port=80,protocol="TCP"].nodePort)",
                  R"(spec.ports[port=81,protocol="TCP"])", "spec.publishNotReadyAddresses",
                  "spec.sessionAffinity", "spec.type"));
}

TEST(Adoption, WhatStaysOrMeansTheSameIsNoLoss) {
  Json live = LiveService();
  live["spec"] = Json::parse(
      R"({"type": "ClusterIP", "selector": {"app": "web"}, "clusterIP": "None", "internalTrafficPolicy": "Cluster",
    "sessionAffinity": "None", "publishNotReadyAddresses": false, "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]})");
  live["metadata"]["labels"] = {{"team", "b"}};
  live["metadata"]["annotations"].erase("example.org/pool");
  EXPECT_THAT(TakenAway(OwnService(), live, {.owner = "o"}), IsEmpty());
}

TEST(Adoption, EntriesOfFormerToolsAreFound) {
  const operations::ObjectOptions options{.owner = "o"};
  EXPECT_THAT(EntriesOfFormerTools(LiveService(), "labels", options),
              ElementsAre(Pair("team", "a")));
  EXPECT_THAT(EntriesOfFormerTools(LiveService(), "annotations", options),
              ElementsAre(Pair("example.org/pool", "x")))
      << "what somebody set by hand stays anyway";
  EXPECT_THAT(EntriesOfFormerTools(Json(), "labels", options), IsEmpty());
}

TEST(Adoption, AWayInFromOutsideDoesNotEndUnsaid) {
  Rendered rendered;
  rendered.object = OwnService();
  ServiceModel model;
  model.name_space = "shop";
  model.name = "web";
  const absl::Status refused = CheckWayIn(model, rendered, LiveService());
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr("Service/shop/web is of type NodePort"),
                                      HasSubstr("node port 30080"))));
  EXPECT_THAT(*RemedyOf(refused), AllOf(HasSubstr(R"(service = { name = "web-internal" })"),
                                        HasSubstr("nodeport = {}")));
  ExposeModel lan;
  lan.nodeport = NodePortModel();
  model.expose = std::map<std::string, ExposeModel>{{"lan", lan}};
  EXPECT_THAT(CheckWayIn(model, rendered, LiveService()), IsOk());
  Json balancer = LiveService();
  balancer["spec"]["type"] = "LoadBalancer";
  balancer["status"]["loadBalancer"]["ingress"] = Json::array({{{"ip", "192.0.2.9"}}});
  EXPECT_THAT(CheckWayIn(model, rendered, balancer),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("address 192.0.2.9")));
  balancer["spec"]["type"] = "ClusterIP";
  EXPECT_THAT(CheckWayIn({}, rendered, balancer), IsOk());
}

}  // namespace
}  // namespace charon::service
