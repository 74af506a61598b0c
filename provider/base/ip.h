// IP addresses and prefixes, read strictly. What passes has no other bytes in it: it may be written
// into configuration.
#pragma once

#include <optional>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace charon {

struct IpAddress {
  bool v6 = false;
  absl::uint128 bits = 0;  // an IPv4 address has 32

  // "10.0.0.1", without leading zeros; "fd00::1", without a zone.
  static std::optional<IpAddress> Parse(absl::string_view text);
  int width() const { return v6 ? 128 : 32; }
  bool is_loopback() const { return v6 ? bits == 1 : (bits >> 24) == 127; }
  // In its one spelling (RFC 5952).
  std::string ToString() const;

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.v6 == b.v6 && a.bits == b.bits;
  }
  friend bool operator<(const IpAddress& a, const IpAddress& b) {
    return a.v6 != b.v6 ? !a.v6 : a.bits < b.bits;
  }
};

struct IpPrefix {
  IpAddress address;  // as written, with its host bits
  int length = 0;

  // "10.0.0.0/8"; host bits may be set. The length has no leading zeros.
  static std::optional<IpPrefix> Parse(absl::string_view text);
  // Also an address alone, which stands for itself.
  static std::optional<IpPrefix> ParseOrAddress(absl::string_view text);

  IpAddress first() const;
  IpAddress last() const;
  bool has_host_bits() const { return !(first() == address); }
  bool is_single() const { return length == address.width(); }
  bool Contains(const IpAddress& other) const;
  IpPrefix Masked() const { return {first(), length}; }
  std::string ToString() const;
};

}  // namespace charon
