#include "provider/clients/headscale/policy/policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"
#include "provider/clients/headscale/policy/reader.h"

namespace charon::headscale::policy {
namespace {

struct NamedProtocol {
  absl::string_view name;
  int number;
  int since;
};
// The names of toIANAProtocolNumbers (v0.29.2) and parseProtocol (before).
constexpr std::array<NamedProtocol, 14> kProtocols = {{{"icmp", kIcmp, 0},
                                                       {"igmp", 2, 0},
                                                       {"ipv4", 4, 0},
                                                       {"ip-in-ip", 4, 0},
                                                       {"tcp", kTcp, 0},
                                                       {"egp", 8, 0},
                                                       {"igp", 9, 0},
                                                       {"udp", kUdp, 0},
                                                       {"gre", 47, 0},
                                                       {"esp", 50, 0},
                                                       {"ah", 51, 0},
                                                       {"ipv6-icmp", kIcmpV6, kGrantsPolicy},
                                                       {"sctp", kSctp, 0},
                                                       {"fc", 133, kGrantsPolicy}}};

// As Go's strconv.Atoi: a sign may stand before the digits.
std::optional<int> Atoi(absl::string_view text) {
  absl::string_view digits = text;
  if (!absl::ConsumePrefix(&digits, "-")) absl::ConsumePrefix(&digits, "+");
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos)
    return std::nullopt;
  int number = 0;
  if (!absl::SimpleAtoi(digits, &number)) return std::nullopt;
  return absl::StartsWith(text, "-") ? -number : number;
}

}  // namespace

std::string Finding::ToString(bool places) const {
  return places ? absl::StrCat(at.ToString(), " (", where, "): ", message)
                : absl::StrCat(where, ": ", message);
}

absl::Status Policy::Refusal(bool places) const {
  const auto first = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.refused; });
  if (first == findings.end()) return absl::OkStatus();
  const auto count = std::count_if(findings.begin(), findings.end(),
                                   [](const Finding& finding) { return finding.refused; });
  const std::string more = count > 1 ? absl::StrCat("; ", count - 1, " more after it") : "";
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat(first->ToString(places), more)),
                    first->remedy);
}

Policy NoPolicy(int minor) {
  Policy policy;
  policy.minor = minor;
  policy.allows_everything = true;
  return policy;
}

absl::Status RefusedByAll(const HuJson& document, bool places) {
  absl::Status refusal = ReadPolicy(document, kNewestPolicy).Refusal(places);
  for (int minor = kOldestPolicy; minor < kNewestPolicy && !refusal.ok(); ++minor) {
    if (ReadPolicy(document, minor).Refusal().ok()) return absl::OkStatus();
  }
  return refusal;
}

Alias ParseAlias(absl::string_view text, int minor, const Policy& policy) {
  using K = Alias::Kind;
  Alias alias;
  alias.text = std::string(text);
  const auto is = [&](K kind) {
    alias.kind = kind;
    return alias;
  };
  const std::optional<Prefix> prefix = ParsePrefixOrAddress(text);
  const auto host = policy.hosts.find(alias.text);
  if (text == "*") return is(K::kEverything);
  if (minor < kTypedPolicy) {
    // The order of ExpandAlias (hscontrol/policy/acls.go, v0.23.0); a user is whatever is nothing
    // else.
    if (absl::StartsWith(text, "group:")) return is(K::kGroup);
    if (absl::StartsWith(text, "tag:")) return is(K::kTag);
    if (absl::StartsWith(text, "autogroup:")) return is(K::kAutogroup);
    if (host == policy.hosts.end() && !prefix) {
      alias.name = NameOfUser(text, minor);
      return is(K::kUser);
    }
  }
  if (prefix && !(minor < kTypedPolicy && host != policy.hosts.end())) {
    alias.prefix = prefix;
    return is(K::kPrefix);
  }
  if (host != policy.hosts.end()) alias.prefix = host->second;
  if (minor < kTypedPolicy) return is(K::kHost);
  if (absl::StrContains(text, "@")) {
    alias.prefix.reset();
    alias.name = NameOfUser(text, minor);
    return is(K::kUser);
  }
  if (absl::StartsWith(text, "group:")) return is(K::kGroup);
  if (absl::StartsWith(text, "tag:")) return is(K::kTag);
  if (absl::StartsWith(text, "autogroup:")) return is(K::kAutogroup);
  return is(absl::StrContains(text, ":") ? K::kNothing : K::kHost);
}

