#include "resources/dns/zone.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/clients/dns/fake_backend_for_test.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/resource_harness.h"
#include "provider/testing/status_matchers.h"

namespace charon::dns_resources {
namespace {

using dns::FakeBackend;
using dns::RecordSet;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ZoneTest : public ::testing::Test {
 public:  // a test can have several
  void TestBody() override {}

  explicit ZoneTest(const std::string& service = "route53") {
    services_.Configure(Settings());
    DnsSettings dns;
    dns.configured = {service};
    services_.dns().Configure(dns);
    auto backend = std::make_unique<FakeBackend>();
    backend->title = service;
    fake_ = backend.get();
    services_.dns().UseForTest(
        [held = std::make_shared<std::unique_ptr<FakeBackend>>(std::move(backend))](
            const std::string&,
            const DnsSettings&) -> absl::StatusOr<std::unique_ptr<dns::Backend>> {
          return std::move(*held);
        });
    harness_.call.clock = &clock_;
  }
  void Put(const std::string& name) {
    RecordSet set;
    set.key = {name, "A", ""};
    set.ttl = 300;
    set.values = {"192.0.2.1"};
    fake_->Put(fake_->zones().front(), set);
  }

  FakeClock clock_;
  FakeBackend* fake_ = nullptr;
  Services services_;
  ResourceHarness harness_{std::make_unique<ZoneResource>(services_)};
};

TEST_F(ZoneTest, IsMadeChangedImportedAndDeleted) {
  EXPECT_EQ(harness_.Apply(R"({"name": "example.org", "comment": "main"})"), core::Action::kCreate);
  EXPECT_EQ(harness_["id"], Value::String("route53/example.org"));
  EXPECT_EQ(harness_["zone_id"], Value::String("fake-1"));
  EXPECT_EQ(
      harness_["name_servers"],
      harness_.Object(R"({"name": "x", "name_servers": ["ns1.example.net", "ns2.example.net"]})")
          ["name_servers"]);
  EXPECT_EQ(harness_.Apply(R"({"name": "EXAMPLE.org.", "comment": "other"})"),
            core::Action::kUpdate);
  EXPECT_EQ(fake_->zones().front().comment, "other");
  harness_.Import("route53/example.org");
  EXPECT_EQ(harness_.Apply(R"({"name": "example.org", "comment": "other"})"), core::Action::kNoOp);
  EXPECT_EQ(harness_.Destroy(), core::Action::kDelete);
  EXPECT_THAT(fake_->zones(), IsEmpty());
}

TEST_F(ZoneTest, OneOfSeveralOfANameIsImportedByItsId) {
  fake_->AddZone("example.org");
  fake_->AddZone("example.org");
  harness_.Import("route53/fake-2");
  EXPECT_EQ(harness_["zone_id"], Value::String("fake-2"));
  EXPECT_EQ(harness_["name"], Value::String("example.org"));
  EXPECT_EQ(harness_.Apply(R"({"name": "example.org", "comment": "second"})"),
            core::Action::kUpdate);
  EXPECT_EQ(fake_->zones()[0].comment, "");
  EXPECT_EQ(fake_->zones()[1].comment, "second");
  EXPECT_EQ(harness_.Destroy(), core::Action::kDelete);
  EXPECT_EQ(fake_->zones().size(), 1u);
}

TEST_F(ZoneTest, AZoneThatCannotBeSeenIsNotGone) {
  harness_.Apply(R"({"name": "example.org"})");
  sdk::PrivateState kept = sdk::PrivateState::Parse(harness_.private_bytes());
  sdk::Diagnostics diagnostics;
  sdk::Context context{.call = harness_.call, .diagnostics = &diagnostics, .private_state = &kept};
  ZoneModel prior;
  prior.backend = "route53";
  prior.name = "example.org";
  prior.zone_id = "fake-1";
  ZoneResource resource(services_);
  const auto directory = services_.dns().Get("route53").value();
  const dns::Zone zone = fake_->zones().front();
  directory->ForgetZone(zone);
  fake_->hides_zones = true;
  EXPECT_THAT(resource.Read(context, prior).status(),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(resource.Delete(context, prior), StatusIs(absl::StatusCode::kPermissionDenied));
  fake_->hides_zones = false;
  ASSERT_THAT(fake_->DeleteZone(context, zone), IsOk());
  fake_->server = "other.example";
  EXPECT_THAT(resource.Read(context, prior).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("last seen at")));
  EXPECT_THAT(resource.Delete(context, prior), StatusIs(absl::StatusCode::kFailedPrecondition));
  fake_->server = "dns.example";
  EXPECT_THAT(resource.Read(context, prior).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ZoneTest, IsNotDeletedWithRecordsOfOthers) {
  harness_.Apply(R"({"name": "example.org"})");
  Put("foreign.example.org");
  const auto zone = fake_->zones().front();
  ZoneResource resource(services_);
  ZoneModel model;
  model.backend = "route53";
  model.name = "example.org";
  model.zone_id = zone.id;
  sdk::Context context;
  context.call.clock = &clock_;
  EXPECT_THAT(resource.Delete(context, model),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("A foreign.example.org")));
  model.force_destroy = true;
  EXPECT_THAT(resource.Delete(context, model), IsOk());
  EXPECT_THAT(fake_->zones(), IsEmpty());
}

TEST_F(ZoneTest, WhatAnInterruptedApplyLeftIsTakenAndNothingElse) {
  const absl::Time now = clock_.Now();
  for (const auto& [says, made, on_conflict, records] :
       std::vector<std::tuple<const char*, std::optional<absl::Time>, const char*, bool>>{
           {"", now - absl::Minutes(59), nullptr, false},
           {"", std::nullopt, "adopt", true},
           {"not made just now", now - absl::Minutes(61), nullptr, false},
           {"not made just now", std::nullopt, nullptr, false},
           {"1 record sets in it", now, nullptr, true},
           {"already (fake-1)", now, "fail", false}}) {
    const std::string what = absl::StrCat(says, " ", on_conflict == nullptr ? "" : on_conflict);
    ZoneTest other;
    other.fake_->AddZone("example.org", made);
    if (records) other.Put("www.example.org");
    const std::string config =
        on_conflict == nullptr
            ? R"({"name": "example.org"})"
            : absl::StrCat(R"({"name": "example.org", "on_conflict": ")", on_conflict, "\"}");
    if (*says == '\0') {
      EXPECT_EQ(other.harness_.Apply(config), core::Action::kCreate) << what;
      EXPECT_EQ(other.harness_["zone_id"], Value::String("fake-1")) << what;
    } else {
      EXPECT_THAT(other.harness_.ApplyToFail(config),
                  ElementsAre(AllOf(HasSubstr(says), HasSubstr("on_conflict = \"adopt\""))))
          << what;
      // The plan says it where it can tell.
      EXPECT_EQ(other.harness_.warnings().empty(), records) << what;
    }
    EXPECT_EQ(other.fake_->zones().size(), 1u) << what;
  }
}

TEST_F(ZoneTest, ALostReplyOfTheCreationIsNoError) {
  fake_->lose_next = FakeBackend::Loss::kAfter;
  EXPECT_EQ(harness_.Apply(R"({"name": "example.org"})"), core::Action::kCreate);
  EXPECT_EQ(fake_->zones().size(), 1u);
  EXPECT_EQ(harness_.Destroy(), core::Action::kDelete);
  fake_->lose_next = FakeBackend::Loss::kBefore;
  EXPECT_EQ(harness_.Apply(R"({"name": "example.org"})"), core::Action::kCreate);
  EXPECT_EQ(fake_->zones().size(), 1u);
}

TEST_F(ZoneTest, TheCreateHalfOfAReplacementDoesNotTakeWhatTheOtherDeletes) {
  harness_.Apply(R"({"name": "example.org"})");
  services_.dns().Get("route53").value()->ForgetZone(fake_->zones().front());
  sdk::PrivateState kept;
  kept.Set("held", fake_->zones().front().id);
  sdk::Diagnostics diagnostics;
  sdk::Context context{.call = harness_.call, .diagnostics = &diagnostics, .private_state = &kept};
  ZoneModel plan;
  plan.backend = "route53";
  plan.name = "example.org";
  EXPECT_THAT(ZoneResource(services_).Create(context, plan).status(),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(ZoneTest, WhatOnlySomeServicesTakeIsLeftToThem) {
  // RFC 2317, and a network of one's own.
  for (const char* name : {"0/25.2.0.192.in-addr.arpa", "home"}) {
    EXPECT_EQ(ZoneTest("powerdns").harness_.Apply(absl::StrCat(R"({"name": ")", name, R"("})")),
              core::Action::kCreate)
        << name;
  }
}

TEST_F(ZoneTest, SaysWhatIsWrong) {
  EXPECT_THAT(harness_.ApplyToFail(R"({"name": "example.org", "account_id": "x"})"),
              ElementsAre(HasSubstr("is for cloudflare")));
  EXPECT_THAT(harness_.ApplyToFail(R"({"name": "example.org", "backend": "rfc2136"})"),
              ElementsAre(HasSubstr("cannot make or delete zones")));
  EXPECT_THAT(harness_.ApplyToFail(R"({"name": "a..b"})"), ElementsAre(HasSubstr("empty label")));
  EXPECT_THAT(harness_.ApplyToFail(R"({"name": "example.org/a"})"),
              ElementsAre(HasSubstr("only reverse zones")));
  EXPECT_THAT(ZoneTest("cloudflare").harness_.ApplyToFail(R"({"name": "home"})"),
              ElementsAre(AllOf(HasSubstr("no zone of one label"), HasSubstr("example.org"))));
  ZoneResource resource(services_);
  for (const char* id : {"example.org", "rfc2136/example.org", "nowhere/example.org"}) {
    EXPECT_THAT(resource.Import({}, id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
}

}  // namespace
}  // namespace charon::dns_resources
