#include "provider/operations/wait_ready.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/operations/diagnosis.h"
#include "provider/operations/scripted_cluster_for_test.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::operations {
namespace {

using kubernetes::Json;
using kubernetes::ObjectRef;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const ObjectRef kRef{{"apps/v1", "Deployment"}, "shop", "web"};

Json Deployment(int available) {
  Json object = Json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment",
    "metadata":{"name":"web","namespace":"shop","uid":"d","generation":1,"annotations":{"deployment.kubernetes.io/revision":"2"}},
    "spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"x","operator":"In","values":["1","2"]}]}},
    "status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2}})");
  object["status"]["availableReplicas"] = available;
  return object;
}

Json ReplicaSet(const std::string& uid, const std::string& revision) {
  return {{"metadata",
           {{"name", "web-" + uid},
            {"uid", uid},
            {"annotations", {{"deployment.kubernetes.io/revision", revision}}},
            {"ownerReferences", {{{"uid", "d"}}}}}}};
}

Json Pod(const std::string& name, const std::string& owner, const char* status) {
  return {{"metadata",
           {{"name", name},
            {"namespace", "shop"},
            {"uid", "uid-" + name},
            {"ownerReferences", {{{"uid", owner}}}}}},
          {"status", Json::parse(status)}};
}

constexpr char kCrashing[] =
    R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"restartCount":4,
    "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s"}},
    "lastState":{"terminated":{"exitCode":3,"reason":"Error","message":"no DATABASE_URL"}}}]})";
constexpr char kStarting[] =
    R"({"phase":"Pending","containerStatuses":[{"name":"app","ready":false,"restartCount":0,
    "state":{"waiting":{"reason":"ContainerCreating"}}}]})";
constexpr char kUnschedulable[] =
    R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False",
    "reason":"Unschedulable","message":"0/3 nodes are available: 3 Insufficient cpu."}]})";

class WaitTest : public ::testing::Test {
 protected:
  WaitTest() : cluster_(clock_) {
    call_.clock = &clock_;
    call_.deadline = clock_.Now() + absl::Minutes(10);
    rollout_.rollout = true;
  }

  absl::Status Wait() { return WaitUntilReady(call_, cluster_, kRef, rollout_); }
  absl::Duration Elapsed() { return clock_.Now() - start_; }

  FakeClock clock_;
  const absl::Time start_ = clock_.Now();
  ScriptedCluster cluster_;
  Call call_;
  WaitFor rollout_;
};

TEST_F(WaitTest, WaitsUntilItIsReady) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.Then(absl::Seconds(40), "MODIFIED", Deployment(1));
  cluster_.Then(absl::Seconds(40), "MODIFIED", Deployment(2));
  EXPECT_THAT(Wait(), IsOk());
  EXPECT_EQ(Elapsed(), absl::Seconds(80));
}

TEST_F(WaitTest, WhatIsReadyCostsNothingMore) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(2));
  EXPECT_THAT(Wait(), IsOk());
  EXPECT_THAT(cluster_.asked, IsEmpty());
}

TEST_F(WaitTest, GivesUpEarlyOnACrashLoopAndSaysWhy) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.lists["ReplicaSet"] = {ReplicaSet("old", "1"), ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-1", "new", kCrashing)};
  cluster_.lists["Event"] = {
      {{"type", "Warning"},
       {"reason", "BackOff"},
       {"message", "Back-off restarting failed container"},
       {"count", 7},
       {"involvedObject", {{"kind", "Pod"}, {"name", "web-1"}, {"uid", "uid-web-1"}}}},
      {{"reason", "Other"}, {"involvedObject", {{"uid", "somebody else"}}}}};
  cluster_.raw["/api/v1/namespaces/shop/pods/web-1/log?container=app&tailLines=20&previous=true"] =
      "starting\nfatal: no DATABASE_URL, password is hunter2-secret\n";
  RegisterSecret("hunter2-secret");
  const absl::Status status = Wait();
  EXPECT_THAT(
      status,
      StatusIs(
          absl::StatusCode::kFailedPrecondition,
          AllOf(HasSubstr("apps/v1/Deployment/shop/web is not ready after "),
                HasSubstr("0 of 2 updated replicas are available"),
                HasSubstr("container app of pod web-1: CrashLoopBackOff, restarted 4 times, ended "
                          "before with exit code 3: no DATABASE_URL"),
                HasSubstr(
                    "event on Pod web-1: BackOff: Back-off restarting failed container (7 times)"),
                HasSubstr("fatal: no DATABASE_URL"))));
  EXPECT_THAT(std::string(status.message()),
              AllOf(Not(HasSubstr("hunter2")), Not(HasSubstr("Other"))));
  EXPECT_GE(Elapsed(), absl::Seconds(30));
  EXPECT_LE(Elapsed(), absl::Seconds(45));
  EXPECT_THAT(cluster_.asked, Contains("LIST Pod shop app=web,x in (1,2)"));
}

