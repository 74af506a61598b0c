// Who owns which field of an object (metadata.managedFields), and what that means for reading,
// comparing and adopting it. Pure functions on JSON; all are safe to call concurrently.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/field_set.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::kubernetes {

struct ManagerEntry {
  std::string manager;
  std::string operation;    // "Apply" or "Update"
  std::string subresource;  // "" for the object itself, "status", "scale", ...
  std::string api_version;  // of the names in `fields`
  absl::Time time = absl::InfinitePast();
  FieldSet fields;
};

// The entries of metadata.managedFields, in the server's order; entries that cannot be read are
// left out.
std::vector<ManagerEntry> Managers(const Json& object);

// The fields of `object` by manager, sorted, such as {"kubectl": {".data.a"}}; what somebody wrote
// as its status is left out.
std::map<std::string, std::vector<std::string>> FieldsByManager(const Json& object);

// What `manager` owns by Apply in the main resource; empty set if nothing.
FieldSet AppliedBy(const Json& object, absl::string_view manager);

// `live` reduced to the fields of `owned`: maps by name, associative lists by key (the keys are
// always kept), sets by value, atomic values whole. Fields that are owned but absent in `live` are
// absent. List order is live's. A map that `owned` has as a leaf is atomic, or was applied empty:
// live's managedFields tell. apiVersion, kind and metadata.name are not part of field sets, so they
// are not in the result.
Json Project(const Json& live, const FieldSet& owned);

// One field that the configuration declares and that the live object has differently.
struct Difference {
  FieldPath path;
  std::string declared;  // compact JSON; "(sensitive)" for the values of a Secret
  std::string live;      // the same; empty: the field is not there
  std::string manager;  // who owns the field now (the latest of several); empty: nobody, or unknown
  std::string operation;
  std::string subresource;                 // "scale" for an autoscaler
  absl::Time time = absl::InfinitePast();  // when that manager last wrote (any of its fields)
};

// Differences that are to count no more as long as live keeps the value it has there: what the
// server makes of a declaration in ways that Compare does not know. Short names of places and
// values.
using Settled = std::set<std::string>;
Settled SettledAs(const std::vector<Difference>& differences);

// The fields of `declared` that `live` has differently; absent subtrees and atomic values count as
// one. `manager` is the name under which `declared` was applied; without it anybody's apply counts
// as ours in the places marked (*).
//
// Values are compared by meaning: see SameMeaning. Nulls of `declared` and empty maps and lists
// mean "nothing here": no difference if live has none, or has what the server filled in by itself.
// (*) A null is one if another manager owns a value there. (*) An empty map is one if it is gone
// and `manager`, which has applied other fields, no longer owns it (emptyDir: {} that became
// hostPath).
//
// List items are matched by the keys that any manager's entry in live's managedFields shows; where
// none does by the merge keys of the built-in kinds (name, mountPath, containerPort + protocol,
// ...); lists without keys are atomic. A missing protocol is TCP. Order does not matter where there
// are keys, nor in sets.
//
// In granular maps, associative lists and sets, what only live has is invisible. In atomic values
// it is a difference, except (*) while `manager` still owns the value: then the server filled in
// defaults.
//
// stringData of a Secret is compared with the decoded data. Not compared: apiVersion, kind, the
// server's own fields of metadata, its name and namespace, and status unless somebody owns it
// through the object itself.
//
// What is `settled` is none: see SettledAs.
std::vector<Difference> Compare(const Json& declared, const Json& live,
                                absl::string_view manager = "", const Settled& settled = {});

// `declared` with each difference that Compare finds replaced by live's value (dropped if live has
// none): what the object looks like through the configuration's eyes. Equal to `declared` if there
// is no difference.
Json Overlay(const Json& declared, const Json& live, absl::string_view manager = "",
             const Settled& settled = {});

// True if the API server treats both as the same value at `path`: equal JSON; numbers of equal
// value; quantities of equal amount where `path` is a place for quantities (limits, requests, hard,
// capacity, sizeLimit, averageValue, ...); 80 and "80" where it takes int-or-string (ports,
// maxSurge, ...); base64 of equal bytes in binaryData; null, {}, [] and
// maps of nothing else. Durations are text to the server, so 60s is not 1m.
bool SameMeaning(const FieldPath& path, const Json& a, const Json& b);

// The set of fields that server-side apply would record for `declared`, with lists and atomic maps
// as in `live`'s managedFields (any managers' entries), or as in the built-in kinds. `live` may be
// null.
FieldSet FieldsOf(const Json& declared, const Json& live);

// True for names under which tools create objects and then are done, or are left behind when an
// object changes hands: kubectl's creating commands, Helm, Terraform and its providers, and the
// entry that the server makes for objects from before the first apply. Not for controllers, which
// would come back.
bool IsFormerManager(absl::string_view manager, absl::string_view operation);

// The managers of `object` (main resource, not `manager`) that IsFormerManager; each once.
std::vector<std::string> FormerManagers(const Json& object, absl::string_view manager);

// metadata.managedFields as it must be sent for `manager` to take over from `from`: their entries
// (Update and Apply, of the main resource) are removed and their fields added to the Apply entry of
// `manager`. Nothing else changes. Nullopt if there is nothing to move.
//
// Why: server-side apply removes a field when the manager that applies owned it by Apply, no longer
// declares it, and nobody else owns it. A field that is only in another tool's entry would
// therefore stay for ever, although the configuration does not have it. After the move the next
// apply by `manager` removes what the configuration does not declare (or lets the server's default
// return), keeps what another manager still owns, and conflicts with nobody. kubectl does the same
// for its own two names (client-go, util/csaupgrade); it drops entries of another apiVersion, here
// their fields move along: where the versions name a field differently, the server passes over the
// unknown name.
//
// With `declared`, what our next apply is going to declare: defaults that `from` spelled out, which
// the server would not fill in again (automountServiceAccountToken: true, a container's
// securityContext: {}), become nobody's instead if they are not declared. They stay then; without
// them the pod template would be another one, and all pods would be made anew for nothing.
std::optional<Json> MigratedManagedFields(const Json& object, absl::string_view manager,
                                          const std::vector<std::string>& from,
                                          const FieldSet* declared = nullptr);

// metadata.managedFields without the Apply entries of `managers`, or, if `fields` is not null,
// without these fields and what is below them: their values stay, owned by nobody or by whom else
// they have, and no later apply by `managers` removes them. Nullopt if nothing would change. Fields
// inside an atomic value cannot be released alone and are passed over.
std::optional<Json> ReleasedManagedFields(const Json& object,
                                          const std::vector<std::string>& managers,
                                          const std::vector<FieldPath>* fields = nullptr);

// JSON patches for the two; nullopt as above. They replace metadata.resourceVersion by the one of
// `object`, so that a concurrent write gives 409 Conflict (Aborted) rather than a lost entry: read
// again and retry.
std::optional<Json> MigrationPatch(const Json& object, absl::string_view manager,
                                   const std::vector<std::string>& from,
                                   const FieldSet* declared = nullptr);
std::optional<Json> ReleasePatch(const Json& object, const std::vector<std::string>& managers,
                                 const std::vector<FieldPath>* fields = nullptr);
// The same for an object without managedFields: `fields`, named as in `api_version`, become what
// `manager` has applied.
Json ClaimPatch(const Json& object, absl::string_view manager, absl::string_view api_version,
                const FieldSet& fields);

}  // namespace charon::kubernetes
