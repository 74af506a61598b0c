#include "resources/service/expose.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "resources/service/checks.h"
#include "resources/service/container.h"

namespace charon::service {
namespace {

Check Addresses() {
  return TextRule(
      "is an IP address, or an IPv4 and an IPv6 address with a comma", [](absl::string_view text) {
        const std::size_t comma = text.find(',');
        const absl::string_view first = text.substr(0, comma);
        const bool second = comma == absl::string_view::npos ||
                            IpAddress::Parse(text.substr(comma + 1)).has_value();
        if (IpAddress::Parse(first) && second) return absl::OkStatus();
        return Invalid(absl::StrCat(
            "\"", text,
            "\" must be an IP address such as \"10.1.0.20\", or an IPv4 and an IPv6 address with a "
            "comma and no space between them"));
      });
}

Check HostName() {
  return TextRule(
      "is a host name, with `*.` in front for all hosts of a domain", [](absl::string_view text) {
        return DnsSubdomain().run(Value::String(std::string(absl::StripPrefix(text, "*."))));
      });
}

// The size syntax of nginx (ngx_parse_offset): k, m and g are powers of 1024.
Check BodyLimit() {
  return TextRule("is a size such as `50m`, or `unlimited`", [](absl::string_view text) {
    if (text == "unlimited") return absl::OkStatus();
    absl::string_view digits = text;
    if (!digits.empty() && absl::StrContains("kmg", digits.substr(digits.size() - 1)))
      digits.remove_suffix(1);
    const bool number = !digits.empty() && digits.size() <= 9 && digits[0] != '0' &&
                        std::all_of(digits.begin(), digits.end(), [](char c) {
                          return absl::ascii_isdigit(static_cast<unsigned char>(c));
                        });
    if (number) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text,
        "\" must be a size such as \"512k\", \"50m\" or \"5g\" (k, m and g count by 1024), or "
        "\"unlimited\""));
  });
}

// `name` goes with none of `others`.
ObjectRule Alone(const std::string& name, std::vector<std::string> others) {
  return {absl::StrCat("`", name, "` goes with none of `", absl::StrJoin(others, "`, `"), "`."),
          [name, others = std::move(others)](const Value& object) {
            if (object[name].IsNull()) return absl::OkStatus();
            for (const std::string& other : others) {
              if (!object[other].IsNull())
                return At(other, Invalid(absl::StrCat("would have no effect: \"", name,
                                                      "\" is the whole list")));
            }
            return absl::OkStatus();
          }};
}

// The rows that the Services have which lead in from outside.
template <typename M>
std::vector<typename ObjectSpec<M>::Row> OuterRows() {
  return {
      FieldOf<M>(&OuterServiceModel::ports, "ports", Optional,
                 "Ports by name or number, each with all its protocols; all by default.")
          .Check(EachElement(PortText())),
      FieldOf<M>(&OuterServiceModel::external_traffic_policy, "external_traffic_policy", Optional,
                 "`Cluster` (Kubernetes' default) or `Local`, which keeps the client's address and "
                 "answers only on nodes with a pod.")
          .Check(OneOf({"Cluster", "Local"})),
      FieldOf<M>(&OuterServiceModel::annotations, "annotations", Optional,
                 "More annotations of the Service.")
          .Check(EachKey(LabelKey())),
  };
}

// The Service that is exposed instead of an ingress, as its attribute is called. Empty: an ingress.
std::string OuterKind(const Value& object) {
  for (const char* kind : {"loadbalancer", "nodeport"}) {
    if (!object[kind].IsNull()) return kind;
  }
  return "";
}

// What is about HTTP makes no sense for a load balancer or a port of the nodes.
ObjectRule HttpNeedsAnIngress() {
  static const auto& names = *new std::vector<std::string>{
      "host", "paths", "port", "auth", "auth_reason", "groups", "tile", "ingress"};
  return {
      "With `loadbalancer` or `nodeport` there is no ingress, and none of `host`, `paths`, `port`, "
      "`auth`, `auth_reason`, `groups`, `tile` and "
      "`ingress`; with `nodeport` no `allow` either.",
      [](const Value& object) {
        const std::string kind = OuterKind(object);
        if (kind.empty()) return absl::OkStatus();
        for (const std::string& name : names) {
          if (object[name].IsNull()) continue;
          return At(name, Invalid(absl::StrCat("\"", name, "\" makes no sense beside \"", kind,
                                               "\": it belongs to an ingress, which is an entry "
                                               "of its own")));
        }
        if (kind == "nodeport" && !object["allow"].IsNull()) {
          return At("allow", Invalid("\"allow\" makes no sense beside \"nodeport\": a port of the "
                                     "nodes is open to all who reach them"));
        }
        return absl::OkStatus();
      }};
}

