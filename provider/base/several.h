// Several statuses in one, where one answer says several things.
#pragma once

#include <vector>

#include "absl/status/status.h"

namespace charon {

// Several things that one answer says, each of which is to be shown by itself, in this order. What
// is asked of it (code, path, remedy, payloads) is the first one's, its message has a line of each;
// At and Annotate add to all, WithRemedy to those that have none. REQUIRES: none of them is OK, and
// there is one at least.
absl::Status Several(const std::vector<absl::Status>& statuses);

// The statuses that Several was made of; any other one is alone.
std::vector<absl::Status> EachOf(const absl::Status& status);

}  // namespace charon
