#include "resources/service/expose.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"

namespace charon::service {
namespace {

absl::Status Invalid(absl::string_view message) { return absl::InvalidArgumentError(message); }

Check Networks() {
  return TextRule("is a network such as `10.1.0.0/16`, or `local`", [](absl::string_view text) {
    if (text == "local" || IpPrefix::Parse(text)) return absl::OkStatus();
    if (const auto address = IpAddress::Parse(text)) {
      return Invalid(absl::StrCat("\"", text, "\" is one address: write \"", text, address->v6 ? "/128\"" : "/32\""));
    }
    return Invalid(absl::StrCat("\"", text, "\" is no network: write an address and the length of its prefix, such as "
                                "\"10.1.0.0/16\", or \"local\""));
  });
}

Check Addresses() {
  return TextRule("is an IP address, or an IPv4 and an IPv6 address with a comma", [](absl::string_view text) {
    const std::size_t comma = text.find(',');
    const absl::string_view first = text.substr(0, comma);
    const bool second = comma == absl::string_view::npos || IpAddress::Parse(text.substr(comma + 1)).has_value();
    if (IpAddress::Parse(first) && second) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be an IP address such as \"10.1.0.20\", or an IPv4 and an IPv6 address with a "
                                "comma and no space between them"));
  });
}

Check HostName() {
  return TextRule("is a host name, with `*.` in front for all hosts of a domain", [](absl::string_view text) {
    return DnsSubdomain().run(Value::String(std::string(absl::StripPrefix(text, "*."))));
  });
}

// The size syntax of nginx (ngx_parse_offset): k, m and g are powers of 1024.
Check BodyLimit() {
  return TextRule("is a size such as `50m`, or `unlimited`", [](absl::string_view text) {
    if (text == "unlimited") return absl::OkStatus();
    absl::string_view digits = text;
    if (!digits.empty() && absl::StrContains("kmg", digits.substr(digits.size() - 1))) digits.remove_suffix(1);
    const bool number = !digits.empty() && digits.size() <= 9 && digits[0] != '0' &&
                        std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); });
    if (number) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be a size such as \"512k\", \"50m\" or \"5g\" (k, m and g count by 1024), or "
                                "\"unlimited\""));
  });
}

Check AbsolutePath() {
  return TextRule("begins with `/`", [](absl::string_view text) {
    if (absl::StartsWith(text, "/")) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must begin with \"/\""));
  });
}

Check PortText() {
  return TextRule("is a port by name or number", [](absl::string_view text) {
    if (!text.empty()) return absl::OkStatus();
    return Invalid("must be the name or the number of a port, and is empty");
  });
}

// The kind as it counts: what is not set is an ingress. Empty while unknown.
std::string KindOf(const Value& object) {
  const Value& kind = object["kind"];
  if (kind.IsUnknown()) return "";
  return kind.IsNull() ? "ingress" : kind.string();
}

// Each of `names` belongs to `kinds` only.
ObjectRule BelongTo(std::vector<std::string> kinds, std::vector<std::string> names) {
  auto list = [](const std::vector<std::string>& words, const char* quote, const char* last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : i + 1 == words.size() ? last : ", ", quote, words[i], quote);
    }
    return text;
  };
  const std::string of = list(kinds, "\"", " or ");
  return {absl::StrCat("Only with `kind` = ", of, ": ", list(names, "`", " and "), "."),
          [kinds = std::move(kinds), names = std::move(names), of](const Value& object) {
            const std::string kind = KindOf(object);
            if (kind.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) return absl::OkStatus();
            for (const std::string& name : names) {
              if (object[name].IsNull()) continue;
              return At(name, Invalid(absl::StrCat("\"", name, "\" makes no sense for kind = \"", kind, "\": it belongs to kind = ", of)));
            }
            return absl::OkStatus();
          }};
}

