#include "provider/value/convert.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/value/json.h"

namespace charon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Type& Stack() {
  static const auto& type = *new Type(Type::Object({
      {"owner", Type::String()},
      {"version", Type::Number()},
      {"dry", Type::Bool()},
      {"labels", Type::Map(Type::String())},
      {"hosts", Type::List(Type::String())},
      {"zones", Type::Set(Type::Number())},
      {"tiers", Type::Map(Type::Object({{"priority", Type::Number()},
                                        {"limits", Type::Map(Type::Map(Type::String()))}}))},
      {"routes", Type::List(Type::Object({{"middleware", Type::String()}}))},
  }));
  return type;
}

// As HCL would have it: objects and tuples, each with a type of its own.
Value Written(absl::string_view json) {
  absl::StatusOr<TypedValue> value = DecodeAnyJson(json);
  EXPECT_TRUE(value.ok()) << value.status();
  return Value::Dynamic(std::move(value->type), std::move(value->value));
}

// "path: message | remedy" of each fault.
std::vector<std::string> Faults(const Value& value, const Type& type) {
  std::vector<absl::Status> errors;
  const Value result = Convert(value, type, errors);
  EXPECT_TRUE(Conforms(result, type).ok()) << "what has faults must be usable all the same";
  std::vector<std::string> faults;
  for (const absl::Status& status : errors) {
    const std::string remedy = RemedyOf(status).value_or("");
    faults.push_back(absl::StrCat(PathOf(status).value_or(Path()).ToString(), ": ",
                                  status.message(), remedy.empty() ? "" : " | ", remedy));
  }
  return faults;
}

std::vector<std::string> Faults(absl::string_view json) { return Faults(Written(json), Stack()); }

Value Converted(const Value& value, const Type& type) {
  std::vector<absl::Status> errors;
  Value converted = Convert(value, type, errors);
  EXPECT_THAT(errors, IsEmpty());
  return converted;
}

TEST(Convert, FollowsTerraformsRules) {
  const Value found = Converted(
      Written(
          R"({"owner": 7, "version": "1.50", "dry": "true", "labels": {"a": 1, "b": true, "c": "x"},
      "hosts": ["b", 2], "zones": [10, "9", 10], "tiers": {"x": {"priority": 5}}, "routes": [{}]})"),
      Stack());
  const absl::StatusOr<Value> expected = DecodeJson(
      R"({"owner": "7", "version": 1.5, "dry": true, "labels": {"a": "1", "b": "true", "c": "x"},
      "hosts": ["b", "2"], "zones": [9, 10], "tiers": {"x": {"priority": 5, "limits": null}}, "routes": [{"middleware": null}]})",
      Stack());
  EXPECT_EQ(found, *expected);
  EXPECT_EQ(Converted(Value::Bool(false), Type::String()), Value::String("false"));
  EXPECT_EQ(Converted(Value::String("0"), Type::Bool()), Value::Bool(false));
  EXPECT_TRUE(Conforms(found, Stack()).ok());
}

// tomap() and toset() bring collections where objects and lists are wanted.
TEST(Convert, CollectionsTakeEachOthersPlace) {
  const Value map =
      Value::Dynamic(Type::Map(Type::String()), Value::Of({{"owner", Value::String("x")}}));
  EXPECT_EQ(Converted(map, Stack())["owner"], Value::String("x"));
  const Value set = Value::Dynamic(Type::Set(Type::String()),
                                   Value::Set({Value::String("b"), Value::String("a")}));
  EXPECT_EQ(Converted(set, Type::List(Type::String())),
            Value::Of({Value::String("a"), Value::String("b")}));
  EXPECT_THAT(
      Faults(Value::Dynamic(Type::Map(Type::String()), Value::Of({{"onwer", Value::String("x")}})),
             Stack()),
      ElementsAre("onwer: there is no \"onwer\" here | Did you mean \"owner\"?"));
}

