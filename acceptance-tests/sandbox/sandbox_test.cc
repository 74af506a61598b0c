// Unit tests of the parts that decide what an object becomes: ownership, patches, selectors,
// quantities, quota. How they fit together is compared with a real server in Python.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bootstrap.h"
#include "cluster.h"
#include "codec.h"
#include "controllers.h"
#include "faults.h"
#include "field_ownership.h"
#include "kinds.h"
#include "objects.h"
#include "patch.h"
#include "quantity.h"
#include "selector.h"
#include "status.h"
#include "yaml.h"

namespace charon::sandbox {
namespace {

Json Yaml(const std::string& text) {
  const absl::StatusOr<ParsedDocument> parsed = ParseYaml(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? parsed->value : Json();
}

Json WithoutTimes(Json fields) {
  for (Json& entry : fields) entry.erase("time");
  return fields;
}

FieldWriter Writer(const Resource& resource, const std::string& manager) {
  FieldWriter writer;
  writer.manager = manager;
  writer.api_version = resource.api_version();
  writer.type = resource.type;
  writer.empty = resource.empty;
  writer.now = absl::FromUnixSeconds(1'000'000'000);
  return writer;
}

// One apply of a sequence, and what must come out of it.
struct ApplyStep {
  std::string manager;
  std::string patch;
  bool force;
  std::string data;       // The object's data afterwards; empty: a conflict.
  std::string conflicts;  // Fields in conflict, separated by commas.
};

struct ApplyCase {
  std::string name;
  std::vector<ApplyStep> steps;
};

std::string ConfigMap(const std::string& data) {
  return absl::StrCat("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: ", data, "}");
}

class ApplySequence : public testing::TestWithParam<ApplyCase> {};

TEST_P(ApplySequence, LeavesTheExpectedData) {
  const KindTable kinds;
  const ResourcePtr resource = kinds.FindKind("v1", "ConfigMap");
  Json live;
  for (const ApplyStep& step : GetParam().steps) {
    const absl::StatusOr<Applied> applied =
        Apply(live, Yaml(step.patch), step.force, Writer(*resource, step.manager));
    if (step.data.empty()) {
      ASSERT_FALSE(applied.ok());
      EXPECT_EQ(StatusCode(applied.status()), 409);
      std::string fields;
      const Json body = StatusBody(applied.status());
      for (const Json& cause : Items(body, {"details", "causes"})) {
        absl::StrAppend(&fields, fields.empty() ? "" : ",", Text(cause, {"field"}));
      }
      EXPECT_EQ(fields, step.conflicts);
      continue;
    }
    ASSERT_TRUE(applied.ok()) << applied.status();
    live = CanonicalObject(applied->object, *resource);
    live["metadata"]["uid"] = "1";
    EXPECT_EQ(Members(live, {"data"}), Yaml(step.data)) << step.patch;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, ApplySequence,
    testing::Values(
        ApplyCase{"OwnFieldGoesWhenNoLongerApplied",
                  {{"one", ConfigMap("{x: '1', z: '2'}"), false, "{x: '1', z: '2'}", ""},
                   {"one", ConfigMap("{z: '2'}"), false, "{z: '2'}", ""}}},
        ApplyCase{"SharedFieldStaysWithTheOtherOwner",
                  {{"one", ConfigMap("{x: '1'}"), false, "{x: '1'}", ""},
                   {"two", ConfigMap("{x: '1', w: '4'}"), false, "{x: '1', w: '4'}", ""},
                   {"one", ConfigMap("{}"), false, "{x: '1', w: '4'}", ""},
                   {"two", ConfigMap("{}"), false, "{}", ""}}},
        ApplyCase{"ForeignValueConflicts",
                  {{"one", ConfigMap("{x: '1', z: '1'}"), false, "{x: '1', z: '1'}", ""},
                   {"two", ConfigMap("{x: '2', z: '2'}"), false, "", ".data.x,.data.z"},
                   {"two", ConfigMap("{x: '2'}"), true, "{x: '2', z: '1'}", ""},
                   {"one", ConfigMap("{x: '1', z: '1'}"), false, "", ".data.x"}}}),
    [](const auto& tested) { return tested.param.name; });

TEST(FieldOwnership, KeyedListsAreOwnedByTheirItems) {
  const KindTable kinds;
  const ResourcePtr resource = kinds.FindKind("apps/v1", "Deployment");
  const absl::StatusOr<Applied> applied = Apply(
      Json(),
      Yaml("{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {spec: "
           "{containers: [{name: app, ports: [{containerPort: 80}]}], tolerations: [{key: k}]}}}}"),
      false, Writer(*resource, "one"));
  ASSERT_TRUE(applied.ok());
  const Json fields = Items(applied->object, {"metadata", "managedFields"});
  EXPECT_EQ(WithoutTimes(fields),
            Yaml(R"([{manager: one, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1,
                      fieldsV1: {"f:spec": {"f:template": {"f:spec": {
                        "f:containers": {'k:{"name":"app"}': {".": {}, "f:name": {}, "f:ports": {
                          'k:{"containerPort":80,"protocol":"TCP"}': {
                            ".": {}, "f:containerPort": {}}}}},
                        "f:tolerations": {}}}}}}])"));
}

TEST(FieldOwnership, UpdateTakesWhatItChanges) {
  const KindTable kinds;
  const ResourcePtr resource = kinds.FindKind("v1", "ConfigMap");
  Json live = TrackUpdate(Json(), Yaml(ConfigMap("{x: '1', z: '1'}")), Writer(*resource, "one"));
  live["metadata"]["uid"] = "1";
  Json changed = live;
  changed["data"]["x"] = "2";
  const Json after = TrackUpdate(live, changed, Writer(*resource, "two"));
  const Json fields = Items(after, {"metadata", "managedFields"});
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0]["fieldsV1"], Yaml(R"({"f:data": {".": {}, "f:z": {}}})"));
  EXPECT_EQ(fields[1]["fieldsV1"], Yaml(R"({"f:data": {"f:x": {}}})"));
}

TEST(FieldOwnership, AnEmptyEntryDropsAllEntries) {
  const KindTable kinds;
  const ResourcePtr resource = kinds.FindKind("v1", "ConfigMap");
  Json live = TrackUpdate(Json(), Yaml(ConfigMap("{x: '1'}")), Writer(*resource, "one"));
  live["metadata"]["uid"] = "1";
  Json changed = live;
  changed["metadata"]["managedFields"] = Json::array({Json::object()});
  const Json after = TrackUpdate(live, changed, Writer(*resource, "two"));
  EXPECT_EQ(Find(after, {"metadata", "managedFields"}), nullptr);
}

TEST(FieldOwnership, UnknownFieldIsRefused) {
  const KindTable kinds;
  const ResourcePtr resource = kinds.FindKind("v1", "ConfigMap");
  const absl::StatusOr<Applied> applied =
      Apply(Json(), Yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, dta: {}}"), false,
            Writer(*resource, "one"));
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.status().message(),
            "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .dta: field not "
            "declared in schema");
}

