#include "provider/http/transport.h"

#include "absl/strings/cord.h"

namespace charon::http {
namespace {

constexpr char kUnsentPayload[] = "charon.internal/unsent";

}  // namespace

bool IsRepeatable(const Request& request) {
  switch (request.repeat) {
    case Repeat::kSafe:
      return true;
    case Repeat::kOnlyIfUnsent:
      return false;
    case Repeat::kByMethod:
      break;
  }
  return request.method == "GET" || request.method == "HEAD" || request.method == "PUT" ||
         request.method == "DELETE";
}

absl::Status MarkUnsent(absl::Status status) {
  if (!status.ok()) status.SetPayload(kUnsentPayload, absl::Cord());
  return status;
}

bool IsUnsent(const absl::Status& status) { return status.GetPayload(kUnsentPayload).has_value(); }

}  // namespace charon::http
