#include "resources/dns/record.h"

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
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// The service keeps what it has from one run of Terraform to the next.
class Shared final : public dns::Backend {
 public:
  explicit Shared(FakeBackend& inner) : inner_(inner) {}
  absl::string_view name() const override { return inner_.name(); }
  dns::Features features() const override { return inner_.features(); }
  std::string Server() const override { return inner_.Server(); }
  bool IsZoneId(absl::string_view text) const override { return inner_.IsZoneId(text); }
  absl::StatusOr<dns::Zone> ZoneById(const Call& c, const std::string& id) override {
    return inner_.ZoneById(c, id);
  }
  absl::StatusOr<std::vector<dns::Zone>> ZonesNamed(const Call& c, const std::string& n) override {
    return inner_.ZonesNamed(c, n);
  }
  absl::StatusOr<std::vector<RecordSet>> List(const Call& c, const dns::Zone& z) override {
    return inner_.List(c, z);
  }
  absl::StatusOr<std::optional<RecordSet>> Lookup(const Call& c, const dns::Zone& z,
                                                  const dns::SetKey& k) override {
    return inner_.Lookup(c, z, k);
  }
  std::size_t Fits(const dns::Zone& z, std::span<const dns::Unit> u) const override {
    return inner_.Fits(z, u);
  }
  dns::WriteResult Write(const Call& c, const dns::Zone& z, std::span<dns::Unit> u) override {
    return inner_.Write(c, z, u);
  }
  absl::Status AwaitLive(const Call& c, const std::string& r) override {
    return inner_.AwaitLive(c, r);
  }

 private:
  FakeBackend& inner_;
};

class RecordTest : public ::testing::Test {
 protected:
  RecordTest() {
    fake_.has.proxied = fake_.has.routing = fake_.has.automatic_ttl = true;
    fake_.has.default_ttl = 1;
    fake_.AddZone("example.org");
    zone_ = fake_.zones().front();
    NewRun();
  }
  // What a new process knows: nothing.
  void NewRun() {
    services_.Configure(Settings());
    DnsSettings dns;
    dns.configured = {"cloudflare"};
    services_.dns().Configure(dns);
    services_.dns().UseForTest(
        [this](const std::string&,
               const DnsSettings&) -> absl::StatusOr<std::unique_ptr<dns::Backend>> {
          return std::make_unique<Shared>(fake_);
        });
  }
  std::unique_ptr<ResourceHarness> New() {
    auto harness = std::make_unique<ResourceHarness>(std::make_unique<RecordResource>(services_));
    harness->call.clock = &clock_;
    return harness;
  }
  // Each command of Terraform is a process of its own.
  core::Action Apply(ResourceHarness& harness, const std::string& config) {
    NewRun();
    return harness.Apply(config);
  }
  std::vector<std::string> ApplyToFail(ResourceHarness& harness, const std::string& config) {
    NewRun();
    return harness.ApplyToFail(config);
  }
  static std::string Www(const std::string& rest) {
    return absl::StrCat(R"({"zone": "example.org", "name": "www.example.org", "type": "A", )", rest,
                        "}");
  }
  static RecordSet Set(const std::string& name, const std::string& type,
                       std::vector<std::string> values) {
    RecordSet set;
    set.key = {name, type, ""};
    set.ttl = 1;
    set.values = std::move(values);
    return set;
  }
  std::vector<std::string> Live() {
    std::vector<std::string> live;
    for (const auto& [key, set] : fake_.sets(zone_)) {
      for (const std::string& value : set.values)
        live.push_back(absl::StrCat(key.name, " ", key.type, " ", value));
    }
    return live;
  }

  FakeClock clock_;
  FakeBackend fake_;
  dns::Zone zone_;
  Services services_;
};

