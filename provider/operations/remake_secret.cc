#include "provider/operations/remake_secret.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/operations/wait_ready.h"

namespace charon::operations {
namespace {

using kubernetes::Field;
using kubernetes::Text;

enum class Whose { kOurs, kOthers };

// `live` as our first apply finds it after what former managers own was moved to ours: all of it,
// or all but the values that the apply of `object` (if not null) leaves to nobody, since it
// does not say them and we have not applied them, under whatever name.
Json Migrated(const Json& live, const Json* object, const ObjectOptions& options) {
  Json migrated = live;
  if (!kubernetes::AppliedBy(live, options.manager).empty()) return migrated;
  kubernetes::FieldSet kept;
  if (object != nullptr) {
    kept = kubernetes::FieldsOf(*object, live)
               .Union(kubernetes::AppliedBy(live, AppliedAs(live, options)));
  }
  if (std::optional<Json> fields =
          kubernetes::MigratedManagedFields(live, options.manager, FormerManagersOf(live, options),
                                            object != nullptr ? &kept : nullptr)) {
    migrated["metadata"]["managedFields"] = *std::move(fields);
  }
  return migrated;
}

// The entries of the map at `place` that `manager` applied, or all others.
Json Entries(const Json& live, const std::vector<std::string>& place, const std::string& manager,
             Whose whose) {
  const kubernetes::FieldSet ours = kubernetes::AppliedBy(live, manager);
  kubernetes::FieldPath path;
  for (const std::string& name : place)
    path.push_back(kubernetes::FieldStep{kubernetes::FieldStep::Kind::kField, name});
  Json entries = Json::object();
  const Json& all = Field(live, absl::StrJoin(place, "."));
  if (!all.is_object()) return entries;
  for (const auto& [key, value] : all.items()) {
    path.push_back(kubernetes::FieldStep{kubernetes::FieldStep::Kind::kField, key});
    if (ours.Contains(path) == (whose == Whose::kOurs)) entries[key] = value;
    path.pop_back();
  }
  return entries;
}

// What `live` has beside `object`, written by others, as a partial object; null if nothing.
Json OfOthers(const Json& live, const Json& object, const ObjectOptions& options) {
  Json others;
  if (!live.is_object()) return others;
  const std::string& manager = options.manager;
  const Json migrated = Migrated(live, &object, options);
  if (Json data = Entries(migrated, {"data"}, manager, Whose::kOthers); !data.empty())
    others["data"] = std::move(data);
  for (const char* map : {"labels", "annotations"}) {
    Json entries = Entries(migrated, {"metadata", map}, manager, Whose::kOthers);
    for (const char* note : {kOwnerAnnotation, kTenureAnnotation}) entries.erase(note);
    if (!entries.empty()) others["metadata"][map] = std::move(entries);
  }
  return others;
}

std::string Beside(const std::string& name, absl::string_view suffix) {
  constexpr std::size_t kLongest = 240;  // of 253
  return absl::StrCat(name.size() <= kLongest ? name : absl::StrCat("x", Fingerprint(name)),
                      suffix);
}

ObjectRef KeptRef(const ObjectRef& ref) {
  return {ref.kind, ref.name_space, Beside(ref.name, "-charon-kept")};
}

Json Renamed(Json object, const std::string& name) {
  object["metadata"]["name"] = name;
  return object;
}

bool IsImmutable(const Json& secret) {
  const Json& immutable = Field(secret, "immutable");
  return immutable.is_boolean() && immutable.get<bool>();
}

std::string TypeOf(const Json& secret) {
  const std::string type = Text(secret, "type");
  return type.empty() ? "Opaque" : type;
}

}  // namespace

std::set<std::string> OwnedKeys(const Json& live, const ObjectOptions& options) {
  std::set<std::string> keys;
  const Json data =
      Entries(Migrated(live, nullptr, options), {"data"}, options.manager, Whose::kOurs);
  for (const auto& [key, value] : data.items()) keys.insert(key);
  return keys;
}

// Kubernetes 1.36, pkg/apis/core/validation/validation.go, ValidateSecretUpdate.
bool MustBeMadeAgain(const Json& live, const Json& object, const ObjectOptions& options) {
  if (!live.is_object()) return false;
  if (TypeOf(live) != TypeOf(object)) return true;
  if (!IsImmutable(live)) return false;
  if (!IsImmutable(object)) return true;
  const Json& data = Field(object, "data");
  const Json& held = Field(live, "data");
  for (const auto& [key, value] : data.items()) {
    if (!held.is_object() || !held.contains(key) || held[key] != value) return true;
  }
  const Json ours =
      Entries(Migrated(live, &object, options), {"data"}, options.manager, Whose::kOurs);
  for (const auto& [key, value] : ours.items()) {
    if (!data.contains(key)) return true;
  }
  return false;
}

absl::Status KeepValues(const Call& call, Cluster& cluster, const Json& object, const Json& live,
                        const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  // What a killed run left may have another type.
  CHARON_RETURN_IF_ERROR(DropKeptValues(call, cluster, ref, options));
  // Without labels and annotations: something might select by them, and take it for the real one.
  Json kept = Renamed(object, KeptRef(ref).name);
  for (const char* map : {"labels", "annotations"}) kept["metadata"].erase(map);
  kept.erase("immutable");
  Json others = OfOthers(live, object, options);
  if (others.is_object()) others.erase("metadata");
  ObjectOptions own = options;
  own.on_conflict = OnConflict::kFail;
  own.import_id.clear();
  own.initial = others.empty() ? nullptr : &others;
  return Annotate(CreateObject(call, cluster, kept, own).status(),
                  "keeping its values in a second Secret while it is deleted and made again");
}

absl::StatusOr<Json> KeptValues(const Call& call, Cluster& cluster, const ObjectRef& ref,
                                const ObjectOptions& options) {
  const auto kept = cluster.Read(call, KeptRef(ref));
  // Who may not look there has not put anything there either.
  if (absl::IsNotFound(kept.status()) || absl::IsPermissionDenied(kept.status())) return Json();
  CHARON_RETURN_IF_ERROR(kept.status());
  return ClaimOf(kept->get(), options) == Claim::kOurs ? **kept : Json();
}

absl::Status DropKeptValues(const Call& call, Cluster& cluster, const ObjectRef& ref,
                            const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const Json kept, KeptValues(call, cluster, ref, options));
  if (!kept.is_object()) return absl::OkStatus();
  // This run may have made it, and it is no resource's.
  cluster.claims().Forget(KeptRef(ref));
  const absl::Status gone = DeleteObject(call, cluster, KeptRef(ref), options);
  return absl::IsNotFound(gone) ? absl::OkStatus() : gone;
}

absl::StatusOr<Json> RemakeSecret(const Call& call, Cluster& cluster, const Json& object,
                                  const Json& live, const Json& source,
                                  const ObjectOptions& options) {
  CHARON_ASSIGN_OR_RETURN(const ObjectRef ref, kubernetes::RefOf(object));
  if (live.is_object()) {
    const std::string uid = Text(live, "metadata.uid");
    const absl::Status deleted = cluster.Delete(call, ref, {.uid = uid});
    if (!absl::IsNotFound(deleted)) CHARON_RETURN_IF_ERROR(deleted);
    CHARON_RETURN_IF_ERROR(WaitUntilGone(call, cluster, ref, uid));
  }
  const Json others = OfOthers(source, object, options);
  ObjectOptions own = options;
  if (!others.is_null()) own.initial = &others;
  return CreateObject(call, cluster, object, own);
}

}  // namespace charon::operations
