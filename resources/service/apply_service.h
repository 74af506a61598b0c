// What writes a service: its objects are made and changed in order, and taken away in the reverse
// one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "provider/operations/apply_object.h"
#include "provider/sdk/resource.h"
#include "provider/services.h"
#include "resources/service/service.h"

namespace charon::service {

inline constexpr char kType[] = "charon_service";

// Stands in `objects` for the hash of an object that may have been written in part, or of a
// workload that was not ready in time: no rendering has it, so that the next apply sends it, and
// waits, whatever the configuration says then.
inline constexpr char kUnfinished[] = "unfinished";

// Whether the service that `workload` belongs to has, or may have, other objects than `objects`:
// the workload notes it in an annotation before an update makes the first of those that come with
// it, since their names are in no state if the run is killed. Without an annotation it notes
// nothing.
bool NotesOtherObjects(const sdk::Context& context, const kubernetes::Json& workload,
                       const StringMap& objects);
// For a state that is about to lose objects which somebody has deleted: what `workload` notes of
// them tells nothing of a killed run, until an apply notes anew.
void RememberNote(const sdk::Context& context, const kubernetes::Json& workload);

// The keys of all objects that have the mark of this service, whatever a state knows: a list of
// each kind.
absl::StatusOr<StringMap> MarkedObjects(const sdk::Context& context, Services& services,
                                        kubernetes::Cluster& cluster, const ServiceModel& model);

// What the user may do about fields of a service's objects, as conflicts name them, that another
// manager has.
std::string WaysOut(const std::vector<std::string>& fields);

// The first of them, and how many more there are.
std::string Shown(const std::vector<std::string>& fields);

// Who owns a service's objects.
operations::ObjectOptions OptionsOf(Services& services, const ServiceModel& model,
                                    const sdk::Context& context);

// Private state of the create half of a replacement, which the delete half gets: the data that it
// will take again, as a list of keys, or "all" if that is not known yet.
inline constexpr char kNextData[] = "next-data";

// Makes the service (`prior` is nullptr), or what has changed of it, and waits until it is ready.
// `left` is what a create left that failed, or the delete half of a replacement, if there was one.
// What was reached is in the outcome also if something fails.
sdk::Outcome<ServiceModel> ApplyService(const sdk::Context& context, Services& services,
                                        const ServiceModel* prior, const ServiceModel* left,
                                        const ServiceModel& plan);

// The claims that a StatefulSet's controller has made for one of its volumes.
absl::StatusOr<std::vector<kubernetes::Json>> ReplicaClaims(const Call& call,
                                                            kubernetes::Cluster& cluster,
                                                            const ServiceModel& model,
                                                            const std::string& volume);

// Exposure first. What holds data stays unless `delete_data` says otherwise; what was kept is told.
// What stays because the create half of a replacement takes it again is added to `passed_on`, as
// keys.
absl::Status RemoveService(const sdk::Context& context, Services& services,
                           const ServiceModel& prior, std::vector<std::string>& passed_on);

// Secrets that pods are restarted for.
std::vector<std::string> RestartSecrets(const ServiceModel& model);

// What pods are started with: the keyed hashes of these Secrets, where no controller of the cluster
// restarts the pods, and as before an id of generated values that were made anew.
absl::StatusOr<Attr<StringMap>> Restarts(const sdk::Context& context, Services& services,
                                         const ServiceModel& model, const Attr<StringMap>& prior);

// Whether an update has made generated values anew that the pods of `model`, a state, were not
// started with: it did not get as far.
bool NotesOtherValues(const kubernetes::Json& secret, const ServiceModel& model);

// Private state, by key of an object: a fingerprint of what the server made of it as it was applied
// (a policy or a webhook rewrote it). As long as that stays, nothing has drifted.
std::map<std::string, std::string> ParseSettled(const sdk::Context& context);

// Of such a Secret, what is noted under this key is about the rest: labels, annotations, type.
std::string RestOf(const std::string& key);
// Whether a field of it is about its values, which no rendering has.
bool IsOfValues(const kubernetes::FieldPath& field);

// What stands there for a Secret that the service makes: a keyed hash of the values that are ours.
std::string ValuesDigest(const kubernetes::Json& secret, const operations::ObjectOptions& options);

}  // namespace charon::service
