// Which proxy a request goes through, by the rules that kubectl and terraform follow.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "provider/http/url.h"

namespace charon::http {

using Variable = std::function<std::optional<std::string>(const std::string& name)>;

// The URL of the proxy for `url`, "" for none: HTTPS_PROXY or HTTP_PROXY by the URL's scheme (lower
// case names too), unless NO_PROXY exempts the host. As in golang.org/x/net/http/httpproxy:
// localhost and loopback addresses never use one; NO_PROXY is a list of "*", addresses, CIDR
// ranges, "example.com" (it and what is below), ".example.com" (only what is below), each but the
// range with an optional ":port". ALL_PROXY is not read.
std::string ProxyFromEnvironment(const UrlParts& url, const Variable& variable);

// A proxy's URL with its default scheme (http) and in the form libcurl wants: the name is resolved
// by a SOCKS proxy, not here.
std::string NormalizeProxy(absl::string_view proxy);

}  // namespace charon::http
