// Policies as the two generations of Headscale read them: HuJSON, and what they refuse.
//
// Texts follow tailscale/hujson and hscontrol/policy of v0.23.0 and hscontrol/policy/v2 of v0.29.2.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_POLICY_H_
#define ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_POLICY_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "headscale_names.h"

namespace charon::sandbox::headscale {

// JSON without comments and trailing commas.
absl::StatusOr<std::string> Standardise(absl::string_view hujson);

// What the server uses of a policy besides its rules.
struct Policy {
  std::map<std::string, std::vector<std::string>> groups;
  std::map<std::string, std::vector<std::string>> tag_owners;
  std::map<std::string, std::vector<std::string>> route_approvers;  // By prefix.
  std::vector<std::string> exit_approvers;

  // The members behind owners or approvers: groups are taken apart.
  std::vector<std::string> Expand(const std::vector<std::string>& owners) const;
};

// What only the server's own state can tell.
struct PolicyContext {
  bool has_nodes = false;
  // Whether a node carries the tag by the administrator's will.
  std::function<bool(const std::string&)> is_forced_tag;
};

// The error is what the server says, without what the handler puts before it.
absl::StatusOr<Policy> ReadPolicy023(const std::string& text, const PolicyContext& context);
absl::StatusOr<Policy> ReadPolicy029(const std::string& text);

}  // namespace charon::sandbox::headscale

#endif  // ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_POLICY_H_
