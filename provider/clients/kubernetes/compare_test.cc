// Compare, Overlay, SameMeaning, FieldsOf.
#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/ownership_fixtures.h"

namespace charon::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Json Configuration() { return Y(kShopConfiguration); }
Json& App(Json& object) { return object["spec"]["template"]["spec"]["containers"][0]; }

// "PATH: DECLARED, is LIVE" of each difference.
std::vector<std::string> Differences(const Json& declared, const Json& live,
                                     const std::string& manager = "charon") {
  std::vector<std::string> texts;
  for (const Difference& difference : Compare(declared, live, manager)) {
    texts.push_back(absl::StrCat(ToString(difference.path), ": ", difference.declared, ", is ",
                                 difference.live.empty() ? "absent" : difference.live));
  }
  // The two views must agree.
  EXPECT_EQ(texts.empty(), Overlay(declared, live, manager) == declared);
  EXPECT_THAT(Compare(Overlay(declared, live, manager), live, manager), IsEmpty());
  return texts;
}

// `object` with an Apply entry of charon for all of it and entries of others: {manager, FieldsV1}.
Json Applied(const Json& object, const std::string& ours,
             const std::vector<std::pair<std::string, std::string>>& others = {}) {
  Json live = object;
  Json& entries = live["metadata"]["managedFields"] = Json::array();
  entries.push_back({{"manager", "charon"},
                     {"operation", "Apply"},
                     {"time", "2026-01-01T00:00:00Z"},
                     {"fieldsV1", Json::parse(ours)}});
  for (const auto& [manager, fields] : others) {
    entries.push_back({{"manager", manager},
                       {"operation", "Update"},
                       {"time", "2026-01-02T00:00:00Z"},
                       {"fieldsV1", Json::parse(fields)}});
  }
  return live;
}

TEST(Compare, NamesWhoTookWhichFieldAndWhen) {
  const std::vector<Difference> differences = Compare(Configuration(), Shop(), "charon");
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_EQ(ToString(differences[0].path), ".spec.replicas");
  EXPECT_EQ(differences[0].declared, "2");
  EXPECT_EQ(differences[0].live, "5");
  EXPECT_EQ(differences[0].manager, "kubectl");
  EXPECT_EQ(differences[0].operation, "Update");
  EXPECT_EQ(differences[0].subresource, "scale");
  EXPECT_EQ(absl::FormatTime(differences[0].time, absl::UTCTimeZone()),
            "2026-03-03T12:00:00+00:00");
  EXPECT_EQ(ToString(differences[1].path), ".spec.template.spec.containers[name=\"app\"].args");
  EXPECT_EQ(differences[1].live, R"(["--port","8080","--debug"])");
  EXPECT_EQ(differences[1].manager, "kubectl-edit");
  EXPECT_EQ(ToString(differences[2].path), ".spec.template.spec.containers[name=\"app\"].image");
  EXPECT_EQ(differences[2].declared, "\"registry.example.org/web:1.4\"");
  EXPECT_EQ(differences[2].manager, "kubectl-edit");
  EXPECT_EQ(differences[2].subresource, "");
}

TEST(Overlay, IsTheConfigurationWithLiveValues) {
  Json expected = Configuration();
  expected["spec"]["replicas"] = 5;
  App(expected)["image"] = "registry.example.org/web:1.5";
  App(expected)["args"] = {"--port", "8080", "--debug"};
  EXPECT_EQ(Overlay(Configuration(), Shop(), "charon"), expected);
}

TEST(Compare, WhatOthersAddIsInvisible) {
  // Everything that kyverno, reloader and the server's defaults have added, and nothing that was
  // taken from us.
  Json live = Shop();
  live["spec"]["replicas"] = 2;
  App(live)["image"] = "registry.example.org/web:1.4";
  App(live)["args"] = {"--port", "8080"};
  EXPECT_THAT(Differences(Configuration(), live), IsEmpty());
  EXPECT_THAT(Differences(Configuration(), live, ""), IsEmpty());
  EXPECT_EQ(Overlay(Configuration(), live, "charon"), Configuration());
  // Order of items is the server's business.
  std::reverse(App(live)["env"].begin(), App(live)["env"].end());
  std::reverse(App(live)["ports"].begin(), App(live)["ports"].end());
  EXPECT_THAT(Differences(Configuration(), live), IsEmpty());
}

