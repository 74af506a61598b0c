#include "resources/service/import_workload.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/yaml.h"
#include "provider/testing/checkout.h"
#include "provider/value/json.h"
#include "resources/service/check_service.h"
#include "resources/service/keep_order.h"
#include "resources/service/object_patch.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

ServiceModel Stub() {
  ServiceModel model;
  model.name_space = "shop";
  model.name = "web";
  return model;
}

Json Workload(const std::string& pod_spec) {
  return Json{
      {"spec",
       {{"replicas", 1},
        {"selector", {{"matchLabels", {{"app", "web"}}}}},
        {"strategy", {{"type", "RollingUpdate"}}},
        {"template",
         {{"metadata", {{"labels", {{"app", "web"}}}}}, {"spec", Json::parse(pod_spec)}}}}}};
}

// What was filled in, as JSON, without what is not set.
Json Found(const ServiceModel& model) {
  const absl::StatusOr<std::string> text =
      EncodeJson(ServiceModel::Describe().Encode(model), ServiceModel::Describe().schema().type());
  Json found = Json::parse(text.value_or("{}"));
  const std::function<void(Json&)> strip = [&strip](Json& value) {
    for (auto entry = value.begin(); entry != value.end();) {
      if (entry->is_null()) {
        entry = value.erase(entry);
      } else {
        if (entry->is_structured()) strip(*entry);
        ++entry;
      }
    }
  };
  strip(found);
  for (const char* given : {"namespace", "name"}) found.erase(given);
  return found;
}

// Nothing of what was found is refused in a configuration.
void ExpectValid(const ServiceModel& model) {
  std::vector<absl::Status> wrong = ValidateObject(
      ServiceModel::Describe().schema(), ServiceModel::Describe().Encode(model), true, nullptr);
  for (absl::Status& status : CheckService(model)) wrong.push_back(std::move(status));
  for (const absl::Status& status : wrong)
    ADD_FAILURE() << PathOf(status).value_or(Path()).ToString() << ": " << status.message();
}

