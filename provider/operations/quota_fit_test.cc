#include "provider/operations/quota_fit.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/operations/scripted_cluster_for_test.h"
#include "provider/testing/fake_clock.h"

namespace charon::operations {
namespace {

using kubernetes::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QuotaFitTest : public ::testing::Test {
 protected:
  QuotaFitTest() {
    call_.clock = &clock_;
    cluster_.objects["v1/Namespace/shop"] = Json::object();
    cluster_.lists["ResourceQuota"] = {};
    cluster_.lists["LimitRange"] = {};
    cluster_.lists["Pod"] = {};
    cluster_.lists["Node"] = {};
  }

  void Quota(const Json& hard, const Json& used) {
    cluster_.lists["ResourceQuota"] = {{{"metadata", {{"name", "tier-quota"}}},
                                        {"spec", {{"hard", hard}}},
                                        {"status", {{"used", used}}}}};
  }

  QuotaFit Fit(const char* pod_spec, std::int64_t replicas = 1, std::int64_t surge = 0) {
    const Json spec = Json::parse(pod_spec);
    const absl::StatusOr<QuotaFit> fit = CheckQuotaFit(
        call_, cluster_, "shop",
        {.pod_spec = &spec, .replicas = replicas, .surge = surge, .selector = {{"app", "web"}}});
    EXPECT_TRUE(fit.ok()) << fit.status();
    return fit.value_or(QuotaFit());
  }

  FakeClock clock_;
  Call call_;
  ScriptedCluster cluster_{clock_};
};

constexpr char kOneGi[] =
    R"({"containers": [{"name": "a", "resources": {"requests": {"memory": "1Gi", "cpu": "100m"}}}]})";

TEST_F(QuotaFitTest, SaysTheNumbers) {
  Quota({{"requests.memory", "4Gi"}}, {{"requests.memory", "3Gi"}});
  EXPECT_THAT(Fit(kOneGi).problems, IsEmpty());
  EXPECT_THAT(
      Fit(kOneGi, 2, 1).problems,
      ElementsAre(
          "ResourceQuota tier-quota: requests.memory is 4Gi, others use 3Gi, so 1Gi are left; "
          "3 pods (surge included) need 3Gi"));
}

TEST_F(QuotaFitTest, ThePodsToBeReplacedDoNotCount) {
  Quota({{"requests.memory", "4Gi"}, {"pods", "1"}}, {{"requests.memory", "4Gi"}, {"pods", "1"}});
  cluster_.lists["Pod"] = {{{"spec", Json::parse(kOneGi)}, {"status", {{"phase", "Running"}}}}};
  EXPECT_THAT(Fit(kOneGi).problems, IsEmpty());
  cluster_.lists["Pod"] = {{{"spec", Json::parse(kOneGi)}, {"status", {{"phase", "Failed"}}}}};
  EXPECT_EQ(Fit(kOneGi).problems.size(), 2U);
}

TEST_F(QuotaFitTest, AnInitContainerCountsIfItIsTheLargest) {
  Quota({{"requests.memory", "2Gi"}}, {});
  const char* pod =
      R"({"initContainers": [{"name": "i", "resources": {"requests": {"memory": "3Gi"}}}],
      "containers": [{"name": "a", "resources": {"requests": {"memory": "1Gi"}}}, {"name": "b", "resources": {"limits": {"memory": "1Gi"}}}]})";
  EXPECT_THAT(Fit(pod).problems, ElementsAre(HasSubstr("1 pod needs 3Gi")));
}

TEST_F(QuotaFitTest, LimitRangesFillIn) {
  Quota({{"requests.cpu", "1"}, {"limits.memory", "1Gi"}}, {});
  const char* pod = R"({"containers": [{"name": "a"}, {"name": "b"}]})";
  EXPECT_THAT(Fit(pod).problems,
              ElementsAre(HasSubstr("counts limits.memory, but the containers do not say any"),
                          HasSubstr("counts requests.cpu, but the containers do not say any")));
  cluster_.lists["LimitRange"] = {
      Json::parse(R"({"spec": {"limits": [{"type": "Container", "default": {"memory": "768Mi"},
      "defaultRequest": {"cpu": "50m"}}]}})")};
  EXPECT_THAT(Fit(pod).problems, ElementsAre("ResourceQuota tier-quota: limits.memory is 1Gi, "
                                             "others use 0, so 1Gi are left; 1 pod needs 1536Mi"));
}

