#include "provider/sdk/function.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"
#include "provider/sdk/registry.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::string> Repeat(const std::string& text, const std::int64_t& times) {
  if (times < 0) return AtArgument(1, absl::InvalidArgumentError("must not be negative"));
  std::string result;
  for (std::int64_t i = 0; i < times; ++i) result += text;
  return result;
}

absl::StatusOr<std::string> Join(const std::string& separator, const Variadic<std::string>& parts) {
  return absl::StrJoin(parts.values, separator);
}

absl::StatusOr<std::vector<std::int64_t>> Lengths(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> lengths;
  for (const std::string& text : texts) lengths.push_back(static_cast<std::int64_t>(text.size()));
  return lengths;
}

absl::StatusOr<std::string> Kind(const std::optional<std::string>& nullable,
                                 const Attr<bool>& any) {
  return absl::StrCat(nullable.has_value() ? *nullable : "null", " ",
                      any.IsUnknown() ? "unknown"
                      : any.IsNull()  ? "null"
                                      : "known");
}

absl::StatusOr<Value> Echo(const Value& any, const Variadic<std::optional<std::int64_t>>& more) {
  if (!more.values.empty())
    return Value::Dynamic(Type::Bool(), Value::Bool(more.values[0].has_value()));
  return any;
}

absl::StatusOr<std::map<std::string, double>> Half(const std::map<std::string, double>& numbers) {
  std::map<std::string, double> halves;
  for (const auto& [key, number] : numbers) halves[key] = number / 2;
  return halves;
}

std::unique_ptr<AnyFunction> NewRepeat() {
  return NewFunction({"repeat", "Repeats a text.", "Repeats `text`."},
                     {{"text", "What to repeat."}, {"times", "How often."}}, Repeat);
}

TEST(Function, TakesItsTypesFromTheSignature) {
  const auto repeat = NewRepeat();
  EXPECT_EQ(repeat->doc().name, "repeat");
  ASSERT_EQ(repeat->parameters().size(), 2u);
  EXPECT_EQ(repeat->parameters()[0].name, "text");
  EXPECT_EQ(repeat->parameters()[0].description, "What to repeat.");
  EXPECT_EQ(repeat->parameters()[0].type, Type::String());
  EXPECT_EQ(repeat->parameters()[1].type, Type::Number());
  EXPECT_FALSE(repeat->parameters()[0].allow_null);
  EXPECT_FALSE(repeat->parameters()[0].allow_unknown);
  EXPECT_FALSE(repeat->variadic().has_value());
  EXPECT_EQ(repeat->returns(), Type::String());

  const auto half = NewFunction({"half", "s", "d"}, {{"numbers", "Numbers."}}, Half);
  EXPECT_EQ(half->parameters()[0].type, Type::Map(Type::Number()));
  EXPECT_EQ(half->returns(), Type::Map(Type::Number()));
}

TEST(Function, Computes) {
  EXPECT_THAT(NewRepeat()->Call({Value::String("ab"), Value::Of(Number(3))}),
              IsOkAndHolds(Value::String("ababab")));
  const auto lengths = NewFunction({"lengths", "s", "d"}, {{"texts", "Texts."}}, Lengths);
  EXPECT_THAT(lengths->Call({ValueForTest(Type::List(Type::String()), R"(["a", "bcd"])")}),
              IsOkAndHolds(ValueForTest(Type::List(Type::Number()), "[1, 3]")));
  const auto half = NewFunction({"half", "s", "d"}, {{"numbers", "Numbers."}}, Half);
  EXPECT_THAT(half->Call({ValueForTest(Type::Map(Type::Number()), R"({"a": 3})")}),
              IsOkAndHolds(ValueForTest(Type::Map(Type::Number()), R"({"a": 1.5})")));
}

TEST(Function, VariadicsTakeAnyNumber) {
  const auto join = NewFunction({"join", "s", "d"},
                                {{"separator", "Between."}, {"parts", "What to join."}}, Join);
  ASSERT_EQ(join->parameters().size(), 1u);
  ASSERT_TRUE(join->variadic().has_value());
  EXPECT_EQ(join->variadic()->name, "parts");
  EXPECT_EQ(join->variadic()->type, Type::String());
  EXPECT_THAT(join->Call({Value::String("-")}), IsOkAndHolds(Value::String("")));
  EXPECT_THAT(join->Call({Value::String("-"), Value::String("a")}),
              IsOkAndHolds(Value::String("a")));
  EXPECT_THAT(join->Call({Value::String("-"), Value::String("a"), Value::String("b")}),
              IsOkAndHolds(Value::String("a-b")));
}

TEST(Function, NullsAndUnknownsReachThoseThatTakeThem) {
  const auto kind =
      NewFunction({"kind", "s", "d"}, {{"nullable", "A text."}, {"any", "A flag."}}, Kind);
  EXPECT_TRUE(kind->parameters()[0].allow_null);
  EXPECT_FALSE(kind->parameters()[0].allow_unknown);
  EXPECT_TRUE(kind->parameters()[1].allow_null);
  EXPECT_TRUE(kind->parameters()[1].allow_unknown);
  EXPECT_THAT(kind->Call({Value(), Value::Unknown()}), IsOkAndHolds(Value::String("null unknown")));
  EXPECT_THAT(kind->Call({Value::String("x"), Value()}), IsOkAndHolds(Value::String("x null")));
  EXPECT_THAT(kind->Call({Value::String("x"), Value::Bool(true)}),
              IsOkAndHolds(Value::String("x known")));
}

