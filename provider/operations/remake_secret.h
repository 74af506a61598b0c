// A Secret that Kubernetes does not let change (its type, a value of an immutable one) is deleted
// and made again without losing what it holds: while it is gone, its values are in a second Secret
// beside it. A run that was killed in between leaves that one, and the next finds it.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/operations/apply_object.h"

namespace charon::operations {

// The keys of `live` that are ours: a key that another writer changed is his. What former managers
// own counts as ours until we own anything: our first apply makes it so.
std::set<std::string> OwnedKeys(const Json& live, const ObjectOptions& options);

// Whether Kubernetes refuses to make `object` of `live` (null: there is none).
bool MustBeMadeAgain(const Json& live, const Json& object, const ObjectOptions& options);

// Puts the values of `object`, and those of others in `live`, into the second Secret. To be done
// before RemakeSecret of the place that has the values.
absl::Status KeepValues(const Call& call, Cluster& cluster, const Json& object, const Json& live,
                        const ObjectOptions& options);

// What a killed run has kept of the Secret; null if nothing.
absl::StatusOr<Json> KeptValues(const Call& call, Cluster& cluster, const ObjectRef& ref,
                                const ObjectOptions& options);
absl::Status DropKeptValues(const Call& call, Cluster& cluster, const ObjectRef& ref,
                            const ObjectOptions& options);

// Deletes `live` (null: it is gone already) and makes `object`, with the keys, labels and
// annotations that others have in `source`: `live` itself, or what was kept of it.
absl::StatusOr<Json> RemakeSecret(const Call& call, Cluster& cluster, const Json& object,
                                  const Json& live, const Json& source,
                                  const ObjectOptions& options);

}  // namespace charon::operations
