#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "provider/base/redact.h"
#include "provider/server/calls.h"
#include "provider/server/convert.h"
#include "provider/server/diagnostics.h"

namespace charon::server {
namespace {

template <typename T, typename Request>
absl::Status Validate(const CallScope& scope, const sdk::Registry::Map<T>& map,
                      absl::string_view kind, const Request& request) {
  CHARON_ASSIGN_OR_RETURN(T * entry, FindIn(map, kind, request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, entry->schema()));
  scope.diagnostics.Append(entry->Validate(scope.call, config));
  return absl::OkStatus();
}

absl::StatusOr<sdk::AnyEphemeral*> FindEphemeral(const CallScope& scope, const std::string& type) {
  return FindIn(scope.registry.ephemerals(), "ephemeral resource", type);
}

template <typename Response>
void SetRenewal(const std::optional<absl::Time>& at, Response* response) {
  if (!at) return;
  const std::int64_t seconds = absl::ToUnixSeconds(*at);
  const absl::Duration rest = *at - absl::FromUnixSeconds(seconds);
  response->mutable_renew_at()->set_seconds(seconds);
  response->mutable_renew_at()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
}

}  // namespace

// ---- The provider block ----

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::ValidateProviderConfig::Request& request,
                    tfplugin6::ValidateProviderConfig::Response*) {
  sdk::AnyProvider& provider = scope.registry.provider();
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, provider.schema()));
  scope.diagnostics.Append(provider.Validate(scope.call, config));
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope, const tfplugin6::ConfigureProvider::Request& request,
                    tfplugin6::ConfigureProvider::Response*) {
  sdk::AnyProvider& provider = scope.registry.provider();
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, provider.schema()));
  provider.CountRun();
  scope.diagnostics.Append(provider.Configure(scope.call, config, request.terraform_version()));
  return absl::OkStatus();
}

// ---- Data sources ----

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::ValidateDataResourceConfig::Request& request,
                    tfplugin6::ValidateDataResourceConfig::Response*) {
  return Validate(scope, scope.registry.data_sources(), "data source", request);
}

absl::Status Handle(const CallScope& scope, const tfplugin6::ReadDataSource::Request& request,
                    tfplugin6::ReadDataSource::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyDataSource * source, FindIn(scope.registry.data_sources(),
                                                              "data source", request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, source->schema()));
  sdk::StateAnswer answer =
      source->Read(scope.call, config, CapabilitiesOf(request.client_capabilities()));
  scope.diagnostics.Append(std::move(answer.diagnostics));
  SetDeferred(answer.deferred, response);
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  return ToProto("the data", answer.state, source->schema().type(), response->mutable_state());
}

// ---- Ephemeral resources ----

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::ValidateEphemeralResourceConfig::Request& request,
                    tfplugin6::ValidateEphemeralResourceConfig::Response*) {
  return Validate(scope, scope.registry.ephemerals(), "ephemeral resource", request);
}

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::OpenEphemeralResource::Request& request,
                    tfplugin6::OpenEphemeralResource::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyEphemeral * ephemeral, FindEphemeral(scope, request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, ephemeral->schema()));
  sdk::EphemeralAnswer answer = ephemeral->Open(scope.call, config);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  response->set_private_(std::move(answer.private_bytes));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  SetRenewal(answer.renew_at, response);
  return ToProto("the result", answer.result, ephemeral->schema().type(),
                 response->mutable_result());
}

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::RenewEphemeralResource::Request& request,
                    tfplugin6::RenewEphemeralResource::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyEphemeral * ephemeral, FindEphemeral(scope, request.type_name()));
  sdk::EphemeralAnswer answer = ephemeral->Renew(scope.call, request.private_());
  scope.diagnostics.Append(std::move(answer.diagnostics));
  response->set_private_(std::move(answer.private_bytes));
  SetRenewal(answer.renew_at, response);
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::CloseEphemeralResource::Request& request,
                    tfplugin6::CloseEphemeralResource::Response*) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyEphemeral * ephemeral, FindEphemeral(scope, request.type_name()));
  scope.diagnostics.Append(ephemeral->Close(scope.call, request.private_()));
  return absl::OkStatus();
}

