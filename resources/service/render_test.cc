#include "resources/service/render.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/value/json.h"
#include "resources/service/strategic_merge.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A service from what a user writes, as JSON; namespace and image are given.
ServiceModel Service(Json config) {
  const Json smallest = {
      {"namespace", "shop"}, {"name", "web"}, {"image", "registry.example/web:1"}};
  for (const auto& [key, value] : smallest.items()) {
    if (!config.contains(key)) config[key] = value;
  }
  const absl::StatusOr<Value> value =
      DecodeJson(config.dump(), ServiceModel::Describe().schema().type());
  EXPECT_TRUE(value.ok()) << value.status();
  const absl::StatusOr<ServiceModel> model = ServiceModel::Describe().Decode(*value);
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

std::vector<Rendered> Render(const Json& config, const Conventions& conventions = {}) {
  const absl::StatusOr<std::vector<Rendered>> objects = RenderService(Service(config), conventions);
  EXPECT_TRUE(objects.ok()) << objects.status();
  return objects.value_or(std::vector<Rendered>());
}

const Rendered& Find(const std::vector<Rendered>& objects, const std::string& kind,
                     const std::string& name) {
  static const auto& none = *new Rendered();
  for (const Rendered& rendered : objects) {
    if (rendered.object["kind"] == kind && rendered.object["metadata"]["name"] == name)
      return rendered;
  }
  ADD_FAILURE() << "there is no " << kind << " " << name;
  return none;
}

std::vector<std::string> Names(const std::vector<Rendered>& objects) {
  std::vector<std::string> names;
  for (const Rendered& rendered : objects) {
    names.push_back(rendered.object["kind"].get<std::string>() + "/" +
                    rendered.object["metadata"]["name"].get<std::string>());
  }
  return names;
}

Json PodSpec(const Json& config, const Conventions& conventions = {}) {
  const absl::StatusOr<PodTemplate> pod = RenderPod(Service(config), conventions);
  EXPECT_TRUE(pod.ok()) << pod.status();
  return pod.ok() ? pod->spec["spec"] : Json();
}

std::vector<std::string> Messages(const Json& config) {
  std::vector<std::string> messages;
  for (const absl::Status& status : CheckService(Service(config))) {
    messages.push_back(PathOf(status).value_or(Path()).ToString() + ": " +
                       std::string(status.message()));
  }
  return messages;
}

TEST(RenderService, SmallestIsADeploymentOfOne) {
  const std::vector<Rendered> objects = Render(Json::object());
  EXPECT_THAT(Names(objects), ElementsAre("Deployment/web"));
  const Json& spec = objects[0].object["spec"];
  EXPECT_EQ(spec["replicas"], 1);
  EXPECT_EQ(spec["selector"]["matchLabels"], Json({{"app", "web"}}));
  EXPECT_EQ(spec["template"]["metadata"]["labels"], Json({{"app", "web"}}));
  EXPECT_EQ(spec["template"]["spec"]["containers"],
            Json::parse(R"([{"name": "web", "image": "registry.example/web:1"}])"));
  EXPECT_TRUE(objects[0].initial.is_null());
}

TEST(RenderService, ComesInTheOrderOfTheApply) {
  const std::vector<Rendered> objects = Render(
      {{"ports", {{"http", "8080"}}},
       {"files", {{"/etc/web.conf", {{"content", "x"}}}}},
       {"claims", {{"data", {{"mount", "/data"}, {"size", "1Gi"}}}}},
       {"identity", {{"rules", Json::array({{{"resources", {"pods"}}, {"verbs", {"get"}}}})}}}});
  EXPECT_THAT(Names(objects), ElementsAre("ConfigMap/web-files", "PersistentVolumeClaim/web-data",
                                          "ServiceAccount/web", "Role/web", "RoleBinding/web",
                                          "Service/web", "Deployment/web"));
}

TEST(RenderService, WhatIsExternalIsOnlySetAtCreation) {
  const std::vector<Rendered> objects = Render({{"image_owner", "external"},
                                                {"replicas", 3},
                                                {"replicas_owner", "external"},
                                                {"sidecars",
                                                 {{"log",
                                                   {{"image", "log:1"},
                                                    {"resources", {{"requests", {{"cpu", "1m"}}}}},
                                                    {"resources_owner", "external"}}}}}});
  const Rendered& workload = Find(objects, "Deployment", "web");
  EXPECT_FALSE(workload.object["spec"].contains("replicas"));
  const Json& containers = workload.object["spec"]["template"]["spec"]["containers"];
  EXPECT_EQ(containers, Json::parse(R"([{"name": "web"}, {"name": "log", "image": "log:1"}])"));
  EXPECT_EQ(workload.initial,
            Json::parse(R"({"spec": {"replicas": 3, "template": {"spec": {"containers": [
      {"name": "web", "image": "registry.example/web:1"},
      {"name": "log", "resources": {"requests": {"cpu": "1m"}}}]}}}})"));
}

