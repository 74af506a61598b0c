#include "provider/operations/readiness.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/status_matchers.h"

namespace charon::operations {
namespace {

using kubernetes::Json;
using ::testing::HasSubstr;

struct Case {
  const char* what;
  const char* object;
  Verdict::State state;
  const char* why = "";
};

class RolloutTest : public ::testing::TestWithParam<Case> {};

TEST_P(RolloutTest, IsJudgedByKind) {
  const Verdict verdict = JudgeRollout(Json::parse(GetParam().object));
  EXPECT_EQ(verdict.state, GetParam().state) << verdict.why;
  EXPECT_THAT(verdict.why, HasSubstr(GetParam().why));
}

const Case kCases[] = {
    {"deployment done",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}})",
     Verdict::kReady},
    {"deployment without replicas in spec means one",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":1},"spec":{},"status":{"observedGeneration":1}})",
     Verdict::kWaiting, "0 of 1 new replicas"},
    {"deployment of none",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":0},"status":{"observedGeneration":1}})",
     Verdict::kReady},
    {"deployment just made",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":0},"status":{}})",
     Verdict::kWaiting, "has not seen the change"},
    {"deployment changed",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":3},"spec":{"replicas":1},
         "status":{"observedGeneration":2,"replicas":1,"updatedReplicas":1,"availableReplicas":1}})",
     Verdict::kWaiting, "has not seen the change"},
    {"deployment with old pods",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"replicas":3,"updatedReplicas":2,"availableReplicas":3}})",
     Verdict::kWaiting, "1 old replicas"},
    {"deployment not available",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":1}})",
     Verdict::kWaiting, "1 of 2 updated replicas are available"},
    {"deployment paused",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2,"name":"a","namespace":"b"},"spec":{"replicas":2,"paused":true},
         "status":{"observedGeneration":2,"replicas":2}})",
     Verdict::kHopeless,
     "paused (spec.paused), and goes on after `kubectl rollout resume deployment/a -n b`"},
    {"deployment paused after its last rollout",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2,"paused":true},
         "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":1}})",
     Verdict::kWaiting, "1 of 2 updated replicas are available"},
    {"deployment past its progress deadline",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2,"progressDeadlineSeconds":60},
         "status":{"observedGeneration":2,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]}})",
     Verdict::kHopeless, "progress deadline of 60 s"},
    {"daemon set done",
     R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"generation":2},"spec":{},
         "status":{"observedGeneration":2,"desiredNumberScheduled":3,"updatedNumberScheduled":3,"numberAvailable":3}})",
     Verdict::kReady},
    {"daemon set updating",
     R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"generation":2},"spec":{},
         "status":{"observedGeneration":2,"desiredNumberScheduled":3,"updatedNumberScheduled":1,"numberAvailable":3}})",
     Verdict::kWaiting, "1 of 3 pods have been updated"},
    {"daemon set that is updated by hand",
     R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"generation":2},"spec":{"updateStrategy":{"type":"OnDelete"}},
         "status":{"observedGeneration":2,"desiredNumberScheduled":3,"updatedNumberScheduled":1,"numberAvailable":3}})",
     Verdict::kReady},
    {"stateful set done",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"readyReplicas":2,"updatedReplicas":2,"currentRevision":"r2","updateRevision":"r2"}})",
     Verdict::kReady},
    {"stateful set updating",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"readyReplicas":2,"updatedReplicas":1,"currentRevision":"r1","updateRevision":"r2"}})",
     Verdict::kWaiting, "1 of 2 pods have been updated"},
    {"stateful set that was made anew around former pods",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":2},
         "status":{"observedGeneration":1,"readyReplicas":2,"currentRevision":"r2","updateRevision":"r2"}})",
     Verdict::kWaiting, "0 of 2 pods have been updated"},
    {"stateful set with a partition",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":2},
         "spec":{"replicas":3,"updateStrategy":{"rollingUpdate":{"partition":2}}},
         "status":{"observedGeneration":2,"readyReplicas":3,"updatedReplicas":1,"currentRevision":"r1","updateRevision":"r2"}})",
     Verdict::kReady},
    {"stateful set not ready",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":2},"spec":{"replicas":2},
         "status":{"observedGeneration":2,"readyReplicas":1,"currentRevision":"r2","updateRevision":"r2"}})",
     Verdict::kWaiting, "1 of 2 pods are ready"},
    {"replica set",
     R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"generation":1},"spec":{"replicas":1},"status":{"observedGeneration":1}})",
     Verdict::kWaiting, "0 of 1 replicas"},
    {"job complete",
     R"({"apiVersion":"batch/v1","kind":"Job","status":{"conditions":[{"type":"Complete","status":"True"}]}})",
     Verdict::kReady},
    {"job running",
     R"({"apiVersion":"batch/v1","kind":"Job","spec":{"completions":3},"status":{"active":1,"succeeded":2}})",
     Verdict::kWaiting, "2 of 3 pods have succeeded"},
    {"job failed",
     R"({"apiVersion":"batch/v1","kind":"Job","status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded","message":"Job has reached the specified backoff limit"}]}})",
     Verdict::kHopeless, "BackoffLimitExceeded"},
    {"job suspended",
     R"({"apiVersion":"batch/v1","kind":"Job","spec":{"suspend":true},"status":{}})",
     Verdict::kReady},
    {"cron job", R"({"apiVersion":"batch/v1","kind":"CronJob"})", Verdict::kReady},
    {"pod ready",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})",
     Verdict::kReady},
    {"pod running",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}]}})",
     Verdict::kWaiting, "Running and not ready"},
    {"pod failed",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Failed","reason":"Evicted"}})",
     Verdict::kHopeless, "Evicted"},
    {"claim bound",
     R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","status":{"phase":"Bound"}})",
     Verdict::kReady},
    {"claim pending",
     R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","status":{"phase":"Pending"}})",
     Verdict::kWaiting, "Pending"},
    {"claim lost",
     R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","status":{"phase":"Lost"}})",
     Verdict::kHopeless},
    {"service without a balancer",
     R"({"apiVersion":"v1","kind":"Service","spec":{"type":"ClusterIP"}})", Verdict::kReady},
    {"service without an address",
     R"({"apiVersion":"v1","kind":"Service","spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{}}})",
     Verdict::kWaiting, "no address"},
    {"service with an address",
     R"({"apiVersion":"v1","kind":"Service","spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"hostname":"h"}]}}})",
     Verdict::kReady},
    {"ingress",
     R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}})",
     Verdict::kReady},
    {"namespace", R"({"apiVersion":"v1","kind":"Namespace","status":{"phase":"Terminating"}})",
     Verdict::kWaiting, "Terminating"},
    {"definition",
     R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","status":{"conditions":[{"type":"Established","status":"True"}]}})",
     Verdict::kReady},
    {"definition with a taken name",
     R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","status":{"conditions":[
         {"type":"NamesAccepted","status":"False","reason":"KindConflict"},{"type":"Established","status":"False"}]}})",
     Verdict::kWaiting, "KindConflict"},
    {"what needs no waiting", R"({"apiVersion":"v1","kind":"ConfigMap"})", Verdict::kReady},
    {"role", R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role"})", Verdict::kReady},
    {"custom ready",
     R"({"apiVersion":"cert-manager.io/v1","kind":"Certificate","status":{"conditions":[{"type":"Ready","status":"True"}]}})",
     Verdict::kReady},
    {"custom not ready",
     R"({"apiVersion":"cert-manager.io/v1","kind":"Certificate","status":{"conditions":[{"type":"Ready","status":"False","reason":"Issuing","message":"wait"}]}})",
     Verdict::kWaiting, "Ready is False (Issuing): wait"},
    {"custom ready for an earlier change",
     R"({"apiVersion":"e.org/v1","kind":"Foo","metadata":{"generation":3},"status":{"conditions":[{"type":"Ready","status":"True","observedGeneration":2}]}})",
     Verdict::kWaiting, "earlier change"},
    {"custom not observed",
     R"({"apiVersion":"e.org/v1","kind":"Foo","metadata":{"generation":3},"status":{"observedGeneration":2}})",
     Verdict::kWaiting, "has not seen the change"},
    {"custom without status",
     R"({"apiVersion":"e.org/v1","kind":"Foo","metadata":{"generation":3}})", Verdict::kNoStatus},
    {"custom of a group that looks built in",
     R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"generation":1}})",
     Verdict::kNoStatus},
    {"custom with a status of its own",
     R"({"apiVersion":"e.org/v1","kind":"Foo","status":{"phase":"x"}})", Verdict::kReady},
};

