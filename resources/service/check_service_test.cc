#include "resources/service/check_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/status.h"
#include "resources/service/render.h"
#include "resources/service/service_for_test.h"

namespace charon::service {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(CheckService, TextsThatStandForSomethingElse) {
  const auto bytes = [](const char* text) {
    return MessagesOn({{"files", {{"/etc/a", {{"content_base64", text}}}}}});
  };
  for (const char* good : {"", "YQ==", "YWI=", "YWJj", "YWJj\nYWJj\n", "+/+/"})
    EXPECT_THAT(bytes(good), IsEmpty()) << good;
  for (const char* bad : {"YQ", "YQ=", "Y===", "YWJj YWJj", "YW-_", "=YWJ"})
    EXPECT_THAT(bytes(bad), ElementsAre("files[\"/etc/a\"].content_base64: is no base64")) << bad;
  const auto patch = [](const char* text) { return MessagesOn({{"extra_manifest_patch", text}}); };
  EXPECT_THAT(patch("spec: {replicas: 1}"), IsEmpty());
  EXPECT_THAT(patch(R"({"spec": {}})"), IsEmpty());
  for (const char* bad : {"[1]", "text", ""}) EXPECT_THAT(patch(bad), ::testing::SizeIs(1)) << bad;
}

TEST(CheckService, ABackupWritesToAClaim) {
  const auto to = [](const char* target) {
    return MessagesOn(
        {{"claims", {{"data", {{"mount", "/d"}, {"size", "1Gi"}}}}},
         {"volumes",
          {{"tmp", {{"empty_dir", Json::object()}}},
           {"old", {{"existing_claim", "old"}}},
           {"other", {{"existing_claim", "elsewhere"}}}}},
         {"backups", {{"b", {{"schedule", "@daily"}, {"command", {"save"}}, {"to", target}}}}}});
  };
  for (const char* good : {"data", "old", "elsewhere", "of-somebody"})
    EXPECT_THAT(to(good), IsEmpty()) << good;
  EXPECT_THAT(to("tmp"), ElementsAre(HasSubstr("backups[\"b\"].to: \"tmp\" is a key of")));
  EXPECT_THAT(to("other"), ElementsAre(HasSubstr("\"other\" is a key of")));
}

TEST(CheckService, NamesTwiceGivenVariables) {
  EXPECT_THAT(MessagesOn({{"env", {{"TOKEN", "x"}}}, {"env_secret", {{"TOKEN", "a/b"}}}}),
              ElementsAre("env_secret[\"TOKEN\"]: the environment variable \"TOKEN\" of container "
                          "web is given by \"env\" as well"));
  EXPECT_THAT(
      MessagesOn({{"env", {{"TOKEN", "x"}}}, {"generated_secrets", {{"TOKEN", Json::object()}}}}),
      ElementsAre(HasSubstr("given by \"env\" as well")));
}

TEST(CheckService, NamesKeysThatTwoSecretsHave) {
  Json values = {{"a", {{"values", {{"TOKEN", "x#y"}, {"ONE", "x#z"}}}}},
                 {"b", {{"values", {{"TOKEN", "v#w"}, {"TWO", "v#u"}}}}}};
  EXPECT_THAT(
      MessagesOn({{"secrets", values}, {"env_from", {{"secrets", {"a", "other", "b"}}}}}),
      ElementsAre("env_from.secrets[2]: the environment variable \"TOKEN\" of container web "
                  "is in the Secrets \"a\" and \"b\""));
  EXPECT_THAT(MessagesOn({{"secrets", values}, {"env_from", {{"secrets", {"a"}}}}}), IsEmpty());
  values["b"]["render"] = {{"URL", "{{ .TOKEN }}"}};
  EXPECT_THAT(MessagesOn({{"secrets", values}, {"env_from", {{"secrets", {"a", "b"}}}}}),
              IsEmpty());
}

TEST(CheckService, FindsTwoVolumesOnOnePath) {
  EXPECT_THAT(
      MessagesOn({{"volumes",
                   {{"a", {{"mount", "/d"}, {"empty_dir", Json::object()}}},
                    {"b", {{"mount", "/d"}, {"empty_dir", Json::object()}}}}}}),
      ElementsAre(
          "volumes[\"b\"].mount: \"/d\" of container web is the place of volume \"a\" already"));
}

TEST(CheckService, FindsProbesOfUnknownPorts) {
  EXPECT_THAT(
      MessagesOn(
          {{"ports", {{"http", "80"}}},
           {"probes", {{"liveness", {{"http_get", "/"}, {"request", {{"port", "htpp"}}}}}}}}),
      ElementsAre(
          "probes.liveness.request.port: container web has no port \"htpp\"; it has \"http\""));
}

TEST(CheckService, ClaimsAndVolumesShareNames) {
  EXPECT_THAT(
      MessagesOn({{"claims", {{"data", {{"size", "1Gi"}}}}},
                  {"volumes", {{"data", {{"empty_dir", Json::object()}}}}}}),
      ElementsAre(
          "volumes[\"data\"]: \"claims\" has a \"data\" already, and both are volumes of the pod"));
  EXPECT_THAT(MessagesOn({{"claims", {{"data", {{"size", "1Gi"}}}}},
                          {"mounts", {{"/x", {{"volume", "dota"}}}}}}),
              ElementsAre("mounts[\"/x\"].volume: there is no volume \"dota\"; \"claims\" and "
                          "\"volumes\" have \"data\""));
}

TEST(CheckService, MountsOfFilesNameWhatThereIs) {
  Json config = {{"files", {{"/etc/a.conf", {{"content", "a"}}}}},
                 {"mounts",
                  {{"/x", {{"volume", "/etc/b.conf"}}},
                   {"/y", {{"volume", "/etc/a.conf"}, {"sub_path", "z"}}}}}};
  EXPECT_THAT(MessagesOn(config),
              ElementsAre("mounts[\"/x\"].volume: \"files\" and \"config_dirs\" have no "
                          "\"/etc/b.conf\"",
                          "mounts[\"/y\"].sub_path: \"/etc/a.conf\" is a file, which has no paths "
                          "inside"));
}

TEST(CheckService, MountsOfUnknownVolumesNameWhatThereIs) {
  const Json config = {{"files", {{"/etc/a.conf", {{"content", "a"}}}}},
                       {"config_dirs", {{"/etc/b", {{"files", {{"c", "d"}}}}}}},
                       {"mounts", {{"/x", {{"volume", "data"}}}}}};
  EXPECT_THAT(MessagesOn(config),
              ElementsAre("mounts[\"/x\"].volume: there is no volume \"data\"; \"claims\" and "
                          "\"volumes\" have none, \"files\" and \"config_dirs\" \"/etc/a.conf\", "
                          "\"/etc/b\""));
}

TEST(CheckService, NamesContainersAlsoBeforeTheyHaveNames) {
  ServiceModel model = SmallServiceWith(
      {{"ports", {{"http", "8080"}}}, {"probes", {{"liveness", {{"tcp_socket", "nope"}}}}}});
  model.name_space = Attr<std::string>::Unknown();
  model.name = {};
  const std::vector<absl::Status> found = CheckService(model);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message(), "the main container has no port \"nope\"; it has \"http\"");
}

