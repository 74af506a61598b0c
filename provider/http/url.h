// URLs: put together with everything escaped, taken apart, and made fit for a log.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::http {

// `text` with everything but the unreserved characters of RFC 3986 section 2.3 as %XX.
std::string UrlEscape(absl::string_view text);

// A path below a server, built piece by piece:
//   Url("/api/v1/namespaces").Segment(ns).Segment("pods").Query("limit", "500").ToString()
class Url {
 public:
  // `path` is taken as it is; it may already carry a query.
  explicit Url(absl::string_view path) : text_(path) {}

  // Appends "/" and the escaped text. Not to be called after Query().
  Url&& Segment(absl::string_view text) &&;
  // Appends "?name=value" or "&name=value", both escaped.
  Url&& Query(absl::string_view name, absl::string_view value) &&;
  // The same, but nothing if `value` is empty.
  Url&& QueryIfSet(absl::string_view name, absl::string_view value) &&;

  std::string ToString() && { return std::move(text_); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The parts of an absolute http or https URL.
struct UrlParts {
  std::string scheme;    // "http", "https"; lower case
  std::string userinfo;  // "user:password" as written; mostly empty
  std::string host;      // lower case; IPv6 addresses without brackets
  int port = 0;          // the scheme's own if the URL names none
  std::string target;    // "/path?query"; at least "/"

  // "host:443", "[::1]:443".
  std::string HostPort() const;
  // "https://host:443".
  std::string Origin() const;
};

// InvalidArgument, saying what is wrong with it, for anything but such a URL.
absl::StatusOr<UrlParts> SplitUrl(absl::string_view url);

// "host:port", with brackets around an IPv6 address.
std::string HostPort(absl::string_view host, int port);

// `url` without user and password, without the values of query parameters that carry secrets
// (token, password, signature, ...), and redacted.
std::string UrlForLog(absl::string_view url);

}  // namespace charon::http
