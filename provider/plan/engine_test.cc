#include "provider/plan/engine.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/plan/conformance.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/schemas.h"
#include "provider/testing/values.h"

namespace charon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Equal without regard to case: how a server may spell a value.
bool SameLetters(const Value& a, const Value& b) {
  return absl::AsciiStrToLower(a.string()) == absl::AsciiStrToLower(b.string());
}

struct Planned {
  Value value;
  std::vector<std::string> replace;
};

// Plans as core does: proposes, plans, checks the answer.
Planned PlanOf(const ObjectSchema& schema, absl::string_view prior_json,
               absl::string_view config_json) {
  Input input;
  input.prior = prior_json.empty() ? Value() : ObjectForTest(schema, prior_json);
  input.config = ObjectForTest(schema, config_json);
  input.proposed = core::ProposedNewState(schema, input.prior, input.config);
  Result result = Plan(schema, input);
  EXPECT_THAT(CheckPlan(schema, input.config, input.prior, result.planned, result.requires_replace),
              IsEmpty());
  Planned planned{std::move(result.planned), {}};
  for (const Path& path : result.requires_replace) planned.replace.push_back(path.ToString());
  return planned;
}

// One row of a table: prior and config in, planned out.
struct Case {
  std::string name;
  ObjectSchema schema;
  std::string prior;  // empty: create
  std::string config;
  std::string planned;
  std::vector<std::string> replace = {};
};

void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class PlanTable : public ::testing::TestWithParam<Case> {};