TEST(Convert, WhatIsNullOrUnknownStaysSo) {
  EXPECT_TRUE(Converted(Value::Null(), Stack()).IsNull());
  EXPECT_TRUE(Converted(Value::Unknown(), Stack()).IsUnknown());
  EXPECT_TRUE(Converted(Value::Dynamic(Type::String(), Value::Null()), Stack()).IsNull());
  EXPECT_TRUE(Converted(Value::Dynamic(Stack(), Value::Unknown()), Stack()).IsUnknown());
  const Value parts = Converted(
      Value::Of({{"owner", Value::Unknown()},
                 {"hosts", Value::Of({Value::Unknown(), Value::Null(), Value::Of(Number(1))})},
                 {"zones", Value::Unknown()},
                 {"labels", Value::Of({{"a", Value::Unknown()}})},
                 {"tiers", Value::Of({{"x", Value::Of({{"priority", Value::Unknown()}})}})}}),
      Stack());
  EXPECT_TRUE(parts["owner"].IsUnknown());
  EXPECT_EQ(parts["hosts"], Value::Of({Value::Unknown(), Value::Null(), Value::String("1")}));
  EXPECT_TRUE(parts["zones"].IsUnknown());
  EXPECT_TRUE(parts["labels"]["a"].IsUnknown());
  EXPECT_TRUE(parts["tiers"]["x"]["priority"].IsUnknown());
  EXPECT_TRUE(Conforms(parts, Stack()).ok());
}

TEST(Convert, EveryUnknownKeyIsNamed) {
  EXPECT_THAT(
      Faults(R"({"onwer": "x", "tiers": {"x": {"prioritty": 1, "limits": {"a": {"b": "c"}}}},
                         "routes": [{"middleware": "a"}, {"midleware": "b", "colour of it": 1}]})"),
      ElementsAre(
          "routes[1][\"colour of it\"]: there is no \"colour of it\" here | There are: middleware.",
          "routes[1].midleware: there is no \"midleware\" here | Did you mean \"middleware\"?",
          "tiers[\"x\"].prioritty: there is no \"prioritty\" here | Did you mean \"priority\"?",
          "onwer: there is no \"onwer\" here | Did you mean \"owner\"?"));
}

TEST(Convert, MeansTheNearestOnly) {
  const auto meant = [](const std::string& key) {
    return Faults(absl::StrCat("{\"", key, "\": 1}"))[0];
  };
  const auto near = [](const std::string& key, const char* name) {
    return absl::StrCat(key, ": there is no \"", key, "\" here | Did you mean \"", name, "\"?");
  };
  for (const char* key : {"onwer", "ower", "owners", "Owner", "ownr"})
    EXPECT_EQ(meant(key), near(key, "owner"));
  EXPECT_EQ(meant("ters"), near("ters", "tiers"));
  EXPECT_EQ(meant("zone"), near("zone", "zones"));
  const std::string all = " | There are: dry, hosts, labels, owner, routes, tiers, version, zones.";
  EXPECT_EQ(meant("x"), "x: there is no \"x\" here" + all);
  EXPECT_EQ(meant("team"), "team: there is no \"team\" here" + all);
  const std::string endless(100'000, 'o');
  EXPECT_EQ(meant(endless), endless + ": there is no \"" + endless + "\" here" + all);
}

// Values may be secret: only keys are quoted.
TEST(Convert, WhatDoesNotFitIsNamedAtItsPlace) {
  EXPECT_THAT(
      Faults(
          R"({"owner": ["s3cret"], "version": "s3cret", "dry": "s3cret", "labels": {"a": {}}, "hosts": "s3cret", "zones": [[]], "tiers": {"x": 1}})"),
      ElementsAre("dry: bool is required, but this is a string",
                  "hosts: list of string is required, but this is a string",
                  "labels[\"a\"]: string is required, but this is an object",
                  "owner: string is required, but this is an array",
                  "tiers[\"x\"]: object is required, but this is a number",
                  testing::AllOf(testing::StartsWith("version: "),
                                 testing::Not(testing::HasSubstr("s3cret"))),
                  "zones: number is required, but this is an array"));
  EXPECT_THAT(Faults("[]"), ElementsAre(": object is required, but this is an array"));
  EXPECT_THAT(Faults(R"({"version": true, "dry": 1})"),
              ElementsAre("dry: bool is required, but this is a number",
                          "version: number is required, but this is a bool"));
}

}  // namespace
}  // namespace charon
