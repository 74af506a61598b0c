#include "provider/clients/kubernetes/ownership.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/owner_cursor.h"

namespace charon::kubernetes {
namespace {

using internal::Cursor;
using internal::Owner;
using internal::Place;
using internal::Std;
using Kind = FieldStep::Kind;

absl::Time TimeOf(const Json& entry) {
  absl::Time time = absl::InfinitePast();
  absl::Time parsed;
  if (absl::ParseTime(absl::RFC3339_full, Text(entry, "time"), &parsed, nullptr)) time = parsed;
  return time;
}

bool IsApplyOf(const Json& entry, absl::string_view manager) {
  return Text(entry, "manager") == Std(manager) && Text(entry, "operation") == "Apply" &&
         Text(entry, "subresource").empty();
}

class Projection {
 public:
  explicit Projection(const Json& object) : object_(object) {}

  // What `live` at `place` has of `set`; false if nothing.
  bool Take(const Json& live, const FieldSet& set, const Place& place, Json& taken) {
    if (set.children().empty()) {
      taken = live.is_structured() && !live.empty() && IsShared(place) ? Json(live.type()) : live;
      return true;
    }
    if (live.is_object()) return TakeFields(live, set, place, taken);
    if (live.is_array()) return TakeItems(live, set, place, taken);
    taken = live;  // no longer of the type that was applied
    return true;
  }

 private:
  bool TakeFields(const Json& live, const FieldSet& set, const Place& place, Json& taken) {
    Json map = Json::object();
    for (const auto& [step, child] : set.children()) {
      if (step.kind != Kind::kField) continue;
      const auto field = live.find(step.text);
      if (field == live.end()) continue;
      const Place below{.parent = &place, .kind = step.kind, .text = step.text};
      Json value;
      if (Take(*field, child, below, value)) map.emplace(step.text, std::move(value));
    }
    if (map.empty() && !set.member()) return false;
    taken = std::move(map);
    return true;
  }

  bool TakeItems(const Json& live, const FieldSet& set, const Place& place, Json& taken) {
    std::vector<std::string> keys;
    bool values = false;
    for (const auto& [step, child] : set.children()) {
      values = values || step.kind == Kind::kValue;
      if (step.kind != Kind::kKey || !keys.empty()) continue;
      const Json names = Json::parse(step.text, nullptr, /*allow_exceptions=*/false);
      for (auto key = names.begin(); key != names.end(); ++key) keys.push_back(key.key());
    }
    Json list = Json::array();
    FieldStep step;
    for (std::size_t i = 0; i < live.size(); ++i) {
      const Json& item = live[i];
      const FieldSet* child = nullptr;
      if (std::optional<std::string> text = internal::KeyText(item, keys)) {
        step = {.kind = Kind::kKey, .text = *std::move(text)};
        child = set.Child(step);
      }
      if (child == nullptr && values && !item.is_structured()) {
        step = {.kind = Kind::kValue, .text = CanonicalStepText(item)};
        child = set.Child(step);
      }
      if (child == nullptr) {
        step = {.kind = Kind::kIndex, .text = std::to_string(i)};
        child = set.Child(step);
      }
      if (child == nullptr) continue;
      const Place below{.parent = &place, .kind = step.kind, .text = step.text};
      Json value = Json::object();
      const bool any = Take(item, *child, below, value);
      if (!any && step.kind != Kind::kKey) continue;
      if (value.is_object() && item.is_object()) {
        for (const std::string& key : keys) {
          if (item.contains(key)) value[key] = item[key];
        }
      }
      list.push_back(std::move(value));
    }
    if (list.empty() && !set.member()) return false;
    taken = std::move(list);
    return true;
  }

  // Whether somebody owns single parts of what is at `place`, so that it is not atomic.
  bool IsShared(const Place& place) {
    if (!owners_) owners_ = internal::OwnersOf(object_);
    Cursor cursor(*owners_);
    for (const FieldStep& step : place.ToPath()) cursor = cursor.Down(step.kind, step.text);
    return cursor.HasChildren();
  }