ObjectRule OpenDoorNeedsAReason() {
  return {
      "With `auth` = \"app\" or \"none\", `auth_reason` must say why.", [](const Value& object) {
        const Value& auth = object["auth"];
        if (!auth.IsKnown() || (auth.string() != "app" && auth.string() != "none"))
          return absl::OkStatus();
        const Value& reason = object["auth_reason"];
        // An empty one is too short anyway.
        const bool says_nothing =
            reason.IsNull() || (reason.IsKnown() && !reason.string().empty() &&
                                absl::StripAsciiWhitespace(reason.string()).empty());
        if (!says_nothing) return absl::OkStatus();
        return At(
            "auth_reason",
            WithRemedy(Invalid(absl::StrCat("the setting auth = \"", auth.string(),
                                            "\" lets everybody through to the application, so it "
                                            "must be said why that is right")),
                       "Set auth_reason, such as \"own login; native clients call /api\", or leave "
                       "auth out: then the "
                       "platform asks for a login."));
      }};
}

ObjectRule GroupsNeedALogin() {
  return {"`groups` needs `auth` = \"required\".", [](const Value& object) {
            const Value& auth = object["auth"];
            if (object["groups"].IsNull() || !auth.IsKnown() || auth.string() == "required")
              return absl::OkStatus();
            return At("groups", Invalid(absl::StrCat("nobody is asked who they are with auth = \"",
                                                     auth.string(),
                                                     "\", so groups cannot be told apart: set auth "
                                                     "= \"required\", or leave groups out")));
          }};
}

ObjectRule FrontHasThePort() {
  return {
      "`port` is the business of `ingress.front`.", [](const Value& object) {
        if (object["port"].IsNull() || !object["ingress"].IsKnown() ||
            object["ingress"]["front"].IsNull())
          return absl::OkStatus();
        return At(
            "port",
            Invalid(
                "requests go to ingress.front, which has a port of its own: leave \"port\" out"));
      }};
}

// What a list of one's own would drop in silence.
ObjectRule WholeListIsWhole() {
  static const auto& parts = *new std::vector<std::string>{"rate_limit", "redirects",
                                                           "content_security_policy", "body_limit"};
  return {
      "`ingress.middlewares.only` needs `auth` = \"app\" or \"none\", and goes with none of "
      "`allow`, `ingress.rate_limit`, `ingress.redirects`, "
      "`ingress.content_security_policy` and `ingress.body_limit`.",
      [](const Value& object) {
        const Value& ingress = object["ingress"];
        if (!ingress.IsKnown() || !ingress["middlewares"].IsKnown() ||
            ingress["middlewares"]["only"].IsNull())
          return absl::OkStatus();
        const Value& auth = object["auth"];
        if (!auth.IsUnknown() &&
            (auth.IsNull() || (auth.string() != "app" && auth.string() != "none"))) {
          return At(Path("ingress").Attribute("middlewares").Attribute("only"),
                    WithRemedy(Invalid(absl::StrCat(
                                   "replaces the whole list, the login of auth = \"",
                                   auth.IsNull() ? "required" : auth.string(), "\" included")),
                               "Set auth = \"none\" or \"app\" and auth_reason, or use "
                               "middlewares.add, which adds to the list."));
        }
        const auto without_effect = [](Path path) {
          const std::string name = path.ToString();
          return At(std::move(path),
                    Invalid(absl::StrCat("would have no effect: middlewares.only is the whole "
                                         "list. Name a Middleware for it "
                                         "there, or leave \"",
                                         name, "\" out")));
        };
        if (!object["allow"].IsNull()) return without_effect("allow");
        for (const std::string& name : parts) {
          if (!ingress[name].IsNull()) return without_effect(Path("ingress").Attribute(name));
        }
        return absl::OkStatus();
      }};
}