TEST(ImportWorkload, SmallestHasItsImage) {
  ServiceModel model = Stub();
  const NotSaid not_said = FillInFromWorkload(
      Workload(R"({"containers": [{"name": "web", "image": "a:1", "resources": {}}]})"), {}, model);
  EXPECT_THAT(not_said.secrets, IsEmpty());
  EXPECT_THAT(not_said.fields, IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({"image": "a:1"})"));
}

// What the server fills in, and what hashicorp/kubernetes spells out, is nobody's wish.
TEST(ImportWorkload, DefaultsAreNotSaid) {
  ServiceModel model = Stub();
  Json workload = Workload(
      R"({"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "securityContext": {},
    "terminationGracePeriodSeconds": 30, "automountServiceAccountToken": true, "shareProcessNamespace": false, "enableServiceLinks": true,
    "volumes": [{"name": "c", "configMap": {"name": "c", "defaultMode": 420, "optional": false}}, {"name": "h", "hostPath": {"path": "/h", "type": ""}}],
    "containers": [{"name": "web", "image": "w", "imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
      "resources": {}, "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}], "volumeMounts": [{"name": "c", "mountPath": "/c", "mountPropagation": "None"}],
      "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
      "livenessProbe": {"httpGet": {"path": "/up", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}}]})");
  workload["spec"].update(
      Json::parse(R"({"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "replicas": 1,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, "selector": {"matchLabels": {"app": "web"}}})"));
  EXPECT_THAT(FillInFromWorkload(workload, {}, model).fields, IsEmpty());
  EXPECT_EQ(
      Found(model),
      Json::parse(
          R"({"image": "w", "ports": {"http": "80"}, "env_from": {"fields": {"IP": "status.podIP"}},
    "volumes": {"c": {"mount": "/c", "config_map": {"name": "c"}}, "h": {"host_path": {"path": "/h"}}}, "probes": {"liveness": {"http_get": "/up"}}})"));
  ExpectValid(model);
}

TEST(ImportWorkload, ContainersAreFoundWhole) {
  ServiceModel model = Stub();
  const NotSaid not_said = FillInFromWorkload(Workload(R"({
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "d"}}, {"name": "tmp", "emptyDir": {}}],
    "initContainers": [
      {"name": "setup", "image": "s:1", "command": ["init"], "volumeMounts": [{"name": "data", "mountPath": "/d"}], "securityContext": {"privileged": true}},
      {"name": "proxy", "image": "p:1", "restartPolicy": "Always", "ports": [{"name": "sql", "containerPort": 5432, "protocol": "TCP"}],
       "startupProbe": {"tcpSocket": {"port": "sql"}}}],
    "containers": [
      {"name": "helper", "image": "h:latest", "imagePullPolicy": "IfNotPresent", "env": [{"name": "API_TOKEN", "value": "x"}, {"name": "A", "value": "1"}],
       "volumeMounts": [{"name": "tmp", "mountPath": "/t", "readOnly": true}],
       "lifecycle": {"preStop": {"httpGet": {"path": "/bye", "port": 9999, "scheme": "HTTPS"}}}},
      {"name": "web", "image": "w:1", "command": ["serve"], "args": ["--fast"], "workingDir": "/srv", "imagePullPolicy": "Always", "tty": true,
       "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"},
                 {"name": "dns", "containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"},
                 {"name": "wg", "containerPort": 51820, "protocol": "UDP"},
                 {"name": "a", "containerPort": 7, "protocol": "TCP"}, {"name": "b", "containerPort": 7, "protocol": "UDP"}],
       "env": [{"name": "MODE", "value": "x"}, {"name": "EMPTY"},
               {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url", "optional": true}}},
               {"name": "MEM", "valueFrom": {"resourceFieldRef": {"containerName": "web", "resource": "limits.memory", "divisor": "0"}}}],
       "envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "m", "optional": true}}],
       "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi", "nvidia.com/gpu": "1"}},
       "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "web"}, {"name": "tmp", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/run", "subPath": "run"}],
       "livenessProbe": {"httpGet": {"path": "/up", "port": "http", "scheme": "HTTPS", "httpHeaders": [{"name": "Host", "value": "x"}]}, "initialDelaySeconds": 90, "periodSeconds": 3600},
       "readinessProbe": {"grpc": {"port": 9090, "service": "shop.Web"}, "failureThreshold": 5},
       "startupProbe": {"httpGet": {"path": "/", "port": 8081}, "timeoutSeconds": 120},
       "lifecycle": {"postStart": {"exec": {"command": ["warm"]}}, "preStop": {"sleep": {"seconds": 5}}},
       "securityContext": {"runAsUser": 0, "runAsNonRoot": false, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
                           "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "CHOWN"]}, "seccompProfile": {"type": "Localhost", "localhostProfile": "p/x.json"}}}]})"),
                                              {}, model);
  EXPECT_THAT(not_said.secrets, ElementsAre("API_TOKEN of helper"));
  EXPECT_THAT(not_said.fields, IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({
    "image": "w:1", "command": ["serve"], "args": ["--fast"], "process": {"working_dir": "/srv", "tty": true}, "image_pull_policy": "Always",
    "ports": {"http": "80", "dns": "53/TCP,UDP", "wg": "51820/UDP", "a": "7", "b": "7/UDP"},
    "env": {"MODE": "x", "EMPTY": ""}, "env_secret": {"DB": "db/url?"},
    "env_from": {"secrets": ["s"], "config_maps": ["m?"], "fields": {"MEM": "limits.memory"}},
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi", "nvidia.com/gpu": "1"}},
    "volumes": {"data": {"existing_claim": "d", "mount": "/data", "sub_path": "web"}, "tmp": {"empty_dir": {}}},
    "mounts": {"/tmp": {"volume": "tmp"}, "/run": {"volume": "tmp", "sub_path": "run"}},
    "probes": {"liveness": {"http_get": "/up", "request": {"scheme": "HTTPS", "headers": {"Host": "x"}}, "initial_delay": "90s", "period": "1h"},
               "readiness": {"grpc": "shop.Web", "request": {"port": "9090"}, "failure_threshold": 5},
               "startup": {"http_get": "/", "request": {"port": "8081"}, "timeout": "2m"}},
    "hooks": {"post_start": {"exec": ["warm"]}, "pre_stop": {"sleep": "5s"}},
    "security_context": {"run_as_user": 0, "run_as_non_root": false, "read_only_root_filesystem": true, "allow_privilege_escalation": false,
                         "capabilities": {"add": ["CHOWN", "NET_ADMIN"], "drop": ["ALL"]}, "seccomp_profile": "p/x.json"},
    "sidecars": {"helper": {"image": "h:latest", "image_pull_policy": "IfNotPresent", "env": {"A": "1"}, "mounts": {"/t": {"volume": "tmp", "read_only": true}},
                            "hooks": {"pre_stop": {"http_get": "/bye", "request": {"port": "9999", "scheme": "HTTPS"}}}}},
    "init_containers": [
      {"name": "setup", "image": "s:1", "command": ["init"], "mounts": {"/d": {"volume": "data"}}, "security_context": {"privileged": true}},
      {"name": "proxy", "image": "p:1", "restart_policy": "Always", "ports": {"sql": "5432"}, "probes": {"startup": {"tcp_socket": "sql"}}}]})"));
  ExpectValid(model);
}

