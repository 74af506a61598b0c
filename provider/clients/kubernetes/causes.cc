#include "provider/clients/kubernetes/causes.h"

#include <cstddef>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace charon::kubernetes {
namespace {

constexpr char kIsInvalid[] = " is invalid:";
constexpr char kSchemaErrors[] = "these fields are not as the kind has them:";

}  // namespace

namespace internal {

std::string OfCauses(absl::string_view object, const std::vector<ApiError::Cause>& causes) {
  const bool schema = object.empty();
  if (causes.size() == 1) {
    return absl::StrCat(object, schema ? "" : kIsInvalid, schema ? "" : " ", causes[0].field, ": ",
                        causes[0].message);
  }
  std::string message = absl::StrCat(object, schema ? kSchemaErrors : kIsInvalid);
  for (const ApiError::Cause& cause : causes)
    absl::StrAppend(&message, "\n- ", cause.field, ": ", cause.message);
  return message;
}

}  // namespace internal

absl::Status OnlyAbout(const absl::Status& refused, const std::vector<ApiError::Cause>& causes) {
  const ApiError error = ApiErrorOf(refused);
  absl::string_view context = refused.message();
  const bool schema = absl::StartsWith(error.message, kSchemaErrors);
  const std::size_t invalid = error.message.find(kIsInvalid);
  const bool of_causes = schema || (error.reason == "Invalid" && invalid != std::string::npos);
  if (causes.empty() || !of_causes || !absl::ConsumeSuffix(&context, error.message)) return refused;
  absl::Status only(
      refused.code(),
      absl::StrCat(context,
                   internal::OfCauses(schema ? "" : error.message.substr(0, invalid), causes)));
  refused.ForEachPayload(
      [&only](absl::string_view url, const absl::Cord& payload) { only.SetPayload(url, payload); });
  return only;
}

}  // namespace charon::kubernetes
