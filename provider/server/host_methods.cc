#include "provider/server/host_methods.h"

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "proto/grpc_controller.pb.h"
#include "proto/grpc_health.pb.h"

namespace charon::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// go-plugin's hosts ask for this name; the empty one means the server as a whole.
bool IsServed(const std::string& service) {
  return service.empty() || service == "plugin" || service == "tfplugin6.Provider";
}

grpc::Status CheckHealth(Exchange& exchange) {
  HealthCheckRequest request;
  if (!exchange.Parse(request)) return {grpc::StatusCode::INTERNAL, "cannot be decoded"};
  if (!IsServed(request.service())) return {grpc::StatusCode::NOT_FOUND, "unknown service"};
  HealthCheckResponse response;
  response.set_status(HealthCheckResponse::SERVING);
  exchange.Answer(response);
  return grpc::Status::OK;
}

// As Check, but an unknown service may become known.
grpc::Status WatchHealth(Exchange& exchange) {
  HealthCheckRequest request;
  if (!exchange.Parse(request)) return {grpc::StatusCode::INTERNAL, "cannot be decoded"};
  HealthCheckResponse response;
  response.set_status(IsServed(request.service()) ? HealthCheckResponse::SERVING
                                                  : HealthCheckResponse::SERVICE_UNKNOWN);
  exchange.Answer(response);
  return grpc::Status::OK;
}

}  // namespace

Methods HostMethods(std::function<void()> on_shutdown) {
  using enum Method::Way;
  const auto shut_down = [on_shutdown = std::move(on_shutdown)](Exchange& exchange) {
    on_shutdown();
    exchange.Answer(plugin::Empty());
    return grpc::Status::OK;
  };
  return {
      {"/plugin.GRPCController/Shutdown", {kAtOnce, shut_down}},
      // What a plugin prints would come here; Terraform logs each byte of it as unexpected, so none
      // is sent.
      {"/plugin.GRPCStdio/StreamStdio", {kHeld, nullptr}},
      {"/plugin.GRPCBroker/StartStream", {kHeld, nullptr}},
      {"/grpc.health.v1.Health/Check", {kAtOnce, CheckHealth}},
      {"/grpc.health.v1.Health/Watch", {kHeld, WatchHealth}},
  };
}

}  // namespace charon::server
