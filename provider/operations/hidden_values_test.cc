#include "provider/operations/hidden_values.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"

namespace charon::operations {
namespace {

using Json = nlohmann::json;

TEST(HiddenFields, AreThePathsOfValues) {
  EXPECT_EQ(
      HiddenFields(Json::parse(
          R"({"spec": {"auth": {"token": "s3cret"}, "keys": [{"a": "b"}], "none": {}}, "data": {}})")),
      R"({"spec":{"auth":{"token":{}},"keys":{}}})");
  EXPECT_EQ(HiddenFields(Json::parse(R"({"metadata": {"labels": {}}})")), "");
  EXPECT_EQ(HiddenFields(Json()), "");
}

Json Marked(const char* mark) {
  Json object = Json::parse(R"({
      "apiVersion": "example.com/v1", "kind": "Login", "metadata": {"name": "shop", "annotations": {"note": "shown"}},
      "spec": {"user": "shop", "auth": {"token": "s3cret"}}, "status": {"echo": "s3cret"}})");
  object["metadata"]["annotations"][kSecretsInside] = mark;
  return object;
}

Json Shown(const Json& live, Json object) {
  DropHiddenValues(live, object);
  return object;
}

TEST(DropHiddenValues, TakesWhatTheMarkNames) {
  const Json live = Marked(R"({"spec":{"auth":{"token":{}}},"status":{"echo":{}},"gone":{}})");
  Json shown = Shown(live, live);
  EXPECT_EQ(shown["spec"], Json::parse(R"({"user": "shop"})")) << "an emptied map means nothing";
  EXPECT_FALSE(shown.contains("status"));
  EXPECT_EQ(shown["metadata"]["annotations"]["note"], "shown");
  // The mark stands in the live object also where the part does not have it.
  EXPECT_EQ(
      Shown(live, Json::parse(R"({"spec": {"auth": {"token": "s3cret", "kind": "bearer"}}})")),
      Json::parse(R"({"spec": {"auth": {"kind": "bearer"}}})"));
}

TEST(DropHiddenValues, AMarkThatSaysNothingHidesAll) {
  for (const char* mark : {"true", "{", "[\"spec\"]"}) {
    const Json live = Marked(mark);
    const Json shown = Shown(live, live);
    EXPECT_EQ(shown.dump().find("s3cret"), std::string::npos) << mark;
    EXPECT_EQ(shown["metadata"]["name"], "shop");
  }
}

TEST(DropHiddenValues, TakesTheValuesOfASecretAndTheirCopy) {
  Json live = Json::parse(
      R"({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": "czNjcmV0"},
      "stringData": {"b": "s3cret"}, "metadata": {"name": "shop", "annotations": {"note": "shown"}}})");
  live["metadata"]["annotations"][kLastApplied] = live.dump();
  EXPECT_EQ(Shown(live, live),
            Json::parse(R"({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
      "metadata": {"name": "shop", "annotations": {"note": "shown"}}})"));
}

TEST(WithoutHiddenFields, IsWhatOneMayCompare) {
  const std::optional<Json> shown =
      WithoutHiddenFields(Marked(R"({"spec":{"auth":{"token":{}}}})"));
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ((*shown)["spec"], Json::parse(R"({"user": "shop"})"));
  // A mark that says nothing is no reason to see a difference everywhere.
  for (const char* mark : {"", "true"}) EXPECT_EQ(WithoutHiddenFields(Marked(mark)), std::nullopt);
}

TEST(DropHiddenValues, LeavesEverythingElse) {
  Json live = Marked("");
  live["metadata"]["annotations"].erase(kSecretsInside);
  EXPECT_EQ(Shown(live, live), live);
}

}  // namespace
}  // namespace charon::operations
