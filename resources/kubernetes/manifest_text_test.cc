#include "resources/kubernetes/manifest_text.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::kubernetes_resources {
namespace {

constexpr char kApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

Json Parsed(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Json Entry(const std::string& manager, const std::string& operation, const std::string& fields) {
  return {{"manager", manager},       {"operation", operation},
          {"apiVersion", "v1"},       {"time", "2026-11-21T12:00:00Z"},
          {"fieldsType", "FieldsV1"}, {"fieldsV1", Parsed(fields)}};
}

// A Service as v1.36.3 stores it, trimmed: with defaults, and with `entry` as its manager.
Json Service(Json entry) {
  Json live = Parsed(R"({
    "apiVersion": "v1", "kind": "Service",
    "metadata": {"name": "redmine", "namespace": "redmine", "uid": "u", "resourceVersion": "7"},
    "spec": {"clusterIP": "10.96.0.7", "type": "ClusterIP", "selector": {"app": "redmine"},
             "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 3000},
                       {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}]},
    "status": {"loadBalancer": {}}})");
  live["metadata"]["managedFields"] = Json::array({std::move(entry)});
  return live;
}

// Server-side apply of a port without a protocol: the server needs one for the key, nobody owns the
// field.
constexpr char kPortsWithoutProtocol[] = R"({"f:spec": {"f:selector": {}, "f:ports": {
    "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:targetPort": {}},
    "k:{\"port\":53,\"protocol\":\"UDP\"}": {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}}}})";

TEST(EncodeSecret, MovesTextsToData) {
  Json secret = Parsed(R"({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"},
      "data": {"a": "bm8=", "b": "Yg=="}, "stringData": {"a": "yes", "port": 5432}})");
  EncodeSecret(secret);
  EXPECT_EQ(secret["data"], Parsed(R"({"a": "eWVz", "b": "Yg=="})"));
  EXPECT_EQ(secret["stringData"], Parsed(R"({"port": 5432})"))
      << "the server says what is wrong with it";
  Json other = Parsed(
      R"({"apiVersion": "example.org/v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"a": "yes"}})");
  const Json before = other;
  EncodeSecret(other);
  EXPECT_EQ(other, before);
}

TEST(ParseManifest, AKeyWithoutAValueNamesNothing) {
  const Json bare = *ParseManifest("kind: A\nspec: {env: [{name: a}], empty: {}}\n");
  for (const char* text :
       {"kind: A\nmetadata:\n  # nothing\nspec: {env: [{name: a, value: }], empty: {}, type: ~}\n",
        R"({"kind": "A", "metadata": null, "spec": {"env": [{"name": "a", "value": null}],
           "empty": {}, "type": null}})"}) {
    EXPECT_EQ(*ParseManifest(text), bare) << text;
  }
  // Where a list has one it counts.
  EXPECT_EQ((*ParseManifest("a: [1, ~]"))["a"].size(), 2U);
}

// What is shown of a drift is the difference of two texts.
TEST(EmitLike, ChangesNoMoreOfAYamlThanWhatDiffers) {
  // As yamlencode writes it, and as people do.
  const std::string encoded =
      "\"data\":\n  \"a\": \"1\"\n  \"b\": \"1\"\n  \"gone\":\n    \"x\": 1\n\"list\":\n- \"n\": "
      "1\n"
      "  \"v\": true\n- \"n\": 2\n  \"v\": true\n";
  Json object = *ParseManifest(encoded);
  object["data"]["b"] = "it's new";
  object["data"].erase("gone");
  object["list"][1]["v"] = false;
  EXPECT_EQ(EmitLike(object, encoded),
            "\"data\":\n  \"a\": \"1\"\n  \"b\": \"it's new\"\n\"list\":\n- \"n\": 1\n"
            "  \"v\": true\n- \"n\": 2\n  \"v\": false\n");

  const std::string written =
      "# ours\nspec:\n  image: web:1 # pinned\n  replicas: 1\n  ports: [{port: 1, name: a}]\n  "
      "args: ['x']\n"
      "  gone:\n  - 1\n  on: \"1\"\n";
  object = *ParseManifest(written);
  object["spec"]["image"] = "web:2";
  object["spec"]["replicas"] = 3;
  object["spec"]["ports"][0]["port"] = 80;
  object["spec"]["args"][0] = "yes";
  object["spec"].erase("gone");
  EXPECT_EQ(EmitLike(object, written),
            "# ours\nspec:\n  image: web:2 # pinned\n  replicas: 3\n  ports: [{port: 80, name: "
            "a}]\n  args: "
            "[\"yes\"]\n  on: \"1\"\n");

  // What takes more than that is written anew.
  object["spec"]["ports"].push_back({{"port", 2}});
  EXPECT_EQ(*ParseManifest(EmitLike(object, written)), object);
}

TEST(ExportManifest, LeavesOutAProtocolThatOnlyFillsInTheKey) {
  const Json exported =
      ExportManifest(Service(Entry("charon", "Apply", kPortsWithoutProtocol)), "charon");
  EXPECT_EQ(exported["spec"]["ports"][0],
            Parsed(R"({"name": "http", "port": 80, "targetPort": 3000})"));
  EXPECT_EQ(exported["spec"]["ports"][1],
            Parsed(R"({"name": "dns", "port": 53, "protocol": "UDP"})"));
}

TEST(ExportManifest, KeepsAProtocolThatWasWritten) {
  const Json exported = ExportManifest(
      Service(Entry("charon", "Apply",
                    R"({"f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}":
          {".": {}, "f:port": {}, "f:protocol": {}}}}})")),
      "charon");
  EXPECT_EQ(exported["spec"]["ports"], Parsed(R"([{"port": 80, "protocol": "TCP"}])"));
}

