#include "resources/service/object_patch.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"
#include "resources/service/check_service.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// With an object of nearly every kind.
constexpr char kConfig[] = R"json({
  "namespace": "shop", "name": "web", "image": "i",
  "ports": {"http": "8080", "admin": "9000", "dns": "53/TCP,UDP"},
  "files": {"/etc/a": {"content": "x"}}, "generated_secrets": {"TOKEN": {}},
  "secrets": {"db": {"store": "vault", "extract": "db", "refresh": "1h"}},
  "claims": {"data": {"mount": "/data", "size": "1Gi"}},
  "identity": {"rules": [{"resources": ["pods"], "verbs": ["get"]}],
               "namespace_rules": {"other": {"rules": [{"resources": ["pods"], "verbs": ["get"]}]}}},
  "metrics": {"port": "admin", "style": "service_monitor"},
  "disruption_budget": {"max_unavailable": "1"}, "network_policy": {"from_namespaces": ["a"]},
  "backups": {"night": {"schedule": "@daily", "command": ["c"], "to": "data"}},
  "expose": {"web": {"host": "a.example.org", "auth": "app", "auth_reason": "t",
                     "ingress": {"body_limit": "1m", "annotations": {"a": "b"}}}}
})json";

Conventions Traefik() {
  Conventions conventions;
  conventions.ingress.controller = "traefik";
  return conventions;
}

ServiceModel Model(const std::string& patch) {
  absl::StatusOr<ServiceModel> model =
      ServiceModel::Describe().Decode(ObjectForTest(ServiceModel::Describe().schema(), kConfig));
  EXPECT_THAT(model, IsOk());
  if (!patch.empty()) model->extra_manifest_patch = patch;
  return *std::move(model);
}

std::vector<Rendered> Rendering(const std::string& patch) {
  absl::StatusOr<std::vector<Rendered>> objects = RenderService(Model(patch), Traefik());
  EXPECT_THAT(objects, IsOk());
  return objects.value_or(std::vector<Rendered>());
}

Json Object(const std::vector<Rendered>& objects, const std::string& kind,
            const std::string& name) {
  for (const Rendered& rendered : objects) {
    if (rendered.object["kind"] == kind && rendered.object["metadata"]["name"] == name)
      return rendered.object;
  }
  ADD_FAILURE() << "there is no " << kind << " " << name;
  return nullptr;
}

// What a patch does to an object, as a JSON merge patch for it would say it (lists whole).
Json Patched(const std::string& kind, const std::string& name, const std::string& patch) {
  return Object(Rendering(absl::StrCat("kind: ", kind, "\n", patch)), kind, name);
}

std::string Error(const std::string& patch) {
  const absl::Status status = RenderService(Model(patch), Traefik()).status();
  return PathOf(status).value_or(Path()).ToString() + ": " + std::string(status.message());
}

std::string Remedy(const std::string& patch) {
  return RemedyOf(RenderService(Model(patch), Traefik()).status()).value_or("");
}

TEST(ObjectPatch, ReachesEveryObjectAndNoOther) {
  const std::vector<Rendered> plain = Rendering("");
  for (const Rendered& one : plain) {
    EXPECT_TRUE(one.unpatched.is_null());
    Json document = {
        {"kind", one.object["kind"]},
        {"metadata",
         {{"name", one.object["metadata"]["name"]}, {"annotations", {{"example.org/a", "b"}}}}}};
    if (one.object["metadata"].contains("namespace"))
      document["metadata"]["namespace"] = one.object["metadata"]["namespace"];
    const std::vector<Rendered> patched = Rendering(document.dump());
    ASSERT_EQ(patched.size(), plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      Json expected = plain[i].object;
      if (&plain[i] == &one) {
        expected["metadata"]["annotations"]["example.org/a"] = "b";
        EXPECT_EQ(patched[i].unpatched, plain[i].object);
      }
      EXPECT_EQ(patched[i].object, expected);
    }
  }
}

