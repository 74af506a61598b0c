// What the generations of Headscale have in common with each other and what not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::headscale {

inline constexpr int kOldestMinor = 23;
inline constexpr int kNewestMinor = 30;

// What not every generation can do.
enum class Feature {
  kUserDetails,     // display name, e-mail and picture of a user
  kRouteApproval,   // a route may be approved before the node offers it
  kNodeExpiry,      // a node's expiry can be set to a time that is not now
  kNeverExpires,    // a node's expiry can be switched off
  kMoveNode,        // a node can be given to another user
  kClearTags,       // a node can lose its last tag
  kTagsBesideUser,  // a node with tags still belongs to a user
  kTagOnlyKeys,     // pre-auth keys without a user
  kDeleteKey,       // pre-auth keys can be deleted, not only expired
  kPolicyCheck,     // the server judges a policy without storing it
  kPolicyTests,     // a policy may have tests
};

// One generation of the server's API: 0.`minor`. Later ones are spoken to as the newest that is
// known.
struct Dialect {
  int minor = kNewestMinor;
  std::string version = {};  // as the server tells it, "0.29.2"; empty if it does not

  // "0.29".
  std::string Name() const;
  // "Headscale 0.29.2", or "Headscale 0.29".
  std::string Description() const;

  bool Can(Feature feature) const;
  // OK, or Unimplemented: which version can, and which one this is.
  absl::Status Require(Feature feature) const;
};

// "0.26", "0.26.1", "v0.26.1", "0.30.0-beta.1". InvalidArgument for others, and for versions that
// are too old.
absl::StatusOr<Dialect> ParseVersion(absl::string_view text);

// The generation that serves this description of its API (OpenAPI 2, or 3.1 as YAML); nullopt if it
// is none of Headscale.
std::optional<Dialect> DialectOfSpec(absl::string_view document);

// What a user will notice when the server is taken to the next minor version.
struct UpgradeNote {
  std::string version;  // "0.26"
  std::vector<std::string> changes;
};
// Of the step from `minor` to the next; nullopt if that version is not known.
std::optional<UpgradeNote> NextUpgrade(int minor);

// The way in which the server makes two nodes of one name different: true if `given_name` may be
// what it made of `hostname`. From 0.29 "-1", "-2"; before, "-" and eight random characters.
bool IsNumberedTwin(const Dialect& dialect, absl::string_view hostname,
                    absl::string_view given_name);

// The name that the server gives to a node that calls itself `hostname`, if that is free.
std::string GivenNameOf(const Dialect& dialect, absl::string_view hostname);

// OK if each generation takes `name` for a user and its policies can name it. InvalidArgument
// otherwise.
absl::Status CheckUserName(absl::string_view name);

// OK if `tag` is one: "tag:" and a name in lower case. InvalidArgument otherwise.
absl::Status CheckTag(absl::string_view tag);

}  // namespace charon::headscale
