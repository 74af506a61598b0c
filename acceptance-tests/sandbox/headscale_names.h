// How Headscale names things, and what it refuses: hostnames, user names, tags, prefixes.

#ifndef ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_NAMES_H_
#define ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_NAMES_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::sandbox::headscale {

// 0.23 (hscontrol/util/dns.go): what user and node names may be.
absl::Status CheckFqdnRules(const std::string& name);
// 0.23: a hostname made fit for a name; dots stay.
std::string NormaliseHostname(absl::string_view hostname);

// 0.29: Tailscale's util/dnsname. "" where nothing is left of it.
std::string SanitiseHostname(absl::string_view hostname);
// 0.29: whether a given name is one DNS label.
absl::Status CheckLabel(const std::string& name);

// `tag:` and lower case; `space_text` is what the version says about blanks.
absl::Status CheckTag(const std::string& tag, absl::string_view space_text);

// A prefix as Go's net/netip has it: the bits of the host stay.
struct Prefix {
  bool is6 = false;
  std::array<std::uint8_t, 16> address = {};
  int bits = 0;

  bool IsExitRoute() const;
  // Whether every address of `other` is in this one.
  bool Contains(const Prefix& other) const;
  std::string ToString() const;
  // IPv4 first, then by length, then by address.
  std::strong_ordering operator<=>(const Prefix& other) const;
  bool operator==(const Prefix& other) const = default;
};

// netip.ParsePrefix, with its errors.
absl::StatusOr<Prefix> ParsePrefix(const std::string& text);
// An address alone is a prefix of full length too.
absl::StatusOr<Prefix> ParseAddressOrPrefix(const std::string& text);

}  // namespace charon::sandbox::headscale

#endif  // ACCEPTANCE_TESTS_SANDBOX_HEADSCALE_NAMES_H_
