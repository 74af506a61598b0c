#include "provider/value/json.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/value/codec_for_test.h"
#include "provider/value/random_value_for_test.h"

namespace charon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Vector {
  Type type;
  Value value;
  std::string json;
};

std::vector<Vector> Vectors() {
  return {
      {Type::String(), Value::Null(), "null"},
      {Type::Bool(), Value::Bool(true), "true"},
      {Type::String(), Str("a\"\\\n\r\t\x01/é😀\x7f"),
       R"("a\"\\\n\r\t\u0001/é😀)"
       "\x7f\""},
      {Type::String(), Str(std::string(1, '\0')), R"("\u0000")"},
      {Type::Number(), Num("0"), "0"},
      {Type::Number(), Num("-1.5"), "-1.5"},
      {Type::Number(), Num("0.1"), "0.1"},
      {Type::Number(), Num("18446744073709551615"), "18446744073709551615"},
      {Type::Number(), Num("-9223372036854775808"), "-9223372036854775808"},
      {Type::Number(), Num("1234567890123456789012345678901234567890"),
       "1234567890123456789012345678901234567890"},
      {Type::Number(), Num("1e400"), "1" + Repeat("0", 400)},
      {Type::Number(), Num("5e-324"), "0." + Repeat("0", 323) + "5"},
      {Type::Number(), Num("1e600"), "1e600"},
      // Parsers that hold numbers as long double refuse these unless they are quoted.
      {Type::Number(), Num("1e4900"), "1e4900"},
      {Type::Number(), Num("-1.5e5000"), "\"-1.5e5000\""},
      {Type::Number(), Num("1e-6000"), "1e-6000"},
      {Type::List(Type::Number()), Value::Of({Num("2"), Value::Null(), Num("1")}), "[2,null,1]"},
      {Type::Set(Type::Number()), Value::Set({Num("10"), Num("9")}), "[9,10]"},
      {Type::Tuple({Type::Bool(), Type::String()}), Value::Of({Value::Bool(false), Str("")}),
       R"([false,""])"},
      {Type::Map(Type::Bool()), Value::Of({{"b", Value::Bool(true)}, {"B", Value()}}),
       R"({"B":null,"b":true})"},
      {Type::Object({{"a", Type::List(Type::Bool())}, {"b", Type::Object({})}}),
       Value::Of({{"b", Value::Of(Value::Mapping())}, {"a", Value::Of(Value::Sequence())}}),
       R"({"a":[],"b":{}})"},
      {Type::Dynamic(), Value::Null(), "null"},
      {Type::Dynamic(), Value::Dynamic(Type::String(), Value::Null()),
       R"({"value":null,"type":"string"})"},
      {Type::Map(Type::Dynamic()),
       Value::Of(Value::Mapping{
           {"a", Value::Dynamic(
                     Type::Tuple({Type::Number(), Type::Dynamic()}),
                     Value::Of({Num("1"), Value::Dynamic(Type::Bool(), Value::Bool(true))}))}}),
       R"({"a":{"value":[1,{"value":true,"type":"bool"}],"type":["tuple",["number","dynamic"]]}})"},
  };
}

TEST(Json, EncodesAsTerraformStores) {
  for (const Vector& vector : Vectors()) {
    const absl::StatusOr<std::string> json = EncodeJson(vector.value, vector.type);
    ASSERT_TRUE(json.ok()) << vector.json << json.status();
    EXPECT_EQ(*json, vector.json);
  }
}

TEST(Json, DecodesWhatTerraformStores) {
  for (const Vector& vector : Vectors()) {
    const absl::StatusOr<Value> value = DecodeJson(vector.json, vector.type);
    ASSERT_TRUE(value.ok()) << vector.json << value.status();
    EXPECT_EQ(*value, vector.value) << vector.json;
  }
}

