// The tables of the SDK, as the protocol's schemas.
#pragma once

#include <cstdint>

#include "proto/tfplugin6.pb.h"
#include "provider/schema/schema.h"
#include "provider/sdk/function.h"

namespace charon::server {

void ToProto(const ObjectSchema& schema, std::int64_t version, tfplugin6::Schema* out);
void ToProto(const sdk::AnyFunction& function, tfplugin6::Function* out);
// Required attributes are required for import, optional ones optional.
void IdentityToProto(const ObjectSchema& schema, tfplugin6::ResourceIdentitySchema* out);

}  // namespace charon::server
