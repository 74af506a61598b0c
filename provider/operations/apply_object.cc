#include "provider/operations/apply_object.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/operations/wait_ready.h"

namespace charon::operations {
namespace {

constexpr int kPatchTries = 5;  // of a patch that another writer may overtake

std::string InitialManager(const ObjectOptions& options) { return options.manager + "-initial"; }

std::string MarkOf(const Json& live) {
  const Json& annotations = kubernetes::Field(live, "metadata.annotations");
  return annotations.is_object() ? annotations.value(kOwnerAnnotation, "") : "";
}

Json WithMark(const Json& object, const ObjectOptions& options) {
  Json marked = object;
  if (!options.owner.empty()) marked["metadata"]["annotations"][kOwnerAnnotation] = options.owner;
  return marked;
}

// `base` with the entries of `over` merged in; list items are matched by name where both sides have names.
void Merge(Json& base, const Json& over) {
  if (base.is_object() && over.is_object()) {
    for (const auto& [key, value] : over.items()) Merge(base[key], value);
    return;
  }
  if (base.is_array() && over.is_array()) {
    for (const Json& item : over) {
      const std::string name = kubernetes::Text(item, "name");
      const auto found = std::find_if(base.begin(), base.end(), [&](const Json& other) {
        return !name.empty() && kubernetes::Text(other, "name") == name;
      });
      if (found == base.end()) {
        base.push_back(item);
      } else {
        Merge(*found, item);
      }
    }
    return;
  }
  base = over;
}

std::string OwnerText(const Json& live) {
  const std::string mark = MarkOf(live);
  if (!mark.empty()) return absl::StrCat("it belongs to \"", mark, "\" (annotation ", kOwnerAnnotation, ")");
  std::vector<std::string> managers;
  for (const kubernetes::ManagerEntry& entry : kubernetes::Managers(live)) {
    if (!entry.subresource.empty()) continue;
    if (std::find(managers.begin(), managers.end(), entry.manager) == managers.end()) managers.push_back(entry.manager);
  }
  if (managers.empty()) return "nobody has marked it";
  return absl::StrCat("it was made by ", absl::StrJoin(managers, ", "));
}

absl::Status Exists(const ObjectRef& ref, const Json& live, const ObjectOptions& options) {
  const bool foreign = ClaimOf(&live, options) == Claim::kForeign;
  return WithRemedy(
      absl::AlreadyExistsError(absl::StrCat(ref.ToString(), " exists already, and is not this stack's: ", OwnerText(live))),
      foreign ? "Declare it in one stack only. To take it over from the other for good, remove it there (without destroying "
                "it) and set on_conflict = \"adopt\" here."
              : "Import it, or set on_conflict = \"adopt\" to take it over as it is, or \"replace\" to delete it first.");
}

// A conflict over fields, in the words of the user's choices.
absl::Status Explain(const ObjectRef& ref, absl::Status status) {
  if (!absl::IsAborted(status)) return status;
  const kubernetes::ApiError error = kubernetes::ApiErrorOf(status);
  std::vector<std::string> lines;
  for (const kubernetes::ApiError::Cause& cause : error.causes) {
    // The server words it `conflict with "NAME" using apps/v1`.
    lines.push_back(absl::StrCat(cause.field, ": ", cause.message));
  }
  if (lines.empty()) return status;
  absl::Status explained = absl::AbortedError(absl::StrCat("other field managers own what the configuration of ",
                                                           ref.ToString(), " sets:\n", absl::StrJoin(lines, "\n")));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
  return WithRemedy(explained,
                    "Leave the field out if the other should own it, declare it external (\"initial\", or an *_owner "
                    "attribute) to set it only at creation, or take it over with force_conflicts = true.");
}

// Sends what `make` builds from the object as it is now; again if another writer was faster.
absl::StatusOr<Json> PatchLive(const Call& call, Cluster& cluster, const ObjectRef& ref, Json live,
                               const ObjectOptions& options, const std::function<std::optional<Json>(const Json&)>& make) {
  for (int tries = 1;; ++tries) {
    const std::optional<Json> patch = make(live);
    if (!patch) return live;
    absl::StatusOr<Json> patched = cluster.Patch(call, ref, kubernetes::PatchType::kJson, *patch, options.manager);
    if (patched.ok() || !absl::IsAborted(patched.status()) || tries == kPatchTries) return patched;
    CHARON_ASSIGN_OR_RETURN(live, cluster.Get(call, ref));
  }
}

// The fields of `initial` that our manager owns move to the initial manager's entry, so that the next apply, which
// does not have them, leaves them alone.
absl::StatusOr<Json> HandOver(const Call& call, Cluster& cluster, const ObjectRef& ref, Json live,
                              const ObjectOptions& options) {
  if (options.initial == nullptr) return live;
  return PatchLive(call, cluster, ref, std::move(live), options, [&](const Json& now) -> std::optional<Json> {
    Json initial = *options.initial;
    initial["apiVersion"] = ref.kind.api_version;
    initial["kind"] = ref.kind.kind;
    const kubernetes::FieldSet owned = kubernetes::AppliedBy(now, options.manager);
    const kubernetes::FieldSet moving = kubernetes::FieldsOf(initial, now).Intersect(owned);
    if (moving.empty()) return std::nullopt;
    const std::vector<kubernetes::FieldPath> paths = moving.Paths();
    std::optional<Json> entries = kubernetes::ReleasedManagedFields(now, {options.manager}, &paths);
    if (!entries) return std::nullopt;
    Json* entry = nullptr;
    for (Json& candidate : *entries) {
      if (candidate.value("manager", "") == InitialManager(options) && candidate.value("operation", "") == "Apply") {
        entry = &candidate;
      }
    }
    if (entry == nullptr) {
      entries->push_back({{"manager", InitialManager(options)},
                          {"operation", "Apply"},
                          {"apiVersion", ref.kind.api_version},
                          {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", call.clock->Now(), absl::UTCTimeZone())},
                          {"fieldsType", "FieldsV1"},
                          {"fieldsV1", moving.ToJson()}});
    } else {
      const auto former = kubernetes::FieldSet::Parse((*entry)["fieldsV1"]);
      (*entry)["fieldsV1"] = (former.ok() ? former->Union(moving) : moving).ToJson();
    }
    return Json::array(
        {{{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", *entries}},
         {{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", kubernetes::Text(now, "metadata.resourceVersion")}}});
  });
}

// Applies to an object that exists and that we may write to.
absl::StatusOr<Json> ApplyTo(const Call& call, Cluster& cluster, const ObjectRef& ref, Json live, const Json& object,
                             const ObjectOptions& options, bool dry_run) {
  if (!dry_run) {
    if (kubernetes::AppliedBy(live, options.manager).empty() && !options.owner.empty()) {
      // Ours from now on: what the former tool wrote and the configuration does not have must go with this apply.
      CHARON_ASSIGN_OR_RETURN(live, PatchLive(call, cluster, ref, std::move(live), options, [&](const Json& now) {
                                return kubernetes::MigrationPatch(now, options.manager,
                                                                  kubernetes::FormerManagers(now, options.manager));
                              }));
    }
    CHARON_ASSIGN_OR_RETURN(live, HandOver(call, cluster, ref, std::move(live), options));
  }
  kubernetes::ApplyOptions apply;
  apply.manager = options.manager;
  apply.force = options.force_conflicts;
  apply.dry_run = dry_run;
  // A dry run before the migration would conflict with the very manager that is about to hand over.
  if (dry_run && kubernetes::AppliedBy(live, options.manager).empty() && !options.owner.empty() &&
      !kubernetes::FormerManagers(live, options.manager).empty()) {
    apply.force = true;
  }
  absl::StatusOr<Json> applied = cluster.Apply(call, WithMark(object, options), apply);
  if (!applied.ok()) return Explain(ref, applied.status());
  return applied;
}

bool RefusedByPrecondition(const absl::Status& status) {
  return absl::IsAborted(status) && kubernetes::ApiErrorOf(status).causes.empty();
}

absl::StatusOr<Json> Make(const Call& call, Cluster& cluster, const ObjectRef& ref, const Json& object,
                          const ObjectOptions& options, bool dry_run) {
  Json sent = WithMark(object, options);
  if (options.initial != nullptr) Merge(sent, *options.initial);
  sent["metadata"]["resourceVersion"] = std::string(kubernetes::kMustNotExist);
  kubernetes::ApplyOptions apply;
  apply.manager = options.manager;
  apply.dry_run = dry_run;
  CHARON_ASSIGN_OR_RETURN(Json made, cluster.Apply(call, sent, apply));
  if (dry_run) return made;
  return HandOver(call, cluster, ref, std::move(made), options);
}

// A server that does not let us ask is no reason against a plan: the credentials may be read-only on purpose.
bool MayNotAsk(const absl::Status& status) {
  return absl::IsPermissionDenied(status) && absl::StrContains(status.message(), "cannot patch resource");
}

absl::StatusOr<std::optional<Json>> Checked(absl::StatusOr<Json> answer) {
  if (answer.ok()) return std::optional<Json>(*std::move(answer));
  if (absl::IsNotFound(answer.status()) || MayNotAsk(answer.status())) return std::optional<Json>();
  return answer.status();
}

}  // namespace

OnConflict OnConflictFrom(absl::string_view text) {
  if (text == "adopt") return OnConflict::kAdopt;
  if (text == "replace") return OnConflict::kReplace;
  return OnConflict::kFail;
}

Claim ClaimOf(const Json* live, const ObjectOptions& options) {
  if (live == nullptr || live->is_null()) return Claim::kAbsent;
  const std::string mark = MarkOf(*live);
  if (mark.empty()) return Claim::kUnclaimed;
  if (mark != options.owner) return Claim::kForeign;
  // Somebody may have copied the object, annotations and all.
  return kubernetes::AppliedBy(*live, options.manager).empty() ? Claim::kUnclaimed : Claim::kOurs;
}

absl::StatusOr<Json> CreateObject(const Call& call, Cluster& cluster, const Json& object, const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  if (options.owner.empty()) return UpdateObject(call, cluster, object, options);
  if (cluster.CreatedThisRun(ref)) {
    return WithRemedy(absl::AlreadyExistsError(absl::StrCat(ref.ToString(), " is declared twice in this configuration")),
                      "Keep one of the two resources.");
  }
  absl::StatusOr<Json> made = Make(call, cluster, ref, object, options, /*dry_run=*/false);
  if (made.ok() || !RefusedByPrecondition(made.status())) return made;

  CHARON_ASSIGN_OR_RETURN(Json live, cluster.Get(call, ref));
  // Ours: what an earlier run made before it was killed, or a tainted object that is taken over.
  if (ClaimOf(&live, options) != Claim::kOurs) {
    if (options.on_conflict == OnConflict::kFail) return Exists(ref, live, options);
    if (options.on_conflict == OnConflict::kReplace) {
      kubernetes::DeleteOptions remove;
      remove.uid = kubernetes::Text(live, "metadata.uid");
      const absl::Status removed = cluster.Delete(call, ref, remove);
      if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
      CHARON_RETURN_IF_ERROR(WaitUntilGone(call, cluster, ref, remove.uid));
      return Make(call, cluster, ref, object, options, /*dry_run=*/false);
    }
  }
  if (!kubernetes::Text(live, "metadata.deletionTimestamp").empty()) {
    CHARON_RETURN_IF_ERROR(WaitUntilGone(call, cluster, ref, kubernetes::Text(live, "metadata.uid")));
    return Make(call, cluster, ref, object, options, /*dry_run=*/false);
  }
  return ApplyTo(call, cluster, ref, std::move(live), object, options, /*dry_run=*/false);
}

absl::StatusOr<Json> UpdateObject(const Call& call, Cluster& cluster, const Json& object, const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  absl::StatusOr<Json> live = cluster.Get(call, ref);
  if (kubernetes::MissingOf(live.status()) == kubernetes::Missing::kObject && !options.owner.empty()) {
    return Make(call, cluster, ref, object, options, /*dry_run=*/false);
  }
  CHARON_RETURN_IF_ERROR(live.status());
  if (!options.owner.empty() && ClaimOf(&*live, options) == Claim::kForeign && options.on_conflict != OnConflict::kAdopt) {
    return WithRemedy(absl::FailedPreconditionError(absl::StrCat(ref.ToString(), " is not this stack's: ", OwnerText(*live))),
                      "Declare it in one stack only. If conventions.owner was changed on purpose, set on_conflict = "
                      "\"adopt\" for one apply.");
  }
  return ApplyTo(call, cluster, ref, *std::move(live), object, options, /*dry_run=*/false);
}

absl::StatusOr<std::optional<Json>> CheckCreate(const Call& call, Cluster& cluster, const Json& object,
                                                const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  if (options.owner.empty()) return CheckUpdate(call, cluster, object, options);
  absl::StatusOr<Json> made = Make(call, cluster, ref, object, options, /*dry_run=*/true);
  if (!RefusedByPrecondition(made.status())) return Checked(std::move(made));
  CHARON_ASSIGN_OR_RETURN(Json live, cluster.Get(call, ref));
  if (options.on_conflict == OnConflict::kReplace) return std::optional<Json>();
  if (ClaimOf(&live, options) != Claim::kOurs && options.on_conflict == OnConflict::kFail) return Exists(ref, live, options);
  return Checked(ApplyTo(call, cluster, ref, std::move(live), object, options, /*dry_run=*/true));
}

absl::StatusOr<std::optional<Json>> CheckUpdate(const Call& call, Cluster& cluster, const Json& object,
                                                const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  const absl::StatusOr<std::shared_ptr<const Json>> live = cluster.Read(call, ref);
  if (!live.ok()) return Checked(live.status());
  return Checked(ApplyTo(call, cluster, ref, **live, object, options, /*dry_run=*/true));
}

absl::Status ReleaseObject(const Call& call, Cluster& cluster, const ObjectRef& ref, const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(Json live, cluster.Get(call, ref));
  return PatchLive(call, cluster, ref, std::move(live), options, [&](const Json& now) -> std::optional<Json> {
           std::optional<Json> patch = kubernetes::ReleasePatch(now, {options.manager, InitialManager(options)});
           if (MarkOf(now) == options.owner && !options.owner.empty()) {
             if (!patch) patch = Json::array();
             patch->push_back({{"op", "remove"}, {"path", "/metadata/annotations/charon.internal~1owner"}});
           }
           return patch;
         })
      .status();
}

absl::Status ReleaseFields(const Call& call, Cluster& cluster, const ObjectRef& ref,
                           const std::vector<kubernetes::FieldPath>& fields, const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(Json live, cluster.Get(call, ref));
  return PatchLive(call, cluster, ref, std::move(live), options, [&](const Json& now) {
           return kubernetes::ReleasePatch(now, {options.manager}, &fields);
         })
      .status();
}

absl::Status DeleteObject(const Call& call, Cluster& cluster, const ObjectRef& ref, const ObjectOptions& options,
                          const std::string& propagation) {
  CHARON_ASSIGN_OR_RETURN(const Json live, cluster.Get(call, ref));
  if (options.owner.empty()) {
    Json nothing = {{"apiVersion", ref.kind.api_version}, {"kind", ref.kind.kind}, {"metadata", {{"name", ref.name}}}};
    if (!ref.name_space.empty()) nothing["metadata"]["namespace"] = ref.name_space;
    kubernetes::ApplyOptions apply;
    apply.manager = options.manager;
    return cluster.Apply(call, nothing, apply).status();
  }
  if (ClaimOf(&live, options) == Claim::kForeign) {
    return WithRemedy(
        absl::FailedPreconditionError(absl::StrCat(ref.ToString(), " is not this stack's any more: ", OwnerText(live))),
        "Take it out of this stack without destroying it: a removed block with lifecycle { destroy = false }, or "
        "`terraform state rm`.");
  }
  kubernetes::DeleteOptions remove;
  remove.propagation = propagation;
  remove.uid = kubernetes::Text(live, "metadata.uid");
  CHARON_RETURN_IF_ERROR(cluster.Delete(call, ref, remove));
  return WaitUntilGone(call, cluster, ref, remove.uid);
}

}  // namespace charon::operations
