// Tests of what tests are made of.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/sdk/registry.h"
#include "provider/testing/checkout.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/plan_golden.h"
#include "provider/testing/schemas.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

TEST(StatusMatchers, MatchStatusesAndValues) {
  const absl::StatusOr<int> seven = 7, none = absl::NotFoundError("no seven");
  EXPECT_THAT(seven, IsOk());
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(none, Not(IsOk()));
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound, "no seven"));
  EXPECT_THAT(none, StatusIs(absl::StatusCode::kNotFound, HasSubstr("seven")));
  EXPECT_THAT(none, Not(StatusIs(absl::StatusCode::kNotFound, HasSubstr("eight"))));
  EXPECT_THAT(none, Not(StatusIs(absl::StatusCode::kUnknown)));
  EXPECT_THAT(seven, Not(StatusIs(absl::StatusCode::kNotFound)));
  EXPECT_THAT(seven, IsOkAndHolds(7));
  EXPECT_THAT(seven, Not(IsOkAndHolds(8)));
  EXPECT_THAT(none, Not(IsOkAndHolds(7)));
  EXPECT_THAT(At(Path("a").Key("b"), none.status()), StatusIsAt("a[\"b\"]"));
  EXPECT_THAT(none, StatusIsAt(""));
}

TEST(ValueForTest, ReadsEveryType) {
  EXPECT_EQ(ValueForTest(Type::Set(Type::String()), R"(["b", "a", "b"])"),
            Value::Of(Value::Sequence{Value::String("a"), Value::String("b")}));
  EXPECT_EQ(ValueForTest(Type::Tuple({Type::Number(), Type::Bool()}), "[1, true]"),
            Value::Of(Value::Sequence{Value::Of(Number(1)), Value::Bool(true)}));
  EXPECT_TRUE(
      ValueForTest(Type::List(Type::Number()), R"(["<unknown>"])").sequence()[0].IsUnknown());
  EXPECT_TRUE(ValueForTest(Type::Number(), "null").IsNull());
  EXPECT_EQ(ValueForTest(Type::Dynamic(), "[1]").dynamic_type(), Type::Tuple({Type::Number()}));
  const Value object =
      ValueForTest(Type::Object({{"a", Type::String()}, {"b", Type::String()}}), R"({"a": "x"})");
  EXPECT_TRUE(object["b"].IsNull());
  EXPECT_EQ(object.mapping().size(), 2u);
  EXPECT_EQ(::testing::PrintToString(object), R"({"a":"x","b":null})");
}

TEST(ValueForTestDeathTest, RefusesWhatDoesNotFit) {
  EXPECT_DEATH(ValueForTest(Type::Number(), "\"x\""), "test input");
  EXPECT_DEATH(ValueForTest(Type::List(Type::Number()), "[1, \"x\"]"), "test input\\[1\\]");
  EXPECT_DEATH(ValueForTest(Type::Object({}), R"({"typo": 1})"),
               "test input.typo: no such attribute");
  EXPECT_DEATH(ValueForTest(Type::Number(), "{"), "no JSON");
}

