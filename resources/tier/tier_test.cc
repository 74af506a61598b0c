#include "resources/tier/tier.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/sdk/registry.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"
#include "resources/tier/namespace.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(SameAmounts, AnEmptyTableIsNone) {
  const LimitTable written = {{"default", {{"memory", "1Gi"}}}, {"max", {}}};
  const LimitTable stored = {{"default", {{"memory", "1024Mi"}}}};
  EXPECT_EQ(InWordsOf(written, stored), written);
  EXPECT_TRUE(SameAmounts(written, stored));
  EXPECT_TRUE(SameAmounts(stored, written));
  EXPECT_FALSE(SameAmounts(written, {{"default", {{"memory", "2Gi"}}}}));
}

TEST(Namespace, ALabelOfTheServerIsRefused) {
  using Labels = std::map<std::string, std::string>;
  Services services;
  NamespaceResource resource(services);
  NamespaceModel config;
  config.name = "shop";
  config.labels = Labels{{"kubernetes.io/metadata.name", "t5"}};
  EXPECT_THAT(resource.Validate({}, config), StatusIsAt("labels[\"kubernetes.io/metadata.name\"]"));
  config.labels = Labels{{"kubernetes.io/metadata.name", "shop"}};
  EXPECT_THAT(resource.Validate({}, config), IsOk());
}

// "auto" without a policy engine: what the configuration says is made, not what was made first.
TEST(Namespace, AChangeCountsWhereNobodyElseGoverns) {
  Services services([](const auto&) -> absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> {
    return absl::UnavailableError("no cluster here");
  });
  sdk::Registry registry(std::make_unique<FakeProvider>());
  registry.Add(std::make_unique<NamespaceResource>(services));
  sdk::AnyResource& resource = *registry.resources().at("charon_tier_namespace");
  const auto planned = [&](const char* governance, const char* change) {
    sdk::PlanRequest request;
    request.prior = ObjectForTest(
        resource.schema(),
        absl::StrCat(R"({"name": "n", "tier": "edge", "governance": "auto", "default_deny": false,
          "limit_range": {}, "effective": {"governance": ")",
                     governance,
                     R"(", "priority_class": "tier-3-edge", "limit_range": {},
          "resource_quota": {"pods": "30"}}})"));
    request.config = ObjectForTest(
        resource.schema(),
        absl::StrCat(R"({"name": "n", "tier": "edge", "governance": "auto", )", change, "}"));
    request.proposed = core::ProposedNewState(resource.schema(), request.prior, request.config);
    request.capabilities = {.deferral_allowed = false, .write_only_allowed = true};
    return resource.Plan(Call(), request).planned["effective"];
  };
  const Value changed = planned("internal", R"("limit_range": {"max": {"memory": "1Gi"}},
    "resource_quota": {"pods": "3"})");
  EXPECT_EQ(changed["resource_quota"]["pods"], Value::String("3"));
  EXPECT_EQ(changed["limit_range"]["max"]["memory"], Value::String("1Gi"));
  EXPECT_EQ(changed["governance"], Value::String("internal"));
  EXPECT_EQ(planned("external", R"("resource_quota": {"pods": "3"})")["resource_quota"]["pods"],
            Value::String("30"));
}

// The provider block has unknown values: what this run makes of a tier reaches its namespaces.
class UnknownParts : public ::testing::Test {
 protected:
  UnknownParts()
      : services_([this](const auto&) -> absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> {
          ++asked_;
          return absl::UnavailableError("no cluster here");
        }) {
    auto provider = std::make_unique<FakeProvider>();
    provider_ = provider.get();
    registry_ = std::make_unique<sdk::Registry>(std::move(provider));
    registry_->Add(std::make_unique<TierResource>(services_));
    registry_->Add(std::make_unique<NamespaceResource>(services_));
  }

  // `part`: what of the block is unknown. `kubernetes`: whether nothing can be asked.
  void Configure(std::vector<std::string> unknown, bool kubernetes_unknown) {
    Settings settings;
    settings.configured = true;
    settings.unknown = std::move(unknown);
    services_.Configure(std::move(settings));
    provider_->set_config_unknown(kubernetes_unknown);
  }

  sdk::PlanAnswer Plan(const char* type, const std::string& prior, const std::string& config,
                       bool at_apply = false) {
    sdk::AnyResource& resource = *registry_->resources().at(type);
    sdk::PlanRequest request;
    request.prior = prior.empty() ? Value::Null() : ObjectForTest(resource.schema(), prior);
    request.config = ObjectForTest(resource.schema(), config);
    request.proposed = core::ProposedNewState(resource.schema(), request.prior, request.config);
    request.capabilities = {.deferral_allowed = at_apply, .write_only_allowed = true};
    sdk::PlanAnswer answer = resource.Plan(Call(), request);
    EXPECT_FALSE(answer.diagnostics.HasError());
    return answer;
  }

