// gMock matchers for absl::Status and absl::StatusOr.
//
//   EXPECT_THAT(users.Delete(call, "7"), IsOk());
//   EXPECT_THAT(users.Get(call, "7"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no user")));
//   EXPECT_THAT(ParseDuration("1m"), IsOkAndHolds(absl::Minutes(1)));
#pragma once

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "provider/base/path.h"
#include "provider/base/status.h"

namespace charon {
namespace status_matchers_internal {

inline const absl::Status& ToStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& value) {
  return value.status();
}

}  // namespace status_matchers_internal

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  const absl::Status& status = status_matchers_internal::ToStatus(arg);
  if (!status.ok()) *result_listener << "which is " << status.ToString();
  return status.ok();
}

// `message` is matched against the message alone (HasSubstr, MatchesRegex, a text).
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message)) {
  const absl::Status& status = status_matchers_internal::ToStatus(arg);
  *result_listener << "which is " << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()), result_listener);
}

inline auto StatusIs(absl::StatusCode code) { return StatusIs(code, ::testing::A<std::string>()); }

MATCHER_P(IsOkAndHolds, value, "is OK and holds a value that " + ::testing::PrintToString(value)) {
  if (!arg.ok()) {
    *result_listener << "which is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

// The attribute that the status is about, as Path::ToString() writes it; "" for none.
MATCHER_P(StatusIsAt, path, "is about the attribute " + ::testing::PrintToString(path)) {
  const std::string at =
      PathOf(status_matchers_internal::ToStatus(arg)).value_or(Path()).ToString();
  *result_listener << "which is about \"" << at << "\"";
  return ::testing::ExplainMatchResult(path, at, result_listener);
}

}  // namespace charon
