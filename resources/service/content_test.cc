#include "resources/service/content.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ServiceModel Model(const std::vector<std::string>& objects) {
  ServiceModel model;
  model.name_space = "shop";
  model.name = "web";
  model.objects = StringMap();
  for (const std::string& key : objects) model.objects.value()[key] = "x";
  return model;
}

TEST(DataKeys, DoNotNeedTheConfiguration) {
  // As an apply leaves it that dropped the claim and failed before it removed anything.
  EXPECT_THAT(DataKeys(Model({"ConfigMap/shop/web-files", "PersistentVolumeClaim/shop/web-data",
                              "Secret/shop/web-env", "Secret/shop/web-generated"})),
              ElementsAre("PersistentVolumeClaim/shop/web-data", "Secret/shop/web-generated"));
}

TEST(DataKeys, TheClaimOfAnExportHoldsNone) {
  EXPECT_THAT(
      DataKeys(Model({"PersistentVolume/shop-web-media", "PersistentVolumeClaim/shop/web-media"})),
      IsEmpty());
}

TEST(KeysByRemoval, WhatLeadsToThePodsGoesFirst) {
  const StringMap objects =
      *Model({"ClusterRole/shop-web", "ClusterRoleBinding/shop-web", "ConfigMap/shop/web-files",
              "Deployment/shop/web", "Ingress/shop/web", "PersistentVolume/shop-web-media",
              "PersistentVolumeClaim/shop/web-media", "Service/shop/web"})
           .objects;
  EXPECT_THAT(KeysByRemoval(objects),
              ElementsAre("Ingress/shop/web", "Service/shop/web", "Deployment/shop/web",
                          "ClusterRoleBinding/shop-web", "ClusterRole/shop-web",
                          "PersistentVolumeClaim/shop/web-media", "PersistentVolume/shop-web-media",
                          "ConfigMap/shop/web-files"));
}

TEST(KindsByRemoval, AreAllThatAServiceIsMadeOf) {
  for (const std::string& kind : KindsByRemoval()) EXPECT_NE(ApiVersionOf(kind), "") << kind;
}

TEST(DataOf, NamesClaimsOfReplicasByTheirPattern) {
  ServiceModel model = Model({});
  ClaimModel each;
  each.per_replica = true;
  model.claims = std::map<std::string, ClaimModel>{{"data", ClaimModel()}, {"each", each}};
  EXPECT_THAT(DataOf(model), ElementsAre("PersistentVolumeClaim/shop/each-web-<replica>",
                                         "PersistentVolumeClaim/shop/web-data"));
  model.generated_secrets = std::map<std::string, GeneratedSecretModel>{{"PASSWORD", {}}};
  EXPECT_EQ(DataOf(model).count("Secret/shop/web-generated"), 1);
  EXPECT_TRUE(IsDataKnown(model));
  model.claims.value()["data"].per_replica = Attr<bool>::Unknown();
  EXPECT_FALSE(IsDataKnown(model));
}

TEST(IsOwnResource, IsOfAContainerThatLeavesThemToNobody) {
  ServiceModel model = Model({});
  SidecarModel side;
  side.resources_owner = "external";
  model.sidecars = std::map<std::string, SidecarModel>{{"side", side}};
  InitContainerModel init;
  init.name = "first";
  model.init_containers = std::vector<InitContainerModel>{init};
  const auto own = [&model](const std::string& container, const std::string& field) {
    const auto path = kubernetes::ParseFieldPath(
        absl::StrCat(".spec.template.spec.", container, ".", field), nullptr);
    return path.ok() && IsOwnResource(model, *path);
  };
  for (const char* field : {"resources", "resources.limits.memory"}) {
    EXPECT_TRUE(own("containers[name=\"web\"]", field)) << field;
    EXPECT_TRUE(own("initContainers[name=\"first\"]", field)) << field;
    EXPECT_FALSE(own("containers[name=\"side\"]", field)) << field;
    // Somebody else's, or another container by that name.
    EXPECT_FALSE(own("containers[name=\"injected\"]", field)) << field;
    EXPECT_FALSE(own("initContainers[name=\"web\"]", field)) << field;
  }
  EXPECT_FALSE(own("containers[name=\"web\"]", "image"));
}

TEST(TakesResourcesBack, WhereTheyWereOthersAndAreNobodys) {
  ServiceModel before = Model({});
  before.image = "web:1";
  ServiceModel now = before;
  before.resources = ResourcesModel{};
  before.resources.value().limits = StringMap{{"memory", "1Gi"}};
  EXPECT_FALSE(TakesResourcesBack(before, now, {}));
  before.resources_owner = "external";
  EXPECT_TRUE(TakesResourcesBack(before, now, {}));
  now.resources_owner = "external";
  EXPECT_FALSE(TakesResourcesBack(before, now, {}));
}

}  // namespace
}  // namespace charon::service
