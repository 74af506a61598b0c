#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/status_matchers.h"
#include "provider/testing/values.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Json Parsed(const std::string& text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

ServiceModel Model(const std::string& json) {
  absl::StatusOr<ServiceModel> model =
      ServiceModel::Describe().Decode(ObjectForTest(ServiceModel::Describe().schema(), json));
  EXPECT_THAT(model, IsOk());
  return *std::move(model);
}

// The platform of field-study 2.1: Traefik, a login of its own, everything named.
Conventions Traefik() {
  Conventions conventions;
  conventions.domain = "example.org";
  conventions.ingress.controller = "traefik";
  conventions.ingress.ingress_class = "traefik";
  conventions.ingress.tls_secret = "wildcard-tls";
  conventions.ingress.entrypoints = "websecure";
  conventions.ingress.auth_modes["required"].middlewares = {"traefik-login@kubernetescrd"};
  conventions.ingress.auth_modes["public"].middlewares = {"traefik-guests@kubernetescrd"};
  for (const char* role : {"real-ip", "retry", "error-pages", "rate-limit", "csp", "ai-bots",
                           "ai-headers", "local-only"}) {
    conventions.ingress.middlewares[role] = std::string("traefik-") + role + "@kubernetescrd";
  }
  return conventions;
}

Conventions Nginx() {
  Conventions conventions;
  conventions.domain = "example.org";
  conventions.ingress.ingress_class = "nginx";
  conventions.ingress.auth_modes["required"].annotations = {
      {"nginx.ingress.kubernetes.io/auth-url", "https://login.example.org/check"}};
  return conventions;
}

struct Objects {
  std::vector<Rendered> list;

  // Null if there is none.
  Json Find(const std::string& kind, const std::string& name) const {
    for (const Rendered& rendered : list) {
      if (rendered.object["kind"] == kind && rendered.object["metadata"]["name"] == name)
        return rendered.object;
    }
    return nullptr;
  }
  Json Annotation(const std::string& kind, const std::string& name, const std::string& key) const {
    const Json object = Find(kind, name);
    if (object.is_null()) return nullptr;
    return object["metadata"].value("annotations", Json::object()).value(key, Json());
  }
  std::string Middlewares(const std::string& ingress) const {
    const Json list_text =
        Annotation("Ingress", ingress, "traefik.ingress.kubernetes.io/router.middlewares");
    return list_text.is_string() ? list_text.get<std::string>() : "";
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Rendered& rendered : list) {
      names.push_back(rendered.object["kind"].get<std::string>() + "/" +
                      rendered.object["metadata"]["name"].get<std::string>());
    }
    return names;
  }
};

Objects Render(const std::string& json, const Conventions& conventions) {
  Objects objects;
  EXPECT_THAT(RenderExposure(Model(json), conventions, objects.list), IsOk());
  return objects;
}

absl::Status Refused(const std::string& json, const Conventions& conventions) {
  std::vector<Rendered> objects;
  return RenderExposure(Model(json), conventions, objects);
}

// A service "echo" with the port http and the entry `web`.
std::string Echo(const std::string& web, const std::string& more = "") {
  return R"({"namespace": "echo", "ports": {"http": "8080"}, "expose": {"web": )" + web + "}" +
         more + "}";
}

// --- The Service

TEST(ServicePorts, DefaultsAreEightyForHttpFourFourThreeForHttpsElseTheNumber) {
  const Objects objects = Render(
      R"({"namespace": "echo", "ports": {"http": "8080", "https": "8443", "admin": "9000"}})",
      Nginx());
  EXPECT_THAT(objects.Names(), ElementsAre("Service/echo"));
  EXPECT_EQ(objects.Find("Service", "echo")["spec"], Parsed(R"({
    "type": "ClusterIP", "selector": {"app": "echo"}, "ports": [
      {"name": "admin", "port": 9000, "protocol": "TCP", "targetPort": "admin"},
      {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"},
      {"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https"}]})"));
}

// The kubelet knows a container's port name once: the second protocol goes by number.
TEST(ServicePorts, OfTwoProtocolsTheSecondHasASuffix) {
  const Objects objects =
      Render(R"({"namespace": "frigate", "ports": {"rtsp": "8554/TCP,UDP", "stun": "3479/UDP"}})",
             Nginx());
  EXPECT_EQ(objects.Find("Service", "frigate")["spec"]["ports"], Parsed(R"([
    {"name": "rtsp", "port": 8554, "protocol": "TCP", "targetPort": "rtsp"},
    {"name": "rtsp-udp", "port": 8554, "protocol": "UDP", "targetPort": 8554},
    {"name": "stun", "port": 3479, "protocol": "UDP", "targetPort": "stun"}])"));
}

TEST(ServicePorts, ServiceNameAndServicePortAndSidecarsCount) {
  const Objects objects = Render(
      R"({"namespace": "draw", "name": "excalidraw", "service": {"name": "draw", "ports": {"http": 8000}, "app_protocols": {"http": "kubernetes.io/h2c"}},
    "ports": {"http": "8080"},
    "sidecars": {"exporter": {"ports": {"metrics": "9100"}}}})",
      Nginx());
  EXPECT_EQ(objects.Find("Service", "draw")["spec"], Parsed(R"({
    "type": "ClusterIP", "selector": {"app": "excalidraw"}, "ports": [
      {"name": "http", "port": 8000, "protocol": "TCP", "targetPort": "http", "appProtocol": "kubernetes.io/h2c"},
      {"name": "metrics", "port": 9100, "protocol": "TCP", "targetPort": "metrics"}]})"));
}

