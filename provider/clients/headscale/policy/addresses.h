// IP addresses, prefixes, and exact sets of addresses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace charon::headscale::policy {

struct Address {
  bool v6 = false;
  absl::uint128 bits = 0;  // an IPv4 address has 32

  // As Go's netip.ParseAddr: no leading zeros in IPv4; the zone of an IPv6 address is dropped.
  static std::optional<Address> Parse(absl::string_view text);
  int width() const { return v6 ? 128 : 32; }
  std::string ToString() const;

  friend bool operator==(const Address& a, const Address& b) { return a.v6 == b.v6 && a.bits == b.bits; }
  friend bool operator<(const Address& a, const Address& b) { return a.v6 != b.v6 ? !a.v6 : a.bits < b.bits; }
};

struct Prefix {
  Address address;  // as written, with its host bits
  int length = 0;

  // "10.0.0.0/8", as Go's netip.ParsePrefix; host bits may be set.
  static std::optional<Prefix> Parse(absl::string_view text);
  // Also an address alone, which stands for itself.
  static std::optional<Prefix> ParseOrAddress(absl::string_view text);

  Address first() const;
  Address last() const;
  bool has_host_bits() const { return !(first() == address); }
  bool is_single() const { return length == address.width(); }
  Prefix Masked() const { return {first(), length}; }
  std::string ToString() const;
};

// A set of addresses of both families.
class AddressSet {
 public:
  AddressSet() = default;
  static AddressSet Of(const Prefix& prefix);
  static AddressSet All();
  // What `*` means for sources from Headscale 0.29 on: 100.64.0.0/10 without the range of ChromeOS virtual machines
  // (100.115.92.0/23), and fd7a:115c:a1e0::/48 (tailscale.com/net/tsaddr; hscontrol/policy/v2/types.go, v0.29.2).
  static AddressSet Tailnet();
  // What `autogroup:internet` means: public addresses (TheInternet in hscontrol, the same from v0.23.0 to v0.29.2).
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

  friend bool operator==(const AddressSet& a, const AddressSet& b) { return a.ranges_ == b.ranges_; }

 private:
  struct Range {
    Address first, last;  // both of one family, inclusive
    friend bool operator==(const Range&, const Range&) = default;
  };
  static AddressSet Joined(std::vector<Range> ranges);
  std::vector<Range> ranges_;  // in order, neither overlapping nor touching
};

}  // namespace charon::headscale::policy