// kubectl's entry has the defaults as well; its annotation has what was written.
Json AppliedByKubectl(const std::string& manager) {
  Json live = Service(Entry(manager, "Update", R"({"f:spec": {"f:type": {}, "f:selector": {}}})"));
  live["metadata"]["annotations"] = {
      {kApplied,
       R"({"apiVersion": "v1", "kind": "Service", "metadata": {"annotations": {}, "name": "redmine",
                     "namespace": "redmine"}, "spec": {"selector": {"app": "old"}, "sessionAffinity": "ClientIP"}})"}};
  return live;
}

TEST(ExportManifest, TakesTheFieldsOfKubectlApplyWithTheValuesOfNow) {
  const Json exported = ExportManifest(AppliedByKubectl("kubectl-client-side-apply"), "charon");
  EXPECT_EQ(exported,
            Parsed(R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redmine",
                                 "namespace": "redmine"}, "spec": {"selector": {"app": "redmine"}}})"));
}

TEST(ExportManifest, DoesNotTrustTheAnnotationOfAFormerKubectlApply) {
  const Json exported = ExportManifest(AppliedByKubectl("helm"), "charon");
  EXPECT_EQ(exported["spec"], Parsed(R"({"selector": {"app": "redmine"}, "type": "ClusterIP"})"));
  EXPECT_FALSE(exported["metadata"].contains("annotations"));
}

TEST(ExportManifest, NeverHasTheValuesOfASecret) {
  Json live = AppliedByKubectl("kubectl-client-side-apply");
  live["kind"] = "Secret";
  live.erase("spec");
  live["data"] = {{"password", "aHVudGVyMg=="}};
  live["metadata"]["annotations"][kApplied] =
      R"({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redmine", "namespace": "redmine"},
          "type": "Opaque", "stringData": {"password": "hunter2"}, "data": {"password": "aHVudGVyMg=="}})";
  live["type"] = "Opaque";
  const std::string exported = ExportManifest(live, "charon").dump();
  EXPECT_EQ(exported.find("aHVudGVyMg"), std::string::npos) << exported;
  EXPECT_EQ(exported.find("hunter2"), std::string::npos) << exported;
}

TEST(ExportManifest, NeverHasWriteOnlyValues) {
  const Json live = Json::parse(R"({"apiVersion": "v1", "kind": "ConfigMap",
      "metadata": {"name": "redmine", "namespace": "redmine",
                   "annotations": {"charon.internal/write-only": "{\"data\":{\"hidden\":{}}}"},
                   "managedFields": [{"manager": "charon", "operation": "Apply", "fieldsType": "FieldsV1",
                                      "fieldsV1": {"f:data": {"f:hidden": {}, "f:shown": {}}}}]},
      "data": {"hidden": "hunter2", "shown": "1"}})");
  EXPECT_EQ(ExportManifest(live, "charon")["data"], Json::parse(R"({"shown": "1"})"));
  EXPECT_EQ(ExportManifest(live, "other")["data"], Json::parse(R"({"shown": "1"})"));
}

std::string ConfigMapNamed(absl::string_view name, absl::string_view value = "") {
  return absl::StrCat("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ", name,
                      ", namespace: shop}\ndata: {key: \"", value, "\"}\n");
}

// `kubectl create` of an object with generateName, and what controllers make.
TEST(ExportManifest, OfAGeneratedNameIsAManifest) {
  for (const char* manager : {"kubectl-create", "kube-controller-manager"}) {
    Json live = Service(
        Entry(manager, "Update", R"({"f:metadata": {"f:generateName": {}}, "f:spec": {}})"));
    live["metadata"]["generateName"] = "redm";
    const Json exported = ExportManifest(live, "charon");
    EXPECT_EQ(exported["metadata"]["name"], "redmine");
    EXPECT_FALSE(exported["metadata"].contains("generateName")) << manager;
    EXPECT_TRUE(CheckManifest(exported).ok()) << CheckManifest(exported);
  }
}

TEST(ManifestCache, ReadsATextOnce) {
  ManifestCache cache;
  const auto first = cache.Read(ConfigMapNamed("a"));
  const auto other = cache.Read(ConfigMapNamed("b"));
  const auto again = cache.Read(ConfigMapNamed("a"));
  ASSERT_TRUE(first.ok() && other.ok() && again.ok());
  EXPECT_EQ(first->get(), again->get());
  EXPECT_EQ((**first)["metadata"]["name"], "a");
  EXPECT_EQ((**other)["metadata"]["name"], "b");
}

TEST(ManifestCache, ForgetsTheOldest) {
  ManifestCache cache;
  const auto first = cache.Read(ConfigMapNamed("first"));
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(cache.Read(ConfigMapNamed(absl::StrCat("other-", i))).ok());
  const auto again = cache.Read(ConfigMapNamed("first"));
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_NE(first->get(), again->get());
  EXPECT_EQ(**first, **again);
}

TEST(ManifestCache, KeepsNoLongTexts) {
  ManifestCache cache;
  const std::string text = ConfigMapNamed("long", std::string(100'000, 'x'));
  const auto first = cache.Read(text);
  const auto again = cache.Read(text);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_NE(first->get(), again->get());
  EXPECT_EQ(**first, **again);
}

TEST(ManifestCache, RefusesEachTimeWhatIsNoManifest) {
  ManifestCache cache;
  const std::string secret =
      R"({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"},
                                 "stringData": {"password": "hunter2"}})";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(cache.Read("a: b: c").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(cache.Read(secret).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace charon::kubernetes_resources
