#include "provider/clients/headscale/dialect.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/status.h"

namespace charon::headscale {
namespace {

struct FeatureRow {
  Feature feature;
  int first;  // minor versions that have it
  int last;
  absl::string_view what;  // "... cannot <what>"
};

// Read in the API descriptions (gen/openapiv2) and hscontrol/grpcv1.go of v0.23.0, v0.25.1,
// v0.26.1, v0.27.1, v0.28.0 and v0.29.2, and in hscontrol/api/v1 of the main branch (0.30).
constexpr int kEver = 1000;
constexpr std::array<FeatureRow, 11> kFeatures = {{
    {Feature::kUserDetails, 24, kEver,
     "give a user a display name, an e-mail address or a picture"},
    {Feature::kRouteApproval, 26, kEver, "approve a route that the node does not offer yet"},
    {Feature::kNodeExpiry, 27, kEver, "set the time at which a node expires"},
    {Feature::kNeverExpires, 29, kEver, "switch off the expiry of a node"},
    {Feature::kMoveNode, 0, 27, "move a node to another user"},
    {Feature::kClearTags, 0, 27, "take the last tag from a node"},
    {Feature::kTagsBesideUser, 0, 27, "keep both a user and tags on a node"},
    {Feature::kTagOnlyKeys, 28, kEver, "make a pre-auth key without a user"},
    {Feature::kDeleteKey, 28, kEver, "delete a pre-auth key"},
    {Feature::kPolicyCheck, 29, kEver, "check a policy without storing it"},
    {Feature::kPolicyTests, 29, kEver, "run the tests of a policy"},
}};

const FeatureRow& RowOf(Feature feature) {
  return *std::find_if(kFeatures.begin(), kFeatures.end(),
                       [&](const FeatureRow& row) { return row.feature == feature; });
}

bool IsLabelChar(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; }

// As tailscale.com/util/dnsname SanitizeHostname and SanitizeLabel (v1.86) do: one label, in lower
// case; '.', '_', ' ' and '@' become '-', what is left of other characters goes, and so do '-' at
// the ends.
std::string Sanitize(absl::string_view hostname) {
  for (const absl::string_view suffix : {".local", ".localdomain", ".lan"})
    hostname = absl::StripSuffix(hostname, suffix);
  std::string label;
  for (const char c : hostname) {
    const char lower = absl::ascii_tolower(c);
    if (lower == '.' || lower == '_' || lower == ' ' || lower == '@') {
      label.push_back('-');
    } else if (IsLabelChar(lower)) {
      label.push_back(lower);
    }
  }
  while (absl::StartsWith(label, "-")) label.erase(0, 1);
  if (label.size() > 63) label.resize(63);
  while (absl::EndsWith(label, "-")) label.pop_back();
  return label.empty() ? "node" : label;
}

// hscontrol/db/node.go generateGivenName (v0.23.0 to v0.28.0): what is not allowed is left out,
// dots stay.
std::string Strip(absl::string_view hostname) {
  std::string label;
  for (const char c : hostname) {
    const char lower = absl::ascii_tolower(c);
    if (IsLabelChar(lower) || lower == '.') label.push_back(lower);
  }
  return label;
}

// Steps to `minor`, from the changelogs of the releases (CHANGELOG.md, "BREAKING").
struct Step {
  int minor;
  std::vector<std::string> changes;
};

const std::vector<Step>& Steps() {
  static const auto& steps = *new std::vector<Step>{
      {24,
       {"Users have ids: requests to delete or rename a user carry the id instead of the name.",
        "Users who log in by OIDC are told apart by issuer and subject instead of the e-mail's "
        "name; references in policies may need another name."}},
      {25,
       {"A node that logs in as another user becomes a new node instead of moving.",
        "OIDC users of before 0.24 are no longer matched unless map_legacy_users is set.",
        "Clients older than Tailscale 1.62 are refused."}},
      {26,
       {"Users in policies need an @: write john@ for john.",
        "Invalid policies are refused when they are loaded; they used to fail rule by rule.",
        "Routes belong to their node: /api/v1/routes is gone.",
        "Pre-auth keys name their user by id; keys are listed with the whole user.",
        "server_url and dns.base_domain must differ; dns.nameservers.global must not be empty with "
        "override_local_dns."}},
      {27,
       {"32-bit binaries are no longer built.",
        "Names of new nodes must be DNS labels: others become invalid-XXXXXX.",
        "Policies may no longer have an empty or zero destination port."}},
      {28,
       {"A node has a user or tags, never both: setting tags takes away the user, and the last tag "
        "cannot be removed.",
        "Nodes can no longer be moved between users.",
        "forcedTags, validTags and invalidTags of a node are replaced by tags.",
        "Pre-auth keys are shown once and stored as a hash; they are expired and deleted by id, "
        "and all are listed at once.",
        "* is no destination of SSH rules any more; sources and destinations of SSH rules are "
        "checked.",
        "Databases of before 0.25.0 are no longer migrated."}},
      {29,
       {"Minor versions cannot be skipped, and there is no way back to an older minor.",
        "Twins of a host name are numbered (-1, -2) instead of getting a random suffix, and host "
        "names are made fit for DNS.",
        "* in policies means the addresses of the network (100.64.0.0/10, fd7a:115c:a1e0::/48) "
        "instead of all addresses.",
        "autogroup:self refuses tags, hosts and addresses as sources; proto icmp is IPv4 only.",
        "The server does not start with randomize_client_port in its configuration: it is part of "
        "the policy now."}},
      {30,
       {"The gRPC API is gone; command line and clients use the REST API.",
        "Errors of the API are application/problem+json with fitting status codes, also for a "
        "wrong key.",
        "The expiry of a node is sent in the body of the request.",
        "Expiring or deleting a pre-auth key that does not exist is an error."}},
  };
  return steps;
}

}  // namespace

std::string Dialect::Name() const { return absl::StrCat("0.", minor); }

std::string Dialect::Description() const {
  return absl::StrCat("Headscale ", version.empty() ? Name() : version);
}

bool Dialect::Can(Feature feature) const {
  const FeatureRow& row = RowOf(feature);
  return minor >= row.first && minor <= row.last;
}

absl::Status Dialect::Require(Feature feature) const {
  if (Can(feature)) return absl::OkStatus();
  const FeatureRow& row = RowOf(feature);
  const absl::Status status = absl::UnimplementedError(
      absl::StrCat("the server is ", Description(), ", which cannot ", row.what, "; ",
                   minor < row.first ? absl::StrCat("Headscale 0.", row.first, " and later can")
                                     : absl::StrCat("Headscale could until 0.", row.last)));
  return minor < row.first ? WithRemedy(status, absl::StrCat("Upgrade the server to 0.", row.first,
                                                             " or later, one minor version at a "
                                                             "time, or leave this out."))
                           : status;
}

absl::StatusOr<Dialect> ParseVersion(absl::string_view text) {
  const auto bad = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no version of Headscale such as \"0.29\" or \"0.29.2\""));
  };
  const absl::string_view plain = absl::StripPrefix(text, "v");
  const std::vector<absl::string_view> parts =
      absl::StrSplit(plain, absl::MaxSplits(absl::ByAnyChar(".-+"), 2));
  int major = 0, minor = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major) ||
      !absl::SimpleAtoi(parts[1], &minor) || major < 0 || minor < 0) {
    return bad();
  }
  if (major == 0 && minor < kOldestMinor) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("Headscale ", plain,
                                                " is too old: the API that this provider "
                                                "speaks begins with 0.",
                                                kOldestMinor)),
        "Upgrade the server.");
  }
  Dialect dialect;
  dialect.minor = major > 0 ? kNewestMinor : std::min(minor, kNewestMinor);
  dialect.version = std::string(plain);
  return dialect;
}