TEST_F(RecordTest, IsMadeChangedFoundAndRemoved) {
  auto record = New();
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1"], "comment": "site", "proxied": true)")),
            core::Action::kCreate);
  EXPECT_EQ((*record)["backend"], Value::String("cloudflare"));
  EXPECT_EQ((*record)["id"], Value::String("cloudflare/example.org/www.example.org/A"));
  EXPECT_EQ((*record)["ttl"], Value::Of(Number(1)));
  EXPECT_THAT(Live(), ElementsAre("www.example.org A 192.0.2.1"));
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1", "192.0.2.2"], "ttl": 120)")),
            core::Action::kUpdate);
  // What was written here and is no more is taken back.
  const RecordSet live = fake_.sets(zone_).begin()->second;
  EXPECT_EQ(live.comment, "");
  EXPECT_EQ(live.proxied, false);
  EXPECT_EQ(live.ttl, 120);
  NewRun();
  record->Import("cloudflare/example.org/WWW.example.org./a");
  EXPECT_EQ(record->state()["values"],
            record->Object(Www(R"("values": ["192.0.2.1", "192.0.2.2"])"))["values"]);
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1", "192.0.2.2"], "ttl": 120)")),
            core::Action::kNoOp);
  EXPECT_EQ(record->Destroy(), core::Action::kDelete);
  EXPECT_THAT(Live(), IsEmpty());
}

TEST_F(RecordTest, IsMadeAgainAfterSomebodyDeletedIt) {
  auto record = New();
  Apply(*record, Www(R"("values": ["192.0.2.1"])"));
  fake_.Remove(zone_, {"www.example.org", "A", ""});
  NewRun();
  record->Refresh();
  EXPECT_TRUE(record->state().IsNull());
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1"])")), core::Action::kCreate);
}

TEST_F(RecordTest, AZoneThatCannotBeSeenIsNotGone) {
  for (const char* by : {"example.org", "fake-1"}) {
    auto harness = New();
    const std::string config = absl::StrCat(R"({"zone": ")", by,
                                            R"(", "name": "www.example.org", "type": "A", )"
                                            R"("values": ["192.0.2.1"]})");
    Apply(*harness, config);
    sdk::PrivateState kept = sdk::PrivateState::Parse(harness->private_bytes());
    sdk::Diagnostics diagnostics;
    sdk::Context context{
        .call = harness->call, .diagnostics = &diagnostics, .private_state = &kept};
    RecordModel prior;
    prior.backend = "cloudflare";
    prior.zone = by;
    prior.name = "www.example.org";
    prior.type = "A";
    prior.values = std::set<std::string>{"192.0.2.1"};
    RecordResource resource(services_);
    const auto read_and_deleted = [&] {
      NewRun();
      absl::Status read = resource.Read(context, prior).status();
      EXPECT_EQ(read.code(), resource.Delete(context, prior).code());
      return read;
    };
    // Credentials that see less: the list leaves it out, the id is refused.
    fake_.hides_zones = true;
    EXPECT_THAT(read_and_deleted(), StatusIs(absl::StatusCode::kPermissionDenied)) << by;
    fake_.hides_zones = false;
    // Another server.
    const dns::Zone zone = fake_.zones().front();
    fake_.server = "other.example";
    ASSERT_THAT(fake_.DeleteZone(context, zone), IsOk());
    EXPECT_THAT(read_and_deleted(),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("last seen at dns.example, and this is other.example")))
        << by;
    // One that answers this to everybody who may not ask.
    fake_.server = "dns.example";
    fake_.has.zones = false;
    EXPECT_THAT(read_and_deleted(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("may not ask")))
        << by;
    fake_.has.zones = true;
    // What was moved here was not seen yet.
    kept.Erase("zone");
    EXPECT_THAT(read_and_deleted(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not seen before")))
        << by;
    // It is gone indeed.
    NewRun();
    harness->Refresh();
    EXPECT_TRUE(harness->state().IsNull()) << by;
    fake_.AddZone("example.org");
  }
}