TEST(Json, DecodesLeniently) {
  const Type type =
      Type::Object({{"b", Type::Bool()}, {"n", Type::Number()}, {"s", Type::String()}});
  const auto decoded = [&](absl::string_view json) {
    const absl::StatusOr<Value> value = DecodeJson(json, type);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(Value());
  };
  const auto object = [](Value b, Value n, Value s) {
    return Value::Of({{"b", b}, {"n", n}, {"s", s}});
  };
  EXPECT_EQ(decoded("{}"), object({}, {}, {}));
  EXPECT_EQ(decoded(R"({"a":[{}],"m":1,"n":1,"z":null})"), object({}, Num("1"), {}));
  EXPECT_EQ(decoded(R"({"b":"true","n":"1e3","s":12.50})"),
            object(Value::Bool(true), Num("1000"), Str("12.5")));
  EXPECT_EQ(decoded(R"({"b":"0","n":-0,"s":false})"),
            object(Value::Bool(false), Num("0"), Str("false")));
  EXPECT_EQ(decoded("\n{ \"s\" : \"\\u0065\\u0301 \\ud83d\\ude00\" }\t"),
            object({}, {}, Str("é 😀")));
  EXPECT_EQ(*DecodeJson(R"({"type":"bool","value":true})", Type::Dynamic()),
            Value::Dynamic(Type::Bool(), Value::Bool(true)));
  EXPECT_EQ(*DecodeJson(R"(["b","a","b"])", Type::Set(Type::String())),
            Value::Of({Str("a"), Str("b")}));
}

TEST(Json, NamesWhatIsWrongAndWhere) {
  const Type type = Type::Object({
      {"any", Type::Dynamic()},
      {"list", Type::List(Type::Object({{"n", Type::Number()}}))},
      {"map", Type::Map(Type::String())},
      {"on", Type::Bool()},
      {"set", Type::Set(Type::Number())},
      {"tuple", Type::Tuple({Type::Bool(), Type::Map(Type::Bool())})},
  });
  struct Case {
    const char* json;
    const char* path;
    const char* message;
  };
  const Case cases[] = {
      {R"({"list":[{"n":1},{"n":[]}]})", "list[1].n", "number is required, but this is an array"},
      {R"({"list":[{"n":"x"}]})", "list[0].n", "not a decimal number"},
      {R"({"list":[{"n":1e2000000}]})", "list[0].n", "number"},
      {R"({"list":[{"n":"1e2000000"}]})", "list[0].n", "exponent"},
      {R"({"list":[{"n":1e-2000000}]})", "list[0].n", "exponent"},
      {R"({"list":{}})", "list", "list of object is required, but this is an object"},
      {R"({"list":[{"n":1,"n":2}]})", "list[0].n", "twice"},
      {R"({"list":[{"n":1},{"n":NaN}]})", "list[1].n", "not valid JSON"},
      {R"({"map":{"a.b/c":{}}})", "map[\"a.b/c\"]", "string is required, but this is an object"},
      {R"({"map":{"a":"","a":""}})", "map[\"a\"]", "twice"},
      {"{\"map\":{\"\u00e9\":\"\",\"e\u0301\":\"\"}}", "map[\"\u00e9\"]", "twice"},
      {R"({"on":"yes"})", "on", "bool is required, but this is a string"},
      {R"({"on":1})", "on", "bool is required, but this is a number"},
      {R"({"set":[1,"x"]})", "set", "not a decimal number"},
      {R"({"set":[1,{"a":tru}]})", "set", "not valid JSON"},
      {R"({"tuple":[true]})", "tuple", "2 elements is required, but this has 1"},
      {R"({"tuple":[true,{"k":7}]})", "tuple[1][\"k\"]", "bool"},
      {R"({"tuple":[true,{"k":7,"k":7}]})", "tuple[1][\"k\"]", "twice"},
      {R"({"any":1})", "any", "\"type\" and \"value\""},
      {R"({"any":{"type":"bool"}})", "any", "\"type\" and \"value\""},
      {R"({"any":{"type":"bool","value":true,"x":1}})", "any", "\"type\" and \"value\""},
      {R"({"any":{"type":"boolean","value":true}})", "any", "not a type"},
      {R"({"any":{"type":["list","bool"],"value":[true,{}]}})", "any[1]", "bool is required"},
      {R"({"any":{"value":{"a":[{"b":1,"b":1}]},"type":"bool"}})", "any.a[0].b", "twice"},
      {R"([])", "", "object is required, but this is an array"},
      {"", "", "not valid JSON"},
      {"{", "", "not valid JSON"},
      {"{}x", "", "not valid JSON"},
      {"{} {}", "", "not valid JSON"},
      {"{\"on\":true,}", "on", "not valid JSON"},
      {"{'on':true}", "", "not valid JSON"},
      {"{\"map\":{\"a\":\"\xff\"}}", "map[\"a\"]", "not valid UTF-8"},
      {"{\"map\":{\"a\":\"\xed\xa0\x80\"}}", "map[\"a\"]", "not valid UTF-8"},
      {R"({"map":{"a":"\ud800"}})", "map[\"a\"]", "not valid JSON"},
      {R"({"list":[{"n":01}]})", "list[0].n", "not valid JSON"},
  };
  for (const Case& wrong : cases) {
    const absl::Status status = DecodeJson(wrong.json, type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong.json;
    EXPECT_EQ(PathText(status), wrong.path) << wrong.json << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.message)) << wrong.json;
  }
}

