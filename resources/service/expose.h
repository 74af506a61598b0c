// One way in to a service: a named entry of charon_service's `expose`.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "provider/schema/field.h"

namespace charon::service {

struct RateLimitModel {
  Attr<std::int64_t> average, burst;
  static const ObjectSpec<RateLimitModel>& Describe();
};

struct RedirectModel {
  Attr<std::string> from, to;
  Attr<bool> permanent;
  static const ObjectSpec<RedirectModel>& Describe();
};

struct TlsModel {
  Attr<std::string> secret, issuer, issuer_kind;
  static const ObjectSpec<TlsModel>& Describe();
};

struct TileModel {
  Attr<std::string> name, group, icon, description;
  static const ObjectSpec<TileModel>& Describe();
};

// What stands between the ingress and the service (a bot wall): a Service that passes requests on.
struct FrontModel {
  Attr<std::string> service, port;
  static const ObjectSpec<FrontModel>& Describe();
};

struct ExposeModel {
  Attr<std::string> kind;
  // ingress
  Attr<std::string> host, port, auth, auth_reason, ingress_class, body_limit, content_security_policy;
  Attr<std::vector<std::string>> hosts, paths, middlewares, middlewares_only;
  Attr<std::set<std::string>> groups, middlewares_skip;
  Attr<FrontModel> front;
  Attr<TlsModel> tls;
  Attr<bool> tls_redirect;
  Attr<RateLimitModel> rate_limit;
  Attr<std::vector<RedirectModel>> redirects;
  Attr<TileModel> tile;
  // any kind
  Attr<std::map<std::string, std::string>> annotations;
  // ingress, loadbalancer
  Attr<std::set<std::string>> allow;
  // loadbalancer, nodeport
  Attr<std::vector<std::string>> ports;
  Attr<std::string> address, share_address, external_traffic_policy;
  Attr<std::map<std::string, std::int64_t>> node_ports;
  static const ObjectSpec<ExposeModel>& Describe();
};

// The networks that `allow = ["local"]` stands for: RFC 1918 and RFC 4193.
const std::vector<std::string>& LocalNetworks();

}  // namespace charon::service
