#include "field_ownership.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "status.h"
#include "typed_value.h"

namespace charon::sandbox {
namespace {

constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";
constexpr int kMaxUpdateEntries = 10;

// Appliers are one entry whatever their API version; updaters one per version.
struct EntryKey {
  bool applied;
  std::string manager;
  std::string api_version;  // Of updates only.
  std::string subresource;

  bool operator<(const EntryKey& other) const {
    return std::tie(applied, manager, api_version, subresource) <
           std::tie(other.applied, other.manager, other.api_version, other.subresource);
  }
};

struct Entry {
  FieldSet fields;
  std::string api_version;
  std::string time;
};

using Entries = std::map<EntryKey, Entry>;

// nullopt: not in the form the server accepts.
std::optional<Entries> Decode(const Json& list) {
  Entries out;
  for (const Json& item : list) {
    const std::string operation = Text(item, {"operation"});
    const std::string version = Text(item, {"apiVersion"});
    if ((operation != "Apply" && operation != "Update") || version.empty() ||
        Text(item, {"fieldsType"}) != "FieldsV1") {
      return std::nullopt;
    }
    const Json* fields = Find(item, {"fieldsV1"});
    absl::StatusOr<FieldSet> set =
        FieldSet::FromFieldsV1(fields == nullptr ? Json::object() : *fields);
    if (!set.ok()) return std::nullopt;
    const bool applied = operation == "Apply";
    EntryKey key{applied, Text(item, {"manager"}), applied ? "" : version,
                 Text(item, {"subresource"})};
    out[std::move(key)] = Entry{*std::move(set), version, Text(item, {"time"})};
  }
  return out;
}

Json Encode(const Entries& entries) {
  std::vector<std::pair<EntryKey, Entry>> sorted(entries.begin(), entries.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    const auto rank = [](const auto& e) {
      return std::make_tuple(!e.first.applied, e.second.time, e.first.manager, e.second.api_version,
                             e.first.subresource);
    };
    return rank(a) < rank(b);
  });
  Json out = Json::array();
  for (const auto& [key, entry] : sorted) {
    Json item = {{"manager", key.manager},
                 {"operation", key.applied ? "Apply" : "Update"},
                 {"apiVersion", entry.api_version},
                 {"fieldsType", "FieldsV1"},
                 {"fieldsV1", entry.fields.ToFieldsV1()}};
    if (!entry.time.empty()) item["time"] = entry.time;
    if (!key.subresource.empty()) item["subresource"] = key.subresource;
    out.push_back(std::move(item));
  }
  return out;
}

void SetEntries(Json& object, const Entries& entries) {
  if (entries.empty()) {
    Erase(object, {"metadata", "managedFields"});
  } else {
    Ensure(object, {"metadata"})["managedFields"] = Encode(entries);
  }
}

// Fields that identify the object or that only the server writes: nobody owns them.
const FieldSet& UnownedFields() {
  static const FieldSet& fields = *[] {
    auto* set = new FieldSet();
    set->Insert({"f:apiVersion"});
    set->Insert({"f:kind"});
    set->Insert({"f:metadata"});
    for (const char* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid",
                             "clusterName", "generation", "managedFields", "resourceVersion"}) {
      set->Insert({"f:metadata", FieldElement(name)});
    }
    return set;
  }();
  return fields;
}

void StripUnowned(Entries& entries) {
  for (auto it = entries.begin(); it != entries.end();) {
    it->second.fields = it->second.fields.Difference(UnownedFields());
    it = it->second.fields.Empty() ? entries.erase(it) : std::next(it);
  }
}

struct OwnedConflict {
  EntryKey key;
  std::string api_version;
  std::string time;
  FieldPath path;
};

Comparison Filtered(Comparison comparison, const FieldSet& ignored) {
  if (ignored.Empty()) return comparison;
  return {comparison.removed.RecursiveDifference(ignored),
          comparison.modified.RecursiveDifference(ignored),
          comparison.added.RecursiveDifference(ignored)};
}

// Takes from everyone but `self` what changed between the two objects. Conflicts are what others
// own of it.
std::vector<OwnedConflict> TakeChanged(const Comparison& changed, const EntryKey& self,
                                       bool keep_on_conflict, Entries& entries) {
  std::vector<OwnedConflict> conflicts;
  const FieldSet touched = changed.modified.Union(changed.added);
  for (const auto& [key, entry] : entries) {
    if (!(key < self) && !(self < key)) continue;
    entry.fields.Intersection(touched).Visit([&, k = &key, e = &entry](const FieldPath& path) {
      conflicts.push_back({*k, e->api_version, e->time, path});
    });
  }
  if (keep_on_conflict && !conflicts.empty()) return conflicts;
  for (auto it = entries.begin(); it != entries.end();) {
    if (it->first < self || self < it->first) {
      it->second.fields = it->second.fields.Difference(touched).Difference(changed.removed);
    }
    it = it->second.fields.Empty() ? entries.erase(it) : std::next(it);
  }
  return conflicts;
}