TEST(ImportWorkload, ThePodIsFoundWhole) {
  ServiceModel model = Stub();
  model.kind = "statefulset";
  Json workload = Workload(R"({
    "serviceAccountName": "robot", "serviceAccount": "robot", "automountServiceAccountToken": false,
    "imagePullSecrets": [{"name": "b"}, {"name": "a"}], "priorityClassName": "high", "terminationGracePeriodSeconds": 120, "runtimeClassName": "nvidia",
    "hostname": "h", "hostNetwork": true, "hostPID": true, "shareProcessNamespace": true, "enableServiceLinks": false,
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["x", "y"]}],
    "securityContext": {"fsGroup": 1000, "fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [44, 5], "seccompProfile": {"type": "RuntimeDefault"},
                        "sysctls": [{"name": "net.ipv4.ip_forward", "value": "1"}]},
    "dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"], "searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}, {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
                   {"key": "zone", "operator": "NotIn", "values": ["z"]}, {"key": "arch", "operator": "In", "values": ["arm64", "amd64"]}]}]}},
                 "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}]},
                 "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {
                   "labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "topology.kubernetes.io/zone"}}]}},
    "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "example.org/rack", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}],
    "volumes": [{"name": "c", "configMap": {"name": "m", "defaultMode": 256, "items": [{"key": "k", "path": "p"}]}},
                {"name": "s", "secret": {"secretName": "s", "optional": true}},
                {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                {"name": "h", "hostPath": {"path": "/dev/dri", "type": "Directory"}},
                {"name": "n", "nfs": {"server": "192.0.2.20", "path": "/x"}}],
    "containers": [{"name": "web", "image": "w:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "c", "mountPath": "/c"}]}]})");
  workload["spec"]["template"]["metadata"] = Json::parse(
      R"({"creationTimestamp": null, "labels": {"app": "web", "team": "a"}, "annotations": {"note": "x"}})");
  workload["spec"].erase("strategy");
  workload["spec"].update(Json::parse(
      R"({"replicas": 3, "serviceName": "web-headless", "selector": {"matchLabels": {"app": "web"}},
    "podManagementPolicy": "Parallel", "minReadySeconds": 5, "revisionHistoryLimit": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "volumeClaimTemplates": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": null,
      "annotations": {"resize.topolvm.io/increase": "100%", "resize.topolvm.io/storage_limit": "9Gi", "resize.topolvm.io/threshold": "10%"}}, "status": {"phase": "Pending"},
      "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "5Gi"}}}}]})"));
  EXPECT_THAT(FillInFromWorkload(workload, {}, model).fields, IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({"kind": "statefulset", "image": "w:1", "replicas": 3,
    "rollout": {"partition": 1, "min_ready": "5s", "revision_history_limit": 3, "pod_management_policy": "Parallel"},
    "claims": {"data": {"mount": "/data", "size": "5Gi", "storage_class": "fast", "autoresize": "9Gi", "per_replica": true}},
    "volumes": {"c": {"mount": "/c", "config_map": {"name": "m", "mode": "0400", "items": {"k": "p"}}}, "s": {"secret": {"name": "s", "optional": true}},
                "e": {"empty_dir": {"medium": "Memory", "size_limit": "1Gi"}}, "h": {"host_path": {"path": "/dev/dri", "type": "Directory"}},
                "n": {"nfs": {"server": "192.0.2.20", "path": "/x", "inline": true}}},
    "identity": {"service_account": {"name": "robot", "automount": false}},
    "pod": {"labels": {"team": "a"}, "annotations": {"note": "x"}, "image_pull_secrets": ["a", "b"], "priority_class": "high", "termination_grace_period": "2m",
            "runtime_class": "nvidia", "hostname": "h", "host_network": true, "host_pid": true, "share_process_namespace": true, "enable_service_links": false,
            "host_aliases": {"192.0.2.1": ["x", "y"]},
            "security_context": {"fs_group": 1000, "fs_group_change_policy": "OnRootMismatch", "supplemental_groups": [5, 44], "seccomp_profile": "RuntimeDefault",
                                 "sysctls": {"net.ipv4.ip_forward": "1"}},
            "dns": {"policy": "None", "nameservers": ["192.0.2.53"], "searches": ["a.example"], "options": {"ndots": "2", "edns0": ""}}},
    "scheduling": {"node_selector": {"disk": "ssd"}, "require_nodes": {"arch": "arm64|amd64"}, "avoid_nodes": {"zone": "z"},
                   "tolerations": [{"key": "gpu", "value": "true", "effect": "NoSchedule"}, {"effect": "NoExecute", "toleration_period": "1m"}],
                   "near": {"labels": {"app": "db"}, "hard": true}, "apart": {"labels": {"app": "web"}, "over": "zone"},
                   "spread": {"over": "example.org/rack", "hard": true, "max_skew": 2}}})"));
  ExpectValid(model);
}

TEST(ImportWorkload, WhatHasNoAttributeIsNamed) {
  ServiceModel model = Stub();
  Json workload = Workload(R"js({
    "automountServiceAccountToken": false, "terminationGracePeriodSeconds": -1,
    "volumes": [{"name": "p", "projected": {"sources": [{"secret": {"name": "x"}}]}}, {"name": "c", "configMap": {"name": "c", "items": [{"key": "a", "path": "a", "mode": 256}]}},
                {"name": "ok", "emptyDir": {}}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}},
    "containers": [{"name": "web", "image": "w:1", "stdinOnce": true, "ports": [{"containerPort": 9999, "protocol": "TCP"}, {"name": "http", "containerPort": 80, "hostPort": 80, "protocol": "TCP"}],
      "env": [{"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}, {"name": "OTHER", "valueFrom": {"resourceFieldRef": {"containerName": "x", "resource": "limits.memory"}}},
              {"name": "DB_PASSWORD", "value": "x"}, {"name": "PLAIN", "value": "x"}],
      "envFrom": [{"prefix": "P_", "secretRef": {"name": "p"}}],
      "volumeMounts": [{"name": "p", "mountPath": "/p"}, {"name": "ok", "mountPath": "/ok", "subPathExpr": "$(X)"}],
      "livenessProbe": {"httpGet": {"path": "/", "port": "gone"}}, "readinessProbe": {"httpGet": {"path": "/", "port": "http", "httpHeaders": [{"name": "Authorization", "value": "Basic x"}]}}}]})js");
  workload["spec"]["strategy"] = {{"type", "Recreate"}};
  const NotSaid not_said = FillInFromWorkload(workload, {}, model);
  EXPECT_THAT(not_said.secrets, ElementsAre("DB_PASSWORD"));
  EXPECT_THAT(
      not_said.fields,
      ElementsAre(
          R"(spec.template.spec.affinity)", R"(spec.template.spec.automountServiceAccountToken)",
          R"(spec.template.spec.containers[name="web"].envFrom)",
          R"(spec.template.spec.containers[name="web"].env[name="MAP"])",
          R"(spec.template.spec.containers[name="web"].env[name="OTHER"])",
          R"(spec.template.spec.containers[name="web"].livenessProbe)",
          R"(spec.template.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].hostPort)",
          R"(spec.template.spec.containers[name="web"].ports[containerPort=9999,protocol="TCP"])",
          R"(spec.template.spec.containers[name="web"].readinessProbe.httpGet.httpHeaders)",
          R"(spec.template.spec.containers[name="web"].stdinOnce)",
          R"(spec.template.spec.containers[name="web"].volumeMounts[mountPath="/ok"].subPathExpr)",
          R"(spec.template.spec.containers[name="web"].volumeMounts[mountPath="/p"])",
          R"(spec.template.spec.terminationGracePeriodSeconds)",
          R"(spec.template.spec.volumes[name="c"].configMap.items)",
          R"(spec.template.spec.volumes[name="p"])"));
  EXPECT_EQ(Found(model)["rollout"], Json::parse(R"({"strategy": "Recreate"})"));
  ExpectValid(model);
}

