#include "resources/service/attribute_of.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"
#include "resources/service/content.h"
#include "resources/service/service_for_test.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// With something of everything.
Json Config() {
  return Json::parse(R"json({
    "namespace": "shop", "name": "web", "kind": "statefulset", "image": "i", "replicas": 2,
    "ports": {"http": "8080", "dns": "53/TCP,UDP"}, "service": {"ports": {"dns": 5353}},
    "env": {"B": "$(Z)", "Z": "1"}, "env_secret": {"PASSWORD": "db/password"},
    "env_from": {"fields": {"POD": "metadata.name"}, "secrets": ["all"]},
    "generated_secrets": {"TOKEN": {}},
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
    "probes": {"liveness": {"http_get": "/", "request": {"port": "http"}, "period": "1s"},
               "readiness": {"tcp_socket": "http"}},
    "hooks": {"pre_stop": {"exec": ["x"]}},
    "security_context": {"run_as_user": 1, "capabilities": {"add": ["X"]}},
    "process": {"working_dir": "/"},
    "mounts": {"/again": {"volume": "data"}},
    "sidecars": {"exporter": {"image": "e", "ports": {"metrics": "9090"}}},
    "init_containers": [{"name": "setup", "image": "s", "env": {"A": "1"}}],
    "files": {"/etc/a": {"content": "x"}}, "config_dirs": {"/etc/d": {"files": {"k": "v"}}},
    "claims": {"data": {"mount": "/data", "size": "1Gi", "sub_path": "s"},
               "each": {"mount": "/each", "size": "1Gi", "per_replica": true, "storage_class": "c"}},
    "volumes": {"tmp": {"mount": "/tmp", "empty_dir": {"size_limit": "1Gi"}}},
    "pod": {"security_context": {"fs_group": 1}, "host_aliases": {"10.0.0.1": ["a"]},
            "annotations": {"a": "b"}, "priority_class": "p", "termination_grace_period": "1s"},
    "scheduling": {"node_selector": {"a": "b"}, "tolerations": [{"key": "x"}, {"key": "y"}],
                   "require_nodes": {"r": "1"}, "avoid_nodes": {"n": "1"},
                   "near": {"labels": {"a": "b"}}, "spread": {}},
    "gpu": {}, "labels": {"l": "m"}, "annotations": {"a": "b"},
    "rollout": {"max_unavailable": "1", "min_ready": "1s"},
    "expose": {"out": {"host": "a.example.org", "paths": ["/x"], "auth": "none", "auth_reason": "t",
                       "ingress": {"hosts": ["b.example.org"]}}},
    "disruption_budget": {"max_unavailable": "1"},
    "backups": {"night": {"schedule": "@daily", "command": ["c"], "to": "data", "env": {"A": "1"}}}
  })json");
}

class AttributeOfTest : public ::testing::Test {
 protected:
  std::string Of(const std::string& kind, const std::string& name, const std::string& field,
                 const Json& live = {}) const {
    Conventions conventions;
    conventions.gpu_count_resource = "example.org/gpu";
    const absl::StatusOr<std::vector<Rendered>> objects = RenderService(model_, conventions);
    EXPECT_TRUE(objects.ok()) << objects.status();
    for (const Rendered& rendered : objects.value_or(std::vector<Rendered>())) {
      if (rendered.object["kind"] == kind && rendered.object["metadata"]["name"] == name)
        return AttributeOf(model_, rendered, live, field).ToString();
    }
    ADD_FAILURE() << "no " << kind << " " << name;
    return "";
  }
  std::string OfSet(const std::string& field, const Json& live = {}) const {
    return Of("StatefulSet", "web", field, live);
  }
  std::string OfPod(const std::string& field, const Json& live = {}) const {
    return OfSet("spec.template.spec." + field, live);
  }

  ServiceModel model_ = ServiceFrom(Config());
};

TEST_F(AttributeOfTest, TheWorkload) {
  EXPECT_EQ(OfSet("spec.replicas"), "replicas");
  EXPECT_EQ(OfSet("metadata.labels"), "labels");
  EXPECT_EQ(OfSet("metadata.annotations"), "annotations");
  EXPECT_EQ(OfSet("spec.updateStrategy.rollingUpdate.maxUnavailable"), "rollout.max_unavailable");
  EXPECT_EQ(OfSet("spec.minReadySeconds"), "rollout.min_ready");
  EXPECT_EQ(OfSet("spec.volumeClaimTemplates[0].spec.resources.requests[storage]"),
            "claims[\"each\"].size");
  EXPECT_EQ(OfSet("spec.volumeClaimTemplates[0].spec.storageClassName"),
            "claims[\"each\"].storage_class");
  EXPECT_EQ(OfSet("spec.template.metadata.annotations"), "pod.annotations");
  // Nobody has said it.
  EXPECT_EQ(OfSet("spec"), "");
  EXPECT_EQ(OfSet("spec.serviceName"), "");
  EXPECT_EQ(OfSet("metadata.name"), "");
}

