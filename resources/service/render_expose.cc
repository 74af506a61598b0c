// Services, Ingresses, Middlewares and ServiceMonitor of a service. Sources of what goes over the
// wire:
// - ingress-nginx: its docs/user-guide/nginx-configuration/annotations.md;
// - Traefik 3: pkg/provider/kubernetes/crd/traefikio/v1alpha1/middleware.go and, for the
// annotations of an Ingress,
//   doc.traefik.io/traefik/v3.8/reference/routing-configuration/kubernetes/ingress/;
// - Sablier: config.go of sablierapp/sablier-traefik-plugin; Homepage:
// gethomepage.dev/configs/kubernetes/;
// - MetalLB: metallb.io/usage/; cert-manager: cert-manager.io/docs/usage/ingress/.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "resources/service/render.h"

namespace charon::service {
namespace {

constexpr char kNginx[] = "nginx.ingress.kubernetes.io/";
constexpr char kRouter[] = "traefik.ingress.kubernetes.io/router.";
constexpr char kGroupsAnnotation[] = "charon.internal/allowed-groups";
constexpr char kMetricsLabel[] = "charon.internal/metrics";
constexpr std::size_t kLongestLabel = 63;  // of a Service's name (RFC 1035 label)

Path EntryPath(const std::string& entry) { return Path("expose").Key(entry); }

// --- Ports

// One port of a Service.
struct ServicePort {
  std::string key;   // of `ports`
  std::string name;  // of the Service's port
  std::string protocol, app_protocol;
  std::int64_t port = 0, container_port = 0;
  bool named = false;  // the container's port has the name as well
  Path path;
};

std::int64_t ServiceNumber(const InnerServiceModel& service, const std::string& name,
                           const Port& port) {
  if (service.ports.IsKnown() && service.ports->count(name) != 0) return service.ports->at(name);
  return UsualServicePort(name, port);
}

void AddPorts(const InnerServiceModel& service, const ContainerModel& container, const Path& path,
              std::vector<ServicePort>& out) {
  for (const auto& [name, text] : container.ports.value_or({})) {
    const Port port = PortOf(text);
    const std::set<std::string>& protocols = port.protocols;
    if (protocols.empty()) continue;
    // The name is TCP's, else the first protocol's, as in the pod; the others get a suffix, so that
    // adding a protocol renames nothing. A Service's port name may be longer (63) than a
    // container's (15): Kubernetes API, ServicePort.
    const std::string bearer = protocols.count("TCP") != 0 ? "TCP" : *protocols.begin();
    auto add = [&, &key = name, &model = port](const std::string& protocol) {
      const bool named = protocol == bearer;
      ServicePort one;
      one.key = key;
      one.name = named ? key : absl::StrCat(key, "-", absl::AsciiStrToLower(protocol));
      one.protocol = protocol;
      if (named && service.app_protocols.IsKnown() && service.app_protocols->count(key) != 0)
        one.app_protocol = service.app_protocols->at(key);
      one.port = ServiceNumber(service, key, model);
      one.container_port = model.number;
      one.named = named;
      one.path = path.Attribute("ports").Key(key);
      out.push_back(std::move(one));
    };
    add(bearer);
    for (const std::string& protocol : protocols) {
      if (protocol != bearer) add(protocol);
    }
  }
}

bool Means(const ServicePort& port, const std::string& text) {
  std::int64_t number = 0;
  if (absl::SimpleAtoi(text, &number)) return port.container_port == number || port.port == number;
  return port.key == text || port.name == text;
}

// The ports that `text` means: a name, a number of a container, else one of the Service.
std::vector<ServicePort> PortsMeant(const std::vector<ServicePort>& ports,
                                    const std::string& text) {
  std::vector<ServicePort> exact, other;
  std::int64_t number = 0;
  const bool numeric = absl::SimpleAtoi(text, &number);
  for (const ServicePort& port : ports) {
    if (!Means(port, text)) continue;
    (numeric ? port.container_port == number : port.key == text) ? exact.push_back(port)
                                                                 : other.push_back(port);
  }
  return exact.empty() ? other : exact;
}

std::string Listed(const std::vector<ServicePort>& ports) {
  std::vector<std::string> names;
  for (const ServicePort& port : ports) {
    const std::string name = absl::StrCat("\"", port.key, "\"");
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names.empty() ? "there is none" : absl::StrCat("there is ", absl::StrJoin(names, ", "));
}

// What two ports may not share.
absl::Status CheckPorts(const std::vector<ServicePort>& ports) {
  std::map<std::string, const ServicePort*> names;
  std::map<std::pair<std::int64_t, std::string>, const ServicePort*> numbers;
  for (const ServicePort& port : ports) {
    const auto [named, new_name] = names.emplace(port.name, &port);
    if (!new_name) {
      return At(port.path, WithRemedy(Invalid(absl::StrCat("the Service has a port \"", port.name,
                                                           "\" already, from ",
                                                           named->second->path.ToString())),
                                      "Ports of all containers of a service are ports of one "
                                      "Service: rename one of them."));
    }
    const auto [numbered, new_number] = numbers.emplace(std::pair(port.port, port.protocol), &port);
    if (!new_number) {
      return At(port.path, WithRemedy(Invalid(absl::StrCat("the Service's port ", port.port, "/",
                                                           port.protocol, " is taken by ",
                                                           numbered->second->path.ToString())),
                                      "Give one of them another number in service.ports."));
    }
  }
  return absl::OkStatus();
}

// What is wrong, of things that do not depend on each other.
class Faults {
 public:
  void Add(const absl::Status& status) {
    if (!status.ok()) found_.push_back(status);
  }
  absl::Status ToStatus() const { return found_.empty() ? absl::OkStatus() : Several(found_); }

 private:
  std::vector<absl::Status> found_;
};

// Main container first, then sidecars by name, then init containers that keep running.
std::vector<ServicePort> PortsOf(const ServiceModel& model, Faults& faults) {
  std::vector<ServicePort> ports;
  const InnerServiceModel service = model.service.value_or({});
  AddPorts(service, model, Path(), ports);
  for (const auto& [name, sidecar] : model.sidecars.value_or({}))
    AddPorts(service, sidecar, Path("sidecars").Key(name), ports);
  std::int64_t index = 0;
  for (const InitContainerModel& init : model.init_containers.value_or({})) {
    const Path path = Path("init_containers").Index(index++);
    if (init.restart_policy.IsKnown()) AddPorts(service, init, path, ports);
  }
  // A number that no container declares is a port all the same: metrics are seldom declared.
  const Attr<std::string> metrics =
      model.metrics.IsKnown() ? model.metrics->port : Attr<std::string>();
  if (metrics.IsKnown() && PortsMeant(ports, *metrics).empty()) {
    const Path path = Path("metrics").Attribute("port");
    ServicePort port;
    if (!absl::SimpleAtoi(*metrics, &port.port)) {
      faults.Add(At(path, Invalid(absl::StrCat("no container has a port \"", *metrics, "\"; ",
                                               Listed(ports)))));
      return ports;
    }
    port.container_port = port.port;
    port.key = port.name = "metrics";
    for (const ServicePort& other : ports) {
      if (other.name == "metrics") port.key = port.name = "metrics-scrape";
    }
    port.protocol = "TCP";
    port.path = path;
    ports.push_back(std::move(port));
  }
  faults.Add(CheckPorts(ports));
  return ports;
}

Json PortJson(const ServicePort& port) {
  Json json = {{"name", port.name}, {"port", port.port}, {"protocol", port.protocol}};
  if (port.named) {
    json["targetPort"] = port.key;
  } else {
    json["targetPort"] = port.container_port;
  }
  if (!port.app_protocol.empty()) json["appProtocol"] = port.app_protocol;
  return json;
}

// --- Objects in general

Rendered Object(Stage stage, Path attribute, Json object) {
  Rendered rendered;
  rendered.stage = stage;
  rendered.attribute = std::move(attribute);
  rendered.object = std::move(object);
  return rendered;
}

// Ours, and then the user's, who may add to them but not contradict: another list of middlewares
// would be a way around the login that nobody sees.
absl::Status AddAnnotations(const Annotations& more, const Path& path, StringMap annotations,
                            Json& object) {
  for (const auto& [key, value] : more.value_or({})) {
    const auto [found, fresh] = annotations.emplace(key, value);
    if (fresh || found->second == value) continue;
    return At(
        path.Attribute("annotations").Key(key),
        WithRemedy(Invalid(absl::StrCat("is \"", found->second,
                                        "\" by the entry's other attributes and the conventions")),
                   "Say it by the entry's attributes, or leave the annotation out."));
  }
  if (!annotations.empty()) object["metadata"]["annotations"] = annotations;
  return absl::OkStatus();
}

std::string ServiceName(const ServiceModel& model) {
  return model.service.IsKnown() ? model.service->name.value_or(model.NameOrDefault())
                                 : model.NameOrDefault();
}

std::string ObjectName(const ServiceModel& model, const std::string& entry) {
  return absl::StrCat(model.NameOrDefault(), "-", entry);
}

std::string IngressName(const ServiceModel& model, const std::string& entry) {
  return entry == "web" ? model.NameOrDefault() : ObjectName(model, entry);
}

Json ServiceObject(const ServiceModel& model, const Conventions& conventions,
                   const std::string& name, const std::vector<ServicePort>& ports) {
  Json object = ObjectHead(model, conventions, "Service", name);
  object["spec"]["selector"] = SelectorOf(model);
  for (const ServicePort& port : ports) object["spec"]["ports"].push_back(PortJson(port));
  return object;
}

// --- The Services inside the cluster, and metrics

// They are made before the pods: what a StatefulSet's pods are called depends on one, and a rollout
// that fails leaves the others in place. Those of `expose` come last.
void RenderInnerServices(const ServiceModel& model, const Conventions& conventions,
                         const std::vector<ServicePort>& ports, std::vector<Rendered>& out) {
  if (model.kind.value_or("deployment") == "statefulset") {
    Json headless = ServiceObject(model, conventions, HeadlessName(model), ports);
    headless["spec"]["clusterIP"] = "None";
    out.push_back(Object(Stage::kIdentity, "kind", std::move(headless)));
  }
  if (ports.empty()) return;  // the API takes none without ports
  Json service = ServiceObject(model, conventions, ServiceName(model), ports);
  service["spec"]["type"] = "ClusterIP";
  if (model.metrics.IsKnown()) {
    const MetricsModel& metrics = *model.metrics;
    const std::vector<ServicePort> meant = PortsMeant(ports, metrics.port.value_or(""));
    if (metrics.style.value_or("annotations") == "service_monitor") {
      // Not every Service of ours: each target would be scraped once for each of them.
      service["metadata"]["labels"][kMetricsLabel] = model.NameOrDefault();
    } else {
      Json annotations = {{"prometheus.io/scrape", "true"}};
      if (!meant.empty())
        annotations["prometheus.io/port"] =
            absl::StrCat(meant.front().container_port);  // of the pods
      if (metrics.path.IsKnown()) annotations["prometheus.io/path"] = *metrics.path;
      service["metadata"]["annotations"] = std::move(annotations);
    }
  }
  out.push_back(
      Object(Stage::kIdentity, model.ports.IsKnown() ? "ports" : "metrics", std::move(service)));
}

void RenderServiceMonitor(const ServiceModel& model, const Conventions& conventions,
                          const std::vector<ServicePort>& ports, std::vector<Rendered>& out) {
  if (!model.metrics.IsKnown() || model.metrics->style.value_or("annotations") != "service_monitor")
    return;
  const MetricsModel& metrics = *model.metrics;
  const std::vector<ServicePort> meant = PortsMeant(ports, metrics.port.value_or(""));
  if (meant.empty()) return;
  Json endpoint = {{"port", meant.front().name}};
  if (metrics.path.IsKnown()) endpoint["path"] = *metrics.path;
  if (metrics.interval.IsKnown()) endpoint["interval"] = *metrics.interval;
  Json monitor = ObjectHead(model, conventions, "ServiceMonitor", model.NameOrDefault());
  monitor["spec"] = {{"selector", {{"matchLabels", {{kMetricsLabel, model.NameOrDefault()}}}}},
                     {"endpoints", {endpoint}}};
  out.push_back(Object(Stage::kExposure, "metrics", std::move(monitor)));
}

// --- Hosts, TLS, address

absl::StatusOr<std::string> FullHost(const std::string& host, const Conventions& conventions) {
  if (absl::StrContains(host, ".")) return host;
  if (!conventions.domain.empty()) return absl::StrCat(host, ".", conventions.domain);
  return WithRemedy(
      Invalid(absl::StrCat("\"", host,
                           "\" is no whole host name, and there is no domain to append to it")),
      "Write the whole name, such as \"echo.example.org\", or set conventions.domain in the "
      "provider block.");
}

absl::StatusOr<std::vector<std::string>> HostsOf(const ServiceModel& model,
                                                 const ExposeModel& expose, const Path& path,
                                                 const Conventions& conventions) {
  std::vector<std::string> hosts;
  auto add = [&](const std::string& text, const Path& at) -> absl::Status {
    absl::StatusOr<std::string> host = FullHost(text, conventions);
    if (!host.ok()) return At(at, host.status());
    if (std::find(hosts.begin(), hosts.end(), *host) == hosts.end())
      hosts.push_back(*std::move(host));
    return absl::OkStatus();
  };
  const std::vector<std::string> more = IngressOf(expose).hosts.value_or({});
  if (expose.host.IsKnown() || more.empty()) {
    CHARON_RETURN_IF_ERROR(
        add(expose.host.value_or(model.NameOrDefault()), path.Attribute("host")));
  }
  for (std::size_t i = 0; i < more.size(); ++i) {
    CHARON_RETURN_IF_ERROR(add(
        more[i], path.Attribute("ingress").Attribute("hosts").Index(static_cast<std::int64_t>(i))));
  }
  return hosts;
}

struct Tls {
  std::string secret;  // empty: the controller's default certificate
  std::string issuer, issuer_annotation;
};

// None: plain HTTP. What the entry says goes before the conventions, and there the secret before
// the issuer.
std::optional<Tls> TlsOf(const ExposeModel& expose, const std::string& ingress,
                         const Conventions& conventions) {
  Tls tls;
  tls.issuer_annotation = "cert-manager.io/cluster-issuer";
  const std::string own_secret = ingress + "-tls";
  if (const Attr<TlsModel>& own = IngressOf(expose).tls; own.IsKnown()) {
    tls.secret = own->secret.value_or("");
    if (!own->issuer.IsKnown()) return tls;
    tls.issuer = *own->issuer;
    if (own->issuer_kind.value_or("ClusterIssuer") == "Issuer")
      tls.issuer_annotation = "cert-manager.io/issuer";
    if (tls.secret.empty()) tls.secret = own_secret;
    return tls;
  }
  tls.secret = conventions.ingress.tls_secret;
  if (tls.secret.empty() && conventions.ingress.tls_issuer.empty()) return std::nullopt;
  if (tls.secret.empty()) {
    tls.secret = own_secret;
    tls.issuer = conventions.ingress.tls_issuer;
  }
  return tls;
}

bool IsTraefik(const Conventions& conventions) {
  return conventions.ingress.controller == "traefik";
}

// Traefik's entry points have TLS of their own, whatever an Ingress says.
bool IsHttps(const std::optional<Tls>& tls, const Conventions& conventions) {
  if (tls.has_value()) return true;
  const std::vector<std::string> points =
      absl::StrSplit(conventions.ingress.entrypoints, ',', absl::SkipEmpty());
  return IsTraefik(conventions) &&
         std::find(points.begin(), points.end(), "websecure") != points.end();
}

std::string BaseUrl(const std::string& host, bool https) {
  return absl::StrCat(https ? "https://" : "http://", host);
}

std::string UrlOf(const ExposeModel& expose, const std::string& host, bool https) {
  const std::vector<std::string> paths = expose.paths.value_or({});
  return absl::StrCat(BaseUrl(host, https),
                      paths.empty() || paths.front() == "/" ? "" : paths.front());
}

// --- One Ingress

struct IngressParts {
  const ServiceModel& model;
  const Conventions& conventions;
  const std::string& entry;
  const ExposeModel& expose;
  const IngressModel& more;  // of `expose`
  Path path, more_path;
  std::string name;
  std::vector<std::string> hosts;
  std::optional<Tls> tls;
  bool https = false;
  std::string auth;
  const AuthMode* mode = nullptr;  // of `auth`; null if the conventions have none
  StringMap annotations;
  std::vector<Rendered> objects;  // what the Ingress needs
};

// Whether requests are kept out before they reach the application.
bool Gates(const std::string& auth) { return auth == "required" || auth == "public"; }

absl::Status SetAuth(IngressParts& parts) {
  parts.auth = parts.expose.auth.value_or("required");
  const auto& modes = parts.conventions.ingress.auth_modes;
  const auto found = modes.find(parts.auth);
  if (found != modes.end()) parts.mode = &found->second;
  const bool empty =
      parts.mode == nullptr || (parts.mode->annotations.empty() &&
                                (parts.mode->middlewares.empty() || !IsTraefik(parts.conventions)));
  if (Gates(parts.auth) && empty) {
    return At(parts.path.Attribute("auth"),
              WithRemedy(Invalid(absl::StrCat(
                             "nothing says how the platform asks for a login: \"", parts.auth,
                             "\" of "
                             "conventions.ingress.auth_modes has no ",
                             IsTraefik(parts.conventions) ? "middlewares and no annotations"
                                                          : "annotations")),
                         "Set it in the provider block, or open this entry with auth = \"app\" or "
                         "\"none\" and an auth_reason."));
  }
  if (parts.mode != nullptr)
    parts.annotations.insert(parts.mode->annotations.begin(), parts.mode->annotations.end());
  return absl::OkStatus();
}

std::vector<std::string> AllowedNetworks(const ExposeModel& expose) {
  const std::set<std::string> allow = expose.allow.value_or({});
  if (allow.count("local") != 0) return LocalNetworks();
  return {allow.begin(), allow.end()};
}

std::int64_t BodyBytes(const std::string& limit) {
  absl::string_view digits = limit;
  int shift = 0;
  if (absl::ConsumeSuffix(&digits, "k")) shift = 10;
  if (absl::ConsumeSuffix(&digits, "m")) shift = 20;
  if (absl::ConsumeSuffix(&digits, "g")) shift = 30;
  std::int64_t number = 0;
  return absl::SimpleAtoi(digits, &number) ? number << shift : 0;
}

// A Middleware of the entry; returns how a router names it.
std::string AddMiddleware(IngressParts& parts, const std::string& what, const Path& attribute,
                          Json spec) {
  const std::string name = absl::StrCat(ObjectName(parts.model, parts.entry), "-", what);
  Json object = ObjectHead(parts.model, parts.conventions, "Middleware", name);
  object["spec"] = std::move(spec);
  parts.objects.push_back(Object(Stage::kExposure, attribute, std::move(object)));
  return absl::StrCat(*parts.model.name_space, "-", name, "@kubernetescrd");
}

std::string MiddlewareReference(const IngressParts& parts, const std::string& text) {
  if (absl::StrContains(text, "@")) return text;
  const auto& roles = parts.conventions.ingress.middlewares;
  if (const auto role = roles.find(text); role != roles.end()) return role->second;
  return absl::StrCat(*parts.model.name_space, "-", text, "@kubernetescrd");
}

std::string Sleeper(IngressParts& parts) {
  const ScaleToZeroModel& zero = *parts.model.scale_to_zero;
  Json sablier = {{"sablierUrl", parts.conventions.ingress.sablier_url},
                  {"group", zero.group.value_or(parts.model.NameOrDefault())},
                  {"sessionDuration", zero.idle.value_or("3h")}};
  if (zero.strategy.value_or("dynamic") == "blocking") {
    sablier["blocking"] = {{"timeout", "5m"}};
  } else {
    sablier["dynamic"] = {{"displayName", zero.display_name.value_or(parts.model.NameOrDefault())},
                          {"refreshFrequency", zero.refresh.value_or("5s")}};
  }
  return AddMiddleware(parts, "scale-to-zero", "scale_to_zero",
                       {{"plugin", {{"sablier", sablier}}}});
}

// Traefik matches the whole URL (redirectRegex): `from` stands for the path in it, and a "$" at its
// end for the end of the path, whatever the query.
std::string UrlRegex(const std::string& from) {
  absl::string_view path = absl::StripPrefix(from, "^");
  const bool ends = absl::EndsWith(path, "$") && !absl::EndsWith(path, "\\$");
  if (ends) path.remove_suffix(1);
  return absl::StrCat("^https?://[^/]+(?:", path, ")", ends ? "(?:\\?.*)?$" : "");
}

// The order of field-study 2.1: what wakes a sleeping service comes after what keeps strangers out.
absl::Status SetTraefik(IngressParts& parts) {
  const ExposeModel& expose = parts.expose;
  const auto& roles = parts.conventions.ingress.middlewares;
  const IngressModel& more = parts.more;
  const MiddlewaresModel middlewares = more.middlewares.value_or({});
  const std::set<std::string> skip = middlewares.skip.value_or({});
  std::vector<std::string> list;
  auto add = [&](const std::string& reference) {
    if (std::find(list.begin(), list.end(), reference) == list.end()) list.push_back(reference);
  };
  auto add_role = [&](const char* role) {
    const auto found = roles.find(role);
    if (found != roles.end() && !found->second.empty() && skip.count(role) == 0) add(found->second);
  };
  if (middlewares.only.IsKnown()) {
    for (const std::string& text : *middlewares.only) add(MiddlewareReference(parts, text));
  } else {
    if (more.front.IsKnown()) add_role("real-ip");
    add_role("retry");
    add_role("error-pages");
    if (more.rate_limit.IsKnown()) {
      const std::int64_t average = *more.rate_limit->average;
      add(AddMiddleware(
          parts, "rate-limit", parts.more_path.Attribute("rate_limit"),
          {{"rateLimit",
            {{"average", average}, {"burst", more.rate_limit->burst.value_or(5 * average)}}}}));
    } else {
      add_role("rate-limit");
    }
    if (!more.content_security_policy.IsKnown()) add_role("csp");
    if (!Gates(parts.auth)) {
      add_role("ai-bots");
      add_role("ai-headers");
    }
    if (parts.mode != nullptr) {
      for (const std::string& reference : parts.mode->middlewares) add(reference);
    }
    const std::set<std::string> allow = expose.allow.value_or({});
    if (allow.count("local") != 0 && roles.count("local-only") != 0) {
      add_role("local-only");
    } else if (!allow.empty()) {
      add(AddMiddleware(parts, "allow", parts.path.Attribute("allow"),
                        {{"ipAllowList", {{"sourceRange", AllowedNetworks(expose)}}}}));
    }
    if (parts.model.scale_to_zero.IsKnown()) add(Sleeper(parts));
    if (more.content_security_policy.IsKnown()) {
      add(AddMiddleware(parts, "csp", parts.more_path.Attribute("content_security_policy"),
                        {{"headers", {{"contentSecurityPolicy", *more.content_security_policy}}}}));
    }
    // Without the middleware there is no limit.
    if (more.body_limit.IsKnown() && *more.body_limit != "unlimited") {
      add(AddMiddleware(parts, "body", parts.more_path.Attribute("body_limit"),
                        {{"buffering", {{"maxRequestBodyBytes", BodyBytes(*more.body_limit)}}}}));
    }
    std::int64_t index = 0;
    for (const RedirectModel& redirect : more.redirects.value_or({})) {
      add(AddMiddleware(parts, absl::StrCat("redirect-", index),
                        parts.more_path.Attribute("redirects").Index(index),
                        {{"redirectRegex",
                          {{"regex", UrlRegex(*redirect.from)},
                           {"replacement", *redirect.to},
                           {"permanent", redirect.permanent.value_or(false)}}}}));
      ++index;
    }
    for (const std::string& text : middlewares.add.value_or({}))
      add(MiddlewareReference(parts, text));
  }
  if (!list.empty())
    parts.annotations[absl::StrCat(kRouter, "middlewares")] = absl::StrJoin(list, ",");
  std::vector<std::string> points =
      absl::StrSplit(parts.conventions.ingress.entrypoints, ',', absl::SkipEmpty());
  if (!more.tls_redirect.value_or(true) && !points.empty() &&
      std::find(points.begin(), points.end(), "web") == points.end()) {
    points.insert(points.begin(), "web");
  }
  if (!points.empty())
    parts.annotations[absl::StrCat(kRouter, "entrypoints")] = absl::StrJoin(points, ",");
  return absl::OkStatus();
}

Json IngressObject(const IngressParts& parts, const std::string& name,
                   const std::vector<std::string>& paths, const char* path_type,
                   const Json& backend) {
  Json object = ObjectHead(parts.model, parts.conventions, "Ingress", name);
  Json& spec = object["spec"];
  const std::string ingress_class =
      parts.more.ingress_class.value_or(parts.conventions.ingress.ingress_class);
  if (!ingress_class.empty()) spec["ingressClassName"] = ingress_class;
  if (parts.tls.has_value()) {
    Json tls = {{"hosts", parts.hosts}};
    if (!parts.tls->secret.empty()) tls["secretName"] = parts.tls->secret;
    spec["tls"] = Json::array({tls});
  }
  Json http = {{"paths", Json::array()}};
  for (const std::string& path : paths)
    http["paths"].push_back({{"path", path}, {"pathType", path_type}, {"backend", backend}});
  spec["rules"] = Json::array();
  for (const std::string& host : parts.hosts)
    spec["rules"].push_back({{"host", host}, {"http", http}});
  return object;
}

// ingress-nginx redirects whole Ingresses, so each redirect is one.
absl::Status AddNginxRedirects(IngressParts& parts, const Json& backend) {
  std::int64_t index = 0;
  for (const RedirectModel& redirect : parts.more.redirects.value_or({})) {
    const Path path = parts.more_path.Attribute("redirects").Index(index);
    const std::string name =
        absl::StrCat(ObjectName(parts.model, parts.entry), "-redirect-", index++);
    std::string to = *redirect.to;
    if (absl::StrContains(to, "$")) {
      return At(path.Attribute("to"),
                Invalid(absl::StrCat(
                    "\"", to,
                    "\": ingress-nginx takes no parts of the path into the target; write it "
                    "out")));
    }
    if (absl::StartsWith(to, "/")) {
      if (parts.hosts.size() > 1) {
        return At(path.Attribute("to"),
                  Invalid(absl::StrCat(
                      "\"", to, "\" is a path, but the entry has ", parts.hosts.size(),
                      " hosts and ingress-nginx wants one whole URL: write it with its host")));
      }
      to = BaseUrl(parts.hosts.front(), parts.https) + to;
    }
    const std::vector<std::string> from = {std::string(absl::StripPrefix(*redirect.from, "^"))};
    Json object = IngressObject(parts, name, from, "ImplementationSpecific", backend);
    object["metadata"]["annotations"] = {
        {absl::StrCat(kNginx, "use-regex"), "true"},
        {absl::StrCat(kNginx, redirect.permanent.value_or(false) ? "permanent-redirect"
                                                                 : "temporal-redirect"),
         to}};
    parts.objects.push_back(Object(Stage::kExposure, path, std::move(object)));
  }
  return absl::OkStatus();
}

absl::Status SetNginx(IngressParts& parts, const Json& backend) {
  const IngressModel& more = parts.more;
  if (!more.middlewares.IsNull()) {
    return At(
        parts.more_path.Attribute("middlewares"),
        Invalid(
            "only Traefik has middlewares, and conventions.ingress.controller is \"nginx\": use "
            "annotations"));
  }
  if (parts.model.scale_to_zero.IsKnown()) {
    return At("scale_to_zero",
              Invalid(absl::StrCat(
                  "only Traefik wakes a sleeping service, and conventions.ingress.controller is "
                  "\"nginx\": expose.",
                  parts.entry, " would answer 503 for ever")));
  }
  auto set = [&](const char* name, std::string value) {
    parts.annotations[absl::StrCat(kNginx, name)] = std::move(value);
  };
  if (more.tls_redirect.IsKnown()) set("ssl-redirect", *more.tls_redirect ? "true" : "false");
  // The name that every release knows; `allowlist-source-range` is a newer alias.
  if (const auto networks = AllowedNetworks(parts.expose); !networks.empty())
    set("whitelist-source-range", absl::StrJoin(networks, ","));
  if (more.rate_limit.IsKnown()) {
    const std::int64_t average = *more.rate_limit->average;
    set("limit-rps", absl::StrCat(average));
    if (more.rate_limit->burst.IsKnown()) {  // its default is five times the rate
      set("limit-burst-multiplier",
          absl::StrCat((*more.rate_limit->burst + average - 1) / average));
    }
  }
  if (more.body_limit.IsKnown())
    set("proxy-body-size", *more.body_limit == "unlimited" ? "0" : *more.body_limit);
  if (more.content_security_policy.IsKnown()) {
    const std::string name = ObjectName(parts.model, parts.entry) + "-headers";
    Json headers = ObjectHead(parts.model, parts.conventions, "ConfigMap", name);
    headers["data"] = {{"Content-Security-Policy", *more.content_security_policy}};
    parts.objects.push_back(Object(Stage::kExposure,
                                   parts.more_path.Attribute("content_security_policy"),
                                   std::move(headers)));
    set("custom-headers", absl::StrCat(*parts.model.name_space, "/", name));
  }
  return AddNginxRedirects(parts, backend);
}

void SetTile(IngressParts& parts) {
  if (!parts.expose.tile.IsKnown()) return;
  const TileModel& tile = *parts.expose.tile;
  auto set = [&](const char* name, std::string value) {
    parts.annotations[absl::StrCat("gethomepage.dev/", name)] = std::move(value);
  };
  set("enabled", "true");
  set("name", tile.name.value_or(parts.model.NameOrDefault()));
  set("group", tile.group.value_or(""));
  if (tile.icon.IsKnown()) set("icon", *tile.icon);
  if (tile.description.IsKnown()) set("description", *tile.description);
  set("href", UrlOf(parts.expose, parts.hosts.front(), parts.https));
  // Homepage looks for app.kubernetes.io/name = <ingress> otherwise.
  set("pod-selector", absl::StrJoin(SelectorOf(parts.model), ",", absl::PairFormatter("=")));
}

absl::StatusOr<Json> BackendOf(const IngressParts& parts, const std::vector<ServicePort>& ports) {
  if (const Attr<FrontModel>& front = parts.more.front; front.IsKnown()) {
    const Json port = IntOrString(*front->port);
    return Json{
        {"service",
         {{"name", *front->service}, {"port", {{port.is_number() ? "number" : "name", port}}}}}};
  }
  const Path path = parts.path.Attribute("port");
  std::vector<ServicePort> tcp;
  for (const ServicePort& port : ports) {
    if (port.protocol == "TCP" && port.path != Path("metrics").Attribute("port"))
      tcp.push_back(port);
  }
  std::vector<ServicePort> meant;
  if (parts.expose.port.IsKnown()) {
    meant = PortsMeant(ports, *parts.expose.port);
    if (meant.empty())
      return At(path, Invalid(absl::StrCat("no container has a port \"", *parts.expose.port, "\"; ",
                                           Listed(ports))));
    if (meant.front().protocol != "TCP") {
      return At(path, Invalid(absl::StrCat("HTTP goes over TCP, and port \"", *parts.expose.port,
                                           "\" is ", meant.front().protocol)));
    }
  } else {
    meant = PortsMeant(tcp, "http");
    if (meant.empty() && tcp.size() == 1) meant = tcp;
    if (meant.empty())
      return At(path, WithRemedy(Invalid(absl::StrCat("which port? ", Listed(tcp))),
                                 "Name the port here."));
  }
  return Json{
      {"service", {{"name", ServiceName(parts.model)}, {"port", {{"name", meant.front().name}}}}}};
}

absl::Status RenderIngress(const ServiceModel& model, const Conventions& conventions,
                           const std::string& entry, const ExposeModel& expose,
                           const std::vector<ServicePort>& ports, std::vector<Rendered>& out) {
  const Path path = EntryPath(entry);
  IngressParts parts{model,
                     conventions,
                     entry,
                     expose,
                     IngressOf(expose),
                     path,
                     path.Attribute("ingress"),
                     IngressName(model, entry),
                     {},
                     {},
                     false,
                     "",
                     nullptr,
                     {},
                     {}};
  Faults faults;
  const absl::StatusOr<std::vector<std::string>> hosts =
      HostsOf(model, expose, parts.path, conventions);
  faults.Add(hosts.status());
  parts.hosts = hosts.ok() ? *hosts : std::vector<std::string>{""};
  parts.tls = TlsOf(expose, parts.name, conventions);
  parts.https = IsHttps(parts.tls, conventions);
  const absl::StatusOr<Json> found = BackendOf(parts, ports);
  faults.Add(found.status());
  const Json backend = found.ok() ? *found : Json();
  faults.Add(SetAuth(parts));
  faults.Add(IsTraefik(conventions) ? SetTraefik(parts) : SetNginx(parts, backend));
  CHARON_RETURN_IF_ERROR(faults.ToStatus());
  if (parts.tls.has_value() && !parts.tls->issuer.empty())
    parts.annotations[parts.tls->issuer_annotation] = parts.tls->issuer;
  if (expose.groups.IsKnown() && !expose.groups->empty())
    parts.annotations[kGroupsAnnotation] = absl::StrJoin(*expose.groups, ",");
  SetTile(parts);
  std::vector<std::string> paths = expose.paths.value_or({});
  if (paths.empty()) paths = {"/"};
  Json object = IngressObject(parts, parts.name, paths, "Prefix", backend);
  CHARON_RETURN_IF_ERROR(
      AddAnnotations(parts.more.annotations, parts.more_path, parts.annotations, object));
  // The router's middlewares first: Traefik drops a router that names one it does not know.
  for (Rendered& needed : parts.objects) out.push_back(std::move(needed));
  out.push_back(Object(Stage::kExposure, parts.path, std::move(object)));
  return absl::OkStatus();
}

// --- Load balancers and node ports

absl::StatusOr<std::vector<ServicePort>> ChosenPorts(const OuterServiceModel& outer,
                                                     const Path& path,
                                                     const std::vector<ServicePort>& ports) {
  std::vector<ServicePort> chosen;
  if (!outer.ports.IsKnown()) {
    for (const ServicePort& port : ports) {
      if (port.path != Path("metrics").Attribute("port")) chosen.push_back(port);
    }
    if (chosen.empty())
      return At(path, WithRemedy(Invalid("the service has no port to expose"),
                                 "Declare it in \"ports\"."));
    return chosen;
  }
  for (std::size_t i = 0; i < outer.ports->size(); ++i) {
    const std::string& text = (*outer.ports)[i];
    const std::vector<ServicePort> meant = PortsMeant(ports, text);
    if (meant.empty()) {
      return At(path.Attribute("ports").Index(static_cast<std::int64_t>(i)),
                Invalid(absl::StrCat("no container has a port \"", text, "\"; ", Listed(ports))));
    }
    for (const ServicePort& port : meant) {
      const bool there = std::any_of(chosen.begin(), chosen.end(), [&](const ServicePort& other) {
        return other.name == port.name;
      });
      if (!there) chosen.push_back(port);
    }
  }
  if (chosen.empty())
    return At(path.Attribute("ports"),
              WithRemedy(Invalid("names no port"), "Leave it out for all ports."));
  return chosen;
}

// A Service has addresses of the cluster's first family alone unless it says more, and MetalLB
// gives it none of another (https://metallb.io/usage/#ipv6-and-dual-stack-services).
void SetFamilies(absl::string_view addresses, Json& spec) {
  bool v4 = false, v6 = false;
  for (const absl::string_view address : absl::StrSplit(addresses, ','))
    (absl::StrContains(address, ':') ? v6 : v4) = true;
  if (v4 && v6) spec["ipFamilyPolicy"] = "RequireDualStack";
  if (v6 && !v4) spec["ipFamilies"] = Json::array({"IPv6"});
}

absl::Status RenderOuterService(const ServiceModel& model, const Conventions& conventions,
                                const std::string& entry, const ExposeModel& expose,
                                const std::vector<ServicePort>& ports, std::vector<Rendered>& out) {
  const Path path = EntryPath(entry);
  const std::string name = ObjectName(model, entry);
  if (name.size() > kLongestLabel) {
    return At(path, Invalid(absl::StrCat("the Service would be called \"", name, "\", which has ",
                                         name.size(), " characters and may have ", kLongestLabel,
                                         ": take a shorter key")));
  }
  const OuterServiceModel& outer = OuterOf(expose);
  const Path own = path.Attribute(KindOf(expose));
  CHARON_ASSIGN_OR_RETURN(const std::vector<ServicePort> chosen, ChosenPorts(outer, own, ports));
  Json object = ServiceObject(model, conventions, name, chosen);
  Json& spec = object["spec"];
  StringMap annotations;
  if (outer.external_traffic_policy.IsKnown())
    spec["externalTrafficPolicy"] = *outer.external_traffic_policy;
  if (expose.loadbalancer.IsKnown()) {
    const LoadBalancerModel& balancer = *expose.loadbalancer;
    spec["type"] = "LoadBalancer";
    if (const auto networks = AllowedNetworks(expose); !networks.empty())
      spec["loadBalancerSourceRanges"] = networks;
    if (balancer.address.IsKnown()) {
      annotations["metallb.io/loadBalancerIPs"] = *balancer.address;
      SetFamilies(*balancer.address, spec);
    }
    if (balancer.share_address.IsKnown())
      annotations["metallb.io/allow-shared-ip"] = *balancer.share_address;
  } else {
    spec["type"] = "NodePort";
    for (const auto& [text, number] : expose.nodeport->node_ports.value_or({})) {
      const std::vector<ServicePort> meant = PortsMeant(chosen, text);
      if (meant.empty()) {
        return At(
            own.Attribute("node_ports").Key(text),
            Invalid(absl::StrCat("the entry exposes no port \"", text, "\"; ", Listed(chosen))));
      }
      for (const ServicePort& port : meant) {
        for (Json& json : spec["ports"]) {
          if (json["name"] == port.name)
            json["nodePort"] = number;  // TCP and UDP may share a number
        }
      }
    }
  }
  CHARON_RETURN_IF_ERROR(AddAnnotations(outer.annotations, own, std::move(annotations), object));
  out.push_back(Object(Stage::kExposure, path, std::move(object)));
  return absl::OkStatus();
}

// Two attributes that come to one object would overwrite each other.
absl::Status CheckEntryNames(const std::vector<Rendered>& objects) {
  std::map<std::pair<std::string, std::string>, const Rendered*> seen;
  for (const Rendered& rendered : objects) {
    const std::string kind = rendered.object["kind"], name = rendered.object["metadata"]["name"];
    const auto [found, fresh] = seen.emplace(std::pair(kind, name), &rendered);
    if (fresh) continue;
    return At(
        rendered.attribute,
        WithRemedy(Invalid(absl::StrCat("the ", kind, " would be called \"", name,
                                        "\", as that of ", found->second->attribute.ToString())),
                   "Take another key for the entry."));
  }
  return absl::OkStatus();
}

// Of two entries that take the same requests a controller serves one, or refuses both.
absl::Status CheckRoutes(const std::vector<Rendered>& objects) {
  std::map<std::tuple<std::string, std::string, std::string>, Path> seen;
  for (const Rendered& rendered : objects) {
    if (rendered.object["kind"] != "Ingress") continue;
    const Json& spec = rendered.object["spec"];
    const std::string by = spec.value("ingressClassName", "");
    for (const Json& rule : spec["rules"]) {
      for (const Json& route : rule["http"]["paths"]) {
        const std::string host = rule["host"], path = route["path"];
        const auto [found, fresh] =
            seen.try_emplace(std::tuple(by, host, path), rendered.attribute);
        // Several objects of one entry are ours to order.
        if (fresh || found->second == rendered.attribute) continue;
        return At(
            rendered.attribute,
            WithRemedy(Invalid(absl::StrCat("requests to ", host, path, " are those of ",
                                            found->second.ToString(), " already")),
                       "Take another host or other paths, another ingress.ingress_class, or make "
                       "one entry of the two."));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::int64_t UsualServicePort(const std::string& name, const Port& port) {
  if (name == "http") return 80;
  return name == "https" ? 443 : port.number;
}

absl::Status RenderExposure(const ServiceModel& model, const Conventions& conventions,
                            std::vector<Rendered>& out) {
  Faults faults;
  const std::vector<ServicePort> ports = PortsOf(model, faults);
  std::vector<Rendered> objects;
  RenderInnerServices(model, conventions, ports, objects);
  RenderServiceMonitor(model, conventions, ports, objects);
  for (const auto& [entry, expose] : model.expose.value_or({})) {
    const auto render = KindOf(expose) == "ingress" ? RenderIngress : RenderOuterService;
    for (const absl::Status& fault :
         EachOf(render(model, conventions, entry, expose, ports, objects)))
      faults.Add(fault);
  }
  faults.Add(CheckEntryNames(objects));
  faults.Add(CheckRoutes(objects));
  CHARON_RETURN_IF_ERROR(faults.ToStatus());
  for (Rendered& object : objects) out.push_back(std::move(object));
  return absl::OkStatus();
}

StringMap UrlsOf(const ServiceModel& model, const Conventions& conventions) {
  StringMap urls;
  if (model.name.IsUnknown() || (model.name.IsNull() && model.name_space.IsUnknown())) return urls;
  for (const auto& [entry, expose] : model.expose.value_or({})) {
    if (expose.loadbalancer.IsKnown() && expose.loadbalancer->address.IsKnown())
      urls[entry] = *expose.loadbalancer->address;
    if (KindOf(expose) != "ingress" || expose.host.IsUnknown() || expose.paths.IsUnknown() ||
        expose.ingress.IsUnknown())
      continue;
    if (IngressOf(expose).hosts.IsUnknown() || IngressOf(expose).tls.IsUnknown()) continue;
    const absl::StatusOr<std::vector<std::string>> hosts =
        HostsOf(model, expose, EntryPath(entry), conventions);
    if (!hosts.ok()) continue;
    urls[entry] =
        UrlOf(expose, hosts->front(),
              IsHttps(TlsOf(expose, IngressName(model, entry), conventions), conventions));
  }
  return urls;
}

}  // namespace charon::service