std::optional<Dialect> DialectOfSpec(absl::string_view document) {
  const auto has = [&](absl::string_view path) {
    // JSON: "/api/v1/node": ...; YAML: /api/v1/node: or "/api/v1/node":
    return absl::StrContains(document, absl::StrCat("/api/v1/", path, "\"")) ||
           absl::StrContains(document, absl::StrCat("/api/v1/", path, ":"));
  };
  Dialect dialect;
  // By what each generation added; the documents are listed at kFeatures.
  if (!has("node") || !has("preauthkey")) return std::nullopt;
  if (absl::StrContains(document.substr(0, 4096), "openapi: ") ||
      absl::StrContains(document, "\nopenapi: ")) {
    dialect.minor = 30;
  } else if (has("policy/check")) {
    dialect.minor = 29;
  } else if (absl::StrContains(document, "HeadscaleService_DeletePreAuthKey")) {
    dialect.minor = 28;
  } else if (has("health")) {
    dialect.minor = 27;
  } else if (has("node/{nodeId}/approve_routes")) {
    dialect.minor = 26;
  } else if (has("user/{id}")) {
    dialect.minor = 25;
  } else if (has("policy")) {
    dialect.minor = 23;
  } else {
    return std::nullopt;
  }
  return dialect;
}

std::optional<UpgradeNote> NextUpgrade(int minor) {
  for (const Step& step : Steps()) {
    if (step.minor == minor + 1) return UpgradeNote{absl::StrCat("0.", step.minor), step.changes};
  }
  return std::nullopt;
}

