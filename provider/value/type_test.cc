#include "provider/value/type.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon {
namespace {

using ::testing::HasSubstr;

std::string Nested(int levels) {
  std::string json;
  for (int i = 0; i < levels; ++i) json += "[\"list\",";
  json += "\"string\"";
  json.append(static_cast<std::size_t>(levels), ']');
  return json;
}

TEST(Type, ReadsAndWritesTypeJson) {
  for (const absl::string_view json :
       {R"("string")", R"("number")", R"("bool")", R"("dynamic")", R"(["list","string"])",
        R"(["set",["map","number"]])", R"(["tuple",[]])", R"(["tuple",["string",["list","bool"]]])",
        R"(["object",{}])", R"(["object",{"a":"string","b":["object",{"c":"dynamic"}]}])",
        R"(["object",{"a":"string","b":"bool"},["b"]])",
        R"(["object",{"\"\\\n\u0001é":"string"}])"}) {
    const absl::StatusOr<Type> type = Type::FromJson(json);
    ASSERT_TRUE(type.ok()) << json << ": " << type.status();
    EXPECT_EQ(type->ToJson(), json);
  }
}

TEST(Type, AcceptsSpacesAndAnyKeyOrder) {
  const absl::StatusOr<Type> type =
      Type::FromJson(" [ \"object\" , {\"b\" : \"bool\", \"a\":\n\"string\"}, [] ] ");
  ASSERT_TRUE(type.ok()) << type.status();
  EXPECT_EQ(type->ToJson(), R"(["object",{"a":"string","b":"bool"}])");
}

TEST(Type, RefusesWhatIsNoType) {
  for (const absl::string_view json : {"",
                                       "null",
                                       "1",
                                       "{}",
                                       "[]",
                                       R"("any")",
                                       R"(["list"])",
                                       R"(["list","string","string"])",
                                       R"(["list",null])",
                                       R"(["tuple","string"])",
                                       R"(["tuple",{}])",
                                       R"(["tuple",["string"],[]])",
                                       R"(["object",[]])",
                                       R"(["object",{"a":"string"},["b"]])",
                                       R"(["object",{"a":"string"},"a"])",
                                       R"(["object",{"a":"string"},[1]])",
                                       R"(["object",{"a":"string","a":"bool"}])",
                                       R"(["capsule","x"])",
                                       R"([1,"string"])",
                                       R"("string" x)",
                                       R"("string)",
                                       "\"\xff\""}) {
    EXPECT_EQ(Type::FromJson(json).status().code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

TEST(Type, NestsTo512Levels) {
  const absl::StatusOr<Type> deep = Type::FromJson(Nested(512));
  ASSERT_TRUE(deep.ok()) << deep.status();
  EXPECT_EQ(deep->ToJson(), Nested(512));
  const absl::Status status = Type::FromJson(Nested(513)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("deeper than 512"));
  EXPECT_FALSE(Type::FromJson(Nested(1'000'000)).ok());

  std::string objects = "\"bool\"";
  for (int i = 0; i < 512; ++i) objects = absl::StrCat("[\"object\",{\"a\":", objects, "}]");
  EXPECT_TRUE(Type::FromJson(objects).ok());
  EXPECT_FALSE(Type::FromJson(absl::StrCat("[\"object\",{\"a\":", objects, "}]")).ok());
}

TEST(Type, EqualityIsThatOfTheParts) {
  EXPECT_EQ(Type::List(Type::String()), Type::List(Type::String()));
  EXPECT_FALSE(Type::List(Type::String()) == Type::Set(Type::String()));
  EXPECT_FALSE(Type::List(Type::String()) == Type::List(Type::Bool()));
  EXPECT_EQ(Type::Object({{"a", Type::Bool()}}), Type::Object({{"a", Type::Bool()}}));
  EXPECT_FALSE(Type::Object({{"a", Type::Bool()}}) == Type::Object({{"b", Type::Bool()}}));
  EXPECT_FALSE(Type::Object({{"a", Type::Bool()}}) == Type::Object({{"a", Type::Bool()}}, {"a"}));
  EXPECT_FALSE(Type::Tuple({}) == Type::Object({}));
}

TEST(Type, KnowsDynamicParts) {
  EXPECT_TRUE(Type::Dynamic().HasDynamic());
  EXPECT_TRUE(Type::Object({{"a", Type::List(Type::Tuple({Type::Dynamic()}))}}).HasDynamic());
  EXPECT_FALSE(Type::Object({{"a", Type::List(Type::Tuple({Type::Bool()}))}}).HasDynamic());
}

TEST(Type, HasAFriendlyName) {
  EXPECT_EQ(Type::Set(Type::List(Type::Number())).FriendlyName(), "set of list of number");
  EXPECT_EQ(Type::Map(Type::Object({})).FriendlyName(), "map of object");
}

}  // namespace
}  // namespace charon