std::optional<std::vector<PortRange>> ParsePorts(absl::string_view text, int minor) {
  if (text == "*") return std::vector<PortRange>{PortRange()};
  std::vector<PortRange> ranges;
  const auto port = [&](absl::string_view digits) -> std::optional<int> {
    // Before 0.26 there are digits only (strconv.ParseUint).
    if (minor < kTypedPolicy && (absl::StartsWith(digits, "+") || absl::StartsWith(digits, "-")))
      return std::nullopt;
    const std::optional<int> number = Atoi(digits);
    if (!number || *number < 0 || *number > 65535) return std::nullopt;
    return number;
  };
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    if (!absl::StrContains(part, "-")) {
      const std::optional<int> number = port(part);
      if (!number || (minor >= kStrictPolicy && *number == 0)) return std::nullopt;
      ranges.push_back({*number, *number});
      continue;
    }
    // From 0.26 on empty parts do not count: "-5-9" is "5-9".
    std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    if (minor >= kTypedPolicy) ends.erase(std::remove(ends.begin(), ends.end(), ""), ends.end());
    if (ends.size() != 2) return std::nullopt;
    const std::optional<int> first = port(ends[0]), last = port(ends[1]);
    if (!first || !last) return std::nullopt;
    if (*first > *last && minor >= kTypedPolicy)
      return std::nullopt;  // before, it is taken, and no port is in it
    ranges.push_back({*first, *last});
  }
  return ranges;
}

std::optional<std::vector<int>> ParseProtocol(absl::string_view text, int minor) {
  const std::string name = minor >= kStrictPolicy ? absl::AsciiStrToLower(text) : std::string(text);
  if (name.empty()) return std::vector<int>();
  for (const NamedProtocol& protocol : kProtocols) {
    if (protocol.name != name || minor < protocol.since) continue;
    // Before 0.29 icmp is that of both families.
    if (protocol.number == kIcmp && minor < kGrantsPolicy) return std::vector<int>{kIcmp, kIcmpV6};
    return std::vector<int>{protocol.number};
  }
  const std::optional<int> number = Atoi(name);
  if (!number) return std::nullopt;
  if (minor < kStrictPolicy) return std::vector<int>{*number};
  // 0.29 puts names in the place of numbers before it looks for leading zeros.
  const bool named =
      std::any_of(kProtocols.begin(), kProtocols.end(),
                  [&](const NamedProtocol& protocol) { return protocol.number == *number; });
  if (name[0] == '0' && !(minor >= kGrantsPolicy && named)) return std::nullopt;
  if (*number < 0 || *number > 255) return std::nullopt;
  return std::vector<int>{*number};
}

std::string ProtocolName(int number) {
  for (const NamedProtocol& protocol : kProtocols) {
    if (protocol.number == number) return std::string(protocol.name);
  }
  return absl::StrCat(number);
}

std::optional<std::pair<std::string, std::string>> SplitPorts(absl::string_view text, int minor) {
  std::string plain(text);
  if (minor >= kGrantsPolicy && absl::StartsWith(text, "[")) {
    // "[addr]:ports" and "[addr]/length:ports" (splitDestinationAndPort, 0.29).
    const std::size_t close = text.find(']');
    if (close == absl::string_view::npos) return std::nullopt;
    const std::optional<Address> address = ParseAddress(text.substr(1, close - 1));
    const absl::string_view rest = text.substr(close + 1);
    if (!address || !address->v6 || rest.empty() || (rest[0] != ':' && rest[0] != '/'))
      return std::nullopt;
    plain = absl::StrCat(text.substr(1, close - 1), rest);
  }
  const std::size_t colon = plain.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  if (minor >= kTypedPolicy && (colon == 0 || colon + 1 == plain.size())) return std::nullopt;
  // Before 0.26: more than three parts must be an IPv6 address and its port (parseDestination).
  if (minor < kTypedPolicy && std::count(plain.begin(), plain.end(), ':') > 2) {
    const std::string before = plain.substr(0, colon);
    const std::optional<Address> address =
        ParseAddress(absl::string_view(before).substr(0, before.find('/')));
    if (!address || !address->v6) return std::nullopt;
  }
  return std::make_pair(plain.substr(0, colon), plain.substr(colon + 1));
}

}  // namespace charon::headscale::policy
