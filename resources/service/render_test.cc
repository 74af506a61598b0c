#include "resources/service/render.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "provider/value/json.h"
#include "resources/service/service_for_test.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<Rendered> Render(const Json& config, const Conventions& conventions = {}) {
  const absl::StatusOr<std::vector<Rendered>> objects =
      RenderService(SmallServiceWith(config), conventions);
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
  const absl::StatusOr<PodTemplate> pod = RenderPod(SmallServiceWith(config), conventions);
  EXPECT_TRUE(pod.ok()) << pod.status();
  return pod.ok() ? pod->spec["spec"] : Json();
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

Conventions Version(int version) {
  Conventions conventions;
  conventions.render_version = version;
  return conventions;
}

// --- Render versions (docs/design/decisions/0010-render-versions.md)

TEST(RenderVersion, TwoSaysOfPodsWhatNobodyNeeds) {
  const Json rules = Json::parse(R"([{"resources": ["pods"], "verbs": ["get"]}])");
  const Json yes = true, no = false, nothing;
  const struct {
    Json config;
    Json automount, links;            // of version 2
    Json said_automount, said_links;  // in each version
  } cases[] = {
      {Json::object(), no, no, nothing, nothing},
      {{{"identity", Json::object()}}, no, no, nothing, nothing},
      {{{"identity", {{"service_account", {{"annotations", {{"a", "b"}}}}}}}},
       no,
       no,
       nothing,
       nothing},
      {{{"identity", {{"rules", rules}}}}, nothing, no, nothing, nothing},
      {{{"identity", {{"cluster_rules", rules}}}}, nothing, no, nothing, nothing},
      {{{"identity", {{"namespace_rules", {{"other", {{"rules", rules}}}}}}}},
       nothing,
       no,
       nothing,
       nothing},
      {{{"identity", {{"service_account", {{"name", "default"}}}}}}, nothing, no, nothing, nothing},
      {{{"identity", {{"service_account", {{"automount", true}}}}}}, yes, no, yes, nothing},
      {{{"identity", {{"rules", rules}, {"service_account", {{"automount", false}}}}}},
       no,
       no,
       no,
       nothing},
      {{{"pod", {{"enable_service_links", true}}}}, no, yes, nothing, yes},
      {{{"pod", {{"enable_service_links", false}}}}, no, no, nothing, no},
      {{{"extra_manifest_patch", R"(spec: {template: {spec: {serviceAccountName: robot}}})"}},
       nothing,
       no,
       nothing,
       nothing},
      {{{"extra_manifest_patch",
         R"({"spec": {"template": {"spec": {"automountServiceAccountToken": null, "enableServiceLinks": null}}}})"}},
       nothing,
       nothing,
       nothing,
       nothing},
  };
  for (const auto& one : cases) {
    const std::vector<Rendered> first = Render(one.config), second = Render(one.config, Version(2));
    ASSERT_EQ(first.size(), second.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
      Json wanted = first[i].object;
      if (first[i].stage == Stage::kWorkload) {
        Json& pod = wanted["spec"]["template"]["spec"];
        EXPECT_EQ(pod.value("automountServiceAccountToken", Json()), one.said_automount)
            << one.config;
        EXPECT_EQ(pod.value("enableServiceLinks", Json()), one.said_links) << one.config;
        if (!one.automount.is_null()) pod["automountServiceAccountToken"] = one.automount;
        if (!one.links.is_null()) pod["enableServiceLinks"] = one.links;
      }
      EXPECT_EQ(second[i].object, wanted) << one.config;  // and nothing else differs
    }
    EXPECT_EQ(MayMissItsToken(SmallServiceWith(one.config), Version(1)), std::nullopt);
    const bool own_without_rules =
        one.automount == no && one.said_automount.is_null() && one.config.contains("identity");
    EXPECT_EQ(MayMissItsToken(SmallServiceWith(one.config), Version(2)).has_value(),
              own_without_rules)
        << one.config;
  }
}

