#include "provider/clients/headscale/policy/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/numeric/bits.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace charon::headscale::policy {
namespace {

absl::uint128 Ones(int count) { return count >= 128 ? absl::Uint128Max() : (absl::uint128(1) << count) - 1; }

absl::uint128 Highest(const Address& family) { return Ones(family.width()); }

int TrailingZeros(absl::uint128 bits) {
  const std::uint64_t low = absl::Uint128Low64(bits);
  return low != 0 ? absl::countr_zero(low) : 64 + absl::countr_zero(absl::Uint128High64(bits));
}

AddressSet SetOf(std::initializer_list<absl::string_view> prefixes) {
  AddressSet set;
  for (const absl::string_view prefix : prefixes) set = set.Or(AddressSet::Of(*Prefix::Parse(prefix)));
  return set;
}

}  // namespace

std::optional<Address> Address::Parse(absl::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  Address address;
  if (inet_pton(AF_INET, std::string(text).c_str(), bytes.data()) != 1) {
    address.v6 = true;
    const std::size_t zone = text.find('%');
    if (zone != absl::string_view::npos && zone + 1 == text.size()) return std::nullopt;
    if (inet_pton(AF_INET6, std::string(text.substr(0, zone)).c_str(), bytes.data()) != 1) return std::nullopt;
  }
  if (text.find('\0') != absl::string_view::npos) return std::nullopt;
  for (int i = 0; i < address.width() / 8; ++i) address.bits = (address.bits << 8) | bytes[static_cast<std::size_t>(i)];
  return address;
}

std::string Address::ToString() const {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  for (int i = 0; i < width() / 8; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<unsigned char>(absl::Uint128Low64(bits >> (width() - 8 - 8 * i)) & 0xFF);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<Prefix> Prefix::Parse(absl::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == absl::string_view::npos || text.find('%') != absl::string_view::npos) return std::nullopt;
  const std::optional<Address> address = Address::Parse(text.substr(0, slash));
  const absl::string_view length = text.substr(slash + 1);
  if (!address || length.empty() || length.size() > 3 || length.find_first_not_of("0123456789") != absl::string_view::npos)
    return std::nullopt;
  if (length.size() > 1 && length[0] == '0') return std::nullopt;
  int bits = 0;
  if (!absl::SimpleAtoi(length, &bits) || bits > address->width()) return std::nullopt;
  return Prefix{*address, bits};
}

std::optional<Prefix> Prefix::ParseOrAddress(absl::string_view text) {
  if (text.find('/') != absl::string_view::npos) return Parse(text);
  const std::optional<Address> address = Address::Parse(text);
  if (!address) return std::nullopt;
  return Prefix{*address, address->width()};
}

Address Prefix::first() const {
  Address first = address;
  first.bits &= ~Ones(address.width() - length);
  return first;
}

Address Prefix::last() const {
  Address last = address;
  last.bits |= Ones(address.width() - length);
  return last;
}

std::string Prefix::ToString() const { return absl::StrCat(address.ToString(), "/", length); }

AddressSet AddressSet::Joined(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  AddressSet set;
  for (const Range& range : ranges) {
    if (!set.ranges_.empty()) {
      Range& last = set.ranges_.back();
      const bool touches =
          last.last.v6 == range.first.v6 && (last.last.bits >= range.first.bits || last.last.bits + 1 == range.first.bits);
      if (touches) {
        last.last.bits = std::max(last.last.bits, range.last.bits);
        continue;
      }
    }
    set.ranges_.push_back(range);
  }
  return set;
}

AddressSet AddressSet::Of(const Prefix& prefix) { return Joined({{prefix.first(), prefix.last()}}); }

AddressSet AddressSet::All() { return SetOf({"0.0.0.0/0", "::/0"}); }

AddressSet AddressSet::Tailnet() { return SetOf({"100.64.0.0/10", "fd7a:115c:a1e0::/48"}).Minus(SetOf({"100.115.92.0/23"})); }

AddressSet AddressSet::Internet() {
  return SetOf({"0.0.0.0/0", "2000::/3"})
      .Minus(
          SetOf({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"}));
}

bool AddressSet::Contains(const Address& address) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    return range.first.v6 == address.v6 && range.first.bits <= address.bits && address.bits <= range.last.bits;
  });
}

AddressSet AddressSet::Or(const AddressSet& other) const {
  std::vector<Range> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return Joined(std::move(ranges));
}

AddressSet AddressSet::And(const AddressSet& other) const {
  AddressSet set;
  for (auto a = ranges_.begin(), b = other.ranges_.begin(); a != ranges_.end() && b != other.ranges_.end();) {
    const Address first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first.v6 == last.v6 && first.bits <= last.bits) set.ranges_.push_back({first, last});
    (a->last < b->last ? a : b)++;
  }
  return set;
}

AddressSet AddressSet::Minus(const AddressSet& other) const {
  AddressSet set;
  auto cut = other.ranges_.begin();
  for (Range range : ranges_) {
    while (cut != other.ranges_.end() && cut->last < range.first) ++cut;
    bool left = true;
    for (auto next = cut; left && next != other.ranges_.end() && !(range.last < next->first); ++next) {
      if (range.first < next->first) {
        Address before = next->first;
        before.bits -= 1;
        set.ranges_.push_back({range.first, before});
      }
      left = next->last < range.last;
      range.first = next->last;
      range.first.bits += 1;
    }
    if (left) set.ranges_.push_back(range);
  }
  return set;
}

std::vector<std::string> AddressSet::ToStrings() const {
  std::vector<std::string> out;
  for (const Range& range : ranges_) {
    Address at = range.first;
    while (true) {
      // The largest prefix that starts here and ends within the range.
      int host = at.bits == 0 ? at.width() : std::min(TrailingZeros(at.bits), at.width());
      while (host > 0 && (at.bits | Ones(host)) > range.last.bits) --host;
      out.push_back(host == 0 ? at.ToString() : Prefix{at, at.width() - host}.ToString());
      const absl::uint128 end = at.bits | Ones(host);
      if (end == range.last.bits || end == Highest(at)) break;
      at.bits = end + 1;
    }
  }
  return out;
}

}  // namespace charon::headscale::policy