INSTANTIATE_TEST_SUITE_P(All, RolloutTest, ::testing::ValuesIn(kCases), [](const auto& test) {
  std::string name;
  for (const char c : std::string(test.param.what))
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

const Json kObject = Json::parse(R"({"metadata":{"generation":2,"annotations":{"a.b/c":"yes"}},
    "status":{"phase":"Running","count":3,"ports":[{"port":80,"name":"x"},{"port":443}],
    "conditions":[{"type":"Synced","status":"True","observedGeneration":2},{"type":"Stalled","status":"True","reason":"Oops"},
                  {"type":"Healthy","status":"False","message":"no"}]}})");

TEST(CheckFieldPath, RefusesWhatLeadsNowhere) {
  for (const char* path :
       {"status.phase", "status.addresses[0].ip", "status.addresses.0.ip",
        "metadata.annotations['a.b/c']", "metadata.annotations[\"a.b/c\"].x", "a[0][1]"}) {
    EXPECT_TRUE(CheckFieldPath(path).ok()) << path;
  }
  for (const char* path : {"", ".status.phase", "{.status.phase}", "a..b", "a.", "data[", "a[].b",
                           "status[.phase", "a[0]b"}) {
    EXPECT_EQ(CheckFieldPath(path).code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST(JudgeField, QuotesNoValueOfASecretAndNoWholeFile) {
  const kubernetes::Json secret = {{"kind", "Secret"}, {"data", {{"password", "czNjcmV0"}}}};
  for (const char* path : {"data.password", "data", ""}) {
    const std::string why = JudgeField(secret, path, "x")->why;
    EXPECT_EQ(why, absl::StrCat(path, " (sensitive) does not match x"));
  }
  EXPECT_EQ(JudgeField(secret, "data.user", "x")->why, "it has no data.user yet");
  const kubernetes::Json config = {{"kind", "ConfigMap"},
                                   {"data", {{"a", std::string(5000, 'y')}}}};
  EXPECT_LT(JudgeField(config, "data.a", "x")->why.size(), 300U);
}

TEST(JudgeField, MatchesTheWholeText) {
  EXPECT_EQ(JudgeField(kObject, "status.phase", "Running|Succeeded")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "status.phase", "Run")->state, Verdict::kWaiting);
  EXPECT_EQ(JudgeField(kObject, "status.count", "[1-9]")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "metadata.annotations[\"a.b/c\"]", "yes")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "metadata.annotations['a.b/c']", "yes")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "status.ports[1].port", "443")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "status.ports.0.port", "80")->state, Verdict::kReady);
  EXPECT_EQ(JudgeField(kObject, "status.ports.port", "443")->state, Verdict::kReady)
      << "any item will do";
  EXPECT_THAT(JudgeField(kObject, "status.ports.name", "y")->why,
              "status.ports.name is \"x\" and does not match y");
  EXPECT_THAT(JudgeField(kObject, "status.nothing.here", ".*")->why,
              "it has no status.nothing.here yet");
}