TEST_P(PlanTable, GivesThePlan) {
  const Case& row = GetParam();
  const Planned planned = PlanOf(row.schema, row.prior, row.config);
  EXPECT_EQ(planned.value, ObjectForTest(row.schema, row.planned))
      << ::testing::PrintToString(planned.value);
  EXPECT_EQ(planned.replace, row.replace);
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

ObjectSchema Ports(Nesting nesting) {
  return SchemaForTest({
      Row("name", Required),
      Row("ports", Optional, nesting,
          {
              Row("number", Required, Type::Number()),
              Row("protocol", Optional).Default("\"TCP\""),
              Row("node_port", Computed, Type::Number()),
              Row("uid", Computed).KeepPrior(),
          }),
  });
}

INSTANTIATE_TEST_SUITE_P(
    Defaults, PlanTable,
    ::testing::Values(
        Case{"FillWhatTheConfigurationLeavesOut",
             SchemaForTest({Row("replicas", Optional, Type::Number()).Default("1")}), "", "{}",
             R"({"replicas": 1})"},
        Case{"YieldToTheConfiguration",
             SchemaForTest({Row("replicas", Optional, Type::Number()).Default("1")}), "",
             R"({"replicas": 3})", R"({"replicas": 3})"},
        Case{"YieldToAnUnknownConfiguration",
             SchemaForTest({Row("replicas", Optional, Type::Number()).Default("1")}), "",
             R"({"replicas": "<unknown>"})", R"({"replicas": "<unknown>"})"},
        // Core proposes the prior value of an optional and computed attribute.
        Case{"ComeBackWhenTheArgumentIsRemoved",
             SchemaForTest({Row("replicas", Optional, Type::Number()).Default("1")}),
             R"({"replicas": 3})", "{}", R"({"replicas": 1})"},
        Case{"OfOtherTypes",
             SchemaForTest(
                 {Row("labels", Optional, Type::Map(Type::String())).Default(R"({"a": "b"})"),
                  Row("modes", Optional, Type::Set(Type::String())).Default(R"(["x", "w"])"),
                  Row("on", Optional, Type::Bool()).Default("false"),
                  Row("text", Optional).Default(R"("")")}),
             "", "{}", R"({"labels": {"a": "b"}, "modes": ["w", "x"], "on": false, "text": ""})"},
        Case{"InsideAList", Ports(Nesting::kList), "",
             R"({"name": "a", "ports": [{"number": 80}, {"number": 53, "protocol": "UDP"}]})",
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"},
               {"number": 53, "protocol": "UDP", "node_port": "<unknown>", "uid": "<unknown>"}]})"},
        Case{"InsideAMap", Ports(Nesting::kMap), "",
             R"({"name": "a", "ports": {"http": {"number": 80}}})",
             R"({"name": "a", "ports": {"http":
               {"number": 80, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"}}})"},
        Case{"InsideASet", Ports(Nesting::kSet), "",
             R"({"name": "a", "ports": [{"number": 80}, {"number": 53, "protocol": "UDP"}]})",
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"},
               {"number": 53, "protocol": "UDP", "node_port": "<unknown>", "uid": "<unknown>"}]})"},
        Case{"InsideASingleObject", Ports(Nesting::kSingle), "",
             R"({"name": "a", "ports": {"number": 80}})",
             R"({"name": "a", "ports":
               {"number": 80, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"}})"},
        Case{"NotInsideAnAbsentObject", Ports(Nesting::kSingle), "", R"({"name": "a"})",
             R"({"name": "a"})"},
        // Whether the element sets the attribute is not known either (rule P10).
        Case{"NotInsideAnUnknownElement", Ports(Nesting::kList),
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u"}]})",
             R"({"name": "a", "ports": ["<unknown>"]})", R"({"name": "a", "ports": [
               {"number": "<unknown>", "protocol": "<unknown>", "node_port": "<unknown>",
                "uid": "<unknown>"}]})"},
        // The object is the provider's: so are its parts, whatever the table says for configured
        // ones.
        Case{"NotInsideAnObjectThatTheProviderMade",
             SchemaForTest({Row("quota", OptionalComputed, Nesting::kSingle,
                                {Row("pods", Optional, Type::Number()).Default("10")})}),
             R"({"quota": {"pods": 50}})", "{}", R"({"quota": {"pods": 50}})"},
        Case{"OfAWholeObjectAreCompletedByThoseInside",
             SchemaForTest({Row("probe", Optional, Nesting::kSingle,
                                {Row("path", Optional).Default("\"/\""),
                                 Row("port", Optional, Type::Number())})
                                .Default(R"({"port": 80})")}),
             "", "{}", R"({"probe": {"path": "/", "port": 80}})"},
        Case{"OfAWholeObjectLeaveTheRestToTheProvider",
             SchemaForTest({Row("probe", Optional, Nesting::kSingle,
                                {Row("port", Optional, Type::Number()), Row("uid", Computed)})
                                .Default(R"({"port": 80})")}),
             "", "{}", R"({"probe": {"port": 80, "uid": "<unknown>"}})"},
        Case{"OfAWholeObjectKeepWhatTheProviderComputed",
             SchemaForTest({Row("probe", Optional, Nesting::kSingle,
                                {Row("port", Optional, Type::Number()), Row("uid", Computed)})
                                .Default(R"({"port": 80})")}),
             R"({"probe": {"port": 80, "uid": "u1"}})", "{}",
             R"({"probe": {"port": 80, "uid": "u1"}})"},
        Case{"OfAWholeListKeepWhatTheProviderComputed",
             SchemaForTest({Row("ports", Optional, Nesting::kList,
                                {Row("port", Optional, Type::Number()), Row("uid", Computed)})
                                .Default(R"([{"port": 80}])")}),
             R"({"ports": [{"port": 80, "uid": "u1"}]})", "{}",
             R"({"ports": [{"port": 80, "uid": "u1"}]})"},
        Case{"OfAWholeMapKeepWhatTheProviderComputed",
             SchemaForTest({Row("ports", Optional, Nesting::kMap,
                                {Row("port", Optional, Type::Number()), Row("uid", Computed)})
                                .Default(R"({"a": {"port": 80}})")}),
             R"({"ports": {"a": {"port": 80, "uid": "u1"}}})", "{}",
             R"({"ports": {"a": {"port": 80, "uid": "u1"}}})"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Unknowns, PlanTable,
    ::testing::Values(
        Case{"ForEverythingComputedOnCreate",
             SchemaForTest({Row("name", Required), Row("id", Computed).KeepPrior(),
                            Row("address", OptionalComputed), Row("note", Optional)}),
             "", R"({"name": "a"})", R"({"name": "a", "id": "<unknown>", "address": "<unknown>"})"},
        Case{"NotForWhatIsConfigured",
             SchemaForTest({Row("name", Required), Row("address", OptionalComputed)}), "",
             R"({"name": "a", "address": "10.0.0.1"})", R"({"name": "a", "address": "10.0.0.1"})"},
        Case{"NoneIfNothingChanges",
             SchemaForTest({Row("name", Required), Row("status", Computed)}),
             R"({"name": "a", "status": "up"})", R"({"name": "a"})",
             R"({"name": "a", "status": "up"})"},
        Case{"ForComputedOnesIfSomethingChanges",
             SchemaForTest({Row("name", Required), Row("status", Computed)}),
             R"({"name": "a", "status": "up"})", R"({"name": "b"})",
             R"({"name": "b", "status": "<unknown>"})"},
        Case{"NotForThoseThatKeepTheirValue",
             SchemaForTest({Row("name", Required), Row("id", Computed).KeepPrior(),
                            Row("none", Computed).KeepPrior()}),
             R"({"name": "a", "id": "7"})", R"({"name": "b"})", R"({"name": "b", "id": "7"})"},
        Case{"ForAnArgumentThatIsRemovedIfSomethingElseChanges",
             SchemaForTest({Row("name", Required), Row("address", OptionalComputed)}),
             R"({"name": "a", "address": "10.0.0.1"})", R"({"name": "b"})",
             R"({"name": "b", "address": "<unknown>"})"},
        Case{"NotForAnArgumentThatIsRemovedAlone",
             SchemaForTest({Row("name", Required), Row("address", OptionalComputed)}),
             R"({"name": "a", "address": "10.0.0.1"})", R"({"name": "a"})",
             R"({"name": "a", "address": "10.0.0.1"})"},
        // Core proposes null where the prior object has parts that only a configuration can have
        // set.
        Case{"ForAnObjectThatIsRemoved",
             SchemaForTest({Row("quota", OptionalComputed, Nesting::kSingle,
                                {Row("pods", Optional, Type::Number()), Row("used", Computed)})}),
             R"({"quota": {"pods": 5, "used": "2"}})", "{}", R"({"quota": "<unknown>"})"},
        // ... and it would do so in every plan.
        Case{"NotForAnObjectThatIsRemovedButKeepsItsValue",
             SchemaForTest({Row("quota", OptionalComputed, Nesting::kSingle,
                                {Row("pods", Optional, Type::Number())})
                                .KeepPrior(),
                            Row("seen", Computed)}),
             R"({"quota": {"pods": 5}, "seen": "s"})", "{}",
             R"({"quota": {"pods": 5}, "seen": "s"})"},
        Case{"NotForAnObjectThatIsRemovedAndCannotChange",
             SchemaForTest({Row("quota", OptionalComputed, Nesting::kSingle,
                                {Row("pods", Optional, Type::Number())})
                                .ForceNew(),
                            Row("seen", Computed)}),
             R"({"quota": {"pods": 5}, "seen": "s"})", "{}",
             R"({"quota": {"pods": 5}, "seen": "s"})"},
        Case{"ForAWholeComputedObject",
             SchemaForTest({Row("name", Required),
                            Row("status", Computed, Nesting::kList, {Row("phase", Computed)})}),
             R"({"name": "a", "status": [{"phase": "up"}]})", R"({"name": "b"})",
             R"({"name": "b", "status": "<unknown>"})"},
        Case{"ForAComputedDynamicValue",
             SchemaForTest({Row("name", Required), Row("seen", Computed, Type::Dynamic())}), "",
             R"({"name": "a"})", R"({"name": "a", "seen": "<unknown>"})"},
        Case{"InsideElementsOfAListByIndex", Ports(Nesting::kList),
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"},
               {"number": 53, "protocol": "TCP", "node_port": 30053, "uid": "u1"}]})",
             R"({"name": "a", "ports": [{"number": 80}, {"number": 54}, {"number": 55}]})",
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": "<unknown>", "uid": "u0"},
               {"number": 54, "protocol": "TCP", "node_port": "<unknown>", "uid": "u1"},
               {"number": 55, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"}]})"},
        Case{"InsideElementsOfAMapByKey", Ports(Nesting::kMap),
             R"({"name": "a", "ports": {
               "x": {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "ux"},
               "y": {"number": 53, "protocol": "TCP", "node_port": 30053, "uid": "uy"}}})",
             R"({"name": "a", "ports": {"y": {"number": 53}, "z": {"number": 1}}})",
             R"({"name": "a", "ports": {
               "y": {"number": 53, "protocol": "TCP", "node_port": "<unknown>", "uid": "uy"},
               "z": {"number": 1, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"}}})"},
        // Core pairs elements that are equal where they are configured.
        Case{"InsideElementsOfASetByValue", Ports(Nesting::kSet),
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"},
               {"number": 53, "protocol": "TCP", "node_port": 30053, "uid": "u1"}]})",
             R"({"name": "a", "ports": [{"number": 53}, {"number": 54}]})",
             R"({"name": "a", "ports": [
               {"number": 53, "protocol": "TCP", "node_port": "<unknown>", "uid": "u1"},
               {"number": 54, "protocol": "TCP", "node_port": "<unknown>", "uid": "<unknown>"}]})"},
        Case{
            "InsideASingleObject", Ports(Nesting::kSingle),
            R"({"name": "a", "ports": {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u"}})",
            R"({"name": "a", "ports": {"number": 81}})",
            R"({"name": "a", "ports":
               {"number": 81, "protocol": "TCP", "node_port": "<unknown>", "uid": "u"}})"},
        Case{"NoneInsideElementsIfNothingChanges", Ports(Nesting::kList),
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"}]})",
             R"({"name": "a", "ports": [{"number": 80}]})",
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"}]})"},
        Case{"NoneInsideSetsIfNothingChanges", Ports(Nesting::kSet),
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"},
               {"number": 80, "protocol": "UDP", "node_port": 30081, "uid": "u1"}]})",
             R"({"name": "a", "ports": [{"number": 80, "protocol": "UDP"}, {"number": 80, "protocol": "TCP"}]})",
             R"({"name": "a", "ports": [
               {"number": 80, "protocol": "TCP", "node_port": 30080, "uid": "u0"},
               {"number": 80, "protocol": "UDP", "node_port": 30081, "uid": "u1"}]})"},
        Case{"TwoLevelsDown",
             SchemaForTest({Row("pods", Optional, Nesting::kList,
                                {Row("mounts", Optional, Nesting::kMap,
                                     {Row("path", Required), Row("uid", Computed).KeepPrior(),
                                      Row("seen", Computed)})})}),
             R"({"pods": [{"mounts": {"m": {"path": "/a", "uid": "u", "seen": "s"}}}]})",
             R"({"pods": [{"mounts": {"m": {"path": "/b"}, "n": {"path": "/c"}}}]})",
             R"({"pods": [{"mounts": {"m": {"path": "/b", "uid": "u", "seen": "<unknown>"},
               "n": {"path": "/c", "uid": "<unknown>", "seen": "<unknown>"}}}]})"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    WriteOnly, PlanTable,
    ::testing::Values(
        Case{"IsNeverPlanned",
             SchemaForTest({Row("secret_wo", Optional).WriteOnly(), Row("name", Required)}), "",
             R"({"secret_wo": "hush", "name": "a"})", R"({"name": "a"})"},
        Case{"ChangesNothingByItself",
             SchemaForTest({Row("secret_wo", Optional).WriteOnly(), Row("seen", Computed)}),
             R"({"seen": "s"})", R"({"secret_wo": "other"})", R"({"seen": "s"})"},
        Case{"UnknownIsNeverPlanned",
             SchemaForTest({Row("secret_wo", Optional).WriteOnly(), Row("seen", Computed)}),
             R"({"seen": "s"})", R"({"secret_wo": "<unknown>"})", R"({"seen": "s"})"},
        Case{"IsNulledInsideCollections",
             SchemaForTest({Row("users", Optional, Nesting::kMap,
                                {Row("login", Required), Row("password_wo", Optional).WriteOnly()}),
                            Row("keys", Optional, Nesting::kList,
                                {Row("key_wo", Optional).WriteOnly()})}),
             "",
             R"({"users": {"a": {"login": "l", "password_wo": "p"}}, "keys": [{"key_wo": "k"}]})",
             R"({"users": {"a": {"login": "l"}}, "keys": [{}]})"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Spelling, PlanTable,
    ::testing::Values(
        Case{"OfThePriorStateStays",
             SchemaForTest({Row("host", Required).Same(SameLetters), Row("seen", Computed)}),
             R"({"host": "A.example", "seen": "s"})", R"({"host": "a.EXAMPLE"})",
             R"({"host": "A.example", "seen": "s"})"},
        Case{"YieldsToAnotherMeaning",
             SchemaForTest({Row("host", Required).Same(SameLetters), Row("seen", Computed)}),
             R"({"host": "A.example", "seen": "s"})", R"({"host": "b.example"})",
             R"({"host": "b.example", "seen": "<unknown>"})"},
        Case{"StaysWhenSomethingElseChanges",
             SchemaForTest({Row("host", Required).Same(SameLetters), Row("name", Required)}),
             R"({"host": "A.example", "name": "a"})", R"({"host": "a.example", "name": "b"})",
             R"({"host": "A.example", "name": "b"})"},
        Case{"IsNotKeptForAnUnknown", SchemaForTest({Row("host", Required).Same(SameLetters)}),
             R"({"host": "a"})", R"({"host": "<unknown>"})", R"({"host": "<unknown>"})"},
        Case{"IsNotKeptWhenTheArgumentIsRemoved",
             SchemaForTest({Row("host", Optional).Same(SameLetters)}), R"({"host": "a"})", "{}",
             "{}"},
        // After an import the state has the server's spelling of what the default says.
        Case{"OfThePriorStateStaysForADefault",
             SchemaForTest({Row("mode", Optional).Default("\"rolling\"").Same(SameLetters),
                            Row("seen", Computed)}),
             R"({"mode": "Rolling", "seen": "s"})", "{}", R"({"mode": "Rolling", "seen": "s"})"},
        Case{
            "StaysInsideListsAndMaps",
            SchemaForTest(
                {Row("list", Optional, Nesting::kList, {Row("host", Required).Same(SameLetters)}),
                 Row("map", Optional, Nesting::kMap, {Row("host", Required).Same(SameLetters)})}),
            R"({"list": [{"host": "A"}, {"host": "B"}], "map": {"x": {"host": "X"}}})",
            R"({"list": [{"host": "a"}, {"host": "c"}], "map": {"x": {"host": "x"}, "y": {"host": "x"}}})",
            R"({"list": [{"host": "A"}, {"host": "c"}], "map": {"x": {"host": "X"}, "y": {"host": "x"}}})"},
        Case{"KeepsAForceNewAttributeFromReplacing",
             SchemaForTest({Row("host", Required).ForceNew().Same(SameLetters),
                            Row("name", Required)}),
             R"({"host": "A", "name": "a"})", R"({"host": "a", "name": "b"})",
             R"({"host": "A", "name": "b"})"}),
    NameOf);

ObjectSchema Disks(Nesting nesting) {
  return SchemaForTest({
      Row("name", Optional),
      Row("disks", Optional, nesting,
          {Row("size", Optional, Type::Number()), Row("class", Optional).ForceNew()}),
  });
}

INSTANTIATE_TEST_SUITE_P(
    Replacement, PlanTable,
    ::testing::Values(
        Case{"ByAChangedAttribute",
             SchemaForTest({Row("zone", Required).ForceNew(), Row("name", Optional)}),
             R"({"zone": "a", "name": "n"})",
             R"({"zone": "b", "name": "n"})",
             R"({"zone": "b", "name": "n"})",
             {"zone"}},
        Case{"NotByAnotherAttribute",
             SchemaForTest({Row("zone", Required).ForceNew(), Row("name", Optional)}),
             R"({"zone": "a", "name": "n"})", R"({"zone": "a", "name": "m"})",
             R"({"zone": "a", "name": "m"})"},
        Case{"NotByACreate", SchemaForTest({Row("zone", Required).ForceNew()}), "",
             R"({"zone": "a"})", R"({"zone": "a"})"},
        Case{"ByAnUnknown",
             SchemaForTest({Row("zone", Required).ForceNew()}),
             R"({"zone": "a"})",
             R"({"zone": "<unknown>"})",
             R"({"zone": "<unknown>"})",
             {"zone"}},
        Case{"ByRemovalAndAddition",
             SchemaForTest({Row("zone", Optional).ForceNew(), Row("rack", Optional).ForceNew()}),
             R"({"zone": "a"})",
             R"({"rack": "r"})",
             R"({"rack": "r"})",
             {"rack", "zone"}},
        Case{"ByADefaultThatReturns",
             SchemaForTest({Row("zone", Optional).Default("\"a\"").ForceNew()}),
             R"({"zone": "b"})",
             "{}",
             R"({"zone": "a"})",
             {"zone"}},
        // It cannot change in place, so without a replacement it stays as it is.
        Case{"NotByWhatTheProviderSetItself",
             SchemaForTest({Row("zone", OptionalComputed).ForceNew(), Row("name", Optional)}),
             R"({"zone": "a", "name": "n"})", R"({"name": "m"})", R"({"zone": "a", "name": "m"})"},
        Case{"NotByAComputedPartOfAForceNewObject",
             SchemaForTest({Row("name", Optional),
                            Row("net", Optional, Nesting::kSingle,
                                {Row("cidr", Required), Row("gateway", Computed)})
                                .ForceNew()}),
             R"({"name": "n", "net": {"cidr": "c", "gateway": "g"}})",
             R"({"name": "m", "net": {"cidr": "c"}})",
             R"({"name": "m", "net": {"cidr": "c", "gateway": "g"}})"},
        Case{"ByAConfiguredPartOfAForceNewObject",
             SchemaForTest({Row("net", Optional, Nesting::kSingle,
                                {Row("cidr", Required), Row("gateway", Computed)})
                                .ForceNew()}),
             R"({"net": {"cidr": "c", "gateway": "g"}})",
             R"({"net": {"cidr": "d"}})",
             R"({"net": {"cidr": "d", "gateway": "g"}})",
             {"net"}},
        Case{"NotByAComputedPartOfAForceNewSet",
             SchemaForTest({Row("name", Optional),
                            Row("nets", Optional, Nesting::kSet,
                                {Row("cidr", Required), Row("gateway", Computed)})
                                .ForceNew()}),
             R"({"name": "n", "nets": [{"cidr": "c", "gateway": "g"}]})",
             R"({"name": "m", "nets": [{"cidr": "c"}]})",
             R"({"name": "m", "nets": [{"cidr": "c", "gateway": "g"}]})"},
        Case{"InsideASingleObject",
             Disks(Nesting::kSingle),
             R"({"disks": {"size": 1, "class": "a"}})",
             R"({"disks": {"size": 1, "class": "b"}})",
             R"({"disks": {"size": 1, "class": "b"}})",
             {"disks.class"}},
        Case{"InsideAList",
             Disks(Nesting::kList),
             R"({"disks": [{"class": "a"}, {"class": "b"}, {"class": "c"}]})",
             R"({"disks": [{"class": "a"}, {"class": "x"}, {"class": "y"}]})",
             R"({"disks": [{"class": "a"}, {"class": "x"}, {"class": "y"}]})",
             {"disks[1].class", "disks[2].class"}},
        Case{"InsideAMap",
             Disks(Nesting::kMap),
             R"({"disks": {"a.b": {"class": "a"}}})",
             R"({"disks": {"a.b": {"class": "b"}}})",
             R"({"disks": {"a.b": {"class": "b"}}})",
             {"disks[\"a.b\"].class"}},
        Case{"NotByElementsThatComeOrGo", Disks(Nesting::kMap),
             R"({"disks": {"old": {"class": "a"}, "both": {"class": "b"}}})",
             R"({"disks": {"new": {"class": "a"}, "both": {"class": "b"}}})",
             R"({"disks": {"new": {"class": "a"}, "both": {"class": "b"}}})"},
        Case{"NotByAnObjectThatGoes", Disks(Nesting::kSingle), R"({"disks": {"class": "a"}})", "{}",
             "{}"},
        Case{"NotByAnObjectThatComes", Disks(Nesting::kSingle), "{}",
             R"({"disks": {"class": "a"}})", R"({"disks": {"class": "a"}})"},
        // Core refuses a replacement that shows only at apply.
        Case{"ByAnObjectThatIsUnknown",
             Disks(Nesting::kSingle),
             R"({"disks": {"size": 1, "class": "a"}})",
             R"({"disks": "<unknown>"})",
             R"({"disks": "<unknown>"})",
             {"disks.class"}},
        Case{"ByAListThatIsUnknown",
             Disks(Nesting::kList),
             R"({"disks": [{"class": "a"}, {"class": "b"}]})",
             R"({"disks": "<unknown>"})",
             R"({"disks": "<unknown>"})",
             {"disks[0].class", "disks[1].class"}},
        Case{"ByAMapThatIsUnknown",
             Disks(Nesting::kMap),
             R"({"disks": {"k": {"class": "a"}}})",
             R"({"disks": "<unknown>"})",
             R"({"disks": "<unknown>"})",
             {"disks[\"k\"].class"}},
        Case{"ByAnElementThatIsUnknown",
             Disks(Nesting::kList),
             R"({"disks": [{"class": "a"}]})",
             R"({"disks": ["<unknown>"]})",
             R"({"disks": [{"size": "<unknown>", "class": "<unknown>"}]})",
             {"disks[0].class"}},
        Case{"NotByAnUnknownListThatWasEmpty", Disks(Nesting::kList), R"({"disks": []})",
             R"({"disks": "<unknown>"})", R"({"disks": "<unknown>"})"},
        Case{"OfASetIsForTheSetToSay",
             SchemaForTest({Row("disks", Optional, Nesting::kSet,
                                {Row("class", Required).ForceNew()})}),
             R"({"disks": [{"class": "a"}]})", R"({"disks": [{"class": "b"}]})",
             R"({"disks": [{"class": "b"}]})"}),
    NameOf);

// Which config element became which planned one is decided for all together: the first fit for an
// element may be the only one for another.
TEST(SetPairing, LeavesTheConfigurationOfEachElementAlone) {
  const ObjectSchema schema = SchemaForTest(
      {Row("rules", Optional, Nesting::kSet,
           {Row("verb", Required), Row("group", OptionalComputed), Row("seen", Computed)})});
  const Planned planned = PlanOf(
      schema, R"({"rules": [{"verb": "get", "group": "p", "seen": "1"}]})",
      R"({"rules": [{"verb": "get"}, {"verb": "get", "group": "a"}, {"verb": "get", "group": "z"}]})");
  EXPECT_EQ(planned.value, ObjectForTest(schema, R"({"rules": [
    {"verb": "get", "group": "<unknown>", "seen": "<unknown>"},
    {"verb": "get", "group": "a", "seen": "<unknown>"},
    {"verb": "get", "group": "z", "seen": "<unknown>"}]})"));
}