class VolumesTest : public WaitTest {
 protected:
  VolumesTest() {
    rollout_.replace_stuck = true;
    set_ = Json::parse(R"({"apiVersion":"apps/v1","kind":"StatefulSet",
      "metadata":{"name":"db","namespace":"shop","uid":"s","generation":1},
      "spec":{"replicas":2,"selector":{"matchLabels":{"app":"db"}},"volumeClaimTemplates":[{"metadata":{"name":"b"}}]},
      "status":{"observedGeneration":1,"readyReplicas":2,"updatedReplicas":2,"currentRevision":"r","updateRevision":"r"}})");
    for (const char* name : {"db-0", "db-1"}) {
      Json pod = Pod(name, "s", R"({"conditions":[{"type":"Ready","status":"True"}]})");
      pod["spec"] = {{"volumes", Json::array()}};
      cluster_.lists["Pod"].push_back(pod);
    }
    cluster_.on_delete = [this](const ObjectRef& ref) {
      for (Json& pod : cluster_.lists["Pod"]) {
        if (pod["metadata"]["name"] != ref.name) continue;
        pod["metadata"]["uid"] = "new";
        pod["spec"]["volumes"] = {
            {{"name", "b"}, {"persistentVolumeClaim", {{"claimName", "b-" + ref.name}}}}};
      }
      return absl::OkStatus();
    };
    cluster_.Then(absl::ZeroDuration(), "ADDED", set_);
  }

  absl::Status Wait() {
    return WaitUntilReady(call_, cluster_, {{"apps/v1", "StatefulSet"}, "shop", "db"}, rollout_);
  }

  Json set_;
};

// The set itself says that all is well.
TEST_F(VolumesTest, PodsWithoutThemAreReplacedInOrder) {
  EXPECT_THAT(Wait(), IsOk());
  EXPECT_THAT(cluster_.asked, ElementsAre("LIST Pod shop app=db", "DELETE Pod db-0 uid-db-0",
                                          "LIST Pod shop app=db", "DELETE Pod db-1 uid-db-1",
                                          "LIST Pod shop app=db"));
}

TEST_F(VolumesTest, OneLookIsEnoughWhereNoneIsWithout) {
  for (const char* name : {"db-0", "db-1"})
    ASSERT_THAT(cluster_.on_delete({{"v1", "Pod"}, "shop", name}), IsOk());
  set_["status"]["readyReplicas"] = 1;
  cluster_.events.clear();
  cluster_.Then(absl::ZeroDuration(), "ADDED", set_);
  cluster_.Then(absl::Seconds(1), "MODIFIED", set_);
  set_["status"]["readyReplicas"] = 2;
  cluster_.Then(absl::Seconds(1), "MODIFIED", set_);
  EXPECT_THAT(Wait(), IsOk());
  EXPECT_THAT(cluster_.asked, ElementsAre("LIST Pod shop app=db"));
}

TEST_F(VolumesTest, PodsThatNobodyIsToReplaceStay) {
  set_["spec"]["updateStrategy"] = {{"type", "OnDelete"}};
  cluster_.events.clear();
  cluster_.Then(absl::ZeroDuration(), "ADDED", set_);
  EXPECT_THAT(Wait(), IsOk());
  rollout_.replace_stuck = false;
  EXPECT_THAT(Wait(), IsOk());
  EXPECT_THAT(cluster_.asked, IsEmpty());
}

TEST_F(VolumesTest, WhoMayNotDeletePodsIsToldAtOnce) {
  cluster_.on_delete = [](const ObjectRef&) { return absl::PermissionDeniedError("forbidden"); };
  const absl::Status status = Wait();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("db-0")));
  EXPECT_THAT(*RemedyOf(status), HasSubstr("kubectl delete pod db-0 -n shop"));
  cluster_.lists.erase("Pod");
  EXPECT_THAT(Wait(), IsOk());
}

