#include "provider/clients/headscale/policy/hujson.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"

namespace charon::headscale::policy {
namespace {

using testing::HasSubstr;

std::string Normal(absl::string_view text) {
  const absl::StatusOr<HuJson> document = ParseHuJson(text);
  return document.ok() ? NormalHuJson(*document) : document.status().ToString();
}

TEST(HuJson, CommentsAndTrailingCommasAreFormOnly) {
  EXPECT_EQ(Normal(R"(
    // who
    {
      "groups": {"group:dev": ["ann@", /* on leave */ "bob@",],}, // all
      "acls": [],
    }
    /* the end **/)"),
            R"({
  "acls": [],
  "groups": {
    "group:dev": [
      "ann@",
      "bob@"
    ]
  }
})");
  EXPECT_EQ(Normal("[] // a comment may end with the text"), "[]");
  EXPECT_EQ(Normal("{}//"), "{}");
  EXPECT_EQ(Normal("[\r\n\t1,\r\n]"), "[\n  1\n]");
}

TEST(HuJson, PositionsAreThoseOfTheFirstCharacter) {
  const absl::StatusOr<HuJson> document = ParseHuJson("{\n  \"ä\": [\"ü\", 7],\n}");
  ASSERT_TRUE(document.ok());
  ASSERT_EQ(document->members.size(), 1u);
  EXPECT_EQ(document->members[0].at, (Position{2, 3}));
  const HuJson& array = *document->Find("ä");
  EXPECT_EQ(array.at, (Position{2, 8}));
  EXPECT_EQ(array.items[1].at, (Position{2, 14}));  // columns count characters, not bytes
}

TEST(HuJson, NumbersKeepTheirDigitsAndHaveOneSpelling) {
  for (const auto& [text, normal] : std::vector<std::pair<std::string, std::string>>{
           {"0", "0"},
           {"-0", "0"},
           {"0.0e5", "0"},
           {"1.0", "1"},
           {"1e2", "100"},
           {"1E+2", "100"},
           {"120e-1", "12"},
           {"0.1250", "0.125"},
           {"-12.5", "-12.5"},
           {"1e-3", "0.001"},
           {"123e40", "1.23e+42"},
           {"5e-30", "5e-30"},
           {"12345678901234567890123456789", "1.2345678901234567890123456789e+28"},
           {"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
           {"1e99999999999", "1e99999999999"}}) {
    EXPECT_EQ(Normal(text), normal) << text;
    EXPECT_EQ(Normal(normal), normal) << text;
  }
  EXPECT_EQ(ParseHuJson("1.50")->text, "1.50");
}

TEST(HuJson, StringsHaveOneSpelling) {
  EXPECT_EQ(Normal(R"("\u0041\/\u00e4\t\ud83d\ude00")"), "\"A/ä\\t😀\"");
  EXPECT_EQ(Normal(R"("\ud83d x")"), "\"\xEF\xBF\xBD x\"");  // half of a pair
  EXPECT_EQ(Normal(R"("\ude00")"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(Normal(R"("\u0000\u001f\"\\")"), R"("\u0000\u001f\"\\")");
}

struct Refused {
  std::string text, message;
};

TEST(HuJson, WhatIsWrongIsNamedWithItsPlace) {
  for (const auto& [text, message] : std::vector<Refused>{
           {"", "line 1, column 1: the text has no value"},
           {"  // nothing\n ", "line 2, column 2: the text has no value"},
           {"\xEF\xBB\xBF{}", "line 1, column 1: the text starts with a byte order mark"},
           {"{\n  \"acls\": [\n    {\"action\" \"accept\"}\n  ]\n}",
            "line 3, column 15: a colon is expected after the name \"action\", not `\"`"},
           {"{\"a\": 1 \"b\": 2}", "line 1, column 9: a comma or } is expected, not `\"`"},
           {"[1 2]", "line 1, column 4: a comma or ] is expected, not `2`"},
           {"[1,,2]", "line 1, column 4: a value is expected, not `,`"},
           {"[,]", "line 1, column 2: a value is expected, not `,`"},
           {"{,}", "line 1, column 2: a name in double quotes or } is expected, not `,`"},
           {"{a: 1}", "line 1, column 2: a name in double quotes or } is expected, not `a`"},
           {"{'a': 1}", "not `'`"},
           {"['a']", "line 1, column 2: a value is expected, not `'`"},
           {"{\n\"a\": [1,\n", "line 2, column 6: the bracket that opens here is not closed"},
           {"{\"a\": 1", "line 1, column 1: the bracket that opens here is not closed"},
           {"{\"a\":", "line 1, column 6: a value is missing at the end of the text"},
           {"{\"a\"", "not the end of the text"},
           {"[1]\n]", "line 2, column 1: `]` stands after the end of the document"},
           {"[1] [2]", "`[` stands after the end"},
           {"[\"abc\n\"]", "line 1, column 2: the string does not end in its line"},
           {"[\"abc", "line 1, column 2: the string does not end"},
           {"[\"a\tb\"]", "line 1, column 4: a string must not hold byte 0x09 as it is"},
           {R"(["\x41"])", "line 1, column 3: the escape is none of JSON's"},
           {R"(["\u00g1"])", "line 1, column 3: the escape is none of JSON's"},
           {R"(["\u12)", "line 1, column 3: the escape is none of JSON's"},
           {"[\"\\", "the escape is none of JSON's"},
           {"{} /* no end", "line 1, column 4: the comment does not end"},
           {"{} /", "line 1, column 4: `/` stands after the end"},
           {"[tag:web]", "line 1, column 2: \"tag\" is no value"},
           {"[True]", "\"True\" is no value"},
           {"[NaN]", "\"NaN\" is no value"},
           {"[01]", "\"01\" is no value"},
           {"[+1]", "\"+1\" is no value"},
           {"[1.]", "\"1.\" is no value"},
           {"[.5]", "\".5\" is no value"},
           {"[1e]", "\"1e\" is no value"},
           {"[-]", "\"-\" is no value"},
           {"[0x1f]", "\"0x1f\" is no value"},
           {"[\"\xFF\"]", "line 1, column 3: the text is not valid UTF-8"},
           {"[\"\xC0\x80\"]", "not valid UTF-8"},
           {"[\"\xED\xA0\x80\"]", "not valid UTF-8"},
           {"[\"\xF5\x80\x80\x80\"]", "not valid UTF-8"},
           {"// \xC3\n[]", "line 1, column 4: the text is not valid UTF-8"},
           {"[\xE2\x82]", "line 1, column 2: the text is not valid UTF-8"},
           {std::string("[\0]", 3), "line 1, column 2: a value is expected, not byte 0x00"},
           {std::string(101, '['),
            "line 1, column 101: brackets are nested deeper than 100 levels"},
           {std::string(kMaxHuJsonBytes + 1, ' '), "a server takes no more than"},
       }) {
    const absl::StatusOr<HuJson> document = ParseHuJson(text);
    ASSERT_FALSE(document.ok()) << text.substr(0, 80);
    EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(document.status().message()), HasSubstr(message));
    EXPECT_TRUE(RemedyOf(document.status()).has_value()) << message;
  }
  EXPECT_TRUE(ParseHuJson(std::string(100, '[') + std::string(100, ']')).ok());
}

TEST(HuJson, DuplicateNamesAreFoundWithBothPlaces) {
  const absl::StatusOr<HuJson> document =
      ParseHuJson("{\"a\": [{\"b\": 1,\n\"c\": 2, \"b\": 3}], \"c\": 0}");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(CheckNoDuplicates(*document).message(),
            "line 2, column 9: \"b\" stands a second time in its object; the first one is at line "
            "1, column 9");
  EXPECT_EQ(document->Find("a")->items[0].Find("b")->text, "3");
  EXPECT_TRUE(CheckNoDuplicates(*ParseHuJson("{\"a\": {\"a\": {}}}")).ok());
}

TEST(HuJson, MeaningIsComparedNotForm) {
  EXPECT_TRUE(
      SameHuJsonText("{\"a\": 1.0, \"b\": [\"\\u0041\"]} // x", "{ \"b\": [ \"A\", ], \"a\": 1 }"));
  EXPECT_FALSE(SameHuJsonText("[1, 2]", "[2, 1]"));
  EXPECT_FALSE(SameHuJsonText("{\"a\": null}", "{}"));
  EXPECT_FALSE(SameHuJsonText("\"1\"", "1"));
  EXPECT_FALSE(SameHuJsonText("{", "{}"));
  EXPECT_TRUE(SameHuJsonText("{", "{"));
}

TEST(HuJson, ServersGetTheEndOfTheLastLine) {
  EXPECT_EQ(ForServer("{} // all"), "{} // all\n");
  EXPECT_EQ(ForServer("{}\n"), "{}\n");
}

}  // namespace
}  // namespace charon::headscale::policy