TEST(SetPairing, SeesThroughObjectsInsideTheElements) {
  const ObjectSchema schema = SchemaForTest(
      {Row("rules", Optional, Nesting::kSet,
           {Row("port", Optional, Type::Number()).Default("80"),
            Row("to", Optional, Nesting::kSingle, {Row("name", Required), Row("uid", Computed)}),
            Row("tags", Optional, Nesting::kList, {Row("tag", Required), Row("uid", Computed)}),
            Row("by", Optional, Nesting::kMap, {Row("who", Required), Row("uid", Computed)}),
            Row("inner", Optional, Nesting::kSet, {Row("who", Required), Row("uid", Computed)})})});
  const std::string config =
      R"({"rules": [{"port": 443, "to": {"name": "n"}, "tags": [{"tag": "t"}],
    "by": {"b": {"who": "w"}}, "inner": [{"who": "w"}]}]})";
  // The port stays as configured: the default is for elements that have none.
  const Planned created = PlanOf(schema, "", config);
  EXPECT_EQ(created.value, ObjectForTest(schema, R"({"rules": [{"port": 443,
    "to": {"name": "n", "uid": "<unknown>"}, "tags": [{"tag": "t", "uid": "<unknown>"}],
    "by": {"b": {"who": "w", "uid": "<unknown>"}},
    "inner": [{"who": "w", "uid": "<unknown>"}]}]})"));
}

