#include "provider/clients/dns/directory.h"

#include <atomic>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/clients/dns/fake_backend_for_test.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::dns {
namespace {

using ::testing::HasSubstr;

RecordSet A(const std::string& name, std::vector<std::string> values) {
  RecordSet set;
  set.key = {name, "A", ""};
  set.ttl = 300;
  set.values = std::move(values);
  return set;
}

Directory::Builder Making(RecordSet set) {
  return [set = std::move(set)](const ZoneView& zone) -> absl::StatusOr<std::vector<Change>> {
    const RecordSet* live = zone.Find(set.key);
    if (live != nullptr && Satisfies(*live, set)) return std::vector<Change>();
    return std::vector<Change>{
        {live == nullptr ? std::nullopt : std::optional<RecordSet>(*live), set}};
  };
}

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() {
    auto backend = std::make_unique<FakeBackend>();
    fake_ = backend.get();
    fake_->AddZone("example.org");
    directory_ = std::make_unique<Directory>(std::move(backend));
    call_.clock = &clock_;
    zone_ = *directory_->FindZone(call_, "example.org");
  }
  absl::Status Make(const RecordSet& set) {
    return directory_->Write(call_, zone_, {set.key}, Making(set), set.key).status();
  }

  FakeClock clock_;
  Call call_;
  FakeBackend* fake_ = nullptr;
  std::unique_ptr<Directory> directory_;
  Zone zone_;
};

TEST_F(DirectoryTest, ZonesAndSetsAreAskedForOnce) {
  fake_->Put(zone_, A("a.example.org", {"192.0.2.1"}));
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(directory_->FindZone(call_, "example.org"), IsOk());
    EXPECT_EQ((*directory_->Find(call_, zone_, {"a.example.org", "A", ""}))->values.size(), 1u);
    EXPECT_EQ(*directory_->Find(call_, zone_, {"b.example.org", "A", ""}), std::nullopt);
  }
  EXPECT_EQ(fake_->asked, 2);
}

TEST_F(DirectoryTest, AMissingZoneAndTwoOfOneNameAreErrorsWithAWayOut) {
  EXPECT_THAT(directory_->FindZone(call_, "example.net"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no zone \"example.net\"")));
  fake_->AddZone("twice.example");
  fake_->AddZone("twice.example");
  const absl::Status twice = directory_->FindZone(call_, "twice.example").status();
  EXPECT_THAT(twice, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 zones")));
  EXPECT_THAT(RemedyOf(twice).value_or(""), HasSubstr("fake-2, fake-3"));
}

TEST_F(DirectoryTest, WritesOfTheMomentTravelTogetherAndOneBadOneFailsAlone) {
  fake_->hold = true;  // the first batch waits until the others are queued
  fake_->refused = "bad3.example.org";
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(20);
  threads.emplace_back([&] { results[0] = Make(A("first.example.org", {"192.0.2.1"})); });
  fake_->AwaitWrite();
  for (int i = 1; i < 20; ++i) {
    threads.emplace_back([&, i] {
      results[static_cast<std::size_t>(i)] =
          Make(A(absl::StrCat(i == 3 ? "bad" : "ok", i, ".example.org"), {"192.0.2.1"}));
    });
  }
  while (directory_->QueuedForTest(zone_) < 19) std::this_thread::yield();
  fake_->Release();
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 20; ++i) {
    if (i == 3) {
      EXPECT_THAT(results[i], StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bad3")));
    } else {
      EXPECT_THAT(results[i], IsOk()) << i;
    }
  }
  EXPECT_EQ(fake_->sets(zone_).size(), 19u);
  // One, then nineteen in one, halved until the bad one stood alone.
  EXPECT_LE(fake_->writes, 12);
}

