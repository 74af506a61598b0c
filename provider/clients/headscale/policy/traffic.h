// What gets through: protocols and ports, as exact sets.
#pragma once

#include <map>
#include <string>
#include <vector>

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

  // The same without icmp if there are some ports of tcp or udp: who reaches a port may ping, which
  // is no news.
  Traffic WithoutPing() const;

  // "*" for what a rule without a protocol lets through to all ports, "443" for port 443 of tcp and
  // udp (with or without icmp), "tcp 22, 80-81; icmp".
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

}  // namespace charon::headscale::policy
