#include <utility>

#include "provider/sdk/adapter.h"
#include "provider/server/calls.h"
#include "provider/server/convert.h"
#include "provider/server/diagnostics.h"

namespace charon::server {
namespace {

absl::StatusOr<sdk::AnyResource*> Find(const CallScope& scope, const std::string& type) {
  return FindIn(scope.registry.resources(), "resource", type);
}

// JSON of state as stored. Terraform 0.11 stored something else, which every later version upgrades
// first.
absl::StatusOr<std::string> JsonOf(const tfplugin6::RawState& raw) {
  if (raw.json().empty() && !raw.flatmap().empty()) {
    return WithRemedy(absl::InvalidArgumentError("the state was written by Terraform 0.11"),
                      "Apply it once with Terraform 0.12 or later and the provider that made it.");
  }
  return raw.json();
}

}  // namespace

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::ValidateResourceConfig::Request& request,
                    tfplugin6::ValidateResourceConfig::Response*) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const Value config, Config(request, resource->schema()));
  scope.diagnostics.Append(
      resource->Validate(scope.call, config, CapabilitiesOf(request.client_capabilities())));
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope, const tfplugin6::UpgradeResourceState::Request& request,
                    tfplugin6::UpgradeResourceState::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const std::string json, JsonOf(request.raw_state()));
  sdk::StateAnswer answer = resource->Upgrade(scope.call, request.version(), json);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  return ToProto("the upgraded state", answer.state, resource->schema().type(),
                 response->mutable_upgraded_state());
}

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::UpgradeResourceIdentity::Request& request,
                    tfplugin6::UpgradeResourceIdentity::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  CHARON_ASSIGN_OR_RETURN(const std::string json, JsonOf(request.raw_identity()));
  sdk::StateAnswer answer = resource->UpgradeIdentity(scope.call, request.version(), json);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  return EncodeIdentity(answer.identity, resource->identity_schema(),
                        [&] { return response->mutable_upgraded_identity(); });
}

absl::Status Handle(const CallScope& scope, const tfplugin6::ReadResource::Request& request,
                    tfplugin6::ReadResource::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  const Type& type = resource->schema().type();
  const ObjectSchema* identity = resource->identity_schema();
  sdk::ReadRequest read;
  CHARON_ASSIGN_OR_RETURN(read.state, FromProto("the state", request.current_state(), type));
  CHARON_ASSIGN_OR_RETURN(read.identity, IdentityFromProto(request.current_identity(), identity));
  read.private_bytes = request.private_();
  read.capabilities = CapabilitiesOf(request.client_capabilities());
  sdk::StateAnswer answer = resource->Read(scope.call, read);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  SetDeferred(answer.deferred, response);
  response->set_private_(std::move(answer.private_bytes));
  CHARON_RETURN_IF_ERROR(
      ToProto("the new state", answer.state, type, response->mutable_new_state()));
  return EncodeIdentity(answer.identity, identity,
                        [&] { return response->mutable_new_identity(); });
}

absl::Status Handle(const CallScope& scope, const tfplugin6::PlanResourceChange::Request& request,
                    tfplugin6::PlanResourceChange::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  const Type& type = resource->schema().type();
  const ObjectSchema* identity = resource->identity_schema();
  sdk::PlanRequest plan;
  CHARON_ASSIGN_OR_RETURN(plan.config, Config(request, resource->schema()));
  CHARON_ASSIGN_OR_RETURN(plan.prior, FromProto("the prior state", request.prior_state(), type));
  CHARON_ASSIGN_OR_RETURN(plan.proposed,
                          FromProto("the proposed state", request.proposed_new_state(), type));
  CHARON_ASSIGN_OR_RETURN(plan.identity, IdentityFromProto(request.prior_identity(), identity));
  // Cores of 6.11 send what the plan walk answered when the apply walk plans again; it started from
  // the prior bytes and so has all of them.
  plan.private_bytes =
      request.planned_private().empty() ? request.prior_private() : request.planned_private();
  plan.capabilities = CapabilitiesOf(request.client_capabilities());
  sdk::PlanAnswer answer = resource->Plan(scope.call, plan);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  SetDeferred(answer.deferred, response);
  response->set_planned_private(std::move(answer.private_bytes));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  for (const Path& path : answer.requires_replace) ToProto(path, response->add_requires_replace());
  CHARON_RETURN_IF_ERROR(
      ToProto("the planned state", answer.planned, type, response->mutable_planned_state()));
  return EncodeIdentity(answer.identity, identity,
                        [&] { return response->mutable_planned_identity(); });
}

