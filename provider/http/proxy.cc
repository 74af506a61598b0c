#include "provider/http/proxy.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/ip.h"

namespace charon::http {
namespace {

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
             const std::optional<IpAddress>& address) {
  if (entry == "*") return true;
  if (absl::StrContains(entry, "/")) {
    const std::optional<IpPrefix> range = IpPrefix::Parse(entry);
    return range && address && range->Contains(*address);
  }
  const int port = TakePort(entry);
  if (port != 0 && port != url.port) return false;
  if (const std::optional<IpAddress> one = IpAddress::Parse(entry)) return one == address;
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
  const std::optional<IpAddress> address = IpAddress::Parse(url.host);
  if (address && address->is_loopback()) return "";
  const std::string exempt = absl::AsciiStrToLower(FirstOf(variable, {"NO_PROXY", "no_proxy"}));
  for (absl::string_view entry : absl::StrSplit(exempt, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (!entry.empty() && Exempts(entry, url, address)) return "";
  }
  return NormalizeProxy(proxy);
}

}  // namespace charon::http