TEST_F(AttributeOfTest, ThePod) {
  EXPECT_EQ(OfPod("securityContext.fsGroup"), "pod.security_context.fs_group");
  EXPECT_EQ(OfPod("terminationGracePeriodSeconds"), "pod.termination_grace_period");
  EXPECT_EQ(OfPod("priorityClassName"), "pod.priority_class");
  EXPECT_EQ(OfPod("hostAliases[0].ip"), "pod.host_aliases[\"10.0.0.1\"]");
  EXPECT_EQ(OfPod("nodeSelector"), "scheduling.node_selector");
  EXPECT_EQ(OfPod("tolerations[0].value"), "gpu");
  EXPECT_EQ(OfPod("tolerations[2].operator"), "scheduling.tolerations[1]");
  const std::string expressions =
      "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
      "matchExpressions";
  EXPECT_EQ(OfPod(expressions + "[0].values[0]"), "scheduling.require_nodes[\"r\"]");
  EXPECT_EQ(OfPod(expressions + "[1].key"), "scheduling.avoid_nodes[\"n\"]");
  EXPECT_EQ(OfPod("affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].x"),
            "scheduling.near");
  EXPECT_EQ(OfPod("topologySpreadConstraints[0].topologyKey"), "scheduling.spread");
  EXPECT_EQ(OfPod("volumes[0].emptyDir"), "claims[\"data\"]");
  EXPECT_EQ(OfPod("volumes[name=\"tmp\"].emptyDir.sizeLimit"),
            "volumes[\"tmp\"].empty_dir.size_limit");
  EXPECT_EQ(OfPod("volumes[name=\"files\"].configMap"), "files");
  EXPECT_EQ(OfPod("volumes[name=\"config-etc-d\"].configMap"), "config_dirs[\"/etc/d\"]");
}

TEST_F(AttributeOfTest, Containers) {
  EXPECT_EQ(OfPod("containers[0].image"), "image");
  EXPECT_EQ(OfPod("containers[1].image"), "sidecars[\"exporter\"].image");
  EXPECT_EQ(OfPod("initContainers[0].image"), "init_containers[0].image");
  EXPECT_EQ(OfPod("initContainers[0].env[0].name"), "init_containers[0].env[\"A\"]");
  EXPECT_EQ(OfPod("containers[0].ports[2].name"), "ports[\"http\"]");
  EXPECT_EQ(OfPod("containers[0].ports[1].protocol"), "ports[\"dns\"]");
  EXPECT_EQ(OfPod("containers[1].ports[0].containerPort"),
            "sidecars[\"exporter\"].ports[\"metrics\"]");
  EXPECT_EQ(OfPod("containers[name=\"web\"].ports[containerPort=53,protocol=\"UDP\"]"),
            "ports[\"dns\"]");
  // By their names, but each after those that it refers to.
  EXPECT_EQ(OfPod("containers[0].env[0].name"), "env[\"Z\"]");
  EXPECT_EQ(OfPod("containers[0].env[1].name"), "env[\"B\"]");
  EXPECT_EQ(OfPod("containers[0].env[2].valueFrom.secretKeyRef.key"), "env_secret[\"PASSWORD\"]");
  EXPECT_EQ(OfPod("containers[0].env[3].valueFrom.fieldRef"), "env_from.fields[\"POD\"]");
  EXPECT_EQ(OfPod("containers[0].env[4].name"), "generated_secrets[\"TOKEN\"]");
  EXPECT_EQ(OfPod("containers[0].envFrom[0].secretRef.name"), "env_from.secrets");
  EXPECT_EQ(OfPod("containers[0].resources.requests[cpu]"), "resources.requests[\"cpu\"]");
  EXPECT_EQ(OfPod("containers[0].resources.limits[memory]"), "resources.limits[\"memory\"]");
  EXPECT_EQ(OfPod("containers[0].resources.limits[example.org/gpu]"), "gpu");
  EXPECT_EQ(OfPod("containers[0].livenessProbe.httpGet.port"), "probes.liveness.request.port");
  EXPECT_EQ(OfPod("containers[0].livenessProbe.httpGet.path"), "probes.liveness.http_get");
  EXPECT_EQ(OfPod("containers[0].livenessProbe.periodSeconds"), "probes.liveness.period");
  EXPECT_EQ(OfPod("containers[0].livenessProbe.tcpSocket"), "probes.liveness");
  EXPECT_EQ(OfPod("containers[0].readinessProbe.tcpSocket.port"), "probes.readiness.tcp_socket");
  EXPECT_EQ(OfPod("containers[0].lifecycle.preStop.exec.command"), "hooks.pre_stop.exec");
  EXPECT_EQ(OfPod("containers[0].securityContext.runAsUser"), "security_context.run_as_user");
  EXPECT_EQ(OfPod("containers[0].securityContext.capabilities.add"),
            "security_context.capabilities.add");
  EXPECT_EQ(OfPod("containers[0].workingDir"), "process.working_dir");
  const std::pair<const char*, const char*> mounts[] = {{"/again", "mounts[\"/again\"]"},
                                                        {"/data", "claims[\"data\"].mount"},
                                                        {"/etc/a", "files[\"/etc/a\"]"},
                                                        {"/etc/d", "config_dirs[\"/etc/d\"]"}};
  for (const auto& [place, attribute] : mounts) {
    EXPECT_EQ(
        OfPod(std::string("containers[0].volumeMounts[mountPath=\"") + place + "\"].mountPath"),
        attribute);
  }
  EXPECT_EQ(OfPod("containers[0].volumeMounts[mountPath=\"/data\"].subPath"),
            "claims[\"data\"].sub_path");
}

