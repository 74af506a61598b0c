// provider::charon::txt_record: texts as record values.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace charon::functions {

// InvalidArgument for more than a record holds (65,535 bytes with the length of each string).
absl::StatusOr<std::string> TxtRecord(const std::string& text);

}  // namespace charon::functions
