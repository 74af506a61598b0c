// Who reaches whom: what the rules of a policy come to, as exact sets of parties, protocols and
// ports.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/parties.h"
#include "provider/clients/headscale/policy/policy.h"
#include "provider/clients/headscale/policy/traffic.h"

namespace charon::headscale::policy {

// The answer to "does `src` reach `dst`?"
struct Answer {
  bool reaches = false;              // everybody asked about reaches everything asked about
  Traffic traffic;                   // what each of them lets through to each
  std::vector<std::string> rules;    // that say so: "acls[0] (line 3): group:dev -> tag:web:443"
  std::vector<std::string> missing;  // what keeps it from being true: "bob@ -> tag:web: tcp 443"
};

// `src` is "*", a user ("ann@"), a group, a tag, an autogroup, a host, an address or a network.
// `dst` is the same with ports as in a rule ("tag:web:443", "db:22,8000-8080"), tcp unless a
// protocol follows ("tag:dns:53/udp", "tag:web/icmp"); without ports the question is whether
// anything gets through. InvalidArgument for what the policy does not know: a group, tag or host,
// or no alias at all; says `src` or `dst`. With devices, a user, group, tag or autogroup stands for
// its devices, whose addresses count as well.
absl::StatusOr<Answer> Ask(const Policy& policy, absl::string_view src, absl::string_view dst,
                           const std::vector<Device>& devices = {});

// Who gains and who loses reach from one policy to the next, in lines such as "group:dev ->
// tag:web: 443". Logins by ssh are compared as they are written: "ssh: group:dev -> tag:web as
// root".
struct Difference {
  std::vector<std::string> gains, losses;
  bool empty() const { return gains.empty() && losses.empty(); }
};
Difference Compare(const Policy& before, const Policy& after);

// The devices that `self` reaches before, on whatever port, and does not reach at all after, with a
// rule that goes: "web-1 (tag:web), now by acls[0] (line 3): ..." for the first, "web-2 (tag:web)"
// for the others.
std::vector<std::string> LostDevices(const Policy& before, const Policy& after, const Device& self,
                                     const std::vector<Device>& devices);

}  // namespace charon::headscale::policy
