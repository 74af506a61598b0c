#include "provider/clients/kubernetes/owner_cursor.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/clients/kubernetes/quantity.h"

namespace charon::kubernetes::internal {
namespace {

using Kind = FieldStep::Kind;

constexpr std::array<char, 4> kPrefix = {'f', 'k', 'v', 'i'};

template <std::size_t n>
bool IsOneOf(const std::array<absl::string_view, n>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What follows is the merge behaviour of the built-in kinds, from the schema of the API server
// (Kubernetes 1.36, x-kubernetes-list-type, x-kubernetes-list-map-keys, x-kubernetes-map-type), as
// far as objects that people write have it.

struct KeyedList {
  absl::string_view name;
  std::initializer_list<const char*> keys;
};
const KeyedList kKeyedLists[] = {
    {"claims", {"name"}},
    {"containers", {"name"}},
    {"drivers", {"name"}},
    {"env", {"name"}},
    {"ephemeralContainers", {"name"}},
    {"hostAliases", {"ip"}},
    {"initContainers", {"name"}},
    {"matchConditions", {"name"}},
    {"podGroupTemplates", {"name"}},
    {"resourceClaims", {"name"}},
    {"schedulingGates", {"name"}},
    {"secrets", {"name"}},
    {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
    {"volumeDevices", {"devicePath"}},
    {"volumeMounts", {"mountPath"}},
    {"volumes", {"name"}},
    {"webhooks", {"name"}},
};
constexpr std::array<absl::string_view, 3> kContainerLists = {"containers", "initContainers",
                                                              "ephemeralContainers"};
constexpr std::array<absl::string_view, 2> kSets = {"validationActions", "volumeLifecycleModes"};
// In flowcontrol only; the same names in RBAC rules are atomic.
constexpr std::array<absl::string_view, 5> kFlowControlSets = {
    "apiGroups", "namespaces", "nonResourceURLs", "resources", "verbs"};
constexpr std::array<absl::string_view, 28> kAtomicMaps = {"claimRef",
                                                           "configMapKeyRef",
                                                           "controllerExpandSecretRef",
                                                           "controllerPublishSecretRef",
                                                           "dataSource",
                                                           "fieldRef",
                                                           "fileKeyRef",
                                                           "involvedObject",
                                                           "labelSelector",
                                                           "matchConstraints",
                                                           "matchResources",
                                                           "namespaceSelector",
                                                           "nodeExpandSecretRef",
                                                           "nodePublishSecretRef",
                                                           "nodeSelector",
                                                           "nodeStageSecretRef",
                                                           "nodeTopology",
                                                           "objectSelector",
                                                           "paramKind",
                                                           "paramRef",
                                                           "podSelector",
                                                           "preference",
                                                           "required",
                                                           "resourceFieldRef",
                                                           "roleRef",
                                                           "scopeSelector",
                                                           "secretKeyRef",
                                                           "selector"};

// Maps from names to quantities, and single fields that hold one.
constexpr std::array<absl::string_view, 14> kQuantityMaps = {
    "limits",  "requests",       "hard", "used", "capacity", "allocatable", "allocatedResources",
    "default", "defaultRequest", "max",  "min",  "overhead", "podFixed",    "maxLimitRequestRatio"};
constexpr std::array<absl::string_view, 5> kQuantities = {"sizeLimit", "divisor", "averageValue",
                                                          "capacity", "maximumVolumeSize"};
// Maps of people's own words.
constexpr std::array<absl::string_view, 8> kTextMaps = {"labels",     "annotations", "data",
                                                        "stringData", "matchLabels", "nodeSelector",
                                                        "selector",   "parameters"};
constexpr std::array<absl::string_view, 5> kIntOrString = {"port", "targetPort", "maxUnavailable",
                                                           "maxSurge", "minAvailable"};

ListShape BuiltInShape(const Place& place, const TypeInfo& type) {
  const absl::string_view name = place.FieldName();
  const Place* holder = place.Holder();
  const absl::string_view above = holder == nullptr ? "" : holder->FieldName();
  const auto keyed = [](std::initializer_list<const char*> keys) {
    return ListShape{.kind = ListShape::Kind::kKeyed,
                     .keys = std::vector<std::string>(keys.begin(), keys.end())};
  };
  const ListShape set{.kind = ListShape::Kind::kSet, .keys = {}};
  if (place.Is({"metadata", "ownerReferences"})) return keyed({"uid"});
  if (place.Is({"metadata", "finalizers"})) return set;
  if (!type.built_in) return {};
  if (name == "ports") {
    if (type.kind == "Service" && type.group.empty()) return keyed({"port", "protocol"});
    if (IsOneOf(kContainerLists, above)) return keyed({"containerPort", "protocol"});
    return {};
  }
  if (name == "imagePullSecrets" && above == "spec") return keyed({"name"});
  if (name == "conditions" && above == "status" && type.kind != "Job") return keyed({"type"});
  if (name == "variables" && type.kind == "ValidatingAdmissionPolicy") return keyed({"name"});
  if (IsOneOf(kSets, name)) return set;
  if (absl::StartsWith(type.group, "flowcontrol.") && IsOneOf(kFlowControlSets, name)) return set;
  for (const KeyedList& list : kKeyedLists) {
    if (list.name == name) return keyed(list.keys);
  }
  return {};
}

// The scalar's text where a number may be written as a string; "" for others.
std::string NumberText(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  return value.is_number() ? value.dump() : "";
}

bool SameQuantity(const Json& a, const Json& b) {
  const absl::StatusOr<Quantity> left = Quantity::Parse(NumberText(a));
  if (!left.ok()) return false;
  const absl::StatusOr<Quantity> right = Quantity::Parse(NumberText(b));
  return right.ok() && *left == *right;
}

bool IsPlainAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  });
}

void AppendScalar(const Json& value, std::string& text) {
  if (value.is_string() && IsPlainAscii(value.get_ref<const std::string&>())) {
    absl::StrAppend(&text, "\"", value.get_ref<const std::string&>(), "\"");
  } else {
    absl::StrAppend(&text, CanonicalStepText(value));
  }
}

}  // namespace

