#include "provider/server/calls.h"
#include "provider/server/schema_proto.h"

namespace charon::server {
namespace {

void Announce(const sdk::Registry& registry, tfplugin6::ServerCapabilities* capabilities) {
  capabilities->set_plan_destroy(true);
  // The schemas depend on nothing, so a core may keep them for all processes of a command.
  capabilities->set_get_provider_schema_optional(true);
  capabilities->set_generate_resource_config(true);
  bool moves = false;
  for (const auto& [type, entry] : registry.resources()) {
    moves = moves || !entry->move_sources().empty();
  }
  capabilities->set_move_resource_state(moves);
}

void AddFunctions(const sdk::Registry& registry,
                  google::protobuf::Map<std::string, tfplugin6::Function>* out) {
  for (const auto& [name, function] : registry.functions()) ToProto(*function, &(*out)[name]);
}

// Only managed resources have a version that is kept: that of their state.
template <typename Map>
void AddSchemas(const Map& entries, google::protobuf::Map<std::string, tfplugin6::Schema>* out) {
  for (const auto& [type, entry] : entries) ToProto(entry->schema(), 0, &(*out)[type]);
}

}  // namespace

absl::Status Handle(const CallScope& scope, const tfplugin6::GetMetadata::Request&,
                    tfplugin6::GetMetadata::Response* response) {
  const sdk::Registry& all = scope.registry;
  Announce(all, response->mutable_server_capabilities());
  for (const auto& [type, entry] : all.resources()) response->add_resources()->set_type_name(type);
  for (const auto& [type, entry] : all.data_sources()) {
    response->add_data_sources()->set_type_name(type);
  }
  for (const auto& [type, entry] : all.ephemerals()) {
    response->add_ephemeral_resources()->set_type_name(type);
  }
  for (const auto& [type, entry] : all.lists()) response->add_list_resources()->set_type_name(type);
  for (const auto& [type, entry] : all.actions()) response->add_actions()->set_type_name(type);
  for (const auto& [name, function] : all.functions()) response->add_functions()->set_name(name);
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope, const tfplugin6::GetProviderSchema::Request&,
                    tfplugin6::GetProviderSchema::Response* response) {
  const sdk::Registry& all = scope.registry;
  Announce(all, response->mutable_server_capabilities());
  ToProto(all.provider().schema(), 0, response->mutable_provider());
  for (const auto& [type, entry] : all.resources()) {
    ToProto(entry->schema(), entry->info().version, &(*response->mutable_resource_schemas())[type]);
  }
  AddSchemas(all.data_sources(), response->mutable_data_source_schemas());
  AddSchemas(all.ephemerals(), response->mutable_ephemeral_resource_schemas());
  AddSchemas(all.lists(), response->mutable_list_resource_schemas());
  for (const auto& [type, entry] : all.actions()) {
    ToProto(entry->schema(), 0, (*response->mutable_action_schemas())[type].mutable_schema());
  }
  AddFunctions(all, response->mutable_functions());
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope, const tfplugin6::GetFunctions::Request&,
                    tfplugin6::GetFunctions::Response* response) {
  AddFunctions(scope.registry, response->mutable_functions());
  return absl::OkStatus();
}

absl::Status Handle(const CallScope& scope, const tfplugin6::GetResourceIdentitySchemas::Request&,
                    tfplugin6::GetResourceIdentitySchemas::Response* response) {
  for (const auto& [type, entry] : scope.registry.resources()) {
    if (entry->identity_schema() == nullptr) continue;
    IdentityToProto(*entry->identity_schema(), &(*response->mutable_identity_schemas())[type]);
  }
  return absl::OkStatus();
}

}  // namespace charon::server