  Value PlanTier(const char* pods) {
    return Plan("charon_tier", kTier,
                absl::StrCat(R"({"name": "5-c", "priority": 4, "resource_quota": {"pods": ")", pods,
                             "\"}}"))
        .planned;
  }
  Value PlanNamespace(const char* tier) {
    return Plan("charon_tier_namespace",
                absl::StrCat(R"({"name": "n", "governance": "internal", "default_deny": false,
                  "delete_contents": false, "tier": ")",
                             tier, R"(", "effective": {"governance": "internal",
                  "priority_class": "tier-)",
                             tier, R"(", "limit_range": {}, "resource_quota": {"pods": "40"}}})"),
                absl::StrCat(R"({"name": "n", "tier": ")", tier, R"("})"))
        .planned["effective"];
  }

  static constexpr char kTier[] =
      R"({"name": "5-c", "priority": 4, "preemption_policy": "PreemptLowerPriority",
          "global_default": false, "limit_range": {}, "resource_quota": {"pods": "40"},
          "priority_class": "tier-5-c"})";

  int asked_ = 0;
  Services services_;
  FakeProvider* provider_ = nullptr;
  std::unique_ptr<sdk::Registry> registry_;
};

TEST_F(UnknownParts, ATiersChangeReachesItsNamespaces) {
  // Something that is of no concern here, and the cluster itself.
  for (const bool kubernetes : {false, true}) {
    Configure({kubernetes ? "kubernetes.host" : "conventions.domain"}, kubernetes);
    EXPECT_EQ(PlanTier("50")["resource_quota"]["pods"], Value::String("50"));
    EXPECT_EQ(PlanNamespace("5-c")["resource_quota"]["pods"], Value::String("50"));
    // Which no tier of this run is, and nobody can be asked about.
    if (kubernetes) {
      EXPECT_EQ(PlanNamespace("6-d")["resource_quota"]["pods"], Value::String("40"));
    }
  }
}

TEST_F(UnknownParts, UnknownTablesSayNothingYet) {
  Configure({"conventions.tiers"}, true);
  const Value edge = PlanNamespace("3-edge");
  EXPECT_TRUE(edge["resource_quota"].IsUnknown());
  EXPECT_TRUE(edge["priority_class"].IsUnknown());
  const Value made = Plan("charon_tier", "", R"({"name": "3-edge"})").planned;
  EXPECT_TRUE(made["priority"].IsUnknown());
  EXPECT_TRUE(made["limit_range"].IsUnknown());
  EXPECT_TRUE(made["resource_quota"].IsUnknown());
}

TEST_F(UnknownParts, LabelsOfConventionsArePlannedOnceTheyAreKnown) {
  const auto planned = [this](const char* labels_all) {
    const std::string prior = absl::StrCat(std::string(kTier, sizeof(kTier) - 2), R"(,
        "labels_all": )",
                                           labels_all, "}");
    return Plan("charon_tier", prior,
                R"({"name": "5-c", "priority": 4, "resource_quota": {"pods": "40"}})")
        .planned["labels_all"];
  };
  const char* now = R"({"app.kubernetes.io/managed-by": "charon", "tier": "5-c"})";
  const char* former = R"({"app.kubernetes.io/managed-by": "charon", "team": "x", "tier": "5-c"})";
  Configure({"conventions.domain"}, false);
  const Value known = planned(now);
  EXPECT_EQ(known.mapping().size(), 2u);
  EXPECT_EQ(planned(former), known);
  // Of a state from before there was the attribute, until it is read.
  EXPECT_TRUE(planned("null").IsNull());
  for (const char* unknown : {"conventions.managed_by", "conventions.default_labels"}) {
    Configure({unknown}, true);
    EXPECT_TRUE(planned(now).IsUnknown());
  }
}

// With another owner the stack's own objects would be somebody else's.
TEST_F(UnknownParts, NobodyIsAskedInTheNameOfAnUnknownOwner) {
  const char* config = R"({"name": "t", "priority": 1})";
  Configure({"conventions.owner"}, true);
  Plan("charon_tier", "", config);
  EXPECT_EQ(asked_, 0);
  Configure({}, false);
  Plan("charon_tier", "", config);
  EXPECT_GT(asked_, 0);
}

