#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/sdk/registry.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"
#include "resources/tier/namespace.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

TEST(SameAmounts, AnEmptyTableIsNone) {
  const LimitTable written = {{"default", {{"memory", "1Gi"}}}, {"max", {}}};
  const LimitTable stored = {{"default", {{"memory", "1024Mi"}}}};
  EXPECT_EQ(InWordsOf(written, stored), written);
  EXPECT_TRUE(SameAmounts(written, stored));
  EXPECT_TRUE(SameAmounts(stored, written));
  EXPECT_FALSE(SameAmounts(written, {{"default", {{"memory", "2Gi"}}}}));
}

TEST(Namespace, ALabelOfTheServerIsRefused) {
  using Labels = std::map<std::string, std::string>;
  Services services;
  NamespaceResource resource(services);
  NamespaceModel config;
  config.name = "shop";
  config.labels = Labels{{"kubernetes.io/metadata.name", "t5"}};
  EXPECT_THAT(resource.Validate({}, config), StatusIsAt("labels[\"kubernetes.io/metadata.name\"]"));
  config.labels = Labels{{"kubernetes.io/metadata.name", "shop"}};
  EXPECT_THAT(resource.Validate({}, config), IsOk());
}

// "auto" without a policy engine: what the configuration says is made, not what was made first.
TEST(Namespace, AChangeCountsWhereNobodyElseGoverns) {
  Services services([](const auto&) -> absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> {
    return absl::UnavailableError("no cluster here");
  });
  sdk::Registry registry(std::make_unique<FakeProvider>());
  registry.Add(std::make_unique<NamespaceResource>(services));
  sdk::AnyResource& resource = *registry.resources().at("charon_tier_namespace");
  const auto planned = [&](const char* governance, const char* change) {
    sdk::PlanRequest request;
    request.prior = ObjectForTest(
        resource.schema(),
        absl::StrCat(R"({"name": "n", "tier": "edge", "governance": "auto", "default_deny": false,
          "limit_range": {}, "effective": {"governance": ")",
                     governance,
                     R"(", "priority_class": "tier-3-edge", "limit_range": {},
          "resource_quota": {"pods": "30"}}})"));
    request.config = ObjectForTest(
        resource.schema(),
        absl::StrCat(R"({"name": "n", "tier": "edge", "governance": "auto", )", change, "}"));
    request.proposed = core::ProposedNewState(resource.schema(), request.prior, request.config);
    request.capabilities = {.deferral_allowed = false, .write_only_allowed = true};
    return resource.Plan(Call(), request).planned["effective"];
  };
  const Value changed = planned("internal", R"("limit_range": {"max": {"memory": "1Gi"}},
    "resource_quota": {"pods": "3"})");
  EXPECT_EQ(changed["resource_quota"]["pods"], Value::String("3"));
  EXPECT_EQ(changed["limit_range"]["max"]["memory"], Value::String("1Gi"));
  EXPECT_EQ(changed["governance"], Value::String("internal"));
  EXPECT_EQ(planned("external", R"("resource_quota": {"pods": "3"})")["resource_quota"]["pods"],
            Value::String("30"));
}

}  // namespace
}  // namespace charon::tier
