#include "provider/provider_block.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The block with these conventions, as core sends it: they bring a type of their own.
Value Block(const std::string& conventions) {
  return ObjectForTest(ProviderModel::Describe().schema(),
                       absl::StrCat("{\"conventions\": ", conventions, "}"));
}

std::vector<std::string> Errors(const std::string& conventions) {
  Services services;
  std::vector<std::string> errors;
  const sdk::Diagnostics found = ProviderBlock(services).Validate(Call(), Block(conventions));
  for (const sdk::Diagnostic& diagnostic : found.list()) {
    EXPECT_EQ(diagnostic.path.steps().front(), Path::Step(AttributeName{"conventions"}))
        << diagnostic.detail;
    errors.push_back(diagnostic.detail);
  }
  return errors;
}

Conventions Configured(const std::string& conventions) {
  Services services;
  EXPECT_THAT(ProviderBlock(services).Configure(Call(), Block(conventions), "1.14.0").list(),
              IsEmpty());
  return services.settings()->conventions;
}

// Core drops keys that a type lacks, and what is left leads to another server.
TEST(PartsOfTheBlock, HaveNoKeyThatTheTableHasNot) {
  for (const char* part :
       {"kubernetes", "headscale", "cloudflare", "aws", "rfc2136", "powerdns", "conventions"}) {
    Services services;
    const sdk::Diagnostics found = ProviderBlock(services).Validate(
        Call(), ObjectForTest(ProviderModel::Describe().schema(),
                              absl::StrCat("{\"", part, "\": {\"nope\": \"x\"}}")));
    ASSERT_THAT(found.list(), SizeIs(1)) << part;
    EXPECT_THAT(found.list()[0].detail,
                HasSubstr(absl::StrCat(part, ".nope: There is no \"nope\" here.")));
  }
}

TEST(PartsOfTheBlock, MayHaveKeysThatAreNull) {
  Services services;
  const Value block = ObjectForTest(
      ProviderModel::Describe().schema(),
      R"({"kubernetes": {"host": null, "exec": null, "insecure": null}, "headscale": {"api_key": null}})");
  EXPECT_THAT(ProviderBlock(services).Validate(Call(), block).list(), IsEmpty());
  EXPECT_THAT(ProviderBlock(services).Configure(Call(), block, "1.14.0").list(), IsEmpty());
}

TEST(ConventionsOfTheBlock, HaveTiersThatNamespacesCanHave) {
  auto tier = [](absl::string_view tables) {
    return Errors(absl::StrCat(R"({"tiers": {"x": {)", tables, "}}}"));
  };
  EXPECT_THAT(tier(R"("resource_quota": {"request.cpu": "4"})"),
              ElementsAre(AllOf(HasSubstr("\"request.cpu\" is nothing that a ResourceQuota counts"),
                                HasSubstr("requests.cpu"))));
  EXPECT_THAT(tier(R"("resource_quota": {"pods": "1.5"})"),
              ElementsAre(HasSubstr("\"1.5\" must be a whole number")));
  EXPECT_THAT(tier(R"("limit_range": {"max": {"requests.cpu": "1"}})"),
              ElementsAre(HasSubstr("\"requests.cpu\" is no resource of containers")));
  EXPECT_THAT(tier(R"("limit_range": {"default": {"memory": "2Gi"}, "max": {"memory": "1Gi"}})"),
              ElementsAre(HasSubstr("\"2Gi\" is more than `max` allows: \"1Gi\"")));
  EXPECT_THAT(tier(R"("limit_range": {"min": {"memory": "1Gi"}, "max": {"cpu": "1"}},
                      "resource_quota": {"pods": 10, "count/jobs.batch": "1k"})"),
              IsEmpty());
}

TEST(ConventionsOfTheBlock, AreWhatTheyWereWithAFixedType) {
  const Conventions found =
      Configured(R"({"owner": "shop", "render_version": "1", "default_labels": {"team": 7},
      "tiers": {"edge": {"priority": 5, "resource_quota": {"pods": 10}}},
      "sizes": {"small": {"requests": {"cpu": "50m"}}},
      "ingress": {"controller": "traefik", "auth_modes": {"required": {"middlewares": ["a@kubernetescrd"]}}}})");
  EXPECT_EQ(found.owner, "shop");
  EXPECT_EQ(found.default_labels.at("team"), "7");
  EXPECT_EQ(found.tiers.at("edge").priority, 5);
  EXPECT_EQ(found.tiers.at("edge").quota.at("pods"), "10");
  EXPECT_EQ(found.sizes.at("small").requests.at("cpu"), "50m");
  EXPECT_EQ(found.ingress.controller, "traefik");
  EXPECT_THAT(found.ingress.auth_modes.at("required").middlewares, ElementsAre("a@kubernetescrd"));
  EXPECT_EQ(Configured("null").owner, "default");
  EXPECT_EQ(Configured("{}").owner, "default");
}

TEST(ConventionsOfTheBlock, LeaveABuiltInTierItsPriority) {
  const auto tier = [](absl::string_view what) {
    const absl::StatusOr<TierProfile> found =
        Configured(
            absl::StrCat(R"({"tiers": {"4-aux": {)", what, R"(}, "own": {"limit_range": {}}}})"))
            .Tier("4-aux");
    return std::pair(found->priority, found->preempts);
  };
  EXPECT_EQ(tier(R"("resource_quota": {"pods": 1})"), std::pair(std::int64_t{200000}, false));
  EXPECT_EQ(tier(R"("priority": 7, "preemption_policy": "PreemptLowerPriority")"),
            std::pair(std::int64_t{7}, true));
  EXPECT_EQ(Configured(R"({"tiers": {"own": {"limit_range": {}}}})").Tier("own")->priority, 0);
}