TEST_F(RecordTest, AZoneThatNobodyPlansIsAWarningOnce) {
  const std::string in_nowhere =
      R"({"zone": "example.net", "name": "www.example.net", "type": "A", "values": ["192.0.2.1"]})";
  auto record = New(), other = New();
  EXPECT_THAT(ApplyToFail(*record, in_nowhere), ElementsAre(HasSubstr("here is no zone")));
  EXPECT_THAT(record->warnings(), ElementsAre(AllOf(HasSubstr("zone: There is no such zone"),
                                                    HasSubstr("Unless this run makes it"))));
  other->ApplyToFail(R"({"zone": "EXAMPLE.net.", "name": "a.example.net", "type": "A",
                         "values": ["192.0.2.1"]})");
  EXPECT_THAT(other->warnings(), IsEmpty());
  // This run makes it.
  NewRun();
  services_.Configure(Settings());
  (void)services_.Claim("planned zone cloudflare/example.net");
  auto third = New();
  third->ApplyToFail(in_nowhere);
  EXPECT_THAT(third->warnings(), IsEmpty());
}

TEST_F(RecordTest, WhatIsTaintedIsNotDeletedToBeMadeTheSame) {
  RecordResource resource(services_);
  RecordModel model;
  model.id = "cloudflare/example.org/www.example.org/A";
  model.backend = "cloudflare";
  model.zone = "example.org";
  model.name = "www.example.org";
  model.type = "A";
  model.ttl = 300;
  model.values = std::set<std::string>{"192.0.2.1", "192.0.2.2"};
  const std::string same = resource.SameObject(model);
  EXPECT_FALSE(same.empty());
  RecordModel other = model;
  other.on_conflict = "adopt";
  EXPECT_EQ(resource.SameObject(other), same);
  // Anything else is deleted first, or it would stand in the way of its own creation.
  other.values = std::set<std::string>{"192.0.2.1"};
  EXPECT_NE(resource.SameObject(other), same);
  other = model;
  other.comment = "x";
  EXPECT_NE(resource.SameObject(other), same);
  other = model;
  other.values = Attr<std::set<std::string>>::Unknown();
  EXPECT_EQ(resource.SameObject(other), "");
}

TEST_F(RecordTest, TheSameInOtherWordsIsNoChange) {
  auto record = New();
  Apply(
      *record,
      R"({"zone": "example.org", "name": "mail.example.org", "type": "TXT", "values": ["v=spf1 -all", "\"a\" \"b\""]})");
  fake_.Put(zone_, Set("mail.example.org", "TXT", {"\"ab\"", "\"v=spf1 \" \"-all\""}));
  NewRun();
  record->Refresh();
  EXPECT_EQ(
      Apply(
          *record,
          R"({"zone": "example.org.", "name": "MAIL.Example.org.", "type": "TXT", "values": ["\"ab\"", "\"v=spf1\" \" -all\""]})"),
      core::Action::kNoOp);
  auto name = New();
  Apply(
      *name,
      R"({"zone": "example.org", "name": "b\u00fccher.example.org", "type": "CNAME", "values": ["Target.example.net."]})");
  EXPECT_EQ(fake_.sets(zone_).count({"xn--bcher-kva.example.org", "CNAME", ""}), 1u);
  EXPECT_EQ(
      Apply(
          *name,
          R"({"zone": "example.org", "name": "xn--bcher-kva.example.org", "type": "CNAME", "values": ["target.example.net"]})"),
      core::Action::kNoOp);
}

TEST_F(RecordTest, WhatIsNotWrittenHereIsLeftAlone) {
  auto record = New();
  Apply(*record, Www(R"("values": ["192.0.2.1"])"));
  RecordSet live = fake_.sets(zone_).begin()->second;
  live.comment = "somebody's note";
  fake_.Put(zone_, live);
  NewRun();
  record->Refresh();
  EXPECT_TRUE((*record)["comment"].IsNull());
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.7"])")), core::Action::kUpdate);
  EXPECT_EQ(fake_.sets(zone_).begin()->second.comment, "somebody's note");
}