TEST(ServicePorts, AStatefulSetHasAHeadlessServiceAsWellEvenWithoutPorts) {
  const Objects with = Render(
      R"({"namespace": "db", "name": "mysql", "kind": "statefulset", "ports": {"mysql": "3306"}, "service": {"name": "db"}})",
      Nginx());
  EXPECT_THAT(with.Names(), ElementsAre("Service/mysql-headless", "Service/db"))
      << "the workload's serviceName says the former";
  EXPECT_EQ(with.Find("Service", "mysql-headless")["spec"]["clusterIP"], "None");
  EXPECT_FALSE(with.Find("Service", "db")["spec"].contains("clusterIP"));
  const Objects without =
      Render(R"({"namespace": "db", "name": "mysql", "kind": "statefulset"})", Nginx());
  EXPECT_THAT(without.Names(), ElementsAre("Service/mysql-headless"));
  EXPECT_FALSE(without.Find("Service", "mysql-headless")["spec"].contains("ports"));
}

// A rollout that fails must find them made: they come before the workload, what is outside comes
// after it.
TEST(ServicePorts, InnerServicesComeBeforeTheWorkloadAndEntriesAfterIt) {
  const Objects objects = Render(Echo(R"({"auth": "none", "auth_reason": "test"})"), Nginx());
  ASSERT_EQ(objects.list.size(), 2U);
  EXPECT_LT(objects.list[0].stage, Stage::kWorkload);
  EXPECT_EQ(objects.list[0].attribute.ToString(), "ports");
  EXPECT_GT(objects.list[1].stage, Stage::kWorkload);
  EXPECT_EQ(objects.list[1].attribute.ToString(), "expose[\"web\"]");
}

TEST(ServicePorts, TwoContainersMayNotShareANameOrANumber) {
  EXPECT_THAT(
      Refused(
          R"({"namespace": "a", "ports": {"http": "80"}, "sidecars": {"s": {"ports": {"http": "81"}}}})",
          Nginx()),
      AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"http\" already")),
            StatusIsAt("sidecars[\"s\"].ports[\"http\"]")));
  EXPECT_THAT(Refused(R"({"namespace": "a", "ports": {"http": "8080", "old": "80"}})", Nginx()),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                             HasSubstr("80/TCP is taken by ports[\"http\"]")),
                    StatusIsAt("ports[\"old\"]")));
}

// --- Metrics

TEST(Metrics, AnnotationsNameThePortOfThePods) {
  const Objects objects = Render(
      R"({"namespace": "echo", "ports": {"http": "8080"}, "metrics": {"port": "http", "path": "/stats"}})",
      Nginx());
  EXPECT_EQ(
      objects.Find("Service", "echo")["metadata"]["annotations"],
      Parsed(
          R"({"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/stats"})"));
}

TEST(Metrics, AnUndeclaredNumberBecomesAPortThatNoEntryExposes) {
  const Objects objects = Render(
      R"({"namespace": "agent", "metrics": {"port": "9090"}, "ports": {"wg": "51820/UDP"},
          "expose": {"out": {"loadbalancer": {}}}})",
      Nginx());
  EXPECT_EQ(objects.Find("Service", "agent")["spec"]["ports"], Parsed(R"([
    {"name": "wg", "port": 51820, "protocol": "UDP", "targetPort": "wg"},
    {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090}])"));
  EXPECT_EQ(objects.Annotation("Service", "agent", "prometheus.io/port"), "9090");
  EXPECT_EQ(objects.Find("Service", "agent-out")["spec"]["ports"],
            Parsed(R"([{"name": "wg", "port": 51820, "protocol": "UDP", "targetPort": "wg"}])"));
}

TEST(Metrics, AServiceMonitorFindsOneServiceOnly) {
  const Objects objects =
      Render(R"({"namespace": "db", "kind": "statefulset", "ports": {"http": "8080"},
      "metrics": {"port": "8080", "style": "service_monitor", "interval": "30s"}})",
             Nginx());
  EXPECT_EQ(objects.Find("ServiceMonitor", "db")["apiVersion"], "monitoring.coreos.com/v1");
  EXPECT_EQ(objects.Find("ServiceMonitor", "db")["spec"], Parsed(R"({
    "selector": {"matchLabels": {"charon.internal/metrics": "db"}}, "endpoints": [{"port": "http", "interval": "30s"}]})"));
  EXPECT_EQ(objects.Find("Service", "db")["metadata"]["labels"]["charon.internal/metrics"], "db");
  EXPECT_FALSE(objects.Find("Service", "db-headless")["metadata"]["labels"].contains(
      "charon.internal/metrics"));
  EXPECT_FALSE(objects.Find("Service", "db")["metadata"].contains("annotations"));
}

// --- Ingress in general

TEST(Ingress, DefaultsAreTheServiceNameTheDomainTheRootAndThePlatformsTls) {
  const Objects objects = Render(Echo("{}"), Traefik());
  const Json ingress = objects.Find("Ingress", "echo");
  EXPECT_EQ(ingress["apiVersion"], "networking.k8s.io/v1");
  EXPECT_EQ(ingress["metadata"]["namespace"], "echo");
  EXPECT_EQ(ingress["spec"], Parsed(R"({
    "ingressClassName": "traefik",
    "tls": [{"hosts": ["echo.example.org"], "secretName": "wildcard-tls"}],
    "rules": [{"host": "echo.example.org", "http": {"paths": [
      {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "echo", "port": {"name": "http"}}}}]}}]})"));
}