TEST(ObjectPatch, PortsOfAServiceGoByTheirNumber) {
  const Json before = Object(Rendering(""), "Service", "web")["spec"]["ports"];
  ASSERT_EQ(before.size(), 4u);  // admin, dns, dns-udp, http
  const Json after = Patched("Service", "web", R"(spec:
  sessionAffinity: ClientIP
  ports:
  - { port: 53, protocol: UDP, $patch: delete }
  - { port: 80, appProtocol: kubernetes.io/h2c }
  - { port: 7, name: more, targetPort: 8080 }
)")["spec"];
  EXPECT_EQ(after["sessionAffinity"], "ClientIP");
  Json http = before[3];
  http["appProtocol"] = "kubernetes.io/h2c";
  EXPECT_EQ(
      after["ports"],
      Json::array(
          {before[0], before[1], http, {{"port", 7}, {"name", "more"}, {"targetPort", 8080}}}));
  EXPECT_THAT(Error("kind: Service\nspec: {ports: [{port: 53, $patch: delete}]}"),
              HasSubstr("there is a port 53 for each of several protocols: say \"protocol\""));
  EXPECT_THAT(Error("kind: Service\nspec: {ports: [{name: http}]}"),
              HasSubstr("spec.ports: an item has no \"port\""));
}

TEST(ObjectPatch, ListsOfOtherKindsAreAsKubernetesPublishesThem) {
  // Neither has merge keys there, although pods' lists of that name have some.
  EXPECT_EQ(
      Patched("NetworkPolicy", "web",
              "spec: {ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]}")["spec"]
                                                                                      ["ingress"],
      Json::parse(R"([{"from": [{"podSelector": {}}], "ports": [{"port": 8080}]}])"));
  EXPECT_EQ(Patched("ServiceAccount", "web", "imagePullSecrets: [{name: a}]")["imagePullSecrets"],
            Json::parse(R"([{"name": "a"}])"));
  EXPECT_EQ(Patched("Role", "web", "metadata: {namespace: shop}\nrules: [{verbs: [get]}]")["rules"],
            Json::parse(R"([{"verbs": ["get"]}])"));
  // The pods of a job are pods.
  EXPECT_EQ(Patched("CronJob", "web-night", R"(spec: {jobTemplate: {spec: {template: {spec: {
      containers: [{name: web, tty: true}]}}}}})")["spec"]["jobTemplate"]["spec"]["template"]
                                                  ["spec"]["containers"][0]["image"],
            "i");
}

TEST(ObjectPatch, CustomResourcesAreMergedAsJson) {
  EXPECT_EQ(
      Patched("ServiceMonitor", "web",
              "spec: {endpoints: [{port: admin, scheme: https}], selector: {x: null}}")["spec"],
      Json::parse(R"({"endpoints": [{"port": "admin", "scheme": "https"}],
                            "selector": {"matchLabels": {"charon.internal/metrics": "web"}}})"));
  EXPECT_EQ(
      Patched("Middleware", "web-web-body",
              "spec: {buffering: {maxRequestBodyBytes: null, memRequestBodyBytes: 1}}")["spec"],
      Json::parse(R"({"buffering": {"memRequestBodyBytes": 1}})"));
  EXPECT_EQ(
      Error("kind: ServiceMonitor\nspec: {endpoints: [{port: admin, $patch: delete}]}"),
      "extra_manifest_patch: a ServiceMonitor is a custom resource, of which Kubernetes knows "
      "no lists to merge: there is no $patch");
}