TEST(RenderVersion, TwoHoldsForThePodsOfBackups) {
  Json config = Json::parse(
      R"({"backups": {"nightly": {"schedule": "0 3 * * *", "command": ["dump"], "to": "backup"}},
      "identity": {"rules": [{"resources": ["pods"], "verbs": ["get"]}]}})");
  const auto pod = [&config](int version) {
    const std::vector<Rendered> objects = Render(config, Version(version));
    return Find(objects, "CronJob", "web-nightly")
        .object["spec"]["jobTemplate"]["spec"]["template"]["spec"];
  };
  const Json before = pod(1);
  Json wanted = before;
  wanted.update({{"automountServiceAccountToken", false}, {"enableServiceLinks", false}});
  EXPECT_EQ(pod(2), wanted);
  config["identity"]["service_account"]["automount"] = true;
  EXPECT_EQ(pod(1), before);
  wanted.erase("automountServiceAccountToken");
  EXPECT_EQ(pod(2), wanted);
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
      RenderPod(SmallServiceWith({{"gpu", {{"memory_mib", 1}}}}), {});
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
          SmallServiceWith(
              {{"sidecars", {{"log", {{"image", "l:1"}, {"resources", {{"size", "huge"}}}}}}}}),
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

TEST(RenderPod, NoTimeAtAllIsSaidWhereItDiffersFromNothing) {
  const Json spec =
      PodSpec({{"ports", {{"http", "8080"}}},
               {"probes", {{"liveness", {{"http_get", "/up"}, {"initial_delay", "0s"}}}}},
               {"pod", {{"termination_grace_period", "0s"}}},
               {"scheduling", {{"tolerations", {{{"toleration_period", "0s"}}}}}}});
  EXPECT_FALSE(spec["containers"][0]["livenessProbe"].contains("initialDelaySeconds"));
  EXPECT_EQ(spec["terminationGracePeriodSeconds"], 0);
  EXPECT_EQ(spec["tolerations"][0]["tolerationSeconds"], 0);
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
      MessagesOn({{"ports", {{"admin", "90"}, {"web", "80"}}},
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
      MessagesOn({{"ports", ports},
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
  EXPECT_THAT(MessagesOn(init({{"restart_policy", "Always"}})), IsEmpty());
  EXPECT_THAT(MessagesOn(init(Json::object())),
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
  EXPECT_THAT(
      PodSpec({{"wait_for", Json::array({"[fd00::1]:80"})}})["initContainers"][0]["command"][2]
          .get<std::string>(),
      HasSubstr("nc -z -w 2 fd00::1 80;"));
  const absl::StatusOr<PodTemplate> policy = RenderPod(SmallServiceWith(config), conventions);
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE(policy->spec["spec"].contains("initContainers"));
  EXPECT_EQ(policy->spec["metadata"]["annotations"]["dependency.example/wait-for"],
            "postgresql.dbaas:5432");
}

TEST(CountOrPercent, IsOfTheSizeThatKubernetesTakes) {
  const auto valid = [](const char* text) {
    const Json config = {{"namespace", "shop"}, {"image", "x"}, {"rollout", {{"max_surge", text}}}};
    const auto value = DecodeJson(config.dump(), ServiceModel::Describe().schema().type());
    std::vector<absl::Status> warnings;
    return value.ok() &&
           ValidateObject(ServiceModel::Describe().schema(), *value, true, &warnings).empty();
  };
  for (const char* right : {"0", "1", "25%", "200%", "2147483647"}) EXPECT_TRUE(valid(right));
  for (const char* wrong :
       {"", "%", "-1", "1.5", "99999999999999999999", "2147483648", "99999999999999999999%", " 1"})
    EXPECT_FALSE(valid(wrong)) << wrong;
}

TEST(ServiceTable, WhatKubernetesNeverTakesIsRefusedAtItsAttribute) {
  const auto wrong = [](const char* more) {
    Json config = {{"namespace", "shop"}, {"image", "x"}};
    config.update(Json::parse(more));
    const auto value = DecodeJson(config.dump(), ServiceModel::Describe().schema().type());
    EXPECT_TRUE(value.ok()) << more << value.status();
    std::vector<absl::Status> warnings;
    std::vector<std::string> messages;
    for (const absl::Status& status :
         ValidateObject(ServiceModel::Describe().schema(), *value, true, &warnings))
      messages.push_back(absl::StrCat(PathOf(status)->ToString(), ": ", status.message()));
    return messages;
  };
  constexpr char kBackup[] =
      R"({"backups": {"n": {"schedule": "%s", "command": ["a"], "to": "nas"}}})";
  for (const char* schedule :
       {"0 3 * * *", "*/5 0-6 1,15 JAN MON", "@daily", "@every 1h", " 0  3 * * 7 "})
    EXPECT_THAT(wrong(absl::StrReplaceAll(kBackup, {{"%s", schedule}}).c_str()), IsEmpty());
  for (const char* schedule : {"daily", "0 3 * *", "0 0 3 * * *", "", "TZ=UTC 0 3 * * *"})
    EXPECT_THAT(wrong(absl::StrReplaceAll(kBackup, {{"%s", schedule}}).c_str()),
                ElementsAre(HasSubstr("backups[\"n\"].schedule: ")))
        << schedule;
  for (
      const char* right :
      {R"({"env_from": {"fields": {"A": "status.podIP", "B": "limits.memory",
                                    "C": "metadata.labels['app.kubernetes.io/name']"}}})",
       R"({"env": {"a.b-c": "1", "1": "2"}, "env_secret": {"A": "db/password", "B": "db/tls.key?"}})",
       R"({"probes": {"liveness": {"tcp_socket": "80"}}, "metrics": {"port": "http"}})",
       R"({"resources": {"limits": {"cpu": "0"}}, "pod": {"host_aliases": {"fd00::1": ["nas"]}}})",
       R"({"identity": {"rules": [{"api_groups": [""], "resources": ["pods"], "verbs": ["*"]}]}})"})
    EXPECT_THAT(wrong(right), IsEmpty()) << right;
  const std::pair<const char*, const char*> bad[] = {
      {R"({"identity": {"namespace_rules": {"": {"rules": [{"resources": ["pods"], "verbs": ["get"]}]}}}})",
       "identity.namespace_rules[\"\"]: "},
      {R"({"identity": {"rules": [{"resources": [], "verbs": ["get"]}]}})",
       "identity.rules[0].resources: is empty"},
      {R"({"identity": {"rules": [{"resources": ["pods"], "verbs": []}]}})",
       "identity.rules[0].verbs: is empty"},
      {R"({"network_policy": {"from_cidrs": ["10.0.0.0"]}})", "write \"10.0.0.0/32\""},
      {R"({"network_policy": {"to_cidrs": ["local"]}})", "network_policy.to_cidrs: "},
      {R"({"env_from": {"fields": {"A": "status.podIp"}}})", "env_from.fields[\"A\"]: "},
      {R"({"env": {"A=B": "x"}})", "env[\"A=B\"]: "},
      {R"({"env_secret": {"A": "db"}})", "must be \"secret/key\""},
      {R"({"generated_secrets": {"SESSION KEY": {}}})", "generated_secrets[\"SESSION KEY\"]: "},
      {R"({"env_wo": {"BAD!": "x"}, "env_wo_version": "1"})", "env_wo[\"BAD!\"]: "},
      {R"({"resources": {"requests": {"cpu": "-1"}}})", "resources.requests[\"cpu\"]: "},
      {R"({"metrics": {"port": "90900"}})", "metrics.port: "},
      {R"({"probes": {"liveness": {"tcp_socket": "80800"}}})", "probes.liveness.tcp_socket: "},
      {R"({"probes": {"liveness": {"http_get": "/", "request": {"port": "0"}}}})",
       "probes.liveness.request.port: "},
      {R"({"pod": {"dns": {"nameservers": ["dns.example.org"]}}})", "pod.dns.nameservers[0]: "},
      {R"({"pod": {"host_aliases": {"nas": ["10.0.0.2"]}}})", "pod.host_aliases[\"nas\"]: "},
      {R"({"expose": {"web": {"allow": []}}})", "expose[\"web\"].allow: is empty"},
      {R"({"expose": {"web": {"groups": []}}})", "expose[\"web\"].groups: is empty"},
  };
  for (const auto& [json, message] : bad)
    EXPECT_THAT(wrong(json), ElementsAre(HasSubstr(message))) << json;
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

TEST(RenderPod, AnyContainerMountsTheServicesFiles) {
  const Json config = {
      {"files", {{"/etc/a.conf", {{"content", "a"}}}}},
      {"config_dirs", {{"/scripts", {{"files", {{"run.sh", "exit"}}}}}}},
      {"init_containers", {{{"name", "first"}, {"mounts", {{"/s", {{"volume", "/scripts"}}}}}}}},
      {"sidecars",
       {{"side",
         {{"mounts",
           {{"/b.conf", {{"volume", "/etc/a.conf"}}},
            {"/run.sh",
             {{"volume", "/scripts"}, {"sub_path", "run.sh"}, {"read_only", false}}}}}}}}}};
  const std::vector<Rendered> objects = Render(config);
  const Json& pod = Find(objects, "Deployment", "web").object["spec"]["template"]["spec"];
  EXPECT_EQ(pod["initContainers"][0]["volumeMounts"], Json::parse(R"([
      {"mountPath": "/s", "name": "config-scripts", "readOnly": true}])"));
  EXPECT_EQ(pod["containers"][1]["volumeMounts"], Json::parse(R"([
      {"mountPath": "/b.conf", "name": "files", "subPath": "etc_a.conf", "readOnly": true},
      {"mountPath": "/run.sh", "name": "config-scripts", "subPath": "run.sh", "readOnly": false}])"));
}

TEST(RenderBackups, FindTheServicesFiles) {
  const Json config = {
      {"config_dirs", {{"/scripts", {{"files", {{"dump.sh", "exit"}}}}}}},
      {"backups",
       {{"dump",
         {{"schedule", "@daily"}, {"command", {"sh", "/scripts/dump.sh"}}, {"to", "nas"}}}}}};
  const std::vector<Rendered> objects = Render(config);
  const Json& pod =
      Find(objects, "CronJob", "web-dump").object["spec"]["jobTemplate"]["spec"]["template"];
  EXPECT_EQ(pod["spec"]["containers"][0]["volumeMounts"], Json::parse(R"([
      {"mountPath": "/backup", "name": "backup-target"},
      {"mountPath": "/scripts", "name": "config-scripts", "readOnly": true}])"));
  EXPECT_FALSE(pod["metadata"].contains("annotations")) << "a new script changes no CronJob";
}

TEST(RenderWorkload, AStatefulSetHasItsClaimsInside) {
  const std::vector<Rendered> objects = Render(
      {{"kind", "statefulset"},
       {"claims",
        {{"data", {{"mount", "/d"}, {"size", "1Gi"}, {"per_replica", true}, {"autoresize", "5Gi"}}},
         {"more", {{"mount", "/m"}, {"size", "1Gi"}, {"per_replica", true}}}}}});
  const Json& spec = Find(objects, "StatefulSet", "web").object["spec"];
  EXPECT_EQ(spec["volumeClaimTemplates"][0]["metadata"],
            Json::parse(R"({"name": "data", "annotations": {"resize.topolvm.io/increase": "100%",
      "resize.topolvm.io/storage_limit": "5Gi", "resize.topolvm.io/threshold": "10%"}})"));
  EXPECT_EQ(spec["volumeClaimTemplates"][1]["metadata"], Json::parse(R"({"name": "more"})"));
  EXPECT_EQ(spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"], "1Gi");
  EXPECT_FALSE(spec["template"]["spec"].contains("volumes"));
  EXPECT_EQ(spec["serviceName"], "web-headless");
}

// --- Backups

Json BackupPod(Json service, const Json& backup = Json::object()) {
  const Json base = {{"schedule", "0 1 * * *"}, {"command", {"save"}}, {"to", "nas"}};
  service["backups"]["nightly"] = base;
  service["backups"]["nightly"].update(backup);
  return Find(Render(service), "CronJob", "web-nightly")
      .object["spec"]["jobTemplate"]["spec"]["template"]["spec"];
}

TEST(RenderBackups, FindWhatTheServiceHas) {
  const Json spec = BackupPod({{"claims", {{"data", {{"size", "1Gi"}}}}},
                               {"mounts", {{"/data", {{"volume", "data"}}}}},
                               {"security_context", {{"run_as_user", 999}}},
                               {"gpu", Json::object()},
                               {"generated_secrets", {{"PW", Json::object()}}}},
                              {{"env_secret", {{"PASSWORD", "generated/PW"}}}});
  const Json& container = spec["containers"][0];
  EXPECT_EQ(container["env"], Json::parse(R"([{"name": "PASSWORD", "valueFrom":
                                 {"secretKeyRef": {"name": "web-generated", "key": "PW"}}}])"));
  EXPECT_EQ(container["volumeMounts"],
            Json::parse(R"([{"mountPath": "/backup", "name": "backup-target"},
                                         {"mountPath": "/data", "name": "data"}])"));
  EXPECT_EQ(container["securityContext"]["runAsUser"], 999);
  EXPECT_EQ(spec["tolerations"][0]["key"], "nvidia.com/gpu");
  EXPECT_FALSE(container.contains("resources")) << "the GPU itself is the service's";
}

TEST(RenderBackups, WriteToAClaimOfTheServiceByItsKey) {
  const auto target = [](const Json& claims) {
    const Json spec = BackupPod({{"kind", "statefulset"}, {"claims", claims}});
    for (const Json& volume : spec["volumes"]) {
      if (volume["name"] == "backup-target") return volume["persistentVolumeClaim"]["claimName"];
    }
    return Json();
  };
  EXPECT_EQ(target({{"nas", {{"size", "1Gi"}}}}), "web-nas");
  EXPECT_EQ(target({{"nas", {{"size", "1Gi"}, {"per_replica", true}}}}), "nas-web-0");
  EXPECT_EQ(target({{"data", {{"size", "1Gi"}}}}), "nas") << "somebody else's claim";
}

TEST(RenderBackups, RunAsAnotherImageWantsIt) {
  const Json spec =
      BackupPod({{"security_context", {{"run_as_user", 999}}}}, {{"image", "postgres:16"}});
  EXPECT_FALSE(spec["containers"][0].contains("securityContext"));
}

TEST(RenderBackups, RunBesideThePodsOrWhereThereAreNone) {
  constexpr char kHard[] = "requiredDuringSchedulingIgnoredDuringExecution";
  EXPECT_TRUE(BackupPod(Json::object())["affinity"]["podAffinity"].contains(kHard));
  EXPECT_FALSE(BackupPod({{"replicas", 0}})["affinity"]["podAffinity"].contains(kHard));
  EXPECT_FALSE(
      BackupPod({{"scale_to_zero", Json::object()}})["affinity"]["podAffinity"].contains(kHard));
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
  ServiceModel model = SmallServiceWith(Json::object());
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

// One node may be all there is; that several pods of it share a claim is no error then.
TEST(RenderService, ObjectsHaveNamesOfTheirOwn) {
  const auto error = [](const Json& config) {
    const absl::Status status = RenderService(SmallServiceWith(config), {}).status();
    return PathOf(status).value_or(Path()).ToString() + ": " + std::string(status.message());
  };
  const Json file = {{"files", {{"a", "1"}}}};
  EXPECT_EQ(error({{"config_dirs", {{"/etc/a-b", file}, {"/etc/a/b", file}}}}),
            "config_dirs[\"/etc/a/b\"]: would make the ConfigMap \"web-etc-a-b\", which "
            "config_dirs[\"/etc/a-b\"] makes already");
  EXPECT_EQ(error({{"config_dirs", {{"/files", file}}}, {"files", {{"/a", {{"content", "1"}}}}}}),
            "config_dirs[\"/files\"]: would make the ConfigMap \"web-files\", which files makes "
            "already");
}

TEST(RenderService, PatchesLeaveTheIdentityAlone) {
  const auto error = [](const char* patch) {
    const absl::Status status =
        RenderService(SmallServiceWith({{"extra_manifest_patch", patch}}), {}).status();
    return PathOf(status).value_or(Path()).ToString() + ": " + std::string(status.message());
  };
  EXPECT_EQ(error("metadata: {name: other}"),
            "extra_manifest_patch: metadata.name is not a patch's to change");
  EXPECT_EQ(error("metadata: {namespace: other}"),
            "extra_manifest_patch: metadata.namespace is not a patch's to change");
  EXPECT_EQ(error("kind: StatefulSet"),
            "extra_manifest_patch: the service has no StatefulSet to patch; it has Deployment/web");
  EXPECT_EQ(error("apiVersion: apps/v2"),
            "extra_manifest_patch: apiVersion is not a patch's to change");
  EXPECT_EQ(error("spec: {selector: {matchLabels: {app: x}}}"),
            "extra_manifest_patch: spec.selector is not a patch's to change");
  EXPECT_EQ(error("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}"), ": ");
  EXPECT_EQ(error("[1]"), "extra_manifest_patch: must be a map of fields");
  EXPECT_EQ(error("spec: {template: {spec: {containers: [{image: x}]}}}"),
            "extra_manifest_patch: spec.template.spec.containers: an item has no \"name\", by "
            "which the items of this list are told apart");
}

}  // namespace
}  // namespace charon::service
