#include "control_api.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "status.h"

namespace charon::sandbox {

HttpResponse ControlApi::Handle(const HttpRequest& request) {
  const std::string what = request.path.substr(std::string("/_sandbox/").size());
  if (what == "requests") {
    if (request.method == "DELETE") {
      log_.Reset();
      return JsonResponse({{"ok", true}});
    }
    std::int64_t since = 0;
    (void)absl::SimpleAtoi(request.Query("since"), &since);
    return JsonResponse(log_.Entries(since));
  }
  if (what == "faults") {
    if (request.method == "DELETE") {
      faults_.Clear();
      return JsonResponse({{"ok", true}});
    }
    if (request.method == "POST") {
      const absl::StatusOr<ParsedDocument> body = ParseJson(request.body);
      if (!body.ok()) return StatusResponse(BadRequest(body.status().message()));
      const absl::StatusOr<std::string> id = faults_.Add(body->value);
      return id.ok() ? JsonResponse({{"id", *id}}, 201) : StatusResponse(id.status());
    }
    return JsonResponse(faults_.Describe());
  }
  return StatusResponse(PathNotFound());
}

}  // namespace charon::sandbox
