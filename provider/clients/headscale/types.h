// The objects of a Headscale server, as the rest of the program sees them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace charon::headscale {

struct User {
  std::string id;  // decimal
  std::string name;
  std::string display_name, email, picture_url;  // empty for none, and before 0.24
  std::string provider;                          // "oidc" for users of an identity provider
  absl::Time created_at = absl::InfinitePast();

  bool IsFromOidc() const { return provider == "oidc"; }
};

struct NewUser {
  std::string name;
  std::string display_name{}, email{}, picture_url{};

  bool HasDetails() const {
    return !display_name.empty() || !email.empty() || !picture_url.empty();
  }
};

struct PreauthKey {
  std::string id;             // decimal
  std::string key;            // The secret: whole when made, masked when listed from 0.28.
  std::string user, user_id;  // empty for keys with tags only
  bool reusable = false, ephemeral = false, used = false;
  std::vector<std::string> tags;
  std::optional<absl::Time> expiration;
  absl::Time created_at = absl::InfinitePast();

  bool IsExpired(absl::Time now) const { return expiration && *expiration <= now; }
};

struct NewPreauthKey {
  std::string user{};  // name; empty from 0.28 if there are tags
  bool reusable = false, ephemeral = false;
  std::vector<std::string> tags{};
  absl::Time expiration{};
};

struct Node {
  std::string id;  // decimal
  std::string machine_key;
  std::string node_key;
  std::string hostname;       // as the host calls itself
  std::string given_name;     // its name in DNS
  std::string user, user_id;  // empty if it belongs to its tags alone (from 0.28)
  std::vector<std::string> addresses;
  std::vector<std::string> tags;  // set on the server
  std::vector<std::string>
      asked_tags;  // that the node asked for and got (before 0.28; later these are tags)
  // Prefixes, sorted. Exit routes are among them as 0.0.0.0/0 and ::/0.
  std::vector<std::string> approved_routes, available_routes, served_routes;
  std::optional<absl::Time> expiry;  // nullopt: never
  std::optional<absl::Time> last_seen;
  absl::Time created_at = absl::InfinitePast();
  bool online = false;
  bool ephemeral = false;       // the server removes it some time after it went offline
  std::string register_method;  // "auth_key", "cli", "oidc"; empty if unknown

  std::string Ipv4() const { return Address(false); }
  std::string Ipv6() const { return Address(true); }
  bool IsExpired(absl::Time now) const { return expiry && *expiry <= now; }

 private:
  std::string Address(bool v6) const {
    const auto found =
        std::find_if(addresses.begin(), addresses.end(), [v6](const std::string& address) {
          return (address.find(':') != std::string::npos) == v6;
        });
    return found == addresses.end() ? "" : *found;
  }
};

struct Policy {
  std::string text;                      // HuJSON, as it was stored
  std::optional<absl::Time> updated_at;  // nullopt if the server reads it from a file
};

}  // namespace charon::headscale