TEST(CheckService, TheServiceHasPortsOfContainers) {
  const Json config = {{"ports", {{"http", "8080"}}},
                       {"sidecars", {{"log", {{"ports", {{"metrics", "9090"}}}}}}},
                       {"service",
                        {{"ports", {{"http", 8000}, {"metrics", 9000}, {"htpp", 1}}},
                         {"app_protocols", {{"grpc", "x"}}}}}};
  EXPECT_THAT(MessagesOn(config), ElementsAre("service.ports[\"htpp\"]: no container has a port "
                                              "\"htpp\"; of the main one, it has \"http\"",
                                              "service.app_protocols[\"grpc\"]: no container has a "
                                              "port \"grpc\"; of the main one, it has \"http\""));
}

TEST(CheckService, ANumberNeedNotBeDeclaredAsPort) {
  EXPECT_THAT(MessagesOn({{"probes", {{"liveness", {{"tcp_socket", "9999"}}}}}}), IsEmpty());
  EXPECT_THAT(MessagesOn({{"metrics", {{"port", "9999"}}}}), IsEmpty());
}

TEST(CheckService, MetricsMayBeThoseOfASidecar) {
  Json config = {{"ports", {{"http", "8080"}}},
                 {"sidecars", {{"exporter", {{"ports", {{"metrics", "9100"}}}}}}},
                 {"metrics", {{"port", "metrics"}}}};
  EXPECT_THAT(MessagesOn(config), IsEmpty());
  config.erase("sidecars");
  EXPECT_THAT(MessagesOn(config),
              ElementsAre("metrics.port: container web has no port \"metrics\"; it has \"http\""));
}