TEST(RenderService, TheSizeOfAClaimIsOnlySetAtCreation) {
  Conventions conventions;
  conventions.storage_classes = {{"fast", "nvme"}};
  const Rendered claim = Find(
      Render({{"claims",
               {{"data", {{"size", "2Gi"}, {"autoresize", "10Gi"}, {"storage_class", "fast"}}}}}},
             conventions),
      "PersistentVolumeClaim", "web-data");
  EXPECT_EQ(claim.object["spec"],
            Json::parse(R"({"accessModes": ["ReadWriteOnce"], "storageClassName": "nvme"})"));
  EXPECT_EQ(claim.object["metadata"]["annotations"]["resize.topolvm.io/storage_limit"], "10Gi");
  EXPECT_EQ(claim.initial,
            Json::parse(R"({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})"));
  EXPECT_TRUE(claim.keeps_data);
}

// Kubernetes expands $(NAME) only from variables that stand before it.
TEST(RenderPod, VariablesStandAfterThoseTheyReferTo) {
  const Json spec =
      PodSpec({{"env",
                {{"A_URL", "http://$(HOST):$(PORT)/$$(HOST)"},
                 {"HOST", "db"},
                 {"PORT", "$(BASE)1"},
                 {"BASE", "543"}}},
               {"env_secret", {{"B", "pass/word?"}}},
               {"env_from", {{"fields", {{"IP", "status.podIP"}, {"MEM", "limits.memory"}}}}}});
  std::vector<std::string> names;
  for (const Json& entry : spec["containers"][0]["env"])
    names.push_back(entry["name"].get<std::string>());
  EXPECT_THAT(names, ElementsAre("HOST", "BASE", "PORT", "A_URL", "B", "IP", "MEM"));
  EXPECT_EQ(spec["containers"][0]["env"][4],
            Json::parse(R"({"name": "B", "valueFrom": {"secretKeyRef":
      {"name": "pass", "key": "word", "optional": true}}})"));
  EXPECT_EQ(spec["containers"][0]["env"][6],
            Json::parse(R"({"name": "MEM", "valueFrom": {"resourceFieldRef":
      {"containerName": "web", "resource": "limits.memory"}}})"));
}

TEST(RenderPod, CircularVariablesEnd) {
  const Json spec = PodSpec({{"env", {{"A", "$(B)"}, {"B", "$(A)"}}}});
  EXPECT_EQ(spec["containers"][0]["env"].size(), 2U);
}

TEST(RenderPod, SecretsAreFoundByTheirKey) {
  const Json config = {
      {"secrets", {{"db", {{"store", "vault"}, {"extract", "web"}}}}},
      {"generated_secrets", {{"SESSION", Json::object()}, {"HIDDEN", {{"env", false}}}}},
      {"env_secret", {{"URL", "db/url"}, {"OTHER", "foreign/key"}}}};
  const Json env = PodSpec(config)["containers"][0]["env"];
  ASSERT_EQ(env.size(), 3U);
  EXPECT_EQ(env[0]["valueFrom"]["secretKeyRef"]["name"], "foreign");
  EXPECT_EQ(
      env[1],
      Json::parse(
          R"({"name": "SESSION", "valueFrom": {"secretKeyRef": {"name": "web-generated", "key": "SESSION"}}})"));
  EXPECT_EQ(env[2]["valueFrom"]["secretKeyRef"]["name"], "web-db");
}

