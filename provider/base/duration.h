// Durations as users write them: Go's syntax, "30s", "5m", "1h30m", "1.5h".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace charon {

// InvalidArgument, showing the accepted form, for anything else; also for days ("7d"), which Go
// does not have.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

}  // namespace charon