TEST(CheckService, RefusesRollingUpdatesOfAClaimOfOneNode) {
  const Json claims = {{"data", {{"size", "1Gi"}}}};
  const Json rolling = {{"strategy", "RollingUpdate"}};
  EXPECT_THAT(MessagesOn({{"replicas", 3}, {"rollout", rolling}, {"claims", claims}}),
              ElementsAre(HasSubstr("claims[\"data\"]: a ReadWriteOnce claim is only on one node "
                                    "at a time, but there are 3 replicas, which RollingUpdate "
                                    "starts wherever there is room")));
  EXPECT_THAT(MessagesOn({{"rollout", rolling}, {"claims", claims}}),
              ElementsAre(HasSubstr("rollout: RollingUpdate starts the new pod while")));
  for (const char* none : {"0", "0%"}) {
    Json ends_first = rolling;
    ends_first.update({{"max_surge", none}, {"max_unavailable", "1"}});
    EXPECT_THAT(MessagesOn({{"rollout", ends_first}, {"claims", claims}}), IsEmpty()) << none;
  }
  EXPECT_THAT(MessagesOn({{"kind", "statefulset"}, {"replicas", 2}, {"claims", claims}}),
              ElementsAre(HasSubstr("but there are 2 replicas")));
  EXPECT_THAT(MessagesOn({{"kind", "daemonset"}, {"claims", claims}}),
              ElementsAre(EndsWith("but a DaemonSet runs on every node")));
  EXPECT_THAT(MessagesOn({{"replicas", 1}, {"claims", claims}}), IsEmpty());
}

TEST(CheckService, TakesAClaimOfOneNodeForSeveralPodsOfIt) {
  const Json claims = {{"data", {{"size", "1Gi"}}}};
  const Json here = {{"node_selector", {{"kubernetes.io/hostname", "home"}}}};
  const Json rolling = {{"strategy", "RollingUpdate"}};
  const auto warning = [](const Json& config) {
    const auto found = MayNotFitOnTwoNodes(SmallServiceWith(config));
    return found ? std::string(found->message()) : "";
  };
  const Json recreated = {{"replicas", 2}, {"claims", claims}};
  EXPECT_THAT(MessagesOn(recreated), IsEmpty());
  EXPECT_THAT(warning(recreated), HasSubstr("but there are 2 replicas: those that the scheduler "
                                            "puts on another node will not start"));
  EXPECT_EQ(warning({{"claims", claims}}), "");
  for (Json config : {recreated, Json{{"kind", "statefulset"}, {"replicas", 2}, {"claims", claims}},
                      Json{{"rollout", rolling}, {"replicas", 2}, {"claims", claims}}}) {
    config["scheduling"] = here;
    EXPECT_THAT(MessagesOn(config), IsEmpty()) << config;
    EXPECT_EQ(warning(config), "") << config;
  }
  EXPECT_EQ(warning({{"replicas", 2},
                     {"claims", claims},
                     {"scheduling", {{"require_nodes", {{"kubernetes.io/hostname", "a"}}}}}}),
            "");
  EXPECT_NE(warning({{"replicas", 2},
                     {"claims", claims},
                     {"scheduling", {{"require_nodes", {{"kubernetes.io/hostname", "a|b"}}}}}}),
            "");
}

TEST(CheckService, RefusesAClaimOfOnePodForSeveral) {
  const Json claims = {{"data", {{"size", "1Gi"}, {"access_modes", {"ReadWriteOncePod"}}}}};
  const Json here = {{"node_selector", {{"kubernetes.io/hostname", "home"}}}};
  EXPECT_THAT(MessagesOn({{"replicas", 2}, {"claims", claims}, {"scheduling", here}}),
              ElementsAre(HasSubstr("a ReadWriteOncePod claim is only in one pod at a time, but "
                                    "there are 2 replicas")));
  EXPECT_THAT(
      MessagesOn(
          {{"rollout", {{"strategy", "RollingUpdate"}}}, {"claims", claims}, {"scheduling", here}}),
      ElementsAre(HasSubstr("holds the ReadWriteOncePod claim")));
}

