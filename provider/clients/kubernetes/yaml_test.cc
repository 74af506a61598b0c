#include "provider/clients/kubernetes/yaml.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Json> value = ParseYaml(text);
  if (value.ok()) return "read as " + value->dump();
  EXPECT_EQ(value.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(value.status().message());
}

std::string Nested(const std::string& open, int depth, const std::string& close) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += open;
  for (int i = 0; i < depth; ++i) text += close;
  return text;
}

// What sigs.k8s.io/yaml 1.6.0 (YAMLToJSON; the one in kubectl 1.36) makes of these texts: inputs
// ours, results recorded from it.
struct Document {
  const char* yaml;
  const char* json;
};
constexpr Document kDocuments[] = {
    {"a: y\n", R"({"a":true})"},
    {"a: Y\n", R"({"a":true})"},
    {"a: yes\n", R"({"a":true})"},
    {"a: Yes\n", R"({"a":true})"},
    {"a: YES\n", R"({"a":true})"},
    {"a: yEs\n", R"({"a":"yEs"})"},
    {"a: n\n", R"({"a":false})"},
    {"a: No\n", R"({"a":false})"},
    {"a: NO\n", R"({"a":false})"},
    {"a: on\n", R"({"a":true})"},
    {"a: On\n", R"({"a":true})"},
    {"a: ON\n", R"({"a":true})"},
    {"a: off\n", R"({"a":false})"},
    {"a: OFF\n", R"({"a":false})"},
    {"a: true\n", R"({"a":true})"},
    {"a: TRUE\n", R"({"a":true})"},
    {"a: tRue\n", R"({"a":"tRue"})"},
    {"a: false\n", R"({"a":false})"},
    {"a: False\n", R"({"a":false})"},
    {"a: t\n", R"({"a":"t"})"},
    {"a: ~\n", R"({"a":null})"},
    {"a: null\n", R"({"a":null})"},
    {"a: Null\n", R"({"a":null})"},
    {"a: NULL\n", R"({"a":null})"},
    {"a: nuLL\n", R"({"a":"nuLL"})"},
    {"a: 0\n", R"({"a":0})"},
    {"a: -0\n", R"({"a":0})"},
    {"a: +7\n", R"({"a":7})"},
    {"a: 00\n", R"({"a":0})"},
    {"a: 0644\n", R"({"a":420})"},
    {"a: 0o644\n", R"({"a":420})"},
    {"a: 0O17\n", R"({"a":15})"},
    {"a: 0o8\n", R"({"a":"0o8"})"},
    {"a: 08\n", R"({"a":8})"},
    {"a: 089\n", R"({"a":89})"},
    {"a: 0x1f\n", R"({"a":31})"},
    {"a: 0X1F\n", R"({"a":31})"},
    {"a: 0x\n", R"({"a":"0x"})"},
    {"a: -0x1f\n", R"({"a":-31})"},
    {"a: 0b11\n", R"({"a":3})"},
    {"a: 0B11\n", R"({"a":3})"},
    {"a: -0b11\n", R"({"a":-3})"},
    {"a: 0b2\n", R"({"a":"0b2"})"},
    {"a: 1_000\n", R"({"a":1000})"},
    {"a: 1__0\n", R"({"a":10})"},
    {"a: 1_\n", R"({"a":1})"},
    {"a: _1\n", R"({"a":"_1"})"},
    {"a: 0_7\n", R"({"a":7})"},
    {"a: 0x_1f\n", R"({"a":31})"},
    {"a: 12:30\n", R"({"a":"12:30"})"},
    {"a: 12:30:45\n", R"({"a":"12:30:45"})"},
    {"a: 9223372036854775807\n", R"({"a":9223372036854775807})"},
    {"a: 9223372036854775808\n", R"({"a":9223372036854775808})"},
    {"a: 18446744073709551615\n", R"({"a":18446744073709551615})"},
    {"a: -9223372036854775808\n", R"({"a":-9223372036854775808})"},
    {"a: 0xffffffffffffffff\n", R"({"a":18446744073709551615})"},
    {"a: 1.0\n", R"({"a":1})"},
    {"a: 1.5\n", R"({"a":1.5})"},
    {"a: -1.5\n", R"({"a":-1.5})"},
    {"a: +1.5\n", R"({"a":1.5})"},
    {"a: 1.\n", R"({"a":1})"},
    {"a: .5\n", R"({"a":0.5})"},
    {"a: -.5\n", R"({"a":-0.5})"},
    {"a: .\n", R"({"a":"."})"},
    {"a: ..\n", R"({"a":".."})"},
    {"a: .e1\n", R"({"a":".e1"})"},
    {"a: .5e1\n", R"({"a":5})"},
    {"a: 1e3\n", R"({"a":1000})"},
    {"a: 1E3\n", R"({"a":1000})"},
    {"a: 1e+3\n", R"({"a":1000})"},
    {"a: 1e-3\n", R"({"a":0.001})"},
    {"a: 1e400\n", R"({"a":"1e400"})"},
    {"a: 1e-400\n", R"({"a":0})"},
    {"a: 1e\n", R"({"a":"1e"})"},
    {"a: 1.2.3\n", R"({"a":"1.2.3"})"},
    {"a: 1_000.5\n", R"({"a":1000.5})"},
    {"a: .5_0\n", R"({"a":0.5})"},
    {"a: 0.1\n", R"({"a":0.1})"},
    {"a: 1e18\n", R"({"a":1000000000000000000})"},
    {"a: 1e20\n", R"({"a":100000000000000000000})"},
    {"a: 123456789012345678.0\n", R"({"a":123456789012345680})"},
    {"a: -0.0\n", R"({"a":-0})"},
    {"a: 0x1p-2\n", R"({"a":"0x1p-2"})"},
    {"a: 4e-7\n", R"({"a":4e-7})"},
    {"a: .iNf\n", R"({"a":".iNf"})"},
    {"a: nan\n", R"({"a":"nan"})"},
    {"a: Infinity\n", R"({"a":"Infinity"})"},
    {"a: 2001-01-01\n", R"({"a":"2001-01-01"})"},
    {"a: 2001-12-14t21:59:43.10-05:00\n", R"({"a":"2001-12-14t21:59:43.10-05:00"})"},
    {"a: 1h30m\n", R"({"a":"1h30m"})"},
    {"a: 60s\n", R"({"a":"60s"})"},
    {"a: 100m\n", R"({"a":"100m"})"},
    {"a: 1Gi\n", R"({"a":"1Gi"})"},
    {"a: 1e3Mi\n", R"({"a":"1e3Mi"})"},
    {"a: +\n", R"({"a":"+"})"},
    {"a: +-\n", R"({"a":"+-"})"},
    {"a: <<\n", R"({"a":"<<"})"},
    {"a: \"yes\"\n", R"({"a":"yes"})"},
    {"a: 'no'\n", R"({"a":"no"})"},
    {"a: \"1\"\n", R"({"a":"1"})"},
    {"a: \"~\"\n", R"({"a":"~"})"},
    {"a: \"\"\n", R"({"a":""})"},
    {"a:\n", R"({"a":null})"},
    {"a: # c\n", R"({"a":null})"},
    {"a: !!str 12\n", R"({"a":"12"})"},
    {"a: !!str yes\n", R"({"a":"yes"})"},
    {"a: !!int \"12\"\n", R"({"a":12})"},
    {"a: !!float 1\n", R"({"a":1})"},
    {"a: !!float \"1.5\"\n", R"({"a":1.5})"},
    {"a: !!bool yes\n", R"({"a":true})"},
    {"a: !!bool \"no\"\n", R"({"a":false})"},
    {"a: !!null \"\"\n", R"({"a":null})"},
    {"a: !!timestamp 2001-01-01\n", R"({"a":"2001-01-01"})"},
    {"a: !foo 5\n", R"({"a":"5"})"},
    {"a: ! 5\n", R"({"a":"5"})"},
    {"a: !!binary aGVsbG8=\n", R"({"a":"hello"})"},
    {"a: !!str\n", R"({"a":""})"},
    {"a: !!set {b, c}\n", R"({"a":{"b":null,"c":null}})"},
    {"x: &a {b: 1, c: 2}\ny: {<<: *a, c: 3}\n", R"({"true":{"b":1,"c":3},"x":{"b":1,"c":2}})"},
    {"x: &a {b: 1, c: 2}\ny: {c: 3, <<: *a}\n", R"({"true":{"b":1,"c":2},"x":{"b":1,"c":2}})"},
    {"x: &a {b: 1}\ny: &b {b: 2, d: 4}\nz: {<<: [*a, *b], q: 1}\n",
     R"({"true":{"b":2,"d":4},"x":{"b":1},"z":{"b":1,"d":4,"q":1}})"},
    {"z: {<<: {b: 1}, q: 1}\n", R"({"z":{"b":1,"q":1}})"},
    {"z: {\"<<\": {b: 1}}\n", R"({"z":{"<<":{"b":1}}})"},
    {"z: {!!merge <<: {b: 1}}\n", R"({"z":{"b":1}})"},
    {"x: &a 5\n*a : 7\n", R"({"5":7,"x":5})"},
    {"x: &a yes\ny: *a\n", R"({"true":true,"x":true})"},
    {"a: &x\nc: *x\n", R"({"a":null,"c":null})"},
    {"- &x a\n- *x\n", R"(["a","a"])"},
    {"? a\n: b\n", R"({"a":"b"})"},
    {"{a: b, c}\n", R"({"a":"b","c":null})"},
    {"[a: b]\n", R"([{"a":"b"}])"},
    {"- - a\n  - b\n- c\n", R"([["a","b"],"c"])"},
    {"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
    {"a: |-\n  x\n  y\n", R"({"a":"x\ny"})"},
    {"a: |+\n  x\n\n", R"({"a":"x\n\n"})"},
    {"a: >\n  x\n  y\n\n  z\n", R"({"a":"x y\nz\n"})"},
    {"a: >-\n  x\n  y\n", R"({"a":"x y"})"},
    {"a: >+\n  x\n\n\nb: 1\n", R"({"a":"x\n\n\n","b":1})"},
    {"a: |2\n   x\n", R"({"a":" x\n"})"},
    {"a: \"x\\ty\\u00e9\\x41\\U0001F600\"\n", R"({"a":"x\ty\u00e9A\ud83d\ude00"})"},
    {"a: \"\\N\\_\\L\\P\\e\\0\"\n", R"({"a":"\u0085\u00a0\u2028\u2029\u001b\u0000"})"},
    {"a: \"x\\\n  y\"\n", R"({"a":"xy"})"},
    {"a: 'it''s'\n", R"({"a":"it's"})"},
    {"a: x # c\n", R"({"a":"x"})"},
    {"a: x#c\n", R"({"a":"x#c"})"},
    {"a: http://x:80/y\n", R"({"a":"http://x:80/y"})"},
    {"a:b\n", R"("a:b")"},
    {"a:\n- b\n- c\n", R"({"a":["b","c"]})"},
    {"a: x\n  y\n  z\n", R"({"a":"x y z"})"},
    {"a: \"x\n  y\n\n  z\"\n", R"({"a":"x y\nz"})"},
    {"%YAML 1.1\n---\na: yes\n", R"({"a":true})"},
    {"---\na: 1\n...\n", R"({"a":1})"},
    {"a: !<tag:yaml.org,2002:str> 5\n", R"({"a":"5"})"},
    {"\"a\": 1\n\"b\" : 2\n", R"({"a":1,"b":2})"},
    {"{\"a\":1,\"b\":[true,null,1.0,1e3]}\n", R"({"a":1,"b":[true,null,1,1000]})"},
    {"true: 1\n1: 2\n1.5: 3\nno: 4\n", R"({"1":2,"1.5":3,"false":4,"true":1})"},
    {"1e6: a\n", R"({"1e+06":"a"})"},
    {"123456.7: a\n", R"({"123456.7":"a"})"},
    {"0.00001: a\n", R"({"1e-05":"a"})"},
    {"0644: a\n", R"({"420":"a"})"},
    {"\xc3\xa9: \xc3\xbc\n", R"({"\u00e9":"\u00fc"})"},
    {"\xef\xbb\xbf"
     "a: 1\n",
     R"({"a":1})"},
    {"a: x\r\nb: y\r\n", R"({"a":"x","b":true})"},
    {"a: {b: 1,}\n", R"({"a":{"b":1}})"},
    {"- a: 1\n  b: 2\n- c: 3\n", R"([{"a":1,"b":2},{"c":3}])"},
    {"a: :b\n", R"({"a":":b"})"},
    {"a: -b\n", R"({"a":"-b"})"},
    {"key with spaces: v\n", R"({"key with spaces":"v"})"},
};

TEST(Yaml, MeansWhatItMeansToKubectl) {
  for (const Document& vector : kDocuments) {
    const absl::StatusOr<Json> value = ParseYaml(vector.yaml);
    ASSERT_TRUE(value.ok()) << vector.yaml << value.status();
    EXPECT_EQ(value->dump(), Json::parse(vector.json).dump()) << vector.yaml;
  }
}

TEST(Yaml, IsStricterThanKubectlWhereThatHidesMistakes) {
  // kubectl takes the last of two equal keys, and drops what follows a document that ends early.
  EXPECT_EQ(ErrorOf("a: 1\nb: 2\na: 3\n"),
            "line 3, column 1: the key \"a\" is twice in the same map");
  EXPECT_THAT(ErrorOf(" a: 1\nb: 2\n"),
              StartsWith("line 2, column 1: this belongs to nothing above"));
  EXPECT_THAT(ErrorOf("- a\nb\n"), StartsWith("line 2, column 1: "));
}

TEST(Yaml, RefusesWhatKubectlRefuses) {
  EXPECT_THAT(ErrorOf("a: .inf\n"),
              AllOf(StartsWith("line 1, column 4: .inf"), HasSubstr("quote")));
  EXPECT_THAT(ErrorOf("a: -.INF\n"), HasSubstr("-.INF"));
  EXPECT_THAT(ErrorOf("a: .nan\n"), HasSubstr(".nan"));
  EXPECT_THAT(ErrorOf("~: 1\n"), HasSubstr("a map key is missing"));
  EXPECT_THAT(ErrorOf("[a]: 1\n"), HasSubstr("map key"));
  EXPECT_THAT(ErrorOf("? {a: b}\n: 1\n"), HasSubstr("map key"));
  EXPECT_THAT(ErrorOf("a: !!int x\n"), HasSubstr("\"x\" does not fit its tag !!int"));
  EXPECT_THAT(ErrorOf("a: !!int 1.0\n"), HasSubstr("!!int"));
  EXPECT_THAT(ErrorOf("a: !!bool 1\n"), HasSubstr("!!bool"));
  EXPECT_THAT(ErrorOf("a: !!null x\n"), HasSubstr("!!null"));
  EXPECT_THAT(ErrorOf("a: !!binary '=x='\n"), HasSubstr("!!binary"));
  EXPECT_THAT(ErrorOf("a: !!binary /w==\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(ErrorOf("z: {<<: 5}\n"), HasSubstr("<< takes a map"));
  EXPECT_THAT(ErrorOf("x: &a [1]\nz: {<<: *a}\n"), HasSubstr("<< takes a map"));
  EXPECT_THAT(ErrorOf("x: *a\n"), HasSubstr("anchor"));
  EXPECT_THAT(ErrorOf("x: &a [*a]\n"), HasSubstr("inside what it stands for"));
  EXPECT_THAT(ErrorOf("a: b: c\n"), HasSubstr("colon"));
  EXPECT_THAT(ErrorOf("a: [1, 2\n"), HasSubstr("["));
  EXPECT_THAT(ErrorOf("a: @x\n"), HasSubstr("quote"));
  EXPECT_THAT(ErrorOf("a: {{ x }}\n"), HasSubstr("map key"));
  EXPECT_THAT(ErrorOf(std::string("a: \x01\n")), HasSubstr("control character"));
  EXPECT_THAT(ErrorOf("a: \xff\n"), HasSubstr("not UTF-8"));
}

// yaml-cpp 0.7 leaves the comma where it is and makes one empty document after the other of it.
TEST(Yaml, EndsAtACommaOutsideOfBrackets) {
  constexpr char kNoValue[] = "a character that no value can begin with; quote the value";
  EXPECT_EQ(ErrorOf(","), absl::StrCat("line 1, column 1: ", kNoValue));
  EXPECT_EQ(ErrorOf("a\n...\n ,"), absl::StrCat("line 3, column 2: ", kNoValue));
  for (const char* text : {"a\n... # end\n,", "---\na\n...\t\n# b\n,\n", "...\n,b"})
    EXPECT_THAT(ErrorOf(text), AllOf(StartsWith("line "), EndsWith(kNoValue))) << text;
  // "...," ends no document.
  EXPECT_THAT(ErrorOf("\n...,\n#\n\n,"), HasSubstr("this belongs to nothing above"));
  EXPECT_EQ(ParseYamlDocuments("a\n...\nb\n... \n")->size(), 2U);
  EXPECT_EQ(ErrorOf("a\n...\n]\n"), "line 3, column 1: a closing bracket that nothing has opened");
}

// Each of these is accepted by yaml-cpp 0.7 and gives something else than what was written.
TEST(Yaml, RefusesWhatItsParserOverlooks) {
  EXPECT_EQ(ErrorOf("a: \"x\n"), "line 1, column 4: this quote is not closed");
  EXPECT_EQ(ErrorOf("b: 1\na: !!str &y 'x\n"), "line 2, column 13: this quote is not closed");
  EXPECT_THAT(ErrorOf("a: 'it''s\n"), HasSubstr("not closed"));
  EXPECT_EQ(ErrorOf("a: [1,,2]\n"), "line 1, column 7: a list item is missing before this comma");
  EXPECT_EQ(ErrorOf("name: x\nimage:nginx\n"),
            "line 2, column 1: a colon, or the space after it, is missing in this line");
  EXPECT_EQ(ParseYaml("a: \"x\" # \"\n").value(), Json({{"a", "x"}}));
  EXPECT_EQ(ParseYaml("? a\n").value(), Json({{"a", nullptr}}));
}

TEST(Yaml, ErrorsCountLinesAndCharacters) {
  EXPECT_THAT(ErrorOf("\xC3\xA9\xC3\xA9: .nan\n"), StartsWith("line 1, column 5: "));
  EXPECT_THAT(ErrorOf("a: 1\nb:\n  - c: \"x\" y\n"), StartsWith("line 3, "));
}

TEST(Yaml, TabsAreNamed) {
  EXPECT_EQ(ErrorOf("a:\n\tb: 1\n"), "line 2 is indented with a tab; YAML takes only spaces");
  EXPECT_EQ(ErrorOf("a:\n  b: 1\n\tc: 2\n"),
            "line 3 is indented with a tab; YAML takes only spaces");
  // The tab need not be to blame.
  EXPECT_THAT(ErrorOf("a: |\n  make:\n  \trun\nb: [1\n"),
              AllOf(HasSubstr("["), HasSubstr("Line 3 is indented with a tab")));
  EXPECT_THAT(ErrorOf("a: [1\n"), Not(HasSubstr("tab")));
}

TEST(Yaml, OneDocumentIsExpected) {
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 2\n---\n# nothing\n---\nc: 3\n"),
              AllOf(HasSubstr("3 documents"), HasSubstr("manifest_decode_multi")));
  EXPECT_THAT(ErrorOf(""), HasSubstr("no document"));
  EXPECT_THAT(ErrorOf("# only this\n"), HasSubstr("no document"));
  EXPECT_THAT(ErrorOf("---\n~\n"), HasSubstr("no document"));
  EXPECT_EQ(ParseYaml("---\n# head\n---\na: 1\n...\n").value(), Json({{"a", 1}}));
}

TEST(Yaml, DocumentsComeInOrderWithoutEmptyOnes) {
  const auto documents =
      ParseYamlDocuments("---\n# c\n---\na: 1\n--- # d\n{\"b\": 2}\n...\nc: 3\n---\n");
  ASSERT_TRUE(documents.ok()) << documents.status();
  EXPECT_EQ(*documents, (std::vector<Json>{{{"a", 1}}, {{"b", 2}}, {{"c", 3}}}));
  EXPECT_THAT(std::string(ParseYamlDocuments("a: 1\n---\nb: [\n").status().message()),
              StartsWith("line 4, "));
  EXPECT_TRUE(ParseYamlDocuments("").value().empty());
}

TEST(Yaml, AnchorsBelongToTheirDocument) {
  EXPECT_THAT(std::string(ParseYamlDocuments("a: &x 1\n---\nb: *x\n").status().message()),
              HasSubstr("anchor"));
}

TEST(Json, IsReadAsKubectlPassesItOn) {
  EXPECT_EQ(ParseYaml(R"( {"a": 1.0, "b": 18446744073709551615, "c": -1, "d": 1e3, "e": 0.5} )")
                .value()
                .dump(),
            R"({"a":1,"b":18446744073709551615,"c":-1,"d":1000,"e":0.5})");
  // Escapes that YAML does not have.
  EXPECT_EQ(ParseYaml(R"({"a":"\ud83d\ude00\/"})").value()["a"], "\xF0\x9F\x98\x80/");
  // Words that are text because they are quoted.
  EXPECT_EQ(ParseYaml(R"({"a":"yes","b":"0644"})").value().dump(), R"({"a":"yes","b":"0644"})");
}

TEST(Json, FlowYamlIsNoJson) {
  EXPECT_EQ(ParseYaml("{a: yes, b: [0644,]} # c\n").value().dump(), R"({"a":true,"b":[420]})");
}

TEST(Json, ErrorsComeFromTheParserThatFits) {
  EXPECT_EQ(ErrorOf("{\"a\": 1,\n \"b\" 2}"),
            "line 2, column 6: syntax error while parsing object separator - unexpected number "
            "literal; expected "
            "':'");
  EXPECT_THAT(ErrorOf("{a: [}\n"), Not(HasSubstr("syntax error")));
}

TEST(Json, DuplicateKeysAreRefusedWithTheirPlace) {
  EXPECT_EQ(ErrorOf(R"({"spec":{"list":[{},{"a":1,"a":2}]}})"),
            "the key \"a\" is twice in the same map, at spec.list[1]");
  EXPECT_EQ(ErrorOf(R"({"a":1,"a":2})"), "the key \"a\" is twice in the same map");
}

TEST(Yaml, NestingIsBounded) {
  EXPECT_TRUE(ParseYaml(Nested("[", 512, "]")).ok());
  EXPECT_THAT(ErrorOf(Nested("[", 513, "]")), HasSubstr("deeper than 512"));
  EXPECT_TRUE(ParseYaml("a: " + Nested("[", 480, "]")).ok());
  EXPECT_THAT(ErrorOf("a: " + Nested("[", 100'000, "]")), HasSubstr("deeper than 490"));
  EXPECT_THAT(ErrorOf("a: " + Nested("{b: ", 10'000, "}")), HasSubstr("deeper than 490"));
  EXPECT_THAT(ErrorOf(Nested("- ", 10'000, "")), HasSubstr("deeper than 490"));
  EXPECT_THAT(ErrorOf(Nested("? ", 10'000, "")), Not(HasSubstr("read as")));
  EXPECT_THAT(ErrorOf(Nested("[", 1'000'000, "")), Not(HasSubstr("read as")));
  std::string stairs;
  for (int i = 0; i < 600; ++i) stairs += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(ErrorOf(stairs), HasSubstr("deeper than 490"));
}

TEST(Yaml, AliasBombsAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 0; n < 8; ++n) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("blow this document up"));
  // A megabyte of text a hundred times.
  std::string wide = "a: &a " + std::string(1 << 20, 'x') + "\nb:\n";
  for (int i = 0; i < 100; ++i) wide += "- *a\n";
  EXPECT_THAT(ErrorOf(wide), HasSubstr("blow this document up"));
  // Ordinary use is far from that.
  std::string plain = "base: &base {a: 1, b: [1, 2, 3]}\nall:\n";
  for (int i = 0; i < 5000; ++i) plain += "- {<<: *base, n: " + std::to_string(i) + "}\n";
  EXPECT_TRUE(ParseYaml(plain).ok());
}

TEST(EmitYaml, ReadsAsAPersonWouldWriteIt) {
  const Json object = Json::parse(R"({
    "spec": {"replicas": 2, "paused": false, "selector": {}, "template": {"spec": {"containers": [
      {"name": "app", "image": "nginx:1.27", "args": ["--a", "-b"], "command": []},
      {"name": "side", "env": [{"name": "A", "value": "1"}]}]}}},
    "metadata": {"name": "web", "annotations": {"x/y": "a\nb\n", "z": "p\n q"}},
    "kind": "Deployment", "apiVersion": "apps/v1"})");
  EXPECT_EQ(EmitYaml(object), R"(apiVersion: apps/v1
kind: Deployment
metadata:
  annotations:
    x/y: |
      a
      b
    z: |-
      p
       q
  name: web
spec:
  paused: false
  replicas: 2
  selector: {}
  template:
    spec:
      containers:
      - args:
        - "--a"
        - "-b"
        command: []
        image: nginx:1.27
        name: app
      - env:
        - name: A
          value: "1"
        name: side
)");
}

TEST(EmitYaml, QuotesWhatSomeReaderWouldTakeForSomethingElse) {
  for (const char* text : {"yes",
                           "No",
                           "ON",
                           "y",
                           "n",
                           "true",
                           "null",
                           "~",
                           "",
                           " ",
                           "a ",
                           " a",
                           "1",
                           "1.5",
                           "0644",
                           "0x1f",
                           "1e3",
                           ".5",
                           ".inf",
                           "-",
                           "- a",
                           "a: b",
                           "a:",
                           "a #b",
                           "#a",
                           "@a",
                           "`a",
                           "%a",
                           "&a",
                           "*a",
                           "!a",
                           "|",
                           ">",
                           "?",
                           "{a",
                           "[a",
                           "a, b",
                           "'a",
                           "\"a",
                           "2001-01-01",
                           "12:30",
                           "1_000",
                           "<<",
                           "=",
                           "\t",
                           "a\tb",
                           "\x7f",
                           "\xC2\x85",
                           "\xE2\x80\xA8",
                           "\xEF\xBB\xBF",
                           "a\rb",
                           "---",
                           "...",
                           "nan",
                           "1.2.3"}) {
    const std::string yaml = EmitYaml(Json({{"k", text}}));
    EXPECT_THAT(yaml, StartsWith("k: \"")) << text;
    EXPECT_EQ(ParseYaml(yaml).value()["k"], text);
  }
  for (const char* text : {"a", "nginx:1.27", "/bin/sh", "a b", "a#b", "it's", "http://x:80/y?z=1",
                           "v1", "1Gi", "a-b", "\xC3\xA9t\xC3\xA9", "$(X)", "_a", "yesterday"}) {
    EXPECT_EQ(EmitYaml(Json({{"k", text}})), std::string("k: ") + text + "\n");
  }
}

TEST(EmitYaml, ReadsBackAsTheSame) {
  for (
      const char* text : {
          R"(null)",
          R"(1)",
          R"("x")",
          R"([])",
          R"({})",
          R"("a\nb\n")",
          R"([[1,[2,[]]],[{}]])",
          R"({"a":"x\n\n","b":"\n","c":"\nx","d":" x\ny","e":"x\n \ny","f":"x\n\ty","g":"x\ny\n\n\n","h":"\r\n"})",
          R"([{"a":{"b":[{"c":"d\ne"},"f\ng\n"]}},["h\ni"],"--- x\ny"])",
          R"({"":1,"yes":2,"1":3,"a: b":4,"#":5,"-":6,"{":7,"é":8,"\u0001":9,"<<":10})",
          R"([0,-1,1.5,1e300,18446744073709551615,-9223372036854775808,true,false,null,0.1])",
          R"({"k":"\u0000\u001f\u007f\u0080\u2028\ufeff\uffff😀","s":"trailing \nspaces \n"})",
      }) {
    const Json value = Json::parse(text);
    const std::string yaml = EmitYaml(value);
    const auto back = ParseYamlDocuments(yaml);
    ASSERT_TRUE(back.ok()) << yaml << back.status();
    EXPECT_EQ(back->empty() ? Json() : back->at(0), value) << yaml;
  }
}

TEST(EmitYaml, LongKeysAndDeepValuesReadBack) {
  Json deep = 1;
  for (int i = 0; i < 400; ++i) deep = i % 2 == 0 ? Json::array({deep}) : Json{{"a", deep}};
  const Json value = {
      {std::string(3000, 'k'), {{"x", 1}}}, {std::string(600, 'l'), "m\nn"}, {"deep", deep}};
  EXPECT_EQ(ParseYaml(EmitYaml(value)).value(), value);
}

TEST(EmitYaml, WhatJsonCannotHoldIsReplaced) {
  EXPECT_EQ(EmitYaml(Json({{"k", "a\xff"}})), "k: \"a\xEF\xBF\xBD\"\n");
  EXPECT_EQ(EmitYaml(Json({{"k", std::nan("")}})), "k: null\n");
}

}  // namespace
}  // namespace charon::kubernetes
