#include "dns_values.h"

#include <arpa/inet.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace charon::sandbox::dns {

bool IsIpv4(const std::string& text) {
  in_addr address;
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool IsName(absl::string_view text) {
  text = absl::StripSuffix(text, ".");
  if (text.empty() || text.size() > 253) return false;
  bool first = true;
  for (const absl::string_view label : absl::StrSplit(text, '.')) {
    if (label.empty() || label.size() > 63) return false;
    if (!(first && label == "*")) {
      for (const char c : label) {
        if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_')
          return false;
      }
    }
    first = false;
  }
  return true;
}

std::string Canonical(absl::string_view name) {
  return absl::AsciiStrToLower(absl::StripSuffix(name, "."));
}

bool IsWithin(absl::string_view name, absl::string_view zone) {
  return name == zone || absl::EndsWith(name, absl::StrCat(".", zone));
}

}  // namespace charon::sandbox::dns
