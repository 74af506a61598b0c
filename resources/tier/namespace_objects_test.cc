#include "resources/tier/namespace_objects.h"

#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::tier {
namespace {

using Json = nlohmann::json;

NamespaceModel ShopThatDenies(bool denies) {
  NamespaceModel model;
  model.name = "shop";
  model.default_deny = denies;
  return model;
}

// The whole of it: one rule more opens what the attribute says is closed, and one policy type less
// closes nothing in that direction.
TEST(DefaultDeny, OpensDnsAndTheNamespaceItselfAndNothingElse) {
  const std::vector<Json> objects = RenderNamespace(ShopThatDenies(true), Conventions());
  ASSERT_EQ(objects.size(), 2u);
  const Json& policy = objects[1];
  EXPECT_EQ(policy["apiVersion"], "networking.k8s.io/v1");
  EXPECT_EQ(policy["kind"], "NetworkPolicy");
  EXPECT_EQ(policy["metadata"]["name"], "default-deny");
  EXPECT_EQ(policy["metadata"]["namespace"], "shop");
  // An empty podSelector is all pods of the namespace; without `to` a rule is for any destination.
  EXPECT_EQ(policy["spec"], Json::parse(R"({
    "podSelector": {},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {}}]}],
    "egress": [
      {"to": [{"podSelector": {}}]},
      {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
    ]})"));
}

TEST(DefaultDeny, IsMadeOnlyWhereItIsAskedFor) {
  NamespaceModel unset;
  unset.name = "shop";
  for (const NamespaceModel& model : {ShopThatDenies(false), unset}) {
    const std::vector<Json> objects = RenderNamespace(model, Conventions());
    ASSERT_EQ(objects.size(), 1u);
    EXPECT_EQ(objects[0]["kind"], "Namespace");
  }
}

}  // namespace
}  // namespace charon::tier
