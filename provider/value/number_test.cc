#include "provider/value/number.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon {
namespace {

constexpr std::int64_t kMinInt64 = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMaxUint64 = std::numeric_limits<std::uint64_t>::max();

Number Parsed(absl::string_view text) {
  const absl::StatusOr<Number> number = Number::Parse(text);
  EXPECT_TRUE(number.ok()) << text << ": " << number.status();
  return number.value_or(Number(-99999));
}

struct TextCase {
  std::string text;
  std::string canonical;
  bool is_integer;
};

class NumberText : public ::testing::TestWithParam<TextCase> {};

TEST_P(NumberText, HasOneCanonicalForm) {
  const Number number = Parsed(GetParam().text);
  EXPECT_EQ(number.ToString(), GetParam().canonical);
  EXPECT_EQ(number.IsInteger(), GetParam().is_integer);
  EXPECT_EQ(Parsed(number.ToString()), number);
}

INSTANTIATE_TEST_SUITE_P(
    Edges, NumberText,
    ::testing::Values(TextCase{"0", "0", true}, TextCase{"-0", "0", true},
                      TextCase{"+0.000", "0", true}, TextCase{"0e99999999999999999999", "0", true},
                      TextCase{"1e3", "1000", true}, TextCase{"1000", "1000", true},
                      TextCase{"1.000e+3", "1000", true}, TextCase{"0.10", "0.1", false},
                      TextCase{"1E-1", "0.1", false}, TextCase{".5", "0.5", false},
                      TextCase{"5.", "5", true}, TextCase{"007", "7", true},
                      TextCase{"-12.50", "-12.5", false}, TextCase{"120.5", "120.5", false},
                      TextCase{"0.00120", "0.0012", false},
                      TextCase{"18446744073709551615", "18446744073709551615", true},
                      TextCase{"-9223372036854775808", "-9223372036854775808", true},
                      TextCase{"1234567890123456789012345678901234567890",
                               "1234567890123456789012345678901234567890", true},
                      TextCase{"-9999999999999999999999999999999999999999.5",
                               "-9999999999999999999999999999999999999999.5", false},
                      TextCase{"1e400", absl::StrCat("1", std::string(400, '0')), true},
                      TextCase{"5e-324", absl::StrCat("0.", std::string(323, '0'), "5"), false},
                      TextCase{"1e512", absl::StrCat("1", std::string(512, '0')), true},
                      TextCase{"1e513", "1e513", true}, TextCase{"-1.25e600", "-1.25e600", true},
                      TextCase{"1e-513", absl::StrCat("0.", std::string(512, '0'), "1"), false},
                      TextCase{"12e-600", "1.2e-599", false},
                      TextCase{"1e1000000", "1e1000000", true},
                      TextCase{"1e-1000000", "1e-1000000", false}));

TEST(Number, RefusesWhatIsNoDecimalNumber) {
  for (const absl::string_view text :
       {"",    "-",  "+",  ".",    "-.",    "e5",  ".e5", "1e",  "1e+",  "1e5.5", "1.2.3", "--1",
        "+-1", " 1", "1 ", "0x10", "1_000", "NaN", "nan", "Inf", "-inf", "1,5",   "١"}) {
    EXPECT_EQ(Number::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(Number::Parse(absl::string_view("1\0", 2)).ok());
}

TEST(Number, BoundsDigitsAndExponent) {
  EXPECT_TRUE(Number::Parse(std::string(10'000, '7')).ok());
  EXPECT_FALSE(Number::Parse(std::string(10'001, '7')).ok());
  EXPECT_FALSE(Number::Parse(absl::StrCat("1", std::string(10'000, '0'), "1")).ok());
  // Zeros at the ends are no digits to keep.
  EXPECT_EQ(Parsed(absl::StrCat(std::string(50'000, '0'), "1", std::string(50'000, '0'))),
            Parsed("1e50000"));
  EXPECT_EQ(Parsed(absl::StrCat("0.", std::string(50'000, '0'), "1", std::string(50'000, '0'))),
            Parsed("1e-50001"));
  EXPECT_FALSE(Number::Parse("1e1000001").ok());
  EXPECT_FALSE(Number::Parse("1e-1000001").ok());
  EXPECT_FALSE(Number::Parse("1e99999999999999999999999999").ok());
  EXPECT_FALSE(Number::Parse("1e-99999999999999999999999999").ok());
  // The written exponent may be beyond the bound if the number is not.
  EXPECT_EQ(Parsed("0.001e1000003").ToString(), "1e1000000");
}

TEST(Number, EqualNumbersAreEqual) {
  EXPECT_EQ(Parsed("1e3"), Number(1000));
  EXPECT_EQ(Parsed("0.10"), Parsed("0.1"));
  EXPECT_EQ(Parsed("-0"), Number());
  EXPECT_EQ(Parsed("100e-2"), Number(1));
  EXPECT_NE(Parsed("0.1"), Parsed("0.1000000000000000055511151231257827"));
}

TEST(Number, ConvertsToIntegersOnlyInRange) {
  EXPECT_EQ(Parsed("9223372036854775807").ToInt64(), kMaxInt64);
  EXPECT_EQ(Parsed("9223372036854775808").ToInt64(), std::nullopt);
  EXPECT_EQ(Parsed("-9223372036854775808").ToInt64(), kMinInt64);
  EXPECT_EQ(Parsed("-9223372036854775809").ToInt64(), std::nullopt);
  EXPECT_EQ(Parsed("18446744073709551615").ToUint64(), kMaxUint64);
  EXPECT_EQ(Parsed("18446744073709551615").ToInt64(), std::nullopt);
  EXPECT_EQ(Parsed("18446744073709551616").ToUint64(), std::nullopt);
  EXPECT_EQ(Parsed("99999999999999999999").ToUint64(), std::nullopt);
  EXPECT_EQ(Parsed("1e19").ToUint64(), 10'000'000'000'000'000'000u);
  EXPECT_EQ(Parsed("1e20").ToUint64(), std::nullopt);
  EXPECT_EQ(Parsed("-1").ToUint64(), std::nullopt);
  EXPECT_EQ(Parsed("-0").ToUint64(), 0u);
  EXPECT_EQ(Parsed("2.5").ToInt64(), std::nullopt);
  EXPECT_EQ(Parsed("2.50e1").ToInt64(), 25);
  EXPECT_EQ(Parsed("1e1000000").ToInt64(), std::nullopt);
}

TEST(Number, ComesFromIntegers) {
  EXPECT_EQ(Number(kMinInt64).ToString(), "-9223372036854775808");
  EXPECT_EQ(Number(kMaxInt64).ToString(), "9223372036854775807");
  EXPECT_EQ(Number::FromUint64(kMaxUint64).ToString(), "18446744073709551615");
  for (const int value : {-1000, -10, -9, -1, 0, 1, 9, 10, 11, 99, 100, 1'000'000}) {
    EXPECT_EQ(Number(value), Parsed(absl::StrCat(value)));
    EXPECT_EQ(Number(value).ToInt64(), value);
  }
}

TEST(Number, ComesFromDoublesByTheirShortestText) {
  EXPECT_EQ(Number::FromDouble(0.1)->ToString(), "0.1");
  EXPECT_EQ(Number::FromDouble(-0.0)->ToString(), "0");
  EXPECT_EQ(Number::FromDouble(1.5)->ToString(), "1.5");
  EXPECT_EQ(*Number::FromDouble(5e-324), Parsed("5e-324"));
  EXPECT_EQ(*Number::FromDouble(1.7976931348623157e308), Parsed("1.7976931348623157e308"));
  // A float32 on the wire becomes a float64 in Terraform, where it has other shortest digits.
  EXPECT_EQ(Number::FromDouble(0.1F)->ToString(), "0.10000000149011612");
  for (const double no_number : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_EQ(Number::FromDouble(no_number).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(Number, ConvertsToTheNearestDouble) {
  EXPECT_EQ(Parsed("0.1").ToDouble(), 0.1);
  EXPECT_EQ(Parsed("-123.25").ToDouble(), -123.25);
  EXPECT_EQ(Parsed("9007199254740993").ToDouble(), 9007199254740992.0);
  EXPECT_EQ(Parsed("5e-324").ToDouble(), 5e-324);
  EXPECT_EQ(Parsed("1e-400").ToDouble(), 0.0);
  EXPECT_EQ(Parsed("1e400").ToDouble(), HUGE_VAL);
  EXPECT_EQ(Parsed("-1e400").ToDouble(), -HUGE_VAL);
}

TEST(Number, EveryDoubleComesBack) {
  std::mt19937_64 random(20240607);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double value;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(Number::FromDouble(value)->ToDouble(), value);
  }
}

TEST(Number, IsOrderedByValue) {
  const std::vector<std::string> ascending = {"-1e1000",
                                              "-1e400",
                                              "-9223372036854775809",
                                              "-9223372036854775808",
                                              "-1000",
                                              "-999.5",
                                              "-10",
                                              "-9",
                                              "-1.5",
                                              "-1",
                                              "-0.5",
                                              "-1e-400",
                                              "0",
                                              "1e-400",
                                              "0.05",
                                              "0.1",
                                              "0.11",
                                              "0.2",
                                              "1",
                                              "1.5",
                                              "2",
                                              "10",
                                              "10.5",
                                              "12",
                                              "99",
                                              "100",
                                              "18446744073709551615",
                                              "1e400",
                                              "1e1000"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(Parsed(ascending[i]) <=> Parsed(ascending[j]), i <=> j)
          << ascending[i] << " and " << ascending[j];
    }
  }
}

}  // namespace
}  // namespace charon
