#include "route53_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace charon::sandbox::aws {
namespace {

constexpr absl::Duration kSkew = absl::Minutes(15);
constexpr absl::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Sha256(absl::string_view data) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest);
  return std::string(reinterpret_cast<const char*>(digest), sizeof digest);
}

std::string Hmac(absl::string_view key, absl::string_view data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest, &size);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

std::string Encoded(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~", c)) {
      out.push_back(c);
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string Decoded(absl::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      absl::StrAppend(&out, absl::HexStringToBytes(text.substr(i + 1, 2)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// All services but S3 encode the path that was sent once more.
std::string CanonicalPath(absl::string_view path) {
  std::vector<std::string> parts = absl::StrSplit(path.empty() ? "/" : path, '/');
  for (std::string& part : parts) part = Encoded(part);
  return absl::StrJoin(parts, "/");
}

std::string CanonicalQuery(absl::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const absl::string_view part : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    parameters.emplace_back(Encoded(Decoded(pair.first)), Encoded(Decoded(pair.second)));
  }
  std::sort(parameters.begin(), parameters.end());
  return absl::StrJoin(parameters, "&", [](std::string* out, const auto& one) {
    absl::StrAppend(out, one.first, "=", one.second);
  });
}

}  // namespace

Refusal CheckSignature(const HttpRequest& request, const Credentials& credentials,
                       absl::string_view service, absl::string_view region, absl::Time now) {
  const Refusal wrong = {
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your "
      "AWS Secret "
      "Access Key and signing method. Consult the service documentation for details."};
  absl::string_view header = request.authorization;
  if (header.empty()) return {"MissingAuthenticationToken", "Missing Authentication Token"};
  if (!absl::ConsumePrefix(&header, kAlgorithm)) {
    return {"IncompleteSignature",
            absl::StrCat("Authorization header requires 'Signature' parameter. Authorization=",
                         kAlgorithm)};
  }
  std::map<std::string, std::string> parts;
  for (const absl::string_view part : absl::StrSplit(header, ',')) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(absl::StripAsciiWhitespace(part), absl::MaxSplits('=', 1));
    parts[pair.first] = pair.second;
  }
  for (const char* name : {"Credential", "SignedHeaders", "Signature"}) {
    if (parts[name].empty()) {
      return {"IncompleteSignature",
              absl::StrCat("Authorization header requires '", name, "' parameter.")};
    }
  }
  const std::vector<std::string> scope = absl::StrSplit(parts["Credential"], '/');
  const std::string stamp = request.Header("x-amz-date");
  absl::Time signed_at;
  std::string error;
  if (!absl::ParseTime("%E4Y%m%dT%H%M%SZ", stamp, &signed_at, &error)) {
    return {"IncompleteSignature",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."};
  }
  if (scope.size() != 5 || scope[0] != credentials.access_key) {
    return {"InvalidClientTokenId", "The security token included in the request is invalid."};
  }
  if (scope[1] != stamp.substr(0, 8) || scope[4] != "aws4_request") return wrong;
  if (scope[2] != region || scope[3] != service) {
    return {"SignatureDoesNotMatch",
            absl::StrCat("Credential should be scoped to a valid region, not '", scope[2], "'. ")};
  }
  if (now - signed_at > kSkew || signed_at - now > kSkew) {
    const auto text = [](absl::Time time) {
      return absl::FormatTime("%Y%m%dT%H%M%SZ", time, absl::UTCTimeZone());
    };
    return {"SignatureDoesNotMatch",
            now > signed_at
                ? absl::StrCat("Signature expired: ", stamp, " is now earlier than ",
                               text(now - kSkew), " (", text(now), " - 15 min.)")
                : absl::StrCat("Signature not yet current: ", stamp, " is still later than ",
                               text(now + kSkew), " (", text(now), " + 15 min.)")};
  }
  std::string headers;
  bool has_host = false;
  for (const absl::string_view name : absl::StrSplit(parts["SignedHeaders"], ';')) {
    has_host = has_host || name == "host";
    absl::StrAppend(&headers, name, ":", absl::StripAsciiWhitespace(request.Header(name)), "\n");
  }
  if (!has_host)
    return {"SignatureDoesNotMatch",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."};
  const std::string canonical =
      absl::StrCat(request.method, "\n", CanonicalPath(request.raw_path), "\n",
                   CanonicalQuery(request.raw_query), "\n", headers, "\n", parts["SignedHeaders"],
                   "\n", Hex(Sha256(request.body)));
  const std::string to_sign =
      absl::StrCat(kAlgorithm, "\n", stamp, "\n", scope[1], "/", scope[2], "/", scope[3],
                   "/aws4_request\n", Hex(Sha256(canonical)));
  std::string key = Hmac(absl::StrCat("AWS4", credentials.secret_key), scope[1]);
  for (const absl::string_view part : {absl::string_view(scope[2]), absl::string_view(scope[3]),
                                       absl::string_view("aws4_request")}) {
    key = Hmac(key, part);
  }
  if (Hex(Hmac(key, to_sign)) != parts["Signature"]) return wrong;
  return {};
}

}  // namespace charon::sandbox::aws
