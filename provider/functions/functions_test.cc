#include "provider/functions/functions.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/functions/all.h"
#include "provider/sdk/registry.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"

namespace charon::functions {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using Json = nlohmann::ordered_json;

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

// Results are told by their JSON.
Json Shown(const absl::StatusOr<Value>& result) {
  return result.ok() ? JsonForTest(*result) : Json(std::string(result.status().message()));
}

// The functions as Terraform calls them.
std::unique_ptr<sdk::Registry> Functions() {
  auto registry = std::make_unique<sdk::Registry>(std::make_unique<FakeProvider>());
  AddFunctions(*registry);
  return registry;
}

TEST(ManifestDecode, ReadsYamlAsKubectlDoes) {
  const struct {
    const char *manifest, *object;
  } rows[] = {
      {R"({"kind": "A", "n": 1.5, "l": [1, "x", null], "m": {}})",
       R"({"kind": "A", "n": 1.5, "l": [1, "x", null], "m": {}})"},
      {"yes: no\n", R"({"true": false})"},
      {"a: [yes, no, on, off, true, False]\n", R"({"a": [true, false, true, false, true, false]})"},
      {"a: ['yes', \"off\", yess]\n", R"({"a": ["yes", "off", "yess"]})"},
      {"mode: 0644\nquoted: \"0644\"\nhex: 0x1f\n",
       R"({"mode": 420, "quoted": "0644", "hex": 31})"},
      {"day: 2026-11-21\n", R"({"day": "2026-11-21"})"},
      {"nothing:\ntilde: ~\n", R"({"nothing": null, "tilde": null})"},
      {"1: one\n", R"({"1": "one"})"},
      {"base: &b {x: 1, z: 2}\nall:\n  <<: *b\n  z: 3\n",
       R"({"base": {"x": 1, "z": 2}, "all": {"x": 1, "z": 3}})"},
      {"text: |\n  one\n  two\n", R"({"text": "one\ntwo\n"})"},
      // One document, with what may stand around it.
      {"# ours\n---\nkind: A\n---\n# nothing\n", R"({"kind": "A"})"},
  };
  for (const auto& row : rows) {
    // Compared without the order of keys, which an object has not.
    EXPECT_EQ(nlohmann::json(Shown(ManifestDecode(row.manifest))),
              nlohmann::json::parse(row.object))
        << row.manifest;
  }
}

TEST(ManifestDecode, SeveralDocumentsAreAnErrorThatNamesTheOther) {
  const absl::Status status = ManifestDecode("kind: A\n---\nkind: B\n").status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("2 documents"), HasSubstr("manifest_decode_multi"))));
  EXPECT_EQ(sdk::ArgumentOf(status), 0);
  EXPECT_THAT(ManifestDecode(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ManifestDecode("a: 'x\n"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ManifestDecodeMulti, GivesEachObjectInOrder) {
  const struct {
    const char *manifests, *objects;
  } rows[] = {
      {"", "[]"},
      {"---\n# nothing\n---\n", "[]"},
      {"kind: A\n", R"([{"kind": "A"}])"},
      {"kind: B\n---\n---\n# empty\n---\nkind: A\nmode: 0644\n---\n",
       R"([{"kind": "B"}, {"kind": "A", "mode": 420}])"},
      {R"({"kind": "A"})", R"([{"kind": "A"}])"},
      // Items of a List stand where it stood.
      {"kind: A\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n---\nkind: D\n",
       R"([{"kind": "A"}, {"kind": "B"}, {"kind": "C"}, {"kind": "D"}])"},
      {"kind: ConfigMapList\nitems: [{kind: ConfigMap}]\n", R"([{"kind": "ConfigMap"}])"},
      {"kind: List\nitems: []\n", "[]"},
      // No list of objects, in spite of its name or its field.
      {"kind: AllowList\nspec: {}\n", R"([{"kind": "AllowList", "spec": {}}])"},
      {"kind: Menu\nitems: [1]\n", R"([{"kind": "Menu", "items": [1]}])"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(nlohmann::json(Shown(ManifestDecodeMulti(row.manifests))),
              nlohmann::json::parse(row.objects))
        << row.manifests;
  }
}

TEST(ManifestDecodeMulti, ItemsOfAListAreObjectsToo) {
  EXPECT_THAT(ManifestDecodeMulti("kind: A\n---\nkind: List\nitems:\n- kind: B\n- [1]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("document 2, items[1] is a list, and no object")));
  EXPECT_THAT(ManifestDecodeMulti("kind: List\nitems: [~]\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("items[0] is null")));
}

// Kubernetes, pkg/api/resource: suffixes of 1000 and of 1024, exponents, no more than nano.
TEST(QuantityParse, IsExact) {
  const struct {
    const char *quantity, *number;
  } rows[] = {
      {"500m", "0.5"},
      {"1.5Gi", "1610612736"},
      {"2e3", "2000"},
      {"250m", "0.25"},
      {"0", "0"},
      {"1", "1"},
      {"0.1", "0.1"},
      {"-1.5", "-1.5"},
      {"-250m", "-0.25"},
      {"+3", "3"},
      {"5E-3", "0.005"},
      {"1n", "0.000000001"},
      {"1u", "0.000001"},
      {"1k", "1000"},
      {"1M", "1000000"},
      {"1G", "1000000000"},
      {"1T", "1000000000000"},
      {"1P", "1000000000000000"},
      {"1E", "1000000000000000000"},
      {"1Ki", "1024"},
      {"1Mi", "1048576"},
      {"1Gi", "1073741824"},
      {"1Ti", "1099511627776"},
      {"1Pi", "1125899906842624"},
      {"1Ei", "1152921504606846976"},
      {"0.5Ki", "512"},
      // More digits than a double has.
      {"1234567890123456789", "1234567890123456789"},
      {"12345678901234567.000000001", "12345678901234567.000000001"},
  };
  for (const auto& row : rows) {
    const absl::StatusOr<charon::Number> number = QuantityParse(row.quantity);
    ASSERT_TRUE(number.ok()) << row.quantity << number.status();
    EXPECT_EQ(number->ToString(), row.number) << row.quantity;
  }
  for (const char* wrong : {"", "x", "1 Gi", "1GB", "1K", "1ki", "Gi", "1.2.3", "1,5", "1e"}) {
    const absl::Status status = QuantityParse(wrong).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
    EXPECT_EQ(sdk::ArgumentOf(status), 0) << wrong;
  }
}

// Kubernetes, pkg/api/resource, CanonicalizeBytes: no fraction, the largest suffix; powers of 1024
// only for whole numbers from 1024 on.
TEST(QuantityFormat, IsTheCanonicalForm) {
  const struct {
    const char *number, *family, *quantity;
  } rows[] = {
      {"1610612736", "binary", "1536Mi"},
      {"0.25", "decimal", "250m"},
      {"0", "binary", "0"},
      {"0", "decimal", "0"},
      {"1", "decimal", "1"},
      {"1500", "decimal", "1500"},
      {"1000", "decimal", "1k"},
      {"1000000", "decimal", "1M"},
      {"1000000000", "decimal", "1G"},
      {"1000000000000", "decimal", "1T"},
      {"1000000000000000", "decimal", "1P"},
      {"1000000000000000000", "decimal", "1E"},
      {"100000000000000000000", "decimal", "100E"},
      {"0.000001", "decimal", "1u"},
      {"0.000000001", "decimal", "1n"},
      {"-0.25", "decimal", "-250m"},
      {"1048576", "decimal", "1048576"},
      {"1024", "binary", "1Ki"},
      {"1536", "binary", "1536"},
      {"1048576", "binary", "1Mi"},
      {"1073741824", "binary", "1Gi"},
      {"1099511627776", "binary", "1Ti"},
      {"1125899906842624", "binary", "1Pi"},
      {"1152921504606846976", "binary", "1Ei"},
      {"-2048", "binary", "-2Ki"},
      {"1000000", "binary", "1000000"},
      {"0.5", "binary", "500m"},
      {"1023", "binary", "1023"},
      {"1000", "binary", "1k"},
      {"1024.5", "binary", "1024500m"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(QuantityFormat(*charon::Number::Parse(row.number), row.family),
                IsOkAndHolds(std::string(row.quantity)))
        << row.number << " " << row.family;
  }
}

TEST(QuantityFormat, LosesNothing) {
  const struct {
    const char *number, *family;
    std::int64_t argument;
  } rows[] = {
      {"1", "Binary", 1},
      {"1", "", 1},
      {"0.0000000001", "decimal", 0},
      {"1.0000000001", "binary", 0},
      // 2^63: the server would read 8Ei as one less.
      {"9223372036854775808", "binary", 0},
      {"1e30", "decimal", 0},
  };
  for (const auto& row : rows) {
    const absl::Status status =
        QuantityFormat(*charon::Number::Parse(row.number), row.family).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << row.number;
    EXPECT_EQ(sdk::ArgumentOf(status), row.argument) << row.number;
  }
}

sdk::Variadic<std::optional<std::string>> All(std::vector<std::optional<std::string>> quantities) {
  return {std::move(quantities)};
}

TEST(QuantitySum, AddsInTheFamilyOfTheFirst) {
  const struct {
    std::vector<std::optional<std::string>> quantities;
    const char* sum;
  } rows[] = {
      {{"512Mi", "1Gi"}, "1536Mi"},
      {{"4Gi", "1536Mi", "2Gi"}, "7680Mi"},
      {{"1Ki", "1024k"}, "1001Ki"},
      {{"1024k", "1Ki"}, "1025024"},
      {{"2e3", "1k"}, "3e3"},
      {{"500m", "500m"}, "1"},
      {{"0.1", "0.2"}, "300m"},
      {{"1Gi", "-1Gi"}, "0"},
      {{"1234567890123456789", "1n"}, "1234567890123456789000000001n"},
      {{"3"}, "3"},
      {{}, "0"},
      {{std::nullopt, std::nullopt}, "0"},
      {{std::nullopt, "1Gi", std::nullopt, "512Mi"}, "1536Mi"},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(QuantitySum(All(row.quantities)), IsOkAndHolds(std::string(row.sum))) << row.sum;
  }
  const absl::Status wrong = QuantitySum(All({std::nullopt, "1Gi", "1GB"})).status();
  EXPECT_THAT(wrong, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1GB")));
  EXPECT_EQ(sdk::ArgumentOf(wrong), 2);
}

// Nulls reach only the one that says what they mean; unknown values make all results unknown.
TEST(Quantities, NullsAreForSums) {
  const auto functions = Functions();
  const sdk::AnyFunction& sum = *functions->functions().at("quantity_sum");
  ASSERT_TRUE(sum.variadic().has_value());
  EXPECT_TRUE(sum.variadic()->allow_null);
  EXPECT_FALSE(sum.variadic()->allow_unknown);
  EXPECT_THAT(sum.Call({Value::Null(), Value::String("512Mi"), Value::String("1Gi")}),
              IsOkAndHolds(Value::String("1536Mi")));
  for (const char* name : {"quantity_parse", "quantity_format", "dns_label", "tier_of",
                           "manifest_decode", "manifest_decode_multi"}) {
    for (const sdk::Parameter& parameter : functions->functions().at(name)->parameters()) {
      EXPECT_FALSE(parameter.allow_null) << name << " " << parameter.name;
      EXPECT_FALSE(parameter.allow_unknown) << name << " " << parameter.name;
    }
  }
}

TEST(DnsLabel, AddsAHashWhereMoreThanCaseIsLost) {
  const std::string most(63, 'x');
  const struct {
    std::string text, label;
  } rows[] = {
      {"Grafana", "grafana"},
      {"grafana", "grafana"},
      {"web-1", "web-1"},
      {"1", "1"},
      {most, most},
      // Two hyphens are in order, as in a name of IDN.
      {"xn--bcher-kva", "xn--bcher-kva"},
      // FNV-1a of the text, in 32 bits.
      {"Family Photos", "family-photos-eb73efe2"},
      {"family.photos", "family-photos-6de703f0"},
      {"a_b", "a-b-1ba46871"},
      {"-a", "a-64cd881b"},
      {"a-", "a-00248c93"},
      {"---", "x-c4e4dc86"},
      {"\u00dc", "x-319e06aa"},
      {"\u00dcnder", "nder-601c4e0f"},
      {"Zo\u00eb's caf\u00e9!", "zo-s-caf-fd9f5233"},
      {std::string(64, 'x'), std::string(54, 'x') + "-d19b1ac5"},
      {std::string(63, 'x') + "y", std::string(54, 'x') + "-d09b1932"},
      {std::string(53, 'x') + "-" + std::string(20, 'y'), std::string(53, 'x') + "-9097368a"},
  };
  std::set<std::string> labels;
  for (const auto& row : rows) {
    const absl::StatusOr<std::string> label = DnsLabel(row.text);
    EXPECT_THAT(label, IsOkAndHolds(row.label)) << row.text;
    EXPECT_THAT(*label,
                AllOf(MatchesRegex("[a-z0-9]([-a-z0-9]*[a-z0-9])?"), SizeIs(::testing::Le(63u))))
        << row.text;
    labels.insert(*label);
  }
  EXPECT_THAT(labels, SizeIs(std::size(rows) - 1)) << "all but the two that differ in case";
  const absl::Status empty = DnsLabel("").status();
  EXPECT_THAT(empty, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(sdk::ArgumentOf(empty), 0);
}

// The table of the guide "Tiers".
TEST(TierOf, HasTheNumbersOfTheGuide) {
  const auto functions = Functions();
  const sdk::AnyFunction& tier_of = *functions->functions().at("tier_of");
  const struct {
    const char *name, *short_name;
    int priority;
    bool preempts;
    const char *limit, *request_cpu, *request, *most, *cpu, *memory, *limits, *pods;
  } rows[] = {
      {"0-core", "core", 1000000, true, "256Mi", "100m", "256Mi", "8Gi", "8", "8Gi", "64Gi", "100"},
      {"1-cluster", "cluster", 800000, true, "256Mi", "100m", "256Mi", "8Gi", "4", "4Gi", "32Gi",
       "30"},
      {"2-gpu", "gpu", 600000, true, "1Gi", "200m", "1Gi", "16Gi", "8", "12Gi", "32Gi", "40"},
      {"3-edge", "edge", 400000, true, "256Mi", "50m", "128Mi", "8Gi", "4", "4Gi", "32Gi", "30"},
      {"4-aux", "aux", 200000, false, "256Mi", "50m", "64Mi", "4Gi", "2", "3Gi", "16Gi", "20"},
  };
  for (const auto& row : rows) {
    const nlohmann::json tier = {
        {"name", row.name},
        {"short_name", row.short_name},
        {"priority", row.priority},
        {"priority_class", std::string("tier-") + row.name},
        {"preemption_policy", row.preempts ? "PreemptLowerPriority" : "Never"},
        {"limit_range",
         {{"default", {{"memory", row.limit}}},
          {"defaultRequest", {{"cpu", row.request_cpu}, {"memory", row.request}}},
          {"max", {{"memory", row.most}}}}},
        {"resource_quota",
         {{"requests.cpu", row.cpu},
          {"requests.memory", row.memory},
          {"limits.memory", row.limits},
          {"pods", row.pods}}}};
    for (const char* name : {row.name, row.short_name}) {
      EXPECT_EQ(nlohmann::json(Shown(tier_of.Call({Value::String(name)}))), tier) << name;
    }
  }
  const absl::Status unknown = TierOf("5-batch").status();
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kNotFound,
                                AllOf(HasSubstr("5-batch"), HasSubstr("0-core, 1-cluster, 2-gpu, "
                                                                      "3-edge, 4-aux"))));
  EXPECT_EQ(sdk::ArgumentOf(unknown), 0);
}

}  // namespace
}  // namespace charon::functions
