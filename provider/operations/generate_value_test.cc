#include "provider/operations/generate_value.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"

namespace charon::operations {
namespace {

using ::testing::MatchesRegex;
using ::testing::SizeIs;

std::string Value(const char* kind, std::int64_t length = 32) {
  const auto value = GenerateValue(kind, length);
  EXPECT_THAT(value, IsOk());
  return value.value_or("");
}

TEST(GenerateValue, EachKindHasItsLengthAndItsCharacters) {
  for (const std::int64_t length : {1, 16, 33, 4096}) {
    const auto size = static_cast<std::size_t>(length);
    EXPECT_THAT(Value("alphanumeric", length), AllOf(SizeIs(size), MatchesRegex("[A-Za-z0-9]*")));
    EXPECT_THAT(Value("password", length), AllOf(SizeIs(size), MatchesRegex("[-A-Za-z0-9_.~!*]*")));
    EXPECT_THAT(Value("hex", length), AllOf(SizeIs(size), MatchesRegex("[0-9a-f]*")));
    std::string bytes;
    ASSERT_TRUE(absl::Base64Unescape(Value("base64", length), &bytes));
    EXPECT_THAT(bytes, SizeIs(size));
  }
}

TEST(GenerateValue, UuidsAreOfVersionFour) {
  // RFC 9562, 5.4: version 4, variant 10 in binary.
  EXPECT_THAT(Value("uuid"),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

// 62 characters out of the 256 values of a byte: the remainder would favour the first eight.
TEST(GenerateValue, NoCharacterIsLikelierThanAnother) {
  constexpr int kEach = 4000;
  std::map<char, int> counts;
  for (const char c : Value("alphanumeric", 62 * kEach)) ++counts[c];
  ASSERT_THAT(counts, SizeIs(62u));
  // Six standard deviations; with the remainder the first eight would have 4,844 instead of 4,000.
  for (const auto& [character, count] : counts) EXPECT_NEAR(count, kEach, 380) << character;
}

TEST(GenerateValue, NoneComesTwice) {
  std::set<std::string> values;
  for (int i = 0; i < 1000; ++i) values.insert(Value("hex", 16));
  EXPECT_THAT(values, SizeIs(1000u));
}

TEST(GenerateValue, OtherKindsAreRefused) {
  EXPECT_THAT(GenerateValue("words", 8), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace charon::operations