ObjectRule OpenDoorNeedsAReason() {
  return {"With `auth` = \"app\" or \"none\", `auth_reason` must say why.", [](const Value& object) {
            const Value& auth = object["auth"];
            if (KindOf(object) != "ingress" || !auth.IsKnown() || (auth.string() != "app" && auth.string() != "none")) {
              return absl::OkStatus();
            }
            if (!object["auth_reason"].IsNull()) return absl::OkStatus();
            return At("auth_reason",
                      WithRemedy(Invalid(absl::StrCat("the setting auth = \"", auth.string(), "\" lets everybody through to the application, so it "
                                                      "must be said why that is right")),
                                 "Set auth_reason, such as \"own login; native clients call /api\", or leave auth out: then the "
                                 "platform asks for a login."));
          }};
}

ObjectRule GroupsNeedALogin() {
  return {"`groups` needs `auth` = \"required\".", [](const Value& object) {
            const Value& auth = object["auth"];
            if (object["groups"].IsNull() || !auth.IsKnown() || auth.string() == "required") return absl::OkStatus();
            return At("groups", Invalid(absl::StrCat("nobody is asked who they are with auth = \"", auth.string(),
                                                     "\", so groups cannot be told apart: set auth = \"required\", or leave groups out")));
          }};
}

// What a list of one's own would drop in silence.
ObjectRule WholeListIsWhole() {
  static const auto& parts = *new std::vector<std::string>{"middlewares", "middlewares_skip", "rate_limit", "allow", "redirects",
                                                           "content_security_policy", "body_limit"};
  return {"`middlewares_only` needs `auth` = \"app\" or \"none\", and goes with none of `middlewares`, `middlewares_skip`, `rate_limit`, "
          "`allow`, `redirects`, `content_security_policy` and `body_limit`.",
          [](const Value& object) {
            if (object["middlewares_only"].IsNull()) return absl::OkStatus();
            const Value& auth = object["auth"];
            if (!auth.IsUnknown() && (auth.IsNull() || (auth.string() != "app" && auth.string() != "none"))) {
              return At("middlewares_only",
                        WithRemedy(Invalid(absl::StrCat("replaces the whole list, the login of auth = \"",
                                                        auth.IsNull() ? "required" : auth.string(), "\" included")),
                                   "Set auth = \"none\" or \"app\" and auth_reason, or use middlewares, which adds to the list."));
            }
            for (const std::string& name : parts) {
              if (object[name].IsNull()) continue;
              return At(name, Invalid(absl::StrCat("would have no effect: middlewares_only is the whole list. Name a Middleware for it "
                                                   "there, or leave \"", name, "\" out")));
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
              return At("allow", Invalid("\"local\" means the platform's own networks and stands alone: write all networks out, or only "
                                         "\"local\""));
            }
            return absl::OkStatus();
          }};
}

}  // namespace

const std::vector<std::string>& LocalNetworks() {
  static const auto& networks = *new std::vector<std::string>{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"};
  return networks;
}

const ObjectSpec<RateLimitModel>& RateLimitModel::Describe() {
  using M = RateLimitModel;
  static const auto& spec = *new ObjectSpec<M>(
      "How many requests one client may make.",
      {
          Field(&M::average, "average", Required, "Requests a second in the long run.").Check(Between(1, 1000000)),
          Field(&M::burst, "burst", Optional,
                "Requests at once; five times `average` if unset. ingress-nginx rounds it up to a multiple of `average`.")
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
                "Regular expression of the path, from its beginning: `^/.well-known/(caldav|carddav)/?$`.")
              .Check(TextRule("begins with `^/`",
                              [](absl::string_view text) {
                                if (absl::StartsWith(text, "^/")) return absl::OkStatus();
                                return Invalid(absl::StrCat("\"", text, "\" must begin with \"^/\", such as \"^/old/(.*)$\""));
                              })),
          Field(&M::to, "to", Required,
                "A path of the same host, or a whole URL. With Traefik, `${1}` stands for the first group of `from`.")
              .Check(TextRule("is a path or a URL",
                              [](absl::string_view text) {
                                const bool good = absl::StartsWith(text, "/") || absl::StartsWith(text, "https://") ||
                                                  absl::StartsWith(text, "http://");
                                if (good) return absl::OkStatus();
                                return Invalid(absl::StrCat("\"", text, "\" must be a path such as \"/new/\", or a URL with http:// or https://"));
                              })),
          Field(&M::permanent, "permanent", Optional, "`true`: browsers remember it (301). `false` by default (302)."),
      });
  return spec;
}

