#include "resources/vpn/common.h"

#include <arpa/inet.h>

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/dialect.h"

namespace charon::vpn {

Attr<std::string> TimeOrNull(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return {};
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

Attr<std::string> TimeOrNull(const std::optional<absl::Time>& time) { return TimeOrNull(time.value_or(absl::InfiniteFuture())); }

absl::StatusOr<absl::Time> ParseTime(absl::string_view text) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no time such as \"2027-01-31T12:00:00Z\""));
}

Check Tag() {
  return TextRule("is a tag", headscale::CheckTag);
}

absl::StatusOr<std::string> NormalRoute(absl::string_view text) {
  const auto bad = [&](absl::string_view why) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", why)), "Write a network such as \"10.1.0.0/24\" or \"fd00:1::/64\".");
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  int bits = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &bits) || bits < 0 || absl::StrCat(bits) != parts[1]) return bad("is no network prefix");
  std::array<unsigned char, 16> address{};
  const bool v6 = parts[0].find(':') != absl::string_view::npos;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, std::string(parts[0]).c_str(), address.data()) != 1 || bits > (v6 ? 128 : 32)) {
    return bad("is no network prefix");
  }
  std::array<unsigned char, 16> network = address;
  for (int i = bits; i < 128; ++i) network[static_cast<std::size_t>(i / 8)] &= static_cast<unsigned char>(~(0x80U >> (i % 8)));
  std::array<char, INET6_ADDRSTRLEN> plain{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, network.data(), plain.data(), plain.size());
  const std::string normal = absl::StrCat(plain.data(), "/", bits);
  if (network != address) {
    return WithRemedy(absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is an address, not a network: bits beyond /", bits, " are set")),
                      absl::StrCat("Write \"", normal, "\", or ", parts[0], v6 ? "/128" : "/32", " for that one address."));
  }
  return normal;
}

Check Route() {
  return TextRule("is a network prefix", [](absl::string_view text) { return NormalRoute(text).status(); });
}

}  // namespace charon::vpn
