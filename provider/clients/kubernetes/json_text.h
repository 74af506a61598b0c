// JSON text as kubectl passes it on. Inside yaml.cc.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes::internal {

struct JsonError {
  absl::Status status;  // InvalidArgument
  std::optional<std::size_t>
      byte;  // where it is no JSON; none: it is, but nested too deep or a key is twice
};

// Reads one value: floats without a fraction become integers, duplicate keys are refused. Nullopt
// if all is well.
std::optional<JsonError> ReadJson(absl::string_view text, std::size_t deepest, Json& value);

}  // namespace charon::kubernetes::internal