absl::Status Handle(const CallScope& scope, const tfplugin6::ApplyResourceChange::Request& request,
                    tfplugin6::ApplyResourceChange::Response* response) {
  // Whatever goes wrong around the operation, the state before it is better than none: Terraform
  // keeps what comes beside an error.
  *response->mutable_new_state() = request.prior_state();
  response->set_private_(request.planned_private());
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  const Type& type = resource->schema().type();
  const ObjectSchema* identity = resource->identity_schema();
  sdk::ApplyRequest apply;
  CHARON_ASSIGN_OR_RETURN(apply.config, Config(request, resource->schema()));
  CHARON_ASSIGN_OR_RETURN(apply.prior, FromProto("the prior state", request.prior_state(), type));
  CHARON_ASSIGN_OR_RETURN(apply.planned,
                          FromProto("the planned state", request.planned_state(), type));
  CHARON_ASSIGN_OR_RETURN(apply.identity, IdentityFromProto(request.planned_identity(), identity));
  apply.private_bytes = request.planned_private();
  sdk::StateAnswer answer = resource->Apply(scope.call, apply);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  response->set_private_(std::move(answer.private_bytes));
  const absl::Status encoded =
      ToProto("the new state", answer.state, type, response->mutable_new_state());
  if (!encoded.ok()) {
    if (!apply.prior.IsNull()) return encoded;
    // An object was made and its state cannot be told. What was planned, without what was open,
    // lets Terraform find it again.
    bool unknown = false;
    ToProto("the planned state", sdk::NullForUnknown(apply.planned, &unknown), type,
            response->mutable_new_state())
        .IgnoreError();
    return encoded;
  }
  return EncodeIdentity(answer.identity, identity,
                        [&] { return response->mutable_new_identity(); });
}

absl::Status Handle(const CallScope& scope, const tfplugin6::ImportResourceState::Request& request,
                    tfplugin6::ImportResourceState::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  const ObjectSchema* identity = resource->identity_schema();
  sdk::ImportRequest import;
  import.id = request.id();
  CHARON_ASSIGN_OR_RETURN(import.identity, IdentityFromProto(request.identity(), identity));
  import.capabilities = CapabilitiesOf(request.client_capabilities());
  sdk::StateAnswer answer = resource->Import(scope.call, import);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  SetDeferred(answer.deferred, response);
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  auto* imported = response->add_imported_resources();
  imported->set_type_name(request.type_name());
  imported->set_private_(std::move(answer.private_bytes));
  CHARON_RETURN_IF_ERROR(ToProto("the imported state", answer.state, resource->schema().type(),
                                 imported->mutable_state()));
  return EncodeIdentity(answer.identity, identity, [&] { return imported->mutable_identity(); });
}

absl::Status Handle(const CallScope& scope, const tfplugin6::MoveResourceState::Request& request,
                    tfplugin6::MoveResourceState::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.target_type_name()));
  sdk::MoveRequest move;
  move.source_provider = request.source_provider_address();
  move.source_type = request.source_type_name();
  move.source_version = request.source_schema_version();
  CHARON_ASSIGN_OR_RETURN(move.source_state, JsonOf(request.source_state()));
  sdk::StateAnswer answer = resource->Move(scope.call, move);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  response->set_target_private(std::move(answer.private_bytes));
  CHARON_RETURN_IF_ERROR(ToProto("the moved state", answer.state, resource->schema().type(),
                                 response->mutable_target_state()));
  return EncodeIdentity(answer.identity, resource->identity_schema(),
                        [&] { return response->mutable_target_identity(); });
}

absl::Status Handle(const CallScope& scope,
                    const tfplugin6::GenerateResourceConfig::Request& request,
                    tfplugin6::GenerateResourceConfig::Response* response) {
  CHARON_ASSIGN_OR_RETURN(sdk::AnyResource * resource, Find(scope, request.type_name()));
  const Type& type = resource->schema().type();
  CHARON_ASSIGN_OR_RETURN(const Value state, FromProto("the state", request.state(), type));
  sdk::StateAnswer answer = resource->GenerateConfig(scope.call, state);
  scope.diagnostics.Append(std::move(answer.diagnostics));
  if (scope.diagnostics.HasError()) return absl::OkStatus();
  return ToProto("the configuration", answer.state, type, response->mutable_config());
}

}  // namespace charon::server