TEST(Compare, WhatIsGoneIsOneDifference) {
  Json live = Shop();
  live["spec"]["replicas"] = 2;
  Json& app = App(live);
  app["image"] = "registry.example.org/web:1.4";
  app["args"] = {"--port", "8080"};
  app["env"].erase(1);
  app["ports"].erase(1);
  app.erase("resources");
  live["metadata"]["labels"].erase("tier");
  EXPECT_THAT(
      Differences(Configuration(), live),
      ElementsAre(
          ".metadata.labels.tier: \"3-edge\", is absent",
          ".spec.template.spec.containers[name=\"app\"].env[name=\"MODE\"]: "
          R"({"name":"MODE","value":"live"}, is absent)",
          ".spec.template.spec.containers[name=\"app\"].ports[containerPort=53,protocol=\"UDP\"]: "
          R"({"containerPort":53,"protocol":"UDP"}, is absent)",
          ".spec.template.spec.containers[name=\"app\"].resources: "
          R"({"limits":{"memory":"0.5Gi"},"requests":{"cpu":0.1,"memory":"0.5Gi"}}, is absent)"));
}

TEST(Compare, WithoutManagedFieldsTheBuiltInKeysHold) {
  Json live = Shop();
  live["metadata"].erase("managedFields");
  live["spec"]["replicas"] = 2;
  App(live)["image"] = "registry.example.org/web:1.4";
  App(live)["args"] = {"--port", "8080"};
  EXPECT_THAT(Differences(Configuration(), live), IsEmpty());
}

struct Case {
  const char* what;
  const char* declared;
  const char* live;
  std::vector<std::string> differences;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(Differences(Y(c.declared), Y(c.live)), ::testing::ElementsAreArray(c.differences))
        << c.what;
  }
}

