// What every layer adds to an absl::Status: the attribute at fault, and context in front of the
// message. Functions that can fail return absl::Status or absl::StatusOr; nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provider/base/path.h"

namespace charon {

// `status` with the attribute it is about. An inner path already there is kept behind the outer
// one: At("wait", At("for", s)) is about wait.for. OK stays OK.
absl::Status At(const Path& path, absl::Status status);

// The attribute `status` is about; empty if none was named.
std::optional<Path> PathOf(const absl::Status& status);

// "context: message", code and payloads kept. OK stays OK.
absl::Status Annotate(absl::Status status, absl::string_view context);

// What the user can do about it, shown as the last paragraph of the diagnostic. The first one
// named wins: the innermost function knows best.
absl::Status WithRemedy(absl::Status status, absl::string_view remedy);

// A NotFound means to resources that the object they asked for is gone. This makes one that is
// about something else (a file, a program, a path of a server) a FailedPrecondition; message and
// payloads are kept. Other codes stay.
absl::Status NotAboutTheObject(absl::Status status);
std::optional<std::string> RemedyOf(const absl::Status& status);

}  // namespace charon

#define CHARON_CONCAT_INNER_(a, b) a##b
#define CHARON_CONCAT_(a, b) CHARON_CONCAT_INNER_(a, b)

// Returns from the enclosing function if `expr` is not OK.
#define CHARON_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                     \
    if (absl::Status charon_status_ = (expr); !charon_status_.ok()) return charon_status_; \
  } while (false)

// CHARON_ASSIGN_OR_RETURN(User user, users.Get(call, id));
#define CHARON_ASSIGN_OR_RETURN(lhs, expr) \
  CHARON_ASSIGN_OR_RETURN_(CHARON_CONCAT_(charon_or_, __LINE__), lhs, expr)
#define CHARON_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)
