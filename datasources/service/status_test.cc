#include "datasources/service/status.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::service_data {
namespace {

TEST(Pods, SayHowTheyDo) {
  const PodStatusModel pod = PodOf(kubernetes::Json::parse(R"({
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running",
      "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
      "initContainerStatuses": [{"name": "proxy", "restartCount": 3}],
      "containerStatuses": [{"name": "web", "restartCount": 1}, {"name": "log", "restartCount": 2}]}})"));
  EXPECT_EQ(*pod.phase, "Running");
  EXPECT_EQ(*pod.node, "n1");
  EXPECT_FALSE(*pod.ready);
  EXPECT_EQ(*pod.restarts, 6) << "native sidecars restart as others do";
  const PodStatusModel waiting = PodOf(kubernetes::Json::parse(R"({"status": {}})"));
  EXPECT_EQ(*waiting.restarts, 0);
  EXPECT_FALSE(*waiting.ready);
}

TEST(CompareVersions, GoesByTheNumbersAndByWhatComesBeforeARelease) {
  const struct {
    const char *lower, *higher;
  } ordered[] = {{"1.9", "1.10"},
                 {"v1.9.9", "2"},
                 {"2.0.0-rc1", "2.0.0"},
                 {"2.0.0-alpine", "2.0.1"},
                 {"2.0.0-beta.1", "2.0.0-rc.1"},
                 {"2.0.0-rc1", "2.0.0-alpine"}};
  for (const auto& [lower, higher] : ordered) {
    EXPECT_EQ(CompareVersions(lower, higher), -1) << lower << " " << higher;
    EXPECT_EQ(CompareVersions(higher, lower), 1) << lower << " " << higher;
  }
}

TEST(CompareVersions, AVariantIsNeitherEarlierNorLater) {
  EXPECT_EQ(CompareVersions("32.0.9-fpm", "32.0.9"), 0);
  EXPECT_EQ(CompareVersions("1.9-alpine", "1.9.0-bookworm"), 0);
  EXPECT_EQ(CompareVersions("v1.2", "1.2.0"), 0);
}

TEST(CompareVersions, SaysNothingOfOtherTags) {
  for (const char* tag : {"latest", "sha-abcdef", "", "main", "1.x"})
    EXPECT_EQ(CompareVersions(tag, "1.0"), std::nullopt) << tag;
}

TEST(ImageReference, HasARepositoryAndATag) {
  EXPECT_EQ(RepositoryOf("registry.example:5000/web:2.5@sha256:abc"), "registry.example:5000/web");
  EXPECT_EQ(TagOf("registry.example:5000/web:2.5@sha256:abc"), "2.5");
  EXPECT_EQ(TagOf("registry.example:5000/web"), "");
  EXPECT_EQ(TagOf("web@sha256:abc"), "");
}

}  // namespace
}  // namespace charon::service_data
