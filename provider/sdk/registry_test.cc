#include "provider/sdk/registry.h"

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/schemas.h"

namespace charon::sdk {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ThingIdentity {
  Attr<std::string> name;
  Attr<std::vector<std::string>> parts;
  static const ObjectSpec<ThingIdentity>& Describe() {
    using I = ThingIdentity;
    static const auto& spec =
        *new ObjectSpec<I>("Which thing.", {Field(&I::name, "name", Required, "Its name here.")});
    return spec;
  }
};

struct BadIdentity {
  Attr<std::string> name;
  Attr<std::vector<std::string>> parts;
  static const ObjectSpec<BadIdentity>& Describe() {
    using I = BadIdentity;
    static const auto& spec = *new ObjectSpec<I>(
        "Which thing.", {Field(&I::name, "name", Computed, "Its name here."),
                         Field(&I::parts, "parts", Optional, "Its parts here.")});
    return spec;
  }
};

struct ThingModel {
  Attr<std::string> name;
  static const ObjectSpec<ThingModel>& Describe() {
    using M = ThingModel;
    static const auto& spec =
        *new ObjectSpec<M>("A thing.", {Field(&M::name, "name", Required, "Its name here.")});
    return spec;
  }
};

template <typename I>
class Thing : public Resource<ThingModel, I> {
 public:
  explicit Thing(ResourceInfo info) : info_(std::move(info)) {}
  const ResourceInfo& info() const override { return info_; }
  Outcome<ThingModel> Create(const Context&, const ThingModel& plan) override { return plan; }
  Outcome<ThingModel> Read(const Context&, const ThingModel& prior) override { return prior; }
  absl::Status Delete(const Context&, const ThingModel&) override { return absl::OkStatus(); }

 private:
  ResourceInfo info_;
};

class Things final : public ListResource<ThingModel, ThingModel, ThingIdentity> {
 public:
  const ResourceInfo& info() const override {
    static const auto& info =
        *new ResourceInfo{.type = "charon_thing", .noun = "thing", .subcategory = "Tests"};
    return info;
  }
  absl::Status List(const Context&, const ThingModel&, bool,
                    const std::function<bool(Listed<ThingModel, ThingIdentity>)>&) override {
    return absl::OkStatus();
  }
};

ResourceInfo Info(std::string type = "charon_thing") {
  return {.type = std::move(type), .noun = "thing", .subcategory = "Tests"};
}

absl::StatusOr<std::string> Same(const std::string& text) { return text; }
absl::StatusOr<std::string> Both(const std::string& a, const std::string&) { return a; }

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    auto provider = std::make_unique<FakeProvider>();
    provider_ = provider.get();
    registry_ = std::make_unique<Registry>(std::move(provider));
  }
  FakeProvider* provider_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, HoldsWhatItIsGivenByName) {
  registry_->Add(std::make_unique<Thing<ThingIdentity>>(Info()));
  registry_->Add(std::make_unique<Things>());
  registry_->Add(
      NewFunction({"same", "The same.", "The same text."}, {{"text", "Any text."}}, Same));
  EXPECT_EQ(registry_->resources().at("charon_thing")->info().noun, "thing");
  EXPECT_EQ(registry_->lists().at("charon_thing")->info().type, "charon_thing");
  EXPECT_EQ(registry_->functions().at("same")->doc().summary, "The same.");
  EXPECT_EQ(&registry_->provider(), provider_);
  EXPECT_THAT(registry_->Contradictions(), IsEmpty());
}

TEST_F(RegistryTest, FindsTablesThatContradictThemselves) {
  provider_->mutable_schema() =
      SchemaForTest({Row("secret_key", Optional), Row("alias", Optional)});
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("provider.secret_key: looks like a secret but is not sensitive",
                          "provider.alias: a name that Terraform reserves"));
}

TEST_F(RegistryTest, FindsWhatIsMissingBesideTheTable) {
  registry_->Add(std::make_unique<Thing<NoIdentity>>(ResourceInfo{.type = "other_thing"}));
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("resource other_thing: the type does not start with charon_",
                          "resource other_thing: no noun for messages",
                          "resource other_thing: no subcategory"));
}

TEST_F(RegistryTest, FindsTwoOfOneName) {
  registry_->Add(std::make_unique<Thing<NoIdentity>>(Info()));
  registry_->Add(std::make_unique<Thing<NoIdentity>>(Info()));
  for (int i = 0; i < 2; ++i) {
    registry_->Add(
        NewFunction({"same", "The same.", "The same text."}, {{"text", "Any text."}}, Same));
  }
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("charon_thing: registered twice", "same: registered twice"));
}

TEST_F(RegistryTest, FindsAListWithoutItsResource) {
  registry_->Add(std::make_unique<Things>());
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("list charon_thing: no resource of that type with an identity"));
  registry_->Add(std::make_unique<Thing<NoIdentity>>(Info()));
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("list charon_thing: no resource of that type with an identity"));
}

TEST_F(RegistryTest, FindsIdentitiesThatTerraformWouldRefuse) {
  registry_->Add(std::make_unique<Thing<BadIdentity>>(Info()));
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("resource charon_thing: identity part name must be required or optional",
                          "resource charon_thing: identity part parts must be a primitive"));
}

TEST_F(RegistryTest, FindsFunctionsWithoutTexts) {
  registry_->Add(NewFunction({"same", "", ""}, {{"text", "no end"}}, Same));
  registry_->Add(
      NewFunction({"both", "Both.", "Both texts."}, {{"text", "One."}, {"text", "Two."}}, Both));
  EXPECT_THAT(registry_->Contradictions(),
              ElementsAre("function both: two parameters called text",
                          "function same: no summary or description",
                          "function same: text needs a description that ends with a full stop"));
}

}  // namespace
}  // namespace charon::sdk