TEST(CheckService, APlaceIsOneHoweverItIsWritten) {
  EXPECT_THAT(MessagesOn({{"volumes",
                           {{"a", {{"mount", "/d"}, {"empty_dir", Json::object()}}},
                            {"b", {{"mount", "/d/"}, {"empty_dir", Json::object()}}},
                            {"c", {{"mount", "//d/."}, {"empty_dir", Json::object()}}}}}}),
              ElementsAre("volumes[\"b\"].mount: \"/d/\" of container web is the place of volume "
                          "\"a\" already",
                          "volumes[\"c\"].mount: \"//d/.\" of container web is the place of volume "
                          "\"a\" already"));
}

TEST(CheckService, RolloutsAreOfTheirKind) {
  const auto of = [](const char* kind, Json rollout) {
    return MessagesOn({{"kind", kind}, {"rollout", std::move(rollout)}});
  };
  EXPECT_THAT(of("statefulset", {{"strategy", "Recreate"}}),
              ElementsAre("rollout.strategy: a StatefulSet has no strategy Recreate, only "
                          "RollingUpdate and OnDelete"));
  EXPECT_THAT(of("daemonset", {{"strategy", "Recreate"}}),
              ElementsAre(HasSubstr("a DaemonSet has no strategy Recreate")));
  EXPECT_THAT(of("deployment", {{"strategy", "OnDelete"}}),
              ElementsAre("rollout.strategy: a Deployment has no strategy OnDelete, only "
                          "RollingUpdate and Recreate"));
  EXPECT_THAT(of("deployment", {{"partition", 1}}),
              ElementsAre("rollout.partition: a Deployment has no such setting, only StatefulSet "
                          "have"));
  EXPECT_THAT(of("daemonset", {{"partition", 1}, {"pod_management_policy", "Parallel"}}),
              UnorderedElementsAre(HasSubstr("rollout.partition: a DaemonSet has no"),
                                   HasSubstr("rollout.pod_management_policy: a DaemonSet has no")));
  EXPECT_THAT(of("statefulset", {{"max_surge", "1"}, {"progress_deadline", "1m"}}),
              UnorderedElementsAre(
                  "rollout.max_surge: a StatefulSet has no such setting, only DaemonSet and "
                  "Deployment have",
                  HasSubstr("rollout.progress_deadline: a StatefulSet has no such setting")));
  EXPECT_THAT(of("deployment", {{"strategy", "Recreate"}, {"max_surge", "1"}}),
              ElementsAre("rollout.max_surge: has no effect beside strategy Recreate"));
  EXPECT_THAT(
      of("deployment", {{"max_surge", "1"}, {"max_unavailable", "0"}, {"progress_deadline", "1m"}}),
      IsEmpty());
  EXPECT_THAT(of("statefulset",
                 {{"strategy", "RollingUpdate"}, {"partition", 1}, {"max_unavailable", "1"}}),
              IsEmpty());
  EXPECT_THAT(of("daemonset", {{"strategy", "OnDelete"}, {"min_ready", "1s"}}), IsEmpty());
  EXPECT_THAT(of("daemonset", {{"max_surge", "10%"}}), IsEmpty());
}

TEST(CheckService, ADaemonSetHasNoNumberOfReplicas) {
  EXPECT_THAT(MessagesOn({{"kind", "daemonset"},
                          {"replicas", 2},
                          {"replicas_owner", "external"},
                          {"scale_to_zero", Json::object()}}),
              ElementsAre(HasSubstr("replicas: a DaemonSet has a pod on every node"),
                          HasSubstr("replicas_owner: a DaemonSet has a pod on every node"),
                          HasSubstr("scale_to_zero: a DaemonSet has a pod on every node")));
}

