#include "provider/operations/apply_object.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"
#include "provider/operations/list_merge.h"
#include "provider/operations/wait_ready.h"

namespace charon::operations {
namespace {

using kubernetes::ApiError;
using kubernetes::ApiErrorOf;
using kubernetes::FieldPath;
using kubernetes::FieldSet;
using kubernetes::Missing;
using kubernetes::MissingOf;
using kubernetes::PatchType;
using kubernetes::RunClaims;
using kubernetes::Text;

// How often a step is repeated because somebody else wrote in between.
constexpr int kAttempts = 4;

std::string InitialManager(const std::string& manager) { return absl::StrCat(manager, "-initial"); }

std::string InitialManager(const ObjectOptions& options) { return InitialManager(options.manager); }

// Of what is carried over into an object that is made anew: nobody else of ours ever drops it.
std::string CarryingManager(const ObjectOptions& options) {
  return absl::StrCat(options.manager, "-carried");
}

std::string UidOf(const Json& object) { return Text(object, "metadata.uid"); }

std::string MarkOf(const Json& object) { return kubernetes::Annotation(object, kOwnerAnnotation); }

std::string TenureOf(const Json& object) {
  return kubernetes::Annotation(object, kTenureAnnotation);
}

bool IsOurMark(const std::string& mark, const ObjectOptions& options) {
  return mark == options.owner || (options.accepts != nullptr && options.accepts(mark));
}

Json Marked(const Json& object, const ObjectOptions& options) {
  Json marked = object;
  if (!options.owner.empty()) marked["metadata"]["annotations"][kOwnerAnnotation] = options.owner;
  return marked;
}

// apiVersion, kind, name and namespace: what every apply must carry.
Json IdentityOf(const ObjectRef& ref) {
  Json object = {{"apiVersion", ref.kind.api_version},
                 {"kind", ref.kind.kind},
                 {"metadata", {{"name", ref.name}}}};
  if (!ref.name_space.empty()) object["metadata"]["namespace"] = ref.name_space;
  return object;
}

// What `live` has where `declared` says null: the part of `live` with these values, null if there
// are none. Their dotted paths are added to `paths`.
Json ValuesAtNulls(const Json& declared, const Json& live, const std::string& prefix,
                   std::set<std::string>& paths) {
  Json values;
  if (!declared.is_object() || !live.is_object()) return values;
  for (const auto& [key, value] : declared.items()) {
    const auto there = live.find(key);
    if (there == live.end() || there->is_null()) continue;
    const std::string path = absl::StrCat(prefix, prefix.empty() ? "" : ".", key);
    if (value.is_null()) {
      values[key] = *there;
      paths.insert(path);
    } else if (Json inner = ValuesAtNulls(value, *there, path, paths); !inner.is_null()) {
      values[key] = std::move(inner);
    }
  }
  return values;
}

void DropNulls(Json& object) {
  if (!object.is_object()) return;
  for (auto entry = object.begin(); entry != object.end();) {
    if (entry->is_null()) {
      entry = object.erase(entry);
    } else {
      DropNulls(*entry);
      ++entry;
    }
  }
}

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { changed.SetPayload(url, payload); });
  return changed;
}

// An apply takes away only what its manager owns, so a null beside a default of the server changes
// nothing (seen with Kubernetes 1.36: spec.strategy.rollingUpdate of a Deployment that becomes
// Recreate). If that is all that the server has against it: what is in the way, else null.
Json InTheWayOfNulls(const absl::Status& refused, const Json& declared, const Json& live,
                     const ObjectOptions& options) {
  if (!absl::IsInvalidArgument(refused)) return Json();
  std::set<std::string> paths;
  Json values =
      ValuesAtNulls(options.nulls != nullptr ? options.nulls() : declared, live, "", paths);
  const ApiError error = ApiErrorOf(refused);
  const bool only =
      std::all_of(error.causes.begin(), error.causes.end(),
                  [&paths](const ApiError::Cause& cause) { return paths.count(cause.field) != 0; });
  return only && !error.causes.empty() ? values : Json();
}

bool IsFieldConflict(const absl::Status& status) {
  if (!absl::IsAborted(status)) return false;
  const ApiError error = ApiErrorOf(status);
  return std::any_of(error.causes.begin(), error.causes.end(), [](const ApiError::Cause& cause) {
    return cause.reason == "FieldManagerConflict";
  });
}

// Refused because the object is there (kMustNotExist), is not there (metadata.uid), or was written
// to by somebody else (metadata.resourceVersion of a patch, uid of a deletion).
bool IsPrecondition(const absl::Status& status) {
  if (absl::IsAborted(status)) return !IsFieldConflict(status);
  if (!absl::IsInvalidArgument(status)) return false;
  const ApiError error = ApiErrorOf(status);
  return std::any_of(error.causes.begin(), error.causes.end(),
                     [](const ApiError::Cause& cause) { return cause.field == "metadata.uid"; });
}

// Whether the server refuses what an object says, by validation: not for its name, nor for what
// another object has (a node port or an address; kubernetes 1.36,
// pkg/registry/core/service/portallocator and ipallocator, ErrAllocated).
bool SpeaksAgainstContent(const absl::Status& refused) {
  if (!absl::IsInvalidArgument(refused) || IsPrecondition(refused)) return false;
  const ApiError error = ApiErrorOf(refused);
  return std::any_of(error.causes.begin(), error.causes.end(), [](const ApiError::Cause& cause) {
    return !cause.field.empty() && cause.field != "metadata.name" &&
           !absl::StrContains(cause.message, "already allocated");
  });
}

// Fields that are given up with their values, since the server refuses the object without them.
void TellKept(const Call& call, const ObjectRef& ref, const absl::Status& refused) {
  if (call.listener == nullptr) return;
  call.listener->Warn(
      absl::StrCat("Left as it is: ", ref.ToString()),
      absl::StrCat("The object cannot be without what this resource has set, so the fields keep "
                   "their values and belong to nobody now. Without them the server says:\n",
                   ApiErrorOf(refused).message));
}

// The server words it: conflict with "kubectl-edit" with subresource "scale" using apps/v1.
std::string ManagerIn(const std::string& message) {
  const std::size_t open = message.find('"');
  const std::size_t close = open == std::string::npos ? open : message.find('"', open + 1);
  return close == std::string::npos ? message : message.substr(open + 1, close - open - 1);
}

// Not with another: with ourselves (a value that counted only at creation is declared from now on),
// with nobody (the server's name for what has no manager, such as what we released: apiserver,
// managedfields, "before-first-apply"), or over the mark, when the object is to change hands.
bool IsOwnConflict(const ApiError::Cause& cause, const ObjectOptions& options) {
  if (cause.reason != "FieldManagerConflict") return false;
  const std::string manager = ManagerIn(cause.message);
  return manager == InitialManager(options) || manager == CarryingManager(options) ||
         manager == "before-first-apply" ||
         (options.on_conflict == OnConflict::kAdopt &&
          cause.field == absl::StrCat(".metadata.annotations.", kOwnerAnnotation));
}

bool IsOwnConflict(const absl::Status& status, const ObjectOptions& options) {
  if (!IsFieldConflict(status)) return false;
  const ApiError error = ApiErrorOf(status);
  return std::all_of(
      error.causes.begin(), error.causes.end(),
      [&options](const ApiError::Cause& cause) { return IsOwnConflict(cause, options); });
}

