#include "provider/sdk/function.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "provider/base/status.h"
#include "provider/value/convert.h"

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

absl::StatusOr<Value> ObjectArgument(std::size_t index, const Value& argument,
                                     const ObjectSchema& schema) {
  std::vector<absl::Status> wrong;
  Value object = Convert(argument, schema.type(), wrong);
  if (wrong.empty() && object.IsNull())
    wrong.push_back(absl::InvalidArgumentError("object is required, but this is null"));
  // Terraform does not call with such arguments.
  if (wrong.empty() && !object.IsWhollyKnown())
    wrong.push_back(absl::InvalidArgumentError("is not known yet"));
  if (wrong.empty()) wrong = ValidateObject(schema, object, /*write_only_allowed=*/true, nullptr);
  if (!wrong.empty()) return AtArgument(index, wrong.front());
  return object;
}

}  // namespace charon::sdk
