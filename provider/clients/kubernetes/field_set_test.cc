#include "provider/clients/kubernetes/field_set.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/ownership_fixtures.h"

namespace charon::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = FieldStep::Kind;

FieldSet Set(const std::string& fields_v1) {
  const absl::StatusOr<FieldSet> set = FieldSet::Parse(Json::parse(fields_v1));
  EXPECT_TRUE(set.ok()) << set.status();
  return set.value_or(FieldSet());
}

std::vector<std::string> Texts(const FieldSet& set) {
  std::vector<std::string> texts;
  for (const FieldPath& path : set.Paths()) texts.push_back(ToString(path));
  return texts;
}

TEST(FieldSet, ReadsAndWritesFieldsV1) {
  const std::string text =
      R"({"f:metadata":{"f:finalizers":{".":{},"v:\"a/b\"":{}},"f:labels":{"f:app":{}}},)"
      R"("f:spec":{"f:list":{"i:3":{}},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}})";
  const FieldSet set = Set(text);
  EXPECT_EQ(set.ToJson().dump(), text);
  EXPECT_THAT(Texts(set), ElementsAre(".metadata.finalizers", ".metadata.finalizers[=\"a/b\"]",
                                      ".metadata.labels.app", ".spec.list[3]",
                                      ".spec.ports[port=80,protocol=\"TCP\"]",
                                      ".spec.ports[port=80,protocol=\"TCP\"].port"));
}

TEST(FieldSet, KeysHaveOneForm) {
  // The server escapes some characters (Go's JSON), and other writers may order keys differently.
  const FieldSet set = Set(
      R"({"f:m":{"k:{\"mountPath\":\"/a\\u0026\\u003cé\\u003e\"}":{},"k:{\"b\": 1, \"a\": \"x\"}":{}}})");
  EXPECT_TRUE(set.Contains(At(".m[mountPath=\"/a&<\xC3\xA9>\"]")));
  EXPECT_TRUE(set.Contains(At(".m[a=\"x\",b=1]")));
}

TEST(FieldSet, MembersAreLeavesAndDots) {
  const FieldSet set = Set(R"({"f:a":{".":{},"f:b":{}},"f:c":{"f:d":{}}})");
  EXPECT_TRUE(set.Contains(At(".a")));
  EXPECT_TRUE(set.Contains(At(".a.b")));
  EXPECT_FALSE(set.Contains(At(".c")));
  EXPECT_FALSE(set.Contains(At(".a.b.c")));
  EXPECT_TRUE(set.Child({.text = "a"})->Child({.text = "b"})->leaf());
  EXPECT_FALSE(set.Child({.text = "a"})->leaf());
  EXPECT_EQ(set.Child({.text = "z"}), nullptr);
}

