#include "provider/clients/route53/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "provider/http/url.h"

namespace charon::route53 {
namespace {

std::string Sha256(absl::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

std::string Hmac(absl::string_view key, absl::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  return std::string(reinterpret_cast<const char*>(digest.data()), length);
}

std::string CanonicalQuery(absl::string_view query) {
  if (query.empty()) return "";
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const absl::string_view part : absl::StrSplit(query, '&')) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(part, absl::MaxSplits('=', 1));
    parameters.push_back(entry);  // escaped already, by http::Url
  }
  std::sort(parameters.begin(), parameters.end());
  return absl::StrJoin(parameters, "&", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, "=", entry.second);
  });
}

// Runs of blanks count as one.
std::string Squeeze(absl::string_view value) {
  std::string out(absl::StripAsciiWhitespace(value));
  absl::RemoveExtraAsciiWhitespace(&out);
  return out;
}

}  // namespace

void Sign(http::Request& request, const Credentials& credentials, absl::string_view region,
          absl::string_view service, absl::Time now) {
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone());
  const std::string scope =
      absl::StrCat(time.substr(0, 8), "/", region, "/", service, "/aws4_request");
  const absl::StatusOr<http::UrlParts> parts = http::SplitUrl(request.url);
  if (!parts.ok()) return;  // the transport says what is wrong with it
  const bool standard = (parts->scheme == "https" && parts->port == 443) ||
                        (parts->scheme == "http" && parts->port == 80);

  request.headers.emplace_back("X-Amz-Date", time);
  if (!credentials.session_token.empty())
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  std::map<std::string, std::string> headers = {
      {"host", standard ? parts->host : parts->HostPort()}};
  for (const auto& [name, value] : request.headers) {
    std::string& joined = headers[absl::AsciiStrToLower(name)];
    joined = joined.empty() ? Squeeze(value) : absl::StrCat(joined, ",", Squeeze(value));
  }
  std::string canonical_headers;
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) {
    absl::StrAppend(&canonical_headers, name, ":", value, "\n");
    names.push_back(name);
  }
  const std::string signed_names = absl::StrJoin(names, ";");
  const std::pair<std::string, std::string> target =
      absl::StrSplit(parts->target, absl::MaxSplits('?', 1));
  // Each segment is escaped once more than it is on the wire (every service but S3).
  std::vector<std::string> segments;
  for (const absl::string_view segment : absl::StrSplit(target.first, '/'))
    segments.push_back(http::UrlEscape(segment));
  const std::string canonical = absl::StrCat(
      request.method, "\n", absl::StrJoin(segments, "/"), "\n", CanonicalQuery(target.second), "\n",
      canonical_headers, "\n", signed_names, "\n", absl::BytesToHexString(Sha256(request.body)));
  const std::string to_sign = absl::StrCat("AWS4-HMAC-SHA256\n", time, "\n", scope, "\n",
                                           absl::BytesToHexString(Sha256(canonical)));
  std::string key = absl::StrCat("AWS4", credentials.secret_key);
  for (const absl::string_view step :
       {absl::string_view(time).substr(0, 8), region, service, absl::string_view("aws4_request")}) {
    key = Hmac(key, step);
  }
  request.headers.emplace_back(
      "Authorization", absl::StrCat("AWS4-HMAC-SHA256 Credential=", credentials.access_key, "/",
                                    scope, ", SignedHeaders=", signed_names,
                                    ", Signature=", absl::BytesToHexString(Hmac(key, to_sign))));
}

}  // namespace charon::route53
