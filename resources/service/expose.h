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

// Traefik's list of middlewares.
struct MiddlewaresModel {
  Attr<std::vector<std::string>> add, only;
  Attr<std::set<std::string>> skip;
  static const ObjectSpec<MiddlewaresModel>& Describe();
};

using Annotations = Attr<std::map<std::string, std::string>>;

// What is rarely said about an Ingress.
struct IngressModel {
  Attr<std::vector<std::string>> hosts;
  Attr<TlsModel> tls;
  Attr<bool> tls_redirect;
  Attr<std::string> ingress_class, body_limit, content_security_policy;
  Attr<RateLimitModel> rate_limit;
  Attr<std::vector<RedirectModel>> redirects;
  Attr<MiddlewaresModel> middlewares;
  Attr<FrontModel> front;
  Annotations annotations;
  static const ObjectSpec<IngressModel>& Describe();
};

// A Service that leads in from outside.
struct OuterServiceModel {
  Attr<std::vector<std::string>> ports;
  Attr<std::string> external_traffic_policy;
  Annotations annotations;
};

struct LoadBalancerModel : OuterServiceModel {
  Attr<std::string> address, share_address;
  static const ObjectSpec<LoadBalancerModel>& Describe();
};

struct NodePortModel : OuterServiceModel {
  Attr<std::map<std::string, std::int64_t>> node_ports;
  static const ObjectSpec<NodePortModel>& Describe();
};

struct ExposeModel {
  Attr<std::string> host, port, auth, auth_reason;
  Attr<std::vector<std::string>> paths;
  Attr<std::set<std::string>> groups, allow;
  Attr<TileModel> tile;
  Attr<IngressModel> ingress;
  Attr<LoadBalancerModel> loadbalancer;
  Attr<NodePortModel> nodeport;
  static const ObjectSpec<ExposeModel>& Describe();
};

// "ingress", "loadbalancer" or "nodeport"; empty while that is unknown.
std::string KindOf(const ExposeModel& expose);
// What is said about the Ingress, or nothing.
const IngressModel& IngressOf(const ExposeModel& expose);
// What is said about the load balancer or the node ports, or nothing.
const OuterServiceModel& OuterOf(const ExposeModel& expose);

// The networks that `allow = ["local"]` stands for: RFC 1918 and RFC 4193.
const std::vector<std::string>& LocalNetworks();

}  // namespace charon::service