TEST_F(WaitTest, TroubleThatPassesWithinTheGraceDoesNotCount) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.lists["ReplicaSet"] = {ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-1", "new", kCrashing)};
  cluster_.Then(absl::Seconds(25), "MODIFIED", Deployment(2));
  EXPECT_THAT(Wait(), IsOk());
}

TEST_F(WaitTest, OldPodsInTroubleDoNotCount) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.lists["ReplicaSet"] = {ReplicaSet("old", "1"), ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-0", "old", kCrashing), Pod("web-1", "new", kStarting)};
  cluster_.Then(absl::Minutes(3), "MODIFIED", Deployment(2));
  EXPECT_THAT(Wait(), IsOk());
}

TEST_F(WaitTest, ANodeThatIsOnItsWayIsWaitedFor) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.lists["ReplicaSet"] = {ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-1", "new", kUnschedulable)};
  cluster_.lists["Event"] = {
      {{"reason", "TriggeredScaleUp"}, {"involvedObject", {{"uid", "uid-web-1"}}}}};
  cluster_.Then(absl::Minutes(3), "MODIFIED", Deployment(2));
  EXPECT_THAT(Wait(), IsOk());
}

TEST_F(WaitTest, WithoutOneItIsHopeless) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.lists["ReplicaSet"] = {ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-1", "new", kUnschedulable)};
  cluster_.lists["Event"] = {};
  EXPECT_THAT(Wait(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("pod web-1 has no node: Unschedulable: 0/3 nodes are available")));
}

TEST_F(WaitTest, PodsThatCannotBeMadeAreHopeless) {
  Json deployment = Deployment(0);
  deployment["status"]["conditions"] = {{{"type", "ReplicaFailure"},
                                         {"status", "True"},
                                         {"reason", "FailedCreate"},
                                         {"message", "exceeded quota: q"}}};
  cluster_.Then(absl::ZeroDuration(), "ADDED", deployment);
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("pods cannot be made: FailedCreate: exceeded quota: q")));
}

TEST_F(WaitTest, EventsFromBeforeTheWaitAreAboutSomethingElse) {
  Json deployment = Deployment(0);
  deployment["kind"] = "StatefulSet";
  cluster_.Then(absl::ZeroDuration(), "ADDED", deployment);
  cluster_.lists["Pod"] = {};
  cluster_.lists["Event"] = {
      {{"reason", "FailedCreate"},
       {"message", "exceeded quota"},
       {"lastTimestamp",
        absl::FormatTime(absl::RFC3339_full, start_ - absl::Hours(1), absl::UTCTimeZone())},
       {"involvedObject", {{"uid", "d"}}}}};
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(WaitTest, AtTheDeadlineSaysWhatIsMissing) {
  call_.deadline = start_ + absl::Minutes(2);
  Json deployment = Deployment(1);
  deployment["status"]["conditions"] = {
      {{"type", "Available"}, {"status", "False"}, {"reason", "MinimumReplicasUnavailable"}}};
  cluster_.Then(absl::ZeroDuration(), "ADDED", deployment);
  cluster_.lists["ReplicaSet"] = {ReplicaSet("new", "2")};
  cluster_.lists["Pod"] = {Pod("web-1", "new", kStarting)};
  EXPECT_THAT(Wait(),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr("1 of 2 updated replicas are available"),
                             HasSubstr("condition Available is False (MinimumReplicasUnavailable)"),
                             HasSubstr("container app of pod web-1: ContainerCreating"))));
  EXPECT_LE(Elapsed(), absl::Minutes(2));
}

TEST_F(WaitTest, WhatIsFinalNeedsNoGrace) {
  cluster_.Then(
      absl::ZeroDuration(), "ADDED",
      Json::parse(
          R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"shop","uid":"j"},
      "status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}})"));
  EXPECT_THAT(WaitUntilReady(call_, cluster_, {{"batch/v1", "Job"}, "shop", "j"}, rollout_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("BackoffLimitExceeded")));
  EXPECT_EQ(Elapsed(), absl::ZeroDuration());
}