TEST(Ingress, RulesAreHostsByPaths) {
  const Objects objects = Render(
      R"({"namespace": "vpn", "name": "headscale", "ports": {"http": "8080", "admin": "9000"},
    "expose": {"derp": {"host": "hs", "paths": ["/derp", "/probe"], "port": "9000", "auth": "none", "auth_reason": "relay protocol",
                        "ingress": {"hosts": ["derp.example.net", "hs.example.org"], "ingress_class": "public"}}}})",
      Nginx());
  const Json spec = objects.Find("Ingress", "headscale-derp")["spec"];
  EXPECT_EQ(spec["ingressClassName"], "public");
  EXPECT_FALSE(spec.contains("tls"));
  ASSERT_EQ(spec["rules"].size(), 2U);
  EXPECT_EQ(spec["rules"][0]["host"], "hs.example.org");
  EXPECT_EQ(spec["rules"][1]["host"], "derp.example.net");
  for (const Json& rule : spec["rules"]) {
    ASSERT_EQ(rule["http"]["paths"].size(), 2U);
    EXPECT_EQ(rule["http"]["paths"][0]["path"], "/derp");
    EXPECT_EQ(rule["http"]["paths"][1]["path"], "/probe");
    EXPECT_EQ(rule["http"]["paths"][1]["backend"],
              Parsed(R"({"service": {"name": "headscale", "port": {"name": "admin"}}})"));
  }
}

TEST(Ingress, AnIssuerIsAnAnnotationAndASecretOfItsOwn) {
  auto tls = [](const std::string& json, const Conventions& conventions) {
    const Objects objects =
        Render(Echo(R"({"auth": "none", "auth_reason": "test", "ingress": {"tls": )" + json + "}}"),
               conventions);
    const Json ingress = objects.Find("Ingress", "echo");
    return std::pair(ingress["spec"].value("tls", Json()),
                     ingress["metadata"].value("annotations", Json::object()));
  };
  auto [own, own_annotations] = tls(R"({"issuer": "letsencrypt"})", Nginx());
  EXPECT_EQ(own, Parsed(R"([{"hosts": ["echo.example.org"], "secretName": "echo-tls"}])"));
  EXPECT_EQ(own_annotations, Parsed(R"({"cert-manager.io/cluster-issuer": "letsencrypt"})"));
  auto [named, named_annotations] =
      tls(R"({"issuer": "ca", "issuer_kind": "Issuer", "secret": "cert"})", Nginx());
  EXPECT_EQ(named[0]["secretName"], "cert");
  EXPECT_EQ(named_annotations, Parsed(R"({"cert-manager.io/issuer": "ca"})"));
  // The controller's own certificate.
  EXPECT_EQ(tls("{}", Nginx()).first, Parsed(R"([{"hosts": ["echo.example.org"]}])"));
  // A Secret that is there already must not be handed to cert-manager.
  Conventions issuing = Nginx();
  issuing.ingress.tls_issuer = "letsencrypt";
  EXPECT_EQ(tls("null", issuing).second,
            Parsed(R"({"cert-manager.io/cluster-issuer": "letsencrypt"})"));
  auto [referred, referred_annotations] = tls(R"({"secret": "mine"})", issuing);
  EXPECT_EQ(referred[0]["secretName"], "mine");
  EXPECT_THAT(referred_annotations, IsEmpty());
}

TEST(Ingress, TheTileAndTheGroupsAreAnnotations) {
  const Objects objects = Render(
      R"({"namespace": "draw", "name": "excalidraw", "service": {"name": "draw"}, "ports": {"http": "8080"},
    "expose": {"web": {"host": "draw", "groups": ["staff", "admins"],
                       "tile": {"name": "Excalidraw", "group": "Development", "icon": "excalidraw.png", "description": "Whiteboard"}}}})",
      Nginx());
  EXPECT_EQ(objects.Find("Ingress", "excalidraw")["metadata"]["annotations"], Parsed(R"({
    "charon.internal/allowed-groups": "admins,staff",
    "gethomepage.dev/description": "Whiteboard",
    "gethomepage.dev/enabled": "true",
    "gethomepage.dev/group": "Development",
    "gethomepage.dev/href": "http://draw.example.org",
    "gethomepage.dev/icon": "excalidraw.png",
    "gethomepage.dev/name": "Excalidraw",
    "gethomepage.dev/pod-selector": "app=excalidraw",
    "nginx.ingress.kubernetes.io/auth-url": "https://login.example.org/check"})"));
}

TEST(Ingress, AFrontGetsTheRequestsFirst) {
  const Objects objects = Render(
      Echo(
          R"({"auth": "none", "auth_reason": "public site", "ingress": {"front": {"service": "wall", "port": "8923"}}})"),
      Traefik());
  EXPECT_EQ(objects.Find("Ingress", "echo")["spec"]["rules"][0]["http"]["paths"][0]["backend"],
            Parsed(R"({"service": {"name": "wall", "port": {"number": 8923}}})"));
  EXPECT_EQ(
      objects.Middlewares("echo"),
      "traefik-real-ip@kubernetescrd,traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,"
      "traefik-rate-limit@kubernetescrd,traefik-csp@kubernetescrd,traefik-ai-bots@kubernetescrd,"
      "traefik-ai-headers@kubernetescrd");
}

// The default must never be an open door: without a login to ask for there is no Ingress.
TEST(Ingress, ALoginThatThePlatformDoesNotHaveIsAnError) {
  Conventions bare;
  bare.domain = "example.org";
  EXPECT_THAT(Refused(Echo("{}"), bare),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                             HasSubstr("\"required\" of conventions.ingress.auth_modes")),
                    StatusIsAt("expose[\"web\"].auth")));
  // Middlewares mean nothing to nginx.
  bare.ingress.auth_modes["public"].middlewares = {"traefik-guests@kubernetescrd"};
  EXPECT_THAT(Refused(Echo(R"({"auth": "public"})"), bare), StatusIsAt("expose[\"web\"].auth"));
  EXPECT_THAT(Refused(Echo(R"({"auth": "app", "auth_reason": "own login"})"), bare), IsOk());
}