std::string OwnerText(const OwnedConflict& conflict) {
  std::string text = Quote(conflict.key.manager);
  if (!conflict.key.subresource.empty()) {
    absl::StrAppend(&text, " with subresource ", Quote(conflict.key.subresource));
  }
  if (!conflict.key.applied) absl::StrAppend(&text, " using ", conflict.api_version);
  return text;
}

absl::Status ConflictStatus(const std::vector<OwnedConflict>& conflicts) {
  Json causes = Json::array();
  std::map<std::string, std::vector<std::string>> by_owner;
  for (const OwnedConflict& conflict : conflicts) {
    const std::string owner = OwnerText(conflict);
    const std::string path = PathText(conflict.path);
    by_owner[owner].push_back(path);
    causes.push_back({{"reason", "FieldManagerConflict"},
                      {"message", absl::StrCat("conflict with ", owner)},
                      {"field", path}});
  }
  std::string message;
  if (conflicts.size() == 1) {
    message = absl::StrCat("Apply failed with 1 conflict: conflict with ", by_owner.begin()->first,
                           ": ", by_owner.begin()->second.front());
  } else {
    std::vector<std::string> lines;
    for (const auto& [owner, paths] : by_owner) {
      lines.push_back(absl::StrCat("conflicts with ", owner, ":"));
      for (const std::string& path : paths) lines.push_back(absl::StrCat("- ", path));
    }
    message = absl::StrCat("Apply failed with ", conflicts.size(),
                           " conflicts: ", absl::StrJoin(lines, "\n"));
  }
  return ApiStatus(409, "Conflict", message, Json{{"causes", std::move(causes)}});
}

// The oldest updates beyond ten are folded into one entry, "ancient-changes".
void CapUpdates(Entries& entries) {
  std::vector<EntryKey> updates;
  for (const auto& [key, entry] : entries) {
    if (!key.applied) updates.push_back(key);
  }
  if (updates.size() <= kMaxUpdateEntries) return;
  std::stable_sort(updates.begin(), updates.end(), [&](const EntryKey& a, const EntryKey& b) {
    return entries[a].time < entries[b].time;
  });
  std::size_t count = updates.size();
  std::map<std::string, bool> bucket_made;
  for (const EntryKey& key : updates) {
    if (count <= kMaxUpdateEntries) break;
    const EntryKey bucket{false, "ancient-changes", key.api_version, ""};
    if (!(key < bucket) && !(bucket < key)) {
      bucket_made[key.api_version] = true;
      continue;
    }
    const Entry old = entries[key];
    entries.erase(key);
    const auto [it, inserted] = entries.try_emplace(bucket, old);
    if (!inserted) {
      it->second.fields = it->second.fields.Union(old.fields);
      it->second.time = std::max(it->second.time, old.time);
      --count;
    }
  }
}

// Brings `entries` up to date with a change that no apply made.
void RecordUpdate(const Json& live, const Json& object, const FieldWriter& writer,
                  Entries& entries) {
  // The writer's own entry is treated like any other and merged afterwards, so that it keeps its
  // time if this request changed nothing.
  const EntryKey self{false, "", "", "current operation"};
  const Comparison changed = Filtered(CompareTyped(live, object, *writer.type), writer.ignored);
  TakeChanged(changed, self, false, entries);
  FieldSet owned = changed.modified.Union(changed.added);
  if (!writer.ignored.Empty()) owned = owned.RecursiveDifference(writer.ignored);
  owned = owned.Difference(UnownedFields());
  StripUnowned(entries);
  if (!owned.Empty()) {
    Entry& mine = entries[EntryKey{false, writer.manager, writer.api_version, writer.subresource}];
    mine.fields = mine.fields.Union(owned);
    mine.api_version = writer.api_version;
    if (!writer.keep_time) mine.time = TimeText(writer.now);
  }
  CapUpdates(entries);
}

Json WithoutManagedFields(Json object) {
  Erase(object, {"metadata", "managedFields"});
  return object;
}

// kubectl's client-side apply left an annotation that says which fields it set; moving to
// server-side apply under the same name does not conflict over those.
FieldSet FieldsOfLastApplied(const Json& live, const FieldWriter& writer) {
  const std::string text = Text(live, {"metadata", "annotations", kLastApplied});
  if (text.empty()) return {};
  const absl::StatusOr<ParsedDocument> parsed = ParseJson(text);
  if (!parsed.ok() || Text(parsed->value, {"apiVersion"}) != writer.api_version) return {};
  const Comparison changed = CompareTyped(parsed->value, WithoutManagedFields(live), *writer.type);
  return FieldsOf(parsed->value, *writer.type)
      .Difference(changed.modified)
      .Difference(changed.added)
      .Difference(changed.removed);
}

// Removes what this manager applied before, did not apply now and nobody else owns.
Json Prune(const Json& merged, const FieldSet& last, const Entries& entries, const Type& type) {
  if (last.Empty()) return merged;
  const FieldSet last_named = last.WithNamedParents(&type);
  Json pruned = RemoveFields(merged, last_named, type);
  FieldSet managed;
  for (const auto& [key, entry] : entries) managed = managed.Union(entry.fields);
  const FieldSet merged_set = FieldsOf(merged, type).WithNamedParents(&type);
  FieldSet pruned_set = FieldsOf(pruned, type).WithNamedParents(&type);
  pruned = RemoveFields(
      merged, merged_set.Difference(pruned_set.Union(managed.WithNamedParents(&type))), type);
  pruned_set = FieldsOf(pruned, type).WithNamedParents(&type);
  return RemoveFields(merged, merged_set.Difference(pruned_set).Intersection(last_named), type);
}

}  // namespace