TEST_F(UnknownParts, APriorityOfUnknownTablesStaysUntilItIsKnownInAPlan) {
  const char* prior = R"({"name": "3-edge", "priority": 3, "global_default": false,
      "preemption_policy": "PreemptLowerPriority", "limit_range": {}, "resource_quota": {},
      "priority_class": "tier-3-edge"})";
  const char* config = R"({"name": "3-edge", "description": "new"})";
  Configure({"conventions.tiers"}, true);
  const sdk::PlanAnswer planned = Plan("charon_tier", prior, config);
  EXPECT_EQ(planned.planned["priority"], Value::Of(Number(3)));
  EXPECT_TRUE(planned.planned["resource_quota"].IsUnknown());
  EXPECT_THAT(planned.requires_replace, IsEmpty());
  // The apply knows them: core refuses a replacement that it was not told of.
  Configure({}, false);
  const sdk::PlanAnswer at_apply = Plan("charon_tier", prior, config, /*at_apply=*/true);
  EXPECT_EQ(at_apply.planned["priority"], Value::Of(Number(3)));
  EXPECT_THAT(at_apply.requires_replace, IsEmpty());
  EXPECT_EQ(at_apply.diagnostics.list().size(), 1u);
  const sdk::PlanAnswer next = Plan("charon_tier", prior, config);
  EXPECT_NE(next.planned["priority"], Value::Of(Number(3)));
  EXPECT_THAT(next.requires_replace, SizeIs(1));
}

// Both halves of a replacement have one name: with create_before_destroy the former PriorityClass
// is there when the new one comes. Answers are v1.36.3's.
TEST(Tier, ItsFormerClassMakesRoom) {
  http::FakeTransport transport;
  FakeClock clock;
  Services services([&](const auto&) -> absl::StatusOr<std::unique_ptr<kubernetes::Cluster>> {
    return kubernetes::NewCluster(http::Borrow(transport), "");
  });
  TierResource resource(services);
  sdk::Context context;
  context.call.clock = &clock;
  context.call.deadline = clock.Now() + absl::Minutes(1);
  TierModel plan;
  plan.name = "t";
  plan.priority = 4;
  plan.preemption_policy = "PreemptLowerPriority";
  plan.global_default = true;

  const char* exists =
      R"({"kind":"Status","status":"Failure","message":"Operation cannot be fulfilled on priorityclasses.scheduling.k8s.io \"tier-t\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"tier-t","group":"scheduling.k8s.io","kind":"priorityclasses"},"code":409})";
  const char* refused =
      R"({"kind":"Status","status":"Failure","message":"PriorityClass \"tier-t\" is invalid: value: Forbidden: may not be changed in an update.","reason":"Invalid","details":{"name":"tier-t","kind":"PriorityClass","causes":[{"reason":"FieldValueForbidden","message":"Forbidden: may not be changed in an update.","field":"value"}]},"code":422})";
  const auto live = [](int value) {
    return absl::StrCat(
        R"({"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","value":)", value,
        R"(,"preemptionPolicy":"PreemptLowerPriority","metadata":{"name":"tier-t","uid":"u","resourceVersion":"7",
        "annotations":{"charon.internal/owner":"default/charon_tier/t"},"managedFields":[{"manager":"charon",
        "operation":"Apply","apiVersion":"scheduling.k8s.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:value":{}}}]}})");
  };
  transport.Answer(409, exists);
  transport.Answer(200, live(3));
  transport.Answer(422, refused);
  transport.Answer(200, live(3));
  transport.Answer(201, live(4));  // a dry run
  transport.Answer(200, live(3));
  transport.Answer(200,
                   R"({"kind":"Status","status":"Success","details":{"name":"tier-t","uid":"u"}})");
  transport.Answer(201, live(4));
  ASSERT_THAT(resource.Create(context, plan).status(), IsOk());
  std::vector<std::string> sent;
  for (const http::Request& request : transport.requests())
    sent.push_back(request.method +
                   (absl::StrContains(request.url, "dryRun=All") ? " dry run" : ""));
  EXPECT_THAT(
      sent, ElementsAre("PATCH", "GET", "PATCH", "GET", "PATCH dry run", "GET", "DELETE", "PATCH"));
  // There is one default class, which the former one still is.
  EXPECT_THAT(transport.requests()[4].body, Not(HasSubstr("globalDefault")));
  EXPECT_THAT(transport.requests()[7].body, HasSubstr("globalDefault"));

  // The delete half, which comes after it, finds what the other has taken.
  EXPECT_THAT(resource.Delete(context, plan), IsOk());
  EXPECT_THAT(transport.requests(), SizeIs(8));
}

}  // namespace
}  // namespace charon::tier