TEST(CheckService, ATolerationIsOfATaint) {
  const auto of = [](const Json& toleration) {
    return MessagesOn(
        {{"scheduling", {{"tolerations", Json::array({{{"key", "a"}}, toleration})}}}});
  };
  const Json right[] = {Json::object(),
                        {{"key", "a"}, {"value", ""}},
                        {{"operator", "Exists"}, {"value", ""}},
                        {{"toleration_period", "1s"}, {"effect", "NoExecute"}}};
  for (const Json& toleration : right) EXPECT_THAT(of(toleration), IsEmpty()) << toleration;
  EXPECT_THAT(of({{"value", ""}}),
              ElementsAre(HasSubstr("scheduling.tolerations[1].value: is compared with")));
  EXPECT_THAT(of({{"operator", "Equal"}}),
              ElementsAre(HasSubstr("scheduling.tolerations[1].operator: is compared with")));
  EXPECT_THAT(of({{"key", "a"}, {"operator", "Exists"}, {"value", "b"}}),
              ElementsAre(HasSubstr("scheduling.tolerations[1].value: is compared with nothing")));
  EXPECT_THAT(of({{"toleration_period", "1s"}}),
              ElementsAre(HasSubstr("scheduling.tolerations[1].toleration_period: is for effect")));
}

TEST(CheckService, WaitsForHostsAndPorts) {
  for (const char* right : {"db:5432", "postgresql.dbaas:5432", "10.0.0.1:80", "fd00::1:80",
                            "[fd00::1]:80", "[::ffff:10.0.0.1]:80", "_sip._udp.example.org:5060"})
    EXPECT_THAT(MessagesOn({{"wait_for", Json::array({right})}}), IsEmpty()) << right;
  for (const char* wrong :
       {"",        "db",      "db:",         ":80",         "db:0",           "db:65536",
        "db:http", "db: 80",  "db:+80",      "$(reboot):1", "x; reboot:80",   "a b:80",
        "-e:80",   "`id`:80", "db:80\n",     "a\nb:80",     "[fd00::1]",      "[fd00::1]80",
        "[]:80",   "[db]:80", "[fd00::1:80", "fd00::1]:80", "[[fd00::1]]:80", "[-::1]:80"}) {
    EXPECT_THAT(MessagesOn({{"wait_for", Json::array({wrong})}}),
                ElementsAre(HasSubstr("must be \"host:port\"")))
        << wrong;
  }
}

TEST(CheckService, ASecretHasOneMaker) {
  const Json stored = {{"store", "vault"}, {"extract", "x"}};
  EXPECT_THAT(MessagesOn({{"secrets", {{"generated", stored}}},
                          {"generated_secrets", {{"KEY", Json::object()}}}}),
              ElementsAre("secrets[\"generated\"]: the Secret web-generated is that of "
                          "\"generated_secrets\" already"));
  EXPECT_THAT(
      MessagesOn(
          {{"secrets", {{"env", stored}}}, {"env_wo", {{"KEY", "x"}}}, {"env_wo_version", "1"}}),
      ElementsAre("secrets[\"env\"]: the Secret web-env is that of \"env_wo\" already"));
  EXPECT_THAT(MessagesOn({{"secrets", {{"generated", stored}, {"env", stored}}}}), IsEmpty());
  for (const Json& empty :
       {Json{{"store", "vault"}}, Json{{"store", "vault"}, {"values", Json::object()}}}) {
    EXPECT_THAT(MessagesOn({{"secrets", {{"db", empty}}}}),
                ElementsAre("secrets[\"db\"]: fetches nothing: there is neither \"extract\" nor "
                            "\"values\""));
  }
}

TEST(CheckService, WriteOnlyVariablesAreVariables) {
  const Json hidden = {{"TOKEN", "s3cret"}};
  EXPECT_THAT(MessagesOn({{"env", {{"TOKEN", "x"}}}, {"env_wo", hidden}, {"env_wo_version", "1"}}),
              ElementsAre("env_wo[\"TOKEN\"]: the environment variable \"TOKEN\" of container web "
                          "is given by \"env\" as well"));
  EXPECT_THAT(MessagesOn({{"generated_secrets", {{"TOKEN", Json::object()}}},
                          {"env_wo", hidden},
                          {"env_wo_version", "1"}}),
              ElementsAre(HasSubstr("given by \"generated_secrets\" as well")));
  // Another container does not get them.
  EXPECT_THAT(MessagesOn({{"sidecars", {{"log", {{"env", {{"TOKEN", "x"}}}}}}},
                          {"env_wo", hidden},
                          {"env_wo_version", "1"}}),
              IsEmpty());
}

