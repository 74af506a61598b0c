#include "provider/clients/kubernetes/quantity.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

Quantity Q(const std::string& text) {
  const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
  EXPECT_TRUE(quantity.ok()) << text << quantity.status();
  return quantity.value_or(Quantity());
}

// Canonical forms recorded from k8s.io/apimachinery 0.36.3 (resource.ParseQuantity, String after an
// addition of zero, which makes it compute the form anew).
struct Vector {
  const char* text;
  const char* canonical;
  std::int64_t value;
};
constexpr Vector kVectors[] = {
    {"0", "0", 0},
    {"0Ki", "0", 0},
    {"0.0", "0", 0},
    {"0e99", "0", 0},
    {"1", "1", 1},
    {"+1", "1", 1},
    {"007", "7", 7},
    {"1.5", "1500m", 2},
    {"0.5", "500m", 1},
    {".5", "500m", 1},
    {"5.", "5", 5},
    {"1000m", "1", 1},
    {"1500m", "1500m", 2},
    {"00.50", "500m", 1},
    {"0.001m", "1u", 1},
    {"1n", "1n", 1},
    {"0.1n", "1n", 1},
    {"1001n", "1001n", 1},
    {"-0.1n", "-1n", -1},
    {"-1", "-1", -1},
    {"1k", "1k", 1000},
    {"1000k", "1M", 1000000},
    {"1500k", "1500k", 1500000},
    {"1M", "1M", 1000000},
    {"1E", "1E", 1000000000000000000},
    {"1E3", "1e3", 1000},
    {"1e3", "1e3", 1000},
    {"1e+3", "1e3", 1000},
    {"1e5", "100e3", 100000},
    {"1e0", "1", 1},
    {"1e-3", "1e-3", 1},
    {"20e2", "2e3", 2000},
    {"2.5e3", "2500", 2500},
    {"12e-10", "2e-9", 1},
    {"1e-99", "1e-9", 1},
    {"4e-10", "1e-9", 1},
    {"1Ki", "1Ki", 1024},
    {"0.5Ki", "512", 512},
    {"62.5Ki", "64000", 64000},
    {"1.5Gi", "1536Mi", 1610612736},
    {"1024Mi", "1Gi", 1073741824},
    {"1000Ki", "1000Ki", 1024000},
    {"0.5Mi", "512Ki", 524288},
    {"0.0001Ki", "102400u", 1},
    {"1.0001Ki", "1024102400u", 1025},
    {"3.3333333Mi", "3495253298380800n", 3495254},
    {"1.0000000001Gi", "1073741824107374183n", 1073741825},
    {"-1.5Gi", "-1536Mi", -1610612736},
    {"7Ei", "7Ei", 8070450532247928832},
    {"8Ei", "9223372036854775807", kMost},
    {"10Ei", "9223372036854775807", kMost},
    {"9223372036854775807Ki", "9223372036854775807", kMost},
    {"123456789.1234567891", "123456789123456790n", 123456790},
    {"1234567890123456789012345678", "1234567890123456789012345678", kMost},
};

TEST(Quantity, HasTheServersCanonicalForm) {
  for (const Vector& vector : kVectors) {
    const Quantity quantity = Q(vector.text);
    EXPECT_EQ(quantity.ToString(), vector.canonical) << vector.text;
    EXPECT_EQ(quantity.Value(), vector.value) << vector.text;
    EXPECT_EQ(Q(quantity.ToString()), quantity) << vector.text;
  }
}

TEST(Quantity, KeepsTheFormat) {
  EXPECT_EQ(Q("1").format(), Quantity::Format::kDecimalSI);
  EXPECT_EQ(Q("2Ki").format(), Quantity::Format::kBinarySI);
  EXPECT_EQ(Q("1E3").format(), Quantity::Format::kDecimalExponent);
  // Less than one whole unit has no binary form.
  EXPECT_EQ(Q("0.0001Ki").format(), Quantity::Format::kDecimalSI);
}

TEST(Quantity, ComparesAmountsNotTexts) {
  EXPECT_EQ(Q("2048Mi"), Q("2Gi"));
  EXPECT_EQ(Q("0.1"), Q("100m"));
  EXPECT_EQ(Q("1e3"), Q("1k"));
  EXPECT_LT(Q("1G"), Q("1Gi"));
  EXPECT_LT(Q("-1"), Q("0"));
}

TEST(Quantity, RoundsAwayFromZero) {
  EXPECT_EQ(Q("1.0001").MilliValue(), 1001);
  EXPECT_EQ(Q("-1.0001").MilliValue(), -1001);
  EXPECT_EQ(Q("1Ei").MilliValue(), kMost);
  EXPECT_DOUBLE_EQ(Q("1500m").AsDouble(), 1.5);
}