TEST(Ingress, AnnotationsAddButDoNotContradict) {
  const Objects objects =
      Render(Echo(R"({"ingress": {"annotations": {"example.org/monitor": "true"}}})"), Traefik());
  EXPECT_EQ(objects.Annotation("Ingress", "echo", "example.org/monitor"), "true");
  EXPECT_THAT(
      Refused(
          Echo(
              R"({"ingress": {"annotations": {"traefik.ingress.kubernetes.io/router.middlewares": "a-b@kubernetescrd"}}})"),
          Traefik()),
      AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("traefik-login@kubernetescrd")),
            StatusIsAt("expose[\"web\"].ingress.annotations[\"traefik.ingress.kubernetes.io/"
                       "router.middlewares\"]")));
}

TEST(Ingress, AHostWithoutADotNeedsADomain) {
  Conventions conventions = Nginx();
  conventions.domain = "";
  EXPECT_THAT(Refused(Echo("{}"), conventions),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                             HasSubstr("\"echo\" is no whole host name")),
                    StatusIsAt("expose[\"web\"].host")));
  EXPECT_THAT(Refused(Echo(R"({"host": "echo.home.arpa"})"), conventions), IsOk());
}

TEST(Ingress, TwoEntriesDoNotTakeTheSameRequests) {
  const auto with = [](const char* second) {
    return absl::StrCat(R"({"namespace": "a", "ports": {"http": "80"}, "expose": {
        "web": {"host": "a.example.org", "paths": ["/", "/api"]}, "more": )",
                        second, "}}");
  };
  EXPECT_THAT(Refused(with(R"({"host": "b.example.org",
                               "ingress": {"hosts": ["a.example.org"]}, "paths": ["/api"]})"),
                      Nginx()),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument,
                             HasSubstr("requests to a.example.org/api are those of "
                                       "expose[\"more\"] already")),
                    StatusIsAt("expose[\"web\"]")));
  // Another place, or another controller.
  EXPECT_THAT(Refused(with(R"({"host": "a.example.org", "paths": ["/app"]})"), Nginx()), IsOk());
  EXPECT_THAT(
      Refused(with(R"({"host": "a.example.org", "ingress": {"ingress_class": "inner"}})"), Nginx()),
      IsOk());
}

TEST(Ingress, PortsThatCannotBeMeantAreErrors) {
  EXPECT_THAT(Refused(R"({"namespace": "a", "ports": {"x": "1", "y": "2"}, "expose": {"web": {}}})",
                      Nginx()),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\", \"y\"")),
                    StatusIsAt("expose[\"web\"].port")));
  EXPECT_THAT(
      Refused(R"({"namespace": "a", "ports": {"wg": "1/UDP"}, "expose": {"web": {"port": "wg"}}})",
              Nginx()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is UDP")));
}

// --- Traefik

TEST(TraefikList, ALoginKeepsBotsOutByItself) {
  EXPECT_EQ(Render(Echo("{}"), Traefik()).Middlewares("echo"),
            "traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,traefik-rate-limit@"
            "kubernetescrd,traefik-csp@kubernetescrd,"
            "traefik-login@kubernetescrd");
  EXPECT_EQ(Render(Echo(R"({"auth": "public"})"), Traefik()).Middlewares("echo"),
            "traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,traefik-rate-limit@"
            "kubernetescrd,traefik-csp@kubernetescrd,"
            "traefik-guests@kubernetescrd");
}

TEST(TraefikList, WithoutALoginBotsAreBlocked) {
  const std::string list =
      "traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,traefik-rate-limit@"
      "kubernetescrd,traefik-csp@kubernetescrd,"
      "traefik-ai-bots@kubernetescrd,traefik-ai-headers@kubernetescrd";
  EXPECT_EQ(
      Render(Echo(R"({"auth": "app", "auth_reason": "own login"})"), Traefik()).Middlewares("echo"),
      list);
  EXPECT_EQ(
      Render(Echo(R"({"auth": "none", "auth_reason": "feed"})"), Traefik()).Middlewares("echo"),
      list);
}

constexpr char kEverything[] = R"({
    "allow": ["10.1.0.0/16", "10.0.0.0/16"],
    "ingress": {
      "rate_limit": {"average": 100}, "content_security_policy": "default-src 'self'", "body_limit": "50m",
      "redirects": [{"from": "^/.well-known/(caldav|carddav)/?$", "to": "/remote.php/dav/", "permanent": true}],
      "middlewares": {"add": ["own", "traefik-retry@kubernetescrd", "tools-compress@kubernetescrd", "own"]}}})";

TEST(TraefikList, OrderIsThatOfTheFieldStudyAndWakingComesAfterTheGates) {
  const Objects objects = Render(Echo(kEverything, R"(, "scale_to_zero": {})"), Traefik());
  EXPECT_EQ(objects.Middlewares("echo"),
            "traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,echo-echo-web-rate-"
            "limit@kubernetescrd,"
            "traefik-login@kubernetescrd,echo-echo-web-allow@kubernetescrd,echo-echo-web-scale-to-"
            "zero@kubernetescrd,"
            "echo-echo-web-csp@kubernetescrd,echo-echo-web-body@kubernetescrd,echo-echo-web-"
            "redirect-0@kubernetescrd,"
            "echo-own@kubernetescrd,tools-compress@kubernetescrd");
  EXPECT_EQ(
      objects.Annotation("Ingress", "echo", "traefik.ingress.kubernetes.io/router.entrypoints"),
      "websecure");
}

