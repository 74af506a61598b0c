#include "names.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace charon::sandbox {
namespace {

bool Lower(char c) { return absl::ascii_islower(static_cast<unsigned char>(c)); }
bool Digit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool Alnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool LowerAlnum(char c) { return Lower(c) || Digit(c); }

bool IsDnsLabel(absl::string_view name) {
  return !name.empty() && LowerAlnum(name.front()) && LowerAlnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return LowerAlnum(c) || c == '-'; });
}

std::string TooLong(int limit) { return absl::StrCat("must be no more than ", limit, " bytes"); }

constexpr char kLabelRegex[] = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

std::string NamePart(absl::string_view name) {
  if (name.empty()) return "name part must be non-empty";
  if (name.size() > 63) return "name part must be no more than 63 bytes";
  const auto inner = [](char c) { return Alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (!Alnum(name.front()) || !Alnum(name.back()) ||
      !std::all_of(name.begin(), name.end(), inner)) {
    return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start "
           "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', "
           "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  }
  return "";
}

}  // namespace

std::string DnsLabelError(absl::string_view name) {
  if (name.size() > 63) return TooLong(63);
  if (IsDnsLabel(name)) return "";
  return absl::StrCat(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
      "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
      "used for validation is '",
      kLabelRegex, "')");
}

std::string DnsSubdomainError(absl::string_view name) {
  if (name.size() > 253) return TooLong(253);
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  if (std::all_of(labels.begin(), labels.end(), IsDnsLabel)) return "";
  return absl::StrCat(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
      "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
      "for validation is '",
      kLabelRegex, "(\\.", kLabelRegex, ")*')");
}

std::string Dns1035LabelError(absl::string_view name) {
  if (name.size() > 63) return TooLong(63);
  if (IsDnsLabel(name) && Lower(name.front())) return "";
  return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with "
         "an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
         "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
}

std::string PathSegmentError(absl::string_view name) {
  for (const absl::string_view illegal : {".", ".."}) {
    if (name == illegal) return absl::StrCat("may not be '", illegal, "'");
  }
  for (const absl::string_view illegal : {"/", "%"}) {
    if (absl::StrContains(name, illegal)) return absl::StrCat("may not contain '", illegal, "'");
  }
  return "";
}

std::string PortNameError(absl::string_view name) {
  if (name.size() > 15) return "must be no more than 15 characters";
  const auto allowed = [](char c) { return LowerAlnum(c) || c == '-'; };
  if (!std::all_of(name.begin(), name.end(), allowed)) {
    return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
  }
  if (!std::any_of(name.begin(), name.end(), Lower))
    return "must contain at least one letter (a-z)";
  if (absl::StrContains(name, "--")) return "must not contain consecutive hyphens";
  if (name.front() == '-' || name.back() == '-') return "must not begin or end with a hyphen";
  return "";
}

std::string QualifiedNameError(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() == 1) return NamePart(parts[0]);
  if (parts.size() == 2) {
    if (parts[0].empty()) return "prefix part must be non-empty";
    if (const std::string wrong = DnsSubdomainError(parts[0]); !wrong.empty()) {
      return absl::StrCat("prefix part ", wrong);
    }
    return NamePart(parts[1]);
  }
  return "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must "
         "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
         "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') "
         "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
}

std::string LabelValueError(absl::string_view value) {
  if (value.size() > 63) return TooLong(63);
  const auto inner = [](char c) { return Alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (value.empty() || (Alnum(value.front()) && Alnum(value.back()) &&
                        std::all_of(value.begin(), value.end(), inner))) {
    return "";
  }
  return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
         "or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
         "'my_value',  or '12345', regex used for validation is "
         "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
}

std::string ConfigKeyError(absl::string_view key) {
  if (key.size() > 253) return TooLong(253);
  const auto allowed = [](char c) { return Alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (key.empty() || !std::all_of(key.begin(), key.end(), allowed)) {
    return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
           "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
           "'[-._a-zA-Z0-9]+')";
  }
  if (key == ".") return "must not be '.'";
  if (key == "..") return "must not be '..'";
  if (absl::StartsWith(key, "..")) return "must not start with '..'";
  return "";
}

std::string EnvNameError(absl::string_view name) {
  if (std::all_of(name.begin(), name.end(),
                  [](char c) { return c >= ' ' && c <= '~' && c != '='; })) {
    return "";
  }
  return "a valid environment variable name must consist only of printable ASCII characters other "
         "than '='";
}

bool IsIp(absl::string_view text) {
  unsigned char buffer[16];
  const std::string copy(text);
  return inet_pton(AF_INET, copy.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, copy.c_str(), buffer) == 1;
}

bool IsCidr(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  int bits = -1;
  const int limit = absl::StrContains(parts.first, ":") ? 128 : 32;
  return IsIp(parts.first) && absl::SimpleAtoi(parts.second, &bits) && bits >= 0 && bits <= limit;
}

bool IsStrictSubset(absl::string_view inner, absl::string_view outer) {
  unsigned char bytes[2][16] = {};
  int bits[2] = {};
  const absl::string_view texts[2] = {inner, outer};
  int families[2] = {};
  for (int i = 0; i < 2; ++i) {
    const std::pair<std::string, absl::string_view> parts =
        absl::StrSplit(texts[i], absl::MaxSplits('/', 1));
    families[i] = absl::StrContains(parts.first, ":") ? AF_INET6 : AF_INET;
    if (inet_pton(families[i], parts.first.c_str(), bytes[i]) != 1 ||
        !absl::SimpleAtoi(parts.second, &bits[i])) {
      return false;
    }
  }
  if (families[0] != families[1] || bits[0] <= bits[1]) return false;
  for (int bit = 0; bit < bits[1]; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((bytes[0][bit / 8] & mask) != (bytes[1][bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace charon::sandbox
