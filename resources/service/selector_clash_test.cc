#include "resources/service/selector_clash.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::service {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

Json Workload(const Json& selector, const Json& labels) {
  return {{"spec", {{"selector", selector}, {"template", {{"metadata", {{"labels", labels}}}}}}}};
}

TEST(SelectorMatches, AllOfItCounts) {
  const Json labels = {{"app", "web"}, {"tier", "3-edge"}};
  EXPECT_TRUE(SelectorMatches({{"matchLabels", {{"app", "web"}}}}, labels));
  EXPECT_FALSE(SelectorMatches({{"matchLabels", {{"app", "web"}, {"track", "canary"}}}}, labels));
  const auto expression = [&](const char* key, const char* op, Json values) {
    return SelectorMatches(
        {{"matchExpressions", Json::array({{{"key", key}, {"operator", op}, {"values", values}}})}},
        labels);
  };
  EXPECT_TRUE(expression("app", "In", {"web", "api"}));
  EXPECT_FALSE(expression("app", "In", {"api", "db"}));
  EXPECT_FALSE(expression("app", "NotIn", {"web", "api"}));
  EXPECT_TRUE(expression("track", "NotIn", {"canary", "beta"}));
  EXPECT_TRUE(expression("tier", "Exists", Json()));
  EXPECT_FALSE(expression("track", "Exists", Json()));
  EXPECT_TRUE(expression("track", "DoesNotExist", Json()));
  EXPECT_TRUE(SelectorMatches(Json::object(), Json()));
}

TEST(SelectorClash, IsSeenFromBothSides) {
  const Json web = Workload({{"matchLabels", {{"app", "web"}}}}, {{"app", "web"}});
  const Json canary = Workload({{"matchLabels", {{"app", "web"}, {"track", "canary"}}}},
                               {{"app", "web"}, {"track", "canary"}});
  EXPECT_THAT(
      SelectorClash(web, canary),
      HasSubstr("labels app=web,track=canary, which this service's selector (app=web) matches"));
  EXPECT_THAT(
      SelectorClash(canary, web),
      HasSubstr(
          "a selector (app=web) that matches the pods of this service (app=web,track=canary)"));
  EXPECT_EQ(SelectorClash(web, Workload({{"matchLabels", {{"app", "api"}}}}, {{"app", "api"}})),
            "");
}

}  // namespace
}  // namespace charon::service
