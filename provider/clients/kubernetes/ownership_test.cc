#include "provider/clients/kubernetes/ownership.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/ownership_fixtures.h"

namespace charon::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// An entry of managedFields; `fields` is FieldsV1.
Json Entry(const std::string& manager, const std::string& operation, const std::string& fields,
           const std::string& time = "2026-01-01T00:00:00Z", const std::string& version = "v1") {
  return {{"manager", manager}, {"operation", operation},   {"apiVersion", version},
          {"time", time},       {"fieldsType", "FieldsV1"}, {"fieldsV1", Json::parse(fields)}};
}

Json WithEntries(Json object, const std::vector<Json>& entries) {
  object["metadata"]["managedFields"] = entries;
  return object;
}

TEST(Managers, AreReadInOrder) {
  const std::vector<ManagerEntry> managers = Managers(Shop());
  ASSERT_EQ(managers.size(), 6U);
  EXPECT_EQ(managers[0].manager, "charon");
  EXPECT_EQ(managers[0].operation, "Apply");
  EXPECT_EQ(managers[1].subresource, "scale");
  EXPECT_EQ(managers[1].api_version, "apps/v1");
  EXPECT_EQ(absl::FormatTime("%H:%M", managers[5].time, absl::UTCTimeZone()), "15:30");
  EXPECT_TRUE(
      managers[5].fields.Contains(At(".spec.template.spec.containers[name=\"app\"].image")));
}

TEST(Managers, UnreadableEntriesAreLeftOut) {
  const Json object = WithEntries(Json::object(), {Entry("a", "Apply", R"({"oops":1})"),
                                                   Entry("b", "Apply", R"({"f:x":{}})"),
                                                   Json(1),
                                                   Json::object(),
                                                   {{"manager", "c"}}});
  ASSERT_EQ(Managers(object).size(), 1U);
  EXPECT_EQ(Managers(object)[0].manager, "b");
  EXPECT_THAT(Managers(Json::parse(R"({"metadata":{"managedFields":"x"}})")), IsEmpty());
  EXPECT_THAT(Managers(Json()), IsEmpty());
}

TEST(Managers, HaveTheirFieldsBesideThem) {
  Json object =
      WithEntries(Json::object(), {Entry("b", "Apply", R"({"f:x":{},"f:data":{"f:k":{}}})"),
                                   Entry("a", "Update", R"({"f:x":{}})"),
                                   Entry("b", "Update", R"({"f:x":{},"f:y":{}})"),
                                   Entry("c", "Update", R"({"f:status":{"f:z":{}}})")});
  object["metadata"]["managedFields"][3]["subresource"] = "status";
  EXPECT_THAT(FieldsByManager(object), ElementsAre(Pair("a", ElementsAre(".x")),
                                                   Pair("b", ElementsAre(".data.k", ".x", ".y"))));
  EXPECT_THAT(FieldsByManager(Json()), IsEmpty());
}

TEST(AppliedBy, IsTheApplyEntryOfTheObjectItself) {
  EXPECT_TRUE(AppliedBy(Shop(), "charon").Contains(At(".metadata.labels.tier")));
  EXPECT_TRUE(AppliedBy(Shop(), "kyverno").empty());
  EXPECT_TRUE(AppliedBy(Shop(), "kubectl").empty());
}

TEST(Project, ShowsOurFieldsAndNothingOfOthers) {
  const Json mine = Project(Shop(), AppliedBy(Shop(), "charon"));
  EXPECT_EQ(mine, Y(R"(
metadata:
  annotations: {shop/owner: ann}
  labels: {app: web, tier: 3-edge}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {disk: ssd}
      containers:
      - name: app
        env:
        - {name: MODE, value: live}
        - {name: POD, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}
        ports: [{containerPort: 8080, protocol: TCP}, {containerPort: 53, protocol: UDP}]
        resources: {limits: {memory: 512Mi}, requests: {cpu: 100m, memory: 512Mi}}
        volumeMounts: [{name: cache, mountPath: /cache}]
      volumes: [{name: cache, emptyDir: {}}]
)"));
}

TEST(Project, KeepsTheKeysOfItems) {
  const FieldSet image =
      FieldSet::Parse(
          Json::parse(
              R"({"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:image":{}}}}}}})"))
          .value();
  EXPECT_EQ(Project(Shop(), image)["spec"]["template"]["spec"]["containers"].dump(),
            R"([{"image":"registry.example.org/web:1.5","name":"app"}])");
}

TEST(Project, LeavesOutWhatIsNotThere) {
  const FieldSet set =
      FieldSet::Parse(
          Json::parse(
              R"({"f:metadata":{"f:labels":{"f:gone":{}},"f:finalizers":{"v:\"a\"":{}}},"f:spec":{"f:ports":{"k:{\"port\":1}":{".":{}}}}})"))
          .value();
  EXPECT_EQ(
      Project(
          Json::parse(
              R"({"metadata":{"labels":{"b":"c"},"finalizers":["x"]},"spec":{"ports":[{"port":2}]}})"),
          set),
      Json::object());
  EXPECT_EQ(Project(Json(), set), Json::object());
  EXPECT_EQ(Project(Shop(), FieldSet()), Json::object());
}