TEST_F(WaitTest, WhatGoesAwayIsNotFound) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Deployment(0));
  cluster_.Then(absl::Seconds(1), "DELETED", Deployment(0));
  EXPECT_THAT(Wait(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("was deleted while we waited")));
  cluster_.events.clear();
  cluster_.Then(absl::ZeroDuration(), "DELETED", nullptr);
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("does not exist")));
}

TEST_F(WaitTest, AClaimThatBindsToItsPodIsNotWaitedFor) {
  const Json claim = Json::parse(
      R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"c","namespace":"shop"},
      "spec":{"storageClassName":"local"},"status":{"phase":"Pending"}})");
  const ObjectRef ref{{"v1", "PersistentVolumeClaim"}, "shop", "c"};
  cluster_.Then(absl::ZeroDuration(), "ADDED", claim);
  cluster_.objects["storage.k8s.io/v1/StorageClass/local"] = {
      {"volumeBindingMode", "WaitForFirstConsumer"}};
  EXPECT_THAT(WaitUntilReady(call_, cluster_, ref, rollout_), IsOk());
  cluster_.objects["storage.k8s.io/v1/StorageClass/local"] = {{"volumeBindingMode", "Immediate"}};
  EXPECT_THAT(WaitUntilReady(call_, cluster_, ref, rollout_),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(WaitTest, AKindWithoutAStatusIsReadyAfterAMoment) {
  cluster_.Then(absl::ZeroDuration(), "ADDED",
                Json::parse(R"({"apiVersion":"e.org/v1","kind":"Foo","metadata":{"name":"f"}})"));
  EXPECT_THAT(WaitUntilReady(call_, cluster_, {{"e.org/v1", "Foo"}, "", "f"}, rollout_), IsOk());
  EXPECT_EQ(Elapsed(), absl::Seconds(10));
}

TEST_F(WaitTest, AWrongExpressionIsFoundAtOnce) {
  rollout_.fields["status.x"] = "(";
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Elapsed(), absl::ZeroDuration());
}

TEST_F(WaitTest, AStopIsNoTimeout) {
  cluster_.watch_status = absl::CancelledError("stopped by the user");
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kCancelled));
}

TEST(DiagnosePod, TellsTroubleFromStarting) {
  const auto hopeless = [](const char* status) {
    return DiagnosePod(Pod("p", "o", status)).hopeless;
  };
  EXPECT_EQ(hopeless(kStarting), "");
  EXPECT_THAT(hopeless(kCrashing), HasSubstr("CrashLoopBackOff"));
  EXPECT_THAT(hopeless(kUnschedulable), HasSubstr("Unschedulable"));
  for (const char* reason :
       {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"}) {
    const std::string status =
        std::string(
            R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":")") +
        reason + R"(","message":"why"}}}]})";
    EXPECT_EQ(hopeless(status.c_str()),
              std::string("init container i of pod p: ") + reason + ": why");
  }
  // Alive for a moment between two crashes.
  EXPECT_THAT(
      hopeless(
          R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"restartCount":5,
      "state":{"running":{}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})"),
      HasSubstr("exit code 137 (OOMKilled)"));
  EXPECT_EQ(
      hopeless(
          R"({"phase":"Running","containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"running":{}}}]})"),
      "");
  EXPECT_THAT(DiagnosePod(Pod("p", "o", R"({"phase":"Succeeded"})")).lines, IsEmpty());
}

TEST(DiagnosePod, AJobMayTryAgain) {
  Json pod = Pod("p", "o", kCrashing);
  pod["metadata"]["ownerReferences"][0]["kind"] = "Job";
  EXPECT_EQ(DiagnosePod(pod).hopeless, "");
  EXPECT_THAT(DiagnosePod(pod).lines, SizeIs(1));
  pod["status"]["containerStatuses"][0] = {{"name", "app"},
                                           {"state", {{"waiting", {{"reason", "ErrImagePull"}}}}}};
  EXPECT_THAT(DiagnosePod(pod).hopeless, HasSubstr("ErrImagePull"));
}