TEST(Compare, ListsOfBuiltInKinds) {
  Check({
      {"Service ports by port and protocol",
       "{apiVersion: v1, kind: Service, spec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}}",
       "{spec: {ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 80, protocol: "
       "TCP, targetPort: 80}]}}",
       {}},
      {"a Service port's protocol is part of its name",
       "{apiVersion: v1, kind: Service, spec: {ports: [{port: 53, protocol: UDP}]}}",
       "{spec: {ports: [{port: 53, protocol: TCP}]}}",
       {".spec.ports[port=53,protocol=\"UDP\"]: {\"port\":53,\"protocol\":\"UDP\"}, is absent"}},
      {"NetworkPolicy ports are one value",
       "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {egress: [{ports: [{port: "
       "53}]}]}}",
       "{spec: {egress: [{ports: [{port: 53, protocol: TCP}, {port: 80}]}]}}",
       {".spec.egress: [{\"ports\":[{\"port\":53}]}], is "
        "[{\"ports\":[{\"port\":53,\"protocol\":\"TCP\"},{\"port\":80}]}]"}},
      {"volume mounts by path",
       "{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, volumeMounts: [{name: x, "
       "mountPath: /a}, {name: x, mountPath: /b}]}]}}",
       "{spec: {containers: [{name: a, volumeMounts: [{mountPath: /b, name: x}, {mountPath: /a, "
       "name: z}]}]}}",
       {".spec.containers[name=\"a\"].volumeMounts[mountPath=\"/a\"].name: \"x\", is \"z\""}},
      {"host aliases by address",
       "{apiVersion: v1, kind: Pod, spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]}}",
       "{spec: {hostAliases: [{ip: 10.0.0.2, hostnames: [b]}, {ip: 10.0.0.1, hostnames: [a]}]}}",
       {}},
      {"spread constraints by two keys",
       "{apiVersion: v1, kind: Pod, spec: {topologySpreadConstraints: [{topologyKey: z, "
       "whenUnsatisfiable: DoNotSchedule, maxSkew: 1}]}}",
       "{spec: {topologySpreadConstraints: [{topologyKey: z, whenUnsatisfiable: ScheduleAnyway, "
       "maxSkew: 2}, {topologyKey: z, whenUnsatisfiable: DoNotSchedule, maxSkew: 1}]}}",
       {}},
      {"tolerations are one value",
       "{apiVersion: v1, kind: Pod, spec: {tolerations: [{key: a}]}}",
       "{spec: {tolerations: [{key: a}, {key: b}]}}",
       {".spec.tolerations: [{\"key\":\"a\"}], is [{\"key\":\"a\"},{\"key\":\"b\"}]"}},
      {"pull secrets of a Pod by name",
       "{apiVersion: v1, kind: Pod, spec: {imagePullSecrets: [{name: a}]}}",
       "{spec: {imagePullSecrets: [{name: b}, {name: a}]}}",
       {}},
      {"pull secrets of a ServiceAccount are one value",
       "{apiVersion: v1, kind: ServiceAccount, imagePullSecrets: [{name: a}]}",
       "{imagePullSecrets: [{name: b}, {name: a}]}",
       {".imagePullSecrets: [{\"name\":\"a\"}], is [{\"name\":\"b\"},{\"name\":\"a\"}]"}},
      {"RBAC rules and subjects are one value",
       "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, rules: [{verbs: [get]}]}",
       "{rules: [{verbs: [get, list]}]}",
       {".rules: [{\"verbs\":[\"get\"]}], is [{\"verbs\":[\"get\",\"list\"]}]"}},
      {"finalizers are a set",
       "{apiVersion: x/v1, kind: A, metadata: {finalizers: [a, b]}}",
       "{metadata: {finalizers: [c, a]}}",
       {".metadata.finalizers[=\"b\"]: \"b\", is absent"}},
      {"owner references by uid",
       "{apiVersion: x.org/v1, kind: A, metadata: {ownerReferences: [{uid: u, name: n}]}}",
       "{metadata: {ownerReferences: [{uid: v, name: m}, {uid: u, name: n, controller: true}]}}",
       {}},
      {"lists of other kinds are one value",
       "{apiVersion: x.org/v1, kind: A, spec: {containers: [{name: a}]}}",
       "{spec: {containers: [{name: b}, {name: a}]}}",
       {".spec.containers: [{\"name\":\"a\"}], is [{\"name\":\"b\"},{\"name\":\"a\"}]"}},
      {"an item without its key makes the list one value",
       "{apiVersion: v1, kind: Pod, spec: {containers: [{image: x}]}}",
       "{spec: {containers: [{name: a, image: x}]}}",
       {}},
  });
}

TEST(Compare, ListKeysOfCustomResourcesComeFromManagedFields) {
  const Json declared = Y(
      "{apiVersion: x.org/v1, kind: A, spec: {rules: [{id: 1, to: a}], tags: [x], steps: [1, 2]}}");
  const std::string ours =
      R"({"f:spec":{"f:rules":{"k:{\"id\":1}":{".":{},"f:id":{},"f:to":{}}},"f:tags":{"v:\"x\"":{}},"f:steps":{}}})";
  Json live = Applied(
      Y("{spec: {rules: [{id: 2, to: z}, {id: 1, to: a}], tags: [y, x], steps: [1, 2]}}"), ours);
  EXPECT_THAT(Differences(declared, live), IsEmpty());
  live["spec"]["rules"][1]["to"] = "b";
  live["spec"]["tags"] = {"y"};
  live["spec"]["steps"] = {2, 1};
  EXPECT_THAT(Differences(declared, live),
              ElementsAre(".spec.rules[id=1].to: \"a\", is \"b\"", ".spec.steps: [1,2], is [2,1]",
                          ".spec.tags[=\"x\"]: \"x\", is absent"));
}