TEST(TraefikList, OwnMiddlewaresSayWhatTheEntrySays) {
  const Objects objects = Render(Echo(kEverything, R"(, "scale_to_zero": {})"), Traefik());
  auto spec = [&](const char* what) {
    return objects.Find("Middleware", std::string("echo-web-") + what)["spec"];
  };
  EXPECT_EQ(objects.Find("Middleware", "echo-web-allow")["apiVersion"], "traefik.io/v1alpha1");
  EXPECT_EQ(spec("rate-limit"), Parsed(R"({"rateLimit": {"average": 100, "burst": 500}})"));
  EXPECT_EQ(spec("allow"),
            Parsed(R"({"ipAllowList": {"sourceRange": ["10.0.0.0/16", "10.1.0.0/16"]}})"));
  EXPECT_EQ(
      spec("scale-to-zero"),
      Parsed(
          R"({"plugin": {"sablier": {"sablierUrl": "http://sablier.sablier:10000", "group": "echo",
    "sessionDuration": "3h", "dynamic": {"displayName": "echo", "refreshFrequency": "5s"}}}})"));
  EXPECT_EQ(spec("csp"), Parsed(R"({"headers": {"contentSecurityPolicy": "default-src 'self'"}})"));
  EXPECT_EQ(spec("body"), Parsed(R"({"buffering": {"maxRequestBodyBytes": 52428800}})"));
  EXPECT_EQ(spec("redirect-0"), Parsed(R"({"redirectRegex": {
    "regex": "^https?://[^/]+(?:/.well-known/(caldav|carddav)/?)(?:\\?.*)?$", "replacement": "/remote.php/dav/", "permanent": true}})"));
  for (const Rendered& rendered : objects.list) {
    if (rendered.object["metadata"]["name"] == "echo-web-redirect-0") {
      EXPECT_EQ(rendered.attribute.ToString(), "expose[\"web\"].ingress.redirects[0]");
    }
  }
}

TEST(TraefikList, ABlockingSleeperHasATimeOutInsteadOfAPage) {
  const Objects objects = Render(
      Echo("{}", R"(, "scale_to_zero": {"strategy": "blocking", "idle": "30m", "group": "tools"})"),
      Traefik());
  EXPECT_EQ(objects.Find("Middleware", "echo-web-scale-to-zero")["spec"]["plugin"]["sablier"],
            Parsed(R"({
    "sablierUrl": "http://sablier.sablier:10000", "group": "tools", "sessionDuration": "30m", "blocking": {"timeout": "5m"}})"));
}

TEST(TraefikList, LocalIsThePlatformsMiddlewareElsePrivateAddresses) {
  const std::string local = Echo(
      R"({"auth": "none", "auth_reason": "LAN", "allow": ["local"], "ingress": {"middlewares": {"skip": ["ai-bots", "ai-headers", "csp"]}}})");
  EXPECT_EQ(Render(local, Traefik()).Middlewares("echo"),
            "traefik-retry@kubernetescrd,traefik-error-pages@kubernetescrd,traefik-rate-limit@"
            "kubernetescrd,traefik-local-only@kubernetescrd");
  Conventions without = Traefik();
  without.ingress.middlewares.erase("local-only");
  const Objects objects = Render(local, without);
  EXPECT_THAT(objects.Middlewares("echo"), HasSubstr(",echo-echo-web-allow@kubernetescrd"));
  EXPECT_EQ(objects.Find("Middleware", "echo-web-allow")["spec"]["ipAllowList"]["sourceRange"],
            Parsed(R"(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])"));
}

TEST(TraefikList, MiddlewaresOnlyIsTheWholeList) {
  const Objects objects = Render(
      Echo(
          R"({"auth": "none", "auth_reason": "relay protocol", "ingress": {"middlewares": {"only": ["rate-limit", "retry", "own", "retry"]}}})"),
      Traefik());
  EXPECT_EQ(objects.Middlewares("echo"),
            "traefik-rate-limit@kubernetescrd,traefik-retry@kubernetescrd,echo-own@kubernetescrd");
  EXPECT_EQ(
      Render(
          Echo(
              R"({"auth": "none", "auth_reason": "raw", "ingress": {"middlewares": {"only": []}}})"),
          Traefik())
          .Annotation("Ingress", "echo", "traefik.ingress.kubernetes.io/router.middlewares"),
      Json());
}

TEST(TraefikList, WithoutTheRedirectPlainHttpIsServedAsWell) {
  const Objects objects = Render(Echo(R"({"ingress": {"tls_redirect": false}})"), Traefik());
  EXPECT_EQ(
      objects.Annotation("Ingress", "echo", "traefik.ingress.kubernetes.io/router.entrypoints"),
      "web,websecure");
}

TEST(TraefikList, UnlimitedBodiesNeedNoMiddleware) {
  const Objects objects = Render(Echo(R"({"ingress": {"body_limit": "unlimited"}})"), Traefik());
  EXPECT_THAT(objects.Names(), ElementsAre("Service/echo", "Ingress/echo"));
}

// --- ingress-nginx

TEST(NginxAnnotations, NothingSetIsTheLoginAlone) {
  EXPECT_EQ(
      Render(Echo("{}"), Nginx()).Find("Ingress", "echo")["metadata"]["annotations"],
      Parsed(R"({"nginx.ingress.kubernetes.io/auth-url": "https://login.example.org/check"})"));
}

TEST(NginxAnnotations, SayWhatTheEntrySays) {
  const Objects objects = Render(
      Echo(
          R"({"auth": "none", "auth_reason": "test", "allow": ["10.1.0.0/16", "10.0.0.0/16"], "ingress": {
      "tls_redirect": false, "rate_limit": {"average": 100, "burst": 250}, "body_limit": "5g",
      "content_security_policy": "default-src 'self'"}})"),
      Nginx());
  EXPECT_EQ(objects.Find("Ingress", "echo")["metadata"]["annotations"], Parsed(R"({
    "nginx.ingress.kubernetes.io/custom-headers": "echo/echo-web-headers",
    "nginx.ingress.kubernetes.io/limit-burst-multiplier": "3",
    "nginx.ingress.kubernetes.io/limit-rps": "100",
    "nginx.ingress.kubernetes.io/proxy-body-size": "5g",
    "nginx.ingress.kubernetes.io/ssl-redirect": "false",
    "nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/16,10.1.0.0/16"})"));
  EXPECT_EQ(objects.Find("ConfigMap", "echo-web-headers")["data"],
            Parsed(R"({"Content-Security-Policy": "default-src 'self'"})"));
}

