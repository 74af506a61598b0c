#include "provider/operations/list_merge.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::operations {
namespace {

Json Parse(const char* text) { return Json::parse(text); }

// As Kubernetes 1.36 shows a list with the keys k and p, of which p is 1 by default.
kubernetes::FieldSet Lists() {
  return *kubernetes::FieldSet::Parse(Parse(R"({"f:spec":{
    "f:lm":{"k:{\"k\":\"x\",\"p\":1}":{".":{},"f:k":{},"f:p":{},"f:v":{},"f:deep":{}},
            "k:{\"k\":\"y\",\"p\":2}":{".":{},"f:k":{},"f:p":{},"f:v":{}}},
    "f:set":{"v:\"a\"":{}},
    "f:whole":{}}})"));
}
const Json& Declared() {
  static const Json& declared = *new Json(Parse(
      R"({"spec":{"lm":[{"k":"x","v":"1"},{"k":"y","p":2,"v":"2"}],"set":["a"],"whole":[{"n":1}]}})"));
  return declared;
}

TEST(ListMerge, MergesByTheKeysThatTheServerShows) {
  const kubernetes::FieldSet lists = Lists();
  Json object = Declared();
  AddMissing(object, Parse(R"({"spec":{"lm":[{"k":"init","v":"i"},{"k":"x","v":"other","tok":"t"},
                      {"k":"y","p":1}],"set":["b","a"]}})"),
             &lists);
  EXPECT_EQ(object["spec"]["lm"],
            Parse(R"([{"k":"x","v":"1","tok":"t"},{"k":"y","p":2,"v":"2"},{"k":"init","v":"i"},
                      {"k":"y","p":1}])"));
  EXPECT_EQ(object["spec"]["set"], Parse(R"(["a","b"])"));
}

TEST(ListMerge, CompletesKeysFromWhatOthersLeaveOut) {
  EXPECT_EQ(
      WithWholeKeys(Parse(R"({"spec":{"lm":[{"k":"init"},{"k":"x","tok":"t"},{"k":"y","p":2}]}})"),
                    Declared(), Lists()),
      Parse(R"({"spec":{"lm":[{"k":"init","p":1},{"k":"x","p":1,"tok":"t"},{"k":"y","p":2}]}})"));
  // Without the declaration, from what is known of the object.
  EXPECT_EQ(WithWholeKeys(Declared(), Json(), Lists())["spec"]["lm"],
            Parse(R"([{"k":"x","p":1,"v":"1"},{"k":"y","p":2,"v":"2"}])"));
}

TEST(ListMerge, NamesTheListThatCannotBeMerged) {
  const kubernetes::FieldSet lists = Lists();
  const auto unmerged = [&](const char* more) {
    return UnmergedList(Declared(), Parse(more), &lists);
  };
  EXPECT_EQ(unmerged(R"({"spec":{"lm":[{"k":"z"}],"set":["c"],"more":[1]}})"), "");
  EXPECT_EQ(unmerged(R"({"spec":{"whole":[{"n":1}]}})"), "");
  EXPECT_EQ(unmerged(R"({"spec":{"whole":[{"n":2}]}})"), "spec.whole");
  const kubernetes::FieldSet nothing;
  EXPECT_EQ(UnmergedList(Declared(), Parse(R"({"spec":{"lm":[{"k":"z"}]}})"), &nothing), "spec.lm");
  // Built-in kinds.
  const Json pod = Parse(R"({"spec":{"containers":[{"name":"a","args":["-v"]}]}})");
  EXPECT_EQ(UnmergedList(pod, Parse(R"({"spec":{"containers":[{"name":"a","image":"x"}]}})")), "");
  EXPECT_EQ(UnmergedList(pod, Parse(R"({"spec":{"containers":[{"name":"a","args":["-q"]}]}})")),
            "spec.containers[0].args");
}

TEST(ListMerge, TellsWhichItemsAreNotThere) {
  const kubernetes::FieldSet lists = Lists();
  const Json live = Parse(R"({"spec":{"lm":[{"k":"x","p":1,"v":"1"},{"k":"y","p":2,"v":"2"}]}})");
  EXPECT_TRUE(MissingItems(Parse(R"({"spec":{"lm":[{"k":"x","p":1,"tok":"t"}]}})"), live, &lists)
                  .is_null());
  EXPECT_EQ(MissingItems(Parse(R"({"spec":{"lm":[{"k":"z","p":1,"tok":"t"}]}})"), live, &lists),
            Parse(R"({"spec":{"lm":[{"k":"z","p":1,"tok":"t"}]}})"));
}

// Two mounts of one volume, and two ports of one number, are two.
TEST(ListMerge, TellsItemsOfBuiltInKindsApart) {
  Json object =
      Parse(R"({"volumeMounts":[{"name":"v","mountPath":"/a"},{"name":"v","mountPath":"/b"}],
                          "ports":[{"containerPort":53},{"containerPort":53,"protocol":"UDP"}]})");
  AddMissing(object, Parse(R"({"volumeMounts":[{"name":"v","mountPath":"/b","readOnly":true}],
                               "ports":[{"containerPort":53,"protocol":"UDP","hostPort":1}]})"));
  EXPECT_EQ(
      object,
      Parse(
          R"({"volumeMounts":[{"name":"v","mountPath":"/a"},{"name":"v","mountPath":"/b","readOnly":true}],
                              "ports":[{"containerPort":53},{"containerPort":53,"protocol":"UDP","hostPort":1}]})"));
}

}  // namespace
}  // namespace charon::operations