TEST(Compare, KeysThatTheServerEscapesAreFound) {
  const Json declared =
      Y("{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, volumeMounts: [{mountPath: "
        "'/a&<é>', name: v}]}]}}");
  const Json live = Applied(
      Y("{spec: {containers: [{name: a, volumeMounts: [{mountPath: '/a&<é>', name: w}]}]}}"),
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:name":{}}}}})",
      {{"evil",
        R"({"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:volumeMounts":{"k:{\"mountPath\":\"/a\\u0026\\u003cé\\u003e\"}":{"f:name":{}}}}}}})"}});
  const std::vector<Difference> differences = Compare(declared, live, "charon");
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].manager, "evil");
}

// In atomic values the server's defaults are ours as long as the value is; when it changed hands,
// everything counts.
TEST(Compare, DefaultsInAtomicValuesAreNoDifference) {
  const Json declared = Y(R"(
apiVersion: apps/v1
kind: StatefulSet
spec:
  volumeClaimTemplates: [{metadata: {name: d}, spec: {resources: {requests: {storage: 1024Mi}}}}])");
  const Json stored = Y(R"(
spec:
  volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: d}
    spec: {resources: {requests: {storage: 1Gi}}, volumeMode: Filesystem}
    status: {phase: Pending})");
  const std::string field = R"({"f:spec":{"f:volumeClaimTemplates":{}}})";
  EXPECT_THAT(Differences(declared, Applied(stored, field)), IsEmpty());
  EXPECT_THAT(Differences(declared, Applied(stored, field), ""), IsEmpty());
  // Those of a claim template are known in other hands as well, but not more than that.
  Json theirs = Applied(stored, R"({"f:metadata":{}})", {{"evil", field}});
  EXPECT_THAT(Differences(declared, theirs), IsEmpty());
  theirs["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "fast";
  EXPECT_EQ(Compare(declared, theirs, "charon").size(), 1U);
}

TEST(Compare, AnAtomicValueInOtherHandsIsComparedWhole) {
  const Json declared = Y(R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]})");
  // Somebody has opened the policy to all namespaces: an empty map says a lot here.
  const Json open =
      Y("{spec: {podSelector: {}, ingress: [{from: [{podSelector: {}, namespaceSelector: {}}], "
        "ports: [{port: 80, protocol: TCP}]}]}}");
  const Json live = Applied(open, R"({"f:spec":{"f:podSelector":{}}})",
                            {{"evil", R"({"f:spec":{"f:ingress":{}}})"}});
  for (const char* manager : {"charon", ""}) {
    const std::vector<Difference> differences = Compare(declared, live, manager);
    ASSERT_EQ(differences.size(), 1U);
    EXPECT_EQ(ToString(differences[0].path), ".spec.ingress");
    EXPECT_EQ(differences[0].manager, "evil");
  }
  // The same content in other hands is still the same: protocol TCP is a default that everybody
  // knows.
  const Json same =
      Y("{spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 80, "
        "protocol: TCP}]}]}}");
  EXPECT_THAT(Differences(declared, Applied(same, R"({"f:spec":{"f:podSelector":{}}})",
                                            {{"evil", R"({"f:spec":{"f:ingress":{}}})"}})),
              IsEmpty());
}

TEST(Compare, AtomicMapsAreComparedWhole) {
  const Json declared = Y("{apiVersion: v1, kind: Service, spec: {selector: {app: web}}}");
  const Json live =
      Applied(Y("{spec: {selector: {app: web, canary: 'true'}}}"), R"({"f:spec":{"f:type":{}}})",
              {{"evil", R"({"f:spec":{"f:selector":{}}})"}});
  EXPECT_THAT(Differences(declared, live),
              ElementsAre(R"(.spec.selector: {"app":"web"}, is {"app":"web","canary":"true"})"));
}