TEST(NginxAnnotations, UnlimitedIsZeroAndTheDefaultBurstIsTheControllers) {
  const Objects objects = Render(
      Echo(
          R"({"allow": ["local"], "ingress": {"body_limit": "unlimited", "rate_limit": {"average": 10}}})"),
      Nginx());
  EXPECT_EQ(objects.Find("Ingress", "echo")["metadata"]["annotations"], Parsed(R"({
    "nginx.ingress.kubernetes.io/auth-url": "https://login.example.org/check",
    "nginx.ingress.kubernetes.io/limit-rps": "10",
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    "nginx.ingress.kubernetes.io/whitelist-source-range": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"})"));
}

TEST(NginxAnnotations, EachRedirectIsAnIngress) {
  const Objects objects = Render(Echo(R"({"ingress": {"tls": {"secret": "cert"}, "redirects": [
      {"from": "^/.well-known/(caldav|carddav)/?$", "to": "/remote.php/dav/", "permanent": true},
      {"from": "^/blog", "to": "https://blog.example.org"}]}})"),
                                 Nginx());
  EXPECT_THAT(objects.Names(), ElementsAre("Service/echo", "Ingress/echo-web-redirect-0",
                                           "Ingress/echo-web-redirect-1", "Ingress/echo"));
  const Json first = objects.Find("Ingress", "echo-web-redirect-0"),
             second = objects.Find("Ingress", "echo-web-redirect-1");
  EXPECT_EQ(first["metadata"]["annotations"], Parsed(R"({
    "nginx.ingress.kubernetes.io/permanent-redirect": "https://echo.example.org/remote.php/dav/",
    "nginx.ingress.kubernetes.io/use-regex": "true"})"));
  EXPECT_EQ(first["spec"]["rules"][0]["http"]["paths"][0]["path"],
            "/.well-known/(caldav|carddav)/?$");
  EXPECT_EQ(first["spec"]["rules"][0]["http"]["paths"][0]["pathType"], "ImplementationSpecific");
  EXPECT_EQ(first["spec"]["tls"][0]["secretName"], "cert");
  EXPECT_EQ(second["metadata"]["annotations"]["nginx.ingress.kubernetes.io/temporal-redirect"],
            "https://blog.example.org");
}

TEST(NginxAnnotations, WhatOnlyTraefikCanDoIsAnError) {
  EXPECT_THAT(Refused(Echo(R"({"ingress": {"middlewares": {"add": ["own"]}}})"), Nginx()),
              StatusIsAt("expose[\"web\"].ingress.middlewares"));
  EXPECT_THAT(Refused(Echo("{}", R"(, "scale_to_zero": {})"), Nginx()),
              StatusIsAt("scale_to_zero"));
  EXPECT_THAT(Refused(Echo(R"({"ingress": {"redirects": [{"from": "^/a/(.*)$", "to": "/b/$1"}]}})"),
                      Nginx()),
              StatusIsAt("expose[\"web\"].ingress.redirects[0].to"));
  EXPECT_THAT(
      Refused(
          Echo(
              R"({"ingress": {"hosts": ["a", "b"], "redirects": [{"from": "^/a$", "to": "/b"}]}})"),
          Nginx()),
      StatusIsAt("expose[\"web\"].ingress.redirects[0].to"));
}

// --- Load balancers and node ports

constexpr char kFrigate[] = R"({"namespace": "frigate", "ports": {"http": "5000",
  "rtsp": "8554/TCP,UDP", "webrtc": "8555/TCP,UDP"}, "expose": )";

TEST(LoadBalancer, HasBothProtocolsItsAddressAndItsPolicy) {
  const Objects objects =
      Render(std::string(kFrigate) + R"({"l4": {"allow": ["10.0.0.0/8"], "loadbalancer": {
      "ports": ["rtsp", "webrtc"], "address": "10.1.0.20", "share_address": "media", "external_traffic_policy": "Local"}}}})",
             Nginx());
  EXPECT_THAT(objects.Names(), ElementsAre("Service/frigate", "Service/frigate-l4"));
  const Json service = objects.Find("Service", "frigate-l4");
  EXPECT_EQ(service["spec"], Parsed(R"({
    "type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": {"app": "frigate"}, "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "ports": [
      {"name": "rtsp", "port": 8554, "protocol": "TCP", "targetPort": "rtsp"},
      {"name": "rtsp-udp", "port": 8554, "protocol": "UDP", "targetPort": 8554},
      {"name": "webrtc", "port": 8555, "protocol": "TCP", "targetPort": "webrtc"},
      {"name": "webrtc-udp", "port": 8555, "protocol": "UDP", "targetPort": 8555}]})"));
  EXPECT_EQ(service["metadata"]["annotations"], Parsed(R"({
    "metallb.io/loadBalancerIPs": "10.1.0.20", "metallb.io/allow-shared-ip": "media"})"));
}

