#include "provider/functions/functions.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::functions {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Value Number(const char* text) { return Value::Of(*charon::Number::Parse(text)); }

Value Manifest(const char* number) {
  return Value::Dynamic(
      Type::Dynamic(),
      Value::Of(Value::Mapping{{"spec", Value::Of(Value::Mapping{{"c", Number(number)}})}}));
}

TEST(ManifestEncode, KeepsEveryDigitOrSaysSo) {
  EXPECT_EQ(*ManifestEncode(Manifest("9223372036854775807")), "spec:\n  c: 9223372036854775807\n");
  EXPECT_EQ(*ManifestEncode(Manifest("-9223372036854775808")),
            "spec:\n  c: -9223372036854775808\n");
  EXPECT_EQ(*ManifestEncode(Manifest("0.1")), "spec:\n  c: 0.1\n");
  for (const char* number : {"1e400", "9223372036854775808", "18446744073709551615",
                             "184467440737095516150", "-9223372036854775809"}) {
    EXPECT_THAT(std::string(ManifestEncode(Manifest(number)).status().message()),
                AllOf(HasSubstr("spec"), HasSubstr("64 bits"), HasSubstr("text")))
        << number;
  }
}

// What is none would fail in the resource that gets it, far from where it was written.
TEST(Manifests, AreObjects) {
  for (const char* text : {"[1, 2]", "x", "1", "true"}) {
    EXPECT_THAT(std::string(ManifestDecode(text).status().message()), HasSubstr("and no object"))
        << text;
  }
  EXPECT_THAT(std::string(ManifestDecodeMulti("kind: A\n---\n- 1\n").status().message()),
              HasSubstr("document 2 is a list, and no object"));
  const Type dynamic = Type::Dynamic();
  for (const Value& value : {Value::String("x"), Value::Bool(true), Value::Null()}) {
    EXPECT_THAT(std::string(ManifestEncode(Value::Dynamic(dynamic, value)).status().message()),
                HasSubstr("and no object"));
  }
  EXPECT_THAT(
      std::string(ManifestEncode(Value::Dynamic(dynamic, Value::Of(Value::Sequence{Value::Null()})))
                      .status()
                      .message()),
      HasSubstr("[0] is null, and no object"));
}

TEST(ManifestDecodeMulti, AKindThatIsNoTextIsNoList) {
  EXPECT_TRUE(ManifestDecodeMulti("kind: 5\nitems: []").ok());
  EXPECT_TRUE(ManifestDecodeMulti("kind: [List]\nitems: [1]").ok());
}

}  // namespace
}  // namespace charon::functions