// What version 2 says where nobody does would make other pods of these. There is a third value
// beside true and false: a template without the field.
TEST(ImportWorkload, PodsAreAsTheyWereUnderTheNextVersion) {
  Conventions conventions;
  conventions.render_version = 2;
  const std::string patch = R"({"spec":{"template":{"spec":{)";
  const struct {
    const char* fields;
    Json found;
  } cases[] = {
      {"",
       {{"extra_manifest_patch",
         patch + R"("automountServiceAccountToken":null,"enableServiceLinks":null}}}})"}}},
      {R"("automountServiceAccountToken": true, "enableServiceLinks": true,)",
       {{"pod", {{"enable_service_links", true}}},
        {"extra_manifest_patch", patch + R"("automountServiceAccountToken":null}}}})"}}},
      {R"("automountServiceAccountToken": false, "enableServiceLinks": false,)",
       {{"pod", {{"enable_service_links", false}}}}},
      {R"("serviceAccountName": "robot", "serviceAccount": "robot", "enableServiceLinks": true,)",
       {{"pod", {{"enable_service_links", true}}},
        {"identity", {{"service_account", {{"name", "robot"}}}}}}},
  };
  for (const auto& one : cases) {
    ServiceModel model = Stub();
    const NotSaid not_said = FillInFromWorkload(
        Workload(
            absl::StrCat("{", one.fields, R"("containers": [{"name": "web", "image": "a:1"}]})")),
        conventions, model);
    EXPECT_THAT(not_said.fields, IsEmpty()) << one.fields;
    Json found = Found(model);
    found.erase("image");
    EXPECT_EQ(found, one.found) << one.fields;
    ExpectValid(model);
  }
}