// `attribute = tostring(null)` at a place of dynamic type.
TEST(TypedNull, CountsAsLeftOut) {
  const ObjectSchema schema = SchemaForTest({Row("a", Optional, Type::Dynamic()).Default("1"),
                                             Row("b", OptionalComputed, Type::Dynamic()),
                                             Row("c", Optional, Type::Dynamic())});
  Value config = ObjectForTest(schema, "{}");
  for (auto& [name, value] : config.mapping()) value = Value::Dynamic(Type::String(), Value());
  const Value planned = Plan(schema, {config, Value(), config}).planned;
  EXPECT_EQ(planned["a"], *schema.Find("a")->default_value);
  EXPECT_TRUE(planned["b"].IsUnknown());
  EXPECT_EQ(planned["c"], config["c"]);
  EXPECT_THAT(CheckPlan(schema, config, Value(), planned, {}), IsEmpty());
}

TEST(Stages, AreUsableAlone) {
  const ObjectSchema schema = SchemaForTest(
      {Row("a", Optional).Default("\"d\""), Row("b", Computed), Row("c", Required).ForceNew()});
  const Input input{ObjectForTest(schema, R"({"c": "1"})"),
                    ObjectForTest(schema, R"({"a": "x", "b": "y", "c": "0"})"), Value()};
  const Value start = ObjectForTest(schema, R"({"a": "x", "b": "y", "c": "1"})");
  EXPECT_EQ(ApplyDefaults(schema, input, start),
            ObjectForTest(schema, R"({"a": "d", "b": "y", "c": "1"})"));
  EXPECT_EQ(MarkUnknown(schema, input, start),
            ObjectForTest(schema, R"({"a": "x", "b": "<unknown>", "c": "1"})"));
  EXPECT_EQ(KeepPriorSpelling(schema, input, start), start);
  EXPECT_THAT(ReplacePaths(schema, input.prior, start), ElementsAre(Path("c")));
  EXPECT_THAT(ReplacePaths(schema, Value(), start), IsEmpty());
  EXPECT_TRUE(Changes(input.prior, start));
  EXPECT_FALSE(Changes(start, start));
  EXPECT_TRUE(Changes(start, ObjectForTest(schema, R"({"a": "x", "b": "<unknown>", "c": "1"})")));
}

}  // namespace
}  // namespace charon::plan
