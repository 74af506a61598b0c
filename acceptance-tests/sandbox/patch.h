// The three patch formats that are not server-side apply.

#ifndef ACCEPTANCE_TESTS_SANDBOX_PATCH_H_
#define ACCEPTANCE_TESTS_SANDBOX_PATCH_H_

#include "absl/status/statusor.h"
#include "json.h"
#include "schema.h"

namespace charon::sandbox {

// RFC 7386.
Json MergePatch(Json target, const Json& patch);

// RFC 6902, as the server's library does it. 422 where an operation does not apply.
absl::StatusOr<Json> JsonPatch(Json target, const Json& operations);

// Strategic merge: lists merged by their patch key, with the $patch, $retainKeys,
// $deleteFromPrimitiveList and $setElementOrder directives.
absl::StatusOr<Json> StrategicMergePatch(const Json& target, const Json& patch, const Type& type);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_PATCH_H_