TEST_F(RecordTest, NamesAllFaultsAtOnce) {
  auto record = New();
  EXPECT_THAT(
      ApplyToFail(*record,
                  R"({"zone": "example.org", "name": "www.example.net", "type": "A", "ttl": 0,
                                       "values": ["300.1.1.1", "192.0.2.1", "x"]})"),
      UnorderedElementsAre(AllOf(HasSubstr("ttl: "), HasSubstr("at least 1 second")),
                           AllOf(HasSubstr("values: "), HasSubstr("300.1.1.1")),
                           AllOf(HasSubstr("values: "), HasSubstr("'x'")),
                           AllOf(HasSubstr("name: "), HasSubstr("outside the zone example.org"))));
}

TEST_F(RecordTest, OnConflictDecidesWhatHappensToASetThatIsThere) {
  fake_.Put(zone_, Set("www.example.org", "A", {"198.51.100.7"}));
  auto record = New();
  EXPECT_THAT(ApplyToFail(*record, Www(R"("values": ["192.0.2.1"])")),
              ElementsAre(HasSubstr("exists already (198.51.100.7)")));
  EXPECT_THAT(Live(), ElementsAre("www.example.org A 198.51.100.7"));
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1"], "on_conflict": "adopt")")),
            core::Action::kCreate);
  EXPECT_THAT(Live(), ElementsAre("www.example.org A 192.0.2.1"));

  RecordSet noted = Set("other.example.org", "A", {"198.51.100.7"});
  noted.comment = "somebody's note";
  fake_.Put(zone_, noted);
  auto other = New();
  EXPECT_EQ(
      Apply(
          *other,
          R"({"zone": "example.org", "name": "other.example.org", "type": "A", "values": ["192.0.2.1"], "on_conflict": "replace"})"),
      core::Action::kCreate);
  EXPECT_EQ(fake_.sets(zone_).at({"other.example.org", "A", ""}).comment, std::nullopt);
}

TEST_F(RecordTest, WhatAKilledApplyMadeIsFoundAgain) {
  fake_.Put(zone_, Set("www.example.org", "A", {"192.0.2.1"}));
  auto record = New();
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1"])")), core::Action::kCreate);
  EXPECT_EQ(fake_.writes, 0);
}

TEST_F(RecordTest, ALostReplyLeavesNothingBehind) {
  auto record = New();
  fake_.lose_next = FakeBackend::Loss::kAfter;
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.1"])")), core::Action::kCreate);
  fake_.lose_next = FakeBackend::Loss::kAfter;
  NewRun();
  EXPECT_EQ(record->Destroy(), core::Action::kDelete);
  EXPECT_THAT(Live(), IsEmpty());
}

TEST_F(RecordTest, TwoResourcesForOneSetAreAnError) {
  auto one = New(), two = New();
  NewRun();
  one->Apply(Www(R"("values": ["192.0.2.1"])"));
  EXPECT_THAT(two->ApplyToFail(Www(R"("values": ["192.0.2.1"])")),
              ElementsAre(HasSubstr("nother resource of this configuration")));
}

TEST_F(RecordTest, OwnershipIsMarkedAsExternalDnsDoesAndRespected) {
  auto record = New();
  Apply(*record, Www(R"("values": ["192.0.2.1"], "ownership": {"owner_id": "home"})"));
  EXPECT_THAT(Live(), ElementsAre("a-www.example.org TXT "
                                  "\"heritage=external-dns,external-dns/owner=home,external-dns/"
                                  "resource=charon_dns_record\"",
                                  "www.example.org A 192.0.2.1"));
  // Ours is found again whatever it holds.
  auto again = New();
  EXPECT_EQ(
      Apply(
          *again,
          Www(R"("values": ["192.0.2.5"], "ownership": {"owner_id": "home"}, "on_conflict": "adopt")")),
      core::Action::kCreate);
  // Another owner's is not taken, neither with nor without a mark of our own.
  auto other = New();
  EXPECT_THAT(
      ApplyToFail(
          *other,
          Www(R"("values": ["192.0.2.9"], "ownership": {"owner_id": "other"}, "on_conflict": "adopt")")),
      ElementsAre(HasSubstr("held by the owner \"home\"")));
  EXPECT_THAT(ApplyToFail(*other, Www(R"("values": ["192.0.2.9"], "on_conflict": "replace")")),
              ElementsAre(HasSubstr("held by the owner \"home\"")));
  // The mark goes with the attribute.
  EXPECT_EQ(Apply(*again, Www(R"("values": ["192.0.2.5"])")), core::Action::kUpdate);
  EXPECT_THAT(Live(), ElementsAre("www.example.org A 192.0.2.5"));
  EXPECT_EQ(
      Apply(*again,
            Www(R"("values": ["192.0.2.5"], "ownership": {"owner_id": "home", "prefix": "own-"})")),
      core::Action::kUpdate);
  EXPECT_THAT(Live(),
              ElementsAre(HasSubstr("own-a-www.example.org TXT"), "www.example.org A 192.0.2.5"));
  // Names have no case, external-dns' affixes neither.
  EXPECT_EQ(
      Apply(*again,
            Www(R"("values": ["192.0.2.5"], "ownership": {"owner_id": "home", "prefix": "OWN-"})")),
      core::Action::kUpdate);
  EXPECT_THAT(Live(),
              ElementsAre(HasSubstr("own-a-www.example.org TXT"), "www.example.org A 192.0.2.5"));
  again->Destroy();
  EXPECT_THAT(Live(), IsEmpty());
}