TEST(Compare, NothingIsNothingInAllItsForms) {
  Check({
      {"empty and absent", "{metadata: {labels: {}}, spec: {a: [], b: {c: {}}}}", "{}", {}},
      {"absent and empty", "{spec: {}}", "{spec: {a: {}}}", {}},
      {"null and absent", "{spec: {a: null}}", "{}", {}},
      {"null and a default", "{spec: {replicas: null}}", "{spec: {replicas: 1}}", {}},
      {"nulls inside", "{spec: {securityContext: {runAsUser: null}}}", "{}", {}},
      {"zero is something", "{spec: {a: 0}}", "{spec: {}}", {".spec.a: 0, is absent"}},
      {"false is something", "{spec: {a: false}}", "{spec: {}}", {".spec.a: false, is absent"}},
      {"empty text is something", "{spec: {a: ''}}", "{spec: {}}", {".spec.a: \"\", is absent"}},
      {"a list of nothing is something",
       "{spec: {a: [{}]}}",
       "{spec: {}}",
       {".spec.a: [{}], is absent"}},
      {"a live null is absent", "{spec: {a: 1}}", "{spec: {a: null}}", {".spec.a: 1, is absent"}},
      {"other types",
       "{spec: {a: {b: 1}, c: [1], d: x}}",
       "{spec: {a: x, c: {}, d: {e: 1}}}",
       {".spec.a: {\"b\":1}, is \"x\"", ".spec.c: [1], is {}", ".spec.d: \"x\", is {\"e\":1}"}},
  });
}

TEST(Compare, ADeclaredNullConflictsWithAnothersValue) {
  const Json declared = Y("{apiVersion: apps/v1, kind: Deployment, spec: {replicas: null}}");
  const Json stored = Y("{spec: {replicas: 5}}");
  EXPECT_THAT(Differences(declared, Applied(stored, R"({"f:spec":{"f:replicas":{}}})")), IsEmpty());
  const Json taken =
      Applied(stored, R"({"f:spec":{}})", {{"kubectl", R"({"f:spec":{"f:replicas":{}}})"}});
  EXPECT_THAT(Differences(declared, taken), ElementsAre(".spec.replicas: null, is 5"));
}

// Recorded: an applied "labels: {}" is not stored but stays in managedFields; emptyDir is in both
// until it is replaced.
TEST(Compare, AnEmptyMapThatWasReplacedIsADifference) {
  const Json declared =
      Y("{apiVersion: v1, kind: Pod, metadata: {labels: {}}, spec: {volumes: [{name: v, emptyDir: "
        "{}}]}}");
  const std::string ours =
      R"({"f:metadata":{"f:labels":{}},"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{".":{},"f:emptyDir":{},"f:name":{}}}}})";
  EXPECT_THAT(
      Differences(declared, Applied(Y("{spec: {volumes: [{name: v, emptyDir: {}}]}}"), ours)),
      IsEmpty());
  const Json replaced = Applied(
      Y("{spec: {volumes: [{name: v, hostPath: {path: /}}]}}"),
      R"({"f:metadata":{"f:labels":{}},"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{".":{},"f:name":{}}}}})");
  EXPECT_EQ(Compare(declared, replaced, "charon").size(), 1U);
  EXPECT_EQ(ToString(Compare(declared, replaced, "charon")[0].path),
            ".spec.volumes[name=\"v\"].emptyDir");
}

