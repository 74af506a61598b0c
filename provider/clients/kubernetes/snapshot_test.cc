#include "provider/clients/kubernetes/snapshot.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

// Objects in memory, served as v1.36.3 serves them.
class FakeSource final : public SnapshotSource {
 public:
  void Add(const std::string& kind, const std::string& name_space, const std::string& name,
           const std::string& value = "0") {
    const Json object = {{"metadata", {{"name", name}, {"namespace", name_space}}},
                         {"data", {{"x", value}}}};
    absl::MutexLock lock(&mutex_);
    objects_[kind][{name_space, name}] = object.dump();
  }

  absl::Status CheckAnswer(absl::string_view, const Json&, const ResourceInfo&,
                           const ObjectRef&) const override {
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> GetBody(const Call& call, const ResourceInfo& info,
                                      const ObjectRef& ref) override {
    if (before_) CHARON_RETURN_IF_ERROR(before_(call, "GET " + ref.ToString()));
    absl::MutexLock lock(&mutex_);
    log_.push_back("GET " + ref.ToString());
    const auto& kind = objects_[info.kind.kind];
    const auto found = kind.find({ref.name_space, ref.name});
    if (found == kind.end()) return absl::NotFoundError("not found");
    bytes_ += found->second.size();
    return found->second;
  }

  absl::StatusOr<std::string> ListBody(const Call& call, const ResourceInfo& info,
                                       const ListRequest& request) override {
    const std::string line =
        absl::StrCat("LIST ", info.kind.kind, " ", request.name_space, " ", request.limit,
                     request.continue_token.empty() ? "" : " more");
    if (before_) CHARON_RETURN_IF_ERROR(before_(call, line));
    absl::MutexLock lock(&mutex_);
    log_.push_back(line);
    int start = 0;
    (void)absl::SimpleAtoi(request.continue_token, &start);
    int seen = 0, total = 0;
    std::string items;
    for (const auto& [key, json] : objects_[info.kind.kind]) {
      if (!request.name_space.empty() && key.first != request.name_space) continue;
      if (!request.label_selector.empty() && !key.second.starts_with("ours")) continue;
      if (++total <= start || seen == request.limit) continue;
      absl::StrAppend(&items, seen++ == 0 ? "" : ",", json);
    }
    items_listed_ += seen;
    Json metadata = {{"resourceVersion", "1"}};
    if (start + seen < total) {
      metadata["continue"] = absl::StrCat(start + seen);
      if (request.label_selector.empty()) metadata["remainingItemCount"] = total - start - seen;
    }
    std::string body = absl::StrCat("{\"metadata\":", metadata.dump(), ",\"items\":[", items, "]}");
    bytes_ += body.size();
    return body;
  }

  std::vector<std::string> TakeLog() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(log_, {});
  }
  std::size_t requests() {
    absl::MutexLock lock(&mutex_);
    return log_.size();
  }
  std::size_t bytes() const { return bytes_; }
  int items_listed() const { return items_listed_; }

  // Called before each request is answered; may fail it, or block.
  std::function<absl::Status(const Call&, const std::string& line)> before_;

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::map<std::pair<std::string, std::string>, std::string>> objects_;
  std::vector<std::string> log_;
  std::atomic<std::size_t> bytes_ = 0;
  std::atomic<int> items_listed_ = 0;
};

ResourceInfo Info(const std::string& kind, bool namespaced = true) {
  return {{"v1", kind}, kind + "s", namespaced, {}};
}

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() { call_.clock = &clock_; }

  absl::StatusOr<std::shared_ptr<const Json>> Read(Snapshot& snapshot, const std::string& kind,
                                                   const std::string& name_space,
                                                   const std::string& name) {
    return snapshot.Read(call_, Info(kind, !name_space.empty()), {{"v1", kind}, name_space, name});
  }

  // Reads `refs` in random order on ten threads, as Terraform does. Returns how many were found.
  int ReadAll(Snapshot& snapshot, std::vector<ObjectRef> refs) {
    std::shuffle(refs.begin(), refs.end(), std::mt19937(7));
    std::atomic<std::size_t> next = 0;
    std::atomic<int> found = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 10; ++i) {
      threads.emplace_back([&] {
        for (std::size_t at; (at = next++) < refs.size();) {
          const auto object = snapshot.Read(call_, Info(refs[at].kind.kind), refs[at]);
          if (object.ok() && Text(**object, "metadata.name") == refs[at].name) ++found;
        }
      });
    }
    threads.clear();
    return found;
  }

  FakeClock clock_;
  Call call_;
  FakeSource source_;
};

