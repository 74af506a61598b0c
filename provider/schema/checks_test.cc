#include "provider/schema/checks.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/schemas.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Repeat(char letter, std::size_t count) { return std::string(count, letter); }

struct TextCase {
  Check check;
  std::vector<std::string> good, bad;
  std::string message;  // part of each error
};

TEST(Checks, OfTexts) {
  const std::string label63 = Repeat('a', 63), label64 = Repeat('a', 64);
  const TextCase table[] = {
      {LengthBetween(1, 3), {"a", "abc"}, {"", "abcd"}, "must have 1 to 3 characters, not "},
      {OneOf({"TCP", "UDP"}), {"TCP", "UDP"}, {"tcp", ""}, "must be one of \"TCP\", \"UDP\", not "},
      {DnsLabel(),
       {"a", "a-b", "0a", label63},
       {"", "-a", "a-", "A", "a.b", "ä", label64},
       "is no DNS label"},
      {DnsSubdomain(),
       {"a", "a.b-c.d", label64, absl::StrCat(Repeat('a', 126), ".", Repeat('b', 126))},
       {"", ".", "a.", ".a", "a..b", "a_b", "A.b", Repeat('a', 254), absl::StrCat(label64, "_"),
        absl::StrCat(label63, "-.a")},
       "is no DNS subdomain"},
      {LabelValue(),
       {"", "a", "A_b.c-9", label63},
       {"-a", "a-", "a b", "a/b", label64},
       "is no label value"},
      {LabelKey(),
       {"a", "A_b", "example.com/a", "a.b/c_d"},
       {"", "/a", "a/", "a/b/c", "Ex.com/a", "a b", absl::StrCat("x/", label64)},
       "is no label or annotation key"},
      {NonNegativeDuration(), {"0s", "0", "30s", "1h30m"}, {"-1s", "5", "7d", "", "inf"}, ""},
      {PositiveDuration(), {"30s", "1h30m", "1.5h", "1ms"}, {"0s", "-1s", "30", "7d", "", "s"}, ""},
  };
  for (const TextCase& row : table) {
    for (const std::string& text : row.good) {
      EXPECT_THAT(row.check.run(Value::String(text)), IsOk()) << row.check.text << ": " << text;
    }
    for (const std::string& text : row.bad) {
      EXPECT_THAT(row.check.run(Value::String(text)),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.message)))
          << row.check.text << ": " << text;
    }
  }
}

TEST(Checks, SayHowLongATextIsWhereThatIsTheProblem) {
  EXPECT_THAT(DnsLabel().run(Value::String(Repeat('a', 70))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("it has 70 characters, 63 is the most")));
}

TEST(Checks, OfNumbers) {
  const Check check = Between(1, 65535);
  for (const char* good : {"1", "80.5", "65535"}) {
    EXPECT_THAT(check.run(Value::Of(*Number::Parse(good))), IsOk()) << good;
  }
  for (const char* bad : {"0", "65535.5", "-1", "1e30"}) {
    EXPECT_THAT(check.run(Value::Of(*Number::Parse(bad))),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("must lie between 1 and 65535, not ")))
        << bad;
  }
}

TEST(Checks, OfElementsNameEachElementThatDoesNotFit) {
  const auto misfits = [](const Check& check, const Type& type, absl::string_view json) {
    return Misfits(check, ValueForTest(type, json));
  };
  const Check check = EachElement(DnsLabel());
  const Type list = Type::List(Type::String()), map = Type::Map(Type::String());
  EXPECT_THAT(misfits(check, list, R"(["a", "<unknown>", null])"), IsEmpty());
  EXPECT_THAT(misfits(check, list, R"(["B", "a", "C"])"),
              ElementsAre(StatusIsAt("[0]"), StatusIsAt("[2]")));
  EXPECT_THAT(misfits(check, map, R"({"k": "A", "l": "a", "m": "B"})"),
              ElementsAre(StatusIsAt("[\"k\"]"), StatusIsAt("[\"m\"]")));
  const Check keys = EachKey(LabelKey());
  EXPECT_THAT(misfits(keys, map, R"({"a/b": "-"})"), IsEmpty());
  EXPECT_THAT(misfits(keys, map, R"({"a/b": "", "a b": "", "c d": ""})"),
              ElementsAre(StatusIsAt("[\"a b\"]"), StatusIsAt("[\"c d\"]")));
  EXPECT_THAT(misfits(EachElement(check), Type::Map(list), R"({"k": ["a", "B"], "l": ["C"]})"),
              ElementsAre(StatusIsAt("[\"k\"][1]"), StatusIsAt("[\"l\"][0]")));
}