  const Json& object_;
  std::optional<std::vector<Owner>> owners_;
};

std::optional<Json> PatchTo(std::optional<Json> managed_fields, const Json& object) {
  if (!managed_fields) return std::nullopt;
  // "replace", not "test": a failed test is a 422, an outdated resourceVersion a 409. "add"
  // replaces what there is.
  return Json::array(
      {{{"op", "add"}, {"path", "/metadata/managedFields"}, {"value", *std::move(managed_fields)}},
       {{"op", "replace"},
        {"path", "/metadata/resourceVersion"},
        {"value", Text(object, "metadata.resourceVersion")}}});
}

}  // namespace

std::vector<ManagerEntry> Managers(const Json& object) {
  std::vector<ManagerEntry> managers;
  const Json& entries = Field(object, "metadata.managedFields");
  if (!entries.is_array()) return managers;
  for (const Json& entry : entries) {
    absl::StatusOr<FieldSet> fields = FieldSet::Parse(Field(entry, "fieldsV1"));
    if (!fields.ok() || Text(entry, "operation").empty()) continue;
    managers.push_back({.manager = Text(entry, "manager"),
                        .operation = Text(entry, "operation"),
                        .subresource = Text(entry, "subresource"),
                        .api_version = Text(entry, "apiVersion"),
                        .time = TimeOf(entry),
                        .fields = *std::move(fields)});
  }
  return managers;
}

std::map<std::string, std::vector<std::string>> FieldsByManager(const Json& object) {
  std::map<std::string, std::vector<std::string>> managers;
  for (const ManagerEntry& entry : Managers(object)) {
    if (entry.subresource == "status") continue;
    std::vector<std::string>& fields = managers[entry.manager];
    for (const FieldPath& path : entry.fields.Paths()) fields.push_back(ToString(path));
    std::sort(fields.begin(), fields.end());
    fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  }
  return managers;
}

FieldSet AppliedBy(const Json& object, absl::string_view manager) {
  const Json& entries = Field(object, "metadata.managedFields");
  if (!entries.is_array()) return {};
  for (const Json& entry : entries) {
    if (!IsApplyOf(entry, manager)) continue;
    // The server keeps one Apply entry for a manager, whatever the version (apimachinery 0.36,
    // util/managedfields/internal/managedfields.go, BuildManagerIdentifier).
    absl::StatusOr<FieldSet> fields = FieldSet::Parse(Field(entry, "fieldsV1"));
    return fields.ok() ? *std::move(fields) : FieldSet();
  }
  return {};
}

Json Project(const Json& live, const FieldSet& owned) {
  Json taken = Json::object();
  if (owned.empty() || !live.is_object()) return taken;
  return Projection(live).Take(live, owned, Place(), taken) ? taken : Json::object();
}

bool IsFormerManager(absl::string_view manager, absl::string_view operation) {
  // kubectl calls itself kubectl-COMMAND, or kubectl for server-side apply; kubectl-last-applied
  // holds the annotation when it does both. Commands that change single fields (edit, patch, set,
  // scale, label) are a person's decisions about a living object and no former owners.
  constexpr std::array<absl::string_view, 6> kUpdate = {"kubectl-client-side-apply",
                                                        "kubectl-create",
                                                        "kubectl-replace",
                                                        "kubectl-run",
                                                        "kubectl-expose",
                                                        "before-first-apply"};
  // Helm 3 updates, Helm 4 applies. HashiCorp is what older versions of hashicorp/kubernetes sent
  // (the start of their user agent); Terraform is the default of kubernetes_manifest.
  constexpr std::array<absl::string_view, 6> kBoth = {
      "kubectl", "kubectl-last-applied", "helm", "Terraform", "terraform", "HashiCorp"};
  if (std::find(kBoth.begin(), kBoth.end(), manager) != kBoth.end()) return true;
  // The name of the program where no other is given: terraform-provider-kubernetes_v2.38.0_x5.
  if (absl::StartsWith(manager, "terraform-provider-")) return true;
  return operation == "Update" &&
         std::find(kUpdate.begin(), kUpdate.end(), manager) != kUpdate.end();
}

std::vector<std::string> FormerManagers(const Json& object, absl::string_view manager) {
  std::vector<std::string> names;
  for (const Owner& owner : internal::OwnersOf(object)) {
    if (!owner.subresource.empty() || owner.manager == manager) continue;
    if (!IsFormerManager(owner.manager, owner.operation)) continue;
    std::string name(owner.manager);
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

namespace {

// The value at a path; null if there is none, or if the path is not one of names and keys.
const Json& ValueAt(const Json& object, const FieldPath& path) {
  static const Json& nothing = *new Json();
  const Json* at = &object;
  for (const FieldStep& step : path) {
    const Json* next = nullptr;
    if (step.kind == FieldStep::Kind::kField && at->is_object()) {
      if (const auto member = at->find(step.text); member != at->end()) next = &*member;
    } else if (step.kind == FieldStep::Kind::kKey && at->is_array()) {
      const Json keys = Json::parse(step.text, nullptr, /*allow_exceptions=*/false);
      for (const Json& item : *at) {
        if (!item.is_object() || !keys.is_object()) continue;
        bool same = true;
        for (const auto& [name, value] : keys.items())
          same = same && item.value(name, Json()) == value;
        if (same) next = &item;
      }
    }
    if (next == nullptr) return nothing;
    at = next;
  }
  return *at;
}

// Nothing but maps of nothing.
bool IsEmptyMap(const Json& value) {
  return value.is_object() && std::all_of(value.begin(), value.end(), IsEmptyMap);
}

// What many charts render as {}, and the server keeps as it is: to have it or not is another
// template. Not emptyDir and selectors, where {} says something.
bool IsNothingSpelledOut(absl::string_view name, const Json& value) {
  constexpr std::array<absl::string_view, 11> kParts = {
      "affinity",       "capabilities",    "dnsConfig",       "lifecycle",
      "nodeAffinity",   "podAffinity",     "podAntiAffinity", "resources",
      "seLinuxOptions", "securityContext", "windowsOptions"};
  return std::find(kParts.begin(), kParts.end(), name) != kParts.end() && IsEmptyMap(value);
}

// Values of a pod template that mean what their absence means. The server fills none of them in
// where they are missing in a template (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go);
// hashicorp/kubernetes sends them all (kubernetes/structures_pod.go, structures_container.go).
bool IsDefaultSpelledOut(const Json& object, const FieldPath& path) {
  if (path.size() < 4 || path[1].text != "template") return false;
  if (IsNothingSpelledOut(path.back().text, ValueAt(object, path))) return true;
  static const auto& defaults =
      *new std::vector<std::pair<std::string, Json>>{{"automountServiceAccountToken", true},
                                                     {"enableServiceLinks", true},
                                                     {"shareProcessNamespace", false},
                                                     {"mountPropagation", "None"},
                                                     {"optional", false}};
  return std::any_of(defaults.begin(), defaults.end(), [&](const auto& one) {
    return path.back().text == one.first && ValueAt(object, path) == one.second;
  });
}

// What the server lets nobody take out of a claim once it has it (kubernetes 1.36,
// pkg/apis/core/validation, ValidatePersistentVolumeClaimUpdate), and what the controllers of
// volumes note: a claim that was written back from a backup has all of it in the tool's name.
bool IsOfVolumeControllers(const Json& object, const FieldPath& path) {
  if (Text(object, "kind") != "PersistentVolumeClaim" || path.size() < 2) return false;
  if (path[0].text == "spec") return path[1].text != "resources";
  return path.size() > 2 && path[1].text == "annotations" &&
         (absl::StartsWith(path[2].text, "pv.kubernetes.io/") ||
          absl::StartsWith(path[2].text, "volume.kubernetes.io/") ||
          absl::StartsWith(path[2].text, "volume.beta.kubernetes.io/"));
}

// What exists nowhere else, and no configuration names: it stays, as nobody's.
bool IsValueOfSecret(const Json& object, const FieldPath& path) {
  return Text(object, "kind") == "Secret" && !path.empty() && path.front().text == "data";
}

}  // namespace

std::optional<Json> MigratedManagedFields(const Json& object, absl::string_view manager,
                                          const std::vector<std::string>& from,
                                          const FieldSet* declared) {
  const Json& entries = Field(object, "metadata.managedFields");
  if (!entries.is_array()) return std::nullopt;
  Json result = Json::array();
  Json ours;
  FieldSet fields;
  std::size_t position = 0;
  bool moved = false;
  absl::Time latest = absl::InfinitePast();
  for (const Json& entry : entries) {
    const bool is_ours = IsApplyOf(entry, manager);
    const bool is_former =
        !is_ours && Text(entry, "subresource").empty() &&
        std::find(from.begin(), from.end(), Text(entry, "manager")) != from.end();
    absl::StatusOr<FieldSet> set = absl::NotFoundError("not needed");
    if (is_ours || is_former) set = FieldSet::Parse(Field(entry, "fieldsV1"));
    if (!set.ok()) {
      result.push_back(entry);
      continue;
    }
    fields = fields.Union(*set);
    moved = moved || is_former;
    if (is_ours) {
      ours = entry;
      position = result.size();
    } else if (ours.is_null() || (!IsApplyOf(ours, manager) && TimeOf(entry) > latest)) {
      // No entry of our own (yet): the latest of theirs gives version and time.
      if (ours.is_null()) position = result.size();
      ours = entry;
      latest = TimeOf(entry);
    }
  }
  if (!moved) return std::nullopt;
  if (declared != nullptr) {
    for (const FieldPath& path : fields.Minus(*declared).Paths()) {
      if (IsDefaultSpelledOut(object, path) || IsOfVolumeControllers(object, path) ||
          IsValueOfSecret(object, path))
        fields.Remove(path);
    }
  }
  ours["manager"] = std::string(manager);
  ours["operation"] = "Apply";
  ours["fieldsType"] = "FieldsV1";
  ours["fieldsV1"] = fields.ToJson();
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(position), std::move(ours));
  return result;
}

std::optional<Json> ReleasedManagedFields(const Json& object,
                                          const std::vector<std::string>& managers,
                                          const std::vector<FieldPath>* fields) {
  const Json& entries = Field(object, "metadata.managedFields");
  if (!entries.is_array()) return std::nullopt;
  Json result = Json::array();
  bool changed = false;
  for (const Json& entry : entries) {
    const bool is_ours =
        std::any_of(managers.begin(), managers.end(),
                    [&entry](const std::string& name) { return IsApplyOf(entry, name); });
    if (is_ours && fields == nullptr) {
      changed = true;
      continue;
    }
    absl::StatusOr<FieldSet> set = absl::NotFoundError("not ours");
    if (is_ours) set = FieldSet::Parse(Field(entry, "fieldsV1"));
    if (!set.ok()) {
      result.push_back(entry);
      continue;
    }
    FieldSet rest = *set;
    for (const FieldPath& path : *fields) rest.Remove(path);
    changed = changed || rest != *set;
    if (rest.empty()) continue;
    result.push_back(entry);
    if (rest != *set) result.back()["fieldsV1"] = rest.ToJson();
  }
  if (!changed) return std::nullopt;
  // The server takes an empty list for "not sent" and keeps what it has; one empty entry clears it
  // (Kubernetes documentation, "Server-Side Apply", clearing managedFields).
  if (result.empty()) result.push_back(Json::object());
  return result;
}

std::optional<Json> MigrationPatch(const Json& object, absl::string_view manager,
                                   const std::vector<std::string>& from, const FieldSet* declared) {
  return PatchTo(MigratedManagedFields(object, manager, from, declared), object);
}

std::optional<Json> ReleasePatch(const Json& object, const std::vector<std::string>& managers,
                                 const std::vector<FieldPath>* fields) {
  return PatchTo(ReleasedManagedFields(object, managers, fields), object);
}

Json ClaimPatch(const Json& object, absl::string_view manager, absl::string_view api_version,
                const FieldSet& fields) {
  return *PatchTo(Json::array({{{"manager", manager},
                                {"operation", "Apply"},
                                {"apiVersion", api_version},
                                {"fieldsType", "FieldsV1"},
                                {"fieldsV1", fields.ToJson()}}}),
                  object);
}

}  // namespace charon::kubernetes