TEST(RenderPod, AGpuIsMoreThanALimit) {
  Conventions conventions;
  conventions.gpu_memory_resource = "example.org/gpumem";
  const Json spec = PodSpec({{"gpu", {{"count", 2}, {"memory_mib", 2300}}}}, conventions);
  EXPECT_EQ(spec["containers"][0]["resources"]["limits"],
            Json::parse(R"({"nvidia.com/gpu": "2", "example.org/gpumem": "2300"})"));
  EXPECT_EQ(spec["nodeSelector"], Json::parse(R"({"nvidia.com/gpu.present": "true"})"));
  EXPECT_EQ(
      spec["tolerations"],
      Json::parse(
          R"([{"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}])"));
  const absl::StatusOr<PodTemplate> refused =
      RenderPod(Service({{"gpu", {{"memory_mib", 1}}}}), {});
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("no resource that counts GPU memory"));
}

TEST(RenderPod, WhatIsSaidReplacesTheAmountsOfTheSize) {
  Conventions conventions;
  conventions.sizes["small"] = {{{"cpu", "50m"}, {"memory", "128Mi"}}, {{"memory", "256Mi"}}};
  const Json spec =
      PodSpec({{"resources",
                {{"size", "small"}, {"requests", {{"memory", "64Mi"}, {"example.org/x", "1"}}}}},
               {"sidecars", {{"log", {{"image", "l:1"}, {"resources", {{"size", "small"}}}}}}}},
              conventions);
  EXPECT_EQ(
      spec["containers"][0]["resources"],
      Json::parse(
          R"({"requests": {"cpu": "50m", "memory": "64Mi", "example.org/x": "1"}, "limits": {"memory": "256Mi"}})"));
  EXPECT_EQ(
      spec["containers"][1]["resources"],
      Json::parse(
          R"({"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}})"));

  const absl::Status unknown =
      RenderPod(
          Service({{"sidecars", {{"log", {{"image", "l:1"}, {"resources", {{"size", "huge"}}}}}}}}),
          conventions)
          .status();
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("has no \"huge\""));
  EXPECT_EQ(PathOf(unknown).value_or(Path()).ToString(), "sidecars[\"log\"].resources.size");
}

TEST(Ports, AreANumberAndProtocols) {
  const auto parsed = [](const char* text) { return ParsePort(text).value_or(Port{}); };
  EXPECT_EQ(parsed("8080").number, 8080);
  EXPECT_THAT(parsed("8080").protocols, ElementsAre("TCP"));
  EXPECT_THAT(parsed("8554/UDP,TCP").protocols, ElementsAre("TCP", "UDP"));
  EXPECT_THAT(parsed("65535/SCTP").protocols, ElementsAre("SCTP"));
  for (const char* wrong : {"", "0", "65536", "http", "80 ", "+80", "80/", "80/udp", "80/UDP,",
                            "80/UDP,UDP", "80/UDP/TCP", "80-90", "8080.5"}) {
    const absl::Status status = ParsePort(wrong).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr("must be a port from 1 to 65535"))
        << wrong;
  }
}

TEST(RenderPod, PortsOfTwoProtocolsHaveOneName) {
  const Json ports = PodSpec({{"ports", {{"rtsp", "8554/TCP,UDP"}}}})["containers"][0]["ports"];
  EXPECT_EQ(
      ports,
      Json::parse(
          R"([{"name": "rtsp", "containerPort": 8554, "protocol": "TCP"}, {"containerPort": 8554, "protocol": "UDP"}])"));
}

TEST(RenderPod, ProbesInSeconds) {
  const Json container = PodSpec(
      {{"ports", {{"http", "8080"}}},
       {"probes",
        {{"liveness", {{"http_get", "/up"}, {"initial_delay", "2m"}, {"timeout", "1500ms"}}},
         {"readiness", {{"grpc", ""}}},
         {"startup", {{"grpc", "shop.Web"}, {"request", {{"port", "9090"}}}}}}}})["containers"][0];
  EXPECT_EQ(
      container["livenessProbe"],
      Json::parse(
          R"({"httpGet": {"path": "/up", "port": "http"}, "initialDelaySeconds": 120, "timeoutSeconds": 2})"));
  EXPECT_EQ(container["readinessProbe"], Json::parse(R"({"grpc": {"port": 8080}})"));
  EXPECT_EQ(container["startupProbe"],
            Json::parse(R"({"grpc": {"port": 9090, "service": "shop.Web"}})"));
}