TEST_F(SnapshotTest, FirstReadIsAGetSecondAListThirdIsFree) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  ASSERT_THAT(Read(snapshot, "ConfigMap", "x", "a"), IsOk());
  ASSERT_THAT(Read(snapshot, "ConfigMap", "x", "b"), IsOk());
  ASSERT_THAT(Read(snapshot, "ConfigMap", "x", "c"), IsOk());
  ASSERT_THAT(Read(snapshot, "ConfigMap", "x", "a"), IsOk());
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/a", "LIST ConfigMap x 150"));
}

TEST_F(SnapshotTest, ItemsOfListsGetTheirKind) {
  for (const char* name : {"a", "b"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  (void)Read(snapshot, "ConfigMap", "x", "a");
  const auto b = Read(snapshot, "ConfigMap", "x", "b");
  ASSERT_THAT(b, IsOk());
  EXPECT_EQ((**b)["apiVersion"], "v1");
  EXPECT_EQ((**b)["kind"], "ConfigMap");
}

TEST_F(SnapshotTest, ReadsInTwoNamespacesListEverything) {
  for (const char* name_space : {"x", "y", "z"}) source_.Add("ConfigMap", name_space, "a");
  Snapshot snapshot(source_);
  for (const char* name_space : {"x", "y", "z"})
    ASSERT_THAT(Read(snapshot, "ConfigMap", name_space, "a"), IsOk());
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/a", "LIST ConfigMap  150"));
}

TEST_F(SnapshotTest, ClusterScopedKindsHaveOneList) {
  for (const char* name : {"a", "b", "c"}) source_.Add("Node", "", name);
  Snapshot snapshot(source_);
  for (const char* name : {"a", "b", "c"}) ASSERT_THAT(Read(snapshot, "Node", "", name), IsOk());
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/Node/a", "LIST Node  150"));
}

TEST_F(SnapshotTest, EightHundredObjectsTakeThirtyRequestsAtMost) {
  std::vector<ObjectRef> refs;
  for (int kind = 0; kind < 8; ++kind) {
    for (int i = 0; i < 100; ++i) {
      refs.push_back(
          {{"v1", absl::StrCat("Kind", kind)}, absl::StrCat("ns", i % 5), absl::StrCat("o", i)});
      source_.Add(refs.back().kind.kind, refs.back().name_space, refs.back().name);
    }
  }
  Snapshot snapshot(source_);
  EXPECT_EQ(ReadAll(snapshot, refs), 800);
  EXPECT_THAT(source_.requests(), Le(30u));
}

TEST_F(SnapshotTest, EvenNamespaceByNamespaceItTakesThirtyAtMost) {
  Snapshot snapshot(source_);
  for (const bool read : {false, true}) {
    for (int name_space = 0; name_space < 5; ++name_space) {
      for (int kind = 0; kind < 8; ++kind) {
        for (int i = 0; i < 20; ++i) {
          const std::string ns = absl::StrCat("ns", name_space), name = absl::StrCat("o", i);
          if (read) {
            ASSERT_THAT(Read(snapshot, absl::StrCat("Kind", kind), ns, name), IsOk());
          } else {
            source_.Add(absl::StrCat("Kind", kind), ns, name);
          }
        }
      }
    }
  }
  EXPECT_THAT(source_.requests(), Le(30u));
}

TEST_F(SnapshotTest, FiftyThousandForeignObjectsElsewhereCostLittle) {
  std::vector<ObjectRef> refs;
  for (int kind = 0; kind < 8; ++kind) {
    const std::string name = absl::StrCat("Kind", kind);
    for (int i = 0; i < 6250; ++i)
      source_.Add(name, absl::StrCat("foreign", i % 10), absl::StrCat("f", i));
    for (int i = 0; i < 10; ++i) {
      refs.push_back({{"v1", name}, absl::StrCat("ns", i % 5), absl::StrCat("o", i)});
      source_.Add(name, refs.back().name_space, refs.back().name);
    }
  }
  Snapshot snapshot(source_);
  EXPECT_EQ(ReadAll(snapshot, refs), 80);
  EXPECT_THAT(source_.requests(), Le(80u + 8u));
  EXPECT_THAT(source_.items_listed(), Le(8 * 150));
}

TEST_F(SnapshotTest, FiftyThousandForeignObjectsBesideOursCostLittle) {
  std::vector<ObjectRef> refs;
  for (int kind = 0; kind < 8; ++kind) {
    const std::string name = absl::StrCat("Kind", kind);
    for (int i = 0; i < 6250; ++i) source_.Add(name, "shared", absl::StrCat("f", i));
    for (int i = 0; i < 10; ++i) {
      refs.push_back({{"v1", name}, "shared", absl::StrCat("o", i)});
      source_.Add(name, refs.back().name_space, refs.back().name);
    }
  }
  Snapshot snapshot(source_);
  EXPECT_EQ(ReadAll(snapshot, refs), 80);
  EXPECT_THAT(source_.requests(), Le(80u + 8u));
  EXPECT_THAT(source_.items_listed(), Le(8 * 150));
}

TEST_F(SnapshotTest, AKindThatIsLargeIsListedOnceEnoughReadsHaveCome) {
  std::vector<ObjectRef> refs;
  for (int i = 0; i < 2000; ++i) {
    source_.Add("ConfigMap", "x", absl::StrCat("o", i));
    if (i % 4 == 0) refs.push_back({{"v1", "ConfigMap"}, "x", absl::StrCat("o", i)});
  }
  Snapshot snapshot(source_);
  EXPECT_EQ(ReadAll(snapshot, refs), 500);
  // 2,000 / 50 reads pay for the list; then it takes one short page and four whole ones.
  EXPECT_THAT(source_.requests(), AllOf(Ge(10u), Le(40u + 10u + 6u)));
}

TEST_F(SnapshotTest, MemoryIsBounded) {
  const std::string large(20'000, 'x');
  for (int i = 0; i < 50; ++i) source_.Add("ConfigMap", "x", absl::StrCat("o", i), large);
  Snapshot snapshot(source_, {.label_selector = {}, .max_kept_bytes = 200'000});
  for (int i = 0; i < 50; ++i)
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", absl::StrCat("o", i)), IsOk());
  const auto before = source_.requests();
  for (int i = 0; i < 50; ++i)
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", absl::StrCat("o", i)), IsOk());
  // Ten fit; the others are asked for again.
  EXPECT_THAT(source_.requests() - before, Ge(40u));
}

TEST_F(SnapshotTest, PagesOfLargeObjectsAreShort) {
  const std::string large(100'000, 'x');
  for (int i = 0; i < 60; ++i) source_.Add("ConfigMap", "x", absl::StrCat("o", i), large);
  Snapshot snapshot(source_);
  for (int i = 0; i < 3; ++i)
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", absl::StrCat("o", i)), IsOk());
  // 20 a page; the 40 others are not worth it for two or three of them.
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/o0", "LIST ConfigMap x 20",
                                             "GET v1/ConfigMap/x/o1", "GET v1/ConfigMap/x/o2"));
}

TEST_F(SnapshotTest, WithoutLeaveToListEverythingNamespacesAreListed) {
  for (const char* name_space : {"x", "y"}) {
    for (int i = 0; i < 5; ++i) source_.Add("ConfigMap", name_space, absl::StrCat("o", i));
  }
  source_.before_ = [](const Call&, const std::string& line) {
    return line.starts_with("LIST ConfigMap  ") ? absl::PermissionDeniedError("no")
                                                : absl::OkStatus();
  };
  Snapshot snapshot(source_);
  for (int i = 0; i < 5; ++i) {
    for (const char* name_space : {"x", "y"}) {
      ASSERT_THAT(Read(snapshot, "ConfigMap", name_space, absl::StrCat("o", i)), IsOk());
    }
  }
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/o0", "GET v1/ConfigMap/y/o0",
                                             "LIST ConfigMap x 150", "LIST ConfigMap y 150"));
}

TEST_F(SnapshotTest, WithoutLeaveToListAnythingObjectsAreRead) {
  for (int i = 0; i < 5; ++i) source_.Add("ConfigMap", "x", absl::StrCat("o", i));
  int lists = 0;
  source_.before_ = [&](const Call&, const std::string& line) {
    if (!line.starts_with("LIST")) return absl::OkStatus();
    ++lists;
    return absl::PermissionDeniedError("no");
  };
  Snapshot snapshot(source_);
  for (int i = 0; i < 5; ++i)
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", absl::StrCat("o", i)), IsOk());
  EXPECT_EQ(lists, 1);
  EXPECT_EQ(source_.requests(), 5u);
}

TEST_F(SnapshotTest, AListSpeaksForWhatIsAbsentForAWhile) {
  for (const char* name : {"a", "b"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  for (const char* name : {"a", "b"}) (void)Read(snapshot, "ConfigMap", "x", name);
  source_.TakeLog();
  const auto missing = Read(snapshot, "ConfigMap", "x", "late");
  EXPECT_THAT(missing,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ConfigMaps \"late\" not found")));
  EXPECT_EQ(ApiErrorOf(missing.status()).reason, "NotFound");
  EXPECT_THAT(source_.TakeLog(), IsEmpty());

  source_.Add("ConfigMap", "x", "late");
  clock_.Advance(absl::Seconds(11));
  EXPECT_THAT(Read(snapshot, "ConfigMap", "x", "late"), IsOk());
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/late"));
}

TEST_F(SnapshotTest, WhatOneLookSawStays) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  for (const char* name : {"a", "b"}) (void)Read(snapshot, "ConfigMap", "x", name);
  source_.Add("ConfigMap", "x", "c", "changed by others");
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ((**Read(snapshot, "ConfigMap", "x", "c"))["data"]["x"], "0");
}

TEST_F(SnapshotTest, OwnWritesCorrectTheList) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  for (const char* name : {"a", "b"}) (void)Read(snapshot, "ConfigMap", "x", name);
  source_.TakeLog();
  const ObjectRef c{{"v1", "ConfigMap"}, "x", "c"}, fresh{{"v1", "ConfigMap"}, "x", "new"};
  snapshot.Wrote(c, R"({"metadata":{"name":"c"},"data":{"x":"ours"}})");
  snapshot.Wrote(fresh, R"({"metadata":{"name":"new"}})");
  EXPECT_EQ((**Read(snapshot, "ConfigMap", "x", "c"))["data"]["x"], "ours");
  EXPECT_THAT(Read(snapshot, "ConfigMap", "x", "new"), IsOk());
  snapshot.Deleted(c, /*gone=*/true);
  EXPECT_THAT(Read(snapshot, "ConfigMap", "x", "c"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(source_.TakeLog(), IsEmpty());

  // Kept by a finalizer, or unclear: the server is asked, every time.
  snapshot.Deleted(fresh, /*gone=*/false);
  snapshot.Unsure({{"v1", "ConfigMap"}, "x", "a"});
  for (int i = 0; i < 2; ++i) {
    (void)Read(snapshot, "ConfigMap", "x", "new");
    (void)Read(snapshot, "ConfigMap", "x", "a");
  }
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/new", "GET v1/ConfigMap/x/a",
                                             "GET v1/ConfigMap/x/new", "GET v1/ConfigMap/x/a"));
}

