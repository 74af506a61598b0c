#include "resources/service/cases.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/value/json.h"

namespace charon::service {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// "?" stands for an unknown value.
Value WithUnknowns(Value value) {
  if (value.kind() == Value::Kind::kString && value.string() == "?") return Value::Unknown();
  if (value.kind() == Value::Kind::kMapping) {
    for (auto& [key, inner] : value.mapping()) inner = WithUnknowns(std::move(inner));
  } else if (value.kind() == Value::Kind::kSequence) {
    for (Value& inner : value.sequence()) inner = WithUnknowns(std::move(inner));
  }
  return value;
}

const ObjectSchema& Schema() { return ServiceModel::Describe().schema(); }

Value Config(Json config) {
  const Json smallest = {
      {"namespace", "shop"}, {"name", "web"}, {"image", "registry.example/web:1"}};
  for (const auto& [key, value] : smallest.items()) {
    if (!config.contains(key)) config[key] = value;
  }
  std::vector<std::string> unknown;  // of any type
  for (const auto& [key, value] : config.items()) {
    if (value == "?") unknown.push_back(key);
  }
  for (const std::string& key : unknown) config.erase(key);
  absl::StatusOr<Value> value = DecodeJson(config.dump(), Schema().type());
  EXPECT_TRUE(value.ok()) << value.status();
  Value object = WithUnknowns(*std::move(value));
  for (const std::string& key : unknown) object.mapping()[key] = Value::Unknown();
  return object;
}

Conventions Nginx() {
  Conventions conventions;
  conventions.domain = "example.org";
  conventions.ingress.controller = "nginx";
  return conventions;
}

absl::StatusOr<std::vector<Case>> Cases(const Json& config,
                                        const Conventions& conventions = Nginx()) {
  return CasesOf(Completions(Schema(), Config(config)), {}, conventions);
}

std::vector<std::string> Faults(const Json& config, const Conventions& conventions = Nginx()) {
  std::vector<std::string> faults;
  const auto cases = Cases(config, conventions);
  if (cases.ok()) return faults;
  for (const absl::Status& fault : EachOf(cases.status()))
    faults.push_back(PathOf(fault).value_or(Path()).ToString() + ": " +
                     std::string(fault.message()));
  return faults;
}

TEST(CasesOf, WhatIsWrongWhateverIsUnknownIsTold) {
  const Json wrong = {{"ports", {{"a", "8080"}, {"b", "8080"}, {"c", "9"}}},
                      {"service", {{"ports", {{"a", 1}, {"b", 1}}}}},
                      {"scale_to_zero", Json::object()},
                      {"expose", {{"web", {{"port", "a"}}}, {"api", {{"port", "c"}}}}}};
  for (const Json& unknown :
       {Json{{"image", "?"}}, Json{{"env", {{"A", "?"}}}}, Json{{"labels", {{"tier", "?"}}}},
        Json{{"pod", {{"annotations", {{"a", "?"}}}}}}, Json{{"command", {"?"}}},
        Json{{"files", {{"/etc/a", {{"content", "?"}}}}}}}) {
    Json config = wrong;
    config.update(unknown);
    EXPECT_THAT(
        Faults(config),
        UnorderedElementsAre(
            "ports[\"b\"]: the Service's port 1/TCP is taken by ports[\"a\"]",
            HasSubstr("expose[\"web\"].auth: nothing says how the platform asks for a login"),
            HasSubstr("scale_to_zero: only Traefik wakes a sleeping service"),
            HasSubstr("expose[\"api\"].auth: nothing says how the platform asks for a login"),
            HasSubstr("scale_to_zero: only Traefik wakes a sleeping service")))
        << unknown;
  }
}

TEST(CasesOf, NothingIsWrongThatDependsOnWhatIsUnknown) {
  const Json ports = {{"http", "8080"}};
  const Json open = {{"auth", "none"}, {"auth_reason", "public"}};
  for (const Json& config : {
           Json{{"ports", ports}, {"expose", {{"web", {{"auth", "?"}, {"auth_reason", "?"}}}}}},
           Json{
               {"ports", ports},
               {"expose", {{"web", {{"port", "?"}, {"auth", "none"}, {"auth_reason", "public"}}}}}},
           Json{{"ports", {{"http", "?"}, {"z", "80"}}}},
           Json{{"ports", ports}, {"service", "?"}, {"expose", {{"web", open}}}},
           Json{{"extra_manifest_patch", "?"}},
           Json{{"ports", ports}, {"scale_to_zero", "?"}, {"expose", {{"web", open}}}},
           Json{{"ports", "?"}, {"expose", {{"web", open}}}},
           Json{{"ports", "?"}, {"sidecars", "?"}, {"expose", {{"web", open}}}},
           Json{{"kind", "?"}, {"ports", ports}},
           Json{{"name", "?"}, {"ports", ports}, {"expose", {{"web", open}}}},
           Json{{"metrics", {{"port", "?"}}}, {"ports", ports}},
       }) {
    EXPECT_THAT(Faults(config), IsEmpty()) << config;
  }
  // Without a domain a host must be a whole one, which this may be.
  Conventions no_domain;
  EXPECT_THAT(
      Faults({{"ports", ports},
              {"expose", {{"web", {{"host", "?"}, {"auth", "none"}, {"auth_reason", "public"}}}}}},
             no_domain),
      IsEmpty());
}

TEST(CasesOf, OneUnknownHostHidesNoOtherFault) {
  const Json expose = {{"web", {{"host", "?"}}},
                       {"api", {{"host", "api"}, {"auth", "none"}, {"auth_reason", "public"}}}};
  const Json config = {{"ports", {{"http", "8080"}}}, {"expose", expose}};
  EXPECT_THAT(Faults(config, Conventions()),
              UnorderedElementsAre(HasSubstr("expose[\"web\"].auth: nothing says"),
                                   HasSubstr("expose[\"api\"].host: \"api\" is no whole host")));
}

TEST(CommonOf, KnowsEachObjectThatDoesNotDependOnIt) {
  const auto cases = Cases({{"image", "?"}, {"ports", {{"http", "8080"}}}});
  ASSERT_TRUE(cases.ok()) << cases.status();
  ASSERT_THAT(*cases, Not(IsEmpty()));
  const Content common = CommonOf(*cases);
  EXPECT_THAT(common.refs, ElementsAre(kubernetes::ObjectRef{{"v1", "Service"}, "shop", "web"}));
  EXPECT_THAT(common.objects, SizeIs(1));
  EXPECT_EQ(common.hashes.at("Deployment/shop/web"), "");
  EXPECT_NE(common.hashes.at("Service/shop/web"), "");
}

TEST(CommonOf, HasNoKeyOfAnObjectThatMayNotCome) {
  const auto cases = Cases({{"generated_secrets", "?"}});
  ASSERT_TRUE(cases.ok()) << cases.status();
  ASSERT_THAT(*cases, Not(IsEmpty()));
  EXPECT_THAT(CommonOf(*cases).hashes, SizeIs(1));
}

TEST(CommonWorkload, HasTheLabelsThatAreKnown) {
  auto cases = Cases({{"image", "?"}, {"pod", {{"labels", {{"a", "1"}, {"b", "?"}}}}}});
  ASSERT_TRUE(cases.ok()) << cases.status();
  std::vector<Rendered> workload = CommonWorkload(*cases);
  ASSERT_THAT(workload, SizeIs(1));
  const Json labels = workload[0].object["spec"]["template"]["metadata"]["labels"];
  EXPECT_EQ(labels.value("a", ""), "1");
  EXPECT_FALSE(labels.contains("b"));
  cases = Cases({{"selector", {{"app", "?"}}}});
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_THAT(CommonWorkload(*cases), IsEmpty());
}

// Each attribute may be unknown without the rest being unchecked.
TEST(CasesOf, EachAttributeHasSubstitutes) {
  for (const AttributeSchema& attribute : Schema().attributes) {
    if (attribute.mode == Mode::kComputed || attribute.write_only) continue;
    Value config = Config(Json::object());
    config.mapping()[attribute.name] = Value::Unknown();
    if (attribute.name == "env_wo_version")  // one of two that go together
      config.mapping()["env_wo"] = Value::Of({{"A", Value::String("a")}});
    EXPECT_THAT(Completions(Schema(), config), Not(IsEmpty())) << attribute.name;
  }
}

TEST(TellOfAll, OnlyWhatWasToldOfEach) {
  const auto cases = Cases({{"image", "?"}});
  ASSERT_TRUE(cases.ok()) << cases.status();
  sdk::Diagnostics diagnostics;
  sdk::Context context;
  context.diagnostics = &diagnostics;
  const auto check = [](const sdk::Context& aside, const Case& one) {
    aside.diagnostics->Warning("Of all", "The same.");
    aside.diagnostics->Warning("Of one", *one.model.image);
    return absl::OkStatus();
  };
  EXPECT_TRUE(TellOfAll(context, *cases, check).ok());
  ASSERT_THAT(diagnostics.list(), SizeIs(1));
  EXPECT_EQ(diagnostics.list()[0].summary, "Of all");
}

}  // namespace
}  // namespace charon::service