TEST(Patch, MergeRemovesNulls) {
  EXPECT_EQ(MergePatch(Yaml("{a: 1, b: {c: 2, d: 3}}"), Yaml("{a: null, b: {c: 5}}")),
            Yaml("{b: {c: 5, d: 3}}"));
}

TEST(Patch, JsonOperations) {
  const absl::StatusOr<Json> good =
      JsonPatch(Yaml("{a: [1, 2], b: {}}"),
                Yaml("[{op: add, path: /a/1, value: 9}, {op: remove, path: /a/0}, "
                     "{op: replace, path: /b/new, value: x}, {op: copy, from: /b/new, path: /c}]"));
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, Yaml("{a: [9, 2], b: {new: x}, c: x}"));
  for (const char* bad :
       {"[{op: test, path: /a, value: 1}]", "[{op: remove, path: /z}]",
        "[{op: add, path: /a/7, value: 1}]", "[{op: nonsense, path: /a}]", "[{op: add}, 5]"}) {
    const absl::StatusOr<Json> refused = JsonPatch(Yaml("{a: [1]}"), Yaml(bad));
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(StatusCode(refused.status()), 422) << bad;
  }
}

TEST(Patch, StrategicMergesListsByKey) {
  const KindTable kinds;
  const Type& type = *kinds.FindKind("v1", "Pod")->type;
  const Json pod = Yaml("{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}");
  const absl::StatusOr<Json> changed =
      StrategicMergePatch(pod, Yaml("{spec: {containers: [{name: b, image: z}]}}"), type);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(*changed, Yaml("{spec: {containers: [{name: a, image: x}, {name: b, image: z}]}}"));
  const absl::StatusOr<Json> removed =
      StrategicMergePatch(pod, Yaml("{spec: {containers: [{name: a, $patch: delete}]}}"), type);
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(*removed, Yaml("{spec: {containers: [{name: b, image: y}]}}"));
}