ObjectRule LocalStandsAlone() {
  return {"`local` stands alone in `allow`.", [](const Value& object) {
            const Value& allow = object["allow"];
            if (!allow.IsKnown() || allow.sequence().size() < 2) return absl::OkStatus();
            for (const Value& one : allow.sequence()) {
              if (!one.IsKnown() || one.string() != "local") continue;
              return At("allow", Invalid("\"local\" means the platform's own networks and stands "
                                         "alone: write all networks out, or only "
                                         "\"local\""));
            }
            return absl::OkStatus();
          }};
}

}  // namespace

const std::vector<std::string>& LocalNetworks() {
  static const auto& networks =
      *new std::vector<std::string>{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};
  return networks;
}

const ObjectSpec<RateLimitModel>& RateLimitModel::Describe() {
  using M = RateLimitModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How many requests one client may make.",
      {
          Field(&M::average, "average", Required, "Requests a second in the long run.")
              .Check(Between(1, 1000000)),
          Field(&M::burst, "burst", Optional,
                "Requests at once; five times `average` if unset. ingress-nginx rounds it up to a "
                "multiple of `average`.")
              .Check(Between(1, 10000000)),
      });
  return spec;
}

const ObjectSpec<RedirectModel>& RedirectModel::Describe() {
  using M = RedirectModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Sends a path somewhere else.",
      {
          Field(&M::from, "from", Required,
                "Regular expression of the path, from its beginning: "
                "`^/.well-known/(caldav|carddav)/?$`.")
              .Check(TextRule("begins with `^/`",
                              [](absl::string_view text) {
                                if (absl::StartsWith(text, "^/")) return absl::OkStatus();
                                return Invalid(absl::StrCat(
                                    "\"", text,
                                    "\" must begin with \"^/\", such as \"^/old/(.*)$\""));
                              })),
          Field(&M::to, "to", Required,
                "A path of the same host, or a whole URL. With Traefik, `$${1}` in HCL "
                "stands for the first group of `from`.")
              .Check(TextRule(
                  "is a path or a URL",
                  [](absl::string_view text) {
                    const bool good = absl::StartsWith(text, "/") ||
                                      absl::StartsWith(text, "https://") ||
                                      absl::StartsWith(text, "http://");
                    if (good) return absl::OkStatus();
                    return Invalid(absl::StrCat(
                        "\"", text,
                        "\" must be a path such as \"/new/\", or a URL with http:// or https://"));
                  })),
          Field(&M::permanent, "permanent", Optional,
                "`true`: browsers remember it (301). `false` by default (302)."),
      });
  return spec;
}

const ObjectSpec<TlsModel>& TlsModel::Describe() {
  using M = TlsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The certificate. With nothing set inside, it is the controller's own default certificate.",
      {
          Field(&M::secret, "secret", Optional,
                "Secret of the service's namespace that holds the certificate. With an issuer, "
                "where cert-manager puts it; "
                "`<ingress>-tls` by default.")
              .Check(DnsSubdomain()),
          Field(&M::issuer, "issuer", Optional,
                "Issuer of cert-manager that makes the certificate.")
              .Check(DnsSubdomain()),
          Field(&M::issuer_kind, "issuer_kind", Optional,
                "`ClusterIssuer` (default), or `Issuer` of the service's namespace.")
              .Check(OneOf({"ClusterIssuer", "Issuer"})),
      },
      {Needs("issuer_kind", "issuer")});
  return spec;
}

const ObjectSpec<TileModel>& TileModel::Describe() {
  using M = TileModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A tile on the Homepage dashboard, which finds it by annotations.",
      {
          Field(&M::name, "name", Optional, "Title; the service's name by default.")
              .Check(LengthBetween(1, 253)),
          Field(&M::group, "group", Required, "Group of the dashboard that shows it.")
              .Check(LengthBetween(1, 253)),
          Field(&M::icon, "icon", Optional,
                "Icon as Homepage names them: `grafana.png`, `mdi-cloud`, or a URL."),
          Field(&M::description, "description", Optional, "One line below the title."),
      });
  return spec;
}