// A conflict over fields, in the words of the user's choices.
absl::Status ExplainConflict(const absl::Status& status, const ObjectRef& ref,
                             const ObjectOptions& options) {
  if (!IsFieldConflict(status)) return status;
  std::vector<std::string> fields, lines;
  std::vector<ApiError::Cause> causes;
  for (ApiError::Cause& cause : ApiErrorOf(status).causes) {
    if (cause.reason != "FieldManagerConflict" || IsOwnConflict(cause, options)) continue;
    fields.push_back(cause.field);
    lines.push_back(absl::StrCat("- ", cause.field, " belongs to ", ManagerIn(cause.message)));
    causes.push_back(std::move(cause));
  }
  return WithRemedy(
      kubernetes::WithCauses(
          WithMessage(status, absl::StrCat("applying ", ref.ToString(),
                                           ": other field managers own what the configuration "
                                           "sets:\n",
                                           absl::StrJoin(lines, "\n"))),
          std::move(causes)),
      options.ways_out ? options.ways_out(fields)
                       : "Leave the field out if the other should own it, or take it over with "
                         "force_conflicts = true.");
}

// Who has an object that is not ours.
std::string OwnerText(const Json& live, const ObjectOptions& options) {
  const std::string mark = MarkOf(live);
  if (!mark.empty() && mark != options.owner) {
    return absl::StrCat("it belongs to \"", mark, "\" (annotation ", kOwnerAnnotation, ")");
  }
  std::vector<std::string> managers;
  for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(live)) {
    if (!entry.subresource.empty()) continue;
    if (std::find(managers.begin(), managers.end(), entry.manager) == managers.end()) {
      managers.push_back(entry.manager);
    }
  }
  const std::string created = Text(live, "metadata.creationTimestamp");
  if (managers.empty()) return absl::StrCat("created ", created);
  return absl::StrCat("created ", created, ", managed by ", absl::StrJoin(managers, ", "));
}

// What the user can do about an object that nobody has marked.
std::string WaysToTake(const ObjectRef& ref, const ObjectOptions& options) {
  const std::string adopt =
      absl::StrCat("on_conflict = \"adopt\" to take it over as it is",
                   options.offers_replace ? ", or \"replace\" to delete it first." : ".");
  if (!options.may_import) return absl::StrCat("Set ", adopt);
  const std::string id = options.import_id.empty() ? ref.ToString() : options.import_id;
  return absl::StrCat("Import it (id ", id, "), or set ", adopt);
}

// Whether its mark is that of another resource under our conventions.owner, which may well be of
// this very configuration.
bool IsOfOurOwner(const Json& live, const ObjectOptions& options) {
  const std::string mark = MarkOf(live);
  const auto owner = [](absl::string_view text) { return text.substr(0, text.find('/')); };
  return !mark.empty() && owner(mark) == owner(options.owner);
}

absl::Status ExistsStatus(const Json& live, const ObjectRef& ref, const ObjectOptions& options) {
  const bool foreign = ClaimOf(&live, options) == Claim::kForeign;
  return WithRemedy(
      absl::AlreadyExistsError(
          absl::StrCat(ref.ToString(), " exists already, and is ",
                       IsOfOurOwner(live, options) ? "another resource's: " : "not this stack's: ",
                       OwnerText(live, options))),
      foreign
          ? absl::StrCat("Declare it in one ", IsOfOurOwner(live, options) ? "resource" : "stack",
                         " only. To take it over from the other for good, remove it there "
                         "without destroying it and set on_conflict = \"adopt\" here.")
          : WaysToTake(ref, options));
}

absl::Status ForeignStatus(const Json& live, const ObjectRef& ref, const ObjectOptions& options) {
  return WithRemedy(
      absl::FailedPreconditionError(absl::StrCat(ref.ToString(),
                                                 IsOfOurOwner(live, options)
                                                     ? " is another resource's by now: "
                                                     : " is not this stack's any more: ",
                                                 OwnerText(live, options))),
      "Declare it in one stack only: take it out of this one with `terraform state rm`, or a "
      "removed block with lifecycle { destroy = false }. If conventions.owner was changed on "
      "purpose, or to take the object back, set on_conflict = \"adopt\" for one apply.");
}

absl::Status TwiceStatus(const ObjectRef& ref) {
  return WithRemedy(
      absl::AlreadyExistsError(absl::StrCat(
          ref.ToString(), " was applied in this run by another resource of this configuration")),
      "Two resources declare the same object: keep one of them.");
}

bool IsForeign(const Json& live, const ObjectOptions& options) {
  return !options.owner.empty() && ClaimOf(&live, options) == Claim::kForeign;
}

bool IsGoing(const absl::StatusOr<Json>& live) { return live.ok() && operations::IsGoing(*live); }

// Of a group of somebody's own: a CustomResourceDefinition's, or an extension server's.
bool IsCustom(const kubernetes::ObjectKind& kind) {
  return !kubernetes::IsBuiltInGroup(kind.group());
}

// How the lists of `live` merge, where only the server knows: in what we have applied to it.
std::optional<FieldSet> ListsOf(const ObjectRef& ref, const Json& live,
                                const ObjectOptions& options) {
  if (!IsCustom(ref.kind)) return std::nullopt;
  const FieldSet given = kubernetes::AppliedBy(live, InitialManager(options));
  if (options.initial == nullptr && given.empty()) return std::nullopt;
  return kubernetes::AppliedBy(live, options.manager).Union(given);
}
const FieldSet* OrNull(const std::optional<FieldSet>& lists) { return lists ? &*lists : nullptr; }

// `declared` with the values that count only at creation. Where both have a list of a custom
// resource, a dry run tells how it merges.
absl::StatusOr<Json> WithInitial(const Call& call, Cluster& cluster, const ObjectRef& ref,
                                 const Json& declared, const ObjectOptions& options) {
  Json object = declared;
  if (options.initial == nullptr) return object;
  FieldSet lists;
  AddMissing(object, *options.initial, IsCustom(ref.kind) ? &lists : nullptr);
  if (!IsCustom(ref.kind)) return object;
  const std::string list = UnmergedList(declared, *options.initial, &lists);
  if (list.empty()) return object;
  const absl::StatusOr<Json> shown = cluster.Apply(
      call, object,
      {.manager = options.manager, .force = true, .dry_run = true, .wants_answer = true});
  if (!shown.ok()) return Annotate(shown.status(), absl::StrCat("asking how ", list, " merges"));
  lists = kubernetes::AppliedBy(*shown, options.manager);
  if (const std::string whole = UnmergedList(declared, *options.initial, &lists); !whole.empty()) {
    return At("initial",
              WithRemedy(absl::InvalidArgumentError(absl::StrCat(
                             "has the list ", whole, ", which ", ref.ToString(),
                             " has too: the server takes it as a whole, so that what is here would "
                             "not be set")),
                         "Write the whole list in one place."));
  }
  object = declared;
  AddMissing(object, *options.initial, &lists);
  return object;
}

// Whether an update moves fields of former managers to ours before it applies.
bool TakesOver(const Json& live, const ObjectOptions& options) {
  return !options.owner.empty() && kubernetes::AppliedBy(live, options.manager).empty() &&
         !FormerManagersOf(live, options).empty();
}

