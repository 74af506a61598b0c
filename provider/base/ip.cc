#include "provider/base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace charon {
namespace {

// The bits behind a prefix of that length.
absl::uint128 HostBits(const IpPrefix& prefix) {
  const int count = prefix.address.width() - prefix.length;
  return count >= 128 ? absl::Uint128Max() : (absl::uint128(1) << count) - 1;
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(absl::string_view text) {
  // inet_pton would not see what stands behind a zero byte.
  if (text.find('\0') != absl::string_view::npos) return std::nullopt;
  const std::string copy(text);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  IpAddress address;
  address.v6 = inet_pton(AF_INET, copy.c_str(), bytes.data()) != 1;
  if (address.v6 && inet_pton(AF_INET6, copy.c_str(), bytes.data()) != 1) return std::nullopt;
  for (int i = 0; i < address.width() / 8; ++i)
    address.bits = (address.bits << 8) | bytes[static_cast<std::size_t>(i)];
  return address;
}

std::string IpAddress::ToString() const {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  for (int i = 0; i < width() / 8; ++i) {
    bytes[static_cast<std::size_t>(i)] =
        static_cast<unsigned char>(absl::Uint128Low64(bits >> (width() - 8 - 8 * i)) & 0xFF);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == absl::string_view::npos) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  const absl::string_view length = text.substr(slash + 1);
  const bool number = !length.empty() && length.size() <= 3 &&
                      (length.size() == 1 || length[0] != '0') &&
                      std::all_of(length.begin(), length.end(),
                                  [](unsigned char c) { return absl::ascii_isdigit(c); });
  int bits = 0;
  if (!address || !number || !absl::SimpleAtoi(length, &bits) || bits > address->width())
    return std::nullopt;
  return IpPrefix{*address, bits};
}

std::optional<IpPrefix> IpPrefix::ParseOrAddress(absl::string_view text) {
  if (text.find('/') != absl::string_view::npos) return Parse(text);
  const std::optional<IpAddress> address = IpAddress::Parse(text);
  if (!address) return std::nullopt;
  return IpPrefix{*address, address->width()};
}

IpAddress IpPrefix::first() const {
  IpAddress first = address;
  first.bits &= ~HostBits(*this);
  return first;
}

IpAddress IpPrefix::last() const {
  IpAddress last = address;
  last.bits |= HostBits(*this);
  return last;
}

bool IpPrefix::Contains(const IpAddress& other) const {
  return other.v6 == address.v6 && first().bits <= other.bits && other.bits <= last().bits;
}

std::string IpPrefix::ToString() const { return absl::StrCat(address.ToString(), "/", length); }

}  // namespace charon