// ---- Functions ----

absl::Status CallFunction(const sdk::Registry& registry,
                          const tfplugin6::CallFunction::Request& request,
                          tfplugin6::CallFunction::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyFunction * function,
                          FindIn(registry.functions(), "function", request.name()));
  const auto given = static_cast<std::size_t>(request.arguments_size());
  const std::size_t fixed = function->parameters().size();
  if (given < fixed || (given > fixed && !function->variadic())) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.name(), " takes ", fixed, " arguments, not ", given));
  }
  std::vector<Value> arguments;
  for (std::size_t i = 0; i < given; ++i) {
    const Type& type = i < fixed ? function->parameters()[i].type : function->variadic()->type;
    absl::StatusOr<Value> value =
        FromProto("the argument", request.arguments(static_cast<int>(i)), type);
    if (!value.ok()) return sdk::AtArgument(i, std::move(value).status());
    arguments.push_back(*std::move(value));
  }
  CHARON_ASSIGN_OR_RETURN(const Value result, function->Call(arguments));
  return ToProto("the result", result, function->returns(), response->mutable_result());
}

// ---- List resources ----

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::ValidateListResourceConfig::Request& request,
                    tfplugin6::ValidateListResourceConfig::Response*) {
  return Validate(scope, scope.registry.lists(), "list resource", request);
}

absl::Status List(const CallScope& scope, const tfplugin6::ListResource::Request& request,
                  const SendListEvent& send) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyList * list,
                          FindIn(scope.registry.lists(), "list resource", request.type_name()));
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource,
                          FindIn(scope.registry.resources(), "resource", request.type_name()));
  sdk::ListRequest wanted;
  CHARON_ASSIGN_OR_RETURN(wanted.config, Config(request, list->schema()));
  wanted.include_resource = request.include_resource_object();
  wanted.limit = request.limit();
  absl::Status status;
  std::int64_t sent = 0;
  const auto emit = [&](sdk::ListedObject object) {
    tfplugin6::ListResource::Event event;
    event.set_display_name(ToUtf8(object.display_name));
    status = EncodeIdentity(object.identity, resource->identity_schema(),
                            [&] { return event.mutable_identity(); });
    if (status.ok() && !object.resource.IsNull()) {
      status = ToProto("the listed object", object.resource, resource->schema().type(),
                       event.mutable_resource_object());
    }
    if (!status.ok()) return false;
    ToProto(object.diagnostics, event.mutable_diagnostic());
    if (!send(event)) return false;
    ++sent;
    return wanted.limit <= 0 || sent < wanted.limit;
  };
  scope.diagnostics.Append(list->List(scope.call, wanted, emit));
  return status;
}

// ---- Actions ----

absl::Status Handle(const CallScope& scope, const tfplugin6::ValidateActionConfig::Request& request,
                    tfplugin6::ValidateActionConfig::Response*) {
  return Validate(scope, scope.registry.actions(), "action", request);
}

absl::Status Handle(const CallScope& scope, const tfplugin6::PlanAction::Request& request,
                    tfplugin6::PlanAction::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyAction * action,
                          FindIn(scope.registry.actions(), "action", request.action_type()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, action->schema()));
  auto planned = action->Plan(scope.call, config, CapabilitiesOf(request.client_capabilities()));
  scope.diagnostics.Append(std::move(planned.diagnostics));
  SetDeferred(planned.deferred, response);
  return absl::OkStatus();
}

absl::Status Invoke(const CallScope& scope, const tfplugin6::InvokeAction::Request& request,
                    const SendProgress& send) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyAction * action,
                          FindIn(scope.registry.actions(), "action", request.action_type()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, action->schema()));
  absl::Mutex sending;  // an action may report from several threads
  scope.diagnostics.Append(action->Invoke(scope.call, config, [&](const std::string& message) {
    tfplugin6::InvokeAction::Event event;
    event.mutable_progress()->set_message(ToUtf8(Redact(message)));
    const absl::MutexLock lock(&sending);
    send(event);
  }));
  return absl::OkStatus();
}

}  // namespace charon::server