// The first part of `path` that has nothing of either set: what the server filled in below it means
// nothing without what is gone.
FieldPath Vanished(const FieldPath& path, const FieldSet& wanted, const FieldSet& theirs) {
  const FieldSet *ours = &wanted, *others = &theirs;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (ours != nullptr) ours = ours->Child(path[i]);
    if (others != nullptr) others = others->Child(path[i]);
    if (ours == nullptr && others == nullptr)
      return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(i) + 1};
  }
  return path;
}

// What a resource declares of an object: all but what the server writes.
Json DeclarablePart(const Json& object) {
  Json part = object;
  for (const char* field : {"apiVersion", "kind", "metadata", "status"}) part.erase(field);
  for (const char* field : {"labels", "annotations"}) {
    const Json& map = kubernetes::Field(object, absl::StrCat("metadata.", field));
    if (map.is_object()) part["metadata"][field] = map;
  }
  return part;
}

// A JSON patch that makes `live` what it is after the fields of former managers have become ours
// and `wanted` was applied: one dry run cannot do both.
Json TakeOverPatch(const Json& wanted, const Json& live, const ObjectOptions& options) {
  const Json before = DeclarablePart(live);
  Json after = WithCarried(DeclarablePart(wanted),
                           LeftOf(before, wanted, Migrated(wanted, live, options), options));
  DropNulls(after);
  Json patch = Json::array();
  const auto replace = [&patch](const Json& from, const Json& to, const std::string& at) {
    for (const auto& [key, value] : from.items()) {
      if (key != "metadata" && !to.contains(key))
        patch.push_back({{"op", "remove"}, {"path", absl::StrCat(at, "/", key)}});
    }
    for (const auto& [key, value] : to.items()) {
      if (key != "metadata")
        patch.push_back({{"op", "add"}, {"path", absl::StrCat(at, "/", key)}, {"value", value}});
    }
  };
  replace(before, after, "");
  replace(before.value("metadata", Json::object()), after.value("metadata", Json::object()),
          "/metadata");
  return patch;
}

// One declared object, and what has to happen to it.
class Applier {
 public:
  Applier(const Call& call, Cluster& cluster, ObjectRef ref, const Json& declared,
          const ObjectOptions& options)
      : call_(call),
        cluster_(cluster),
        ref_(std::move(ref)),
        declared_(Marked(declared, options)),
        options_(options) {}

  absl::StatusOr<Json> Create() {
    if (options_.owner.empty()) return SetFields();
    absl::StatusOr<Json> made = Make();
    for (int attempt = 0; attempt < kAttempts && (IsPrecondition(made.status()) || IsGoing(made));
         ++attempt) {
      absl::StatusOr<Json> live = cluster_.Get(call_, ref_);
      if (MissingOf(live.status()) == Missing::kObject) {  // gone in between
        made = Make();
      } else {
        CHARON_RETURN_IF_ERROR(live.status());
        made = TakeOver(*std::move(live));
      }
    }
    return Settled(std::move(made));
  }

  // Whether the next write takes a list item out that values of its creation keep.
  bool DropsItems(const Json& live) const {
    const FieldSet given = kubernetes::AppliedBy(live, InitialManager(options_));
    return !(KeptOf(given, live) == given);
  }

  absl::StatusOr<Json> Update() {
    const auto read = cluster_.Read(call_, ref_);
    if (MissingOf(read.status()) == Missing::kObject && !options_.owner.empty()) return Create();
    CHARON_RETURN_IF_ERROR(read.status());
    absl::StatusOr<Json> changed = ChangeOurs(**read);
    for (int attempt = 0; attempt < kAttempts && IsPrecondition(changed.status()); ++attempt) {
      // What this run knows of it is out of date.
      absl::StatusOr<Json> live = cluster_.Get(call_, ref_);
      if (MissingOf(live.status()) == Missing::kObject && !options_.owner.empty()) return Create();
      CHARON_RETURN_IF_ERROR(live.status());
      changed = ChangeOurs(*std::move(live));
    }
    return Settled(std::move(changed));
  }

 private:
  // After as many attempts as there are.
  static absl::StatusOr<Json> Settled(absl::StatusOr<Json> written) {
    if (!IsPrecondition(written.status())) return written;
    return WithRemedy(
        written.status(),
        absl::StrCat("Somebody else writes to it at the same time: it was tried ", kAttempts + 1,
                     " times. Apply again; `kubectl get -o yaml "
                     "--show-managed-fields` tells who."));
  }

  // Creates the object, or is refused (IsPrecondition) because it is there: one write, no read.
  absl::StatusOr<Json> Make() {
    CHARON_ASSIGN_OR_RETURN(Json object, WithInitial(call_, cluster_, ref_, declared_, options_));
    object["metadata"]["resourceVersion"] = std::string(kubernetes::kMustNotExist);
    // Forced, because the server looks for conflicts over fields before it looks at the
    // resourceVersion.
    CHARON_ASSIGN_OR_RETURN(
        Json made, cluster_.Apply(call_, object, {.manager = options_.manager, .force = true}));
    // All of it is ours now. The values that count only at creation get a second owner: the next
    // apply does not have them and leaves them to that one. Should the run be killed here, TakeOver
    // does it.
    return options_.hand_over_later ? absl::StatusOr<Json>(std::move(made))
                                    : HandOver(std::move(made));
  }

  // What stands under our name, although state does not have it.
  absl::StatusOr<Json> TakeOver(Json live) {
    if (IsGoing(live)) {
      CHARON_RETURN_IF_ERROR(WaitUntilGone(call_, cluster_, ref_, UidOf(live)));
      return Make();
    }
    if (ClaimOf(&live, options_) == Claim::kOurs) {
      // An earlier run made it and was killed before it could say so, or another resource has it,
      // which this one replaces.
      Find(live);
      return Change(std::move(live));
    }
    switch (options_.on_conflict) {
      case OnConflict::kFail:
        return ExistsStatus(live, ref_, options_);
      case OnConflict::kAdopt:
        return Change(std::move(live));
      case OnConflict::kReplace: {
        const absl::Status deleted = cluster_.Delete(call_, ref_, {.uid = UidOf(live)});
        if (!absl::IsNotFound(deleted)) CHARON_RETURN_IF_ERROR(deleted);
        CHARON_RETURN_IF_ERROR(WaitUntilGone(call_, cluster_, ref_, UidOf(live)));
        return Make();
      }
    }
    return absl::InternalError("unknown on_conflict");
  }

  absl::StatusOr<Json> ChangeOurs(Json live) {
    if (IsNamesake(live, options_)) return TakeOver(std::move(live));
    if (ClaimOf(&live, options_) == Claim::kOurs && !TenureOf(live).empty()) Find(live);
    return Change(std::move(live));
  }

  // Whose it was, and that it is this resource's from now on.
  void Find(const Json& live) const {
    if (call_.tenure == nullptr) return;
    call_.tenure->Find(TenureOf(live), [call = call_, &cluster = cluster_, ref = ref_,
                                        manager = options_.manager](const std::string& number) {
      return WriteNote(call, cluster, ref, kTenureAnnotation, number,
                       absl::StrCat(manager, "-taken-over"));
    });
  }