TEST(RenderPod, RequestsGoToThePortHttpOrToTheOnlyOne) {
  const auto port = [](Json ports, Json probe) {
    return PodSpec(
        {{"ports", std::move(ports)},
         {"probes",
          {{"liveness", std::move(probe)}}}})["containers"][0]["livenessProbe"]["httpGet"]["port"];
  };
  EXPECT_EQ(port({{"web", "80"}}, {{"http_get", "/"}}), "web");
  EXPECT_EQ(port({{"admin", "90"}, {"http", "80"}}, {{"http_get", "/"}}), "http");
  EXPECT_EQ(port({{"admin", "90"}, {"http", "80"}},
                 {{"http_get", "/"}, {"request", {{"port", "admin"}}}}),
            "admin");
  EXPECT_EQ(
      port({{"admin", "90"}, {"http", "80"}}, {{"http_get", "/"}, {"request", {{"port", "8081"}}}}),
      8081);
  EXPECT_THAT(
      Messages({{"ports", {{"admin", "90"}, {"web", "80"}}},
                {"probes", {{"liveness", {{"http_get", "/"}}}}}}),
      ElementsAre(
          "probes.liveness.request.port: which port of container web? it has \"admin\", \"web\""));
}

TEST(RenderPod, HooksAreCommandsRequestsOrPauses) {
  const Json hooks =
      PodSpec({{"ports", {{"admin", "90"}, {"http", "80"}}},
               {"hooks",
                {{"post_start",
                  {{"http_get", "/warm"},
                   {"request",
                    {{"port", "admin"}, {"scheme", "HTTPS"}, {"headers", {{"X-Warm", "yes"}}}}}}},
                 {"pre_stop", {{"http_get", "/drain"}}}}}})["containers"][0]["lifecycle"];
  EXPECT_EQ(
      hooks,
      Json::parse(
          R"({"postStart": {"httpGet": {"path": "/warm", "port": "admin", "scheme": "HTTPS", "httpHeaders": [{"name": "X-Warm", "value": "yes"}]}}, "preStop": {"httpGet": {"path": "/drain", "port": "http"}}})"));
}

TEST(RenderPod, HooksGoToPortsThatExist) {
  const Json ports = {{"admin", "90"}, {"web", "80"}};
  const Json unknown = {{"http_get", "/"}, {"request", {{"port", "http"}}}};
  EXPECT_THAT(
      Messages({{"ports", ports},
                {"hooks", {{"post_start", unknown}, {"pre_stop", {{"http_get", "/"}}}}}}),
      ElementsAre("hooks.post_start.request.port: container web has no port \"http\"; it has "
                  "\"admin\", \"web\"",
                  "hooks.pre_stop.request.port: which port of container web? it has \"admin\", "
                  "\"web\""));
}

TEST(RenderPod, OnlyNativeSidecarsAmongInitContainersHaveProbes) {
  const Json probes = {{"startup", {{"tcp_socket", "5432"}}}};
  const auto init = [&](Json more) {
    Json container = {{"name", "proxy"}, {"ports", {{"sql", "5432"}}}, {"probes", probes}};
    container.update(more);
    return Json{{"init_containers", Json::array({container})}};
  };
  EXPECT_EQ(PodSpec(init({{"restart_policy", "Always"}}))["initContainers"][0]["startupProbe"],
            Json::parse(R"({"tcpSocket": {"port": 5432}})"));
  EXPECT_THAT(Messages(init({{"restart_policy", "Always"}})), IsEmpty());
  EXPECT_THAT(Messages(init(Json::object())),
              ElementsAre("init_containers[0].probes: init container proxy ends before the others "
                          "start, so Kubernetes takes no probes for it"));
}

TEST(RenderPod, WaitsByPolicyOrByItself) {
  Conventions conventions;
  conventions.wait_for_annotation = "dependency.example/wait-for";
  // One element in braces would be a text, not a list.
  const Json config = {{"wait_for", Json::array({"postgresql.dbaas:5432"})}};
  const Json itself = PodSpec(config);
  EXPECT_EQ(itself["initContainers"][0]["name"], "wait-for");
  EXPECT_THAT(itself["initContainers"][0]["command"][2].get<std::string>(),
              HasSubstr("nc -z -w 2 postgresql.dbaas 5432"));
  const absl::StatusOr<PodTemplate> policy = RenderPod(Service(config), conventions);
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE(policy->spec["spec"].contains("initContainers"));
  EXPECT_EQ(policy->spec["metadata"]["annotations"]["dependency.example/wait-for"],
            "postgresql.dbaas:5432");
}