const ObjectSpec<TlsModel>& TlsModel::Describe() {
  using M = TlsModel;
  static const auto& spec = *new ObjectSpec<M>(
      "The certificate. With nothing set inside, it is the controller's own default certificate.",
      {
          Field(&M::secret, "secret", Optional,
                "Secret of the service's namespace that holds the certificate. With an issuer, where cert-manager puts it; "
                "`<ingress>-tls` by default.")
              .Check(DnsSubdomain()),
          Field(&M::issuer, "issuer", Optional, "Issuer of cert-manager that makes the certificate.").Check(DnsSubdomain()),
          Field(&M::issuer_kind, "issuer_kind", Optional, "`ClusterIssuer` (default), or `Issuer` of the service's namespace.")
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
          Field(&M::name, "name", Optional, "Title; the service's name by default.").Check(LengthBetween(1, 253)),
          Field(&M::group, "group", Required, "Group of the dashboard that shows it.").Check(LengthBetween(1, 253)),
          Field(&M::icon, "icon", Optional, "Icon as Homepage names them: `grafana.png`, `mdi-cloud`, or a URL."),
          Field(&M::description, "description", Optional, "One line below the title."),
      });
  return spec;
}

const ObjectSpec<FrontModel>& FrontModel::Describe() {
  using M = FrontModel;
  static const auto& spec = *new ObjectSpec<M>(
      "A Service between the ingress and this one, such as a bot wall.",
      {
          Field(&M::service, "service", Required, "Name of the Service, in the same namespace.").Check(DnsLabel()),
          Field(&M::port, "port", Required, "Its port by name or number.").Check(PortText()),
      });
  return spec;
}