  // Applies the declaration to `live`, and only to it.
  absl::StatusOr<Json> Change(Json live) {
    if (!options_.owner.empty()) {
      if (IsForeign(live, options_) && options_.on_conflict != OnConflict::kAdopt) {
        return ForeignStatus(live, ref_, options_);
      }
      if (kubernetes::AppliedBy(live, options_.manager).empty()) {
        CHARON_ASSIGN_OR_RETURN(live, Migrate(std::move(live)));
        if (MarkOf(live).empty() && IsMarkedLater(ref_)) return AdoptQuietly(std::move(live));
        CHARON_ASSIGN_OR_RETURN(live, Reclaim(std::move(live)));
      }
    }
    return Write(std::move(live), declared_);
  }

  // What already says all that is declared keeps its annotations and so its generation: the mark
  // comes, and what the former tool has noted goes, with the first change of something else.
  absl::StatusOr<Json> AdoptQuietly(Json live) {
    Json object = declared_;
    object["metadata"].erase("annotations");
    Json annotations =
        kubernetes::Field(kubernetes::Project(live, kubernetes::AppliedBy(live, options_.manager)),
                          "metadata.annotations");
    if (!annotations.is_object()) annotations = Json::object();
    for (const auto& [key, value] : kubernetes::Field(declared_, "metadata.annotations").items())
      if (key != kOwnerAnnotation) annotations[key] = value;
    if (!annotations.empty()) object["metadata"]["annotations"] = std::move(annotations);
    CHARON_ASSIGN_OR_RETURN(Json adopted, Write(live, object));
    const char generation[] = "metadata.generation";
    if (kubernetes::Field(adopted, generation) == kubernetes::Field(live, generation))
      return adopted;
    return Write(std::move(adopted), declared_);
  }

  // Applies `wanted`, the declaration as it is to be written now.
  absl::StatusOr<Json> Write(Json live, const Json& wanted) {
    CHARON_ASSIGN_OR_RETURN(live, HandOver(std::move(live)));
    CHARON_ASSIGN_OR_RETURN(live, DropVanished(std::move(live)));
    // For a container that is added now, this is the creation: its image goes in, too.
    const std::optional<FieldSet> lists = ListsOf(ref_, live, options_);
    const Json created =
        options_.initial == nullptr ? Json() : MissingItems(*options_.initial, live, OrNull(lists));
    Json object = wanted;
    if (!created.is_null()) AddMissing(object, created, OrNull(lists));
    absl::StatusOr<Json> applied = Apply(object, UidOf(live));
    const Json unwanted = InTheWayOfNulls(applied.status(), declared_, live, options_);
    if (!unwanted.is_null()) {
      // They become ours as they are, and the next apply, which does not have them, removes them.
      CHARON_RETURN_IF_ERROR(Own(live, unwanted));
      DropNulls(object);
      applied = Apply(object, UidOf(live));
    }
    if (!applied.ok() || created.is_null()) return applied;
    return HandOver(*std::move(applied));
  }

  absl::Status Own(const Json& live, const Json& values) {
    Json object = kubernetes::Project(live, kubernetes::AppliedBy(live, options_.manager));
    object.update(IdentityOf(ref_), /*merge_objects=*/true);
    object.update(values, /*merge_objects=*/true);
    object["metadata"]["uid"] = UidOf(live);
    return ExplainConflict(cluster_.Apply(call_, object, {.manager = options_.manager}).status(),
                           ref_, options_);
  }

  absl::StatusOr<Json> Apply(Json object, const std::string& uid) {
    // Never makes again what was deleted meanwhile, never writes to another object of that name.
    object["metadata"]["uid"] = uid;
    absl::StatusOr<Json> applied = cluster_.Apply(
        call_, object, {.manager = options_.manager, .force = options_.force_conflicts});
    if (IsOwnConflict(applied.status(), options_)) {
      applied = cluster_.Apply(call_, object, {.manager = options_.manager, .force = true});
    }
    if (!applied.ok()) return ExplainConflict(applied.status(), ref_, options_);
    return applied;
  }

  // Sets fields of an object that somebody else makes.
  absl::StatusOr<Json> SetFields() {
    CHARON_ASSIGN_OR_RETURN(const std::shared_ptr<const Json> live, cluster_.Read(call_, ref_));
    // An apply drops whatever else its manager has applied: another resource's fields.
    const FieldSet lost = kubernetes::AppliedBy(*live, options_.manager)
                              .Minus(kubernetes::FieldsOf(declared_, *live));
    if (lost.empty()) return Apply(declared_, UidOf(*live));
    std::vector<std::string> names;
    for (const FieldPath& path : lost.Paths()) {
      if (names.size() < 5) names.push_back(kubernetes::ToString(path));
    }
    return WithRemedy(
        absl::AlreadyExistsError(absl::StrCat(
            "applying ", ref_.ToString(), ": field manager ", options_.manager,
            " owns other fields of it, which this would remove: ", absl::StrJoin(names, ", "))),
        "Declare all fields of the object in one resource, or give this stack a "
        "kubernetes.field_manager of its "
        "own.");
  }

  // Moves what former tools own, and we under another name, to our manager, so that our next apply
  // removes what the configuration does not have. Returns the object afterwards.
  absl::StatusOr<Json> Migrate(Json live) {
    const std::string self = AppliedAs(live, options_);
    if (!self.empty() && self != options_.manager) {
      CHARON_ASSIGN_OR_RETURN(live, Move(std::move(live), InitialManager(options_),
                                         {InitialManager(self)}, /*declared=*/nullptr));
    }
    const FieldSet declared = kubernetes::FieldsOf(declared_, live);
    const std::vector<std::string> former = FormerManagersOf(live, options_);
    return Move(std::move(live), options_.manager, former, &declared);
  }

  // Somebody cleared metadata.managedFields of what is ours. With our next apply the server would
  // give every field a second owner, "before-first-apply", and what leaves the configuration later
  // would stay for ever. So what we declare, and declared before, becomes ours again first.
  absl::StatusOr<Json> Reclaim(Json live) {
    for (int attempt = 0;; ++attempt) {
      if (!kubernetes::Managers(live).empty() || !IsOurMark(MarkOf(live), options_)) return live;
      FieldSet fields = kubernetes::FieldsOf(declared_, live);
      if (options_.before) fields = fields.Union(kubernetes::FieldsOf(options_.before(), live));
      absl::StatusOr<Json> patched = cluster_.Patch(
          call_, ref_, PatchType::kJson,
          kubernetes::ClaimPatch(live, options_.manager, Text(declared_, "apiVersion"), fields),
          options_.manager);
      if (!absl::IsAborted(patched.status()) || attempt == kAttempts) return patched;
      CHARON_ASSIGN_OR_RETURN(live, cluster_.Get(call_, ref_));
    }
  }

  // Moves the fields of the managers `from` to `to`: see MigratedManagedFields.
  absl::StatusOr<Json> Move(Json live, const std::string& to, const std::vector<std::string>& from,
                            const FieldSet* declared) {
    for (int attempt = 0;; ++attempt) {
      const std::optional<Json> patch = kubernetes::MigrationPatch(live, to, from, declared);
      if (!patch) return live;
      absl::StatusOr<Json> patched =
          cluster_.Patch(call_, ref_, PatchType::kJson, *patch, options_.manager);
      if (!absl::IsAborted(patched.status()) || attempt == kAttempts) return patched;
      CHARON_ASSIGN_OR_RETURN(live, cluster_.Get(call_, ref_));
    }
  }