TEST(FieldSet, WhatIsNoFieldsV1IsRefused) {
  for (const char* text :
       {R"([])", R"({"f:a":1})", R"({"a":{}})", R"({"":{}})", R"({"f:a":{"f:b":[]}})",
        R"({"k:{":{}})", R"({"k:[1]":{}})", R"({"v:":{}})", R"({"i:x":{}})", R"({"i:1.5":{}})"}) {
    EXPECT_EQ(FieldSet::Parse(Json::parse(text)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  // A kind of step from the future, as structured-merge-diff passes over it.
  EXPECT_TRUE(Set(R"({"x:a":{"f:b":{}}})").empty());
  EXPECT_TRUE(Set(R"({"f:c":{"x:a":{}}})").empty());
}

TEST(FieldSet, NestingIsBounded) {
  Json deep = Json::object();
  for (int i = 0; i < 512; ++i) deep = {{"f:a", deep}};
  EXPECT_TRUE(FieldSet::Parse(deep).ok());
  EXPECT_THAT(std::string(FieldSet::Parse({{"f:a", deep}}).status().message()),
              HasSubstr("deeper than 512"));
  EXPECT_FALSE(FieldSet::Parse({{"v:" + std::string(100'000, '['), Json::object()}}).ok());
}

TEST(FieldSet, Algebra) {
  const FieldSet a = Set(R"({"f:a":{".":{},"f:b":{},"f:c":{}},"f:x":{}})");
  const FieldSet b = Set(R"({"f:a":{"f:b":{}},"f:y":{"v:1":{}}})");
  EXPECT_THAT(Texts(a.Union(b)), ElementsAre(".a", ".a.b", ".a.c", ".x", ".y[=1]"));
  EXPECT_THAT(Texts(a.Minus(b)), ElementsAre(".a", ".a.c", ".x"));
  EXPECT_THAT(Texts(b.Minus(a)), ElementsAre(".y[=1]"));
  EXPECT_THAT(Texts(a.Intersect(b)), ElementsAre(".a.b"));
  EXPECT_TRUE(a.Minus(a).empty());
  EXPECT_EQ(a.Union(a), a);
  EXPECT_EQ(a.Minus(b).Union(a.Intersect(b)), a);
}

TEST(FieldSet, InsertAndRemove) {
  FieldSet set;
  set.Insert(At(".spec.ports[port=80].name"));
  set.Insert(At(".spec.replicas"));
  EXPECT_EQ(set.ToJson().dump(),
            R"({"f:spec":{"f:ports":{"k:{\"port\":80}":{"f:name":{}}},"f:replicas":{}}})");
  set.Remove(At(".spec.ports"));
  set.Remove(At(".spec.nothing.here"));
  EXPECT_EQ(set.ToJson().dump(), R"({"f:spec":{"f:replicas":{}}})");
  set.Remove(At(".spec.replicas"));
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.ToJson().dump(), "{}");
}

TEST(FieldPath, ReadsTheServersConflicts) {
  const FieldPath path = At(
      ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80,protocol=\"TCP\"].name");
  ASSERT_EQ(path.size(), 8U);
  EXPECT_EQ(path[4], (FieldStep{Kind::kKey, R"({"name":"app"})"}));
  EXPECT_EQ(path[6], (FieldStep{Kind::kKey, R"({"containerPort":80,"protocol":"TCP"})"}));
  EXPECT_EQ(path[7].text, "name");
  EXPECT_EQ(At(".a[=\"x],y\"]").back(), (FieldStep{Kind::kValue, "\"x],y\""}));
  EXPECT_EQ(At(".a[name=\"x\\\"]\",z=true].b")[1].text, R"({"name":"x\"]","z":true})");
  for (const char* text : {".spec.replicas", ".a[0].b", ".metadata.labels.app", ".a[=1.5]",
                           ".a[=null]", ".spec.containers[name=\"app\"].env[name=\"A\"].value",
                           ".metadata.annotations.example.org/a.b", ".spec.hard.requests.cpu",
                           ".spec.resources.limits.nvidia.com/gpu"}) {
    EXPECT_EQ(ToString(At(text)), text);
  }
}

TEST(FieldPath, ReadsValidationErrorsToo) {
  EXPECT_EQ(ToString(At("spec.template.spec.containers[0].image")),
            ".spec.template.spec.containers[0].image");
  EXPECT_EQ(At("metadata.labels[app.kubernetes.io/name]").back(),
            (FieldStep{Kind::kField, "app.kubernetes.io/name"}));
  EXPECT_EQ(At("spec.hard[requests.cpu]").back().text, "requests.cpu");
}

TEST(FieldPath, DotsInNamesAreFoundInTheObject) {
  const Json object = Json::parse(
      R"({"spec":{"config":{"log.level":1,"log":{"level":2,"x":3}},"items":[{"name":"n","a.b":{"c":1}}]}})");
  EXPECT_EQ(ParseFieldPath(".spec.config.log.level", &object)->size(), 3U);
  EXPECT_EQ(ParseFieldPath(".spec.config.log.x", &object)->size(), 4U);
  EXPECT_EQ(ParseFieldPath(".spec.config.other.x", &object)->size(), 4U);
  EXPECT_EQ(ParseFieldPath(".spec.items[name=\"n\"].a.b.c", &object)->size(), 5U);
  EXPECT_EQ(ParseFieldPath(".spec.items[0].a.b.c", &object)->size(), 5U);
  EXPECT_EQ(ParseFieldPath(".spec.items[7].a.b.c", &object)->size(), 6U);
}

TEST(FieldPath, OtherTextsAreRefused) {
  for (const char* text :
       {"", ".", "a..b", "a.", ".a[", ".a[]", ".a[name=", ".a[name=x]", ".a[name=\"x\"", ".a[=]",
        ".a[name=\"x\",]", ".a[0]b", ".a[=[[[[", ".a[\"", ".a[=\"\\"}) {
    const absl::StatusOr<FieldPath> path = ParseFieldPath(text);
    ASSERT_FALSE(path.ok()) << text << " is " << ToString(*path);
    EXPECT_EQ(path.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(path.status().message()), HasSubstr("is no field path"));
  }
}

}  // namespace
}  // namespace charon::kubernetes
