// Compare, Overlay, FieldsOf and SameMeaning: a configuration beside the live object;
// CheckQuantities.
#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/fingerprint.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/owner_cursor.h"
#include "provider/clients/kubernetes/ownership.h"
#include "provider/clients/kubernetes/quantity.h"

namespace charon::kubernetes {
namespace {

using internal::Cursor;
using internal::ListShape;
using internal::MeansNothing;
using internal::Owner;
using internal::Place;
using internal::Std;
using internal::TypeInfo;
using Kind = FieldStep::Kind;

constexpr char kSensitive[] = "(sensitive)";

std::string Compact(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Fields of metadata that are the server's, or name the object (apimachinery 0.36, stripMeta, and
// the times of deletion).
bool IsServerMetadata(absl::string_view name) {
  constexpr std::array<absl::string_view, 12> kNames = {
      "name",        "namespace",    "creationTimestamp", "deletionGracePeriodSeconds",
      "generation",  "selfLink",     "deletionTimestamp", "resourceVersion",
      "clusterName", "generateName", "managedFields",     "uid"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// True for what no comparison and no field set covers.
bool IsIgnored(const Place& holder, absl::string_view name, const Cursor& cursor) {
  if (holder.root()) {
    if (name == "apiVersion" || name == "kind") return true;
    if (name != "status") return false;
    // Most kinds take status only through the subresource and drop it from everything else.
    const Cursor status = cursor.Down(Kind::kField, "status");
    return std::all_of(status.at().begin(), status.at().end(),
                       [](const Cursor::At& at) { return !at.owner->subresource.empty(); });
  }
  return holder.Is({"metadata"}) && IsServerMetadata(name);
}

// What the API server fills into items of atomic values (Kubernetes 1.36,
// pkg/apis/*/*/defaults.go).
bool IsKnownDefault(absl::string_view name, const Json& value) {
  struct Default {
    absl::string_view name, value;
  };
  constexpr std::array<Default, 9> kDefaults = {{{"protocol", "TCP"},
                                                 {"apiVersion", "v1"},
                                                 {"kind", "PersistentVolumeClaim"},
                                                 {"divisor", "0"},
                                                 {"volumeMode", "Filesystem"},
                                                 {"apiGroup", "rbac.authorization.k8s.io"},
                                                 {"scope", "*"},
                                                 {"matchPolicy", "Equivalent"},
                                                 {"parameterNotFoundAction", "Allow"}}};
  // Structs that are written even if empty.
  if (MeansNothing(value)) return name == "resources" || name == "status";
  // Of a claim template.
  if (name == "status") return value == Json{{"phase", "Pending"}};
  if (!value.is_string()) return false;
  for (const Default& known : kDefaults) {
    if (known.name == name && value.get_ref<const std::string&>() == Std(known.value)) return true;
  }
  return false;
}

std::string SettledAs(const FieldPath& path, const std::string& live) {
  return Fingerprint(absl::StrCat(ToString(path), "=", live));
}

// What only live has inside an atomic value.
enum class Extras { kDiffer, kIgnored };

class Comparison {
 public:
  Comparison(const Json& declared, const Json& live, absl::string_view manager,
             const Settled& settled)
      : declared_(declared),
        live_(live),
        manager_(manager),
        settled_(settled),
        type_(declared),
        owners_(internal::OwnersOf(live)),
        is_secret_(type_.kind == "Secret" && type_.group.empty()) {
    for (const Owner& owner : owners_) has_applied_ = has_applied_ || owner.Applies(manager);
  }

  // Fills `overlay`, a copy of the declared object, if there is one.
  std::vector<Difference> Run(Json* overlay) {
    static const Json& nothing = *new Json(Json::object());
    if (declared_.is_object()) {
      Map(declared_, live_.is_object() ? live_ : nothing, Cursor(owners_), Place(), overlay);
    }
    return std::move(differences_);
  }

 private:
  // Compares what is declared at `place` with what is there (null: nothing). Returns false if
  // `overlay` has to be removed from its parent.
  bool Value(const Json& declared, const Json* live, const Cursor& cursor, const Place& place,
             Json* overlay) {
    const bool absent = live == nullptr || live->is_null();
    if (declared.is_null()) {
      if (absent || MeansNothing(*live) || !cursor.OwnedByOthers(manager_)) return true;
      return Report(declared, live, cursor, place, overlay);
    }
    if (absent) {
      if (MeansNothing(declared) && !IsTakenAway(declared, cursor)) return true;
      return Report(declared, nullptr, cursor, place, overlay);
    }
    if (declared.is_object() && live->is_object()) {
      if (internal::IsAtomicMap(cursor, place, type_)) {
        return Atomic(declared, *live, cursor, place, overlay);
      }
      return Map(declared, *live, cursor, place, overlay);
    }
    if (declared.is_array() && live->is_array())
      return List(declared, *live, cursor, place, overlay);
    if (SameScalar(place, declared, *live)) return true;
    if (MeansNothing(declared) && MeansNothing(*live)) return true;
    return Report(declared, live, cursor, place, overlay);
  }

  bool Map(const Json& declared, const Json& live, const Cursor& cursor, const Place& place,
           Json* overlay) {
    for (auto field = declared.begin(); field != declared.end(); ++field) {
      const std::string& name = field.key();
      if (place.depth() < 2 && IsIgnored(place, name, cursor)) continue;
      const Place below{.parent = &place, .kind = Kind::kField, .text = name};
      if (is_secret_ && place.root() && name == "stringData" && field->is_object()) {
        StringData(*field, below, overlay == nullptr ? nullptr : &(*overlay)[name]);
        continue;
      }
      const auto found = live.find(name);
      const bool kept =
          Value(*field, found == live.end() ? nullptr : &*found, cursor.Down(Kind::kField, name),
                below, overlay == nullptr ? nullptr : &(*overlay)[name]);
      if (!kept) overlay->erase(name);
    }
    return true;
  }

  // The server moves stringData into data, encoded; the former is never there to read. An apply is
  // recorded under stringData, later changes by others under data.
  void StringData(const Json& declared, const Place& place, Json* overlay) {
    const Json& data = Field(live_, "data");
    const Cursor cursor = Cursor(owners_).Down(Kind::kField, "data");
    const Cursor written = Cursor(owners_).Down(Kind::kField, "stringData");
    for (auto field = declared.begin(); field != declared.end(); ++field) {
      const std::string& name = field.key();
      const Place below{.parent = &place, .kind = Kind::kField, .text = name};
      const Cursor stored = cursor.Down(Kind::kField, name);
      const auto found = data.find(name);
      Json text;
      if (found != data.end() && found->is_string()) {
        std::string decoded;
        if (absl::Base64Unescape(found->get_ref<const std::string&>(), &decoded)) text = decoded;
      }
      const bool kept = Value(*field, text.is_null() ? nullptr : &text,
                              stored.at().empty() ? written.Down(Kind::kField, name) : stored,
                              below, overlay == nullptr ? nullptr : &(*overlay)[name]);
      if (!kept) overlay->erase(name);
    }
  }

  bool List(const Json& declared, const Json& live, const Cursor& cursor, const Place& place,
            Json* overlay) {
    const ListShape shape = internal::ShapeOf(cursor, place, type_);
    if (shape.kind == ListShape::Kind::kSet) return Set(declared, live, cursor, place, overlay);
    if (shape.kind == ListShape::Kind::kAtomic)
      return Atomic(declared, live, cursor, place, overlay);
    std::vector<std::string> texts;
    texts.reserve(declared.size());
    for (const Json& item : declared) {
      std::optional<std::string> text = internal::KeyText(item, shape.keys);
      // The server will refuse it; until then the list is as good as any other.
      if (!text) return Atomic(declared, live, cursor, place, overlay);
      texts.push_back(*std::move(text));
    }
    std::unordered_map<std::string, const Json*> items;
    items.reserve(live.size());
    for (const Json& item : live) {
      if (std::optional<std::string> text = internal::KeyText(item, shape.keys)) {
        items.emplace(*std::move(text), &item);
      }
    }
    for (std::size_t i = 0; i < declared.size(); ++i) {
      if (items.contains(texts[i])) continue;
      if (std::optional<std::string> text = WithDefaults(declared[i], shape, live, cursor, texts))
        texts[i] = *std::move(text);
    }
    std::vector<std::size_t> gone;
    for (std::size_t i = 0; i < declared.size(); ++i) {
      const Place below{.parent = &place, .kind = Kind::kKey, .text = texts[i]};
      const auto found = items.find(texts[i]);
      const bool kept = Value(declared[i], found == items.end() ? nullptr : found->second,
                              cursor.Down(Kind::kKey, texts[i]), below,
                              overlay == nullptr ? nullptr : &(*overlay)[i]);
      if (!kept) gone.push_back(i);
    }
    Remove(gone, overlay);
    return true;
  }

  // The key of the item in `live` that is `declared`, which leaves a part of its key to the default
  // of the type: it has the other parts, and is none of those that are `taken`. Among several it is
  // the one that is ours.
  std::optional<std::string> WithDefaults(const Json& declared, const ListShape& shape,
                                          const Json& live, const Cursor& cursor,
                                          const std::vector<std::string>& taken) const {
    std::vector<std::string> given;
    for (const std::string& key : shape.keys) {
      if (declared.contains(key) && !declared[key].is_null()) given.push_back(key);
    }
    if (given.size() == shape.keys.size()) return std::nullopt;
    const std::optional<std::string> wanted = internal::KeyText(declared, given);
    std::vector<std::string> all, ours;
    for (const Json& item : live) {
      std::optional<std::string> text = internal::KeyText(item, shape.keys);
      if (!text || internal::KeyText(item, given) != wanted ||
          std::find(taken.begin(), taken.end(), *text) != taken.end())
        continue;
      if (cursor.Down(Kind::kKey, *text).AppliedBy(manager_)) ours.push_back(*text);
      all.push_back(*std::move(text));
    }
    const std::vector<std::string>& found = all.size() == 1 ? all : ours;
    return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
  }

  bool Set(const Json& declared, const Json& live, const Cursor& cursor, const Place& place,
           Json* overlay) {
    std::vector<std::size_t> gone;
    for (std::size_t i = 0; i < declared.size(); ++i) {
      const std::string text = CanonicalStepText(declared[i]);
      const Place below{.parent = &place, .kind = Kind::kValue, .text = text};
      const bool there = std::any_of(live.begin(), live.end(), [&](const Json& value) {
        return SameScalar(below, declared[i], value);
      });
      if (there || declared[i].is_null()) continue;
      if (!Report(declared[i], nullptr, cursor.Down(Kind::kValue, text), below,
                  overlay == nullptr ? nullptr : &(*overlay)[i])) {
        gone.push_back(i);
      }
    }
    Remove(gone, overlay);
    return true;
  }

  static void Remove(const std::vector<std::size_t>& gone, Json* overlay) {
    for (auto index = gone.rbegin(); index != gone.rend(); ++index) overlay->erase(*index);
  }

  bool Atomic(const Json& declared, const Json& live, const Cursor& cursor, const Place& place,
              Json* overlay) {
    const bool ours = cursor.AppliedBy(manager_) || owners_.empty();
    const Extras extras = ours ? Extras::kIgnored : Extras::kDiffer;
    if (SameAtomic(declared, live, extras, place)) return true;
    return Report(declared, &live, cursor, place, overlay);
  }

  bool SameAtomic(const Json& declared, const Json& live, Extras extras, const Place& place) const {
    if (declared.is_null()) return extras == Extras::kIgnored || MeansNothing(live);
    if (declared.is_object() && live.is_object()) {
      for (auto field = declared.begin(); field != declared.end(); ++field) {
        const Place below{.parent = &place, .kind = Kind::kField, .text = field.key()};
        const auto found = live.find(field.key());
        if (found != live.end() ? !SameAtomic(*field, *found, extras, below)
                                : !IsNothing(*field, extras)) {
          return false;
        }
      }
      if (extras == Extras::kIgnored) return true;
      for (auto field = live.begin(); field != live.end(); ++field) {
        if (declared.contains(field.key()) || IsNothing(*field, extras)) continue;
        if (!IsKnownDefault(field.key(), *field)) return false;
      }
      return true;
    }
    if (declared.is_array() && live.is_array()) {
      if (declared.size() != live.size()) return false;
      for (std::size_t i = 0; i < declared.size(); ++i) {
        const Place below{.parent = &place, .kind = Kind::kIndex, .text = "0"};
        if (!SameAtomic(declared[i], live[i], extras, below)) return false;
      }
      return true;
    }
    return SameScalar(place, declared, live) || (MeansNothing(declared) && MeansNothing(live));
  }

  // Whether a field may be missing on the other side. An empty map often says something ("all
  // namespaces"), so it counts once the value is in other hands.
  static bool IsNothing(const Json& value, Extras extras) {
    return extras == Extras::kIgnored ? MeansNothing(value)
                                      : MeansNothing(value) && !value.is_object();
  }

  bool SameScalar(const Place& place, const Json& a, const Json& b) const {
    if (internal::SameScalar(place, a, b)) return true;
    if (!is_secret_ || place.root() || !place.parent->Is({"data"})) return false;
    std::string left, right;
    return a.is_string() && b.is_string() &&
           absl::Base64Unescape(a.get_ref<const std::string&>(), &left) &&
           absl::Base64Unescape(b.get_ref<const std::string&>(), &right) && left == right;
  }

  // An empty map that was applied keeps its entry in managedFields, whether the server stores it
  // (emptyDir) or not (labels). If it is absent and we, who own other fields, do not own it,
  // somebody has replaced it.
  bool IsTakenAway(const Json& declared, const Cursor& cursor) const {
    return has_applied_ && declared.is_object() && declared.empty() && !cursor.AppliedBy(manager_);
  }

  bool Report(const Json& declared, const Json* live, const Cursor& cursor, const Place& place,
              Json* overlay) {
    if (!settled_.empty() &&
        settled_.contains(SettledAs(place.ToPath(), live == nullptr ? "" : Compact(*live)))) {
      return true;
    }
    if (overlay != nullptr) {
      if (live == nullptr) return false;
      *overlay = *live;
      return true;
    }
    Difference difference;
    difference.path = place.ToPath();
    const bool sensitive =
        is_secret_ && !difference.path.empty() &&
        (difference.path[0].text == "data" || difference.path[0].text == "stringData");
    difference.declared = sensitive ? kSensitive : Compact(declared);
    if (live != nullptr) difference.live = sensitive ? kSensitive : Compact(*live);
    if (const Owner* owner = cursor.Latest()) {
      difference.manager = std::string(owner->manager);
      difference.operation = std::string(owner->operation);
      difference.subresource = std::string(owner->subresource);
      absl::Time time;
      if (absl::ParseTime(absl::RFC3339_full, owner->time, &time, nullptr)) difference.time = time;
    }
    differences_.push_back(std::move(difference));
    return true;
  }

  const Json& declared_;
  const Json& live_;
  const absl::string_view manager_;
  const Settled& settled_;
  const TypeInfo type_;
  const std::vector<Owner> owners_;
  const bool is_secret_;
  bool has_applied_ = false;
  std::vector<Difference> differences_;
};

class Collector {
 public:
  Collector(const Json& declared, const Json& live)
      : type_(declared), owners_(internal::OwnersOf(live)) {}

  FieldSet Collect(const Json& declared) {
    FieldSet set;
    Fields(declared, Cursor(owners_), Place(), set);
    return set;
  }

 private:
  // structured-merge-diff v6, typed/tofieldset.go: leaves and atomic values are members, so are
  // nulls, empty maps and every item of a list; an empty list with keys is not.
  void Value(const Json& declared, const Cursor& cursor, const Place& place, FieldSet& set) {
    if (declared.is_object() && !declared.empty()) {
      if (!internal::IsAtomicMap(cursor, place, type_)) {
        Fields(declared, cursor, place, set);
        return;
      }
    } else if (declared.is_array()) {
      const ListShape shape = internal::ShapeOf(cursor, place, type_);
      if (shape.kind != ListShape::Kind::kAtomic) {
        Items(declared, shape, cursor, place, set);
        return;
      }
    }
    set.Include();
  }

  void Fields(const Json& declared, const Cursor& cursor, const Place& place, FieldSet& set) {
    if (!declared.is_object()) return;
    for (auto field = declared.begin(); field != declared.end(); ++field) {
      if (place.depth() < 2 && IsIgnored(place, field.key(), cursor)) continue;
      const Place below{.parent = &place, .kind = Kind::kField, .text = field.key()};
      const FieldStep step{.kind = Kind::kField, .text = field.key()};
      FieldSet& child = set.Below(step);
      Value(*field, cursor.Down(Kind::kField, field.key()), below, child);
      if (child.empty()) set.Drop(step);
    }
  }

  void Items(const Json& declared, const ListShape& shape, const Cursor& cursor, const Place& place,
             FieldSet& set) {
    for (const Json& item : declared) {
      FieldStep step;
      if (shape.kind == ListShape::Kind::kSet) {
        step = {.kind = Kind::kValue, .text = CanonicalStepText(item)};
      } else {
        std::optional<std::string> text = internal::KeyText(item, shape.keys);
        if (!text) continue;
        step = {.kind = Kind::kKey, .text = *std::move(text)};
      }
      FieldSet& child = set.Below(step);
      child.Include();
      if (!item.is_object()) continue;
      const Place below{.parent = &place, .kind = step.kind, .text = step.text};
      const Cursor there = cursor.Down(step.kind, step.text);
      if (!internal::IsAtomicMap(there, below, type_)) Fields(item, there, below, child);
    }
  }

  const TypeInfo type_;
  const std::vector<Owner> owners_;
};

absl::Status CheckQuantitiesIn(const Json& value, const Place& place) {
  if (value.is_object()) {
    for (auto field = value.begin(); field != value.end(); ++field) {
      const Place below{.parent = &place, .kind = Kind::kField, .text = field.key()};
      CHARON_RETURN_IF_ERROR(CheckQuantitiesIn(*field, below));
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string index = absl::StrCat(i);
      const Place below{.parent = &place, .kind = Kind::kIndex, .text = index};
      CHARON_RETURN_IF_ERROR(CheckQuantitiesIn(value[i], below));
    }
  } else if ((value.is_string() || value.is_boolean()) && internal::IsQuantityPlace(place)) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
    if (!quantity.ok()) return Annotate(quantity.status(), ToString(place.ToPath()));
  }
  return absl::OkStatus();
}

bool SameValue(const Place& place, const Json& a, const Json& b) {
  static const Json& nothing = *new Json();
  if (a.is_object() && b.is_object()) {
    const auto covered = [&](const Json& left, const Json& right) {
      for (auto field = left.begin(); field != left.end(); ++field) {
        const Place below{.parent = &place, .kind = Kind::kField, .text = field.key()};
        const auto found = right.find(field.key());
        if (!SameValue(below, *field, found == right.end() ? nothing : *found)) return false;
      }
      return true;
    };
    return covered(a, b) && covered(b, a);
  }
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    const Place below{.parent = &place, .kind = Kind::kIndex, .text = "0"};
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!SameValue(below, a[i], b[i])) return false;
    }
    return true;
  }
  return internal::SameScalar(place, a, b) || (MeansNothing(a) && MeansNothing(b));
}

}  // namespace