  // Gives the fields of `initial` that our manager owns a second owner, with the values they have
  // in `live`. By an apply, not by a patch of managedFields: that one would lose against a
  // controller that writes status.
  absl::StatusOr<Json> HandOver(Json live) {
    if (options_.initial == nullptr) return live;
    const std::string manager = InitialManager(options_);
    for (int attempt = 0;; ++attempt) {
      const FieldSet given = kubernetes::AppliedBy(live, manager);
      const FieldSet wanted = FieldsIn(*options_.initial, live)
                                  .Minus(FieldsIn(declared_, live))
                                  .Intersect(kubernetes::AppliedBy(live, options_.manager))
                                  .Minus(given);
      if (wanted.empty()) return live;
      // With all that this manager ever got: an apply of less would take that back.
      absl::StatusOr<Json> applied = ApplyInitial(live, wanted.Union(given));
      if (!IsFieldConflict(applied.status()) || attempt == kAttempts) return applied;
      // Whom it is left to was faster: a controller that sees the object the moment it is made.
      // Then it is theirs.
      CHARON_ASSIGN_OR_RETURN(live, cluster_.Get(call_, ref_));
    }
  }

  // The fields of `part`, which is the declaration or what counts only at creation.
  FieldSet FieldsIn(const Json& part, const Json& live) const {
    const std::optional<FieldSet> lists = ListsOf(ref_, live, options_);
    if (!lists) return kubernetes::FieldsOf(part, live);
    return kubernetes::FieldsOf(WithWholeKeys(part, declared_, *lists), live);
  }

  // A list item (a container) that neither the declaration nor `initial` names any more would stay,
  // since the values that counted at its creation keep it. They become ours first, as they are, so
  // that the next apply removes it in one piece: without its image it would be refused. So do
  // fields that others are not to have any more.
  absl::StatusOr<Json> DropVanished(Json live) {
    const FieldSet given = kubernetes::AppliedBy(live, InitialManager(options_));
    const FieldSet kept = KeptOf(given, live);
    if (kept == given) return live;
    Json object = kubernetes::Project(
        live, kubernetes::AppliedBy(live, options_.manager).Union(given.Minus(kept)));
    object.update(IdentityOf(ref_), /*merge_objects=*/true);
    CHARON_ASSIGN_OR_RETURN(live, Apply(std::move(object), UidOf(live)));
    return ApplyInitial(live, kept);
  }

  // Of what counted only at creation, `given`: what is not of an item that goes, and is not taken
  // back.
  FieldSet KeptOf(const FieldSet& given, const Json& live) const {
    if (given.empty()) return given;
    FieldSet named = FieldsIn(declared_, live);
    if (options_.initial != nullptr) named = named.Union(FieldsIn(*options_.initial, live));
    FieldSet kept = given;
    for (const FieldPath& path : given.Paths()) {
      if (options_.takes_back && options_.takes_back(path)) {
        kept.Remove(path);
        continue;
      }
      const FieldSet* there = &named;
      for (std::size_t i = 0; i < path.size(); ++i) {
        if (there != nullptr) there = there->Child(path[i]);
        if (path[i].kind != kubernetes::FieldStep::Kind::kKey) continue;
        if (there == nullptr)  // maybe with its whole list
          kept.Remove(FieldPath(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(i) + 1));
        break;
      }
    }
    return kept;
  }

  // Makes `fields`, with the values of `live`, what the second manager owns.
  absl::StatusOr<Json> ApplyInitial(const Json& live, const FieldSet& fields) {
    Json object = kubernetes::Project(live, fields);
    object.update(IdentityOf(ref_), /*merge_objects=*/true);
    object["metadata"]["uid"] = UidOf(live);
    absl::StatusOr<Json> applied =
        cluster_.Apply(call_, object, {.manager = InitialManager(options_)});
    if (!applied.ok()) {
      return Annotate(ExplainConflict(applied.status(), ref_, options_),
                      "handing over the values that count only at creation");
    }
    return applied;
  }

  const Call& call_;
  Cluster& cluster_;
  const ObjectRef ref_;
  const Json declared_;  // with the mark
  const ObjectOptions& options_;
};

// What was applied belongs to the resource that did: no other one of this run may delete it.
absl::StatusOr<Json> Claimed(absl::StatusOr<Json> applied, Cluster& cluster, const ObjectRef& ref) {
  if (applied.ok()) cluster.claims().Claim(ref);
  return applied;
}

// A dry run that says nothing about the object itself.
bool CannotTell(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnimplemented:
      return true;
    case absl::StatusCode::kUnavailable:
      return kubernetes::IsHidden(status);
    case absl::StatusCode::kNotFound:
      return MissingOf(status) == Missing::kKind || MissingOf(status) == Missing::kNamespace;
    case absl::StatusCode::kPermissionDenied:
      // A plan may run with an account that only reads. These are the authorizer's words
      // (apiserver, responsewriters/errors.go, forbiddenMessage); an admission plugin that refuses
      // the object has others.
      return absl::StrContains(status.message(), "cannot patch resource") ||
             absl::StrContains(status.message(), "cannot create resource") ||
             absl::StrContains(status.message(), "cannot get resource") ||
             absl::StrContains(status.message(), "cannot list resource");
    case absl::StatusCode::kInvalidArgument:
      // apiserver, admission/plugin/webhook/errors/statuserror.go, NewDryRunUnsupportedErr.
      return absl::StrContains(status.message(), "does not support dry run");
    default:
      return false;
  }
}

absl::StatusOr<bool> Checked(const Call& call, const absl::Status& checked, const ObjectRef& ref,
                             const ObjectOptions& options) {
  if (checked.ok()) return true;
  if (absl::Status alive = call.Alive(); !alive.ok())
    return Annotate(std::move(alive), absl::StrCat("the dry run of ", ref.ToString()));
  // It was written to, or went, between two requests of the check, as when another resource of this
  // run deletes it: the apply looks again.
  if (!CannotTell(checked) && !IsPrecondition(checked))
    return ExplainConflict(checked, ref, options);
  call.log->Info("the plan of an object could not be checked by the server",
                 {{"object", ref.ToString()}, {"reason", std::string(checked.message())}});
  return false;
}

