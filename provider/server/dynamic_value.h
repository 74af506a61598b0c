// Values, as the protocol carries them.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/tfplugin6.pb.h"
#include "provider/schema/schema.h"
#include "provider/value/type.h"
#include "provider/value/value.h"

namespace charon::server {

// msgpack if there is any, else JSON; a message that is absent or has neither is null.
// InvalidArgument with the attribute's path, and `what` ("the configuration") in front, for what
// does not fit the type.
absl::StatusOr<Value> FromProto(absl::string_view what, const tfplugin6::DynamicValue& message,
                                const Type& type);

// Always msgpack, null as msgpack's nil. Internal, with `what` in front, if the value does not
// conform: that is our defect, and Terraform would lose the object over it.
absl::Status ToProto(absl::string_view what, const Value& value, const Type& type,
                     tfplugin6::DynamicValue* out);

// Null without a schema or data. `schema` may be nullptr: the resource has no identity.
absl::StatusOr<Value> IdentityFromProto(const tfplugin6::ResourceIdentityData& message,
                                        const ObjectSchema* schema);

}  // namespace charon::server