TEST(Json, ErrorsDoNotQuoteTheText) {
  for (const absl::string_view json :
       {R"({"password":"hunter2)", R"({"password":hunter2})", R"({"password":{"hunter2":1}})"}) {
    const absl::Status status =
        DecodeJson(json, Type::Object({{"password", Type::Number()}})).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hunter"))) << status;
  }
}

TEST(Json, NestsTo512Levels) {
  const std::string deep = Repeat("[", 512) + "1" + Repeat("]", 512);
  const std::string deeper = "[" + deep + "]";
  const Type type = ListsOf(512, Type::Number());
  const absl::StatusOr<Value> value = DecodeJson(deep, type);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(Got(EncodeJson(*value, type)), deep);
  EXPECT_THAT(std::string(DecodeJson(deeper, ListsOf(513, Type::Number())).status().message()),
              HasSubstr("deeper than 512"));

  const std::string wrapped = absl::StrCat("{\"value\":", deep, ",\"type\":", type.ToJson(), "}");
  EXPECT_TRUE(DecodeJson(wrapped, Type::Dynamic()).ok());
  std::string levels = "null";
  for (int i = 0; i < 512; ++i) {
    levels = absl::StrCat("{\"type\":[\"list\",\"dynamic\"],\"value\":[", levels, "]}");
  }
  EXPECT_TRUE(DecodeJson(levels, Type::Dynamic()).ok());
  EXPECT_FALSE(
      DecodeJson(absl::StrCat("{\"type\":[\"list\",\"dynamic\"],\"value\":[", levels, "]}"),
                 Type::Dynamic())
          .ok());

  EXPECT_TRUE(DecodeAnyJson(deep).ok());
  const absl::Status any = DecodeAnyJson(deeper).status();
  EXPECT_EQ(any.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PathText(any), Repeat("[0]", 512));
  for (const absl::string_view piece : {"[", "{\"a\":"}) {
    EXPECT_FALSE(DecodeAnyJson(Repeat(piece, 1'000'000)).ok());
    EXPECT_FALSE(DecodeJson(Repeat(piece, 1'000'000), Type::Dynamic()).ok());
    EXPECT_FALSE(DecodeJson(Repeat(piece, 1'000'000), Type::Map(Type::String())).ok());
  }
}

