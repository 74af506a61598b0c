// The message of a refusal, which its causes make up.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

// `refused` as if these of its causes were all that the server has found; with its own message
// where that is not made up of causes. The ApiError that it carries stays whole.
absl::Status OnlyAbout(const absl::Status& refused, const std::vector<ApiError::Cause>& causes);

namespace internal {

// What `object` ("Service \"w\"") is refused for: one cause in the same line, several in a line
// each. It is empty where what was sent is not as the schema has it.
std::string OfCauses(absl::string_view object, const std::vector<ApiError::Cause>& causes);

}  // namespace internal
}  // namespace charon::kubernetes