TEST(Project, TakesSetsByValueAndAtomicListsWhole) {
  const Json live = WithEntries(
      Json::parse(
          R"({"metadata":{"finalizers":["b","a","c"]},"spec":{"args":[1,2],"items":[5,6,7]}})"),
      {});
  const FieldSet set =
      FieldSet::Parse(
          Json::parse(
              R"({"f:metadata":{"f:finalizers":{"v:\"a\"":{},"v:\"b\"":{}}},"f:spec":{"f:args":{},"f:items":{"i:1":{}}}})"))
          .value();
  EXPECT_EQ(Project(live, set).dump(),
            R"({"metadata":{"finalizers":["b","a"]},"spec":{"args":[1,2],"items":[6]}})");
}

// A map that was applied empty looks like an atomic one; whether others own parts of it tells which
// it is.
TEST(Project, AppliedEmptyIsNotAtomic) {
  const std::string ours = R"({"f:metadata":{"f:labels":{}},"f:spec":{"f:nodeSelector":{}}})";
  const Json live = WithEntries(
      Json::parse(R"({"metadata":{"labels":{"team":"a"}},"spec":{"nodeSelector":{"disk":"ssd"}}})"),
      {Entry("charon", "Apply", ours),
       Entry("kyverno", "Update", R"({"f:metadata":{"f:labels":{"f:team":{}}}})")});
  EXPECT_EQ(Project(live, AppliedBy(live, "charon")).dump(),
            R"({"metadata":{"labels":{}},"spec":{"nodeSelector":{"disk":"ssd"}}})");
}

TEST(FormerManagers, AreToolsThatMadeAnObject) {
  for (const char* name :
       {"kubectl-client-side-apply", "kubectl-create", "helm", "HashiCorp", "Terraform",
        "before-first-apply", "terraform-provider-kubernetes_v2.38.0_x5", "kubectl"}) {
    EXPECT_TRUE(IsFormerManager(name, "Update")) << name;
  }
  for (const char* name : {"Terraform", "kubectl", "helm"})
    EXPECT_TRUE(IsFormerManager(name, "Apply")) << name;
  for (const char* name :
       {"kubectl-edit", "kubectl-patch", "kubectl-label", "kube-controller-manager", "kyverno",
        "argocd-controller", "charon", ""}) {
    EXPECT_FALSE(IsFormerManager(name, "Update")) << name;
  }
  EXPECT_FALSE(IsFormerManager("kubectl-client-side-apply", "Apply"));

  const Json object = WithEntries(
      Json::object(),
      {Entry("helm", "Update", R"({"f:a":{}})"), Entry("helm", "Apply", R"({"f:b":{}})"),
       Entry("kyverno", "Update", R"({"f:c":{}})"), Entry("Terraform", "Apply", R"({"f:d":{}})")});
  EXPECT_THAT(FormerManagers(object, "charon"), ElementsAre("helm", "Terraform"));
  EXPECT_THAT(FormerManagers(object, "Terraform"), ElementsAre("helm"));
  // Somebody's kubectl scale is not the object itself.
  EXPECT_THAT(FormerManagers(Shop(), "charon"), IsEmpty());
}

// The entries of a Deployment made by kubectl apply and labelled by hand, as Kubernetes 1.36.3
// wrote them (shortened). With the result in place, an apply by charon without the label "gone",
// the second port and the second container removed these three on that server and kept the label
// made by hand.
TEST(MigratedManagedFields, MovesAFormerManagersFieldsToOurs) {
  const std::string created =
      R"({"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}},"f:labels":{".":{},"f:gone":{},"f:kept":{}}},)"
      R"("f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:name":{}},"k:{\"name\":\"side\"}":{".":{},"f:image":{},"f:name":{}}}}}}})";
  const Json by_hand =
      Entry("kubectl-label", "Update", R"({"f:metadata":{"f:labels":{"f:byhand":{}}}})");
  Json status = Entry("kube-controller-manager", "Update", R"({"f:status":{"f:replicas":{}}})");
  status["subresource"] = "status";
  const Json object = WithEntries(
      Json::object(),
      {status,
       Entry("kubectl-client-side-apply", "Update", created, "2026-01-01T00:00:00Z", "apps/v1"),
       by_hand});

  const std::optional<Json> moved =
      MigratedManagedFields(object, "charon", {"kubectl-client-side-apply", "helm"});
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(
      *moved,
      Json::array(
          {status, Entry("charon", "Apply", created, "2026-01-01T00:00:00Z", "apps/v1"), by_hand}));
}

