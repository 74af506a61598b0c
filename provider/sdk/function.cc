#include "provider/sdk/function.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace charon::sdk {
namespace {

constexpr char kArgumentPayload[] = "charon.internal/argument";

}  // namespace

absl::Status AtArgument(std::size_t index, absl::Status status) {
  if (!status.ok()) status.SetPayload(kArgumentPayload, absl::Cord(absl::StrCat(index)));
  return status;
}

std::optional<std::int64_t> ArgumentOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kArgumentPayload);
  std::int64_t index = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &index)) return std::nullopt;
  return index;
}

}  // namespace charon::sdk