const ObjectSpec<FrontModel>& FrontModel::Describe() {
  using M = FrontModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A Service between the ingress and this one, such as a bot wall.",
      {
          Field(&M::service, "service", Required, "Name of the Service, in the same namespace.")
              .Check(DnsLabel()),
          Field(&M::port, "port", Required, "Its port by name or number.").Check(PortText()),
      });
  return spec;
}

const ObjectSpec<MiddlewaresModel>& MiddlewaresModel::Describe() {
  using M = MiddlewaresModel;
  static const auto& spec = *new ObjectSpec<M>(
      "Traefik's middlewares: each `<namespace>-<name>@kubernetescrd`, a key of "
      "`conventions.ingress.middlewares`, or the name of a "
      "Middleware of the service's namespace.",
      {
          Field(&M::add, "add", Optional, "More at the end of the list.")
              .Check(EachElement(LengthBetween(1, 253))),
          Field(&M::skip, "skip", Optional,
                "Keys of `conventions.ingress.middlewares` to leave out of the list, such as "
                "`ai-bots`.")
              .Check(EachElement(OneOf({"real-ip", "retry", "error-pages", "rate-limit", "csp",
                                        "ai-bots", "ai-headers"}))),
          Field(&M::only, "only", Optional, "The whole list.")
              .Check(EachElement(LengthBetween(1, 253))),
      },
      {Alone("only", {"add", "skip"})});
  return spec;
}

const ObjectSpec<IngressModel>& IngressModel::Describe() {
  using M = IngressModel;
  static const auto& spec = *new ObjectSpec<M>(
      "What is rarely said about an ingress.",
      {
          Field(&M::hosts, "hosts", Optional,
                "More host names, in the form of `host`; if that is not set, all of them.")
              .Check(EachElement(HostName())),
          Field(&M::tls, "tls", Optional,
                "The certificate; that of `conventions.ingress` by default, and plain HTTP if that "
                "has none."),
          Field(&M::tls_redirect, "tls_redirect", Optional,
                "`false`: answer plain HTTP as well instead of sending it to HTTPS. The controller "
                "decides by default."),
          Field(&M::ingress_class, "ingress_class", Optional,
                "IngressClass; that of `conventions.ingress` by default, else the cluster's.")
              .Check(DnsSubdomain()),
          Field(&M::rate_limit, "rate_limit", Optional,
                "How many requests one client may make, instead of the platform's limit."),
          Field(&M::body_limit, "body_limit", Optional,
                "Largest request: `512k`, `50m`, `5g`, or `unlimited`. The controller's default if "
                "unset.")
              .Check(BodyLimit()),
          Field(&M::content_security_policy, "content_security_policy", Optional,
                "Content-Security-Policy of all answers, instead of the platform's. ingress-nginx "
                "must allow the header "
                "(`global-allowed-response-headers`).")
              .Check(LengthBetween(1, 8192)),
          Field(&M::redirects, "redirects", Optional,
                "Paths that are elsewhere, in the order in which they are tried."),
          Field(&M::middlewares, "middlewares", Optional, "Traefik's middlewares."),
          Field(&M::front, "front", Optional,
                "A Service that requests go to first, such as a bot wall; `port` is its business "
                "then."),
          Field(&M::annotations, "annotations", Optional, "More annotations of the Ingress.")
              .Check(EachKey(LabelKey())),
      });
  return spec;
}

const ObjectSpec<LoadBalancerModel>& LoadBalancerModel::Describe() {
  using M = LoadBalancerModel;
  static const auto& spec = *[] {
    std::vector<ObjectSpec<M>::Row> rows = OuterRows<M>();
    rows.push_back(Field(&M::address, "address", Optional,
                         "Address, of a pool of MetalLB, or `IPv4,IPv6`; any free one by default.")
                       .Check(Addresses()));
    rows.push_back(
        Field(&M::share_address, "share_address", Optional,
              "Any text: Services with the same text may share one address (MetalLB) if their "
              "ports differ, and `external_traffic_policy` is `Cluster` or the pods are "
              "the same.")
            .Check(LengthBetween(1, 253)));
    return new ObjectSpec<M>("A load balancer with an address of its own.", std::move(rows));
  }();
  return spec;
}