std::vector<Difference> Compare(const Json& declared, const Json& live, absl::string_view manager,
                                const Settled& settled) {
  return Comparison(declared, live, manager, settled).Run(nullptr);
}

Json Overlay(const Json& declared, const Json& live, absl::string_view manager,
             const Settled& settled) {
  Json overlay = declared;
  Comparison(declared, live, manager, settled).Run(&overlay);
  return overlay;
}

Settled SettledAs(const std::vector<Difference>& differences) {
  Settled settled;
  for (const Difference& difference : differences)
    settled.insert(SettledAs(difference.path, difference.live));
  return settled;
}

FieldSet FieldsOf(const Json& declared, const Json& live) {
  return Collector(declared, live).Collect(declared);
}

absl::Status CheckQuantities(const Json& object) {
  // A CRD describes fields of others: its "default" is no amount.
  if (!TypeInfo(object).built_in || Text(object, "kind") == "CustomResourceDefinition")
    return absl::OkStatus();
  return CheckQuantitiesIn(object, Place());
}

bool SameMeaning(const FieldPath& path, const Json& a, const Json& b) {
  std::vector<Place> places(path.size() + 1);
  for (std::size_t i = 0; i < path.size(); ++i) {
    places[i + 1] = {.parent = &places[i], .kind = path[i].kind, .text = path[i].text};
  }
  return SameValue(places.back(), a, b);
}

}  // namespace charon::kubernetes
