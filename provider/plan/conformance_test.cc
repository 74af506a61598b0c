#include "provider/plan/conformance.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/schemas.h"
#include "provider/testing/values.h"

namespace charon::plan {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Everything that the rules tell apart.
const ObjectSchema& Everything() {
  static const auto& schema = *new ObjectSchema(SchemaForTest({
      Row("name", Optional),
      Row("id", Computed),
      Row("zone", OptionalComputed),
      Row("secret_wo", Optional).WriteOnly(),
      Row("free", Optional, Type::Dynamic()),
      Row("tags", Optional, Type::Set(Type::String())),
      Row("notes", Optional, Type::Map(Type::String())),
      Row("one", Optional, Nesting::kSingle, {Row("a", Optional), Row("seen", Computed)}),
      Row("list", Optional, Nesting::kList, {Row("a", Optional), Row("seen", Computed)}),
      Row("map", Optional, Nesting::kMap,
          {Row("a", Optional), Row("seen", Computed), Row("key_wo", Optional).WriteOnly()}),
      Row("set", Optional, Nesting::kSet, {Row("a", Optional), Row("seen", Computed)}),
      Row("both", OptionalComputed, Nesting::kSingle, {Row("a", Optional)}),
  }));
  return schema;
}

Value Object(absl::string_view json) {
  return json.empty() ? Value() : ObjectForTest(Everything(), json);
}

std::vector<std::string> Check(absl::string_view config, absl::string_view prior,
                               absl::string_view planned, const std::vector<Path>& replace = {}) {
  return CheckPlan(Everything(), Object(config), Object(prior), Object(planned), replace);
}

struct PlanRule {
  std::string rule_and_place;  // how the one complaint starts
  std::string config, prior, planned;
  std::vector<Path> replace = {};
};

TEST(CheckPlan, FindsEachBrokenRule) {
  const std::vector<PlanRule> table = {
      {"P1 ", "", R"({"name": "a"})", R"({"name": "a"})"},
      {"P2 secret_wo", R"({"secret_wo": "s"})", "", R"({"secret_wo": "s"})"},
      {"P2 secret_wo", R"({"secret_wo": "s"})", "", R"({"secret_wo": "<unknown>"})"},
      {"P2 map[\"k\"].key_wo", R"({"map": {"k": {"key_wo": "s"}}})", "",
       R"({"map": {"k": {"key_wo": "s"}}})"},
      {"P4 ", R"({"name": "a"})", "", ""},
      {"P9 name", "{}", "", R"({"name": "a"})"},
      {"P9 name", "{}", R"({"name": "a"})", R"({"name": "a"})"},
      {"P9 one", "{}", "", R"({"one": {}})"},
      {"P9 list[0].a", R"({"list": [{}]})", "", R"({"list": [{"a": "x"}]})"},
      {"P10 name", R"({"name": "a"})", "", R"({"name": "b"})"},
      {"P10 name", R"({"name": "a"})", R"({"name": "b"})", R"({"name": "c"})"},
      {"P10 name", R"({"name": "a"})", R"({"name": "b"})", "{}"},
      {"P10 name", R"({"name": "a"})", "", R"({"name": "<unknown>"})"},
      {"P10 name", R"({"name": "<unknown>"})", "", R"({"name": "a"})"},
      {"P10 zone", R"({"zone": "a"})", "", R"({"zone": "b"})"},
      {"P10 free", R"({"free": 1})", "", R"({"free": "1"})"},
      {"P10 tags", R"({"tags": ["a"]})", "", R"({"tags": ["b"]})"},
      {"P10 notes", R"({"notes": {"k": "v"}})", "", R"({"notes": {"k": "w"}})"},
      {"P10 one", R"({"one": {}})", "", "{}"},
      {"P10 one", R"({"one": "<unknown>"})", "", R"({"one": {}})"},
      {"P10 one.a", R"({"one": {"a": "x"}})", R"({"one": {"a": "y"}})", R"({"one": {"a": "z"}})"},
      {"P10 list[0].a", R"({"list": ["<unknown>"]})", "",
       R"({"list": [{"a": "x", "seen": "<unknown>"}]})"},
      {"P11 one", R"({"one": {}})", "", R"({"one": "<unknown>"})"},
      {"P11 both", R"({"both": {}})", "", R"({"both": "<unknown>"})"},
      {"P12 list", R"({"list": [{}]})", "", R"({"list": [{}, {}]})"},
      {"P12 map[\"new\"]", R"({"map": {}})", "", R"({"map": {"new": {}}})"},
      {"P12 map[\"gone\"]", R"({"map": {"gone": {}}})", "", R"({"map": {}})"},
      {"P13 set", R"({"set": [{"a": "x"}]})", "", R"({"set": [{"a": "x"}, {"a": "y"}]})"},
      {"P20 nowhere",
       R"({"name": "a"})",
       R"({"name": "a"})",
       R"({"name": "a"})",
       {Path("nowhere")}},
      {"P20 list[3].a",
       R"({"name": "a"})",
       R"({"name": "a"})",
       R"({"name": "a"})",
       {Path("list").Index(3).Attribute("a")}},
  };
  for (const PlanRule& row : table) {
    EXPECT_THAT(Check(row.config, row.prior, row.planned, row.replace),
                ElementsAre(StartsWith(row.rule_and_place +
                                       (row.rule_and_place.back() == ' ' ? ":" : ": "))))
        << "config " << row.config << ", prior " << row.prior << ", planned " << row.planned;
  }
}

TEST(CheckPlan, FindsAnotherType) {
  const Value config = Object("{}");
  EXPECT_THAT(CheckPlan(Everything(), config, Value(), Value::Of(Value::Mapping{}), {}),
              ElementsAre(StartsWith("P3 ")));
}

TEST(CheckPlan, AllowsWhatCoreAllows) {
  const PlanRule table[] = {
      {"P1", "", R"({"name": "a"})", ""},
      {"P5", R"({"name": "a", "one": {"a": "x"}})", "", R"({"name": "a", "one": {"a": "x"}})"},
      {"P5: unknown", R"({"name": "<unknown>", "list": "<unknown>"})", "",
       R"({"name": "<unknown>", "list": "<unknown>"})"},
      {"P5: an element", R"({"list": ["<unknown>"]})", "",
       R"({"list": [{"a": "<unknown>", "seen": "<unknown>"}]})"},
      {"P6", R"({"name": "A"})", R"({"name": "a"})", R"({"name": "a"})"},
      {"P6 inside", R"({"list": [{"a": "A"}]})", R"({"list": [{"a": "a"}]})",
       R"({"list": [{"a": "a"}]})"},
      {"P6: unknown", R"({"name": "<unknown>"})", R"({"name": "a"})", R"({"name": "a"})"},
      {"P7", "{}", "", R"({"id": "1"})"},
      {"P7 inside", R"({"map": {"k": {}}})", "", R"({"map": {"k": {"seen": "<unknown>"}}})"},
      {"P8", "{}", "", R"({"zone": "a"})"},
      {"P8: an object", "{}", "", R"({"both": {"a": "x"}})"},
      {"P13: elements are not looked at", R"({"set": [{"a": "x"}]})", "",
       R"({"set": [{"a": "y", "seen": "1"}]})"},
      {"P13: unknown ones may fall together", R"({"set": [{"a": "<unknown>"}, {"a": "x"}]})", "",
       R"({"set": [{"a": "<unknown>"}]})"},
      {"P20: only in the prior state",
       "{}",
       R"({"list": [{"a": "x"}]})",
       "{}",
       {Path("list").Index(0).Attribute("a")}},
  };
  for (const PlanRule& row : table) {
    EXPECT_THAT(Check(row.config, row.prior, row.planned, row.replace), IsEmpty())
        << row.rule_and_place;
  }
}

TEST(CheckPlan, TellsNoValues) {
  EXPECT_THAT(Check(R"({"name": "hush-1"})", R"({"name": "hush-2"})", R"({"name": "hush-3"})"),
              ElementsAre(AllOf(HasSubstr("a string"), Not(HasSubstr("hush")))));
}

struct ApplyRule {
  std::string rule_and_place;
  std::string planned, result;
};

TEST(CheckApply, FindsEachBrokenRule) {
  const ApplyRule table[] = {
      {"A3 secret_wo", "{}", R"({"secret_wo": "s"})"},
      {"A3 map[\"k\"].key_wo", R"({"map": {"k": {}}})", R"({"map": {"k": {"key_wo": "s"}}})"},
      {"A4 ", R"({"id": "<unknown>"})", R"({"id": "<unknown>"})"},
      {"A6 name", R"({"name": "a"})", R"({"name": "b"})"},
      {"A6 free", R"({"free": "1"})", R"({"free": 1})"},
      {"A6 free", R"({"free": {"a": "1"}})", R"({"free": {"a": "2"}})"},
      {"A6 one.a", R"({"one": {"a": "x", "seen": "<unknown>"}})",
       R"({"one": {"a": "y", "seen": "s"}})"},
      {"A7 name", "{}", R"({"name": "a"})"},
      {"A7 name", R"({"name": "a"})", "{}"},
      {"A7 list[0].seen", R"({"list": [{}]})", R"({"list": [{"seen": "s"}]})"},
      {"A8 list", R"({"list": [{}]})", R"({"list": [{}, {}]})"},
      {"A8 notes[\"gone\"]", R"({"notes": {"gone": "v"}})", R"({"notes": {}})"},
      {"A8 notes[\"new\"]", R"({"notes": {}})", R"({"notes": {"new": "v"}})"},
      {"A12 ", R"({"name": "a"})", ""},
      {"A12 ", "", R"({"name": "a"})"},
  };
  for (const ApplyRule& row : table) {
    EXPECT_THAT(CheckApply(Everything(), Object(row.planned), Object(row.result)),
                ElementsAre(StartsWith(row.rule_and_place)))
        << "planned " << row.planned << ", result " << row.result;
  }
}

TEST(CheckApply, FindsAnotherType) {
  EXPECT_THAT(CheckApply(Everything(), Object("{}"), Value::Of(Value::Mapping{})),
              ElementsAre(StartsWith("A2 ")));
}

TEST(CheckApply, PairsTheElementsOfSets) {
  auto check = [](absl::string_view planned, absl::string_view result) {
    return CheckApply(Everything(), Object(planned), Object(result));
  };
  EXPECT_THAT(check(R"({"tags": ["a", "<unknown>"]})", R"({"tags": ["z", "a"]})"), IsEmpty());
  EXPECT_THAT(check(R"({"tags": ["b", "<unknown>"]})", R"({"tags": ["a", "b"]})"), IsEmpty());
  EXPECT_THAT(check(R"({"tags": ["a", "<unknown>"]})", R"({"tags": ["a"]})"), IsEmpty());
  EXPECT_THAT(
      check(R"({"set": [{"a": "x", "seen": "<unknown>"}, {"a": "y", "seen": "<unknown>"}]})",
            R"({"set": [{"a": "y", "seen": "0"}, {"a": "x", "seen": "1"}]})"),
      IsEmpty());
  EXPECT_THAT(check(R"({"set": [{"a": "x", "seen": "<unknown>"}]})",
                    R"({"set": [{"a": "y", "seen": "0"}]})"),
              ElementsAre(StartsWith("A9 set: a planned element"),
                          StartsWith("A9 set: an element of the set was not")));
  EXPECT_THAT(check(R"({"tags": ["<unknown>"]})", R"({"tags": ["a", "b"]})"),
              ElementsAre(StartsWith("A9 tags: the set has more elements")));
}

TEST(CheckApply, LetsUnknownsBecomeAnything) {
  EXPECT_THAT(
      CheckApply(Everything(),
                 Object(R"({"id": "<unknown>", "one": "<unknown>", "list": [{"seen": "<unknown>"}],
                                   "map": {"k": {"seen": "<unknown>"}}, "free": "<unknown>"})"),
                 Object(R"({"id": "7", "list": [{"seen": "s"}], "map": {"k": {}}, "free": [1]})")),
      IsEmpty());
}

