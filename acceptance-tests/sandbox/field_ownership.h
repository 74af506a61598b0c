// Who owns which field of an object: metadata.managedFields, for updates and for server-side apply.

#ifndef ACCEPTANCE_TESTS_SANDBOX_FIELD_OWNERSHIP_H_
#define ACCEPTANCE_TESTS_SANDBOX_FIELD_OWNERSHIP_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "field_set.h"
#include "json.h"
#include "schema.h"

namespace charon::sandbox {

// One writer and the place it writes to.
struct FieldWriter {
  std::string manager;
  std::string api_version;
  std::string subresource;  // Empty, "status" or "scale".
  const Type* type = nullptr;
  // What an object of the kind holds before anybody wrote to it.
  Json empty = Json::object();
  // Fields this endpoint never writes (status on the main resource, spec on /status).
  FieldSet ignored;
  absl::Time now;
  // The scale endpoint keeps the time of an entry, and gives a new one none.
  bool keep_time = false;
};

// `object` as a POST, PUT or other PATCH leaves it, with managedFields brought up to date: `writer`
// owns what changed. A request that sets managedFields to [] or [{}] drops them all.
Json TrackUpdate(const Json& live, Json object, const FieldWriter& writer);

struct Applied {
  Json object;
  bool changed = false;
};

// Server-side apply of `patch` to `live` (null if there is no such object yet). Conflicts answer
// 409 unless `force`.
absl::StatusOr<Applied> Apply(const Json& live, const Json& patch, bool force,
                              const FieldWriter& writer);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_FIELD_OWNERSHIP_H_
