// Following one object: list, watch, resume, and polling where watching is not allowed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"

namespace charon::kubernetes {

// One object as a list of one tells it, and where in time that was.
struct ObjectNow {
  std::unique_ptr<Json> object;  // with apiVersion and kind; null if there is none
  std::string resource_version;
};

// What a watch asks the server. Not shared between threads, except that Stream runs on one of its
// own.
class WatchSource {
 public:
  virtual ~WatchSource() = default;
  // GET. NotFound if there is no such object.
  virtual absl::StatusOr<Json> GetNow(const Call& call) = 0;
  // LIST with a field selector on the name.
  virtual absl::StatusOr<ObjectNow> ListNow(const Call& call) = 0;
  // WATCH after `resource_version` for at most `limit`. Pieces of the body go to `on_body`, which
  // does not block; false from it ends the stream. OK when the server or `on_body` ended it,
  // OutOfRange if the version is too old (410).
  virtual absl::Status Stream(const Call& call, const std::string& resource_version,
                              absl::Duration limit,
                              const std::function<bool(absl::string_view)>& on_body) = 0;
};

// As Cluster::Watch.
absl::Status WatchObject(const Call& call, WatchSource& source,
                         const std::function<bool(const WatchEvent&)>& on_event,
                         absl::Duration idle = absl::InfiniteDuration());

}  // namespace charon::kubernetes
