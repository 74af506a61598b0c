// Exact sets of IP addresses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "provider/base/ip.h"

namespace charon::headscale::policy {

using Address = IpAddress;
using Prefix = IpPrefix;

// As Go's netip.ParseAddr: the zone of an IPv6 address is dropped.
std::optional<Address> ParseAddress(absl::string_view text);
// A prefix, or such an address alone, which stands for itself.
std::optional<Prefix> ParsePrefixOrAddress(absl::string_view text);

// A set of addresses of both families.
class AddressSet {
 public:
  AddressSet() = default;
  static AddressSet Of(const Prefix& prefix);
  static AddressSet All();
  // What `*` means for sources from Headscale 0.29 on: 100.64.0.0/10 without the range of ChromeOS
  // virtual machines (100.115.92.0/23), and fd7a:115c:a1e0::/48 (tailscale.com/net/tsaddr;
  // hscontrol/policy/v2/types.go, v0.29.2).
  static AddressSet Tailnet();
  // What `autogroup:internet` means: public addresses (TheInternet in hscontrol, the same from
  // v0.23.0 to v0.29.2).
  static AddressSet Internet();

  bool empty() const { return ranges_.empty(); }
  bool Contains(const Address& address) const;
  bool Contains(const AddressSet& other) const { return other.Minus(*this).empty(); }
  bool Overlaps(const AddressSet& other) const { return !And(other).empty(); }
  AddressSet Or(const AddressSet& other) const;
  AddressSet And(const AddressSet& other) const;
  AddressSet Minus(const AddressSet& other) const;

  // As few prefixes as make up the set, in order; single addresses without a length.
  std::vector<std::string> ToStrings() const;

  friend bool operator==(const AddressSet& a, const AddressSet& b) {
    return a.ranges_ == b.ranges_;
  }

 private:
  struct Range {
    Address first, last;  // both of one family, inclusive
    friend bool operator==(const Range&, const Range&) = default;
  };
  static AddressSet Joined(std::vector<Range> ranges);
  std::vector<Range> ranges_;  // in order, neither overlapping nor touching
};

}  // namespace charon::headscale::policy