TEST(Function, DynamicValuesPassThrough) {
  const auto echo =
      NewFunction({"echo", "s", "d"}, {{"any", "Anything."}, {"more", "Numbers."}}, Echo);
  EXPECT_EQ(echo->parameters()[0].type, Type::Dynamic());
  EXPECT_EQ(echo->returns(), Type::Dynamic());
  EXPECT_TRUE(echo->variadic()->allow_null);
  const Value any = ValueForTest(Type::Dynamic(), R"({"a": [1, "x"]})");
  EXPECT_THAT(echo->Call({any}), IsOkAndHolds(any));
  EXPECT_THAT(echo->Call({any, Value()}),
              IsOkAndHolds(Value::Dynamic(Type::Bool(), Value::Bool(false))));
}

struct Point {
  Attr<std::int64_t> x, y;
  static const ObjectSpec<Point>& Describe() {
    static const auto& spec = *new ObjectSpec<Point>(
        "A point.", {Field(&Point::x, "x", Required, "Along the line."),
                     Field(&Point::y, "y", Optional, "Across the line.").Check(Between(0, 9))});
    return spec;
  }
};

TEST(Function, ObjectsAreCheckedByTheirTable) {
  const absl::StatusOr<Point> point =
      ObjectArgument<Point>(1, ValueForTest(Type::Dynamic(), R"({"x": "7"})"));
  ASSERT_THAT(point, IsOk());
  EXPECT_EQ(*point->x, 7);
  EXPECT_TRUE(point->y.IsNull());
  const std::pair<const char*, const char*> bad[] = {
      {R"({"x": 1, "z": 2})", "z: there is no \"z\" here"},
      {R"({"y": 1})", "x: \"x\" is required: Along the line."},
      {R"({"x": 1, "y": 10})", "y: must lie between 0 and 9"},
      {R"({"x": 0.5})", "x: must be a whole number"},
      {"[1]", ": object is required, but this is an array"},
      {"null", ": object is required, but this is null"},
      {R"({"x": "<unknown>"})", ": is not known yet"},
  };
  for (const auto& [json, message] : bad) {
    const absl::Status status =
        ObjectArgument<Point>(1, ValueForTest(Type::Dynamic(), json)).status();
    EXPECT_THAT(absl::StrCat(PathOf(status).value_or(Path()).ToString(), ": ", status.message()),
                HasSubstr(message))
        << json;
    EXPECT_EQ(ArgumentOf(status), 1) << json;
  }
}

TEST(Function, ErrorsTellTheArgument) {
  const absl::StatusOr<Value> negative =
      NewRepeat()->Call({Value::String("a"), Value::Of(Number(-1))});
  EXPECT_THAT(negative, StatusIs(absl::StatusCode::kInvalidArgument, "must not be negative"));
  EXPECT_EQ(ArgumentOf(negative.status()), 1);

  const absl::StatusOr<Value> fraction =
      NewRepeat()->Call({Value::String("a"), Value::Of(*Number::Parse("0.5"))});
  EXPECT_THAT(fraction, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("whole number")));
  EXPECT_EQ(ArgumentOf(fraction.status()), 1);

  // Variadic ones count on.
  const auto echo =
      NewFunction({"echo", "s", "d"}, {{"any", "Anything."}, {"more", "Numbers."}}, Echo);
  const absl::StatusOr<Value> third = echo->Call(
      {ValueForTest(Type::Dynamic(), "1"), Value::Of(Number(1)), Value::Of(*Number::Parse("0.5"))});
  EXPECT_EQ(ArgumentOf(third.status()), 2);

  const auto lengths = NewFunction({"lengths", "s", "d"}, {{"texts", "Texts."}}, Lengths);
  const absl::StatusOr<Value> null =
      lengths->Call({ValueForTest(Type::List(Type::String()), R"(["a", null])")});
  EXPECT_THAT(null, StatusIs(absl::StatusCode::kInvalidArgument, "must not be null"));
  EXPECT_EQ(ArgumentOf(null.status()), 0);

  EXPECT_EQ(ArgumentOf(absl::InvalidArgumentError("of no argument")), std::nullopt);
  EXPECT_TRUE(AtArgument(3, absl::OkStatus()).ok());
}

TEST(Function, WrongNumberOfNamesIsAContradiction) {
  for (const std::vector<std::pair<std::string, std::string>>& names :
       {std::vector<std::pair<std::string, std::string>>{{"text", "A text."}},
        {{"text", "A text."}, {"times", "How often."}, {"extra", "Too much."}}}) {
    Registry registry(std::make_unique<FakeProvider>());
    registry.Add(NewFunction({"repeat", "Repeats.", "Repeats a text."}, names, Repeat));
    EXPECT_THAT(registry.Contradictions(),
                ElementsAre("function repeat: a parameter without a name, or one name too many"));
  }
}

}  // namespace
}  // namespace charon::sdk