TEST_F(RecordTest, WhatOurOwnIdHoldsIsAdoptedWithoutBeingTold) {
  fake_.Put(zone_, Set("www.example.org", "A", {"198.51.100.1"}));
  fake_.Put(zone_, Set("a-www.example.org", "TXT", {dns::OwnerText({"home", "ingress/web/site"})}));
  auto record = New();
  EXPECT_EQ(Apply(*record, Www(R"("values": ["192.0.2.5"], "ownership": {"owner_id": "home"})")),
            core::Action::kCreate);
  EXPECT_THAT(record->warnings(), ElementsAre(HasSubstr("will be changed to what is declared")));
}

TEST_F(RecordTest, NothingIsMadeBesideTheMarkOfAnother) {
  fake_.Put(zone_, Set("www.example.org", "TXT", {dns::OwnerText({"k8s", ""})}));
  auto record = New();
  EXPECT_THAT(ApplyToFail(*record, Www(R"("values": ["192.0.2.5"])")),
              ElementsAre(HasSubstr("held by the owner \"k8s\"")));
}

TEST_F(RecordTest, TheMarkOfAnApexHasALabelOfItsOwn) {
  auto record = New();
  const std::string apex =
      R"({"zone": "example.org", "name": "example.org", "type": "A", "values": ["192.0.2.1"], "ownership": )";
  EXPECT_THAT(ApplyToFail(*record, apex + R"({"owner_id": "home"}})"),
              ElementsAre(AllOf(HasSubstr("outside the zone"),
                                // As one has to write it in HCL.
                                HasSubstr("prefix = \"%%{record_type}-owner.\""))));
  EXPECT_EQ(Apply(*record, apex + R"({"owner_id": "home", "prefix": "%{record_type}-owner."}})"),
            core::Action::kCreate);
  EXPECT_EQ(fake_.sets(zone_).count({"a-owner.example.org", "TXT", ""}), 1u);
  // As one has whose label is as long as may be.
  const std::string longest =
      absl::StrCat(R"({"zone": "example.org", "name": ")", std::string(63, 'x'),
                   R"(.example.org", "type": "A", "values": ["192.0.2.1"], "ownership": )");
  EXPECT_THAT(ApplyToFail(*New(), longest + R"({"owner_id": "home"}})"),
              ElementsAre(HasSubstr("at most 63")));
}

TEST_F(RecordTest, AMarkBeyondAsciiIsFoundAgain) {
  auto record = New();
  const std::string config =
      Www(R"("values": ["192.0.2.1"], "ownership": {"owner_id": "home", "prefix": "Größe-"})");
  EXPECT_EQ(Apply(*record, config), core::Action::kCreate);
  // As services store it.
  EXPECT_THAT(Live(), UnorderedElementsAre(HasSubstr("xn--grsse-a-www-sfb.example.org TXT"),
                                           "www.example.org A 192.0.2.1"));
  NewRun();
  record->Refresh();
  EXPECT_EQ(Apply(*record, config), core::Action::kNoOp);
  record->Destroy();
  EXPECT_THAT(Live(), IsEmpty());
}

