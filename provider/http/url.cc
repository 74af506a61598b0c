#include "provider/http/url.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "provider/base/redact.h"

namespace charon::http {
namespace {

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
         c == '~';
}

// Parts of parameter names whose values give access.
constexpr std::array<absl::string_view, 8> kSecretNames = {
    "token", "secret", "password", "passwd", "signature", "credential", "api_key", "apikey"};

bool IsSecretName(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "key" || lower == "sig" ||
         std::any_of(kSecretNames.begin(), kSecretNames.end(),
                     [&](absl::string_view part) { return absl::StrContains(lower, part); });
}

absl::Status BadUrl(absl::string_view url, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", UrlForLog(url), "\" is no URL of a server: ", reason));
}

}  // namespace

std::string UrlEscape(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "%", absl::AsciiStrToUpper(absl::BytesToHexString({&c, 1})));
    }
  }
  return out;
}

Url&& Url::Segment(absl::string_view text) && {
  absl::StrAppend(&text_, absl::EndsWith(text_, "/") ? "" : "/", UrlEscape(text));
  return std::move(*this);
}

Url&& Url::Query(absl::string_view name, absl::string_view value) && {
  absl::StrAppend(&text_, absl::StrContains(text_, '?') ? "&" : "?", UrlEscape(name), "=",
                  UrlEscape(value));
  return std::move(*this);
}

Url&& Url::QueryIfSet(absl::string_view name, absl::string_view value) && {
  if (value.empty()) return std::move(*this);
  return std::move(*this).Query(name, value);
}

std::string HostPort(absl::string_view host, int port) {
  if (absl::StrContains(host, ':')) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

std::string UrlParts::HostPort() const { return http::HostPort(host, port); }

std::string UrlParts::Origin() const { return absl::StrCat(scheme, "://", HostPort()); }

absl::StatusOr<UrlParts> SplitUrl(absl::string_view url) {
  UrlParts parts;
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == absl::string_view::npos) {
    return BadUrl(url, "it does not start with https:// or http://");
  }
  parts.scheme = absl::AsciiStrToLower(url.substr(0, scheme_end));
  if (parts.scheme != "https" && parts.scheme != "http") {
    return BadUrl(url, "it does not start with https:// or http://");
  }
  absl::string_view rest = url.substr(scheme_end + 3);
  const std::size_t authority_end = rest.find_first_of("/?#");
  absl::string_view authority = rest.substr(0, authority_end);
  absl::string_view target =
      authority_end == absl::string_view::npos ? "" : rest.substr(authority_end);
  target = target.substr(0, target.find('#'));
  parts.target = absl::StartsWith(target, "/") ? std::string(target) : absl::StrCat("/", target);

  if (const std::size_t at = authority.rfind('@'); at != absl::string_view::npos) {
    parts.userinfo = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  absl::string_view port;
  bool has_port = false;
  if (absl::StartsWith(authority, "[")) {
    const std::size_t close = authority.find(']');
    if (close == absl::string_view::npos) return BadUrl(url, "a \"]\" is missing");
    parts.host = absl::AsciiStrToLower(authority.substr(1, close - 1));
    const absl::string_view after = authority.substr(close + 1);
    if (!after.empty() && after[0] != ':')
      return BadUrl(url, "after \"]\" comes a port or nothing");
    has_port = !after.empty();
    port = has_port ? after.substr(1) : "";
  } else {
    const std::size_t colon = authority.find(':');
    if (colon != authority.rfind(':')) {
      return BadUrl(url, "an IPv6 address stands in brackets: https://[::1]:6443");
    }
    parts.host = absl::AsciiStrToLower(authority.substr(0, colon));
    has_port = colon != absl::string_view::npos;
    port = has_port ? authority.substr(colon + 1) : "";
  }
  if (parts.host.empty()) return BadUrl(url, "it names no host");
  for (const char c : url) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == ' ') {
      return BadUrl(url, "it contains a space or a control character");
    }
  }
  parts.port = parts.scheme == "https" ? 443 : 80;
  if (has_port && !port.empty() &&
      (!absl::SimpleAtoi(port, &parts.port) || parts.port < 1 || parts.port > 65535)) {
    return BadUrl(url, "its port is not a number from 1 to 65535");
  }
  return parts;
}

std::string UrlForLog(absl::string_view url) {
  std::string clean(url);
  // User and password stand between "://" and the last "@" before the path.
  if (const std::size_t scheme = clean.find("://"); scheme != std::string::npos) {
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(clean.find_first_of("/?#", begin), clean.size());
    const std::size_t at = clean.substr(0, end).rfind('@');
    if (at != std::string::npos && at >= begin) clean.erase(begin, at + 1 - begin);
  }
  const std::size_t query = clean.find('?');
  if (query != std::string::npos) {
    std::string kept = clean.substr(0, query);
    char separator = '?';
    const std::string tail = clean.substr(query + 1);
    for (absl::string_view pair : absl::StrSplit(tail, '&')) {
      const std::size_t equals = pair.find('=');
      absl::StrAppend(&kept, std::string(1, separator), pair.substr(0, equals));
      if (equals != absl::string_view::npos) {
        absl::StrAppend(&kept, "=",
                        IsSecretName(pair.substr(0, equals)) ? kRedacted : pair.substr(equals + 1));
      }
      separator = '&';
    }
    clean = std::move(kept);
  }
  return Redact(clean);
}

}  // namespace charon::http