// The merge that core proposes, row by row of plugin protocol 5.1.
TEST(ProposedNewState, MergesAsCoreDoes) {
  const ObjectSchema schema = SchemaForTest({
      Row("computed", Computed),
      Row("both", OptionalComputed),
      Row("optional", Optional),
      Row("made", OptionalComputed, Nesting::kSingle, {Row("set", Optional), Row("got", Computed)}),
      Row("one", Optional, Nesting::kSingle, {Row("set", Optional), Row("got", Computed)}),
      Row("list", Optional, Nesting::kList, {Row("set", Optional), Row("got", Computed)}),
      Row("map", Optional, Nesting::kMap, {Row("set", Optional), Row("got", Computed)}),
      Row("bag", Optional, Nesting::kSet, {Row("set", Optional), Row("got", Computed)}),
  });
  const struct {
    const char* name;
    const char* prior;
    const char* config;
    const char* proposed;
  } table[] = {
      {"computed ones carry the prior value", R"({"computed": "p", "both": "p", "optional": "p"})",
       "{}", R"({"computed": "p", "both": "p"})"},
      {"the configuration wins", R"({"both": "p", "optional": "p"})",
       R"({"both": "c", "optional": "<unknown>"})", R"({"both": "c", "optional": "<unknown>"})"},
      {"an object that was configured is gone", R"({"made": {"set": "p", "got": "g"}})", "{}",
       "{}"},
      {"an object that was made stays", R"({"made": {"got": "g"}})", "{}",
       R"({"made": {"got": "g"}})"},
      {"inside an object", R"({"one": {"set": "p", "got": "g"}})", R"({"one": {"set": "c"}})",
       R"({"one": {"set": "c", "got": "g"}})"},
      {"an unknown object", R"({"one": {"got": "g"}})", R"({"one": "<unknown>"})",
       R"({"one": "<unknown>"})"},
      {"lists by index", R"({"list": [{"set": "a", "got": "g"}]})",
       R"({"list": [{"set": "b"}, {"set": "a"}]})",
       R"({"list": [{"set": "b", "got": "g"}, {"set": "a"}]})"},
      {"unknown elements of lists", R"({"list": [{"set": "a", "got": "g"}]})",
       R"({"list": ["<unknown>", "<unknown>"]})",
       R"({"list": [{"set": "<unknown>", "got": "<unknown>"}, "<unknown>"]})"},
      {"maps by key", R"({"map": {"k": {"got": "g"}, "l": {"got": "h"}}})",
       R"({"map": {"k": {"set": "c"}, "m": {}}})",
       R"({"map": {"k": {"set": "c", "got": "g"}, "m": {}}})"},
      {"sets by what is configured",
       R"({"bag": [{"set": "a", "got": "g"}, {"set": "b", "got": "h"}]})",
       R"({"bag": [{"set": "b"}, {"set": "c"}]})",
       R"({"bag": [{"set": "b", "got": "h"}, {"set": "c"}]})"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(core::ProposedNewState(schema, ObjectForTest(schema, row.prior),
                                     ObjectForTest(schema, row.config)),
              ObjectForTest(schema, row.proposed))
        << row.name;
  }
  const Value prior = ObjectForTest(schema, R"({"computed": "p"})");
  EXPECT_EQ(core::ProposedNewState(schema, Value(), ObjectForTest(schema, R"({"one": {}})")),
            ObjectForTest(schema, R"({"one": {}})"));
  EXPECT_TRUE(core::ProposedNewState(schema, Value(), Value()).IsNull());
  EXPECT_EQ(core::ProposedNewState(schema, prior, Value()), prior);
}

TEST(ActionOf, IsCores) {
  const ObjectSchema schema = SchemaForTest({Row("a", Optional), Row("b", Optional)});
  const Value one = ObjectForTest(schema, R"({"a": "1"})"),
              two = ObjectForTest(schema, R"({"a": "2"})");
  const Value unknown = ObjectForTest(schema, R"({"a": "<unknown>"})");
  using core::Action, core::ActionOf;
  EXPECT_EQ(ActionOf(Value(), one, {"a"}), Action::kCreate);
  EXPECT_EQ(ActionOf(one, Value(), {}), Action::kDelete);
  EXPECT_EQ(ActionOf(one, one, {}), Action::kNoOp);
  EXPECT_EQ(ActionOf(one, one, {"a"}), Action::kNoOp);
  EXPECT_EQ(ActionOf(one, two, {}), Action::kUpdate);
  EXPECT_EQ(ActionOf(one, two, {"b"}), Action::kUpdate);
  EXPECT_EQ(ActionOf(one, two, {"a"}), Action::kReplace);
  EXPECT_EQ(ActionOf(one, unknown, {"a"}), Action::kReplace);
  EXPECT_EQ(ActionOf(one, unknown, {}), Action::kUpdate);
}

// Golden plans.

struct UserModel {
  Attr<std::string> id, name, email;
  Attr<std::int64_t> quota;
  Attr<std::map<std::string, std::string>> labels;

  static const ObjectSpec<UserModel>& Describe() {
    using M = UserModel;
    static const auto& spec = *new ObjectSpec<M>(
        "A user.", {Field(&M::id, "id", Computed, "Id of the user.").KeepPrior(),
                    Field(&M::name, "name", Required, "Name of the user.").Check(DnsLabel()),
                    Field(&M::email, "email", Optional, "Address of the user.").ForceNew(),
                    Field(&M::quota, "quota", Optional, "Quota of the user.").Default(5),
                    Field(&M::labels, "labels", Optional, "Labels of the user.")});
    return spec;
  }
};

class UserResource final : public sdk::Resource<UserModel> {
 public:
  const sdk::ResourceInfo& info() const override {
    static const auto& info =
        *new sdk::ResourceInfo{.type = "charon_user", .noun = "user", .subcategory = "Tests"};
    return info;
  }
  absl::Status Plan(const sdk::Context& context, sdk::PlanChange<UserModel>& change) override {
    if (change.IsDestroy()) context.diagnostics->Warning("User goes", "And all files.\nReally.");
    return absl::OkStatus();
  }
  sdk::Outcome<UserModel> Create(const sdk::Context&, const UserModel& plan) override {
    return plan;
  }
  sdk::Outcome<UserModel> Read(const sdk::Context&, const UserModel& prior) override {
    return prior;
  }
  absl::Status Delete(const sdk::Context&, const UserModel&) override { return absl::OkStatus(); }
};

class GoldenTest : public ::testing::Test {
 protected:
  GoldenTest() : registry_(std::make_unique<FakeProvider>()) {
    registry_.Add(std::make_unique<UserResource>());
  }
  sdk::AnyResource& user() { return *registry_.resources().at("charon_user"); }
  sdk::Registry registry_;
};

TEST_F(GoldenTest, RunsItsFiles) { RunGoldenPlans(user(), "provider/testing/testdata/plans"); }

TEST_F(GoldenTest, TellsWhatAPlanDoes) {
  const Json renamed = Json::parse(R"({
    "prior": {"id": "7", "name": "ann", "email": "a@x.org", "quota": 5, "labels": {"a": "b"}},
    "config": {"name": "anna", "email": "ann@x.org", "labels": {"a": "<unknown>"}},
    "expect": {"values": {"quota": 0, "id": "wrong"}}})");
  EXPECT_EQ(
      GoldenPlanOf(user(), renamed),
      Json::parse(R"({"changed": ["name", "email"], "replace": ["email"], "unknown": ["labels"],
                            "diagnostics": [], "values": {"quota": 5, "id": "7"}})"));
  EXPECT_EQ(
      GoldenPlanOf(user(), Json::parse(R"({"config": {"name": "ann"}})")),
      Json::parse(
          R"({"changed": ["name", "quota"], "replace": [], "unknown": ["id"], "diagnostics": []})"));
  EXPECT_EQ(
      GoldenPlanOf(user(), Json::parse(R"({"config": {"name": "A", "id": "1"}})"))["diagnostics"]
          .size(),
      2u);
  EXPECT_EQ(
      GoldenPlanOf(user(), Json::parse(R"({"prior": {"id": "7", "name": "ann"}})"))["diagnostics"],
      Json::parse(R"(["warning: User goes: And all files."])"));
}