TEST(MigratedManagedFields, JoinsWhatWeHaveAlready) {
  const Json object =
      WithEntries(Json::object(), {Entry("helm", "Update", R"({"f:a":{},"f:b":{"f:c":{}}})",
                                         "2026-02-02T00:00:00Z", "apps/v1beta1"),
                                   Entry("charon", "Apply", R"({"f:b":{"f:d":{}},"f:e":{}})",
                                         "2026-01-01T00:00:00Z", "apps/v1"),
                                   Entry("Terraform", "Apply", R"({"f:z":{}})")});
  EXPECT_EQ(*MigratedManagedFields(object, "charon", {"helm", "Terraform"}),
            Json::array({Entry("charon", "Apply",
                               R"({"f:a":{},"f:b":{"f:c":{},"f:d":{}},"f:e":{},"f:z":{}})",
                               "2026-01-01T00:00:00Z", "apps/v1")}));
}

TEST(MigratedManagedFields, TheLatestOfSeveralGivesTheVersion) {
  const Json object = WithEntries(
      Json::object(), {Entry("helm", "Update", R"({"f:a":{}})", "2026-01-01T00:00:00Z", "v1beta1"),
                       Entry("helm", "Update", R"({"f:b":{}})", "2026-02-01T00:00:00Z", "v1")});
  EXPECT_EQ(*MigratedManagedFields(object, "charon", {"helm"}),
            Json::array({Entry("charon", "Apply", R"({"f:a":{},"f:b":{}})", "2026-02-01T00:00:00Z",
                               "v1")}));
}

// A Deployment as hashicorp/kubernetes 2.x made it on Kubernetes 1.36.3 (shortened).
TEST(MigratedManagedFields, DefaultsThatWereSpelledOutBecomeNobodys) {
  const std::string pod =
      R"({"f:automountServiceAccountToken":{},"f:shareProcessNamespace":{},"f:hostNetwork":{},)"
      R"("f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:volumeMounts":{)"
      R"("k:{\"mountPath\":\"/m\"}":{".":{},"f:mountPath":{},"f:mountPropagation":{}}}}}})";
  Json object = Json::parse(R"({"spec":{"template":{"spec":{"automountServiceAccountToken":true,
      "shareProcessNamespace":false,"hostNetwork":true,"containers":[{"name":"a","volumeMounts":[
      {"mountPath":"/m","mountPropagation":"None"}]}]}}}})");
  object = WithEntries(object, {Entry("Terraform", "Update",
                                      R"({"f:spec":{"f:template":{"f:spec":)" + pod + "}}}")});
  const FieldSet declared =
      FieldSet::Parse(
          Json::parse(R"({"f:spec":{"f:template":{"f:spec":{"f:shareProcessNamespace":{}}}}})"))
          .value();
  const auto taken = [&](const Json& live, const FieldSet* fields) {
    return (*MigratedManagedFields(live, "charon", {"Terraform"},
                                   fields))[0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"];
  };
  EXPECT_EQ(taken(object, nullptr), Json::parse(pod));
  EXPECT_EQ(
      taken(object, &declared),
      Json::parse(
          R"({"f:shareProcessNamespace":{},"f:hostNetwork":{},"f:containers":{"k:{\"name\":\"a\"}":{".":{},)"
          R"("f:name":{},"f:volumeMounts":{"k:{\"mountPath\":\"/m\"}":{".":{},"f:mountPath":{}}}}}})"))
      << "what is declared is taken over, and so is what is no default";
  // A value that says something is part of what the configuration decides about.
  object["spec"]["template"]["spec"]["automountServiceAccountToken"] = false;
  EXPECT_TRUE(taken(object, &declared).contains("f:automountServiceAccountToken"));
}

