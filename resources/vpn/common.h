// What the VPN's resources have in common.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/schema/checks.h"
#include "provider/schema/field.h"
#include "provider/sdk/context.h"
#include "provider/services.h"

namespace charon::vpn {

// Null for an empty text.
Attr<std::string> TextOrNull(const std::string& text);
// RFC 3339, UTC; null for no time.
Attr<std::string> TimeOrNull(absl::Time time);
Attr<std::string> TimeOrNull(const std::optional<absl::Time>& time);
absl::StatusOr<absl::Time> ParseTime(absl::string_view text);

// Checks of an attribute: "tag:infra"; a prefix in its own words ("10.1.0.0/24").
Check Tag();
Check Route();

// The prefix as the server writes it; InvalidArgument if it is none, or has host bits.
absl::StatusOr<std::string> NormalRoute(absl::string_view text);

}  // namespace charon::vpn
