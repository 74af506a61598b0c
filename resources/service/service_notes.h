// What a service notes beside its state, for the run after one that was killed: at its workload, at
// the Secret that it generates, and in private state.
#pragma once

#include <map>
#include <string>

#include "nlohmann/json_fwd.hpp"
#include "provider/clients/kubernetes/field_set.h"
#include "provider/operations/apply_object.h"
#include "provider/sdk/context.h"
#include "resources/service/service.h"

namespace charon::service {

// Stands in `objects` for the hash of an object that may have been written in part, or of a
// workload that was not ready in time: no rendering has it, so that the next apply sends it, and
// waits, whatever the configuration says then.
inline constexpr char kUnfinished[] = "unfinished";
// Whether a run may have been killed, or ended by an error, in the middle.
bool IsUnfinished(const ServiceModel& model);

// At the workload: a hash of the names of all objects of the service; under a manager of its own,
// so that no apply of the workload itself has to know it.
inline constexpr char kObjectsAnnotation[] = "charon.internal/objects";
std::string HashOfKeys(const StringMap& objects);
// What `workload` notes; "" if nothing.
std::string NotedObjects(const nlohmann::json& workload);
// Whether the service that `workload` belongs to has, or may have, other objects than `objects`:
// the workload notes it before an update makes the first of those that come with it, since their
// names are in no state if the run is killed. Without an annotation it notes nothing.
bool NotesOtherObjects(const sdk::Context& context, const nlohmann::json& workload,
                       const StringMap& objects);
// For a state that is about to lose objects which somebody has deleted: what `workload` notes of
// them tells nothing of a killed run, until an apply notes anew and forgets this.
void RememberNote(const sdk::Context& context, const nlohmann::json& workload);
bool RemembersNote(const sdk::Context& context);
void ForgetNote(const sdk::Context& context);

// At the generated Secret, once values have been made anew, since neither shows in them: "id",
// which pods that have them bear, and "triggers", the rotation_trigger of each, as NotedTrigger has
// it. Null if there is none.
inline constexpr char kGeneratedAnnotation[] = "charon.internal/generated";
nlohmann::json GeneratedNote(const nlohmann::json& secret);
std::string NotedTrigger(const Attr<std::string>& trigger);
// The id of the generated values that the pods of a state were started with; "" for the first ones.
std::string StartedWith(const ServiceModel& model);
// Whether an update has made generated values anew that the pods of `model`, a state, were not
// started with: it did not get as far.
bool NotesOtherValues(const nlohmann::json& secret, const ServiceModel& model);
// Their key in `restart`: the name of the Secret.
std::string GeneratedName(const ServiceModel& model);

// In private state, by key of an object: a fingerprint of what the server made of it as it was
// applied (a policy or a webhook rewrote it). As long as that stays, nothing has drifted.
std::map<std::string, std::string> ParseSettled(const sdk::Context& context);
void StoreSettled(const sdk::Context& context, const std::map<std::string, std::string>& settled);
// Of a Secret that the service makes a keyed hash of the values that are ours stands there; under
// this key it is about the rest: labels, annotations, type.
std::string ValuesDigest(const nlohmann::json& secret, const operations::ObjectOptions& options);
std::string RestOf(const std::string& key);
// Whether a field of such a Secret is about its values, which no rendering has.
bool IsOfValues(const kubernetes::FieldPath& field);

// In private state: the workload was adopted, and has no mark yet.
bool IsUnmarked(const sdk::Context& context);
void NoteUnmarked(const sdk::Context& context, bool unmarked);

// Private state of the create half of a replacement, which the delete half gets: the data that it
// will take again, as a list of keys, or "all" if that is not known yet.
inline constexpr char kNextData[] = "next-data";

}  // namespace charon::service
