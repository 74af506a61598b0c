// What values of DNS records may be, as far as the APIs check them.

#ifndef ACCEPTANCE_TESTS_SANDBOX_DNS_VALUES_H_
#define ACCEPTANCE_TESTS_SANDBOX_DNS_VALUES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace charon::sandbox::dns {

bool IsIpv4(const std::string& text);
bool IsIpv6(const std::string& text);
// Labels of 1 to 63 characters, at most 253 in all; with or without the final dot. Underscores and,
// in front, an asterisk.
bool IsName(absl::string_view text);
// Lower case, without the final dot.
std::string Canonical(absl::string_view name);
bool IsWithin(absl::string_view name, absl::string_view zone);  // Both canonical.

}  // namespace charon::sandbox::dns

#endif  // ACCEPTANCE_TESTS_SANDBOX_DNS_VALUES_H_