TEST(JudgeField, RefusesWhatIsNoExpression) {
  EXPECT_THAT(JudgeField(kObject, "status.phase", "a("),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no regular expression")));
  WaitFor wait;
  wait.fields["status.phase"] = "a(";
  EXPECT_THAT(Judge(kObject, wait), StatusIsAt("fields[\"status.phase\"]"));
}

TEST(Judge, AllOfItMustHold) {
  WaitFor wait;
  wait.conditions["Synced"] = "True";
  EXPECT_EQ(Judge(kObject, wait)->state, Verdict::kReady);
  wait.conditions["Healthy"] = "True";
  wait.fields["status.phase"] = "Done";
  const auto verdict = Judge(kObject, wait);
  EXPECT_EQ(verdict->state, Verdict::kWaiting);
  EXPECT_EQ(verdict->why,
            "condition Healthy is False: no; status.phase is \"Running\" and does not match Done");
  wait.conditions = {{"Later", "True"}};
  EXPECT_THAT(Judge(kObject, wait)->why, HasSubstr("it has no condition Later yet"));
}

TEST(DescribeConditions, TellsOnlyOfTrouble) {
  EXPECT_EQ(DescribeConditions(kObject),
            "condition Stalled is True (Oops)\ncondition Healthy is False: no\n");
}

}  // namespace
}  // namespace charon::operations