// Its name is that of the service: what is named otherwise cannot stay.
TEST(ImportWorkload, AMainContainerOfAnotherNameKeepsIt) {
  ServiceModel model = Stub();
  EXPECT_THAT(FillInFromWorkload(Workload(R"({"containers": [{"name": "app", "image": "a:1"}]})"),
                                 {}, model)
                  .fields,
              IsEmpty());
  EXPECT_EQ(Found(model), Json::parse(R"({"image": "a:1", "pod": {"container_name": "app"}})"));
}

// Whoever calls the Service finds it at the same ports afterwards.
TEST(ImportService, PortsThatAreNotTheUsualOnesAreSaid) {
  ServiceModel model = Stub();
  FillInFromWorkload(Workload(R"({"containers": [
      {"name": "web", "image": "w:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "admin", "containerPort": 9000, "protocol": "TCP"},
                                                {"name": "https", "containerPort": 8443, "protocol": "TCP"}]},
      {"name": "log", "image": "l:1", "ports": [{"name": "metrics", "containerPort": 9100, "protocol": "TCP"}]}]})"),
                     {}, model);
  EXPECT_THAT(
      FillInFromService(
          Json::parse(
              R"({"spec": {"ports": [{"port": 8080, "targetPort": "http", "appProtocol": "kubernetes.io/h2c"}, {"port": 81, "targetPort": 9000},
      {"port": 443, "targetPort": "https"}, {"port": 9101, "targetPort": "metrics"}, {"port": 7, "targetPort": "gone"}, {"port": 8081, "targetPort": "http"}, {"port": 8080, "targetPort": "http", "protocol": "UDP"}]}})"),
          model),
      ElementsAre(R"(7 (to "gone"))", R"(8081 (to "http"))"));
  EXPECT_EQ(
      Found(model)["service"],
      Json::parse(
          R"({"ports": {"http": 8080, "admin": 81, "metrics": 9101}, "app_protocols": {"http": "kubernetes.io/h2c"}})"));
  ExpectValid(model);
  model.service = Attr<InnerServiceModel>();
  EXPECT_THAT(
      FillInFromService(
          Json::parse(
              R"({"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 9000, "targetPort": "admin"}]}})"),
          model),
      IsEmpty());
  EXPECT_TRUE(model.service.IsNull());
}

