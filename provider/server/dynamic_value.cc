#include "provider/server/dynamic_value.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/value/json.h"
#include "provider/value/msgpack.h"

namespace charon::server {

absl::StatusOr<Value> FromProto(absl::string_view what, const tfplugin6::DynamicValue& message,
                                const Type& type) {
  absl::StatusOr<Value> value = message.msgpack().empty() && !message.json().empty()
                                    ? DecodeJson(message.json(), type)
                                    : DecodeMsgpack(message.msgpack(), type);
  if (!value.ok()) return Annotate(std::move(value).status(), absl::StrCat("decoding ", what));
  return value;
}

absl::Status ToProto(absl::string_view what, const Value& value, const Type& type,
                     tfplugin6::DynamicValue* out) {
  absl::StatusOr<std::string> bytes = EncodeMsgpack(value, type);
  if (!bytes.ok()) return Annotate(std::move(bytes).status(), absl::StrCat("encoding ", what));
  out->set_msgpack(*std::move(bytes));
  return absl::OkStatus();
}

absl::StatusOr<Value> IdentityFromProto(const tfplugin6::ResourceIdentityData& message,
                                        const ObjectSchema* schema) {
  if (schema == nullptr || !message.has_identity_data()) return Value::Null();
  return FromProto("the identity", message.identity_data(), schema->type());
}

}  // namespace charon::server