TEST(ConventionsOfTheBlock, HaveNoKeyThatTheTableHasNot) {
  EXPECT_THAT(
      Errors(R"({"onwer": "x"})"),
      ElementsAre("conventions.onwer: There is no \"onwer\" here.\n\nDid you mean \"owner\"?"));
  EXPECT_THAT(
      Errors(
          R"({"ingress": {"contoller": "nginx"}, "tiers": {"a": {"limits": {}}}, "sizes": {"small": {"request": {}}}})"),
      ElementsAre(HasSubstr("conventions.ingress.contoller: "),
                  "conventions.sizes[\"small\"].request: There is no \"request\" here.\n\nDid you "
                  "mean \"requests\"?",
                  "conventions.tiers[\"a\"].limits: There is no \"limits\" here.\n\nThere are: "
                  "limit_range, preemption_policy, priority, "
                  "resource_quota."));
  EXPECT_THAT(Errors(R"({"owner": "x", "ingress": {"controller": "nginx"}})"), IsEmpty());
}

TEST(ConventionsOfTheBlock, AreCheckedByTheTable) {
  EXPECT_THAT(Errors(R"({"owner": "my stack"})"), ElementsAre(HasSubstr("conventions.owner: ")));
  EXPECT_THAT(Errors(R"({"owner": ["x"]})"),
              ElementsAre("conventions.owner: String is required, but this is an array."));
  EXPECT_THAT(Errors(R"({"ingress": {"tls_secret": "a", "tls_issuer": "b"}})"), SizeIs(1));
  EXPECT_THAT(Errors("\"shop\""), ElementsAre("Object is required, but this is a string."));
}

TEST(ConventionsOfTheBlock, NameARenderVersionThatThereIs) {
  EXPECT_EQ(Configured("{}").render_version, 1);
  EXPECT_EQ(Configured(R"({"render_version": 1})").render_version, 1);
  EXPECT_EQ(Configured(R"({"render_version": 2})").render_version, 2);
  for (const char* older : {"0", "-1"}) {
    EXPECT_THAT(Errors(absl::StrCat(R"({"render_version": )", older, "}")),
                ElementsAre(absl::StrCat("conventions.render_version: Is ", older,
                                         ", but this build of the provider renders versions 1 to "
                                         "2.\n\nLeave it out for version 1.")));
  }
  EXPECT_THAT(
      Errors(R"({"render_version": 3})"),
      ElementsAre(AllOf(HasSubstr("Is 3, but this build of the provider renders versions 1 to 2"),
                        HasSubstr("Install a newer version of the provider"))));
  EXPECT_THAT(Errors(R"({"render_version": 1.5})"), ElementsAre(HasSubstr("render_version")));
}

TEST(ConventionsOfTheBlock, MayBeUnknownInAnyPart) {
  for (const char* conventions :
       {R"("<unknown>")", R"({"owner": "<unknown>"})", R"({"owner": "x", "ingress": "<unknown>"})",
        R"({"tiers": {"a": {"priority": "<unknown>"}}})",
        R"({"storage_classes": {"fast": "<unknown>"}})"}) {
    EXPECT_THAT(Errors(conventions), IsEmpty()) << conventions;
    Services services;
    ProviderBlock block(services);
    EXPECT_THAT(block.Configure(Call(), Block(conventions), "1.14.0").list(), IsEmpty())
        << conventions;
    EXPECT_THAT(block.Unknown({""}), SizeIs(1)) << conventions;
    EXPECT_THAT(block.Unknown({"kubernetes", "headscale", "cloudflare"}), IsEmpty());
  }
}

TEST(UnknownParts, AreToldOnePartFromAnother) {
  const auto unknown = [](const char* block, const std::vector<std::string>& parts) {
    Services services;
    ProviderBlock provider(services);
    EXPECT_THAT(
        provider.Configure(Call(), ObjectForTest(provider.schema(), block), "1.14.0").list(),
        IsEmpty());
    return provider.Unknown(parts);
  };
  const char* domain = R"({"kubernetes": {"host": "https://192.0.2.1"},
                           "conventions": {"domain": "<unknown>", "owner": "x"}})";
  EXPECT_THAT(unknown(domain, {""}), ElementsAre("conventions.domain"));
  EXPECT_THAT(unknown(domain, {"conventions"}), ElementsAre("conventions.domain"));
  EXPECT_THAT(unknown(domain, {"kubernetes", "conventions.owner", "conventions.dom"}), IsEmpty());
  EXPECT_THAT(unknown(domain, {}), IsEmpty());
  const char* tier = R"({"conventions": {"tiers": {"a": {"priority": "<unknown>"}}}})";
  EXPECT_THAT(unknown(tier, {"conventions.tiers"}), ElementsAre("conventions.tiers"));
  EXPECT_THAT(unknown(tier, {"conventions.owner"}), IsEmpty());
  const char* whole = R"({"conventions": "<unknown>", "headscale": {"api_key": "<unknown>"}})";
  EXPECT_THAT(unknown(whole, {"conventions.tiers", "conventions.owner"}),
              ElementsAre("conventions"));
  EXPECT_THAT(unknown(whole, {"kubernetes"}), IsEmpty());
  EXPECT_THAT(unknown(whole, {"headscale"}), ElementsAre("headscale.api_key"));
  Services services;
  ProviderBlock provider(services);
  EXPECT_THAT(provider.Configure(Call(), Value::Unknown(), "1.14.0").list(), IsEmpty());
  EXPECT_THAT(provider.Unknown({"kubernetes"}), SizeIs(1));
}

}  // namespace
}  // namespace charon