std::string GivenNameOf(const Dialect& dialect, absl::string_view hostname) {
  return dialect.minor >= 29 ? Sanitize(hostname) : Strip(hostname);
}

bool IsNumberedTwin(const Dialect& dialect, absl::string_view hostname,
                    absl::string_view given_name) {
  const std::string clean = GivenNameOf(dialect, hostname);
  const std::size_t dash = given_name.rfind('-');
  if (dash == absl::string_view::npos) return false;
  const absl::string_view stem = given_name.substr(0, dash);
  const absl::string_view suffix = given_name.substr(dash + 1);
  // A node that registered before the server was upgraded keeps its random suffix.
  // hscontrol/db/node.go v0.28.0: the stem is cut to 63 - 8 - 2 characters, the suffix has 8 of
  // [a-z0-9].
  constexpr std::size_t kRandom = 8;
  const bool is_random =
      suffix.size() == kRandom &&
      std::all_of(suffix.begin(), suffix.end(),
                  [](char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }) &&
      stem == absl::string_view(clean).substr(0, 63 - kRandom - 2);
  if (dialect.minor < 29 || is_random) return is_random;
  // hscontrol/state/node_store.go v0.29.2 resolveGivenName: "-1", "-2", ..., the stem cut so that
  // 63 suffice.
  return !suffix.empty() && suffix.front() != '0' &&
         std::all_of(suffix.begin(), suffix.end(), absl::ascii_isdigit) &&
         stem == absl::string_view(clean).substr(0, std::min(clean.size(), 63 - suffix.size() - 1));
}

absl::Status CheckUserName(absl::string_view name) {
  // hscontrol/util/dns.go ValidateUsername (v0.29.2); 0.23 allows lower case, digits, '-' and '.'
  // of 2 to 63 characters (CheckForFQDNRules). The server allows any letter; policies are read by
  // name, so letters of ASCII it is.
  const auto bad = [&](absl::string_view why) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("\"", name, "\" ", why)),
        "A user's name has at least two characters, starts with a letter, and goes on with "
        "letters, digits, "
        "'-', '.', '_' and at most one '@': \"alice\", \"ci-runner\", \"bob@example.com\".");
  };
  if (name.size() < 2)
    return bad("is too short for a user: policies and the server refuse names of one character");
  if (!absl::ascii_isalpha(name.front())) return bad("does not start with a letter");
  if (std::count(name.begin(), name.end(), '@') > 1) return bad("has more than one '@'");
  for (const absl::string_view reserved : {"tag:", "group:", "autogroup:"}) {
    if (absl::StartsWith(name, reserved))
      return bad(
          absl::StrCat("would be read as a ", absl::StripSuffix(reserved, ":"), " by policies"));
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (absl::ascii_isalnum(name[i]) || absl::StrContains("-._@", name[i])) continue;
    // With the bytes that continue it in UTF-8 (RFC 3629, section 3).
    std::size_t end = i + 1;
    while (end < name.size() && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) ++end;
    return bad(absl::StrCat("has the character '", name.substr(i, end - i), "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckTag(absl::string_view tag) {
  const absl::string_view name = absl::StripPrefix(tag, "tag:");
  if (name.size() == tag.size()) {
    return WithRemedy(
        absl::InvalidArgumentError(absl::StrCat("\"", tag, "\" must start with \"tag:\"")),
        absl::StrCat("Write \"tag:", absl::AsciiStrToLower(tag), "\"."));
  }
  const bool fits = !name.empty() && absl::ascii_islower(name.front()) &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return IsLabelChar(c) || c == '_' || c == '.'; });
  if (fits) return absl::OkStatus();
  return WithRemedy(absl::InvalidArgumentError(absl::StrCat("\"", tag, "\" is no tag")),
                    "A tag is \"tag:\" and a name of lower case letters, digits and '-' that "
                    "starts with a letter: \"tag:infra\".");
}

}  // namespace charon::headscale