TEST_F(AttributeOfTest, APathWithoutItsIndex) {
  EXPECT_EQ(OfPod("containers[0].volumeMounts.subPath"), "mounts");
  model_.files = {};
  EXPECT_EQ(OfPod("containers[0].volumeMounts.subPath"), "claims[\"data\"].sub_path");
}

TEST_F(AttributeOfTest, OtherObjects) {
  EXPECT_EQ(Of("Service", "web", "spec.ports[0].port"), "service.ports[\"dns\"]");
  EXPECT_EQ(Of("Service", "web", "spec.ports[name=\"metrics\"].port"),
            "sidecars[\"exporter\"].ports[\"metrics\"]");
  EXPECT_EQ(Of("Service", "web-headless", "spec.ports[name=\"http\"].port"), "ports[\"http\"]");
  EXPECT_EQ(Of("Ingress", "web-out", "spec.rules[0].host"), "expose[\"out\"].host");
  EXPECT_EQ(Of("Ingress", "web-out", "spec.rules[1].host"), "expose[\"out\"].ingress.hosts[0]");
  EXPECT_EQ(Of("Ingress", "web-out", "spec.rules[0].http.paths[0].path"), "expose[\"out\"].paths");
  EXPECT_EQ(Of("PersistentVolumeClaim", "web-data", "spec.resources.requests.storage"),
            "claims[\"data\"].size");
  EXPECT_EQ(Of("PodDisruptionBudget", "web", "spec.maxUnavailable"),
            "disruption_budget.max_unavailable");
  EXPECT_EQ(Of("ConfigMap", "web-files", "data[etc_a]"), "files[\"/etc/a\"]");
  EXPECT_EQ(Of("ConfigMap", "web-etc-d", "data[k]"), "config_dirs[\"/etc/d\"].files[\"k\"]");
  EXPECT_EQ(Of("CronJob", "web-night", "spec.schedule"), "backups[\"night\"].schedule");
  const std::string pod = "spec.jobTemplate.spec.template.spec.";
  EXPECT_EQ(Of("CronJob", "web-night", pod + "tolerations[1].operator"),
            "scheduling.tolerations[1]");
  EXPECT_EQ(Of("CronJob", "web-night", pod + "tolerations[2].key"), "gpu");
  EXPECT_EQ(Of("CronJob", "web-night", pod + "affinity"), "backups[\"night\"]");
  EXPECT_EQ(Of("CronJob", "web-night", "spec.jobTemplate.spec.template.spec.containers[0].env[0]"),
            "backups[\"night\"].env[\"A\"]");
}