TEST(Compare, TheServersOwnFieldsDoNotCount) {
  Check({
      {"names and server metadata",
       "{apiVersion: v1, kind: A, metadata: {name: a, namespace: b, creationTimestamp: null, uid: "
       "x, resourceVersion: '1', generation: 2}}",
       "{apiVersion: v2, kind: B, metadata: {name: c, creationTimestamp: '2026-01-01T00:00:00Z'}}",
       {}},
      {"status", "{apiVersion: v1, kind: A, status: {phase: x}}", "{status: {phase: y}}", {}},
      {"the same names elsewhere do",
       "{spec: {name: a, uid: b}, status: {}}",
       "{spec: {name: c, uid: d}}",
       {".spec.name: \"a\", is \"c\"", ".spec.uid: \"b\", is \"d\""}},
  });
  // A custom resource without a status subresource.
  const Json live = Applied(Y("{status: {phase: z}}"), R"({"f:status":{"f:phase":{}}})");
  EXPECT_THAT(Differences(Y("{apiVersion: x.org/v1, kind: A, status: {phase: x}}"), live),
              ElementsAre(".status.phase: \"x\", is \"z\""));
}

TEST(Compare, SecretsAreComparedDecodedAndNeverShown) {
  const Json declared =
      Y("{apiVersion: v1, kind: Secret, stringData: {a: hello, b: old, c: new}, data: {d: aGk=, e: "
        "b2xk}}");
  Json live =
      Applied(Y("{data: {a: aGVsbG8=, b: bmV3, d: aGk, e: bmV3}}"),
              R"({"f:stringData":{"f:a":{},"f:b":{}}})", {{"rotator", R"({"f:data":{"f:b":{}}})"}});
  const std::vector<Difference> differences = Compare(declared, live, "charon");
  ASSERT_EQ(differences.size(), 3U);
  EXPECT_EQ(ToString(differences[0].path), ".data.e");
  EXPECT_EQ(ToString(differences[1].path), ".stringData.b");
  EXPECT_EQ(differences[1].manager, "rotator");
  EXPECT_EQ(ToString(differences[2].path), ".stringData.c");
  for (const Difference& difference : differences) {
    EXPECT_EQ(difference.declared, "(sensitive)");
    EXPECT_TRUE(difference.live.empty() || difference.live == "(sensitive)");
  }
  const Json overlay = Overlay(declared, live, "charon");
  EXPECT_EQ(overlay["stringData"], Json::parse(R"({"a":"hello","b":"new"})"));
  EXPECT_EQ(overlay["data"], Json::parse(R"({"d":"aGk=","e":"bmV3"})"));
  // A ConfigMap's data is text.
  EXPECT_THAT(
      Differences(Y("{apiVersion: v1, kind: ConfigMap, data: {d: aGk=}}"), Y("{data: {d: aGk}}")),
      ElementsAre(".data.d: \"aGk=\", is \"aGk\""));
}

TEST(SameMeaning, KnowsWhereQuantitiesAre) {
  const auto same = [](const std::string& path, const Json& a, const Json& b) {
    const bool result = SameMeaning(ParseFieldPath(path).value(), a, b);
    EXPECT_EQ(SameMeaning(ParseFieldPath(path).value(), b, a), result) << path;
    return result;
  };
  EXPECT_TRUE(same(".spec.containers[name=\"a\"].resources.limits.memory", "2048Mi", "2Gi"));
  EXPECT_TRUE(same(".spec.containers[name=\"a\"].resources.requests.cpu", 0.5, "500m"));
  EXPECT_TRUE(same(".spec.hard.requests.cpu", 8, "8000m"));
  EXPECT_TRUE(same(".spec.limits[0].max.memory", "1024Mi", "1Gi"));
  EXPECT_TRUE(same(".spec.capacity.storage", "1024Gi", "1Ti"));
  EXPECT_TRUE(same(".spec.volumes[name=\"v\"].emptyDir.sizeLimit", "1024Mi", "1Gi"));
  EXPECT_TRUE(same(".spec.metrics[0].resource.target.averageValue", "1000m", "1"));
  EXPECT_FALSE(same(".spec.hard.requests.cpu", 8, "8001m"));
  EXPECT_FALSE(same(".spec.hard.x", "a", "b"));
  EXPECT_FALSE(same(".data.sizeLimit", "1024Mi", "1Gi"));
  EXPECT_FALSE(same(".metadata.annotations.capacity", "1000m", "1"));
  EXPECT_FALSE(same(".metadata.annotations.limits", "1000m", "1"));
  // A whole value at once.
  EXPECT_TRUE(same(".spec.resources", Json::parse(R"({"limits":{"cpu":"1000m"}})"),
                   Json::parse(R"({"limits":{"cpu":1},"requests":{}})")));
  EXPECT_FALSE(same(".spec.resources", Json::parse(R"({"limits":{"cpu":"1000m"}})"),
                    Json::parse(R"({"limits":{"cpu":1,"memory":"1Gi"}})")));
}

