#include "resources/service/checks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"

namespace charon::service {
namespace {

template <std::size_t n>
bool Has(const std::array<absl::string_view, n>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsKey(absl::string_view text) {
  const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._", {&c, 1});
  });
  return characters && !text.empty() && text.size() <= 253 && text != "." &&
         !absl::StartsWith(text, "..");
}

}  // namespace

Check PortText() {
  return TextRule("is a port by name or number", [](absl::string_view text) {
    if (text.empty()) return Invalid("must be the name or the number of a port, and is empty");
    std::int64_t number = 0;
    const bool digits = text.find_first_not_of("0123456789") == absl::string_view::npos;
    if (!digits || (absl::SimpleAtoi(text, &number) && number >= 1 && number <= 65535))
      return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be a port from 1 to 65535, or its name"));
  });
}

Check Network(bool or_local) {
  return TextRule(or_local ? "is a network such as `10.1.0.0/16`, or `local`"
                           : "is a network such as `10.1.0.0/16`",
                  [or_local](absl::string_view text) {
                    if ((or_local && text == "local") || IpPrefix::Parse(text))
                      return absl::OkStatus();
                    if (const auto address = IpAddress::Parse(text)) {
                      return Invalid(absl::StrCat("\"", text, "\" is one address: write \"", text,
                                                  address->v6 ? "/128\"" : "/32\""));
                    }
                    return Invalid(absl::StrCat(
                        "\"", text,
                        "\" is no network: write an address and the length of its prefix, such as "
                        "\"10.1.0.0/16\"",
                        or_local ? ", or \"local\"" : ""));
                  });
}

Check IpText() {
  return TextRule("is an IP address", [](absl::string_view text) {
    if (IpAddress::Parse(text)) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be an IP address such as \"10.1.0.20\""));
  });
}

Check EnvName() {
  return TextRule("is the name of a variable", [](absl::string_view text) {
    const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
      return absl::ascii_isprint(static_cast<unsigned char>(c)) && c != '=';
    });
    if (!text.empty() && characters) return absl::OkStatus();
    return Invalid(absl::StrCat(
        "\"", text, "\" must be the name of an environment variable: ASCII characters but \"=\""));
  });
}

// apimachinery v0.36, pkg/util/validation: IsConfigMapKey.
Check DataKey() {
  return TextRule("has only letters, digits, `-`, `_` and `.`", [](absl::string_view text) {
    if (IsKey(text)) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text,
                                "\" must be 1 to 253 letters, digits, \"-\", \"_\" and \".\", as "
                                "the keys of a Secret are"));
  });
}

Check SecretReference() {
  return TextRule("is `secret/key`", [](absl::string_view text) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(absl::StripSuffix(text, "?"), absl::MaxSplits('/', 1));
    if (parts.size() == 2 && !parts[0].empty() && IsKey(parts[1])) return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text, "\" must be \"secret/key\", such as \"db/password\""));
  });
}

bool IsBase64(absl::string_view text) {
  std::string plain(text);
  std::erase_if(plain, [](char c) { return c == '\n' || c == '\r'; });
  absl::string_view digits = plain;
  if (digits.size() % 4 != 0) return false;
  if (absl::ConsumeSuffix(&digits, "=")) absl::ConsumeSuffix(&digits, "=");
  return std::all_of(digits.begin(), digits.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/';
  });
}

// github.com/robfig/cron/v3 v3.0.1, ParseStandard, as the CronJob controller uses it.
Check CronSchedule() {
  return TextRule("is a cron expression", [](absl::string_view text) {
    static constexpr std::array<absl::string_view, 7> kWords = {
        "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"};
    const std::vector<absl::string_view> fields =
        absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
             absl::StrContains("*/,-? \t", {&c, 1});
    });
    if (Has(kWords, text) || absl::StartsWith(text, "@every ") ||
        (fields.size() == 5 && characters))
      return absl::OkStatus();
    return Invalid(absl::StrCat("\"", text,
                                "\" must be a cron expression of five fields (minute, hour, day of "
                                "the month, month, day of "
                                "the week), such as \"30 3 * * *\", or a word such as \"@daily\""));
  });
}

// kubernetes 1.36, pkg/apis/core/validation: validEnvDownwardAPIFieldPathExpressions,
// validContainerResourceFieldPathExpressions.
Check PodField() {
  return TextRule(
      "is a field of the pod or a resource of the container", [](absl::string_view text) {
        static constexpr std::array<absl::string_view, 9> kFields = {"metadata.name",
                                                                     "metadata.namespace",
                                                                     "metadata.uid",
                                                                     "spec.nodeName",
                                                                     "spec.serviceAccountName",
                                                                     "status.hostIP",
                                                                     "status.hostIPs",
                                                                     "status.podIP",
                                                                     "status.podIPs"};
        static constexpr std::array<absl::string_view, 3> kResources = {"cpu", "memory",
                                                                        "ephemeral-storage"};
        if (Has(kFields, text)) return absl::OkStatus();
        absl::string_view rest = text;
        if (absl::ConsumePrefix(&rest, "limits.") || absl::ConsumePrefix(&rest, "requests.")) {
          if (Has(kResources, rest) || absl::StartsWith(rest, "hugepages-"))
            return absl::OkStatus();
        } else if ((absl::ConsumePrefix(&rest, "metadata.labels['") ||
                    absl::ConsumePrefix(&rest, "metadata.annotations['")) &&
                   absl::EndsWith(rest, "']")) {
          return absl::OkStatus();
        }
        return Invalid(absl::StrCat(
            "\"", text,
            "\" is nothing that Kubernetes has for a variable: metadata.name, "
            "metadata.namespace, metadata.uid, metadata.labels['KEY'], "
            "metadata.annotations['KEY'], spec.nodeName, spec.serviceAccountName, "
            "status.hostIP, status.hostIPs, status.podIP, status.podIPs, or limits. or "
            "requests. with cpu, memory or ephemeral-storage behind it"));
      });
}

Check NotEmpty(std::string otherwise) {
  return Check{"is not empty", [otherwise = std::move(otherwise)](const Value& value) {
                 if (!value.sequence().empty()) return absl::OkStatus();
                 return WithRemedy(Invalid("is empty"), otherwise);
               }};
}

}  // namespace charon::service
