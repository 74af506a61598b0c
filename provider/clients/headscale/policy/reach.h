// Who reaches whom: what the rules of a policy come to, as exact sets of parties, protocols and ports.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/clients/headscale/policy/addresses.h"
#include "provider/clients/headscale/policy/policy.h"

namespace charon::headscale::policy {

// Ports by protocol. Only tcp, udp and sctp have ports: of the others all or nothing is in it.
class Traffic {
 public:
  static Traffic All();

  bool empty() const { return ports_.empty(); }
  void Add(int protocol, const std::vector<PortRange>& ranges);
  Traffic Or(const Traffic& other) const;
  Traffic And(const Traffic& other) const;
  Traffic Minus(const Traffic& other) const;
  bool Contains(const Traffic& other) const { return other.Minus(*this).empty(); }

  // The same without icmp if there are some ports of tcp or udp: who reaches a port may ping, which is no news.
  Traffic WithoutPing() const;

  // "*" for what a rule without a protocol lets through to all ports, "443" for port 443 of tcp and udp (with or without
  // icmp), "tcp 22, 80-81; icmp".
  std::string ToString() const;

  friend auto operator<=>(const Traffic&, const Traffic&) = default;

 private:
  struct Range {
    int first, last;
    friend auto operator<=>(const Range&, const Range&) = default;
  };
  using Ranges = std::vector<Range>;
  static Ranges Joined(Ranges ranges);
  std::map<int, Ranges> ports_;  // none empty; in order, neither overlapping nor touching
};

// A node of the server, as far as a policy is concerned.
struct Device {
  std::string name;  // for messages
  std::string user;  // empty for tagged devices
  std::vector<std::string> tags;
  std::vector<Address> addresses;
};

// The answer to "does `src` reach `dst`?"
struct Answer {
  bool reaches = false;            // everybody asked about reaches everything asked about
  Traffic traffic;                 // what each of them lets through to each
  std::vector<std::string> rules;  // that say so: "acls[0] (line 3): group:dev -> tag:web:443"
  std::vector<std::string> missing;  // what keeps it from being true: "bob@ -> tag:web: tcp 443"
};

// `src` is "*", a user ("ann@"), a group, a tag, an autogroup, a host, an address or a network. `dst` is the same with
// ports as in a rule ("tag:web:443", "db:22,8000-8080"), tcp unless a protocol follows ("tag:dns:53/udp",
// "tag:web/icmp"); without ports the question is whether anything gets through.
// InvalidArgument for what the policy does not know: a group, tag or host, or no alias at all; says `src` or `dst`.
// With devices, a user, group, tag or autogroup stands for its devices, whose addresses count as well.
absl::StatusOr<Answer> Ask(const Policy& policy, absl::string_view src, absl::string_view dst, const std::vector<Device>& devices = {});

// Who gains and who loses reach from one policy to the next, in lines such as "group:dev -> tag:web: 443". Logins by
// ssh are compared as they are written: "ssh: group:dev -> tag:web as root".
struct Difference {
  std::vector<std::string> gains, losses;
  bool empty() const { return gains.empty() && losses.empty(); }
};
Difference Compare(const Policy& before, const Policy& after);

// The devices that `self` reaches before, on whatever port, and does not reach at all after, with a rule that goes:
// "web-1 (tag:web), now by acls[0] (line 3): ..." for the first, "web-2 (tag:web)" for the others.
std::vector<std::string> LostDevices(const Policy& before, const Policy& after, const Device& self, const std::vector<Device>& devices);

}  // namespace charon::headscale::policy