// A null of dynamic type may have a type of its own, which the result must have too.
TEST(CheckApply, ComparesTheTypesOfDynamicNulls) {
  Value planned = Object("{}");
  planned.mapping()["free"] = Value::Dynamic(Type::String(), Value());
  EXPECT_THAT(CheckApply(Everything(), planned, planned), IsEmpty());
  EXPECT_THAT(CheckApply(Everything(), planned, Object("{}")), ElementsAre(StartsWith("A6 free")));
}

TEST(CheckFinalPlan, KeepsToTheSavedPlan) {
  auto check = [](absl::string_view planned, absl::string_view final) {
    return CheckFinalPlan(Everything(), Object(planned), Object(final));
  };
  EXPECT_THAT(check(R"({"id": "<unknown>", "name": "a"})", R"({"id": "<unknown>", "name": "a"})"),
              IsEmpty());
  EXPECT_THAT(check(R"({"id": "7"})", R"({"id": "<unknown>"})"), ElementsAre(StartsWith("A6 id")));
}

TEST(CheckState, FindsWhatNoStateMayHave) {
  EXPECT_THAT(CheckState(Everything(), Value()), IsEmpty());
  EXPECT_THAT(CheckState(Everything(), Object(R"({"name": "a"})")), IsEmpty());
  EXPECT_THAT(CheckState(Everything(), Value::String("x")), ElementsAre(StartsWith("A2")));
  EXPECT_THAT(CheckState(Everything(), Object(R"({"secret_wo": "<unknown>"})")),
              ElementsAre(StartsWith("A4"), StartsWith("A3 secret_wo")));
}

}  // namespace
}  // namespace charon::plan