const ObjectSpec<NodePortModel>& NodePortModel::Describe() {
  using M = NodePortModel;
  static const auto& spec = *[] {
    std::vector<ObjectSpec<M>::Row> rows = OuterRows<M>();
    rows.push_back(Field(&M::node_ports, "node_ports", Optional,
                         "Ports of the node by port of the service; the server picks the others.")
                       .Check(EachElement(Between(1, 65535))));
    return new ObjectSpec<M>("A port of every node.", std::move(rows));
  }();
  return spec;
}

const ObjectSpec<ExposeModel>& ExposeModel::Describe() {
  using M = ExposeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One way in to the service: for HTTP through the ingress controller, unless `loadbalancer` "
      "or `nodeport` says otherwise.",
      {
          Field(&M::host, "host", Optional,
                "Host name; the service's name by default. Without a dot, `conventions.domain` is "
                "appended.")
              .Check(HostName()),
          Field(&M::paths, "paths", Optional, "Paths that begin with these; `[\"/\"]` by default.")
              .Check(EachElement(AbsolutePath())),
          Field(&M::port, "port", Optional,
                "Port that requests go to, by name or number; `http`, or the only one, by default.")
              .Check(PortText()),
          Field(&M::auth, "auth", Optional,
                "Who gets through: `required` (default) asks for a login of the platform, `public` "
                "takes guests through it, `app` leaves it to "
                "the application's own login, `none` is for everybody. What the first two mean to "
                "the ingress controller is in "
                "`conventions.ingress.auth_modes`.")
              .Check(OneOf({"required", "public", "app", "none"})),
          Field(&M::auth_reason, "auth_reason", Optional,
                "Why `app` or `none` is right, for whoever reads the configuration: \"own login; "
                "native clients call /api\".")
              .Check(LengthBetween(1, 1000)),
          Field(&M::groups, "groups", Optional,
                "Groups that get through, as an annotation that the platform's login reads; if "
                "unset, all who are logged in.")
              .Check(NotEmpty("Leave it out for all who are logged in."))
              .Check(EachElement(TextRule("is a name without commas",
                                          [](absl::string_view text) {
                                            if (!text.empty() && !absl::StrContains(text, ","))
                                              return absl::OkStatus();
                                            return Invalid(absl::StrCat(
                                                "\"", text,
                                                "\" must be a group's name without commas"));
                                          }))),
          Field(&M::allow, "allow", Optional,
                "Networks that clients must be in, such as `10.1.0.0/16`; if unset, everywhere. "
                "`local` alone means the networks that "
                "`conventions.ingress` calls local, else private addresses (RFC 1918, RFC 4193).")
              .Check(NotEmpty("An empty list would let everybody in: leave it out for that."))
              .Check(EachElement(Network(/*or_local=*/true))),
          Field(&M::tile, "tile", Optional,
                "A tile on the dashboard. Give it to one entry of a service."),
          Field(&M::ingress, "ingress", Optional, "What is rarely said about an ingress."),
          Field(&M::loadbalancer, "loadbalancer", Optional,
                "A load balancer with an address of its own instead: `{}`."),
          Field(&M::nodeport, "nodeport", Optional, "A port of every node instead: `{}`."),
      },
      {AtMostOneOf({"loadbalancer", "nodeport"}), HttpNeedsAnIngress(), OpenDoorNeedsAReason(),
       GroupsNeedALogin(), WholeListIsWhole(), LocalStandsAlone(), FrontHasThePort()});
  return spec;
}

std::string KindOf(const ExposeModel& expose) {
  if (expose.loadbalancer.IsUnknown() || expose.nodeport.IsUnknown()) return "";
  if (expose.loadbalancer.IsKnown()) return "loadbalancer";
  return expose.nodeport.IsKnown() ? "nodeport" : "ingress";
}

const IngressModel& IngressOf(const ExposeModel& expose) {
  static const auto& none = *new IngressModel();
  return expose.ingress.IsKnown() ? *expose.ingress : none;
}

const OuterServiceModel& OuterOf(const ExposeModel& expose) {
  static const auto& none = *new OuterServiceModel();
  if (expose.loadbalancer.IsKnown()) return *expose.loadbalancer;
  return expose.nodeport.IsKnown() ? static_cast<const OuterServiceModel&>(*expose.nodeport) : none;
}

}  // namespace charon::service