TEST_F(QuotaFitTest, LimitRangesHaveBounds) {
  cluster_.lists["LimitRange"] = {Json::parse(R"({"metadata": {"name": "tier"}, "spec": {"limits": [
      {"type": "Container", "default": {"memory": "256Mi"}, "defaultRequest": {"memory": "64Mi"}, "max": {"memory": "2Gi"}, "min": {"cpu": "10m"}},
      {"type": "Pod", "max": {"memory": "3Gi"}}]}})")};
  EXPECT_THAT(
      Fit(R"({"containers": [{"name": "a", "resources": {"requests": {"memory": "256Mi", "cpu": "10m"}}}]})")
          .problems,
      IsEmpty());
  EXPECT_THAT(
      Fit(R"({"containers": [{"name": "a", "resources": {"requests": {"memory": "1Gi", "cpu": "10m"}}}]})")
          .problems,
      ElementsAre("LimitRange tier: container a requests memory 1Gi and gets the default limit of "
                  "256Mi, which is less; write a limit, too"));
  EXPECT_THAT(
      Fit(R"({"initContainers": [{"name": "i", "resources": {"limits": {"memory": "4Gi"}}}],
                      "containers": [{"name": "a", "resources": {"requests": {"cpu": "5m"}, "limits": {"memory": "2Gi"}}}]})")
          .problems,
      ElementsAre("LimitRange tier: container i requests memory 4Gi, the most is 2Gi",
                  "LimitRange tier: container i requests no cpu, and must request at least 10m",
                  "LimitRange tier: container a requests cpu 5m, the least is 10m",
                  "LimitRange tier: one pod requests memory 4Gi, the most is 3Gi"));
}

TEST_F(QuotaFitTest, OnePodMustFitOnOneNode) {
  auto node = [](const char* memory, const char* label) {
    return Json{{"metadata", {{"labels", {{"kind", label}}}}},
                {"status", {{"allocatable", {{"memory", memory}, {"cpu", "4"}}}}}};
  };
  cluster_.lists["Node"] = {node("2Gi", "small"), node("8Gi", "big")};
  const char* pod =
      R"({"nodeSelector": {"kind": "small"}, "containers": [{"name": "a", "resources": {"requests": {"memory": "5Gi"}}}]})";
  EXPECT_THAT(Fit(pod).problems,
              ElementsAre("no node can hold one pod: it requests memory 5Gi of at most 2Gi"));
  EXPECT_THAT(
      Fit(R"({"containers": [{"name": "a", "resources": {"requests": {"memory": "5Gi"}}}]})")
          .problems,
      IsEmpty());
  EXPECT_THAT(
      Fit(R"({"nodeSelector": {"gpu": "yes"}, "containers": [{"name": "a", "resources": {"requests": {"cpu": "1m"}}}]})")
          .problems,
      ElementsAre("no node has the labels gpu=yes"));
}

TEST_F(QuotaFitTest, ADaemonSetHasAPodOnEachNodeThatTakesIt) {
  Quota({{"pods", "1"}}, {});
  const auto node = [](const Json& labels, const Json& taints) {
    return Json{{"metadata", {{"labels", labels}}},
                {"spec", {{"taints", taints}}},
                {"status", {{"allocatable", {{"memory", "8Gi"}}}}}};
  };
  const Json gpu = {{"key", "gpu"}, {"value", "yes"}, {"effect", "NoSchedule"}};
  const Json rather_not = {{"key", "old"}, {"effect", "PreferNoSchedule"}};
  const Json closed = {{"key", "node.kubernetes.io/unschedulable"}, {"effect", "NoSchedule"}};
  cluster_.lists["Node"] = {node({{"disk", "ssd"}}, Json::array()),
                            node({}, Json::array({rather_not, closed})),
                            node({}, Json::array({gpu}))};
  const auto problems = [&](const Json& more) {
    Json spec = Json::parse(R"({"containers": [{"name": "a"}]})");
    spec.update(more);
    return CheckQuotaFit(call_, cluster_, "shop",
                         {.pod_spec = &spec, .on_each_node = true, .selector = {}})
        .value()
        .problems;
  };
  EXPECT_THAT(problems(Json::object()), ElementsAre(HasSubstr("2 pods need 2")));
  EXPECT_THAT(problems({{"nodeSelector", {{"disk", "ssd"}}}}), IsEmpty());
  for (const Json& toleration :
       {Json{{"operator", "Exists"}}, Json{{"key", "gpu"}, {"operator", "Exists"}},
        Json{{"key", "gpu"}, {"value", "yes"}, {"effect", "NoSchedule"}}}) {
    EXPECT_THAT(problems({{"tolerations", Json::array({toleration})}}),
                ElementsAre(HasSubstr("3 pods need 3")))
        << toleration;
  }
  for (const Json& toleration :
       {Json{{"key", "gpu"}, {"value", "no"}}, Json{{"key", "old"}, {"operator", "Exists"}},
        Json{{"key", "gpu"}, {"operator", "Exists"}, {"effect", "NoExecute"}}}) {
    EXPECT_THAT(problems({{"tolerations", Json::array({toleration})}}),
                ElementsAre(HasSubstr("2 pods need 2")))
        << toleration;
  }
  cluster_.lists.erase("Node");
  EXPECT_THAT(problems(Json::object()), IsEmpty()) << "nobody may see the nodes: at least one";
}

TEST_F(QuotaFitTest, ANamespaceThatIsYetToBeMadeIsUnchecked) {
  cluster_.objects.clear();
  EXPECT_FALSE(Fit(kOneGi).checked);
}

}  // namespace
}  // namespace charon::operations