// A dry run of the declaration on `live`.
absl::StatusOr<bool> CheckChange(const Call& call, Cluster& cluster, const ObjectRef& ref,
                                 const Json& object, const Json& live,
                                 const ObjectOptions& options) {
  Json wanted = Marked(object, options);
  wanted["metadata"]["uid"] = UidOf(live);
  // Values that count only at creation will have been handed over by then, and stay. Nothing has
  // been yet: without them this apply would take them away.
  if (options.initial != nullptr) {
    const std::optional<FieldSet> lists = ListsOf(ref, live, options);
    Json initial = lists ? WithWholeKeys(*options.initial, wanted, *lists) : Json(*options.initial);
    initial.update(IdentityOf(ref), /*merge_objects=*/true);
    AddMissing(wanted, kubernetes::Overlay(initial, live), OrNull(lists));
    if (const Json created = MissingItems(*options.initial, live, OrNull(lists));
        !created.is_null())
      AddMissing(wanted, created, OrNull(lists));
  }
  // What former managers own will have been moved to us by then, so that it conflicts with nobody.
  const bool takes_over = TakesOver(live, options);
  // Under a former name of ours the server drops what is not declared any more, as the apply will.
  kubernetes::ApplyOptions apply{.manager = ComparedAs(live, options),
                                 .force = options.force_conflicts || takes_over,
                                 .dry_run = true,
                                 .wants_answer = options.foresees != nullptr && !takes_over};
  absl::StatusOr<Json> after = cluster.Apply(call, wanted, apply);
  if (IsOwnConflict(after.status(), options)) {
    apply.force = true;
    after = cluster.Apply(call, wanted, apply);
  }
  absl::Status checked = after.status();
  // That takes two more writes than a dry run has.
  if (!InTheWayOfNulls(checked, wanted, live, options).is_null()) return false;
  // Nor can it take an item out that values of its creation keep.
  if (absl::IsInvalidArgument(checked) &&
      Applier(call, cluster, ref, object, options).DropsItems(live))
    return false;
  // Refused together with what the apply takes out before: a probe of another kind, a port of the
  // same name.
  const bool refused = absl::IsInvalidArgument(checked);
  if (takes_over && (refused || (checked.ok() && options.foresees != nullptr))) {
    if (IsCustom(ref.kind)) return !refused;  // only the server knows how its lists merge
    after = cluster.Patch(call, ref, PatchType::kJson, TakeOverPatch(wanted, live, options),
                          options.manager, /*dry_run=*/true);
    if (refused) checked = after.status();
  }
  if (checked.ok() && options.foresees != nullptr && after.ok() && after->is_object())
    options.foresees(live, *after);
  return Checked(call, checked, ref, options);
}

// Gives up the mark and all fields, or all but those of `kept`.
absl::Status Release(const Call& call, Cluster& cluster, const ObjectRef& ref, const Json* kept,
                     const ObjectOptions& options) {
  const std::vector<std::string> managers = {options.manager, InitialManager(options)};
  for (int attempt = 0;; ++attempt) {
    CHARON_ASSIGN_OR_RETURN(const Json live, cluster.Get(call, ref));
    std::optional<Json> release;
    if (kept == nullptr) {
      release = kubernetes::ReleasePatch(live, managers);
    } else {
      FieldSet owned;
      for (const std::string& manager : managers)
        owned = owned.Union(kubernetes::AppliedBy(live, manager));
      const std::vector<FieldPath> given_up =
          owned.Minus(kubernetes::FieldsOf(*kept, live)).Paths();
      release = kubernetes::ReleasePatch(live, managers, &given_up);
    }
    Json patch = release.value_or(Json::array());
    const std::string mark = MarkOf(live);
    if (!options.owner.empty() && !mark.empty() && IsOurMark(mark, options)) {
      // "/" in a JSON pointer is "~1" (RFC 6901).
      patch.push_back({{"op", "remove"}, {"path", "/metadata/annotations/charon.internal~1owner"}});
      if (!TenureOf(live).empty()) {
        patch.push_back(
            {{"op", "remove"}, {"path", "/metadata/annotations/charon.internal~1taken-over"}});
      }
    }
    if (patch.empty()) return absl::OkStatus();
    const absl::Status status =
        cluster.Patch(call, ref, PatchType::kJson, patch, options.manager).status();
    if (!absl::IsAborted(status) || attempt == kAttempts) return status;
  }
}

}  // namespace

std::string DescribeDrift(const std::vector<kubernetes::Difference>& differences) {
  std::vector<std::string> lines;
  for (const kubernetes::Difference& difference : differences) {
    std::string line = absl::StrCat(kubernetes::ToString(difference.path), " was ",
                                    difference.live.empty() ? "removed" : "changed");
    if (!difference.manager.empty()) absl::StrAppend(&line, " by ", difference.manager);
    if (!difference.manager.empty() && difference.time > absl::UnixEpoch()) {
      absl::StrAppend(
          &line, " at ",
          absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", difference.time, absl::UTCTimeZone()));
    }
    lines.push_back(std::move(line));
  }
  return absl::StrJoin(lines, "\n");
}

OnConflict OnConflictFrom(absl::string_view text) {
  if (text == "adopt") return OnConflict::kAdopt;
  if (text == "replace") return OnConflict::kReplace;
  return OnConflict::kFail;
}

Claim ClaimOf(const Json* live, const ObjectOptions& options) {
  if (live == nullptr || !live->is_object()) return Claim::kAbsent;
  const std::string mark = MarkOf(*live);
  if (!mark.empty() && !IsOurMark(mark, options)) return Claim::kForeign;
  if (mark.empty() && !options.owner.empty()) return Claim::kUnclaimed;
  // Somebody may have copied the object, annotations and all.
  return AppliedAs(*live, options).empty() ? Claim::kUnclaimed : Claim::kOurs;
}

std::string AppliedAs(const Json& live, const ObjectOptions& options) {
  if (!kubernetes::AppliedBy(live, options.manager).empty()) return options.manager;
  using Step = kubernetes::FieldStep;
  const FieldPath mark = {{Step::Kind::kField, "metadata"},
                          {Step::Kind::kField, "annotations"},
                          {Step::Kind::kField, kOwnerAnnotation}};
  const bool ours = !options.owner.empty() && IsOurMark(MarkOf(live), options);
  if (!ours) return "";
  for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(live)) {
    if (entry.operation == "Apply" && entry.subresource.empty() && entry.fields.Contains(mark) &&
        !kubernetes::IsFormerManager(entry.manager, entry.operation)) {
      return entry.manager;
    }
  }
  return "";
}

std::string ComparedAs(const Json& live, const ObjectOptions& options) {
  std::string manager = AppliedAs(live, options);
  return manager.empty() ? options.manager : manager;
}

std::vector<std::string> FormerManagersOf(const Json& live, const ObjectOptions& options) {
  std::vector<std::string> managers = kubernetes::FormerManagers(live, options.manager);
  const std::string self = AppliedAs(live, options);
  if (!self.empty() && self != options.manager) managers.push_back(self);
  return managers;
}

FieldSet OwnedByOthers(const Json& live, const ObjectOptions& options,
                       const std::vector<std::string>& former) {
  FieldSet theirs;
  for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(live)) {
    const bool ours = entry.manager == options.manager ||
                      entry.manager == InitialManager(options) ||
                      std::find(former.begin(), former.end(), entry.manager) != former.end();
    if (entry.subresource.empty() && !ours) theirs = theirs.Union(entry.fields);
  }
  return theirs;
}

bool IsNamesake(const Json& live, const ObjectOptions& options) {
  if (!options.applied_before || options.owner.empty() || !MarkOf(live).empty() ||
      !AppliedAs(live, options).empty())
    return false;
  // Where the mark comes later, whoever applied it may be us under a former name.
  if (!options.unmarked) return true;
  const std::vector<kubernetes::ManagerEntry> managers = kubernetes::Managers(live);
  return std::none_of(managers.begin(), managers.end(), [](const auto& entry) {
    return entry.operation == "Apply" && entry.subresource.empty() &&
           !kubernetes::IsFormerManager(entry.manager, entry.operation);
  });
}