TEST(LoadBalancer, AddressesSayWhichFamiliesTheServiceHas) {
  const auto spec_with = [](const std::string& address) {
    Json spec = Render(std::string(kFrigate) +
                           R"({"l4": {"loadbalancer": {"ports": ["rtsp"], "address": ")" + address +
                           R"("}}}})",
                       Nginx())
                    .Find("Service", "frigate-l4")["spec"];
    for (const char* other : {"type", "selector", "ports"}) spec.erase(other);
    return spec;
  };
  EXPECT_EQ(spec_with("10.1.0.20"), Json::object());
  EXPECT_EQ(spec_with("10.1.0.20,fd00::20"), Parsed(R"({"ipFamilyPolicy": "RequireDualStack"})"));
  EXPECT_EQ(spec_with("fd00::20"), Parsed(R"({"ipFamilies": ["IPv6"]})"));
}

TEST(NodePort, NumbersHoldForAllProtocolsOfAPort) {
  const Objects objects = Render(
      std::string(kFrigate) +
          R"({"edge": {"nodeport": {"ports": ["rtsp", "http"], "node_ports": {"rtsp": 30554}}}}})",
      Nginx());
  EXPECT_EQ(objects.Find("Service", "frigate-edge")["spec"], Parsed(R"({
    "type": "NodePort", "selector": {"app": "frigate"}, "ports": [
      {"name": "rtsp", "port": 8554, "protocol": "TCP", "targetPort": "rtsp", "nodePort": 30554},
      {"name": "rtsp-udp", "port": 8554, "protocol": "UDP", "targetPort": 8554, "nodePort": 30554},
      {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}]})"));
  EXPECT_THAT(
      Refused(std::string(kFrigate) +
                  R"({"edge": {"nodeport": {"ports": ["http"], "node_ports": {"rtsp": 30554}}}}})",
              Nginx()),
      StatusIsAt("expose[\"edge\"].nodeport.node_ports[\"rtsp\"]"));
}

TEST(OuterServices, NamesThatDoNotFitAreErrorsOfTheEntry) {
  EXPECT_THAT(Refused(R"({"namespace": "a", "ports": {"x": "1"}, "expose": {")" +
                          std::string(62, 'e') + R"(": {"nodeport": {}}}})",
                      Nginx()),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("64 characters")),
                    StatusIsAt("expose[\"" + std::string(62, 'e') + "\"]")));
  EXPECT_THAT(
      Refused(
          R"({"namespace": "a", "kind": "statefulset", "ports": {"x": "1"}, "expose": {"headless": {"nodeport": {}}}})",
          Nginx()),
      AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"a-headless\"")),
            StatusIsAt("expose[\"headless\"]")));
}

// --- All entries

TEST(Exposure, RemovingAnEntryRemovesExactlyItsObjects) {
  const std::string head = R"({"namespace": "echo", "ports": {"http": "8080"}, "expose": {)";
  const std::string web = R"("web": {"ingress": {"rate_limit": {"average": 5}}})";
  const std::string lan =
      R"("lan": {"host": "lan", "auth": "none", "auth_reason": "LAN", "allow": ["10.0.0.0/8"], "ingress": {"body_limit": "1m"}})";
  const std::string l4 = R"("l4": {"loadbalancer": {}})";
  const Objects all = Render(head + web + "," + lan + "," + l4 + "}}", Traefik());
  const Objects without = Render(head + web + "," + l4 + "}}", Traefik());
  std::vector<std::string> gone;
  for (const Rendered& rendered : all.list) {
    const Json kept = without.Find(rendered.object["kind"], rendered.object["metadata"]["name"]);
    if (kept.is_null()) {
      gone.push_back(rendered.object["metadata"]["name"]);
    } else {
      EXPECT_EQ(kept, rendered.object);
    }
  }
  EXPECT_THAT(gone, UnorderedElementsAre("echo-lan", "echo-lan-allow", "echo-lan-body"));
  EXPECT_EQ(without.list.size() + gone.size(), all.list.size());
}

TEST(Exposure, TheSameInputGivesTheSameBytes) {
  const Objects first = Render(Echo(kEverything, R"(, "scale_to_zero": {})"), Traefik());
  const Objects second = Render(Echo(kEverything, R"(, "scale_to_zero": {})"), Traefik());
  ASSERT_EQ(first.list.size(), second.list.size());
  for (std::size_t i = 0; i < first.list.size(); ++i)
    EXPECT_EQ(first.list[i].object.dump(), second.list[i].object.dump());
}

TEST(Urls, AreWhatTheConfigurationTells) {
  const ServiceModel model = Model(R"({"namespace": "echo", "expose": {
    "web": {}, "api": {"host": "api.example.net", "paths": ["/v1", "/v2"], "ingress": {"tls": {"secret": "c"}}}, "later": {"host": "<unknown>"},
    "l4": {"loadbalancer": {"address": "10.1.0.20"}}, "any": {"loadbalancer": {}}, "edge": {"nodeport": {}}}})");
  EXPECT_THAT(
      UrlsOf(model, Nginx()),
      UnorderedElementsAre(Pair("web", "http://echo.example.org"),
                           Pair("api", "https://api.example.net/v1"), Pair("l4", "10.1.0.20")));
  EXPECT_EQ(UrlsOf(model, Traefik())["web"], "https://echo.example.org");
}

// --- What an entry may not say

std::vector<std::string> Wrong(const std::string& json) {
  const ObjectSchema& schema = ExposeModel::Describe().schema();
  std::vector<std::string> found;
  for (const absl::Status& status :
       ValidateObject(schema, ObjectForTest(schema, json), true, nullptr)) {
    found.push_back(PathOf(status).value_or(Path()).ToString() + ": " +
                    std::string(status.message()));
  }
  return found;
}

TEST(ExposeTable, IsSound) {
  EXPECT_THAT(Contradictions(ExposeModel::Describe().schema(), "expose", false), IsEmpty());
}