int Place::depth() const {
  int depth = 0;
  for (const Place* at = this; !at->root(); at = at->parent) ++depth;
  return depth;
}

absl::string_view Place::FieldName() const {
  for (const Place* at = this; !at->root(); at = at->parent) {
    if (at->kind == Kind::kField) return at->text;
  }
  return "";
}

const Place* Place::Holder() const {
  for (const Place* at = this; !at->root(); at = at->parent) {
    if (at->kind == Kind::kField) return at->parent;
  }
  return nullptr;
}

bool Place::Is(std::initializer_list<absl::string_view> names) const {
  const Place* at = this;
  for (auto name = std::rbegin(names); name != std::rend(names); ++name) {
    if (at->root() || at->kind != Kind::kField || at->text != *name) return false;
    at = at->parent;
  }
  return at->root();
}

FieldPath Place::ToPath() const {
  FieldPath path;
  for (const Place* at = this; !at->root(); at = at->parent) {
    path.push_back({.kind = at->kind, .text = std::string(at->text)});
  }
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<Owner> OwnersOf(const Json& object) {
  std::vector<Owner> owners;
  const Json& entries = Field(object, "metadata.managedFields");
  if (!entries.is_array()) return owners;
  owners.reserve(entries.size());
  for (const Json& entry : entries) {
    const Json& fields = Field(entry, "fieldsV1");
    if (!fields.is_object() || fields.empty()) continue;
    const auto text = [&entry](const char* name) -> absl::string_view {
      const Json& value = Field(entry, name);
      if (!value.is_string()) return "";
      return value.get_ref<const std::string&>();
    };
    owners.push_back({.manager = text("manager"),
                      .operation = text("operation"),
                      .subresource = text("subresource"),
                      .time = text("time"),
                      .fields = &fields});
  }
  return owners;
}

Cursor::Cursor(const std::vector<Owner>& owners) {
  for (const Owner& owner : owners) {
    at_.push_back({.owner = &owner, .fields = owner.fields, .above = false});
  }
}

Cursor Cursor::Down(FieldStep::Kind kind, absl::string_view text) const {
  Cursor below;
  if (at_.empty()) return below;
  std::string key;
  key.reserve(text.size() + 2);
  key.push_back(kPrefix[static_cast<std::size_t>(kind)]);
  key.push_back(':');
  key.append(text.data(), text.size());
  // The server may write what JSON allows to write in several ways (<, é) as \u escapes.
  const bool ambiguous = kind != Kind::kField && kind != Kind::kIndex && !IsPlainAscii(text) &&
                         text.find_first_not_of("{}[]:,\"") != absl::string_view::npos;
  for (const At& at : at_) {
    if (at.above || at.fields->empty() || (at.fields->size() == 1 && at.fields->contains("."))) {
      below.at_.push_back({.owner = at.owner, .fields = at.fields, .above = true});
      continue;
    }
    auto found = at.fields->find(key);
    if (found == at.fields->end() && ambiguous) {
      for (auto entry = at.fields->begin(); entry != at.fields->end(); ++entry) {
        const std::string& name = entry.key();
        if (name.find('\\') == std::string::npos || !absl::StartsWith(name, key.substr(0, 2)))
          continue;
        const Json value = Json::parse(name.begin() + 2, name.end(), nullptr, false);
        if (value.is_structured() && !value.is_object()) continue;
        if (CanonicalStepText(value) == Std(text)) found = entry;
      }
    }
    if (found == at.fields->end() || !found->is_object()) continue;
    below.at_.push_back({.owner = at.owner, .fields = &*found, .above = false});
  }
  return below;
}

bool Cursor::IsLeaf() const {
  return !HasChildren() &&
         std::any_of(at_.begin(), at_.end(), [](const At& at) { return !at.above; });
}

bool Cursor::HasChildren() const {
  return std::any_of(at_.begin(), at_.end(), [](const At& at) {
    return !at.above && at.fields->size() > (at.fields->contains(".") ? 1U : 0U);
  });
}

bool Cursor::AppliedBy(absl::string_view manager) const {
  return std::any_of(at_.begin(), at_.end(),
                     [manager](const At& at) { return at.owner->Applies(manager); });
}

bool Cursor::OwnedByOthers(absl::string_view manager) const {
  return std::any_of(at_.begin(), at_.end(),
                     [manager](const At& at) { return !at.above && !at.owner->Applies(manager); });
}

const Owner* Cursor::Latest() const {
  const Owner* latest = nullptr;
  bool latest_above = true;
  for (const At& at : at_) {
    // RFC 3339 in UTC with whole seconds (metav1.Time), so the order of texts is that of times.
    const bool better = latest == nullptr || (latest_above && !at.above) ||
                        (latest_above == at.above && at.owner->time > latest->time);
    if (!better) continue;
    latest = at.owner;
    latest_above = at.above;
  }
  return latest;
}

TypeInfo::TypeInfo(const Json& object) {
  const ObjectKind named{.api_version = Text(object, "apiVersion"), .kind = Text(object, "kind")};
  group = named.group();
  kind = named.kind;
  built_in = IsBuiltInGroup(group);
}

ListShape ShapeOf(const Cursor& cursor, const Place& place, const TypeInfo& type) {
  bool atomic = false;
  for (const Cursor::At& at : cursor.at()) {
    if (at.above) {
      atomic = true;
      continue;
    }
    bool leaf = true;
    for (auto entry = at.fields->begin(); entry != at.fields->end(); ++entry) {
      const std::string& name = entry.key();
      if (name == ".") continue;
      leaf = false;
      if (absl::StartsWith(name, "v:")) return {.kind = ListShape::Kind::kSet, .keys = {}};
      if (!absl::StartsWith(name, "k:")) continue;
      const Json keys = Json::parse(name.begin() + 2, name.end(), nullptr, false);
      if (!keys.is_object() || keys.empty()) continue;
      ListShape shape{.kind = ListShape::Kind::kKeyed, .keys = {}};
      for (auto key = keys.begin(); key != keys.end(); ++key) shape.keys.push_back(key.key());
      return shape;
    }
    atomic = atomic || leaf;
  }
  return atomic ? ListShape() : BuiltInShape(place, type);
}

bool IsAtomicMap(const Cursor& cursor, const Place& place, const TypeInfo& type) {
  if (place.root()) return false;
  if (cursor.HasChildren()) return false;
  for (const Cursor::At& at : cursor.at()) {
    if (at.above) return true;
  }
  if (cursor.IsLeaf()) return true;
  if (!type.built_in || place.kind != Kind::kField) return false;
  if (place.text == "requiredDuringSchedulingIgnoredDuringExecution") {
    return place.Holder()->FieldName() == "nodeAffinity";
  }
  return IsOneOf(kAtomicMaps, place.text);
}

std::optional<std::string> KeyText(const Json& item, const std::vector<std::string>& keys) {
  if (!item.is_object()) return std::nullopt;
  std::string text = "{";
  bool any = false;
  for (const std::string& key : keys) {
    const auto found = item.find(key);
    const bool missing = found == item.end() || found->is_null();
    if (missing && key != "protocol") continue;
    if (!missing && found->is_structured()) return std::nullopt;
    absl::StrAppend(&text, text.size() == 1 ? "" : ",", "\"", key, "\":");
    if (missing) {
      absl::StrAppend(&text, "\"TCP\"");
    } else {
      AppendScalar(*found, text);
      any = true;
    }
  }
  if (!any) return std::nullopt;
  text.push_back('}');
  return text;
}

bool MeansNothing(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_array()) return value.empty();
  return value.is_object() && std::all_of(value.begin(), value.end(), MeansNothing);
}

bool IsQuantityPlace(const Place& place) {
  if (place.kind != Kind::kField || place.root()) return false;
  const Place& parent = *place.parent;
  if (!parent.root() && parent.kind == Kind::kField) {
    if (IsOneOf(kQuantityMaps, parent.text)) return true;
    if (IsOneOf(kTextMaps, parent.text)) return false;
    if (place.text == "value" && parent.text == "target") return true;
  }
  return IsOneOf(kQuantities, place.text);
}

bool SameScalar(const Place& place, const Json& a, const Json& b) {
  if (a == b) return true;
  if (a.is_structured() || b.is_structured()) return false;
  if (IsQuantityPlace(place)) return SameQuantity(a, b);
  if (!place.root() && place.kind == Kind::kField && IsOneOf(kIntOrString, place.text)) {
    const std::string text = NumberText(a);
    return !text.empty() && text == NumberText(b);
  }
  if (!place.root() && place.parent->Is({"binaryData"}) && a.is_string() && b.is_string()) {
    std::string left, right;
    return absl::Base64Unescape(a.get_ref<const std::string&>(), &left) &&
           absl::Base64Unescape(b.get_ref<const std::string&>(), &right) && left == right;
  }
  return false;
}

}  // namespace charon::kubernetes::internal