TEST(ObjectPatch, SeveralDocumentsInOneText) {
  const std::vector<Rendered> objects = Rendering(R"(
spec: { paused: true }
---
kind: Ingress
metadata: { annotations: { c: d } }
---
# Nothing.
---
{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": {"minReadySeconds": 9}}
)");
  EXPECT_EQ(Object(objects, "Deployment", "web")["spec"]["paused"], true);
  EXPECT_EQ(Object(objects, "Deployment", "web")["spec"]["minReadySeconds"], 9);
  EXPECT_EQ(Object(objects, "Ingress", "web")["metadata"]["annotations"]["c"], "d");
  // As jsonencode and join write them.
  const std::vector<Rendered> as_json =
      Rendering(R"({"spec":{"paused":true}})"
                "\n---\n"
                R"({"kind":"Service","spec":{"sessionAffinity":"ClientIP","clusterIP":null}})");
  EXPECT_EQ(Object(as_json, "Service", "web")["spec"]["sessionAffinity"], "ClientIP");
  EXPECT_EQ(Error("spec: {}\n---\n[1]"), "extra_manifest_patch: must be a map of fields");
  EXPECT_THAT(Error("# nothing"), HasSubstr("there is no document"));
  EXPECT_THAT(Error("spec: {}\n---\nkind: Service\nmetadata: {namespace: x}"),
              HasSubstr("document 2: the service has no Service to patch; it has ConfigMap/web"));
}

TEST(ObjectPatch, NamesTheObjectsThatThereAre) {
  EXPECT_EQ(Error("kind: Ingress\nmetadata: {name: other}"),
            "extra_manifest_patch: the service has no Ingress \"other\" to patch; it has "
            "ConfigMap/web-files, ExternalSecret/web-db, Secret/web-generated, "
            "PersistentVolumeClaim/web-data, ServiceAccount/web, Role/web, RoleBinding/web, "
            "Role/other/shop-web, RoleBinding/other/shop-web, PodDisruptionBudget/web, "
            "NetworkPolicy/web, Service/web, Deployment/web, CronJob/web-night, "
            "ServiceMonitor/web, Middleware/web-web-body, Ingress/web");
  EXPECT_EQ(Error("kind: Role"),
            "extra_manifest_patch: which Role is to be patched? There are Role/web, "
            "Role/other/shop-web");
  EXPECT_THAT(Remedy("kind: Role"), HasSubstr("metadata = { name = \"...\" }"));
  EXPECT_EQ(Patched("Role", "shop-web", "metadata: {namespace: other}\nrules: []")["rules"],
            Json::array());
  EXPECT_EQ(Error("kind: Pod"), "extra_manifest_patch: services have no objects of kind \"Pod\"");
}

TEST(ObjectPatch, WhatIsNoPatchsToChange) {
  const std::string at = "extra_manifest_patch: ";
  const std::string end = " is not a patch's to change";
  EXPECT_EQ(Error("kind: Service\napiVersion: v2"), at + "apiVersion" + end);
  EXPECT_EQ(Error("kind: ServiceMonitor\napiVersion: monitoring.coreos.com/v2"),
            at + "apiVersion" + end);
  EXPECT_EQ(Error("kind: Service\nmetadata: {name: null}"), at + "metadata.name" + end);
  EXPECT_EQ(Error("kind: RoleBinding\nmetadata: {name: web}\nroleRef: {name: view}"),
            at + "roleRef" + end);
  EXPECT_EQ(Error("kind: Service\nmetadata: {labels: {app.kubernetes.io/name: x}}"),
            at + "metadata.labels[\"app.kubernetes.io/name\"]" + end);
  EXPECT_EQ(Error("kind: Service\nmetadata: {labels: null}").substr(0, 40),
            (at + "metadata.labels[\"app").substr(0, 40));
  EXPECT_EQ(Error("kind: Ingress\nmetadata: {annotations: {charon.internal/owner: x}}"),
            at + "metadata.annotations[\"charon.internal/owner\"]" + end);
  EXPECT_EQ(Error("kind: Secret\nmetadata: {annotations: {charon.internal/generated: x}}"),
            at + "metadata.annotations[\"charon.internal/generated\"]" + end);
  // A way around what the entry says of the login.
  const std::string router = "traefik.ingress.kubernetes.io/router.middlewares";
  EXPECT_EQ(Error("kind: Ingress\nmetadata: {annotations: {" + router + ": none}}"),
            at + "metadata.annotations[\"" + router + "\"]" + end);
  EXPECT_THAT(Remedy("kind: Ingress\nmetadata: {annotations: {a: null}}"),
              HasSubstr("expose[\"web\"]"));
  EXPECT_EQ(Error("kind: Secret\nstringData: {TOKEN: x}"),
            at + "the values of a Secret are not a patch's: they would be in the state");
  EXPECT_THAT(Remedy("kind: Secret\ndata: {TOKEN: x}"),
              ::testing::AllOf(HasSubstr("env_wo"), HasSubstr("charon_secret")));
  EXPECT_EQ(Error("kind: PersistentVolumeClaim\nspec: {resources: {requests: {storage: 9Gi}}}"),
            at + "the patch sets spec.resources.requests.storage, which is given at creation and "
                 "left to others then");
  EXPECT_THAT(Remedy("kind: PersistentVolumeClaim\nspec: {resources: {requests: {storage: 9Gi}}}"),
              HasSubstr("claims[\"data\"]"));
  EXPECT_THAT(Error("kind: ExternalSecret\nspec: {refreshInterval: 1m}"),
              HasSubstr("spec.refreshInterval"));
  // What comes beside it.
  EXPECT_EQ(Error("kind: Service\nmetadata: {labels: {more: x}}"), ": ");
  EXPECT_EQ(Error("kind: PersistentVolumeClaim\nspec: {volumeName: v}"), ": ");
}

// Ingress and ServiceMonitor know the ports of the Service by name.
TEST(ObjectPatch, ARenamedPortIsFollowed) {
  const std::string patch = R"(
kind: Ingress
metadata: { annotations: { c: d } }
---
kind: Service
spec: { ports: [{ port: 80, name: www }, { port: 9000, name: ops }] }
)";
  const std::vector<Rendered> objects = Rendering(patch);
  EXPECT_EQ(Object(objects, "Ingress", "web")["spec"]["rules"][0]["http"]["paths"][0]["backend"],
            Json::parse(R"({"service": {"name": "web", "port": {"name": "www"}}})"));
  EXPECT_EQ(Object(objects, "ServiceMonitor", "web")["spec"]["endpoints"][0]["port"], "ops");
  // One without a name.
  EXPECT_EQ(Object(Rendering("kind: Service\nspec: {ports: [{port: 80, name: null}]}"), "Ingress",
                   "web")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"],
            Json::parse(R"({"number": 80})"));
}