TEST_F(GoldenTest, FailsWhereThePlanDiffersAndRewritesIt) {
  // Only a folder below the repository's root can be named, so the path climbs out of it.
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / ("golden-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string relative =
      std::filesystem::relative(folder, std::filesystem::canonical(SourcePath(""))).string();
  std::ofstream(folder / "a.json")
      << R"({ "config": { "name": "ann" }, "expect": { "changed": [] } })"
      << "\n";
  EXPECT_NONFATAL_FAILURE(RunGoldenPlans(user(), relative), "CHARON_REWRITE_GOLDEN=1");
  ::setenv("CHARON_REWRITE_GOLDEN", "1", 1);
  RunGoldenPlans(user(), relative);
  ::unsetenv("CHARON_REWRITE_GOLDEN");
  RunGoldenPlans(user(), relative);
  std::ifstream in(folder / "a.json");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(text, HasSubstr(R"("changed": ["name", "quota"], "replace": [], "unknown": ["id"])"));
  std::filesystem::remove_all(folder);
}

TEST_F(GoldenTest, MissesFilesThatAreNotThere) {
  sdk::AnyResource* const resource = &user();
  static sdk::AnyResource* shared;
  shared = resource;
  EXPECT_FATAL_FAILURE(RunGoldenPlans(*shared, "provider/testing/no_such_folder"),
                       "no golden plan in");
}

TEST(ReadableJson, BreaksWhatDoesNotFit) {
  const Json json =
      Json::parse(R"({"a": [1, 2], "b": {}, "c": {"long": "xxxxxxxxxxxxxxxx", "d": null}})");
  EXPECT_EQ(ReadableJson(json),
            R"({ "a": [1, 2], "b": {}, "c": { "long": "xxxxxxxxxxxxxxxx", "d": null } })"
            "\n");
  EXPECT_EQ(ReadableJson(json, 30), R"({
  "a": [1, 2],
  "b": {},
  "c": {
    "long": "xxxxxxxxxxxxxxxx",
    "d": null
  }
}
)");
}

}  // namespace
}  // namespace charon