TEST(Checks, HaveTextsForTheDocumentation) {
  const std::pair<Check, std::string> table[] = {
      {LengthBetween(1, 3), "has 1 to 3 characters"},
      {Between(1, 9), "lies between 1 and 9"},
      {OneOf({"a", "b"}), "is one of \"a\", \"b\""},
      {DnsLabel(), "is a DNS label (RFC 1123)"},
      {EachElement(OneOf({"a"})), "each is one of \"a\""},
      {EachKey(DnsLabel()), "each key is a DNS label (RFC 1123)"},
      {TextRule("is a cron expression", [](absl::string_view) { return absl::OkStatus(); }),
       "is a cron expression"},
  };
  for (const auto& [check, text] : table) EXPECT_EQ(check.text, text);
}

struct RuleCase {
  ObjectRule rule;
  std::string object;
  bool ok;
};

TEST(Rules, OverSeveralAttributes) {
  const ObjectSchema schema =
      SchemaForTest({Row("a", Optional), Row("b", Optional), Row("c", Optional)});
  const ObjectRule exactly = ExactlyOneOf({"a", "b"}), most = AtMostOneOf({"a", "b"}),
                   together = RequiredTogether({"a", "b"}), needs = Needs("a", "b"),
                   not_with = NotWith("a", "b", "no");
  const RuleCase table[] = {
      {exactly, R"({"a": "x"})", true},
      {exactly, R"({"a": "", "c": "x"})", true},
      {exactly, "{}", false},
      {exactly, R"({"c": "x"})", false},
      {exactly, R"({"a": "x", "b": "y"})", false},
      {exactly, R"({"a": "<unknown>"})", true},            // may turn out set
      {exactly, R"({"a": "<unknown>", "b": "y"})", true},  // may turn out null
      {most, "{}", true},
      {most, R"({"a": "x"})", true},
      {most, R"({"a": "x", "b": "<unknown>"})", true},
      {most, R"({"a": "x", "b": "y"})", false},
      {together, "{}", true},
      {together, R"({"a": "x", "b": "y"})", true},
      {together, R"({"a": "x"})", false},
      {together, R"({"a": "x", "b": "<unknown>"})", true},
      {together, R"({"b": "<unknown>"})", true},
      {needs, "{}", true},
      {needs, R"({"b": "y"})", true},
      {needs, R"({"a": "x"})", false},
      {needs, R"({"a": "<unknown>"})", true},
      {needs, R"({"a": "x", "b": "<unknown>"})", true},
      {needs, R"({"a": "x", "b": "y"})", true},
      {not_with, R"({"a": "x"})", true},
      {not_with, R"({"b": "no"})", true},
      {not_with, R"({"a": "x", "b": "yes"})", true},
      {not_with, R"({"a": "x", "b": "<unknown>"})", true},
      {not_with, R"({"a": "x", "b": "no"})", false},
      {not_with, R"({"a": "<unknown>", "b": "no"})", true},  // may turn out null
  };
  for (const RuleCase& row : table) {
    EXPECT_EQ(row.rule.run(ObjectForTest(schema, row.object)).ok(), row.ok)
        << row.rule.text << " " << row.object;
  }
  EXPECT_EQ(exactly.text, "Exactly one of \"a\", \"b\" must be set.");
  EXPECT_THAT(needs.run(ObjectForTest(schema, R"({"a": "x"})")), StatusIsAt("a"));
}

}  // namespace
}  // namespace charon