TEST_F(SnapshotTest, AWriteDuringTheListWins) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  (void)Read(snapshot, "ConfigMap", "x", "a");
  source_.before_ = [&](const Call&, const std::string& line) {
    if (line.starts_with("LIST")) {
      snapshot.Wrote({{"v1", "ConfigMap"}, "x", "c"},
                     R"({"metadata":{"name":"c"},"data":{"x":"ours"}})");
    }
    return absl::OkStatus();
  };
  (void)Read(snapshot, "ConfigMap", "x", "b");
  EXPECT_EQ((**Read(snapshot, "ConfigMap", "x", "c"))["data"]["x"], "ours");
}

TEST_F(SnapshotTest, WhatADeletedNamespaceHeldIsAskedFor) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  for (const char* name : {"a", "b"}) (void)Read(snapshot, "ConfigMap", "x", name);
  snapshot.Deleted({{"v1", "Namespace"}, "", "x"}, /*gone=*/false);
  source_.TakeLog();
  (void)Read(snapshot, "ConfigMap", "x", "c");
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/c"));
}

TEST_F(SnapshotTest, PagesOfAForgottenStateAreFetchedAnew) {
  for (int i = 0; i < 200; ++i) source_.Add("ConfigMap", "x", absl::StrCat("o", i));
  bool expired = false;
  source_.before_ = [&](const Call&, const std::string& line) {
    if (!line.ends_with("more") || std::exchange(expired, true)) return absl::OkStatus();
    return absl::OutOfRangeError("410");
  };
  Snapshot snapshot(source_);
  for (int i = 0; i < 10; ++i)
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", absl::StrCat("o", i)), IsOk());
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/o0", "LIST ConfigMap x 150",
                                             "LIST ConfigMap x 150", "LIST ConfigMap x 500 more"));
}

