// One object under field ownership: made, adopted, changed, released, deleted. Every step is safe
// to repeat after a crash at any point. Resources are written against this header.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/base/call.h"
#include "provider/clients/kubernetes/cluster.h"
#include "provider/clients/kubernetes/object.h"
#include "provider/clients/kubernetes/ownership.h"

namespace charon::operations {

using kubernetes::Cluster;
using kubernetes::Json;
using kubernetes::ObjectRef;

// The annotation that says which stack an object belongs to (catalogue, "owner mark").
inline constexpr char kOwnerAnnotation[] = "charon.internal/owner";
// At what a create has found to be its stack's own already, after a kill or in the place of another
// resource: the number of the one whose it is from then on (Tenure). The field manager's name ends
// in "-taken-over".
inline constexpr char kTenureAnnotation[] = "charon.internal/taken-over";
// Whether an annotation is one of these.
bool IsOurNote(absl::string_view annotation);

// What to do about an object that exists and is not ours.
enum class OnConflict { kFail, kAdopt, kReplace };

struct ObjectOptions {
  std::string manager = "charon";  // field manager of server-side apply
  std::string owner;  // the mark's value: conventions.owner + "/" + type + "/" + identity; empty:
                      // no mark is written or asked for (ownership = "fields")
  OnConflict on_conflict = OnConflict::kFail;
  // What the user may do about an object that is there already, for the message.
  std::string import_id{};       // of the resource; empty: the object's own
  bool may_import = true;        // whether an import would take it: not once the resource is there
  bool offers_replace = true;    // whether on_conflict = "replace" exists
  bool force_conflicts = false;  // take fields from other managers
  // What the user may do about these fields of the configuration, which another manager has, for
  // the message; empty: what holds for all resources.
  std::function<std::string(const std::vector<std::string>& fields)> ways_out{};
  // Further marks that count as ours: former spellings of `owner`.
  std::function<bool(absl::string_view mark)> accepts{};
  // An object of the state that this stack has applied, not only imported: then what has neither
  // our mark nor any field of ours is another of the same name (IsNamesake).
  bool applied_before = false;
  // It was adopted, and has no mark yet (IsMarkedLater).
  bool unmarked = false;
  // In a plan: what is ours there will be deleted before. What is to come is checked under another
  // name, as CheckMakeAnew does.
  bool replaces = false;
  // In a plan: hears what an object is that is there, and what the change would make of it. Without
  // it nobody asks the server for that.
  std::function<void(const Json& live, const Json& after)> foresees{};
  // Fields whose value counts only at creation, as a partial object; null: none. They go in under
  // "<manager>-initial", so that they are never sent again and never removed by a later apply.
  const Json* initial = nullptr;
  // Which fields that counted only at creation are not left to others any more: our next write has
  // them again, or takes them away. Empty: none.
  std::function<bool(const kubernetes::FieldPath& field)> takes_back{};
  // Every later update has the same fields in `initial`: it hands them over before it applies, so
  // that the creation need not, and is one write.
  bool hand_over_later = false;
  // The declaration with the nulls that it had, which name nothing: asked where the server refuses
  // what it has filled in itself, which goes then if a null stands for it.
  std::function<Json()> nulls{};
  // What this stack declared of it before; null: not known. Asked where the object has lost all
  // notes of who owns what.
  std::function<Json()> before{};
};

// From the attribute on_conflict: "fail", "adopt", "replace"; anything else is kFail.
OnConflict OnConflictFrom(absl::string_view text);

// What somebody else made of fields that a configuration declares, a line each: which field, who,
// when.
std::string DescribeDrift(const std::vector<kubernetes::Difference>& differences);

// Whose an existing object is.
enum class Claim {
  kAbsent,
  kOurs,       // our manager applied it and the mark is ours
  kUnclaimed,  // exists, without anybody's mark
  kForeign,    // exists with another stack's mark
};
Claim ClaimOf(const Json* live, const ObjectOptions& options);
// The field manager under which this stack has applied `live`: options.manager, or, until that has
// applied anything, whoever applied our mark: kubernetes.field_manager was another one then. Empty:
// this stack has not.
std::string AppliedAs(const Json& live, const ObjectOptions& options);
// The same, or options.manager where that is empty: under whose name `live` is compared.
std::string ComparedAs(const Json& live, const ObjectOptions& options);
// Those whose fields become ours with our first apply: tools that are done with `live`, and our own
// former name.
std::vector<std::string> FormerManagersOf(const Json& live, const ObjectOptions& options);
// What others own of `live` itself, not of its status, and keep whatever we apply. What was carried
// over counts as theirs; `former`: managers whose fields become ours.
kubernetes::FieldSet OwnedByOthers(const Json& live, const ObjectOptions& options,
                                   const std::vector<std::string>& former = {});
// Somebody has deleted ours and made another of the same name. It counts as gone: not changed and
// not deleted, and made again as any object that exists already (on_conflict).
bool IsNamesake(const Json& live, const ObjectOptions& options);
// The warning of a refresh that finds one.
void TellNamesake(const Call& call, const ObjectRef& ref, const Json& live,
                  const ObjectOptions& options);
// Whether `live` has an owner's mark, whoever's.
bool HasMark(const Json& live);
// Writes an annotation and nothing else, under a field manager of its own. Gets five seconds where
// the call has no time left.
absl::Status WriteNote(const Call& call, Cluster& cluster, const ObjectRef& ref,
                       absl::string_view annotation, const std::string& text,
                       const std::string& manager);
// Another resource has applied `live` since this one did (Tenure): of this stack, or of another one
// with the same conventions.owner. It is not deleted.
bool IsTakenOver(const Call& call, const Json& live);
// The warning of a deletion that leaves `what` as it is for that.
void TellTakenOver(const Call& call, absl::string_view what);
// Whether an object that was adopted gets its mark with the first change only: of a Deployment
// annotations count in the generation (kubernetes 1.36, pkg/registry/apps/deployment/strategy.go,
// PrepareForUpdate), of other kinds the spec alone does.
bool IsMarkedLater(const ObjectRef& ref);
// What our manager owns of the object beyond what `declared` and `options.initial` have: an apply
// that was killed has written it, and no state knows. Nothing where that cannot be told: for custom
// resources.
std::vector<kubernetes::FieldPath> OwnedBeyond(const Json& live, const Json& declared,
                                               const ObjectOptions& options);

// Makes `object` (mark added) or takes over what an earlier, killed run of ours made. One write in
// the plain case. AlreadyExists, naming who owns it and the ways out (import, on_conflict =
// "adopt"), if it exists and is not ours; with kAdopt former managers' entries are migrated, so
// that what the configuration does not have and they applied goes away at the next apply; kReplace
// deletes (and waits) first. AlreadyExists too if another resource of this run has it.
absl::StatusOr<Json> CreateObject(const Call& call, Cluster& cluster, const Json& object,
                                  const ObjectOptions& options);

// `object` and what `carried` has beside it, in the order of the lists of `carried`.
Json WithCarried(const Json& object, const Json& carried);
// CreateObject of both. What of `carried` (a partial object; null: nothing) others own in `former`,
// which is made anew by that, stays as it is from then on and is not ours; what `object` declares
// is ours alone.
absl::StatusOr<Json> CreateCarrying(const Call& call, Cluster& cluster, const Json& object,
                                    const Json& carried, const Json& former,
                                    const ObjectOptions& options);

// Applies a change of `object`. Migrates former managers first if our manager does not own anything
// yet (after import or `moved`). AlreadyExists for a namesake, as with Create. Aborted, naming
// manager, field and the ways out, on a conflict without force_conflicts. FailedPrecondition if
// another stack has marked it meanwhile. Makes it again if it is gone.
absl::StatusOr<Json> UpdateObject(const Call& call, Cluster& cluster, const Json& object,
                                  const ObjectOptions& options);

// The same without doing it, at plan time (`plan_checks`): a dry run with the same errors. False if
// it cannot be told now: server unreachable, namespace or kind not there yet.
absl::StatusOr<bool> CheckCreate(const Call& call, Cluster& cluster, const Json& object,
                                 const ObjectOptions& options);
absl::StatusOr<bool> CheckUpdate(const Call& call, Cluster& cluster, const Json& object,
                                 const ObjectOptions& options);

// `live` with its fields owned as they will be when an update applies `object`: what former
// managers have is ours. As it is where nothing of it moves.
Json Migrated(const Json& object, const Json& live, const ObjectOptions& options);
// `part` of `live` without what our next apply of `object` takes out of it: what others wrote
// stays, and so does what the server filled in beside it.
Json LeftOf(const Json& part, const Json& object, const Json& live, const ObjectOptions& options);

// Whether the server would make `object` if the one that has its name were not there: a dry run
// under another name, which no message shows. False if it cannot be told.
absl::StatusOr<bool> CheckMakeAnew(const Call& call, Cluster& cluster, const Json& object,
                                   const ObjectOptions& options);

// Gives the object up without deleting it or any field of it: our mark and our managers' entries
// go, the values stay. NotFound if it is gone.
absl::Status ReleaseObject(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const ObjectOptions& options);

// The same, but for the fields of `object`: these stay our manager's, for whom sets just them from
// now on. With none left the server would make all of them "before-first-apply"'s, and conflict.
absl::Status ReleaseAllBut(const Call& call, Cluster& cluster, const Json& object,
                           const ObjectOptions& options);

// Gives up fields one by one (their configuration now says "external"): our entry loses them
// without their value.
absl::Status ReleaseFields(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const std::vector<kubernetes::FieldPath>& fields,
                           const ObjectOptions& options);

// Deletes the object if it is ours (FailedPrecondition naming the owner if it is not) and waits
// until it is gone, saying what holds it when time runs out. If another resource of this run has
// made it, changed it or taken it over (an address was renamed without `moved`), it stays, and the
// call's listener hears so. With ownership of fields only
// (options.owner empty): applies an empty object, so that just our fields go. NotFound if it is
// gone already.
absl::Status DeleteObject(const Call& call, Cluster& cluster, const ObjectRef& ref,
                          const ObjectOptions& options,
                          const std::string& propagation = "Background");
// The same without waiting: what finalizers hold goes later, by itself.
absl::Status RequestDeletion(const Call& call, Cluster& cluster, const ObjectRef& ref,
                             const ObjectOptions& options);
// Whether its deletion was requested, and something still holds it.
bool IsGoing(const Json& live);
// FailedPrecondition where DeleteObject would refuse because the object is another's.
absl::Status CheckDelete(const Call& call, Cluster& cluster, const ObjectRef& ref,
                         const ObjectOptions& options);

}  // namespace charon::operations
