// What a YAML scalar means to kubectl. Inside yaml.cc and its emitter.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes::internal {

// The value of a scalar. `tag` as yaml-cpp gives it: "?" for a plain one without a tag, "!" for a
// quoted one, else the tag. InvalidArgument, without position, for what JSON has no value for or
// the tag forbids.
absl::StatusOr<Json> ScalarValue(absl::string_view tag, const std::string& text);

// The same as the text of a map key. InvalidArgument for null.
absl::StatusOr<std::string> ScalarKey(absl::string_view tag, const std::string& text);
// A value that came by an alias as a map key.
absl::StatusOr<std::string> ScalarKey(const Json& value);

// A float as kubectl passes it on: an integer if it is one.
Json FloatValue(double value);

}  // namespace charon::kubernetes::internal