void TellNamesake(const Call& call, const ObjectRef& ref, const Json& live,
                  const ObjectOptions& options) {
  if (call.listener == nullptr) return;
  call.listener->Warn(
      absl::StrCat("Deleted outside of Terraform: ", ref.ToString()),
      absl::StrCat("There is another of that name now, which was never this stack's: ",
                   OwnerText(live, options),
                   ". It is left as it is, unless on_conflict says what to do with it."));
}

bool HasMark(const Json& live) { return !MarkOf(live).empty(); }

bool IsOurNote(absl::string_view annotation) {
  return annotation == kOwnerAnnotation || annotation == kTenureAnnotation;
}

absl::Status WriteNote(const Call& call, Cluster& cluster, const ObjectRef& ref,
                       absl::string_view annotation, const std::string& text,
                       const std::string& manager) {
  Call until = call;
  until.deadline = std::max(call.deadline, call.clock->Now() + absl::Seconds(5));
  CHARON_ASSIGN_OR_RETURN(const auto live, cluster.Read(until, ref));
  Json note = IdentityOf(ref);
  note["metadata"]["uid"] = UidOf(*live);
  note["metadata"]["annotations"][annotation] = text;
  return cluster.Apply(until, note, {.manager = manager, .force = true}).status();
}

bool IsTakenOver(const Call& call, const Json& live) {
  const std::string number = TenureOf(live);
  return !number.empty() && call.tenure != nullptr && !call.tenure->IsOwn(number);
}

void TellTakenOver(const Call& call, absl::string_view what) {
  if (call.listener == nullptr) return;
  call.listener->Warn(
      "Not deleted: another resource has it now",
      absl::StrCat(what,
                   " was applied by another resource since, or by the replacement of this one, "
                   "which came first (create_before_destroy). So it was left as it is, and is in "
                   "the state once. When an address is renamed, a moved block says so beforehand. "
                   "If there is no other resource that has it, import it, and destroy it then."));
}

bool IsMarkedLater(const ObjectRef& ref) {
  return ref.kind.kind == "Deployment" && absl::StartsWith(ref.kind.api_version, "apps/");
}

std::vector<FieldPath> OwnedBeyond(const Json& live, const Json& declared,
                                   const ObjectOptions& options) {
  // Defaults of a CRD are written in the name of whoever applies (seen with Kubernetes 1.36).
  if (IsCustom({kubernetes::Text(live, "apiVersion"), ""})) return {};
  if (ClaimOf(&live, options) != Claim::kOurs) return {};
  // What once was initial stays ours as well until the next write.
  FieldSet known = kubernetes::FieldsOf(Marked(declared, options), live)
                       .Union(kubernetes::AppliedBy(live, InitialManager(options)));
  if (options.initial != nullptr) known = known.Union(kubernetes::FieldsOf(*options.initial, live));
  return kubernetes::AppliedBy(live, options.manager).Minus(known).Paths();
}

absl::StatusOr<Json> CreateObject(const Call& call, Cluster& cluster, const Json& object,
                                  const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  CHARON_ASSIGN_OR_RETURN(const RunClaims::Turn turn, cluster.claims().Take(call, ref));
  if (!options.owner.empty() && cluster.claims().IsClaimed(ref)) return TwiceStatus(ref);
  return Claimed(Applier(call, cluster, ref, object, options).Create(), cluster, ref);
}

Json WithCarried(const Json& object, const Json& carried) {
  if (!carried.is_object()) return object;
  Json whole = carried;
  Override(whole, object);
  return whole;
}

absl::StatusOr<Json> CreateCarrying(const Call& call, Cluster& cluster, const Json& object,
                                    const Json& carried, const Json& former,
                                    const ObjectOptions& options) {
  if (!carried.is_object()) return CreateObject(call, cluster, object, options);
  // All at once, so that no controller sees it without; then with another owner, then without us.
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  CHARON_ASSIGN_OR_RETURN(const Json made,
                          CreateObject(call, cluster, WithCarried(object, carried), options));
  // Not what the server fills in, nor what is declared: a second owner would keep it for good.
  const FieldSet theirs = OwnedByOthers(Migrated(object, former, options), options)
                              .Intersect(kubernetes::FieldsOf(carried, made))
                              .Minus(kubernetes::FieldsOf(Marked(object, options), made));
  Json live = made;
  if (!theirs.empty()) {
    Json kept = kubernetes::Project(made, theirs);
    kept.update(IdentityOf(ref), /*merge_objects=*/true);
    kept["metadata"]["uid"] = UidOf(made);
    CHARON_ASSIGN_OR_RETURN(
        live, cluster.Apply(call, kept, {.manager = CarryingManager(options), .force = true}));
  }
  // What nobody owned is nobody's again: our next apply would take it away.
  const FieldSet nobodys = kubernetes::AppliedBy(live, options.manager)
                               .Minus(kubernetes::FieldsOf(Marked(object, options), live))
                               .Minus(kubernetes::AppliedBy(live, InitialManager(options)))
                               .Minus(theirs);
  if (!nobodys.empty())
    CHARON_RETURN_IF_ERROR(ReleaseFields(call, cluster, ref, nobodys.Paths(), options));
  return UpdateObject(call, cluster, object, options);
}

absl::StatusOr<Json> UpdateObject(const Call& call, Cluster& cluster, const Json& object,
                                  const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  CHARON_ASSIGN_OR_RETURN(const RunClaims::Turn turn, cluster.claims().Take(call, ref));
  return Claimed(Applier(call, cluster, ref, object, options).Update(), cluster, ref);
}

absl::StatusOr<bool> CheckCreate(const Call& call, Cluster& cluster, const Json& object,
                                 const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  if (options.owner.empty()) return CheckUpdate(call, cluster, object, options);
  absl::StatusOr<Json> whole = WithInitial(call, cluster, ref, Marked(object, options), options);
  if (!whole.ok()) return Checked(call, whole.status(), ref, options);
  Json wanted = *std::move(whole);
  wanted["metadata"]["resourceVersion"] = std::string(kubernetes::kMustNotExist);
  const absl::Status made =
      cluster.Apply(call, wanted, {.manager = options.manager, .force = true, .dry_run = true})
          .status();
  if (!IsPrecondition(made)) return Checked(call, made, ref, options);

  const absl::StatusOr<Json> live = cluster.Get(call, ref);
  if (MissingOf(live.status()) == Missing::kObject) return false;  // gone in between
  if (!live.ok()) return Checked(call, live.status(), ref, options);
  if (IsGoing(*live)) return false;
  const bool ours = ClaimOf(&*live, options) == Claim::kOurs;
  if (ours && options.replaces) {
    const absl::StatusOr<bool> anew = CheckMakeAnew(call, cluster, object, options);
    return SpeaksAgainstContent(anew.status()) ? anew : false;
  }
  if (!ours) {
    if (options.on_conflict == OnConflict::kFail) return ExistsStatus(*live, ref, options);
    if (options.on_conflict == OnConflict::kReplace) return false;
  }
  return CheckChange(call, cluster, ref, object, *live, options);
}

