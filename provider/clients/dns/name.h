// Domain names as every part compares them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace charon::dns {

// How "\052" is meant: RFC 1035 section 5.1 counts in decimal, Route 53 in octal.
enum class Escapes { kDecimal, kOctal };

// The one spelling of a name: lower case, no dot at the end, punycode for letters beyond ASCII (RFC
// 3492, after NFKC and case folding), escapes only where a character needs one ("\046"; always
// decimal). "." is "". InvalidArgument, saying what is wrong, if it is none: an empty label, one of
// more than 63 bytes, more than 253 in all, blanks. In decimal, "\052" is "*" nevertheless: people
// copy it from Route 53, and nobody writes a 4 that way.
absl::StatusOr<std::string> CanonicalName(absl::string_view text,
                                          Escapes escapes = Escapes::kDecimal);

// As CanonicalName, of a name that services and hosts have. InvalidArgument too for a "/": only
// reverse zones of less than 256 addresses have one (RFC 2317, "0/25.2.0.192.in-addr.arpa"), and
// elsewhere a path or a network was meant.
absl::StatusOr<std::string> CanonicalHost(absl::string_view text);

// True if `name` is `zone` or below it. Both canonical.
bool IsInside(absl::string_view name, absl::string_view zone);

// True if both are names and mean the same one.
bool SameName(absl::string_view a, absl::string_view b);

}  // namespace charon::dns
