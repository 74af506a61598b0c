#include "provider/clients/kubernetes/list_scanner.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// As v1.36.3 sends it: typed objects in the order of their Go fields.
constexpr char kTyped[] =
    R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"511","continue":"eyJ2","remainingItemCount":12},)"
    R"("items":[{"metadata":{"name":"b","namespace":"default","managedFields":[{"fieldsV1":{"f:metadata":{"f:name":{}}}}]},"data":{"x":"a \"] } {"}},)"
    R"({"metadata":{"name":"c","namespace":"other"}}]})";

TEST(ScanList, CutsItemsOutOfAPage) {
  const auto page = ScanList(kTyped);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->resource_version, "511");
  EXPECT_EQ(page->continue_token, "eyJ2");
  EXPECT_EQ(page->remaining, 12);
  ASSERT_THAT(page->items, SizeIs(2));
  EXPECT_EQ(page->items[0].name, "b");
  EXPECT_EQ(page->items[0].name_space, "default");
  const auto json = nlohmann::json::parse(page->items[0].json.begin(), page->items[0].json.end());
  EXPECT_EQ(json["data"]["x"], "a \"] } {");
  EXPECT_EQ(page->items[1].json, R"({"metadata":{"name":"c","namespace":"other"}})");
}

TEST(ScanList, ReadsMetadataBehindTheItems) {
  // Custom resources come with their keys sorted, and an empty continue.
  const auto page = ScanList(
      R"({"apiVersion":"e.org/v1","items":[ {"kind":"Foo" , "metadata" : { "labels":{"name":"no"}, "name":"f" }} ],
          "kind":"FooList","metadata":{"continue":"","resourceVersion":"7"}})");
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->items, SizeIs(1));
  EXPECT_EQ(page->items[0].name, "f");
  EXPECT_EQ(page->items[0].name_space, "");
  EXPECT_EQ(page->resource_version, "7");
  EXPECT_EQ(page->continue_token, "");
  EXPECT_EQ(page->remaining, std::nullopt);
}

TEST(ScanList, UnescapesNames) {
  // Go writes &, < and > of cluster role names that way.
  const auto page = ScanList(R"({"items":[{"metadata":{"name":"a\u0026b\\"}}]})");
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->items[0].name, "a&b\\");
}

TEST(ScanList, TakesNoItemsInAnyForm) {
  for (const char* body :
       {R"({"items":[]})", R"({"items":null})", R"({ "items" : [ ] , "metadata":{} })"}) {
    const auto page = ScanList(body);
    ASSERT_THAT(page, IsOk()) << body;
    EXPECT_THAT(page->items, SizeIs(0)) << body;
  }
}

TEST(ScanList, RefusesWhatIsNoList) {
  for (const char* body :
       {"", "x", "[]", R"({"items":[{]})", R"({"items":[{"metadata":{"name":"a})",
        R"({"items":[{"a":"b\"}]})", R"({"items":[1)"}) {
    EXPECT_THAT(ScanList(body), StatusIs(absl::StatusCode::kInvalidArgument)) << body;
  }
  EXPECT_THAT(ScanList(R"({"kind":"Status"})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no list")));
}

TEST(ScanList, DepthCostsNoStack) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  const auto page = ScanList("{\"items\":[{\"metadata\":{\"name\":\"a\"},\"x\":" + deep + "}]}");
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->items[0].name, "a");
}

}  // namespace
}  // namespace charon::kubernetes