class GoneTest : public WaitTest {
 protected:
  GoneTest() { cluster_.objects["v1/Namespace/shop"] = {}; }
  Json Namespace() {
    return Json::parse(
        R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","uid":"n","deletionTimestamp":"2026-01-01T00:00:00Z"},
      "status":{"phase":"Terminating","conditions":[
        {"type":"NamespaceDeletionDiscoveryFailure","status":"False"},
        {"type":"NamespaceContentRemaining","status":"True","message":"Some resources are remaining: configmaps. has 1 resource instances, foos.e.org has 2 resource instances"},
        {"type":"NamespaceFinalizersRemaining","status":"True","message":"Some content in the namespace has finalizers remaining: e.org/hold in 1 resource instances"}]}})");
  }
  const ObjectRef ref_{{"v1", "Namespace"}, "", "shop"};
};

TEST_F(GoneTest, WhatIsKnownToBeGoneCostsNothing) {
  cluster_.objects.clear();
  cluster_.watch_status = absl::InternalError("must not be asked");
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref_, "n"), IsOk());
}

TEST_F(GoneTest, WaitsUntilItIsGone) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Namespace());
  cluster_.Then(absl::Seconds(8), "DELETED", nullptr);
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref_, "n"), IsOk());
  EXPECT_EQ(Elapsed(), absl::Seconds(8));
}

TEST_F(GoneTest, ABadAnswerAfterTheDeletionIsNoFailure) {
  cluster_.watch_status = absl::UnavailableError("etcdserver: leader changed");
  cluster_.watch_failures = 2;
  cluster_.Then(absl::ZeroDuration(), "DELETED", nullptr);
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref_, "n"), IsOk());
  cluster_.watch_failures = -1;
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref_, "n"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("leader changed")));
}

TEST_F(GoneTest, AnotherObjectOfThatNameMeansThatItIsGone) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Namespace());
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref_, "former"), IsOk());
}

TEST_F(GoneTest, NamesWhatRemainsInANamespace) {
  cluster_.Then(absl::ZeroDuration(), "ADDED", Namespace());
  cluster_.kinds = {{{"v1", "ConfigMap"}, "configmaps", true, {}},
                    {{"e.org/v1", "Foo"}, "foos", true, {}}};
  cluster_.lists["ConfigMap"] = {
      {{"metadata", {{"name", "held"}, {"finalizers", {"e.org/hold"}}}}}};
  cluster_.lists["Foo"] = {{{"metadata", {{"name", "f1"}}}}};
  const absl::Status status = WaitUntilGone(call_, cluster_, ref_, "n");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr("v1/Namespace/shop is still there after "),
                             HasSubstr("v1/ConfigMap held is held by its finalizer e.org/hold"),
                             HasSubstr("e.org/v1/Foo f1 remains"),
                             HasSubstr("NamespaceFinalizersRemaining: Some content"))));
  EXPECT_TRUE(RemedyOf(status).has_value());
}

TEST_F(GoneTest, NamesAnExtensionServerThatIsDown) {
  Json stuck = Namespace();
  stuck["status"]["conditions"] = {{{"type", "NamespaceDeletionDiscoveryFailure"},
                                    {"status", "True"},
                                    {"message", "unable to retrieve metrics.k8s.io/v1beta1"}}};
  cluster_.Then(absl::ZeroDuration(), "ADDED", stuck);
  const absl::Status status = WaitUntilGone(call_, cluster_, ref_, "n");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("metrics.k8s.io")));
  EXPECT_THAT(*RemedyOf(status), HasSubstr("APIService"));
}

TEST_F(GoneTest, NamesFinalizersAndThePodsOfAClaim) {
  const ObjectRef ref{{"v1", "PersistentVolumeClaim"}, "shop", "data"};
  cluster_.objects[ref.ToString()] = {};
  cluster_.Then(
      absl::ZeroDuration(), "ADDED",
      Json::parse(
          R"({"metadata":{"name":"data","uid":"c","deletionTimestamp":"2026-01-01T00:00:00Z",
      "finalizers":["kubernetes.io/pvc-protection"]}})"));
  cluster_.lists["Pod"] = {Json::parse(
      R"({"metadata":{"name":"db-0"},"spec":{"volumes":[{"persistentVolumeClaim":{"claimName":"data"}}]}})")};
  EXPECT_THAT(WaitUntilGone(call_, cluster_, ref, "c"),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr("held by its finalizer kubernetes.io/pvc-protection"),
                             HasSubstr("pod db-0 uses it"))));
}

}  // namespace
}  // namespace charon::operations