TEST(Json, FillsInNoMoreThanTheTextIsWorth) {
  // 20,000 empty objects of 20,000 attributes would be 400 million nulls.
  std::string json = "{\"type\":[\"list\",[\"object\",{";
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&json, i > 0 ? "," : "", "\"", i, "\":\"bool\"");
  absl::StrAppend(&json, "}]],\"value\":[{}", Repeat(",{}", 20'000), "]}");
  const absl::Status status = DecodeJson(json, Type::Dynamic()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("too many attributes are missing"));
}

TEST(Json, EncodingAnotherTypeOrAnUnknownIsOurBug) {
  const Type type = Type::Map(Type::List(Type::Bool()));
  const auto map = [](Value value) {
    return Value::Of({{"k", Value::Of({Value::Bool(true), std::move(value)})}});
  };
  EXPECT_TRUE(EncodeJson(map(Value::Bool(true)), type).ok());
  for (const Value& value :
       {map(Str("x")), map(Value::Unknown()), map(Value::Unknown({.null = false}))}) {
    const absl::Status status = EncodeJson(value, type).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(PathText(status), "[\"k\"][1]");
  }
  EXPECT_EQ(EncodeJson(Str("\xff"), Type::String()).status().code(), absl::StatusCode::kInternal);
}

TEST(Json, EveryKnownValueComesBack) {
  RandomForTest random(13);
  for (int i = 0; i < 3000; ++i) {
    const Type type = random.AnyType(4);
    const Value value = random.AnyValue(type, /*unknowns=*/false);
    const absl::StatusOr<std::string> json = EncodeJson(value, type);
    ASSERT_TRUE(json.ok()) << json.status();
    const absl::StatusOr<Value> decoded = DecodeJson(*json, type);
    ASSERT_TRUE(decoded.ok()) << decoded.status() << *json;
    EXPECT_EQ(*decoded, value) << *json;
  }
}

TEST(AnyJson, HasTheTypesOfHcl) {
  const absl::StatusOr<TypedValue> any =
      DecodeAnyJson(R"({"b":[1,"x",null,{"c":true}],"a":{},"n":0.10,"e":[]})");
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_EQ(any->type.ToJson(),
            R"(["object",{"a":["object",{}],"b":["tuple",["number","string","dynamic",)"
            R"(["object",{"c":"bool"}]]],"e":["tuple",[]],"n":"number"}])");
  EXPECT_TRUE(Conforms(any->value, any->type).ok());
  EXPECT_EQ(any->value["b"].sequence()[1], Str("x"));
  EXPECT_EQ(any->value["n"], Num("0.1"));
  EXPECT_EQ(DecodeAnyJson("null")->type, Type::Dynamic());
  EXPECT_EQ(DecodeAnyJson("\"x\"")->type, Type::String());
}

TEST(AnyJson, KeepsEveryDigitAndSortsKeys) {
  const absl::string_view json =
      R"({"z":1234567890123456789012345678901234567890,"a":[0.1,1E3,-0,18446744073709551615]})";
  const absl::StatusOr<TypedValue> any = DecodeAnyJson(json);
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_EQ(
      Got(EncodeAnyJson(any->value)),
      R"({"a":[0.1,1000,0,18446744073709551615],"z":1234567890123456789012345678901234567890})");
}

TEST(AnyJson, ShowsDynamicValuesAsTheyAre) {
  EXPECT_EQ(Got(EncodeAnyJson(Value::Of({Value::Dynamic(Type::Bool(), Value::Bool(true)),
                                         Value::Dynamic(Type::String(), Value::Null())}))),
            "[true,null]");
}

TEST(AnyJson, NamesTheUnknown) {
  const Value value = Value::Of(Value::Mapping{
      {"metadata", Value::Of({{"a.b/c", Value::Of({Str("x"), Value::Unknown()})}})}});
  const absl::Status status = EncodeAnyJson(value).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PathText(status), "metadata[\"a.b/c\"][1]");
}

TEST(AnyJson, RefusesWhatIsNotJson) {
  for (const absl::string_view json : {"",          " ",        "nul",      "[1,]",
                                       "[1 2]",     "{\"a\"}",  "{a:1}",    "{\"a\":1,\"a\":1}",
                                       "\"\t\"",    "\"\\x\"",  "1.",       ".5",
                                       "+1",        "1e",       "--1",      "[1]]",
                                       "/**/1",     "\"\xff\"", "Infinity", "1e5000",
                                       "1e-2000000"}) {
    EXPECT_EQ(DecodeAnyJson(json).status().code(), absl::StatusCode::kInvalidArgument) << json;
  }
}

}  // namespace
}  // namespace charon