TEST_F(RecordTest, SomebodyElsesMarkStopsAChangeAndTheRemoval) {
  auto record = New();
  Apply(*record, Www(R"("values": ["192.0.2.1"])"));
  fake_.Put(zone_, Set("a-www.example.org", "TXT", {dns::OwnerText({"k8s", "ingress/web/site"})}));
  EXPECT_THAT(ApplyToFail(*record, Www(R"("values": ["192.0.2.2"])")),
              ElementsAre(HasSubstr("held by the owner \"k8s\" (ingress/web/site)")));
}

TEST_F(RecordTest, TheZonesLimitOfRecordsIsAWarningAndThenAnError) {
  fake_.Limit(2);
  fake_.Put(zone_, Set("a.example.org", "A", {"192.0.2.1", "192.0.2.2"}));
  auto record = New();
  EXPECT_THAT(ApplyToFail(*record, Www(R"("values": ["192.0.2.1"])")),
              ElementsAre(HasSubstr("has 2 records (those of this run counted), 1 more")));
  EXPECT_EQ(fake_.writes, 0);
}

TEST_F(RecordTest, WaitsForTheNameServersOnRequest) {
  auto record = New();
  Apply(*record, Www(R"("values": ["192.0.2.1"])"));
  EXPECT_EQ(fake_.awaited, 0);
  Apply(*record, Www(R"("values": ["192.0.2.2"], "wait_until_live": true)"));
  EXPECT_EQ(fake_.awaited, 1);
}

TEST_F(RecordTest, AliasesAndWeightedSetsAreSetsOfTheirOwn) {
  auto blue = New(), green = New();
  Apply(*blue, Www(R"("values": ["192.0.2.1"], "set_id": "blue", "weight": 10, "ttl": 60)"));
  Apply(*green, Www(R"("values": ["192.0.2.2"], "set_id": "green", "weight": 90, "ttl": 60)"));
  EXPECT_EQ(Live().size(), 2u);
  EXPECT_EQ((*green)["id"], Value::String("cloudflare/example.org/www.example.org/A/green"));
  EXPECT_EQ(
      Apply(*green, Www(R"("values": ["192.0.2.2"], "set_id": "green", "weight": 50, "ttl": 60)")),
      core::Action::kUpdate);
  auto alias = New();
  EXPECT_EQ(
      Apply(
          *alias,
          R"({"zone": "example.org", "name": "example.org", "type": "A", "alias": {"name": "lb.example.net", "zone_id": "Z35SXDOTRQ7X7K"}})"),
      core::Action::kCreate);
  EXPECT_TRUE((*alias)["ttl"].IsNull());
  NewRun();
  alias->Import("cloudflare/example.org/example.org/A");
  EXPECT_EQ((*alias)["alias"]["name"], Value::String("lb.example.net"));
}

TEST_F(RecordTest, AServerThatIsNotThereStopsNoPlan) {
  fake_.silent = true;
  auto record = New();
  EXPECT_THAT(ApplyToFail(*record, Www(R"("values": ["192.0.2.1"])")),
              ElementsAre(HasSubstr("Unable to create")));
}