absl::StatusOr<bool> CheckUpdate(const Call& call, Cluster& cluster, const Json& object,
                                 const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  const auto live = cluster.Read(call, ref);
  if (MissingOf(live.status()) == Missing::kObject) {
    // With ownership of fields the object may be made in this run.
    if (options.owner.empty()) return false;
    return CheckCreate(call, cluster, object, options);
  }
  if (!live.ok()) return Checked(call, live.status(), ref, options);
  if (IsNamesake(**live, options)) {
    if (options.on_conflict == OnConflict::kFail) return ExistsStatus(**live, ref, options);
    if (options.on_conflict == OnConflict::kReplace) return false;
  }
  if (IsForeign(**live, options) && options.on_conflict != OnConflict::kAdopt) {
    return ForeignStatus(**live, ref, options);
  }
  return CheckChange(call, cluster, ref, object, **live, options);
}

Json Migrated(const Json& object, const Json& live, const ObjectOptions& options) {
  if (!TakesOver(live, options)) return live;
  const FieldSet declared = kubernetes::FieldsOf(Marked(object, options), live);
  std::optional<Json> entries = kubernetes::MigratedManagedFields(
      live, options.manager, FormerManagersOf(live, options), &declared);
  if (!entries) return live;
  Json migrated = live;
  migrated["metadata"]["managedFields"] = *std::move(entries);
  return migrated;
}

Json LeftOf(const Json& part, const Json& object, const Json& live, const ObjectOptions& options) {
  const FieldSet applied = kubernetes::AppliedBy(live, options.manager);
  const FieldSet wanted = kubernetes::FieldsOf(object, live);
  const FieldSet theirs =
      OwnedByOthers(live, options).Union(kubernetes::AppliedBy(live, InitialManager(options)));
  const FieldSet gone = applied.Minus(wanted).Minus(theirs);
  FieldSet kept = kubernetes::FieldsOf(part, live);
  for (const FieldPath& path : gone.Paths()) {
    const FieldSet* ours = &applied;
    for (const kubernetes::FieldStep& step : path) {
      if (ours != nullptr) ours = ours->Child(step);
    }
    // A list or map that was ours as such has members that speak for themselves.
    const bool has_members = ours != nullptr && !ours->children().empty() &&
                             path.back().kind != kubernetes::FieldStep::Kind::kKey;
    if (!has_members) kept.Remove(Vanished(path, wanted, theirs));
  }
  return kubernetes::Project(live, kept);
}

absl::StatusOr<bool> CheckMakeAnew(const Call& call, Cluster& cluster, const Json& object,
                                   const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  const std::string name = absl::StrCat("dry-run-", Fingerprint(ref.ToString()));
  Json other = object;
  other["metadata"]["name"] = name;
  absl::StatusOr<bool> checked = CheckCreate(call, cluster, other, options);
  if (checked.ok()) return checked;
  // The one that goes makes room for it (quota of the number of objects).
  if (absl::IsResourceExhausted(checked.status()) &&
      absl::StrContains(checked.status().message(), "exceeded quota"))
    return true;
  return WithMessage(checked.status(),
                     absl::StrReplaceAll(checked.status().message(), {{name, ref.name}}));
}

absl::Status ReleaseObject(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const ObjectOptions& options) {
  return Release(call, cluster, ref, nullptr, options);
}

absl::Status ReleaseAllBut(const Call& call, Cluster& cluster, const Json& object,
                           const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  return Release(call, cluster, ref, &object, options);
}

absl::Status ReleaseFields(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const std::vector<FieldPath>& fields, const ObjectOptions& options) {
  for (int attempt = 0;; ++attempt) {
    CHARON_ASSIGN_OR_RETURN(const Json live, cluster.Get(call, ref));
    const std::optional<Json> patch =
        kubernetes::ReleasePatch(live, {options.manager, InitialManager(options)}, &fields);
    if (!patch) return absl::OkStatus();
    const absl::Status status =
        cluster.Patch(call, ref, PatchType::kJson, *patch, options.manager).status();
    if (!absl::IsAborted(status) || attempt == kAttempts) return status;
  }
}

namespace {

// `waits`: until it is gone.
absl::Status Delete(const Call& call, Cluster& cluster, const ObjectRef& ref,
                    const ObjectOptions& options, const std::string& propagation, bool waits) {
  CHARON_ASSIGN_OR_RETURN(const RunClaims::Turn turn, cluster.claims().Take(call, ref));
  if (cluster.claims().IsClaimed(ref)) {
    TellTakenOver(call, ref.ToString());
    return absl::OkStatus();
  }
  CHARON_ASSIGN_OR_RETURN(std::shared_ptr<const Json> live, cluster.Read(call, ref));
  for (int attempt = 0;; ++attempt) {
    absl::Status status;
    if (options.owner.empty()) {
      // Just our fields go.
      for (const std::string& manager : {options.manager, InitialManager(options)}) {
        if (!status.ok() || kubernetes::AppliedBy(*live, manager).empty()) continue;
        Json nothing = IdentityOf(ref);
        nothing["metadata"]["uid"] = UidOf(*live);
        status = cluster.Apply(call, nothing, {.manager = manager}).status();
      }
      if (SpeaksAgainstContent(status)) {
        // It cannot be without what we set: that stays as it is, and is nobody's.
        TellKept(call, ref, status);
        return ReleaseObject(call, cluster, ref, options);
      }
      if (status.ok()) return status;
    } else {
      if (IsForeign(*live, options)) return ForeignStatus(*live, ref, options);
      if (IsNamesake(*live, options)) {
        TellNamesake(call, ref, *live, options);
        return absl::OkStatus();
      }
      if (IsTakenOver(call, *live)) {
        TellTakenOver(call, ref.ToString());
        return absl::OkStatus();
      }
      if (!IsGoing(*live)) {
        status = cluster.Delete(call, ref, {.propagation = propagation, .uid = UidOf(*live)});
      }
      if (status.ok() && waits) return WaitUntilGone(call, cluster, ref, UidOf(*live));
      if (status.ok()) return status;
    }
    if (!IsPrecondition(status) || attempt == kAttempts) return status;
    // Another object has the name now: whose is it?
    CHARON_ASSIGN_OR_RETURN(Json now, cluster.Get(call, ref));
    live = std::make_shared<const Json>(std::move(now));
  }
}

}  // namespace

absl::Status DeleteObject(const Call& call, Cluster& cluster, const ObjectRef& ref,
                          const ObjectOptions& options, const std::string& propagation) {
  return Delete(call, cluster, ref, options, propagation, /*waits=*/true);
}

absl::Status RequestDeletion(const Call& call, Cluster& cluster, const ObjectRef& ref,
                             const ObjectOptions& options) {
  return Delete(call, cluster, ref, options, "Background", /*waits=*/false);
}

bool IsGoing(const Json& live) {
  return kubernetes::Field(live, "metadata.deletionTimestamp").is_string();
}

absl::Status CheckDelete(const Call& call, Cluster& cluster, const ObjectRef& ref,
                         const ObjectOptions& options) {
  if (cluster.claims().IsClaimed(ref)) return absl::OkStatus();  // stays
  const auto live = cluster.Read(call, ref);
  // What cannot be read is told by the deletion.
  if (!live.ok() || !IsForeign(**live, options)) return absl::OkStatus();
  return ForeignStatus(**live, ref, options);
}

}  // namespace charon::operations