TEST(ExposeTable, AnOpenDoorNeedsAReason) {
  EXPECT_THAT(Wrong("{}"), IsEmpty());
  EXPECT_THAT(Wrong(R"({"auth": "none", "auth_reason": "webhook"})"), IsEmpty());
  EXPECT_THAT(Wrong(R"({"auth": "none", "auth_reason": "<unknown>"})"), IsEmpty());
  EXPECT_THAT(Wrong(R"({"auth": "none"})"),
              ElementsAre(AllOf(HasSubstr("auth_reason: "), HasSubstr("lets everybody through"))));
  EXPECT_THAT(Wrong(R"({"auth": "app"})"), ElementsAre(HasSubstr("auth = \"app\"")));
  for (const char* blank : {"", "  "}) {
    EXPECT_THAT(Wrong(absl::StrCat(R"({"auth": "app", "auth_reason": ")", blank, R"("})")),
                ElementsAre(HasSubstr("auth_reason: ")));
  }
}

TEST(ExposeTable, AttributesBelongToTheirKind) {
  EXPECT_THAT(Wrong(R"({"loadbalancer": {}, "auth": "required"})"),
              ElementsAre("auth: \"auth\" makes no sense beside \"loadbalancer\": it belongs to an "
                          "ingress, which is an entry of its own"));
  EXPECT_THAT(Wrong(R"({"nodeport": {}, "ingress": {}})"), ElementsAre(HasSubstr("ingress: ")));
  EXPECT_THAT(Wrong(R"({"nodeport": {}, "allow": ["10.0.0.0/8"]})"),
              ElementsAre(HasSubstr("allow: \"allow\" makes no sense beside \"nodeport\"")));
  EXPECT_THAT(Wrong(R"({"loadbalancer": {}, "allow": ["10.0.0.0/8"]})"), IsEmpty());
  EXPECT_THAT(Wrong(R"({"nodeport": {}, "loadbalancer": {}})"),
              ElementsAre(HasSubstr("Only one of")));
}

TEST(ExposeTable, ChecksWhatIsWritten) {
  for (const char* good :
       {R"({"allow": ["10.0.0.0/8", "fd00::/8"]})", R"({"allow": ["local"]})",
        R"({"ingress": {"body_limit": "50m"}})", R"({"ingress": {"body_limit": "5g"}})",
        R"({"ingress": {"body_limit": "unlimited"}})", R"({"ingress": {"body_limit": "4096"}})",
        R"({"host": "*.example.org"})", R"({"ingress": {"hosts": ["a", "b.c"]}})",
        R"({"ingress": {"rate_limit": {"average": 1, "burst": 1}}})",
        R"({"loadbalancer": {"external_traffic_policy": "Local"}})",
        R"({"loadbalancer": {"address": "10.0.0.1,fd00::1"}})",
        R"({"ingress": {"middlewares": {"skip": ["ai-bots"], "add": ["a"]}}})"}) {
    EXPECT_THAT(Wrong(good), IsEmpty()) << good;
  }
  const std::pair<const char*, const char*> bad[] = {
      {R"({"allow": ["10.0.0.1"]})", "\"10.0.0.1/32\""},
      {R"({"allow": ["10.0.0.0/33"]})", "is no network"},
      {R"({"allow": ["10.0.0/8"]})", "is no network"},
      {R"({"allow": ["local", "10.0.0.0/8"]})", "stands alone"},
      {R"({"allow": []})", "is empty"},
      {R"({"groups": []})", "is empty"},
      {R"({"ingress": {"body_limit": "50 MB"}})", "must be a size"},
      {R"({"ingress": {"body_limit": "0"}})", "must be a size"},
      {R"({"ingress": {"body_limit": "m"}})", "must be a size"},
      {R"({"host": "Echo"})", "is no DNS subdomain"},
      {R"({"paths": ["admin"]})", "must be an absolute path"},
      {R"({"ingress": {"rate_limit": {"average": 0}}})", "must lie between 1"},
      {R"({"ingress": {"redirects": [{"from": "/old", "to": "/new"}]}})", "must begin with \"^/\""},
      {R"({"ingress": {"redirects": [{"from": "^/old", "to": "new"}]}})", "must be a path"},
      {R"({"auth": "public", "groups": ["admins"]})", "set auth = \"required\""},
      {R"({"groups": ["a,b"]})", "without commas"},
      {R"({"ingress": {"middlewares": {"only": ["a"]}}})",
       "the login of auth = \"required\" included"},
      {R"({"auth": "none", "auth_reason": "r", "ingress": {"middlewares": {"only": ["a"]}}, "allow": ["local"]})",
       "allow: would have no effect"},
      {R"({"auth": "none", "auth_reason": "r", "ingress": {"middlewares": {"only": ["a"]}, "body_limit": "1m"}})",
       "ingress.body_limit: would have no"},
      {R"({"auth": "none", "auth_reason": "r", "ingress": {"middlewares": {"only": ["a"], "add": ["b"]}}})",
       "\"only\" is the whole list"},
      {R"({"ingress": {"middlewares": {"skip": ["local-only"]}}})", "must be one of"},
      {R"({"loadbalancer": {"external_traffic_policy": "local"}})", "must be one of"},
      {R"({"loadbalancer": {"address": "pool"}})", "must be an IP address"},
      {R"({"nodeport": {"node_ports": {"http": 70000}}})", "must lie between"},
      {R"({"ingress": {"tls": {"issuer_kind": "Issuer"}}})", "needs \"issuer\""},
      {R"({"port": "http", "ingress": {"front": {"service": "wall", "port": "80"}}})",
       "a port of its own"},
  };
  for (const auto& [json, message] : bad)
    EXPECT_THAT(Wrong(json), ElementsAre(HasSubstr(message))) << json;
}

}  // namespace
}  // namespace charon::service