TEST(Quantity, Adds) {
  EXPECT_EQ((Q("1Gi") + Q("512Mi")).ToString(), "1536Mi");
  EXPECT_EQ((Q("1") + Q("1Ki")).ToString(), "1025");
  EXPECT_EQ((Quantity() + Q("1Ki")).ToString(), "1Ki");
  EXPECT_EQ((Q("500m") - Q("1")).ToString(), "-500m");
  Quantity sum;
  for (int i = 0; i < 3; ++i) sum = sum + Q("300m");
  EXPECT_EQ(sum.ToString(), "900m");
}

TEST(Quantity, SumsStopAtTheLimit) {
  const Quantity most = Q("99999999999999999999999999999");
  EXPECT_GT(most + most, most);
  EXPECT_EQ(most + most, most + most + most);
  EXPECT_EQ(Quantity() - most - most, Quantity() - most - most - most);
}

TEST(Quantity, FromNanoIsBounded) {
  EXPECT_EQ(Quantity::FromNano(1'500'000'000, Quantity::Format::kDecimalSI).ToString(), "1500m");
  const absl::int128 huge = absl::MakeInt128(kMost, 0);
  EXPECT_EQ(Quantity::FromNano(huge, Quantity::Format::kDecimalSI),
            Quantity::FromNano(huge - 1, Quantity::Format::kDecimalSI));
}

TEST(Quantity, RefusalsSayWhatIsAccepted) {
  const auto error = [](const std::string& text) {
    const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
    if (quantity.ok()) return "read as " + quantity->ToString();
    EXPECT_EQ(quantity.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(quantity.status().message());
  };
  EXPECT_THAT(error("1 Gb"), HasSubstr("\"1 Gb\" is no quantity: no space is allowed in it"));
  EXPECT_THAT(error("1 Gb"), HasSubstr("Ki, Mi, Gi"));
  EXPECT_THAT(error("1GB"), HasSubstr("1 GB is 1G (10^9 bytes) or 1Gi (2^30 bytes)"));
  EXPECT_THAT(error("1K"), HasSubstr("write k for 1000 or Ki for 1024"));
  EXPECT_THAT(error("1,5"), HasSubstr("the decimal separator is a point"));
  EXPECT_THAT(error("1m1"), HasSubstr("\"m1\" is no suffix"));
  for (const char* text : {"", "-", "+", ".", "Ki", "e3", "1e", "1E+", "1e3Ki", "1kk", "0x10",
                           "1_000", "1e1.5", "--1", "1 ", " 1", "1e99999999999999999999"}) {
    EXPECT_THAT(error(text), HasSubstr("is no quantity")) << text;
  }
  EXPECT_THAT(error("1e29"), HasSubstr("too large"));
  EXPECT_THAT(error("1e400"), HasSubstr("too large"));
  EXPECT_THAT(error(std::string(100'000, '9')), HasSubstr("is no quantity"));
}

TEST(QuantitiesOf, LeavesOutWhatIsNone) {
  const auto quantities =
      QuantitiesOf(Json::parse(R"({"cpu": "500m", "pods": 10, "x": "1 Gb", "y": null, "z": {}})"));
  ASSERT_EQ(quantities.size(), 2u);
  EXPECT_EQ(quantities.at("cpu").ToString(), "500m");
  EXPECT_EQ(quantities.at("pods").ToString(), "10");
  EXPECT_TRUE(QuantitiesOf(Json()).empty());
}

TEST(CheckQuantities, NamesTheField) {
  const auto check = [](const char* text) {
    return std::string(CheckQuantities(Json::parse(text)).message());
  };
  EXPECT_THAT(
      check(
          R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a"},{"name":"b","resources":{"limits":{"memory":"1 Gb"}}}]}})"),
      AllOf(StartsWith(
                ".spec.containers[1].resources.limits.memory: \"1 Gb\" is no quantity: no space"),
            HasSubstr("1.5Gi")));
  EXPECT_THAT(
      check(
          R"({"apiVersion":"v1","kind":"ResourceQuota","spec":{"hard":{"requests.cpu":"8000m","pods":true}}})"),
      StartsWith(".spec.hard.pods: "));
  for (
      const char* good : {
          R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"resources":{"limits":{"cpu":0.5,"memory":"1Gi","x":null},"requests":{}}}]}})",
          R"({"apiVersion":"v1","kind":"LimitRange","spec":{"limits":[{"type":"Container","max":{"memory":"1Gi"}}]}})",
          R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{"versions":[{"schema":{"openAPIV3Schema":{"default":{"policy":"Owner"}}}}]}})",
          R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"capacity":"a lot"}},"data":{"sizeLimit":"1 Gb"}})",
          R"({"apiVersion":"example.org/v1","kind":"Tank","spec":{"capacity":"1 Gb","limits":{"a":"b"}}})",
      }) {
    EXPECT_EQ(check(good), "") << good;
  }
}

}  // namespace
}  // namespace charon::kubernetes