TEST(RenderWorkload, ASingleNodeClaimMeansRecreate) {
  const Json claim = {{"claims", {{"data", {{"size", "1Gi"}}}}}};
  const Json shared = {
      {"claims", {{"data", {{"size", "1Gi"}, {"access_modes", {"ReadWriteMany"}}}}}}};
  EXPECT_EQ(Find(Render(claim), "Deployment", "web").object["spec"]["strategy"],
            Json::parse(R"({"type": "Recreate", "rollingUpdate": null})"));
  EXPECT_EQ(Find(Render(shared), "Deployment", "web").object["spec"]["strategy"],
            Json::parse(R"({"type": "RollingUpdate"})"));
}

TEST(RenderWorkload, AStatefulSetHasItsClaimsInside) {
  const std::vector<Rendered> objects =
      Render({{"kind", "statefulset"},
              {"claims", {{"data", {{"mount", "/d"}, {"size", "1Gi"}, {"per_replica", true}}}}}});
  const Json& spec = Find(objects, "StatefulSet", "web").object["spec"];
  EXPECT_EQ(spec["volumeClaimTemplates"][0]["metadata"]["name"], "data");
  EXPECT_EQ(spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"], "1Gi");
  EXPECT_FALSE(spec["template"]["spec"].contains("volumes"));
  EXPECT_EQ(spec["serviceName"], "web-headless");
}

TEST(RenderWorkload, LabelsTellTheScaler) {
  const auto labels = [](const Json& zero) {
    return Find(Render({{"scale_to_zero", zero}}), "Deployment", "web")
        .object["metadata"]["labels"];
  };
  const Json usual = labels(Json::object()), all = labels({{"group", "night"}, {"settle", "5s"}});
  EXPECT_EQ(usual["sablier.enable"], "true");
  EXPECT_EQ(usual["sablier.group"], "web");
  EXPECT_FALSE(usual.contains("sablier.ready-after"));
  EXPECT_EQ(all["sablier.group"], "night");
  EXPECT_EQ(all["sablier.ready-after"], "5s");
}

TEST(RenderWorkload, RestartsShowInThePodsOnly) {
  ServiceModel model = Service(Json::object());
  model.restart = StringMap{{"web-db", "12ab"}};
  const auto objects = RenderService(model, {});
  ASSERT_TRUE(objects.ok());
  EXPECT_EQ((*objects)[0]
                .object["spec"]["template"]["metadata"]["annotations"]["charon.internal/secrets"],
            "web-db=12ab");
}

TEST(RenderWorkload, ThePatchIsLast) {
  const std::vector<Rendered> objects =
      Render({{"extra_manifest_patch",
               "spec:\n  template:\n    spec:\n      containers:\n      - name: web\n        "
               "terminationMessagePath: /x\n"}});
  EXPECT_EQ(
      objects[0].object["spec"]["template"]["spec"]["containers"],
      Json::parse(
          R"([{"name": "web", "image": "registry.example/web:1", "terminationMessagePath": "/x"}])"));
}

TEST(RenderIdentity, NamesAccountsOfOthers) {
  const std::vector<Rendered> objects = Render(
      {{"grants",
        {{"chrome/robot",
          {{"rules",
            Json::array({{{"resources", {"pods/portforward"}}, {"verbs", {"create"}}}})}}}}}});
  const Json& binding = Find(objects, "RoleBinding", "web-chrome-robot").object;
  EXPECT_EQ(binding["metadata"]["namespace"], "shop");
  EXPECT_EQ(binding["subjects"],
            Json::parse(R"([{"kind": "ServiceAccount", "name": "robot", "namespace": "chrome"}])"));
  EXPECT_EQ(
      Find(objects, "Role", "web-chrome-robot").object["rules"],
      Json::parse(
          R"([{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create"]}])"));
}

TEST(CheckService, NamesTwiceGivenVariables) {
  EXPECT_THAT(Messages({{"env", {{"TOKEN", "x"}}}, {"env_secret", {{"TOKEN", "a/b"}}}}),
              ElementsAre("env_secret[\"TOKEN\"]: the environment variable \"TOKEN\" of container "
                          "web is given by \"env\" as well"));
  EXPECT_THAT(
      Messages({{"env", {{"TOKEN", "x"}}}, {"generated_secrets", {{"TOKEN", Json::object()}}}}),
      ElementsAre(HasSubstr("given by \"env\" as well")));
}