// It has no attributes; without a patch the first apply takes it away.
TEST(ImportService, WhatHasNoAttributeIsPatched) {
  const auto patch_of = [](const char* service, const char* patched = "") {
    ServiceModel model = Stub();
    FillInFromWorkload(Workload(R"({"containers": [{"name": "web", "image": "w:1", "ports": [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]})"),
                       {}, model);
    if (*patched != '\0') model.extra_manifest_patch = patched;
    FillInServicePatch(Json::parse(service), {}, {.owner = "o"}, model);
    EXPECT_TRUE(RenderService(model, {}).ok()) << RenderService(model, {}).status();
    return model.extra_manifest_patch.value_or("");
  };
  const std::string name = R"("kind":"Service","metadata":{)";
  EXPECT_EQ(patch_of(R"({"metadata": {"name": "web", "annotations": {"example.org/pool": "p",
                "meta.helm.sh/release-name": "r"}}, "spec": {"sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "publishNotReadyAddresses": true, "ports": [
                {"name": "www", "port": 80, "protocol": "TCP"},
                {"name": "dns", "port": 53, "protocol": "UDP"}]}})"),
            "{" + name +
                R"("annotations":{"example.org/pool":"p"},"name":"web"},"spec":{)"
                R"("ports":[{"name":"www","port":80,"protocol":"TCP"}],)"
                R"("publishNotReadyAddresses":true,"sessionAffinity":"ClientIP",)"
                R"("sessionAffinityConfig":{"clientIP":{"timeoutSeconds":10800}}}})");
  EXPECT_EQ(patch_of(R"({"metadata": {"name": "web"}, "spec": {"sessionAffinity": "ClientIP",
                "ports": []}})",
                     "{}"),
            "{}\n---\n{" + name + R"("name":"web"},"spec":{"sessionAffinity":"ClientIP"}})");
  // What the service gives it anyway.
  EXPECT_EQ(patch_of(R"({"metadata": {"name": "web"}, "spec": {"sessionAffinity": "None",
                "publishNotReadyAddresses": false, "ports": [{"port": 80, "protocol": "TCP"},
                {"name": "dns", "port": 53, "protocol": "UDP"}]}})"),
            "");
  EXPECT_EQ(patch_of(R"({"metadata": {"name": "other"}, "spec": {"sessionAffinity": "ClientIP"}})"),
            "");
}

// Pods are known by that name in DNS, and a set cannot change it.
TEST(ImportWorkload, ASetKeepsTheServiceThatNamesItsPods) {
  for (const auto& [governing, patch] :
       std::map<std::string, Json>{{"web-headless", {}},
                                   {"peers", R"({"spec":{"serviceName":"peers"}})"},
                                   {"", R"({"spec":{"serviceName":null}})"}}) {
    ServiceModel model = Stub();
    model.kind = "statefulset";
    Json set = Workload(R"({"containers": [{"name": "web", "image": "a:1"}]})");
    set["spec"].erase("strategy");
    set["spec"]["updateStrategy"] = {{"type", "RollingUpdate"}};
    if (!governing.empty()) set["spec"]["serviceName"] = governing;
    EXPECT_THAT(FillInFromWorkload(set, {}, model).fields, IsEmpty()) << governing;
    EXPECT_EQ(Found(model).value("extra_manifest_patch", Json()), patch) << governing;
    ExpectValid(model);
  }
  Conventions conventions;
  conventions.render_version = 2;
  ServiceModel model = Stub();
  model.kind = "statefulset";
  Json set = Workload(R"({"containers": [{"name": "web", "image": "a:1"}]})");
  set["spec"]["serviceName"] = "peers";
  FillInFromWorkload(set, conventions, model);
  EXPECT_EQ(Json::parse(*model.extra_manifest_patch)["spec"]["serviceName"], "peers");
  EXPECT_TRUE(Json::parse(*model.extra_manifest_patch)["spec"].contains("template"));
}

