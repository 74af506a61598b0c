// The calls of the protocol without gRPC around them: find, convert, delegate, convert back. One
// function Handle for each kind of request; provider_service.cc frames them.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "proto/tfplugin6.pb.h"
#include "provider/base/call.h"
#include "provider/sdk/diagnostics.h"
#include "provider/sdk/registry.h"

namespace charon::server {

// What every call gets beside its messages.
struct CallScope {
  const sdk::Registry& registry;
  const Call& call;
  sdk::Diagnostics& diagnostics;  // the answer's; the caller puts them into the response
};

// Each returns OK if the SDK was asked, whatever it answered. Otherwise the request could not be
// served: NotFound for a type that the provider does not have, InvalidArgument for a value that
// does not fit its schema, Internal if an answer could not be encoded.

// schema_calls.cc
absl::Status Handle(const CallScope&, const tfplugin6::GetMetadata::Request&,
                    tfplugin6::GetMetadata::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::GetProviderSchema::Request&,
                    tfplugin6::GetProviderSchema::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::GetFunctions::Request&,
                    tfplugin6::GetFunctions::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::GetResourceIdentitySchemas::Request&,
                    tfplugin6::GetResourceIdentitySchemas::Response*);

// resource_calls.cc
absl::Status Handle(const CallScope&, const tfplugin6::ValidateResourceConfig::Request&,
                    tfplugin6::ValidateResourceConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::UpgradeResourceState::Request&,
                    tfplugin6::UpgradeResourceState::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::UpgradeResourceIdentity::Request&,
                    tfplugin6::UpgradeResourceIdentity::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ReadResource::Request&,
                    tfplugin6::ReadResource::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::PlanResourceChange::Request&,
                    tfplugin6::PlanResourceChange::Response*);
// Leaves the best known state in the response also where it fails.
absl::Status Handle(const CallScope&, const tfplugin6::ApplyResourceChange::Request&,
                    tfplugin6::ApplyResourceChange::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ImportResourceState::Request&,
                    tfplugin6::ImportResourceState::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::MoveResourceState::Request&,
                    tfplugin6::MoveResourceState::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::GenerateResourceConfig::Request&,
                    tfplugin6::GenerateResourceConfig::Response*);

// provider_calls.cc
absl::Status Handle(const CallScope&, const tfplugin6::ValidateProviderConfig::Request&,
                    tfplugin6::ValidateProviderConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ConfigureProvider::Request&,
                    tfplugin6::ConfigureProvider::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ValidateDataResourceConfig::Request&,
                    tfplugin6::ValidateDataResourceConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ReadDataSource::Request&,
                    tfplugin6::ReadDataSource::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ValidateEphemeralResourceConfig::Request&,
                    tfplugin6::ValidateEphemeralResourceConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::OpenEphemeralResource::Request&,
                    tfplugin6::OpenEphemeralResource::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::RenewEphemeralResource::Request&,
                    tfplugin6::RenewEphemeralResource::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::CloseEphemeralResource::Request&,
                    tfplugin6::CloseEphemeralResource::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ValidateListResourceConfig::Request&,
                    tfplugin6::ValidateListResourceConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::ValidateActionConfig::Request&,
                    tfplugin6::ValidateActionConfig::Response*);
absl::Status Handle(const CallScope&, const tfplugin6::PlanAction::Request&,
                    tfplugin6::PlanAction::Response*);

// The status may carry the argument at fault (sdk::ArgumentOf).
absl::Status CallFunction(const sdk::Registry& registry, const tfplugin6::CallFunction::Request&,
                          tfplugin6::CallFunction::Response*);

// `send` puts an event on the wire and returns false when the client wants no more. Diagnostics of
// the whole are left to the caller, who ends the stream with them.
using SendListEvent = std::function<bool(const tfplugin6::ListResource::Event&)>;
absl::Status List(const CallScope&, const tfplugin6::ListResource::Request&,
                  const SendListEvent& send);
using SendProgress = std::function<void(const tfplugin6::InvokeAction::Event&)>;
absl::Status Invoke(const CallScope&, const tfplugin6::InvokeAction::Request&,
                    const SendProgress& send);

}  // namespace charon::server
