#include "provider/http/proxy.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace charon::http {
namespace {

// An address as bytes: 4 or 16 of them; empty if `text` is no address.
std::vector<std::uint8_t> ParseAddress(absl::string_view text) {
  std::array<std::uint8_t, 16> bytes;
  const std::string copy(text);
  if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1)
    return {bytes.begin(), bytes.begin() + 4};
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  return {};
}

bool IsLoopback(const std::vector<std::uint8_t>& address) {
  if (address.size() == 4) return address[0] == 127;
  if (address.size() != 16 || address[15] != 1) return false;
  for (int i = 0; i < 15; ++i) {
    if (address[static_cast<std::size_t>(i)] != 0) return false;
  }
  return true;
}

// True if the first `bits` bits are equal.
bool SamePrefix(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b, int bits) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size() && bits > 0; ++i, bits -= 8) {
    const int mask = bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
    if ((a[i] & mask) != (b[i] & mask)) return false;
  }
  return true;
}

// Takes ":port" off the end of `entry`. 0 if there is none.
int TakePort(absl::string_view& entry) {
  if (absl::StartsWith(entry, "[")) {
    const std::size_t close = entry.find(']');
    if (close == absl::string_view::npos) return 0;
    int port = 0;
    if (absl::string_view after = entry.substr(close + 1); absl::ConsumePrefix(&after, ":")) {
      if (!absl::SimpleAtoi(after, &port)) port = 0;
    }
    entry = entry.substr(1, close - 1);
    return port;
  }
  const std::size_t colon = entry.find(':');
  if (colon == absl::string_view::npos || colon != entry.rfind(':')) return 0;
  int port = 0;
  if (!absl::SimpleAtoi(entry.substr(colon + 1), &port)) return 0;
  entry = entry.substr(0, colon);
  return port;
}

bool Exempts(absl::string_view entry, const UrlParts& url,
             const std::vector<std::uint8_t>& address) {
  if (entry == "*") return true;
  if (const std::size_t slash = entry.find('/'); slash != absl::string_view::npos) {
    int bits = 0;
    const std::vector<std::uint8_t> range = ParseAddress(entry.substr(0, slash));
    return !range.empty() && absl::SimpleAtoi(entry.substr(slash + 1), &bits) && bits >= 0 &&
           bits <= static_cast<int>(range.size()) * 8 && SamePrefix(range, address, bits);
  }
  const int port = TakePort(entry);
  if (port != 0 && port != url.port) return false;
  if (const std::vector<std::uint8_t> one = ParseAddress(entry); !one.empty()) {
    return one == address;
  }
  absl::ConsumePrefix(&entry, "*");
  if (entry.empty()) return false;
  if (absl::StartsWith(entry, ".")) return absl::EndsWith(url.host, entry);
  return url.host == entry || absl::EndsWith(url.host, absl::StrCat(".", entry));
}

std::string FirstOf(const Variable& variable, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const std::optional<std::string> value = variable(name); value && !value->empty()) {
      return *value;
    }
  }
  return "";
}

}  // namespace

std::string NormalizeProxy(absl::string_view proxy) {
  if (proxy.empty()) return "";
  if (!absl::StrContains(proxy, "://")) return absl::StrCat("http://", proxy);
  if (absl::StartsWith(proxy, "socks5://")) {
    return absl::StrCat("socks5h://", proxy.substr(absl::string_view("socks5://").size()));
  }
  return std::string(proxy);
}

std::string ProxyFromEnvironment(const UrlParts& url, const Variable& variable) {
  const std::string proxy = url.scheme == "https"
                                ? FirstOf(variable, {"HTTPS_PROXY", "https_proxy"})
                                : FirstOf(variable, {"HTTP_PROXY", "http_proxy"});
  if (proxy.empty() || url.host == "localhost") return "";
  const std::vector<std::uint8_t> address = ParseAddress(url.host);
  if (IsLoopback(address)) return "";
  const std::string exempt = absl::AsciiStrToLower(FirstOf(variable, {"NO_PROXY", "no_proxy"}));
  for (absl::string_view entry : absl::StrSplit(exempt, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (!entry.empty() && Exempts(entry, url, address)) return "";
  }
  return NormalizeProxy(proxy);
}

}  // namespace charon::http