TEST(SameMeaning, OfOtherValues) {
  const auto same = [](const std::string& path, const Json& a, const Json& b) {
    return SameMeaning(ParseFieldPath(path).value(), a, b);
  };
  EXPECT_TRUE(same(".spec.a", 1, 1.0));
  EXPECT_FALSE(same(".spec.a", 1, "1"));
  EXPECT_FALSE(same(".spec.a", true, "true"));
  EXPECT_FALSE(same(".spec.a", 0, nullptr));
  EXPECT_TRUE(same(".spec.ports[port=80].targetPort", 80, "80"));
  EXPECT_FALSE(same(".spec.ports[port=80].targetPort", 80, "http"));
  EXPECT_TRUE(same(".spec.strategy.rollingUpdate.maxSurge", 1, "1"));
  EXPECT_FALSE(same(".spec.strategy.rollingUpdate.maxSurge", 1, "1%"));
  EXPECT_FALSE(same(".spec.interval", "60s", "1m"));
  EXPECT_TRUE(same(".binaryData.x", "aGk=", "aGk"));
  EXPECT_TRUE(same(".spec.a", Json::object(), nullptr));
  EXPECT_TRUE(same(".spec.a", Json::array(), nullptr));
  EXPECT_TRUE(same(".spec.a", Json::parse(R"({"b":{},"c":null})"), nullptr));
  EXPECT_TRUE(same(".spec.a", Json::parse(R"({"b":1,"c":[]})"), Json::parse(R"({"b":1})")));
  EXPECT_FALSE(same(".spec.a", Json::parse("[1,2]"), Json::parse("[2,1]")));
}

// The set that Kubernetes 1.36.3 recorded for this configuration (kShopDeployment has it without
// what was taken later).
TEST(FieldsOf, IsWhatTheServerRecords) {
  const FieldSet fields = FieldsOf(Configuration(), Shop());
  FieldSet recorded = AppliedBy(Shop(), "charon");
  for (const char* taken : {".spec.replicas", ".spec.template.spec.containers[name=\"app\"].args",
                            ".spec.template.spec.containers[name=\"app\"].image"}) {
    recorded.Insert(ParseFieldPath(taken).value());
  }
  EXPECT_EQ(fields.ToJson(), recorded.ToJson());
  // The tables say the same.
  EXPECT_EQ(FieldsOf(Configuration(), Json()).ToJson(), recorded.ToJson());
}

TEST(FieldsOf, NullsEmptiesAndServerFields) {
  // Recorded from Kubernetes 1.36.3.
  const Json declared = Y(R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: t, labels: {}, annotations: {a.b/c: x}, creationTimestamp: null, finalizers: [a.b/f]}
spec:
  replicas: null
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      nodeSelector: {}
      tolerations: []
      initContainers: []
      imagePullSecrets: [{name: p}]
      securityContext: {runAsUser: null}
      containers:
      - {name: app, args: [], resources: {}}
status: {}
)");
  const Json live = Applied(
      Json::object(),
      R"({"f:spec":{"f:template":{"f:spec":{"f:imagePullSecrets":{"k:{\"name\":\"p\"}":{}}}}}})");
  EXPECT_EQ(
      FieldsOf(declared, live).ToJson().dump(),
      R"({"f:metadata":{"f:annotations":{"f:a.b/c":{}},"f:finalizers":{"v:\"a.b/f\"":{}},"f:labels":{}},)"
      R"("f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:metadata":{"f:creationTimestamp":{},"f:labels":{"f:app":{}}},)"
      R"("f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:args":{},"f:name":{},"f:resources":{}}},)"
      R"("f:imagePullSecrets":{"k:{\"name\":\"p\"}":{}},)"
      R"("f:nodeSelector":{},"f:securityContext":{"f:runAsUser":{}},"f:tolerations":{}}}}})");
}