TEST_F(SnapshotTest, WithASelectorAbsenceIsChecked) {
  for (const char* name : {"ours-a", "ours-b", "unmarked"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_, {.label_selector = "app=charon"});
  for (const char* name : {"ours-a", "ours-b", "unmarked"}) {
    ASSERT_THAT(Read(snapshot, "ConfigMap", "x", name), IsOk());
  }
  EXPECT_THAT(source_.TakeLog(), ElementsAre("GET v1/ConfigMap/x/ours-a", "LIST ConfigMap x 150",
                                             "GET v1/ConfigMap/x/unmarked"));
}

TEST_F(SnapshotTest, AReaderThatIsStoppedLeavesTheListToTheNext) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  (void)Read(snapshot, "ConfigMap", "x", "a");
  std::stop_source stop;
  std::latch listing(1);
  std::atomic<int> lists = 0;
  source_.before_ = [&](const Call& call, const std::string& line) {
    if (!line.starts_with("LIST") || lists++ > 0) return absl::OkStatus();
    listing.count_down();
    while (!call.stop.stop_requested()) std::this_thread::yield();
    return absl::CancelledError("stopped");
  };
  Call stopped = call_;
  stopped.stop = stop.get_token();
  std::jthread first([&] {
    EXPECT_THAT(snapshot.Read(stopped, Info("ConfigMap"), {{"v1", "ConfigMap"}, "x", "b"}),
                StatusIs(absl::StatusCode::kCancelled));
  });
  listing.wait();
  std::jthread second([&] { EXPECT_THAT(Read(snapshot, "ConfigMap", "x", "c"), IsOk()); });
  stop.request_stop();
  first.join();
  second.join();
  EXPECT_EQ(lists, 2);
}

TEST_F(SnapshotTest, AReaderThatWaitsCanBeStopped) {
  for (const char* name : {"a", "b", "c"}) source_.Add("ConfigMap", "x", name);
  Snapshot snapshot(source_);
  (void)Read(snapshot, "ConfigMap", "x", "a");
  std::latch listing(1), waited(1);
  source_.before_ = [&](const Call&, const std::string& line) {
    if (line.starts_with("LIST")) {
      listing.count_down();
      waited.wait();
    }
    return absl::OkStatus();
  };
  std::jthread first([&] { EXPECT_THAT(Read(snapshot, "ConfigMap", "x", "b"), IsOk()); });
  listing.wait();
  std::stop_source stop;
  stop.request_stop();
  Call stopped = call_;
  stopped.stop = stop.get_token();
  EXPECT_THAT(snapshot.Read(stopped, Info("ConfigMap"), {{"v1", "ConfigMap"}, "x", "c"}),
              StatusIs(absl::StatusCode::kCancelled));
  waited.count_down();
}

}  // namespace
}  // namespace charon::kubernetes