TEST(ObjectPatch, NothingLeadsToAPortThatIsGone) {
  const auto gone = [](const char* from, const char* port) {
    return absl::StrCat("extra_manifest_patch: ", from, " leads to port ", port,
                        " of Service/web, which that has not as it is patched");
  };
  EXPECT_EQ(Error("kind: Service\nspec: {ports: [{port: 80, $patch: delete}]}"),
            gone("Ingress/web", "\"http\""));
  EXPECT_EQ(Error("kind: Service\nspec: {ports: [{port: 9000, $patch: delete}]}"),
            gone("ServiceMonitor/web", "\"admin\""));
  EXPECT_EQ(
      Error("kind: Ingress\nspec: {defaultBackend: {service: {name: web, port: {number: 1}}}}"),
      gone("Ingress/web", "1"));
  // Both.
  EXPECT_EQ(Error(R"(kind: Service
spec: { ports: [{ port: 9000, $patch: delete }] }
---
kind: ServiceMonitor
spec: { endpoints: [{ port: http }] }
)"),
            ": ");
}

TEST(ObjectPatch, ChecksWhatNeedsNoObjects) {
  const auto messages = [](const char* patch) {
    std::vector<std::string> texts;
    for (const absl::Status& status : CheckService(Model(patch)))
      texts.push_back(PathOf(status).value_or(Path()).ToString() + ": " +
                      std::string(status.message()));
    return texts;
  };
  EXPECT_THAT(messages("kind: Pod\n---\nspec: {}\n---\nkind: Secret\ndata: {}"),
              ElementsAre("extra_manifest_patch: document 1: services have no objects of kind "
                          "\"Pod\"",
                          "extra_manifest_patch: document 3: the values of a Secret are not a "
                          "patch's: they would be in the state"));
  EXPECT_THAT(messages("kind: [Service]"),
              ElementsAre("extra_manifest_patch: services have no objects of kind [\"Service\"]"));
  EXPECT_THAT(messages("kind: Ingress\nmetadata: {name: other}"), IsEmpty());
  EXPECT_THAT(messages("spec: {}\n---\njust a text"),
              ElementsAre("extra_manifest_patch: must be a map of fields"));
}

TEST(ObjectPatch, OfTheWorkloadAreThoseWithoutAnotherKind) {
  EXPECT_THAT(WorkloadPatches(Model("a: 1\n---\nkind: Service\n---\nkind: Deployment")),
              ElementsAre(Json({{"a", 1}}), Json({{"kind", "Deployment"}})));
  ServiceModel model = Model("kind: Service\nspec: {template: {spec: {serviceAccountName: x}}}");
  model.identity = Attr<IdentityModel>();
  Conventions conventions;
  conventions.render_version = 2;
  EXPECT_EQ(*PodDefaultsOf(model, conventions).automount, false);
}

}  // namespace
}  // namespace charon::service