TEST(Compare, OddInputsAreSurvived) {
  EXPECT_THAT(Compare(Json(), Json(), "charon"), IsEmpty());
  EXPECT_THAT(Compare(Json(), Shop(), "charon"), IsEmpty());
  EXPECT_EQ(Compare(Configuration(), Json(), "charon").size(), 2U);
  EXPECT_THAT(Compare(Json::array(), Json::array(), ""), IsEmpty());
  EXPECT_THAT(
      Compare(
          Configuration(),
          Json::parse(
              R"({"metadata":{"managedFields":[1,{"fieldsV1":[]},{"fieldsV1":{"f:spec":1}}]}})"),
          "")
          .size(),
      ::testing::Gt(0U));
}

// A CRD may give a key of a list a default: the item there then has more keys than was declared.
TEST(Compare, AnItemIsFoundThoughAPartOfItsKeyIsADefault) {
  constexpr char kOurs[] =
      R"({"f:spec":{"f:lm":{"k:{\"k\":\"x\",\"p\":1}":{".":{},"f:k":{},"f:v":{}}}}})";
  const Json declared = Y("{apiVersion: t/v1, kind: Gizmo, spec: {lm: [{k: x, v: '1'}]}}");
  const auto live = [&](const std::string& items) {
    return Applied(Y(absl::StrCat("{apiVersion: t/v1, kind: Gizmo, spec: {lm: ", items, "}}")),
                   kOurs);
  };
  EXPECT_THAT(Differences(declared, live("[{k: x, p: 1, v: '1'}]")), IsEmpty());
  EXPECT_THAT(Differences(declared, live("[{k: x, p: 2, v: '3'}, {k: x, p: 1, v: '1'}]")),
              IsEmpty())
      << "the other one is not ours";
  EXPECT_THAT(Differences(declared, live("[{k: x, p: 1, v: HACKED}]")),
              ElementsAre(".spec.lm[k=\"x\",p=1].v: \"1\", is \"HACKED\""));
  EXPECT_THAT(Differences(declared, live("[]")),
              ElementsAre(".spec.lm[k=\"x\"]: {\"k\":\"x\",\"v\":\"1\"}, is absent"));
}

TEST(Compare, WhatIsSettledCountsNoMoreUntilItChanges) {
  const Json declared =
      Y("{apiVersion: v1, kind: Service, spec: {clusterIP: '', selector: {a: b}, type: NodePort}}");
  Json live =
      Y("{apiVersion: v1, kind: Service, spec: {clusterIP: 10.96.0.1, selector: {a: b}, type: "
        "NodePort}}");
  const Settled settled = SettledAs(Compare(declared, live, "charon"));
  EXPECT_EQ(settled.size(), 1U);
  EXPECT_THAT(Compare(declared, live, "charon", settled), IsEmpty());
  live["spec"]["selector"]["a"] = "c";
  const auto drift = Compare(declared, live, "charon", settled);
  ASSERT_EQ(drift.size(), 1U);
  EXPECT_EQ(ToString(drift[0].path), ".spec.selector");
  Json now = declared;
  now["spec"]["selector"]["a"] = "c";
  EXPECT_EQ(Overlay(declared, live, "charon", settled), now);
  live["spec"]["clusterIP"] = "10.96.0.2";
  EXPECT_EQ(Compare(declared, live, "charon", settled).size(), 2U);
}

}  // namespace
}  // namespace charon::kubernetes