const ObjectSpec<ExposeModel>& ExposeModel::Describe() {
  using M = ExposeModel;
  static const auto& spec = *new ObjectSpec<M>(
      "One way in to the service.",
      {
          Field(&M::kind, "kind", Optional,
                "`ingress` (default) for HTTP through the ingress controller, `loadbalancer` for an address of its own, or `nodeport` "
                "for a port of every node.")
              .Check(OneOf({"ingress", "loadbalancer", "nodeport"})),
          Field(&M::host, "host", Optional,
                "Host name; the service's name by default. Without a dot, `conventions.domain` is appended.")
              .Check(HostName()),
          Field(&M::hosts, "hosts", Optional, "More host names, in the same form; if `host` is not set, all of them.")
              .Check(EachElement(HostName())),
          Field(&M::paths, "paths", Optional, "Paths that begin with these; `[\"/\"]` by default.").Check(EachElement(AbsolutePath())),
          Field(&M::port, "port", Optional, "Port that requests go to, by name or number; `http`, or the only one, by default.")
              .Check(PortText()),
          Field(&M::front, "front", Optional, "A Service that requests go to first, such as a bot wall; `port` is its business then."),
          Field(&M::auth, "auth", Optional,
                "Who gets through: `required` (default) asks for a login of the platform, `public` takes guests through it, `app` leaves it to "
                "the application's own login, `none` is for everybody. What the first two mean to the ingress controller is in "
                "`conventions.ingress.auth_modes`.")
              .Check(OneOf({"required", "public", "app", "none"})),
          Field(&M::auth_reason, "auth_reason", Optional,
                "Why `app` or `none` is right, for whoever reads the configuration: \"own login; native clients call /api\".")
              .Check(LengthBetween(1, 1000)),
          Field(&M::groups, "groups", Optional,
                "Groups that get through, as an annotation that the platform's login reads; all who are logged in by default.")
              .Check(EachElement(TextRule("is a name without commas",
                                          [](absl::string_view text) {
                                            if (!text.empty() && !absl::StrContains(text, ",")) return absl::OkStatus();
                                            return Invalid(absl::StrCat("\"", text, "\" must be a group's name without commas"));
                                          }))),
          Field(&M::allow, "allow", Optional,
                "Networks that clients must be in, such as `10.1.0.0/16`; everywhere by default. `local` alone means the networks that "
                "`conventions.ingress` calls local, else private addresses (RFC 1918, RFC 4193).")
              .Check(EachElement(Networks())),
          Field(&M::tls, "tls", Optional, "The certificate; that of `conventions.ingress` by default, and plain HTTP if that has none."),
          Field(&M::tls_redirect, "tls_redirect", Optional,
                "`false`: answer plain HTTP as well instead of sending it to HTTPS. The controller decides by default."),
          Field(&M::ingress_class, "ingress_class", Optional,
                "IngressClass; that of `conventions.ingress` by default, else the cluster's.")
              .Check(DnsSubdomain()),
          Field(&M::rate_limit, "rate_limit", Optional, "How many requests one client may make, instead of the platform's limit."),
          Field(&M::body_limit, "body_limit", Optional,
                "Largest request: `512k`, `50m`, `5g`, or `unlimited`. The controller's default if unset.")
              .Check(BodyLimit()),
          Field(&M::content_security_policy, "content_security_policy", Optional,
                "Content-Security-Policy of all answers, instead of the platform's. ingress-nginx must allow the header "
                "(`global-allowed-response-headers`).")
              .Check(LengthBetween(1, 8192)),
          Field(&M::redirects, "redirects", Optional, "Paths that are elsewhere, in the order in which they are tried."),
          Field(&M::tile, "tile", Optional, "A tile on the dashboard. Give it to one entry of a service."),
          Field(&M::middlewares, "middlewares", Optional,
                "Traefik: more middlewares at the end of the list: `<namespace>-<name>@kubernetescrd`, a key of "
                "`conventions.ingress.middlewares`, or the name of a Middleware of the service's namespace.")
              .Check(EachElement(LengthBetween(1, 253))),
          Field(&M::middlewares_only, "middlewares_only", Optional, "Traefik: the whole list of middlewares, named as in `middlewares`.")
              .Check(EachElement(LengthBetween(1, 253))),
          Field(&M::middlewares_skip, "middlewares_skip", Optional,
                "Traefik: keys of `conventions.ingress.middlewares` to leave out of the list, such as `ai-bots`.")
              .Check(EachElement(OneOf({"real-ip", "retry", "error-pages", "rate-limit", "csp", "ai-bots", "ai-headers"}))),
          Field(&M::annotations, "annotations", Optional, "More annotations of the Ingress or Service.").Check(EachKey(LabelKey())),
          Field(&M::ports, "ports", Optional, "Ports by name or number, each with all its protocols; all by default.")
              .Check(EachElement(PortText())),
          Field(&M::address, "address", Optional, "Address of the load balancer, of a pool of MetalLB; any free one by default.")
              .Check(Addresses()),
          Field(&M::share_address, "share_address", Optional,
                "Any text: Services with the same text may share one address (MetalLB), if their ports differ.")
              .Check(LengthBetween(1, 253)),
          Field(&M::external_traffic_policy, "external_traffic_policy", Optional,
                "`Cluster` (Kubernetes' default) or `Local`, which keeps the client's address and answers only on nodes with a pod.")
              .Check(OneOf({"Cluster", "Local"})),
          Field(&M::node_ports, "node_ports", Optional, "Ports of the node by port of the service; the server picks the others.")
              .Check(EachElement(Between(1, 65535))),
      },
      {BelongTo({"ingress"},
                {"host", "hosts", "paths", "port", "front", "auth", "auth_reason", "groups", "tls", "tls_redirect", "ingress_class",
                 "rate_limit", "body_limit", "content_security_policy", "redirects", "tile", "middlewares", "middlewares_only",
                 "middlewares_skip"}),
       BelongTo({"ingress", "loadbalancer"}, {"allow"}), BelongTo({"loadbalancer"}, {"address", "share_address"}),
       BelongTo({"loadbalancer", "nodeport"}, {"ports", "external_traffic_policy"}), BelongTo({"nodeport"}, {"node_ports"}),
       OpenDoorNeedsAReason(), GroupsNeedALogin(), WholeListIsWhole(), LocalStandsAlone(), AtMostOneOf({"port", "front"})});
  return spec;
}

}  // namespace charon::service