TEST(CheckService, VolumesOfFilesHaveNames) {
  const Json scratch = {{"empty_dir", Json::object()}};
  EXPECT_THAT(MessagesOn({{"volumes", {{"files", scratch}, {"config-etc-x", scratch}}},
                          {"files", {{"/a", {{"content", "1"}}}}},
                          {"config_dirs", {{"/etc/x", {{"files", {{"a", "1"}}}}}}}}),
              ElementsAre("volumes[\"config-etc-x\"]: the volume of config_dirs[\"/etc/x\"] is "
                          "called \"config-etc-x\" as well",
                          "volumes[\"files\"]: the volume of \"files\" is called \"files\" as "
                          "well"));
}

TEST(CheckService, PassesOverWhatIsUnknown) {
  ServiceModel model = SmallServiceWith(
      {{"probes", {{"liveness", {{"http_get", "/"}, {"request", {{"port", "http"}}}}}}}});
  model.ports = Attr<StringMap>::Unknown();
  EXPECT_THAT(CheckService(model), IsEmpty());
}

TEST(CheckService, APatchLeavesToOthersWhatIsTheirs) {
  const auto text = [](const absl::Status& status) {
    return PathOf(status).value_or(Path()).ToString() + ": " + std::string(status.message());
  };
  const auto expect = [&](Json config, const char* patch, const std::vector<std::string>& wanted) {
    config["extra_manifest_patch"] = patch;
    EXPECT_EQ(MessagesOn(config), wanted) << patch;
    // And when the patch was not known before.
    const absl::Status status = RenderService(SmallServiceWith(config), {}).status();
    EXPECT_EQ(status.ok() ? "" : text(status), wanted.empty() ? "" : wanted[0]) << patch;
  };
  const Json external = {
      {"replicas_owner", "external"},
      {"image_owner", "external"},
      {"sidecars", {{"log", {{"image", "log:1"}, {"resources_owner", "external"}}}}},
      {"init_containers",
       Json::array({{{"name", "a"}}, {{"name", "b"}, {"image_owner", "external"}}})}};
  const auto theirs = [](const char* field, const char* owner) {
    return absl::StrCat("extra_manifest_patch: the patch sets ", field, ", which ", owner,
                        " leaves to somebody else");
  };
  expect(external, "spec: {replicas: 2}",
         {theirs("spec.replicas", "replicas_owner = \"external\"")});
  expect(
      external, "spec: {template: {spec: {containers: [{name: web, image: x}]}}}",
      {theirs("spec.template.spec.containers[name=\"web\"].image", "image_owner = \"external\"")});
  expect(external,
         "spec: {template: {spec: {containers: [{name: log, image: x, resources: {limits: {}}}]}}}",
         {theirs("spec.template.spec.containers[name=\"log\"].resources.limits",
                 "sidecars[\"log\"].resources_owner = \"external\"")});
  expect(external,
         "spec: {template: {spec: {initContainers: [{name: a, image: x}, {name: b, image: x}]}}}",
         {theirs("spec.template.spec.initContainers[name=\"b\"].image",
                 "init_containers[1].image_owner = \"external\"")});
  expect({{"scale_to_zero", Json::object()}}, "spec: {replicas: 2}",
         {theirs("spec.replicas", "scale_to_zero")});
  // What takes nothing from them: nulls, items that go, devices, containers that only a patch has.
  for (const char* patch :
       {"spec: {replicas: null}",
        "spec: {template: {spec: {containers: [{name: web, image: null, resources: {limits: "
        "{}}}]}}}",
        "spec: {template: {spec: {containers: [{name: web, $patch: delete, image: x}]}}}",
        "spec: {template: {spec: {containers: [{name: log, resources: {claims: [{name: a}]}}]}}}",
        "spec: {template: {spec: {containers: [{name: more, image: x}]}}}"})
    expect(external, patch, {});
  expect({{"replicas_owner", "terraform"}}, "spec: {replicas: 2}", {});
  expect({{"image_owner", "terraform"}},
         "spec: {template: {spec: {containers: [{name: web, image: x}]}}}", {});

  ServiceModel model = SmallServiceWith({{"extra_manifest_patch", "spec: {replicas: 2}"}});
  model.replicas_owner = Attr<std::string>::Unknown();
  EXPECT_THAT(CheckService(model), IsEmpty());
}

}  // namespace
}  // namespace charon::service