TEST_F(RecordTest, SaysWhatIsWrong) {
  struct Case {
    const char *config, *at, *says;
  };
  fake_.has.proxied = fake_.has.routing = fake_.has.automatic_ttl = false;
  fake_.title = "rfc2136";
  for (
      const Case& c : {
          Case{
              R"({"zone": "example.org", "name": "www.example.net", "type": "A", "values": ["192.0.2.1"]})",
              "name", "outside the zone example.org"},
          Case{R"({"zone": "example.org", "name": "www", "type": "A", "values": ["192.0.2.1"]})",
               "name", "www.example.org"},
          Case{
              R"({"zone": "fake-1", "name": "www.example.net", "type": "A", "values": ["192.0.2.1"]})",
              "name", "outside the zone example.org"},
          Case{
              R"({"zone": "example.org", "name": "a..example.org", "type": "A", "values": ["192.0.2.1"]})",
              "name", "empty label"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["300.1.1.1"]})",
              "values", "not an IPv4 address"},
          Case{R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": []})",
               "values", "s empty, but"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["192.0.2.1"], "ttl": 0})",
              "ttl", "at least 1 second"},
          Case{R"({"zone": "example.org", "name": "www.example.org", "type": "A"})", "", "alias"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "AA", "values": ["192.0.2.1"]})",
              "type", "CNAME"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "CNAME", "values": ["a.example.org", "b.example.org"]})",
              "values", "one value"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "CNAME", "values": ["a.example.org", "A.example.org."]})",
              "values", "twice"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["192.0.2.1"], "comment": "x"})",
              "", ""},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["192.0.2.1"], "weight": 10})",
              "", "set_id"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["192.0.2.1"], "set_id": "x"})",
              "set_id", "or \"failover\""},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "values": ["192.0.2.1"], "set_id": "x", "weight": 1, "health_check_id": " "})",
              "health_check_id", "none is a blank"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "alias": {"name": "lb.example.net", "zone_id": "Z35SXDOTRQ7X7K "}})",
              "alias.zone_id", "none is a blank"},
          Case{
              R"({"zone": "example.org", "name": "www.example.org", "type": "A", "alias": {"name": "192.0.2.0/24", "zone_id": "Z35SXDOTRQ7X7K"}})",
              "alias.name", "only reverse zones"},
      }) {
    auto record = New();
    const std::vector<std::string> errors = ApplyToFail(*record, c.config);
    EXPECT_THAT(errors, Contains(AllOf(HasSubstr(c.at), HasSubstr(c.says)))) << c.config;
  }
  auto apex = New();
  EXPECT_THAT(
      ApplyToFail(
          *apex,
          R"({"backend": "cloudflare", "zone": "example.org", "name": "example.org", "type": "A", "values": ["192.0.2.1"], "proxied": true})"),
      ElementsAre(HasSubstr("feature of Cloudflare")));
  EXPECT_THAT(
      ApplyToFail(
          *apex,
          R"({"zone": "gone.example", "name": "gone.example", "type": "A", "values": ["192.0.2.1"]})"),
      ElementsAre(HasSubstr("no zone \"gone.example\"")));
  auto text = New();
  EXPECT_THAT(
      ApplyToFail(
          *text,
          absl::StrCat(
              R"({"zone": "example.org", "name": "example.org", "type": "TXT", "values": ["\")",
              std::string(256, 'x'), R"(\""]})")),
      ElementsAre(HasSubstr("txt_record")));
}

TEST_F(RecordTest, ImportSaysWhatItWants) {
  RecordResource resource(services_);
  for (const char* id :
       {"www.example.org", "nowhere/example.org/www.example.org/A",
        "cloudflare/example.org/www.example.org/WHAT", "cloudflare/example.org/a..b/A"}) {
    EXPECT_THAT(resource.Import({}, id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
}

TEST_F(RecordTest, TakesOverFromOtherProvidersResources) {
  RecordResource resource(services_);
  for (const auto& source : resource.MoveSources()) {
    if (source.source_type != "cloudflare_record") continue;
    const auto model = source.move(
        {},
        {"registry.terraform.io/cloudflare/cloudflare", "cloudflare_record", 3,
         R"({"id": "372e", "zone_id": "023e105f4ecef8ad9ca31a8372d0c353", "name": "www", "hostname": "www.example.org", "type": "A", "value": "192.0.2.1"})"});
    ASSERT_THAT(model, IsOk());
    EXPECT_EQ(*model->name, "www.example.org");
    EXPECT_EQ(*model->zone, "023e105f4ecef8ad9ca31a8372d0c353");
  }
}

}  // namespace
}  // namespace charon::dns_resources
