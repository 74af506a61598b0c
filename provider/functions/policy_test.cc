#include "provider/functions/policy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/sdk/function.h"
#include "provider/value/json.h"

namespace charon::functions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Value Text(const std::string& text) { return Value::Dynamic(Type::String(), Value::String(text)); }

Value Object(const std::string& json) {
  absl::StatusOr<TypedValue> typed = DecodeAnyJson(json);
  EXPECT_TRUE(typed.ok()) << typed.status();
  return Value::Dynamic(typed->type, typed->value);
}

constexpr char kPolicy[] = R"({"groups": {"group:dev": ["ann@"]}, "tagOwners": {"tag:web": []},
  "acls": [{"action": "accept", "src": ["group:dev"], "dst": ["tag:web:443"]}]})";

TEST(HujsonNormalize, IsStandardJson) {
  EXPECT_EQ(*HujsonNormalize("{\"b\": [1.0,], /* x */ \"a\": {}} // end"),
            "{\n  \"a\": {},\n  \"b\": [\n    1\n  ]\n}");
  const absl::StatusOr<std::string> wrong = HujsonNormalize("{\n  \"acls\" []}");
  EXPECT_EQ(wrong.status().message(),
            "line 2, column 10: a colon is expected after the name \"acls\", not `[`. Write "
            "\"name\": value.");
  EXPECT_EQ(sdk::ArgumentOf(wrong.status()), 0);
  EXPECT_THAT(std::string(HujsonNormalize("{\"a\": 1, \"a\": 2}").status().message()),
              HasSubstr("\"a\" stands a second time"));
}

TEST(PolicyReach, AnswersOnTextAndObjects) {
  for (const Value& policy : {Text(kPolicy), Object(kPolicy)}) {
    const absl::StatusOr<PolicyReach> yes = Reach(policy, "ann@", "tag:web:443");
    ASSERT_TRUE(yes.ok()) << yes.status();
    EXPECT_TRUE(*yes->reaches);
    EXPECT_EQ(*yes->traffic, "tcp 443");
    EXPECT_EQ(yes->rules->size(), 1u);
    EXPECT_THAT(yes->rules->front(), HasSubstr("group:dev -> tag:web:443"));
    const absl::StatusOr<PolicyReach> no = Reach(policy, "bob@", "tag:web:443");
    EXPECT_FALSE(*no->reaches);
    EXPECT_EQ(*no->traffic, "nothing");
    EXPECT_THAT(*no->missing, ElementsAre("bob@ -> tag:web: tcp 443"));
  }
}

TEST(PolicyReach, NoPolicyAllowsEverything) {
  EXPECT_TRUE(*Reach(std::nullopt, "ann@", "10.0.0.1:22")->reaches);
  EXPECT_TRUE(
      *Reach(Value::Dynamic(Type::Dynamic(), Value::Null()), "ann@", "10.0.0.1:22")->reaches);
}

TEST(PolicyReach, IsUnknownWhereThePolicyIs) {
  Value::Mapping entries;
  entries.emplace("acls", Value::Unknown());
  const absl::StatusOr<PolicyReach> reach =
      Reach(Value::Dynamic(Type::Object({{"acls", Type::String()}}), Value::Of(std::move(entries))),
            "ann@", "tag:web:443");
  ASSERT_TRUE(reach.ok()) << reach.status();
  EXPECT_TRUE(reach->reaches.IsUnknown());
}

TEST(PolicyReach, ErrorsNameTheArgument) {
  EXPECT_EQ(sdk::ArgumentOf(Reach(Text("{"), "ann@", "tag:web:443").status()), 0);
  EXPECT_EQ(sdk::ArgumentOf(Reach(Text(kPolicy), "group:ops", "tag:web:443").status()), 1);
  EXPECT_EQ(sdk::ArgumentOf(Reach(Text(kPolicy), "ann@", "tag:db:443").status()), 2);
  EXPECT_EQ(
      sdk::ArgumentOf(
          Reach(Value::Dynamic(Type::Bool(), Value::Bool(true)), "ann@", "tag:web:443").status()),
      0);
  EXPECT_THAT(std::string(Reach(Text("[]"), "ann@", "*").status().message()),
              HasSubstr("a policy is an object, not an array. Write"));
  // Of an older generation, which has users without an @.
  EXPECT_TRUE(
      *Reach(
           Text(
               R"({"hosts": {"db": "10.0.0.5"}, "acls": [{"action": "accept", "src": ["ann"], "dst": ["db:1"]}]})"),
           "ann@", "db:1")
           ->reaches);
}

}  // namespace
}  // namespace charon::functions