TEST_F(AttributeOfTest, AnIndexAmongItemsOfOthersTellsNothing) {
  Json live = Json::parse(R"({"spec": {"template": {"spec": {"containers": [
      {"name": "injected"}, {"name": "exporter"}, {"name": "web", "ports": [
        {"name": "old", "containerPort": 1}]}]}}}})");
  EXPECT_EQ(OfPod("containers[0].image", live), "");
  EXPECT_EQ(OfPod("containers[name=\"web\"].image", live), "image");
  live["spec"]["template"]["spec"]["containers"].erase(0);
  // An update would send them in another order than a dry run.
  EXPECT_EQ(OfPod("containers[0].image", live), "");
  EXPECT_EQ(OfPod("initContainers[0].image", live), "init_containers[0].image");
  EXPECT_EQ(OfPod("containers[name=\"web\"].ports[0].name", live), "ports");
}

TEST_F(AttributeOfTest, WhatOnlyThePatchSays) {
  model_.extra_manifest_patch =
      R"({"spec": {"progress": 1, "template": {"spec": {"dnsPolicy": "x", "containers": [
          {"name": "added", "image": "a"}]}}}})";
  EXPECT_EQ(OfPod("containers[name=\"added\"].image"), "extra_manifest_patch");
  EXPECT_EQ(OfPod("dnsPolicy"), "extra_manifest_patch");
  EXPECT_EQ(OfPod("priorityClassName"), "pod.priority_class");
}

TEST_F(AttributeOfTest, WhatAPatchSaysOfOtherObjects) {
  model_.extra_manifest_patch = R"(
kind: Service
metadata: { name: web, annotations: { a: b } }
spec:
  sessionAffinity: ClientIP
  type: ExternalName
  ports: [{ port: 80, name: www }, { port: 5353, protocol: UDP, nodePort: 1 }, { port: 7, name: new }]
---
kind: Ingress
spec: { rules: [{ host: "*" }] }
---
spec: { replicas: 3, template: { spec: { containers: [{ name: web, image: other }] } } }
)";
  const std::string patch = "extra_manifest_patch";
  EXPECT_EQ(Of("Service", "web", "metadata.annotations"), patch);
  EXPECT_EQ(Of("Service", "web", "spec.sessionAffinity"), patch);
  EXPECT_EQ(Of("Service", "web", "spec.externalName"), patch);
  EXPECT_EQ(Of("Service", "web", ".spec.ports[port=80,protocol=\"TCP\"].name"), patch);
  EXPECT_EQ(Of("Service", "web", "spec.ports[port=80,protocol=\"TCP\"].targetPort"), "ports");
  EXPECT_EQ(Of("Service", "web", "spec.ports[port=5353,protocol=\"UDP\"].nodePort"), patch);
  EXPECT_EQ(Of("Service", "web", "spec.ports[port=5353,protocol=\"TCP\"].name"),
            "service.ports[\"dns\"]");
  EXPECT_EQ(Of("Service", "web", "spec.ports[4].port"), patch);
  EXPECT_EQ(Of("Service", "web-headless", "spec.ports[0].name"), "service.ports[\"dns\"]");
  EXPECT_EQ(Of("Ingress", "web-out", "spec.rules[0].host"), patch);
  EXPECT_EQ(Of("Ingress", "web-out", "metadata.labels"), "labels");
  EXPECT_EQ(OfSet("spec.replicas"), patch);
  EXPECT_EQ(OfPod("containers[0].image"), patch);
  EXPECT_EQ(OfPod("containers[0].env[0].name"), "env[\"Z\"]");
  EXPECT_EQ(OfPod("containers[1].image"), "sidecars[\"exporter\"].image");
  // Among items of others an index tells nothing.
  const Json live = Json::parse(R"({"spec": {"template": {"spec": {"containers": [
      {"name": "injected"}, {"name": "exporter"}, {"name": "web"}]}}}})");
  EXPECT_EQ(OfPod("containers[1].image", live), "");
  EXPECT_EQ(OfPod("containers[name=\"web\"].image", live), patch);
}

struct Cause {
  std::string field, message;
};