// Other controllers read them.
TEST(ImportMetadata, LabelsAndAnnotationsOfFormerToolsAreSaid) {
  Conventions conventions;
  conventions.default_labels = {{"stage", "test"}};
  const Json workload = Json::parse(R"({"metadata": {
    "labels": {"team": "a", "app.kubernetes.io/name": "web", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "w-1", "stage": "prod", "app.kubernetes.io/part-of": "shop"},
    "annotations": {"keel.sh/policy": "minor", "deployment.kubernetes.io/revision": "3", "meta.helm.sh/release-name": "r",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}", "charon.internal/owner": "x"}}})");
  const Json service = Json::parse(
      R"({"metadata": {"labels": {"team": "b", "monitored": "yes", "service.kubernetes.io/service-proxy-name": "x"}, "annotations": {"example.org/pool": "p"}}})");
  ServiceModel model = Stub();
  FillInMetadata(workload, service, conventions, {.owner = "o"}, model);
  EXPECT_EQ(Found(model), Json::parse(R"({"annotations": {"keel.sh/policy": "minor"},
    "labels": {"team": "a", "monitored": "yes", "app.kubernetes.io/part-of": "shop"}})"));
  model = Stub();
  FillInMetadata(Json::object(), Json(), conventions, {.owner = "o"}, model);
  EXPECT_EQ(Found(model), Json::object());
}

TEST(ImportWorkload, LeavesOutWhatLooksSecret) {
  ServiceModel model = Stub();
  EXPECT_THAT(
      FillInFromWorkload(Workload(R"({"containers": [{"name": "web", "image": "w:1", "env": [
      {"name": "DB_PASSWORD", "value": "x"}, {"name": "api_token", "value": "x"}, {"name": "SECRET_KEY", "value": "x"},
      {"name": "TOKEN_FILE_EMPTY", "value": ""}, {"name": "URL", "value": "postgres://app:pw@db/app"},
      {"name": "ROOT", "value": "https://example.org:8443/@me"}, {"name": "KEYBOARD", "value": "us"}]}]})"),
                         {}, model)
          .secrets,
      ElementsAre("DB_PASSWORD", "api_token", "SECRET_KEY", "URL"));
  EXPECT_EQ(
      Found(model)["env"],
      Json::parse(
          R"({"TOKEN_FILE_EMPTY": "", "ROOT": "https://example.org:8443/@me", "KEYBOARD": "us"})"));
}

TEST(ImportWorkload, WhatRefersToAnotherVariableIsNoSecret) {
  ServiceModel model = Stub();
  EXPECT_THAT(
      FillInFromWorkload(Workload(R"json({"containers": [{"name": "web", "image": "w:1", "env": [
      {"name": "REDIS", "value": "redis://:$(PASS)@host"},
      {"name": "DB", "value": "postgres://$(USER):$(PASS)@db:5432/app"},
      {"name": "APP_SECRET", "value": "$(PASS)"},
      {"name": "HALF", "value": "redis://:x$(PASS)@host"},
      {"name": "WORD", "value": "redis://:$$(PASS)@host"},
      {"name": "API_TOKEN", "value": "t-$(PASS)"}]}]})json"),
                         {}, model)
          .secrets,
      ElementsAre("HALF", "WORD", "API_TOKEN"));
  EXPECT_EQ(Found(model)["env"],
            Json::parse(R"json({"REDIS": "redis://:$(PASS)@host", "APP_SECRET": "$(PASS)",
                                "DB": "postgres://$(USER):$(PASS)@db:5432/app"})json"));
}

// --- What a service renders is found as a service that renders the same.