TEST(CheckService, FindsTwoVolumesOnOnePath) {
  EXPECT_THAT(
      Messages({{"volumes",
                 {{"a", {{"mount", "/d"}, {"empty_dir", Json::object()}}},
                  {"b", {{"mount", "/d"}, {"empty_dir", Json::object()}}}}}}),
      ElementsAre(
          "volumes[\"b\"].mount: \"/d\" of container web is the place of volume \"a\" already"));
}

TEST(CheckService, FindsProbesOfUnknownPorts) {
  EXPECT_THAT(
      Messages({{"ports", {{"http", "80"}}},
                {"probes", {{"liveness", {{"http_get", "/"}, {"request", {{"port", "htpp"}}}}}}}}),
      ElementsAre(
          "probes.liveness.request.port: container web has no port \"htpp\"; it has \"http\""));
}

TEST(CheckService, ClaimsAndVolumesShareNames) {
  EXPECT_THAT(
      Messages({{"claims", {{"data", {{"size", "1Gi"}}}}},
                {"volumes", {{"data", {{"empty_dir", Json::object()}}}}}}),
      ElementsAre(
          "volumes[\"data\"]: \"claims\" has a \"data\" already, and both are volumes of the pod"));
  EXPECT_THAT(Messages({{"claims", {{"data", {{"size", "1Gi"}}}}},
                        {"mounts", {{"/x", {{"volume", "dota"}}}}}}),
              ElementsAre("mounts[\"/x\"].volume: there is no volume \"dota\"; \"claims\" and "
                          "\"volumes\" have \"data\""));
}

TEST(CheckService, TheServiceHasPortsOfContainers) {
  const Json config = {{"ports", {{"http", "8080"}}},
                       {"sidecars", {{"log", {{"ports", {{"metrics", "9090"}}}}}}},
                       {"service",
                        {{"ports", {{"http", 8000}, {"metrics", 9000}, {"htpp", 1}}},
                         {"app_protocols", {{"grpc", "x"}}}}}};
  EXPECT_THAT(Messages(config), ElementsAre("service.ports[\"htpp\"]: no container has a port "
                                            "\"htpp\"; of the main one, it has \"http\"",
                                            "service.app_protocols[\"grpc\"]: no container has a "
                                            "port \"grpc\"; of the main one, it has \"http\""));
}

TEST(CheckService, ANumberNeedNotBeDeclaredAsPort) {
  EXPECT_THAT(Messages({{"probes", {{"liveness", {{"tcp_socket", "9999"}}}}}}), IsEmpty());
  EXPECT_THAT(Messages({{"metrics", {{"port", "9999"}}}}), IsEmpty());
}

TEST(CheckService, RefusesAClaimOfOneNodeForSeveral) {
  const Json claims = {{"data", {{"size", "1Gi"}}}};
  EXPECT_THAT(Messages({{"replicas", 3}, {"claims", claims}}),
              ElementsAre(HasSubstr("claims[\"data\"]: a ReadWriteOnce claim is only on one node "
                                    "at a time, but there are 3 replicas")));
  EXPECT_THAT(Messages({{"rollout", {{"strategy", "RollingUpdate"}}}, {"claims", claims}}),
              ElementsAre(HasSubstr("rollout: RollingUpdate starts the new pod while")));
  EXPECT_THAT(Messages({{"replicas", 1}, {"claims", claims}}), IsEmpty());
}

TEST(CheckService, PassesOverWhatIsUnknown) {
  ServiceModel model =
      Service({{"probes", {{"liveness", {{"http_get", "/"}, {"request", {{"port", "http"}}}}}}}});
  model.ports = Attr<StringMap>::Unknown();
  EXPECT_THAT(CheckService(model), IsEmpty());
}

TEST(StrategicMerge, FollowsKubectl) {
  Json base = Json::parse(
      R"({"a": {"x": 1, "y": 2}, "list": [{"name": "p", "v": 1}, {"name": "q", "v": 2}], "plain": [1, 2]})");
  StrategicMerge(
      base,
      Json::parse(
          R"({"a": {"x": null, "z": 3}, "list": [{"name": "q", "w": 5}, {"name": "p", "$patch": "delete"}, {"name": "r"}],
      "plain": [3]})"));
  EXPECT_EQ(
      base,
      Json::parse(
          R"({"a": {"y": 2, "z": 3}, "list": [{"name": "q", "v": 2, "w": 5}, {"name": "r"}], "plain": [3]})"));
}

}  // namespace
}  // namespace charon::service
