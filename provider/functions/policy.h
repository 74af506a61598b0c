// provider::charon::hujson_normalize and policy_reach: VPN policies without a server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "provider/schema/field.h"
#include "provider/value/value.h"

namespace charon::functions {

// InvalidArgument, with line and column, for what is no HuJSON.
absl::StatusOr<std::string> HujsonNormalize(const std::string& text);

struct PolicyReach {
  Attr<bool> reaches;
  Attr<std::string> traffic;
  Attr<std::vector<std::string>> rules, missing;
  static const ObjectSpec<PolicyReach>& Describe();
};

// Of a policy as text or as an object; null stands for a server without one. All unknown if
// something in it is.
absl::StatusOr<PolicyReach> Reach(const std::optional<Value>& policy, const std::string& src,
                                  const std::string& dst);

}  // namespace charon::functions
