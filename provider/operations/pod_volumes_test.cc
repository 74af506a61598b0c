#include "provider/operations/pod_volumes.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::operations {
namespace {

using kubernetes::Json;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

Json Set(int replicas) {
  return {{"metadata", {{"name", "db"}, {"uid", "s"}}},
          {"spec",
           {{"replicas", replicas},
            {"volumeClaimTemplates",
             {{{"metadata", {{"name", "a"}}}}, {{"metadata", {{"name", "b"}}}}}}}}};
}

struct PodWith {
  int ordinal = 0;
  std::string volumes{};  // their names are one letter each
  bool ready = true;
  bool going = false;
  std::string owner = "s";
};

Json Pod(const PodWith& with) {
  Json pod = {{"metadata", {{"name", absl::StrCat("db-", with.ordinal)}}},
              {"spec", {{"volumes", Json::array()}}}};
  if (!with.owner.empty()) pod["metadata"]["ownerReferences"] = {{{"uid", with.owner}}};
  if (with.going) pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  for (const char volume : with.volumes) {
    const std::string name(1, volume);
    pod["spec"]["volumes"].push_back(
        {{"name", name},
         {"persistentVolumeClaim", {{"claimName", absl::StrCat(name, "-db-", with.ordinal)}}}});
  }
  pod["status"]["conditions"] = {
      {{"type", "Ready"},
       {"status", with.ready ? "True" : "False"},
       {"lastTransitionTime",
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", kNow - absl::Seconds(10), absl::UTCTimeZone())}}};
  return pod;
}

// "db-0", or "wait" if there are some but none is to go now, or "none".
std::string Next(const Json& set, const std::vector<PodWith>& pods) {
  std::vector<Json> all = {{{"metadata", {{"name", "other-0"}}}},
                           {{"metadata", {{"name", "db-x"}}}}};
  for (const PodWith& pod : pods) all.push_back(Pod(pod));
  const PodsWithoutVolumes found = FindPodsWithoutVolumes(set, all, kNow);
  if (found.next != nullptr) return kubernetes::Text(*found.next, "metadata.name");
  return found.any ? "wait" : "none";
}

TEST(PodsWithoutVolumes, TheFirstGoesWhenThoseBeforeItAreAvailable) {
  EXPECT_EQ(Next(Set(2), {{0, "ab"}, {1, "abc"}}), "none");
  EXPECT_EQ(Next(Set(2), {{1, "a"}, {0, "a"}}), "db-0");
  EXPECT_EQ(Next(Set(2), {{0, "a", false}, {1, "a"}}), "db-0");  // it will not get better
  EXPECT_EQ(Next(Set(2), {{0, "a", true, true}, {1, "a"}}), "wait");
  EXPECT_EQ(Next(Set(2), {{1, "a"}}), "wait");
  EXPECT_EQ(Next(Set(2), {{0, "ab", false}, {1, "a"}}), "wait");
  EXPECT_EQ(Next(Set(2), {{0, "ab", true, true}, {1, "a"}}), "wait");
  EXPECT_EQ(Next(Set(2), {{0, "ab"}, {1, "a"}}), "db-1");
}

TEST(PodsWithoutVolumes, WhoseTheyAreAndWhichTheSetWants) {
  EXPECT_EQ(Next(Set(2), {{0, "a", true, false, ""}, {1, "a"}}), "wait");  // to be adopted
  EXPECT_EQ(Next(Set(2), {{0, "a", true, false, "other"}, {1, "ab"}}), "none");
  EXPECT_EQ(Next(Set(1), {{0, "ab"}, {1, "a"}}), "none");  // db-1 goes anyway
  Json later = Set(2);
  later["spec"]["ordinals"]["start"] = 1;
  EXPECT_EQ(Next(later, {{0, "a"}, {1, "ab"}, {2, "a"}}), "db-2");
  Json slow = Set(2);
  slow["spec"]["minReadySeconds"] = 10;
  EXPECT_EQ(Next(slow, {{0, "ab"}, {1, "a"}}), "db-1");
  slow["spec"]["minReadySeconds"] = 11;
  EXPECT_EQ(Next(slow, {{0, "ab"}, {1, "a"}}), "wait");
}

TEST(PodsWithoutVolumes, AVolumeOfThatNameIsNotEnough) {
  Json pod = Pod({0, "ab"});
  pod["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] = "db-b";  // one for all replicas
  EXPECT_TRUE(FindPodsWithoutVolumes(Set(1), {pod}, kNow).any);
}

}  // namespace
}  // namespace charon::operations