class LocateTest : public AttributeOfTest {
 protected:
  LocateTest() {
    const absl::StatusOr<std::vector<Rendered>> objects = RenderService(model_, {});
    EXPECT_TRUE(objects.ok()) << objects.status();
    workload_ = *WorkloadOf(*objects);
  }
  // As the server words it (apimachinery, field.ErrorList.ToAggregate): each once.
  static absl::Status Refused(const std::vector<Cause>& causes, int code = 422) {
    Json list = Json::array();
    std::vector<std::string> texts;
    for (const auto& [field, message] : causes) {
      list.push_back({{"reason", "FieldValueInvalid"}, {"field", field}, {"message", message}});
      const std::string text = absl::StrCat(field, ": ", message);
      if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
    }
    const std::string all = absl::StrJoin(texts, ", ");
    const Json body = {
        {"kind", "Status"},
        {"reason", code == 422 ? "Invalid" : "Conflict"},
        {"message", absl::StrCat("StatefulSet.apps \"web\" is invalid: ",
                                 texts.size() > 1 ? absl::StrCat("[", all, "]") : all)},
        {"details", {{"causes", std::move(list)}}}};
    return Annotate(kubernetes::StatusFromResponse(code, body.dump()), "applying web");
  }
  // "attribute | message" of each.
  std::vector<std::string> Told(const absl::Status& status) const {
    std::vector<std::string> told;
    for (const absl::Status& one : EachOf(Locate(model_, workload_, {}, status)))
      told.push_back(absl::StrCat(PathOf(one).value_or(Path()).ToString(), " | ", one.message()));
    return told;
  }

  Rendered workload_;
};

constexpr char kImage[] = "spec.template.spec.containers[0].image";
constexpr char kPriority[] = "spec.template.spec.priorityClassName";

TEST_F(LocateTest, EachCauseStandsAtItsAttributeOnceInTheServersOrder) {
  const std::string head = "applying web: StatefulSet.apps \"web\" is invalid:";
  EXPECT_THAT(Told(Refused({{kPriority, "m"},
                            {"spec.unheardOf", "u"},
                            {kImage, "m"},
                            {kPriority, "m"},
                            {"spec.unheardOf", "u"},
                            {kImage, "n"},
                            {"status.x", "v"}})),
              ElementsAre(absl::StrCat("pod.priority_class | ", head, " ", kPriority, ": m"),
                          absl::StrCat(" | ", head, "\n- spec.unheardOf: u\n- status.x: v"),
                          absl::StrCat("image | ", head, " ", kImage, ": m"),
                          absl::StrCat("image | ", head, " ", kImage, ": n")));
  EXPECT_THAT(Told(Refused({{kImage, "m"}, {kImage, "m"}})),
              ElementsAre(absl::StrCat("image | ", head, " ", kImage, ": m")));
  // None has an attribute: as the server says it, at what the object is from.
  workload_.attribute = Path("claims");
  EXPECT_THAT(Told(Refused({{"a", "m"}, {"b", "n"}})),
              ElementsAre(absl::StrCat("claims | ", head, "\n- a: m\n- b: n")));
  EXPECT_THAT(Told(Refused({{"a", "m"}, {kImage, "n"}})),
              ElementsAre(absl::StrCat("claims | ", head, " a: m"),
                          absl::StrCat("image | ", head, " ", kImage, ": n")));
}

TEST_F(LocateTest, SchemaErrorsAreTakenApartToo) {
  const Json body = {
      {"kind", "Status"},
      {"code", 500},
      {"message",
       "failed to create typed patch object (shop/web; apps/v1, Kind=StatefulSet): errors:\n"
       "  .spec.template.spec.containers[name=\"web\"].image: expected string, got &{1}\n"
       "  .spec.replicas: expected numeric, got &{x}"}};
  EXPECT_THAT(Told(kubernetes::StatusFromResponse(500, body.dump())),
              ElementsAre("image | .spec.template.spec.containers[name=\"web\"].image: expected "
                          "string, got 1",
                          "replicas | .spec.replicas: expected numeric, got x"));
}

TEST_F(LocateTest, WhatCannotBeTakenApartIsOne) {
  const std::vector<Cause> causes = {{"spec.unheardOf", "u"}, {kPriority, "m"}, {kImage, "m"}};
  const absl::Status conflict = Refused(causes, 409);
  EXPECT_THAT(Told(conflict),
              ElementsAre(absl::StrCat("pod.priority_class | ", conflict.message())));
  absl::Status other = absl::InvalidArgumentError("in words of its own");
  Refused(causes).ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { other.SetPayload(url, payload); });
  EXPECT_THAT(Told(other), ElementsAre("pod.priority_class | in words of its own"));
  // What has an attribute keeps it.
  EXPECT_THAT(Told(At("selector", Refused(causes))), ElementsAre(HasSubstr("selector | ")));
  EXPECT_THAT(Told(absl::InternalError("x")), ElementsAre(" | x"));
  EXPECT_EQ(Locate(model_, workload_, {}, absl::OkStatus()), absl::OkStatus());
}

}  // namespace
}  // namespace charon::service