Json TrackUpdate(const Json& live, Json object, const FieldWriter& writer) {
  const Json* requested = Find(object, {"metadata", "managedFields"});
  const Json& live_list = Items(live, {"metadata", "managedFields"});
  std::optional<Entries> entries;
  if (!writer.subresource.empty()) {
    entries = Decode(live_list);
  } else if (requested != nullptr && requested->is_array() &&
             (requested->empty() ||
              (requested->size() == 1 && (*requested)[0].is_object() && (*requested)[0].empty()))) {
    entries = Entries();
  } else {
    if (requested != nullptr && requested->is_array()) entries = Decode(*requested);
    if (!entries.has_value() || entries->empty()) entries = Decode(live_list);
  }
  if (!entries.has_value()) entries = Entries();
  Erase(object, {"metadata", "managedFields"});
  // Without entries only a creation starts to track: who dropped them gets no new ones.
  const bool creation = Text(live, {"metadata", "uid"}).empty();
  if (!entries->empty() || creation) {
    RecordUpdate(creation ? writer.empty : WithoutManagedFields(live), object, writer, *entries);
  }
  SetEntries(object, *entries);
  return object;
}

absl::StatusOr<Applied> Apply(const Json& live, const Json& patch, bool force,
                              const FieldWriter& writer) {
  const Type& type = *writer.type;
  Json base = live.is_object() ? WithoutManagedFields(live) : writer.empty;
  std::optional<Entries> decoded = Decode(Items(live, {"metadata", "managedFields"}));
  if (!decoded.has_value()) return Internal("failed to decode managed fields");
  Entries entries = *std::move(decoded);

  if (Find(patch, {"metadata", "managedFields"}) != nullptr) {
    return BadRequest("metadata.managedFields must be nil");
  }
  const std::vector<std::string> complaints = CheckTyped(patch, type, Duplicates::kRefuse);
  if (!complaints.empty()) {
    const bool core = !absl::StrContains(writer.api_version, "/");
    const std::string place =
        absl::StrCat(Text(patch, {"metadata", "namespace"}), "/", Text(patch, {"metadata", "name"}),
                     "; ", core ? "/" : "", writer.api_version, ", Kind=", Text(patch, {"kind"}));
    return PlainError(absl::StrCat(
        "failed to create typed patch object (", place, "): ",
        complaints.size() == 1 ? complaints.front()
                               : absl::StrCat("errors:\n  ", absl::StrJoin(complaints, "\n  "))));
  }
  if (entries.empty() && live.is_object()) {
    FieldWriter before = writer;
    before.manager = "before-first-apply";
    RecordUpdate(writer.empty, base, before, entries);
  }

  absl::StatusOr<Json> merged = MergeTyped(base, patch, type);
  if (!merged.ok()) {
    return PlainError(absl::StrCat("failed to merge config: ", merged.status().message()));
  }
  const EntryKey self{true, writer.manager, "", writer.subresource};
  const FieldSet last = entries.count(self) > 0 ? entries[self].fields : FieldSet();
  FieldSet applied = FieldsOf(patch, type);
  if (!writer.ignored.Empty()) applied = applied.RecursiveDifference(writer.ignored);
  // The manager's new set takes part in deciding what is still owned, so it goes in first.
  const std::string last_time = entries.count(self) > 0 ? entries[self].time : "";
  entries[self] = Entry{applied, writer.api_version, last_time};
  Json object = Prune(*merged, last, entries, type);
  if (!object.is_object()) object = Json::object();

  const Comparison changed = Filtered(CompareTyped(base, object, type), writer.ignored);
  std::vector<OwnedConflict> conflicts = TakeChanged(changed, self, !force, entries);
  if (!force && !conflicts.empty() && writer.manager == "kubectl") {
    const FieldSet allowed = FieldsOfLastApplied(live, writer);
    std::erase_if(conflicts, [&](const OwnedConflict& c) { return allowed.Has(c.path); });
    if (conflicts.empty()) TakeChanged(changed, self, false, entries);
  }
  if (!force && !conflicts.empty()) return ConflictStatus(conflicts);

  const bool same = base == object;
  StripUnowned(entries);
  if (!same && entries.count(self) > 0) entries[self].time = TimeText(writer.now);
  if (writer.manager == "kubectl" &&
      !Text(object, {"metadata", "annotations", kLastApplied}).empty()) {
    Json config = patch;
    Erase(config, {"metadata", "annotations", kLastApplied});
    object["metadata"]["annotations"][kLastApplied] = Dump(config) + "\n";
  }
  SetEntries(object, entries);
  return Applied{std::move(object), !same};
}

}  // namespace charon::sandbox
