#include "provider/base/duration.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace charon {

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  // absl takes Go's syntax, and "inf" beside it.
  if (absl::StrContains(text, "inf") || !absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is not a duration; write numbers with a unit, such as \"30s\", \"5m\", \"1h30m\""));
  }
  return duration;
}

}  // namespace charon