TEST(Quantity, CanonicalForms) {
  for (const auto& [text, canonical] :
       std::vector<std::pair<std::string, std::string>>{{"1000m", "1"},
                                                        {"0.5", "500m"},
                                                        {"1.5Gi", "1536Mi"},
                                                        {"1024Mi", "1Gi"},
                                                        {"1000Mi", "1000Mi"},
                                                        {"1e3", "1e3"},
                                                        {"0", "0"},
                                                        {"512", "512"},
                                                        {"1E", "1E"},
                                                        {"100n", "100n"},
                                                        {"-1", "-1"},
                                                        {"0.5Gi", "512Mi"},
                                                        {"1k", "1k"}}) {
    const absl::StatusOr<Quantity> parsed = Quantity::Parse(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->ToString(), canonical) << text;
  }
  for (const char* bad : {"", "1 Gb", "x", "1GB", "1.2.3", "--1", "e3"}) {
    EXPECT_FALSE(Quantity::Parse(bad).ok()) << bad;
  }
}

TEST(Selector, Labels) {
  const Json labels = Yaml("{a: '1', b: '2'}");
  for (const auto& [text, matches] :
       std::vector<std::pair<std::string, bool>>{{"", true},
                                                 {"a=1", true},
                                                 {"a==2", false},
                                                 {"a!=2,b", true},
                                                 {"a in (1,3)", true},
                                                 {"a notin (1)", false},
                                                 {"!c", true},
                                                 {"!a", false},
                                                 {"b>1", true},
                                                 {"b<1", false}}) {
    const absl::StatusOr<LabelSelector> selector = LabelSelector::Parse(text);
    ASSERT_TRUE(selector.ok()) << text;
    EXPECT_EQ(selector->Matches(labels), matches) << text;
  }
  for (const char* bad : {"a in 1", "=x", "a=b=c d", "a,,b", "bad key=1"}) {
    EXPECT_FALSE(LabelSelector::Parse(bad).ok()) << bad;
  }
}

TEST(YamlReader, WordsAndNumbersAsTheServerReadsThem) {
  EXPECT_EQ(Yaml("{a: yes, b: off, c: 0644, d: '0644', e: ~, f: 1_000, g: 0x1F}"),
            Json({{"a", true},
                  {"b", false},
                  {"c", 420},
                  {"d", "0644"},
                  {"e", nullptr},
                  {"f", 1000},
                  {"g", 31}}));
  EXPECT_EQ(Yaml("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n")["use"], Yaml("{x: 1, y: 3}"));
  EXPECT_FALSE(ParseYaml("a: [").ok());
}

// A whole cluster without HTTP.
class ClusterTest : public testing::Test {
 protected:
  ClusterTest() : controllers_(cluster_) {
    absl::MutexLock lock(&cluster_.mu);
    cluster_.random.seed(1);
    Bootstrap(cluster_, "");
  }

  absl::StatusOr<Written> Create(const std::string& text) {
    const Json body = Yaml(text);
    absl::MutexLock lock(&cluster_.mu);
    Call call;
    call.resource = cluster_.kinds.FindKind(Text(body, {"apiVersion"}), Text(body, {"kind"}));
    call.ns = call.resource->namespaced ? "default" : "";
    Objects objects(cluster_);
    return objects.Create(call, ParsedDocument{body, {}, ""});
  }

  Json Get(const std::string& resource, const std::string& ns, const std::string& name) {
    controllers_.RunUntilIdleForTest();
    absl::MutexLock lock(&cluster_.mu);
    const ObjectPtr object = cluster_.store.Get(resource, ns, name);
    return object == nullptr ? Json() : *object;
  }

  Cluster cluster_;
  Controllers controllers_;
};

TEST_F(ClusterTest, DeploymentBecomesAvailable) {
  ASSERT_TRUE(Create("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: "
                     "{replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: "
                     "{labels: {a: b}}, spec: {containers: [{name: c, image: 'i:1'}]}}}}")
                  .ok());
  const Json deployment = Get("apps/deployments", "default", "web");
  EXPECT_EQ(Integer(deployment, {"status", "availableReplicas"}), 2);
  EXPECT_EQ(Integer(deployment, {"status", "observedGeneration"}), 1);
}

