#include "provider/clients/kubernetes/plain_json.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::kubernetes::internal {
namespace {

Json Library(absl::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string Nested(int depth) { return absl::StrCat(std::string(depth, '['), std::string(depth, ']')); }

TEST(ReadPlainJson, IsTheValueOfTheLibrary) {
  for (const std::string& text : std::vector<std::string>{
           "null", "true", "false", " \t\r\n 0 \n", "7", "-7", "999999999999999999", "-999999999999999999", R"("")", R"("a b")",
           R"("\"\\\/\b\f\n\r\t")", R"("\nline\n")", "\"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80\"", "\"\x7F\"", "[]",
           "[ ]", "[1,-2, \"three\" ,[null],{}]", "{}", "{ }", R"({"b":1,"a":{"c":[true,false]},"":""})",
           R"({"f:metadata":{"k:{\"name\":\"http\"}":{".":{}}}})", Nested(100)}) {
    const std::optional<Json> value = ReadPlainJson(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(*value, Library(text)) << text;
    // Equality does not tell 1 from 1u.
    EXPECT_EQ(value->type(), Library(text).type()) << text;
    EXPECT_EQ(value->dump(), Library(text).dump()) << text;
  }
}

TEST(ReadPlainJson, LeavesToTheLibraryWhatIsNotPlain) {
  for (const std::string& text :
       std::vector<std::string>{R"("\u00e9")", R"("\ud83d\ude00")", "1.5", "1.0", "1e3", "1E3", "-0", "1000000000000000000",
                                "18446744073709551615", R"({"a":1,"a":2})", R"({"a":1,"b":2,"a":3})", std::string("1\0", 2), Nested(101)}) {
    EXPECT_FALSE(ReadPlainJson(text)) << text;
    EXPECT_EQ(ParseJson(text), Library(text)) << text;
    EXPECT_FALSE(ParseJson(text).is_discarded()) << text;
  }
}

TEST(ReadPlainJson, TakesNothingThatIsNoJson) {
  for (const std::string& text : std::vector<std::string>{
           "", " ", "-", "01", "-01", "+1", "1 2", "tru", "True", "nul", "nullx", "'a'", "\"", "\"a", R"("\)", R"("\x")",
           R"("\u12")", "\"\n\"", std::string("\"\0\"", 3), "\"\xC3\"", "\"\xC0\x80\"",
           "\"\xED\xA0\x80\"", "\"\xFF\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}", R"({"a")", R"({"a":)",
           R"({"a":1)", R"({"a":1,)", R"({"a":1,})", R"({"a" 1})", "{a:1}", "{1:1}", "{\"a\":1}}", "[1]]", "// a\n1"}) {
    EXPECT_FALSE(ReadPlainJson(text)) << text;
    EXPECT_TRUE(Library(text).is_discarded()) << text;
    EXPECT_TRUE(ParseJson(text).is_discarded()) << text;
  }
}

TEST(DumpJson, IsTheTextOfTheLibrary) {
  std::vector<Json> values = {nullptr, true, false, 0, -7, 18446744073709551615u, 1.5, -0.0, 1e300, "", "a b", Json::object(),
                              Json::array(), "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "no \xFF UTF-8", "\xC3", "\x7F",
                              {{"b", {1, 2, {{"c", nullptr}}}}, {"a", "x"}, {"\"quoted\"\n", {{}}}}, {1.5, "a"}};
  for (int byte = 0; byte < 0x80; ++byte) values.push_back(std::string("<") + static_cast<char>(byte) + ">");
  for (const Json& value : values) {
    const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
    EXPECT_EQ(DumpJson(value), text);
    EXPECT_EQ(DumpJson({{"key", {value, value}}}), absl::StrCat("{\"key\":[", text, ",", text, "]}"));
  }
}

TEST(ReadPlainJson, IsAfraidOfNoDepth) {
  const std::string deep(100000, '[');
  EXPECT_FALSE(ReadPlainJson(deep));
}

}  // namespace
}  // namespace charon::kubernetes::internal