TEST_F(DirectoryTest, WhatTheServiceBlamesNeedsNoHalving) {
  fake_->hold = true;
  fake_->refused = "bad3.example.org";
  fake_->names_the_guilty = true;
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  threads.emplace_back([&] { failed += Make(A("first.example.org", {"192.0.2.1"})).ok() ? 0 : 1; });
  fake_->AwaitWrite();
  for (int i = 1; i < 10; ++i) {
    threads.emplace_back([&, i] {
      failed += Make(A(absl::StrCat(i == 3 ? "bad" : "ok", i, ".example.org"), {"192.0.2.1"})).ok()
                    ? 0
                    : 1;
    });
  }
  while (directory_->QueuedForTest(zone_) < 9) std::this_thread::yield();
  fake_->Release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(fake_->writes, 3);  // the first; nine; the eight that are left
}

TEST_F(DirectoryTest, ALostReplyIsReadBack) {
  fake_->lose_next = FakeBackend::Loss::kAfter;
  EXPECT_THAT(Make(A("a.example.org", {"192.0.2.1"})), IsOk());
  EXPECT_EQ(fake_->writes, 1);
  EXPECT_EQ(fake_->sets(zone_).size(), 1u);
  // Nothing had arrived: sent again, once.
  fake_->lose_next = FakeBackend::Loss::kBefore;
  EXPECT_THAT(Make(A("b.example.org", {"192.0.2.1"})), IsOk());
  EXPECT_EQ(fake_->writes, 3);
  EXPECT_EQ(fake_->sets(zone_).size(), 2u);
}

TEST_F(DirectoryTest, AChangeThatSomebodyElseMadeMeanwhileIsSeen) {
  EXPECT_EQ(*directory_->Find(call_, zone_, {"a.example.org", "A", ""}), std::nullopt);
  fake_->Put(zone_, A("a.example.org", {"192.0.2.9"}));
  EXPECT_THAT(Make(A("a.example.org", {"192.0.2.1"})), IsOk());
  EXPECT_EQ(fake_->sets(zone_).begin()->second.values, std::vector<std::string>{"192.0.2.1"});
}

TEST_F(DirectoryTest, TheLimitOfRecordsIsKeptBeforeTheWrite) {
  fake_->Put(zone_, A("a.example.org", {"192.0.2.1", "192.0.2.2"}));
  zone_.record_limit = 3;
  EXPECT_THAT(Make(A("b.example.org", {"192.0.2.1"})), IsOk());
  const absl::Status over = Make(A("c.example.org", {"192.0.2.1"}));
  EXPECT_THAT(over, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("has 3 records")));
  EXPECT_EQ(fake_->writes, 1);
  // Replacing takes no room.
  EXPECT_THAT(Make(A("b.example.org", {"192.0.2.7"})), IsOk());
}