// As charts render them where a value is not set. Without them it would be another template.
TEST(MigratedManagedFields, EmptyPartsOfATemplateBecomeNobodys) {
  const Json object = WithEntries(
      Json::parse(R"({"spec":{"affinity":{},"template":{"spec":{"affinity":{"nodeAffinity":{}},
      "dnsConfig":{},"securityContext":{"runAsUser":1},"containers":[{"name":"a","lifecycle":{},
      "securityContext":{}}],"volumes":[{"name":"v","emptyDir":{}}]}}}})"),
      {Entry("helm", "Update",
             R"({"f:spec":{"f:affinity":{},"f:template":{"f:spec":{"f:affinity":{".":{},)"
             R"("f:nodeAffinity":{}},"f:dnsConfig":{},"f:securityContext":{".":{},)"
             R"("f:runAsUser":{}},"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},)"
             R"("f:lifecycle":{},"f:securityContext":{}}},"f:volumes":{"k:{\"name\":\"v\"}":)"
             R"({".":{},"f:emptyDir":{},"f:name":{}}}}}}})")});
  const FieldSet declared =
      FieldSet::Parse(Json::parse(R"({"f:spec":{"f:template":{"f:spec":{"f:containers":{)"
                                  R"("k:{\"name\":\"a\"}":{"f:lifecycle":{}}}}}}})"))
          .value();
  EXPECT_EQ((*MigratedManagedFields(object, "charon", {"helm"}, &declared))[0]["fieldsV1"],
            Json::parse(R"({"f:spec":{"f:affinity":{},"f:template":{"f:spec":{)"
                        R"("f:securityContext":{".":{},"f:runAsUser":{}},)"
                        R"("f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},)"
                        R"("f:lifecycle":{}}},"f:volumes":{"k:{\"name\":\"v\"}":{".":{},)"
                        R"("f:emptyDir":{},"f:name":{}}}}}}})"))
      << "what is declared is taken over; an empty volume says something";
}

TEST(MigratedManagedFields, NothingToMove) {
  EXPECT_FALSE(MigratedManagedFields(Shop(), "charon", {"helm", "kubectl"}).has_value());
  EXPECT_FALSE(MigratedManagedFields(Shop(), "charon", {"charon"}).has_value());
  EXPECT_FALSE(MigratedManagedFields(Json::object(), "charon", {"helm"}).has_value());
  const Json broken = WithEntries(Json::object(), {Entry("helm", "Update", R"({"oops":{}})")});
  EXPECT_FALSE(MigratedManagedFields(broken, "charon", {"helm"}).has_value());
}

TEST(MigrationPatch, GuardsAgainstConcurrentWrites) {
  Json object = WithEntries(Json::object(), {Entry("helm", "Update", R"({"f:a":{}})")});
  object["metadata"]["resourceVersion"] = "17";
  const Json patch = MigrationPatch(object, "charon", {"helm"}).value();
  EXPECT_EQ(patch[0]["path"], "/metadata/managedFields");
  EXPECT_EQ(patch[0]["value"][0]["manager"], "charon");
  EXPECT_EQ(patch[1],
            Json::parse(R"({"op":"replace","path":"/metadata/resourceVersion","value":"17"})"));
}

TEST(ReleasedManagedFields, GivesUpTheWholeObject) {
  const Json other = Entry("x", "Update", R"({"f:b":{}})");
  const Json object =
      WithEntries(Json::object(), {Entry("charon", "Apply", R"({"f:a":{}})"), other,
                                   Entry("charon-initial", "Apply", R"({"f:c":{}})")});
  EXPECT_EQ(*ReleasedManagedFields(object, {"charon", "charon-initial"}), Json::array({other}));
  EXPECT_FALSE(ReleasedManagedFields(object, {"y"}).has_value());
}

// An empty list would leave everything as it is.
TEST(ReleasedManagedFields, OfTheOnlyManagerIsOneEmptyEntry) {
  const Json object = WithEntries(Json::object(), {Entry("charon", "Apply", R"({"f:a":{}})")});
  EXPECT_EQ(ReleasedManagedFields(object, {"charon"})->dump(), "[{}]");
}

TEST(ReleasedManagedFields, GivesUpSingleFields) {
  const Json object = WithEntries(
      Json::object(),
      {Entry("charon", "Apply",
             R"({"f:spec":{"f:replicas":{},"f:list":{"k:{\"name\":\"a\"}":{".":{},"f:x":{}}}}})")});
  const std::vector<FieldPath> replicas = {At(".spec.replicas"), At(".spec.nothing")};
  EXPECT_EQ(
      *ReleasedManagedFields(object, {"charon"}, &replicas),
      Json::array({Entry("charon", "Apply",
                         R"({"f:spec":{"f:list":{"k:{\"name\":\"a\"}":{".":{},"f:x":{}}}}})")}));
  const std::vector<FieldPath> item = {At(".spec.list[name=\"a\"]"), At(".spec.replicas")};
  EXPECT_EQ(ReleasedManagedFields(object, {"charon"}, &item)->dump(), "[{}]");
  const std::vector<FieldPath> nothing = {At(".spec.nothing")};
  EXPECT_FALSE(ReleasedManagedFields(object, {"charon"}, &nothing).has_value());
  EXPECT_FALSE(ReleasePatch(object, {"charon"}, &nothing).has_value());
}

}  // namespace
}  // namespace charon::kubernetes