struct Golden {
  std::string name;
  Json workload;  // as it was created
  int found_by = 1;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

Json GoldenFile(int version, const std::string& name) {
  std::ifstream in(
      SourcePath(absl::StrCat("acceptance-tests/scenarios/golden/v", version, "/", name, ".yaml")));
  const auto documents =
      kubernetes::ParseYamlDocuments(std::string(std::istreambuf_iterator<char>(in), {}));
  return documents.value_or(std::vector<Json>());
}

// Of each version, found by a provider that renders this version, and of version 1 by each. What a
// later version has is a merge patch (RFC 7396) for each object that differs, by its key.
std::vector<Golden> Goldens() {
  std::vector<Golden> goldens;
  for (const auto& file :
       std::filesystem::directory_iterator(SourcePath("acceptance-tests/scenarios/golden/v1"))) {
    const std::string example = file.path().stem().string();
    std::vector<Json> changes;  // by version, from 2 on
    for (int version = 2; version <= kNewestRenderVersion; ++version)
      changes.push_back(GoldenFile(version, example).at(0));
    for (Json document : GoldenFile(1, example)) {
      const std::string kind = document["kind"].get<std::string>();
      if (kind != "Deployment" && kind != "StatefulSet" && kind != "DaemonSet") continue;
      const std::string name = document["metadata"]["name"].get<std::string>();
      const auto add = [&](int version, int found_by) {
        Rendered rendered;
        rendered.object = document;
        rendered.initial = document.value("initial", Json());
        goldens.push_back({absl::StrCat(example, "/", kind, "/", name, "/v", version,
                                        version == found_by ? "" : absl::StrCat(" by v", found_by)),
                           AsCreated(rendered), found_by});
      };
      for (int version = 1; version <= kNewestRenderVersion; ++version) add(1, version);
      for (int version = 2; version <= kNewestRenderVersion; ++version) {
        document.merge_patch(changes[version - 2].value(
            absl::StrCat(kind, "/", document["metadata"]["namespace"].get<std::string>(), "/",
                         name),
            Json::object()));
        add(version, version);
      }
    }
  }
  std::sort(goldens.begin(), goldens.end(),
            [](const Golden& a, const Golden& b) { return a.name < b.name; });
  return goldens;
}

// As the server completes it, as far as a service may say the same in two ways.
void FillInDefaults(Json& container) {
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    if (!container.contains(probe)) continue;
    const Json defaults = {{"periodSeconds", 10},
                           {"timeoutSeconds", 1},
                           {"successThreshold", 1},
                           {"failureThreshold", 3}};
    for (const auto& [name, value] : defaults.items()) {
      if (!container[probe].contains(name)) container[probe][name] = value;
    }
  }
  if (!container.contains("imagePullPolicy")) container["imagePullPolicy"] = "IfNotPresent";
  if (!container.contains("env")) return;
  for (Json& variable : container["env"]) {
    Json& from = variable["valueFrom"];
    if (from.contains("fieldRef")) from["fieldRef"]["apiVersion"] = "v1";
    if (from.contains("resourceFieldRef")) from["resourceFieldRef"]["divisor"] = "0";
  }
}

Json Completed(Json pod_template) {
  for (const char* list : {"containers", "initContainers"}) {
    if (!pod_template["spec"].contains(list)) continue;
    for (Json& container : pod_template["spec"][list]) FillInDefaults(container);
  }
  return pod_template;
}

class ImportOfGolden : public ::testing::TestWithParam<Golden> {};

TEST_P(ImportOfGolden, RendersTheSamePods) {
  const Json& workload = GetParam().workload;
  ServiceModel model;
  model.name_space = workload["metadata"]["namespace"].get<std::string>();
  model.name = workload["metadata"]["name"].get<std::string>();
  if (workload["kind"] == "StatefulSet") model.kind = "statefulset";
  if (workload["kind"] == "DaemonSet") model.kind = "daemonset";
  model.selector = workload["spec"]["selector"]["matchLabels"].get<StringMap>();
  Conventions conventions;
  conventions.render_version = GetParam().found_by;
  const NotSaid not_said = FillInFromWorkload(workload, conventions, model);
  EXPECT_THAT(not_said.secrets, IsEmpty());
  // Parts without an attribute, or (modes of single files) without one outside of `files`.
  if (absl::StartsWith(GetParam().name, "rows/Deployment/more/") ||
      absl::StartsWith(GetParam().name, "rows/Deployment/g5/")) {
    EXPECT_THAT(not_said.fields, Not(IsEmpty()));
    return;
  }
  EXPECT_THAT(not_said.fields, IsEmpty());
  ExpectValid(model);
  std::vector<Rendered> rendered;
  ASSERT_TRUE(RenderWorkload(model, conventions, rendered).ok());
  ASSERT_TRUE(PatchObjects(model, rendered).ok());
  Json again = AsCreated(rendered.front());
  KeepOrder(workload, again);
  EXPECT_EQ(Completed(again["spec"]["template"]), Completed(workload["spec"]["template"]))
      << Found(model).dump(2);
}

INSTANTIATE_TEST_SUITE_P(All, ImportOfGolden, ::testing::ValuesIn(Goldens()),
                         [](const auto& golden) {
                           std::string name = golden.param.name;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
                               '_');
                           return name;
                         });

}  // namespace
}  // namespace charon::service
