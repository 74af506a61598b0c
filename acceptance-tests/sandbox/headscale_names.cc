#include "headscale_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "json.h"

namespace charon::sandbox::headscale {
namespace {

constexpr std::size_t kLabel = 63;

bool AllowedByFqdnRules(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '.';
}

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

absl::Status Unparsable(const std::string& text, absl::string_view why) {
  return absl::UnknownError(absl::StrCat("netip.ParsePrefix(", Quote(text), "): ", why));
}

// What netip.ParseAddr says of text that is no address.
std::string AddressError(const std::string& text) {
  const std::string quoted = absl::StrCat("ParseAddr(", Quote(text), "): ");
  const auto colon = text.find(':'), dot = text.find('.');
  if (dot == std::string::npos || colon < dot) return quoted + "unable to parse IP";
  const std::vector<std::string> fields = absl::StrSplit(text, '.');
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t at = 0; at < fields[i].size(); ++at) {
      if (absl::ascii_isdigit(static_cast<unsigned char>(fields[i][at]))) continue;
      const std::vector<std::string> rest(fields.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                          fields.end());
      const std::string left =
          absl::StrCat(fields[i].substr(at), rest.empty() ? "" : ".", absl::StrJoin(rest, "."));
      return absl::StrCat(quoted, "unexpected character (at ", Quote(left), ")");
    }
    int value = 0;
    if (fields[i].size() > 1 && fields[i][0] == '0')
      return quoted + "IPv4 field has octet with leading zero";
    if (!absl::SimpleAtoi(fields[i], &value) || value > 255)
      return quoted + "IPv4 field has value >255";
  }
  return quoted + (fields.size() > 4 ? "IPv4 address too long" : "IPv4 address too short");
}

}  // namespace

absl::Status CheckFqdnRules(const std::string& name) {
  if (name.size() > kLabel) {
    return absl::UnknownError(absl::StrCat("DNS segment must not be over 63 chars. ", name,
                                           " doesn't comply with this rule: invalid user name"));
  }
  if (absl::AsciiStrToLower(name) != name) {
    return absl::UnknownError(absl::StrCat("DNS segment should be lowercase. ", name,
                                           " doesn't comply with this rule: invalid user name"));
  }
  if (!std::all_of(name.begin(), name.end(), AllowedByFqdnRules)) {
    return absl::UnknownError(absl::StrCat(
        "DNS segment should only be composed of lowercase ASCII letters numbers, hyphen and dots. ",
        name, " doesn't comply with theses rules: invalid user name"));
  }
  return absl::OkStatus();
}

std::string NormaliseHostname(absl::string_view hostname) {
  const std::string text =
      absl::StrReplaceAll(absl::AsciiStrToLower(hostname), {{"'", ""}, {"@", "."}});
  std::string out;
  bool replaced = false;  // A run of what is not allowed becomes one dash.
  for (const char c : text) {
    const bool allowed = AllowedByFqdnRules(c);
    if (allowed) {
      out.push_back(c);
    } else if (!replaced) {
      out.push_back('-');
    }
    replaced = !allowed;
  }
  return out;
}

std::string SanitiseHostname(absl::string_view hostname) {
  for (const absl::string_view suffix : {".local", ".localdomain", ".lan"}) {
    if (absl::ConsumeSuffix(&hostname, suffix)) break;
  }
  while (!hostname.empty() && !IsAlphanumeric(hostname.front())) hostname.remove_prefix(1);
  hostname = hostname.substr(0, kLabel);
  while (!hostname.empty() && !IsAlphanumeric(hostname.back())) hostname.remove_suffix(1);
  std::string out;
  for (const char c : hostname) {
    if (IsAlphanumeric(c) || c == '-') {
      out.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else if (c == ' ' || c == '.' || c == '@' || c == '_') {
      out.push_back('-');
    }
  }
  return out;
}

absl::Status CheckLabel(const std::string& name) {
  const std::string quoted = Quote(name);
  std::string why;
  if (name.empty()) {
    why = "empty DNS label";
  } else if (name.size() > kLabel) {
    why = absl::StrCat(quoted, " is too long, max length is 63 bytes");
  } else if (!IsAlphanumeric(name.front())) {
    why = absl::StrCat(quoted, " is not a valid DNS label: must start with a letter or number");
  } else if (!IsAlphanumeric(name.back())) {
    why = absl::StrCat(quoted, " is not a valid DNS label: must end with a letter or number");
  } else {
    for (const char c : name) {
      if (IsAlphanumeric(c) || c == '-') continue;
      why = absl::StrCat(quoted, " is not a valid DNS label: contains invalid character '",
                         std::string(1, c), "'");
      break;
    }
  }
  if (why.empty()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat(quoted, " is not a valid DNS label: ", why));
}

absl::Status CheckTag(const std::string& tag, absl::string_view space_text) {
  if (!absl::StartsWith(tag, "tag:"))
    return absl::UnknownError("tag must start with the string 'tag:'");
  if (absl::AsciiStrToLower(tag) != tag) return absl::UnknownError("tag should be lowercase");
  const std::vector<std::string> words =
      absl::StrSplit(tag, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  if (words.size() > 1) return absl::UnknownError(space_text);
  return absl::OkStatus();
}

bool Prefix::IsExitRoute() const {
  return bits == 0 &&
         std::all_of(address.begin(), address.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool Prefix::Contains(const Prefix& other) const {
  if (is6 != other.is6 || bits > other.bits) return false;
  for (int bit = 0; bit < bits; ++bit) {
    const std::size_t byte = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((address[byte] & mask) != (other.address[byte] & mask)) return false;
  }
  return true;
}

std::string Prefix::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(is6 ? AF_INET6 : AF_INET, address.data(), buffer, sizeof buffer);
  return absl::StrCat(buffer, "/", bits);
}

std::strong_ordering Prefix::operator<=>(const Prefix& other) const {
  if (is6 != other.is6) return is6 <=> other.is6;
  const auto masked = [](const Prefix& prefix) {
    std::array<std::uint8_t, 16> out = prefix.address;
    for (int bit = prefix.bits; bit < 128; ++bit) {
      out[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
    }
    return out;
  };
  if (const auto order = masked(*this) <=> masked(other); order != 0) return order;
  if (bits != other.bits) return bits <=> other.bits;
  return address <=> other.address;
}

absl::StatusOr<Prefix> ParsePrefix(const std::string& text) {
  const auto slash = text.rfind('/');
  if (slash == std::string::npos) return Unparsable(text, "no '/'");
  const std::string host = text.substr(0, slash);
  Prefix prefix;
  prefix.is6 = absl::StrContains(host, ':');
  if (inet_pton(prefix.is6 ? AF_INET6 : AF_INET, host.c_str(), prefix.address.data()) != 1) {
    return Unparsable(text, AddressError(host));
  }
  const std::string length = text.substr(slash + 1);
  if (!absl::SimpleAtoi(length, &prefix.bits)) {
    return Unparsable(text, absl::StrCat("bad bits after slash: ", Quote(length)));
  }
  if (prefix.bits < 0 || prefix.bits > (prefix.is6 ? 128 : 32)) {
    return Unparsable(text, "prefix length out of range");
  }
  return prefix;
}

absl::StatusOr<Prefix> ParseAddressOrPrefix(const std::string& text) {
  if (absl::StrContains(text, '/')) return ParsePrefix(text);
  return ParsePrefix(absl::StrCat(text, absl::StrContains(text, ':') ? "/128" : "/32"));
}

}  // namespace charon::sandbox::headscale