TEST_F(DirectoryTest, AServerThatDoesNotAnswerIsNotAskedAgainAtOnce) {
  fake_->silent = true;
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(directory_->Find(call_, zone_, {"a.example.org", "A", ""}),
                StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(fake_->asked, 2);
  fake_->silent = false;
  clock_.Advance(absl::Seconds(6));
  EXPECT_THAT(directory_->Find(call_, zone_, {"a.example.org", "A", ""}), IsOk());
}

TEST_F(DirectoryTest, WithoutAListSetsAreLookedUpOneByOne) {
  fake_->lists = false;
  fake_->Put(zone_, A("a.example.org", {"192.0.2.1"}));
  EXPECT_TRUE(directory_->Find(call_, zone_, {"a.example.org", "A", ""})->has_value());
  EXPECT_TRUE(directory_->Find(call_, zone_, {"a.example.org", "A", ""})->has_value());
  EXPECT_THAT(Make(A("b.example.org", {"192.0.2.1"})), IsOk());
  EXPECT_TRUE(directory_->Find(call_, zone_, {"b.example.org", "A", ""})->has_value());
  EXPECT_THAT(directory_->All(call_, zone_), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(fake_->looked_up, 2);
}

TEST(Owner, IsReadAndWrittenAsExternalDnsDoes) {
  EXPECT_EQ(OwnerText({"home", "terraform"}),
            "\"heritage=external-dns,external-dns/owner=home,external-dns/resource=terraform\"");
  EXPECT_EQ(ParseOwner("\"heritage=external-dns,external-dns/owner=k8s,external-dns/"
                       "resource=ingress/web/site\""),
            (Owner{"k8s", "ingress/web/site"}));
  EXPECT_EQ(ParseOwner("heritage=external-dns,external-dns/owner=k8s"), (Owner{"k8s", ""}));
  EXPECT_EQ(ParseOwner("\"\\\"heritage=external-dns,external-dns/owner=k8s\\\"\""),
            (Owner{"k8s", ""}));
  EXPECT_EQ(ParseOwner("\"v=spf1 -all\""), std::nullopt);
  EXPECT_EQ(ParseOwner("\"heritage=external-dns,external-dns/owner=\""), std::nullopt);
  EXPECT_EQ(OwnerName({"www.example.org", "A", ""}), "a-www.example.org");
  EXPECT_EQ(OwnerName({"www.example.org", "CNAME", ""}, {"x-", "-y", ""}),
            "x-cname-www-y.example.org");
  EXPECT_EQ(OwnerName({"example.org", "CNAME", ""}, {"%{record_type}-abc-.", "", ""}),
            "cname-abc-.example.org");
  EXPECT_EQ(OwnerName({"*.example.org", "A", ""}), "a-*.example.org");
  EXPECT_EQ(OwnerName({"www.example.org", "A", ""}, {"X-", "-Own", ""}), "x-a-www-own.example.org");
  EXPECT_EQ(OwnerName({"*.example.org", "A", ""}, {"", "-own", "Any"}), "a-any-own.example.org");
  // As services tell it, so that the mark is found again.
  EXPECT_EQ(OwnerName({"www.example.org", "A", ""}, {"Größe.", "", ""}),
            "xn--grsse-kua.a-www.example.org");
  EXPECT_EQ(OwnerName({"www.example.org", "A", ""}, {"..", "", ""}), "..a-www.example.org");
}

TEST(Owner, IsFoundWhereExternalDnsWritesItAndWhereItDidBefore) {
  struct Case {
    const char* type;
    bool is_alias;
    std::map<std::string, std::string> marks;
    const char* owner;
  };
  const Case cases[] = {
      {"A", false, {}, ""},
      {"A", false, {{"a-www", "k8s"}}, "k8s"},
      {"A", false, {{"x-a-www", "home"}}, "home"},
      {"A", false, {{"x-a-www", "home"}, {"a-www", "k8s"}}, "k8s"},
      {"A", false, {{"aaaa-www", "k8s"}}, ""},
      // A mark of before counts where there is none of today.
      {"A", false, {{"www", "k8s"}}, "k8s"},
      {"A", false, {{"a-www", "home"}, {"www", "k8s"}}, "home"},
      {"CNAME", false, {{"www", "k8s"}}, "k8s"},
      {"AAAA", false, {{"www", "k8s"}}, ""},
      {"MX", false, {{"www", "k8s"}}, ""},
      // An alias was marked as the CNAME that it is not.
      {"A", true, {{"cname-www", "k8s"}}, "k8s"},
      {"A", true, {{"x-cname-www", "k8s"}}, "k8s"},
      {"A", true, {{"a-www", "home"}, {"cname-www", "k8s"}}, "home"},
      {"A", false, {{"cname-www", "k8s"}}, ""},
      {"AAAA", true, {{"cname-www", "k8s"}}, ""},
  };
  for (const Case& one : cases) {
    const auto told = [&](const SetKey& place) -> std::optional<Owner> {
      EXPECT_EQ(place.type, "TXT");
      EXPECT_EQ(place.set_id, "blue");
      const auto found = one.marks.find(place.name.substr(0, place.name.find('.')));
      return found == one.marks.end() ? std::nullopt : std::optional(Owner{found->second, ""});
    };
    const auto owner = OwnerOf(OwnerPlacesOf({"www.example.org", one.type, "blue"}, {"x-", "", ""}),
                               one.is_alias, "home", told);
    EXPECT_EQ(owner ? owner->id : "", one.owner)
        << one.type << (one.is_alias ? " alias " : " ") << one.marks.size();
  }
}

}  // namespace
}  // namespace charon::dns