TEST_F(ClusterTest, AStatefulSetMadeAnewAdoptsThePodsOfTheOldOne) {
  const char set[] =
      "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, "
      "selector: "
      "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, "
      "image: "
      "'i:1'}]}}}}";
  ASSERT_TRUE(Create(set).ok());
  const Json before = Get("/pods", "default", "db-0");
  {
    absl::MutexLock lock(&cluster_.mu);
    Call call;
    call.resource = cluster_.kinds.FindKind("apps/v1", "StatefulSet");
    call.ns = "default";
    call.name = "db";
    DeleteOptions options;
    options.propagation = "Orphan";
    ASSERT_TRUE(Objects(cluster_).Delete(call, options).ok());
  }
  ASSERT_TRUE(Get("apps/statefulsets", "default", "db").is_null());
  EXPECT_TRUE(Items(Get("/pods", "default", "db-0"), {"metadata", "ownerReferences"}).empty());
  ASSERT_TRUE(Create(set).ok());
  const Json owner = Get("apps/statefulsets", "default", "db");
  EXPECT_EQ(Integer(owner, {"status", "readyReplicas"}), 1);
  const Json after = Get("/pods", "default", "db-0");
  EXPECT_EQ(Text(after, {"metadata", "uid"}), Text(before, {"metadata", "uid"}));
  ASSERT_EQ(Items(after, {"metadata", "ownerReferences"}).size(), 1);
  EXPECT_EQ(Text(after["metadata"]["ownerReferences"][0], {"uid"}),
            Text(owner, {"metadata", "uid"}));
}

TEST_F(ClusterTest, QuotaRefusesWhatIsTooMuch) {
  ASSERT_TRUE(Create("{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: "
                     "{secrets: '1'}}}")
                  .ok());
  ASSERT_TRUE(Create("{apiVersion: v1, kind: Secret, metadata: {name: a}}").ok());
  const absl::StatusOr<Written> second =
      Create("{apiVersion: v1, kind: Secret, metadata: {name: b}}");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().message(),
            "secrets \"b\" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=1, "
            "limited: secrets=1");
}

TEST_F(ClusterTest, ARefusedPodIsTriedAgainAfterAWhileAndNotAtOnce) {
  {
    absl::MutexLock lock(&cluster_.mu);
    cluster_.clock_stopped_at = absl::FromUnixSeconds(1'700'000'000);
  }
  ASSERT_TRUE(
      Create(
          "{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {hard: {pods: '0'}}}")
          .ok());
  ASSERT_TRUE(Create("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: "
                     "{replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: "
                     "{labels: {a: b}}, spec: {containers: [{name: c, image: 'i:1'}]}}}}")
                  .ok());
  const auto attempts = [this] {
    controllers_.RunUntilIdleForTest();
    absl::MutexLock lock(&cluster_.mu);
    std::int64_t count = 0;
    for (const auto& [name, event] : cluster_.store.All("/events")) {
      if (Text(*event, {"reason"}) == "FailedCreate") count += Integer(*event, {"count"}, 1);
    }
    return count;
  };
  EXPECT_EQ(attempts(), 1);
  EXPECT_EQ(attempts(), 1);
  {
    absl::MutexLock lock(&cluster_.mu);
    cluster_.time_offset += absl::Minutes(1);
  }
  EXPECT_EQ(attempts(), 2);
}

TEST(FaultScript, AFaultOfOneApiSparesTheOthers) {
  FaultScript script;
  ASSERT_TRUE(script.Add(Yaml("{action: status, code: 503, api: cloudflare}")).ok());
  HttpRequest request;
  request.method = "GET";
  EXPECT_FALSE(script.Next("kubernetes", request).has_value());
  EXPECT_FALSE(script.Next("headscale", request).has_value());
  EXPECT_TRUE(script.Next("cloudflare", request).has_value());
}

TEST(FaultScript, FiresOnTheNthMatch) {
  FaultScript script;
  ASSERT_TRUE(script.Add(Yaml("{action: status, code: 503, method: PUT, nth: 2}")).ok());
  HttpRequest request;
  request.method = "PUT";
  EXPECT_FALSE(script.Next("kubernetes", request).has_value());
  EXPECT_TRUE(script.Next("kubernetes", request).has_value());
  EXPECT_FALSE(script.Next("kubernetes", request).has_value());
  EXPECT_FALSE(script.Add(Yaml("{action: nonsense}")).ok());
  EXPECT_FALSE(script.Add(Yaml("{path: '('}")).ok());
}

}  // namespace
}  // namespace charon::sandbox
