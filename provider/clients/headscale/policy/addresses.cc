#include "provider/clients/headscale/policy/addresses.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/bits.h"

namespace charon::headscale::policy {
namespace {

absl::uint128 Ones(int count) {
  return count >= 128 ? absl::Uint128Max() : (absl::uint128(1) << count) - 1;
}

absl::uint128 Highest(const Address& family) { return Ones(family.width()); }

int TrailingZeros(absl::uint128 bits) {
  const std::uint64_t low = absl::Uint128Low64(bits);
  return low != 0 ? absl::countr_zero(low) : 64 + absl::countr_zero(absl::Uint128High64(bits));
}

AddressSet SetOf(std::initializer_list<absl::string_view> prefixes) {
  AddressSet set;
  for (const absl::string_view prefix : prefixes)
    set = set.Or(AddressSet::Of(*Prefix::Parse(prefix)));
  return set;
}

}  // namespace

std::optional<Address> ParseAddress(absl::string_view text) {
  const std::size_t zone = text.find('%');
  if (zone == absl::string_view::npos) return Address::Parse(text);
  const std::optional<Address> address = Address::Parse(text.substr(0, zone));
  return address && address->v6 && zone + 1 < text.size() ? address : std::nullopt;
}

std::optional<Prefix> ParsePrefixOrAddress(absl::string_view text) {
  if (text.find('/') != absl::string_view::npos) return Prefix::Parse(text);
  const std::optional<Address> address = ParseAddress(text);
  if (!address) return std::nullopt;
  return Prefix{*address, address->width()};
}

AddressSet AddressSet::Joined(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  AddressSet set;
  for (const Range& range : ranges) {
    if (!set.ranges_.empty()) {
      Range& last = set.ranges_.back();
      const bool touches =
          last.last.v6 == range.first.v6 &&
          (last.last.bits >= range.first.bits || last.last.bits + 1 == range.first.bits);
      if (touches) {
        last.last.bits = std::max(last.last.bits, range.last.bits);
        continue;
      }
    }
    set.ranges_.push_back(range);
  }
  return set;
}

AddressSet AddressSet::Of(const Prefix& prefix) {
  return Joined({{prefix.first(), prefix.last()}});
}

AddressSet AddressSet::All() { return SetOf({"0.0.0.0/0", "::/0"}); }

AddressSet AddressSet::Tailnet() {
  return SetOf({"100.64.0.0/10", "fd7a:115c:a1e0::/48"}).Minus(SetOf({"100.115.92.0/23"}));
}

AddressSet AddressSet::Internet() {
  return SetOf({"0.0.0.0/0", "2000::/3"})
      .Minus(SetOf({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                    "169.254.0.0/16", "fc00::/7", "fe80::/10"}));
}

bool AddressSet::Contains(const Address& address) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
    return range.first.v6 == address.v6 && range.first.bits <= address.bits &&
           address.bits <= range.last.bits;
  });
}

AddressSet AddressSet::Or(const AddressSet& other) const {
  std::vector<Range> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return Joined(std::move(ranges));
}

AddressSet AddressSet::And(const AddressSet& other) const {
  AddressSet set;
  for (auto a = ranges_.begin(), b = other.ranges_.begin();
       a != ranges_.end() && b != other.ranges_.end();) {
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
    for (auto next = cut; left && next != other.ranges_.end() && !(range.last < next->first);
         ++next) {
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
