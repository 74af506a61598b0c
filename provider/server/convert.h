// What the Handle functions of calls.h share.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/tfplugin6.pb.h"
#include "provider/base/status.h"
#include "provider/sdk/registry.h"
#include "provider/server/dynamic_value.h"

namespace charon::server {

template <typename T>
absl::StatusOr<T*> FindIn(const sdk::Registry::Map<T>& map, absl::string_view kind,
                          const std::string& type) {
  const auto found = map.find(type);
  if (found != map.end()) return found->second.get();
  return WithRemedy(absl::NotFoundError(absl::StrCat("this version of the provider has no ", kind,
                                                     " called ", type)),
                    "Look the name up in the provider's documentation, or use a version of the "
                    "provider that has it.");
}

template <typename Request>
absl::StatusOr<Value> Config(const Request& request, const ObjectSchema& schema) {
  return FromProto("the configuration", request.config(), schema.type());
}

inline sdk::Capabilities CapabilitiesOf(const tfplugin6::ClientCapabilities& capabilities) {
  return {.deferral_allowed = capabilities.deferral_allowed(),
          .write_only_allowed = capabilities.write_only_attributes_allowed()};
}

inline tfplugin6::Deferred::Reason ReasonOf(sdk::Defer reason) {
  switch (reason) {
    case sdk::Defer::kProviderConfigUnknown:
      return tfplugin6::Deferred::PROVIDER_CONFIG_UNKNOWN;
    case sdk::Defer::kAbsentPrerequisite:
      return tfplugin6::Deferred::ABSENT_PREREQ;
    case sdk::Defer::kResourceConfigUnknown:
      break;
  }
  return tfplugin6::Deferred::RESOURCE_CONFIG_UNKNOWN;
}

// An absent message means "not deferred", so it is only made where there is something to say.
template <typename Response>
void SetDeferred(const std::optional<sdk::Defer>& reason, Response* response) {
  if (reason) response->mutable_deferred()->set_reason(ReasonOf(*reason));
}

// Encodes `identity` if the resource has one and the answer does. `data()` makes the message.
template <typename MakeMessage>
absl::Status EncodeIdentity(const Value& identity, const ObjectSchema* schema, MakeMessage data) {
  if (schema == nullptr || identity.IsNull()) return absl::OkStatus();
  return ToProto("the identity", identity, schema->type(), data()->mutable_identity_data());
}

}  // namespace charon::server
